"""Impossible values are found with nothing set, however few; far values of heavy tails are silent."""

import numpy as np
import pandas as pd
import pytest
from tests.rotation import every_combination

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.documents.check_results import CheckStatus


def draw_table(random, rows, values):
    return pd.DataFrame({"x": values, "y": random.normal(size=rows), "plan": random.choice([*"abcd"], rows)})


def find_violated(random, baseline_values, values):
    return {finding.feature for finding in find_violations(random, baseline_values, values)}


def find_violations(random, baseline_values, values, **options):
    baseline = draw_table(random, len(baseline_values), baseline_values)
    window = draw_table(random, len(values), values)
    monitor = DataQualityMonitor(find_causes=False, **options)
    monitored = run_baseline(baseline, monitor, engine="local")
    findings = run_monitoring(window, monitor, monitored, engine="local")
    return [finding for finding in findings.results if finding.is_violation]


def draw_ages(random, rows):
    return random.normal(42, 15, rows).clip(0, 89).round()


def draw_amounts(random, rows):
    return random.lognormal(3, 1, rows)


def draw_flags(random, rows):
    return (random.random(rows) < 0.03).astype(float)


@pytest.mark.parametrize(
    ("draw", "rows", "impossible"),
    [
        pytest.param(draw_ages, 2_000, [900] * 5, id="900 years"),
        pytest.param(draw_ages, 2_000, [-1] * 5, id="-1 years"),
        pytest.param(draw_ages, 2_000, [900, 900, 900, -1, -1], id="both"),
        pytest.param(draw_amounts, 2_000, [np.inf] * 5, id="infinities"),
        pytest.param(draw_amounts, 200, [-9_999] * 2, id="negative"),
        pytest.param(draw_ages, 200, [9_999] * 2, id="a default"),
        pytest.param(draw_flags, 2_000, [0] * 2_000, id="a flag that became 0"),
    ],
)
def test_impossible_values_are_found(draw, rows, impossible):
    random = np.random.default_rng(7)
    baseline = draw(random, 20_000)
    values = draw(random, rows)
    changed = values.copy()
    changed[: len(impossible)] = impossible

    assert find_violated(random, baseline, values) == set()
    assert find_violated(random, baseline, changed) == {"x"}


@every_combination(seed=range(4), draw=[draw_ages, draw_amounts], factor=[-1, 10, 1_000])
def test_the_values_outside_the_range_are_counted(draw, factor, seed):
    random = np.random.default_rng([seed, 65])
    baseline = draw(random, 20_000)
    low = baseline.min()
    high = baseline.max()
    count = random.integers(5, 30)
    values = draw(random, 2_000).clip(low, high)
    # No other value lies outside
    values[:count] = factor * (1 + random.random(count)) * high
    direction = "above" if factor > 0 else "below"

    violations = find_violations(random, baseline, values)

    sentence = f"{count} of 2,000 values {direction} the baseline's range {low:,.4g} to {high:,.4g}"
    assert {violation.change for violation in violations} == {f"has {sentence}"}


def test_infinities_are_named_first_and_no_ends_where_values_are_hidden():
    random = np.random.default_rng(11)
    baseline = draw_amounts(random, 20_000)
    values = draw_amounts(random, 2_000).clip(baseline.min(), baseline.max())
    values[:9] = [np.inf] * 3 + [1e7, 2e7, 3e7, 4e7, 5e7, 6e7]

    [violation] = find_violations(random, baseline, values, hide_values=True)

    assert violation.change == "has 3 of 2,000 values that are infinite, 6 above the baseline's range"


@every_combination(num_columns=[1, 10, 40], impossible=[-1, 900, np.inf])
def test_impossible_values_are_found_in_tables_of_any_width(num_columns, impossible):
    """Five of 2,000, beside a baseline of 20,000 from 0 to 89, and columns that have no such value."""
    random = np.random.default_rng([num_columns, 65])

    def draw_wide_table(rows):
        other_columns = {f"c{number}": random.normal(size=rows) for number in range(num_columns)}
        return pd.DataFrame({"age": random.integers(0, 90, rows).astype(float), **other_columns})

    monitor = DataQualityMonitor(find_causes=False)
    baseline = run_baseline(draw_wide_table(20_000), monitor, engine="local")
    window = draw_wide_table(2_000)
    healthy = run_monitoring(window, monitor, baseline, engine="local")
    window.loc[::400, "age"] = impossible
    faulty = run_monitoring(window, monitor, baseline, engine="local")

    assert not any(finding.is_violation for finding in healthy.results)
    assert {finding.feature for finding in faulty.results if finding.is_violation} == {"age"}


@every_combination(seed=range(3), impossible=[-1, -300, 200, 5_000, np.inf])
def test_a_guard_is_violated_from_its_fewest_values_on(impossible, seed):
    """`fewest` is computed for values at the distances of those that are there."""
    random = np.random.default_rng([seed, 66])
    monitor = DataQualityMonitor(find_causes=False)
    baseline = run_baseline(draw_table(random, 20_000, draw_ages(random, 20_000)), monitor, engine="local")
    statuses = set()
    for count in (2, 3, 4, 5, 6):
        values = draw_ages(random, 2_000)
        values[:count] = impossible
        findings = run_monitoring(draw_table(random, 2_000, values), monitor, baseline, engine="local")
        judged = [guard for guard in findings.results if guard.fewest and guard.decided_by and guard.statistic == count]
        for guard in judged:
            assert (guard.status is CheckStatus.VIOLATED) == (count >= guard.fewest), guard
            statuses.add(guard.status)

    assert CheckStatus.VIOLATED in statuses


def test_a_flag_is_said_by_its_share_and_is_no_temperature():
    random = np.random.default_rng(12)
    values = np.ones(2_000)
    values[:20] = 0

    [some] = find_violations(random, np.ones(20_000), values)
    [all_of_them] = find_violations(random, np.ones(20_000), np.zeros(2_000))

    assert (some.change, some.values) == ("has one value in 1 % of the records, in none before", ("0",))
    assert all_of_them.change == "has one value in 100 % of the records, in none before"
    assert all_of_them.guess is None


def test_a_shift_of_all_values_is_said_by_the_mean_though_some_are_outside():
    random = np.random.default_rng(13)
    baseline = random.normal(50, 5, 20_000)

    window = random.normal(60, 5, 2_000)
    [violation] = find_violations(random, baseline, window)

    assert violation.change == f"is 20 % higher (mean {baseline.mean():.4g} → {window.mean():.4g})"


def test_far_values_of_a_heavy_tail_are_silent():
    random = np.random.default_rng(10)
    baseline = random.pareto(0.8, 20_000)
    violated = set()
    for _ in range(10):
        violated |= find_violated(random, baseline, random.pareto(0.8, 2_000))

    assert violated == set()


@pytest.mark.parametrize("draw", [draw_ages, draw_amounts])
def test_one_far_value_is_silent(draw):
    random = np.random.default_rng(8)
    baseline = draw(random, 20_000)
    values = draw(random, 200)
    values[0] = 1e6 * baseline.max()

    assert find_violated(random, baseline, values) == set()


def test_rows_in_groups_may_lie_far_outside():
    """A new user's forty rows, all of them twice as far as any before."""
    random = np.random.default_rng(9)
    baseline = np.repeat(random.lognormal(3, 1, 500), 40)
    values = np.repeat(random.lognormal(3, 1, 50), 40)
    values[:40] = 2 * baseline.max()

    assert find_violated(random, baseline, values) == set()
