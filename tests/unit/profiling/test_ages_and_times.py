"""Times of a column, their ages and their counts, by hand and as Python's dates have them."""

from datetime import date, datetime, timezone

import numpy as np
import pyarrow as pa
import pytest

from spark_model_monitor.data.profiling import age_scan
from spark_model_monitor.statistics.states.time_counts import Ages, TimeCounts

HOUR = 3600
QUARTER = 900
FIRST_HOUR = (date(1970, 1, 1) - date.min).days * 24  # of 1970, since the year 1
NOON = datetime(2024, 3, 4, 12, tzinfo=timezone.utc).timestamp()


def count_ages(*seconds):
    return Ages.of(np.array(seconds, float))


def count_times(*seconds):
    return TimeCounts.of(np.array(seconds, float), np.ones(len(seconds), np.int64))


def test_numbers_are_times_from_2001_to_2033_in_the_unit_of_their_size():
    numbers = pa.array([1e9, 1e9 - 1, 2e9 - 1, 2e9, 1e12, 2e12, 1.5e15, 1.5e18, None])

    seconds = age_scan.parse_seconds(numbers)

    np.testing.assert_array_equal(seconds, [1e9, np.nan, 2e9 - 1, np.nan, 1e9, np.nan, 1.5e9, 1.5e9, np.nan])


@pytest.mark.parametrize(
    ("texts", "hours"),
    [
        (["2024-03-04", None, "2024-03-05"], [-12, np.nan, 12]),
        (["2024-03-04T12:00:00Z", "2024-03-04T13:30:00+01:00"], [0, 0.5]),
        (["2024-03-04 12:00:00", str(int(NOON) + HOUR), "no time", None], [0, 1, np.nan, np.nan]),
        (["2024-03-04T14:00:00+02:00", "2024-03-04 11:00:00", "7"], [0, -1, np.nan]),
    ],
    ids=["days", "zones", "beside numbers", "in several forms"],
)
def test_texts_are_times_in_any_form(texts, hours):
    seconds = age_scan.parse_times(pa.array(texts))

    np.testing.assert_array_equal((seconds - NOON) / HOUR, hours)


@pytest.mark.parametrize(("time", "no_time"), [("2024-03-04", "a"), ("1709553600", "17"), (1.7e9, 17.0)])
def test_one_of_the_first_eight_cells_has_to_be_a_time(time, no_time):
    assert age_scan.parse_times(pa.array([no_time] * 7 + [time])) is not None
    assert age_scan.parse_times(pa.array([no_time] * 8 + [time])) is None


def test_logarithms_of_ages_are_linear_between_powers_of_two():
    ages = np.array([0, 1, 2, 3, 7, -3, -0.5])

    logarithms = age_scan._compute_logarithms(ages)

    assert logarithms.tolist() == [0, 1, 1.5, 2, 3, -2, -0.5]


def test_times_more_than_a_minute_after_their_rows_are_in_the_future():
    assert count_ages(-61, -60, -1, 0).in_future == 1
    assert count_ages(-61, -60, -1, 0).total == 4


def test_only_ages_in_bins_beyond_are_certainly_beyond():
    ages = count_ages(-61, -1, 0, 30, 299, 300, 2 * HOUR)

    assert ages.count_beyond(0, 300) == 4
    assert ages.count_beyond(-30, 100) == 3  # of the bins from -60 and to 300 some may be within


def test_quantiles_are_linear_within_bins():
    ages = count_ages(QUARTER, QUARTER, 2 * QUARTER, 2 * QUARTER)

    quantiles = ages.quantiles(np.array([0, 0.25, 0.5, 0.75, 1])) / QUARTER

    assert quantiles == pytest.approx([1, 1.5, 2, 2.5, 3])


def test_a_gap_is_that_of_cumulative_shares_after_a_shift():
    ages = count_ages(QUARTER, 2 * QUARTER, 3 * QUARTER, 3 * QUARTER)
    later = count_ages(2 * QUARTER, 3 * QUARTER, 4 * QUARTER, 4 * QUARTER)

    assert ages.compute_gap(QUARTER, later) == 0
    assert ages.compute_gap(0, later) == 0.5
    assert later.compute_gap(-QUARTER, ages) == 0


def test_times_are_counted_by_hour_and_by_what_they_are_multiples_of():
    seconds = np.array([0, HOUR, HOUR + 60, HOUR + 61, HOUR + 61.5, 48 * HOUR])

    counts = TimeCounts.of(seconds, np.array([1, 1, 1, 1, 1, 5]))

    assert (counts.starts - FIRST_HOUR).tolist() == [0, 1, 48]
    assert counts.counts.tolist() == [1, 4, 5]
    assert counts.round_times == (6, 7, 8, 9)
    assert counts.first == FIRST_HOUR * HOUR
    assert counts.last == (FIRST_HOUR + 48) * HOUR
    assert counts.is_consistent()


def test_nearly_all_times_have_a_resolution():
    whole_hours = np.arange(1, 100) * HOUR

    assert count_times(*whole_hours, 1).find_resolution() == HOUR
    assert count_times(*whole_hours[:98], 1).find_resolution() == 1
    assert count_times(1.5).find_resolution() is None


@pytest.mark.parametrize(("hours", "width"), [(2**14, 1), (2**14 + 1, 24), (24 * 2**14 + 1, 64 * 24)])
def test_bins_are_as_wide_as_leaves_no_more_than_16384(hours, width):
    counts = count_times(*range(0, hours * HOUR, HOUR))

    begins = np.unique((np.arange(hours) + FIRST_HOUR) // width * width)
    assert counts.width == width
    assert counts.starts.tolist() == begins.tolist()
    assert counts.total == hours


def test_times_far_apart_are_counted_too():
    counts = count_times(0, 0, 2**20 * HOUR)

    assert (counts.starts - FIRST_HOUR).tolist() == [0, 2**20]
    assert counts.counts.tolist() == [2, 1]


@pytest.mark.parametrize(
    "damaged",
    [
        TimeCounts(width=2),
        TimeCounts(width=24, starts=np.array([25]), counts=np.array([1])),
        TimeCounts(starts=np.array([2, 2]), counts=np.array([1, 1])),
        TimeCounts(starts=np.array([2]), counts=np.array([0])),
        TimeCounts(starts=np.array([2]), counts=np.array([1]), round_times=(0, 0, 0, 2)),
    ],
)
def test_counts_that_no_times_have_are_found(damaged):
    assert not damaged.is_consistent()
