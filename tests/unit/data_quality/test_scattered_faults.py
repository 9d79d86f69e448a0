"""Faults in single rows are found where rows come in groups: they lie scattered over the groups, as no group does."""

import numpy as np
import pandas as pd
import pytest
from tests.at_hand import defer_to_night
from tests.rotation import every_combination

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring

MONITOR = DataQualityMonitor(find_causes=False)
ROWS = 1_000
WINDOWS = 16
"""Of the baseline."""
OWN_SHARES = [0.0, 0.67]
"""Of a row's variance, what is not its user's: rows of a user are alike, or partly alike."""


def draw_sessions(random, own_share):
    """Rows of users side by side, twenty each on average. own_share: of a row's variance, what is not its user's."""
    user = np.repeat(np.arange(ROWS), random.integers(1, 40, ROWS))[:ROWS]
    x = np.sqrt(1 - own_share) * random.normal(size=ROWS)[user] + np.sqrt(own_share) * random.normal(size=ROWS)
    plan = random.choice(list("abcd"), ROWS, p=[0.4, 0.3, 0.2, 0.1]).astype(object)[user]
    numbers = {f"f{index}": random.normal(size=ROWS) for index in range(6)}
    return pd.DataFrame({"x": x, "plan": plan, **numbers})


def lose_values(random, table, share):
    return table.assign(x=table["x"].mask(random.random(ROWS) < share))


def multiply_values(random, table, share):
    return table.assign(x=table["x"].where(random.random(ROWS) >= share, 1_000 * table["x"]))


def bring_new_value(random, table, share):
    return table.assign(x=table["x"].mask(random.random(ROWS) < share, 999.0))


def write_infinities(random, table, share):
    return table.assign(x=table["x"].mask(random.random(ROWS) < share, np.inf))


def bring_new_text(random, table, share):
    return table.assign(plan=table["plan"].mask(random.random(ROWS) < share, "e"))


FAULTS = [lose_values, multiply_values, bring_new_value, write_infinities, bring_new_text]


def find_violated_features(table, baseline):
    findings = run_monitoring(table, MONITOR, baseline, engine="local")
    return {check.feature for check in findings.results if check.is_violation}


def make_baseline(random, own_share):
    windows = [draw_sessions(random, own_share) for _ in range(WINDOWS)]
    return run_baseline(pd.concat(windows, ignore_index=True), MONITOR, engine="local")


def count_finds(own_share, fault, seeds):
    """Of four windows of each seed."""
    finds = 0
    for seed in range(seeds):
        random = np.random.default_rng([seed, 41])
        baseline = make_baseline(random, own_share)
        for _ in range(4):
            table = fault(random, draw_sessions(random, own_share), 0.03)
            changed = "plan" if fault is bring_new_text else "x"
            finds += changed in find_violated_features(table, baseline)
    return finds


@pytest.mark.nightly
@pytest.mark.parametrize("own_share", OWN_SHARES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_three_percent_of_rows_is_found_among_sessions(own_share, fault):
    assert count_finds(own_share, fault, 8) >= 0.8 * 32


@every_combination(own_share=OWN_SHARES, fault=FAULTS)
def test_a_fault_in_single_rows_is_found_among_sessions(own_share, fault):
    assert count_finds(own_share, fault, 1) >= 3


@every_combination(own_share=OWN_SHARES, neighbours=[(0, 6), (0, 9), (200, 30), (506, 6)])
@pytest.mark.parametrize("windows", [4, defer_to_night(10)])
def test_one_user_whose_values_are_missing_is_no_fault(own_share, neighbours, windows):
    """At the begin and the end of a run of neighbours, where the user may have more rows; the baseline lacks nothing."""
    first, rows = neighbours
    random = np.random.default_rng([first, rows, 43])
    baseline = make_baseline(random, own_share)
    for _ in range(windows):
        table = draw_sessions(random, own_share)
        is_missing = (table.index >= first) & (table.index < first + rows)
        assert not find_violated_features(table.assign(x=table["x"].mask(is_missing)), baseline)


@pytest.mark.parametrize(("first", "rows"), [(0, 6), (200, 30), (506, 6)])
def test_one_user_whose_value_is_far_away_is_no_fault(first, rows):
    random = np.random.default_rng([first, rows, 47])
    baseline = make_baseline(random, 0.0)
    for _ in range(4):
        table = draw_sessions(random, 0.0)
        is_far = (table.index >= first) & (table.index < first + rows)
        assert not find_violated_features(table.assign(x=table["x"].mask(is_far, 50.0)), baseline)
