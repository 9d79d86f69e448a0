"""What adds up over windows: small changes that last are found, healthy windows and mended faults are silent."""

from __future__ import annotations

import numpy as np
import pytest

from spark_model_monitor.statistics.verdicts.memory import FEWEST, Memory

BASELINE, ROWS, HISTORY = 20_000, 400, 120
LEVEL = 1 / 720 / 4  # of one column


def memory_of(shifts, baseline=BASELINE, rows=ROWS, of="location"):
    """Windows whose means lie so many standard deviations from the baseline's. shifts: (windows, columns)."""
    windows, columns = shifts.shape
    effective = baseline * rows / (baseline + rows)
    whole = np.full(shifts.shape, float(rows))
    names = tuple(map(str, range(columns)))
    scores = {"location": np.zeros(shifts.shape), of: shifts * np.sqrt(effective)}
    begins = tuple(f"{place:04}" for place in range(windows))
    return Memory(begins, names, scores, whole, np.full(shifts.shape, effective), np.ones(shifts.shape, bool))


def healthy(seed, windows, columns, *, wobble=0.0, lasts=0.0, baseline=BASELINE):
    random = np.random.default_rng(seed)
    level = random.normal(0, wobble, columns)
    rows = []
    for _ in range(windows):
        level = lasts * level + random.normal(0, wobble * np.sqrt(1 - lasts**2), columns)
        rows.append(level + random.normal(0, ROWS**-0.5, columns))
    return np.array(rows) - random.normal(0, baseline**-0.5, columns)


@pytest.mark.parametrize(("wobble", "lasts"), [(0.0, 0.0), (0.03, 0.0), (0.06, 0.9)])
@pytest.mark.parametrize("baseline", [2_000, BASELINE])
def test_healthy_columns_have_evidence_above_20_in_one_of_20_at_most(wobble, lasts, baseline):
    """The mean of an e-value is 1 at most; 99 % of 400 tries with a chance of 1/20 have 30 or fewer."""
    for windows in (24, 96, 240):
        shifts = healthy([1, windows], windows, 400, wobble=wobble, lasts=lasts, baseline=baseline)
        found = memory_of(shifts, baseline).lasting()
        assert sum(each.p <= 1 / 20 for each in found.values()) <= 30


def test_missing_values_that_become_fewer_are_no_drift_and_more_are():
    shifts = healthy(2, HISTORY + 24, 10)
    shifts[HISTORY:] += np.where(np.arange(10) < 5, -0.3, 0.3)

    found = memory_of(shifts, of="missing").lasting()
    assert [found[str(place)].p <= LEVEL for place in range(10)] == [False] * 5 + [True] * 5


def test_a_small_change_that_stays_is_found_and_says_since_when_and_how_much():
    shifts = healthy(2, HISTORY + 24, 50)
    shifts[HISTORY:] += 0.2

    found = memory_of(shifts).lasting().values()

    seen = [each for each in found if each.p <= LEVEL]
    assert len(seen) >= 45
    assert np.median([int(each.since) for each in seen]) == pytest.approx(HISTORY, abs=2)
    assert np.median([each.shift for each in seen]) == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize("size", [0.3, 5.0, -2.0])
def test_a_fault_that_is_mended_has_no_echo(size):
    shifts = healthy(3, HISTORY + 12, 50)
    shifts[HISTORY : HISTORY + 6] += size
    after = [memory_of(shifts[: HISTORY + 6 + more]).lasting().values() for more in range(7)]

    assert all(each.p <= LEVEL for each in after[0])
    assert not any(each.p <= LEVEL for told in after[2:] for each in told)


def test_a_slow_drift_from_the_first_window_on_is_told_before_it_is_three_quarters_of_a_deviation():
    drift = 0.03 * np.arange(25)[:, None]

    found = memory_of(healthy(4, 25, 50) + drift).lasting()

    assert sum(each.p <= LEVEL for each in found.values()) >= 48


def test_whatever_the_spread_windows_in_a_row_beyond_the_threshold_are_counted():
    """A step to one standard deviation, which makes nine windows in a row beyond a distance of 0.1."""
    shifts = healthy(5, 20, 3)
    shifts[11:] += 1.0

    found = memory_of(shifts).lasting(dict.fromkeys("012", 0.1))

    assert [each.away for each in found.values()] == [9, 9, 9]


def test_few_windows_say_nothing_and_columns_without_values_neither():
    assert memory_of(np.full((FEWEST, 2), 5.0)).lasting() == {}
    nothing = memory_of(np.full((40, 1), np.nan)).lasting()["0"]
    assert (nothing.p, nothing.away) == (1.0, 0)


def test_a_window_more_is_the_same_as_one_that_was_there():
    shifts = healthy(6, 40, 3)
    whole = memory_of(shifts)
    raws = {
        name: {"location": whole.scores["location"][-1, place], "rows": ROWS, "effective": whole.effective[0, 0]}
        for place, name in enumerate(whole.columns)
    }

    assert memory_of(shifts[:-1]).with_window("0039", raws).lasting() == whole.lasting()


@pytest.mark.parametrize(("wobble", "lasts"), [(0.0, 0.0), (0.03, 0.0), (0.06, 0.9)])
def test_the_smallest_change_that_is_found_once_it_has_stayed_for_a_day_is_found_nine_times_in_ten(wobble, lasts):
    """Of 300 columns 99 % of experiments with a chance of .9 find 257 or more, with one of .7 230 or fewer."""
    whole = healthy(21, HISTORY + 24, 300, wobble=wobble, lasts=lasts)
    smallest = np.array([each.smallest for each in memory_of(whole[:HISTORY]).lasting(level=LEVEL).values()])

    def found(share):
        moved = whole + share * smallest * (np.arange(HISTORY + 24) >= HISTORY)[:, None]
        return sum(each.p <= LEVEL for each in memory_of(moved).lasting().values())

    assert found(1.0) >= 257
    assert found(0.5) <= 230
