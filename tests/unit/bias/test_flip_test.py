"""Rows whose neighbours of the other groups are classified differently, by hand."""

from types import SimpleNamespace

import pyarrow as pa
import pytest

from spark_model_monitor.monitors.bias import flip_test
from spark_model_monitor.monitors.bias.flip_test import FlipGroup, FlipRows


def make_batch(features, positive, sensitive, draw, texts):
    rows = len(features)
    columns = [[0] * rows, [[feature] for feature in features], positive, [[flag] for flag in sensitive], draw, texts]
    fields = zip(columns, flip_test.SCHEMA.types, strict=True)
    arrays = [pa.array(values, data_type) for values, data_type in fields]
    return pa.RecordBatch.from_arrays(arrays, schema=flip_test.SCHEMA)


def test_neighbours_are_drawn_from_the_rest_and_the_first_unusable_row_is_shown():
    group = FlipGroup((0,), neighbours=0.5, tested=1.0)
    features = [0.0, 1.0, 2.0, 3.0, 4.0, float("nan"), float("nan")]
    sensitive = [False, False, True, True, True, True, True]
    batch = make_batch(features, [True] * 7, sensitive, [0.4, 0.5, 0.4, 0.9, 0.9, 0.9, 0.9], [0, 0, 0, 1, 1, 0, 0])

    [selected] = flip_test.select_neighbours((group,), [batch.slice(0, 0), batch])

    positions = [features[0], features[3]]
    assert selected.column(flip_test.FEATURES).flatten()[:2].to_pylist() == positions
    assert selected.num_rows == 3


@pytest.mark.parametrize(("neighbour_count", "changed"), [(9, [1, 0, 2]), (10, [0, 1, 2])])
def test_of_up_to_nine_other_rows_the_nearest_decides_and_of_more_the_nearest_five(neighbour_count, changed):
    """The nearest is negative and all others are positive; of the tested rows one is each, and one isn't drawn."""
    group = FlipGroup((0,), neighbours=1.0, tested=0.5)
    positive = [False] + [True] * (neighbour_count - 1)
    neighbours = make_batch(
        list(range(1, neighbour_count + 1)),
        positive,
        [False] * neighbour_count,
        [0.0] * neighbour_count,
        [0] * neighbour_count,
    )
    broadcast = SimpleNamespace(value=FlipRows.of(neighbours, 1))
    tested = make_batch([0.0, 0.0, 0.0], [True, False, True], [True] * 3, [0.1, 0.2, 0.5], [0] * 3)

    [counts] = flip_test.count_flips((group,), broadcast, [tested.slice(0, 1), tested.slice(1)])

    assert [column[0].as_py() for column in counts.columns] == [0, *changed]
