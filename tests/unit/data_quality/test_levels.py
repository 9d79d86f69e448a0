"""Levels that wander from day to day, in a baseline of one file in the order of time that has no time column."""

import numpy as np
import pyarrow as pa
import pytest

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.outcome import Outcome

MONITOR = DataQualityMonitor(find_causes=False)
DAYS = 28
ROWS_OF_A_DAY = 300
WANDER = 0.5  # the standard deviation of levels
PLANS = np.array(["basic", "plus", "premium", "trial"], dtype=object)


def draw_numbers(random, level):
    return random.normal(level, 1, ROWS_OF_A_DAY)


def draw_counts(random, level):
    return random.poisson(5 * np.exp(level / 2), ROWS_OF_A_DAY).astype(float)


def draw_plans(random, level):
    weights = np.array([0.5, 0.26, 0.14, 0.1]) * np.exp(level * np.array([1, -1, 0.5, -0.5]))
    return PLANS[random.choice(4, ROWS_OF_A_DAY, p=weights / weights.sum())]


def draw_gaps(random, level):
    is_missing = random.random(ROWS_OF_A_DAY) < 1 / (1 + np.exp(1.5 - level))
    return np.where(is_missing, np.nan, random.normal(0, 1, ROWS_OF_A_DAY))


LAWS = {"numbers": draw_numbers, "counts": draw_counts, "texts": draw_plans, "missing values": draw_gaps}
MEMORY = {"day by day": 0.0, "slowly": 0.9}  # the part of a level that the next day has


def draw_levels(random, memory):
    levels = [random.normal(0, WANDER)]
    for _ in range(DAYS):
        levels.append(memory * levels[-1] + np.sqrt(1 - memory**2) * random.normal(0, WANDER))
    return levels


def as_table(values):
    return pa.table({"x": pa.array(values, from_pandas=True)})


@pytest.fixture(scope="module")
def baselines():
    """Three baselines of each law, with the level of the next day."""
    baselines = {}
    for number, (law, draw) in enumerate(LAWS.items()):
        for how, memory in MEMORY.items():
            for seed in range(3):
                random = np.random.default_rng([seed, number, round(10 * memory)])
                levels = draw_levels(random, memory)
                days = np.concatenate([draw(random, level) for level in levels[:DAYS]])
                baseline = run_baseline(as_table(days), MONITOR, engine="local")
                baselines.setdefault((law, how), []).append((baseline, levels[DAYS]))
    return baselines


def judge(values, baseline):
    return run_monitoring(as_table(values), MONITOR, baseline, engine="local")


@pytest.mark.parametrize("how", MEMORY)
@pytest.mark.parametrize("law", LAWS)
def test_a_day_like_the_baselines_days_is_no_violation(baselines, law, how):
    random = np.random.default_rng(5)
    for baseline, level in baselines[law, how]:
        assert judge(LAWS[law](random, level), baseline).count == 0


@pytest.mark.parametrize("how", MEMORY)
@pytest.mark.parametrize("law", LAWS)
def test_a_level_twice_as_far_as_any_is_not_silent(baselines, law, how):
    random = np.random.default_rng(5)
    for baseline, _ in baselines[law, how]:
        findings = judge(LAWS[law](random, 6 * WANDER), baseline)
        assert findings.outcome is not Outcome.UNCHANGED


@pytest.mark.parametrize("law", ["numbers", "counts", "texts"])
def test_a_frozen_or_missing_column_is_found_though_its_level_wanders(baselines, law):
    random = np.random.default_rng(5)
    for baseline, level in baselines[law, "day by day"]:
        healthy = LAWS[law](random, level)
        frozen = np.full(ROWS_OF_A_DAY, healthy[0], healthy.dtype)
        # No day of the baseline had one value only, or a missing one
        nothing = None if healthy.dtype == object else np.nan
        lost = np.where(random.random(ROWS_OF_A_DAY) < 0.7, nothing, healthy)
        assert {check.feature for check in judge(frozen, baseline).results if check.is_violation} == {"x"}
        assert {check.feature for check in judge(lost, baseline).results if check.is_violation} == {"x"}


def test_no_drift_is_violated_or_unclear_without_a_reason(baselines):
    random = np.random.default_rng(5)
    for (law, _), some in baselines.items():
        for baseline, _ in some:
            for level in (0, 3 * WANDER, 10 * WANDER):
                for check in judge(LAWS[law](random, level), baseline).results:
                    if check.check == "baseline_drift_check" and check.status is not CheckStatus.PASSED:
                        assert check.reason


@pytest.mark.parametrize(("change", "is_fault"), [(1.2, False), (1.8, False), (6.0, True), (40.0, True)])
def test_a_level_that_goes_on_wandering_leaves_the_range_and_a_fault_leaves_it_by_more(change, is_fault):
    """Levels from -1 to 1, of which the first half of the days lacks those below 0."""
    random = np.random.default_rng(8)
    days = [random.normal(np.sin(day / 6), 0.5, ROWS_OF_A_DAY) for day in range(DAYS)]
    baseline = run_baseline(as_table(np.concatenate(days)), MONITOR, engine="local")
    # Beyond the highest level so far
    findings = judge(random.normal(1 + change, 0.5, ROWS_OF_A_DAY), baseline)

    assert any(check.check == "range_check" and check.is_violation for check in findings.results) is is_fault


def test_where_the_rows_are_sorted_a_violation_says_so():
    ordered = np.sort(np.random.default_rng(1).normal(size=6_400))
    baseline = run_baseline(as_table(ordered), MONITOR, engine="local")

    findings = judge(np.random.default_rng(2).permutation(ordered)[:1_000] + 0.5, baseline)

    (drift,) = [check for check in findings.results if check.check == "baseline_drift_check"]
    assert drift.status is CheckStatus.VIOLATED
    assert drift.reason == "the rows look sorted by this column"
