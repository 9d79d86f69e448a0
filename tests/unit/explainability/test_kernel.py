"""Attributions: values by hand, and the laws of Shapley values for any model."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rotation import every_combination

from spark_model_monitor.errors import BadInput
from spark_model_monitor.monitors.explainability import kernel as kernels
from spark_model_monitor.monitors.explainability.kernel import Kernel
from spark_model_monitor.statistics.states import decode
from spark_model_monitor.statistics.states.attributions import Attributions, AttributionsBuilder

SEEDS = st.integers(0, 2**32 - 1)


def make_model(seed, features):
    """Some function that is neither additive nor smooth; one row's answer is the same in any company."""
    random = np.random.default_rng(seed)
    weights = random.normal(size=features)
    pairs = random.normal(size=(features, features))

    def predict(cells):
        numbers = np.nan_to_num(cells.astype(np.float64), nan=-3.0)
        additive = (numbers * weights).sum(axis=1)
        crossed = np.stack([(numbers * pair).sum(axis=1) for pair in pairs], axis=1)
        return np.stack([additive, np.tanh(crossed).prod(axis=1) + np.abs(additive)], axis=1)

    return predict


@given(SEEDS, st.integers(1, 8), st.integers(1, 3), st.integers(2, 40))
@settings(max_examples=40, deadline=None)
def test_values_add_up_and_what_does_not_differ_has_exactly_none(seed, features, rows, samples):
    random = np.random.default_rng(seed)
    baseline = random.integers(0, 2, (rows, features)).astype(float)
    data = random.integers(0, 3, (20, features)).astype(float)
    data[random.random(data.shape) < 0.1] = np.nan
    predict = make_model(seed, features)
    kernel = Kernel(predict, baseline, samples, seed=1)

    values = kernel.explain(data).values

    np.testing.assert_allclose(values.sum(axis=2), predict(data) - predict(baseline).mean(axis=0), atol=1e-9)
    is_equal = (data[:, None, :] == baseline[None]).all(axis=1)
    assert (values[np.broadcast_to(is_equal[:, None, :], values.shape)] == 0).all()


@given(SEEDS)
@settings(max_examples=15, deadline=None)
def test_the_order_of_columns_does_not_matter_where_all_coalitions_are_tried(seed):
    random = np.random.default_rng(seed)
    data = random.normal(size=(9, 5))
    baseline = random.normal(size=(2, 5))
    order = random.permutation(5)
    predict = make_model(seed, 5)

    plain = Kernel(predict, baseline, 30).explain(data)
    turned = Kernel(lambda cells: predict(cells[:, np.argsort(order)]), baseline[:, order], 30).explain(data[:, order])

    np.testing.assert_allclose(turned.values, plain.values[:, :, order], atol=1e-9)
    assert plain.exact == 9


@pytest.mark.long
@every_combination(samples=[20, 62, 200], room=[50, 333, 100_000])
def test_a_rows_values_have_the_same_bytes_in_any_company_and_any_buffer(monkeypatch, samples, room):
    random = np.random.default_rng(5)
    data = random.integers(0, 3, (101, 9)).astype(float)
    baseline = random.integers(0, 3, (2, 9)).astype(float)
    predict = make_model(3, 9)
    monkeypatch.setattr(kernels, "BUFFER_ROWS", room)

    all_values = Kernel(predict, baseline, samples).explain(data).values
    for pieces in (1, 2, 7, 101):
        parts = [Kernel(predict, baseline, samples).explain(part).values for part in np.array_split(data, pieces)]
        assert np.concatenate(parts).tobytes() == all_values.tobytes()


def test_the_model_is_called_for_full_buffers_and_never_for_more(monkeypatch):
    calls = []

    def predict(cells):
        calls.append(len(cells))
        return cells.sum(axis=1, keepdims=True)

    monkeypatch.setattr(kernels, "BUFFER_ROWS", 1000)
    data = np.random.default_rng(0).normal(size=(200, 6))

    Kernel(predict, np.zeros((1, 6)), 62).explain(data)

    assert calls[:2] == [200, 1]  # what rows and baseline get
    assert sum(calls[2:]) == 200 * 62
    assert max(calls[2:]) <= 1000
    assert min(calls[2:-1]) >= 1000 - 62


def test_a_linear_model_by_hand():
    kernel = Kernel(
        lambda cells: cells @ np.array([[2.0], [-1.0], [0.5]]), np.array([[1.0, 1.0, 1.0], [3.0, 1.0, 0.0]]), 6
    )

    # w * (x - mean of the baseline rows): 2 * (4 - 2), -1 * (1 - 1), 0.5 * (2 - 0.5)
    assert kernel.explain(np.array([[4.0, 1.0, 2.0]])).values[0, 0] == pytest.approx([4.0, 0.0, 0.75])
    assert kernel.expected == pytest.approx([2 * 2 - 1 + 0.25])


@pytest.mark.parametrize("is_additive", [True, False])
def test_values_of_huge_numbers_have_finite_sums_of_squares(is_additive):
    weights = np.array([[2.0], [-1.0], [0.5]])

    def attribute(rows):
        return rows[:, None] * weights.T

    compute_exact_values = None
    if is_additive:
        compute_exact_values = attribute
    kernel = Kernel(lambda cells: cells @ weights, np.zeros((2, 3)), 6, compute_exact_values=compute_exact_values)
    rows = np.array([[5e307, 0, 0], [4e307, 8e307, 1], [0, -1.5e308, 0]])
    nothing = Attributions(("a", "b", "c"), ("label0",), expected=kernel.expected)
    builder = AttributionsBuilder(nothing)

    explained = kernel.explain(rows)
    keys = np.arange(3, dtype=np.uint64)
    builder.update(explained.values, keys, 3)
    state = builder.state()

    restored_state = decode(state.to_bytes())
    assert restored_state.count == 3


def test_texts_and_missing_cells_play_as_values():
    def predict(cells):
        return np.array([[(10.0 if row[0] == "red" else 0.0) + (1.0 if row[1] is None else 0.0)] for row in cells])

    rows = np.array([["red", None], ["blue", 2.0], ["blue", None]], dtype=object)
    kernel = Kernel(predict, np.array([["blue", 2.0]], dtype=object), 2)

    assert kernel.explain(rows).values[:, 0].tolist() == [[10.0, 1.0], [0.0, 0.0], [0.0, 1.0]]


def test_log_odds_of_a_logistic_model_with_one_baseline_row_are_linear():
    weights = np.array([0.3, -2.0, 1.0])
    kernel = Kernel(
        lambda cells: 1 / (1 + np.exp(-(cells @ weights)[:, None])), np.array([[0.0, 1.0, 0.5]]), 6, with_logit=True
    )

    values = kernel.explain(np.array([[1.0, 2.0, 3.0]])).values[0, 0]

    assert values == pytest.approx(weights * np.array([1.0, 1.0, 2.5]), abs=1e-12)


def test_log_odds_of_two_baseline_rows_are_those_of_the_mean_probability():
    def predict(cells):
        return 1 / (1 + np.exp(-cells[:, :1]))

    kernel = Kernel(predict, np.array([[0.0], [4.0]]), 0, with_logit=True)
    mean = (0.5 + 1 / (1 + np.exp(-4.0))) / 2

    assert kernel.expected == pytest.approx([np.log(mean / (1 - mean))])
    assert kernel.explain(np.array([[1.0]])).values[0, 0] == pytest.approx([1.0 - np.log(mean / (1 - mean))])


def test_log_odds_of_what_is_no_probability_are_refused():
    kernel = Kernel(lambda cells: cells[:, :1], np.array([[0.5, 0.0]]), 2, with_logit=True)

    with pytest.raises(BadInput, match="outside of 0 to 1"):
        kernel.explain(np.array([[1.5, 1.0]]))


@pytest.mark.parametrize("rows", [0, 1])
def test_no_row_one_feature_and_rows_like_the_baseline_work(rows):
    kernel = Kernel(lambda cells: cells[:, :1], np.array([[2.0]]), 0)

    assert kernel.explain(np.full((rows, 1), 5.0)).values.tolist() == [[[3.0]]][:rows]
    assert kernel.explain(np.full((rows, 1), 2.0)).values.tolist() == [[[0.0]]][:rows]
