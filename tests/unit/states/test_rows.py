"""Counts of rows by hand."""

from spark_model_monitor.statistics.states import RowCounts


def test_counts_by_hand():
    total = RowCounts(5, (1, 0), (3,)) + RowCounts(2, (0, 4), (0,))

    assert total == RowCounts(7, (1, 4), (3,))
    assert total.total == 12


def test_zero_has_room_for_every_reason_and_predicate():
    assert RowCounts.zero(reasons=3, predicates=1) == RowCounts(0, (0, 0, 0), (0,))


def test_widths_add_by_number_of_cells_and_survive_their_bytes():
    total = RowCounts(5, (), (), ((2, 1), (3, 4))) + RowCounts(2, (), (), ((3, 2), (70, 1)))

    assert total.widths == ((2, 1), (3, 6), (70, 1))
    assert RowCounts.from_bytes(total.to_bytes()) == total


def test_the_newest_row_of_a_sum_is_the_newer_one():
    total = RowCounts(5, newest=7) + RowCounts(2, newest=9) + RowCounts(1)

    assert total == RowCounts(8, newest=9)
    assert RowCounts.from_bytes(total.to_bytes()) == total
