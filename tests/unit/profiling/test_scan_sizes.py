"""How many groups of columns, tasks and counted values a scan takes."""

from __future__ import annotations

import pytest

from spark_model_monitor.data.profiling.scan import choose_adder_count, choose_frequency_limit, split_columns


@pytest.mark.parametrize(
    ("columns", "groups", "sizes"), [(1_000, 4, [250] * 4), (7, 3, [3, 3, 1]), (2, 8, [1, 1]), (0, 1, [0])]
)
def test_groups_of_columns_are_neighbours_and_of_one_size(columns, groups, sizes):
    groups_found = split_columns(columns, groups)

    assert [len(positions) for positions in groups_found] == sizes
    assert [position for positions in groups_found for position in positions] == list(range(columns))


def test_the_limit_of_counted_values_shrinks_with_the_width():
    assert choose_frequency_limit(1) == 4096
    assert choose_frequency_limit(1_000) == 64 * 2**20 // 1_000 // 110


@pytest.mark.parametrize(
    ("columns", "partitions", "tasks"),
    [
        pytest.param(1_000, 10, 8, id="wide"),
        pytest.param(1_000, 100, 80, id="wide and long"),
        pytest.param(5, 100_000, 5, id="a column is not divided"),
        pytest.param(10_000, 1_000, 200, id="not more than that"),
        pytest.param(1, 1, 1, id="little"),
    ],
)
def test_states_are_added_by_as_many_tasks_as_they_are_worth(columns, partitions, tasks):
    assert choose_adder_count(columns, partitions) == tasks
