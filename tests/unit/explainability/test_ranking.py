"""nDCG of attributions: the guide's example, scikit-learn's answers, and the edges."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from spark_model_monitor.monitors.explainability.attribution_results import ndcg

VALUES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=2, max_size=12)


def named(values):
    return {f"f{number}": float(value) for number, value in enumerate(values)}


def test_the_guides_example():
    baseline = named([0.70, 0.50, 0.05])
    live = named([0.10, 0.20, 0.70])

    assert ndcg(baseline, live) == pytest.approx(0.6876396)  # by the guide's formula; it prints 0.69


@given(VALUES)
def test_it_is_scikit_learns_with_ties_shared(pairs):
    baseline, live = (np.array(values, float) for values in zip(*pairs, strict=True))
    assume(baseline.any())

    assert ndcg(named(baseline), named(live)) == pytest.approx(ndcg_score([baseline], [live]), abs=1e-12)


@pytest.mark.parametrize(
    ("baseline", "live", "expected"),
    [
        ([0.0, 0.0], [1.0, 2.0], 1.0),  # nothing to lose
        ([-3.0, 1.0], [-2.0, 0.5], 1.0),  # amounts count
        ([3.0, 1.0, 2.0], [9.0, 3.0, 6.0], 1.0),  # no scale
    ],
)
def test_edges(baseline, live, expected):
    assert ndcg(named(baseline), named(live)) == pytest.approx(expected)


def test_a_feature_that_one_side_lacks_is_ranked_last():
    # b, which is gone, comes behind a with 0: (1/log2(2) + 3/log2(3)) / (3/log2(2) + 1/log2(3))
    expected = (1 + 3 / np.log2(3)) / (3 + 1 / np.log2(3))

    assert ndcg({"a": 1.0, "b": 3.0}, {"a": 0.0}) == pytest.approx(expected)
    assert ndcg({"a": 1.0}, {"a": 1.0, "new": 0.0}) == pytest.approx(1.0)
