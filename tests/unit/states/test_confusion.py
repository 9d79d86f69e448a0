"""Confusion counts by hand, and what becomes of texts that are no classes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from spark_model_monitor.statistics.states.scores import ConfusionCounts


def texts(*values: str) -> pa.Array:
    return pa.array(values, pa.string())


def test_every_pair_of_label_and_prediction_is_counted():
    counts = ConfusionCounts.of(texts("a", "a", "b", "a"), texts("a", "b", "b", "a"))

    assert counts.counts == {("a", "a"): 2, ("a", "b"): 1, ("b", "b"): 1}
    assert counts.total == 4
    assert (counts.labels, counts.predictions) == ({"a", "b"}, {"a", "b"})


def test_more_texts_than_the_limit_are_only_numbered():
    numbers = texts(*map(str, range(6)))

    assert ConfusionCounts.of(numbers, numbers, limit=6).overflowed is False
    assert ConfusionCounts.of(numbers, numbers, limit=5) == ConfusionCounts({}, 6, 5, overflowed=True)


def test_parts_overflow_together_as_the_whole_would():
    labels, predictions = (pa.array(np.arange(10).astype(str)) for _ in range(2))
    left, right = (ConfusionCounts.of(labels[part], predictions[part], 8) for part in (slice(0, 5), slice(5, 10)))

    assert not left.overflowed
    assert left + right == ConfusionCounts.of(labels, predictions, 8) == ConfusionCounts({}, 10, 8, overflowed=True)
    assert ConfusionCounts.from_bytes((left + right).to_bytes()) == left + right
