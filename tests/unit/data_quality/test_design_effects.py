"""A column that is sorted, constant in runs or a clock says nothing of the others, and values nothing of missing values."""

import numpy as np
import pandas as pd
import pytest
from tests.at_hand import defer_to_night

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring

MONITOR = DataQualityMonitor()

ORDERS = {
    "sorted numbers": lambda random, rows: np.sort(random.lognormal(size=rows)),
    "sorted texts": lambda random, rows: np.sort(random.choice([*"ABCDEFG"], rows)),
    "texts in runs": lambda random, rows: np.repeat(random.permutation([*"KLMNOP"]), rows // 6 + 1)[:rows],
    "minute": lambda random, rows: np.sort(random.integers(0, 60, rows)),
    "clock": lambda random, rows: (np.arange(rows) * 7) % 60,
    "time": lambda random, rows: 1_700_000_000 + np.cumsum(random.integers(0, 9, rows)),
    "cycle": lambda random, rows: np.arange(rows) % 97,
    "level that wanders": lambda random, rows: np.cumsum(random.standard_normal(rows)),
}


def make_table(order, random, rows, nulls=0.0):
    """An export in the order of its first column; the others are independent. nulls: of amounts, at random."""
    amount = random.lognormal(3, 1, rows).round(2)
    return pd.DataFrame(
        {
            "order": ORDERS[order](random, rows),
            "amount": np.where(random.random(rows) < nulls, np.nan, amount),
            "kind": random.choice([*"abcd"], rows),
            "flag": random.integers(0, 2, rows),
        }
    )


def run_window(baseline, rows):
    return run_monitoring(rows, MONITOR, baseline, engine="local")


def find_violations(findings):
    return {(violation.feature_name, violation.constraint_check_type) for violation in findings.violations.violations}


@pytest.mark.parametrize("order", ORDERS)
def test_missing_values_at_random_are_found_in_any_order_of_rows(order):
    random = np.random.default_rng(31)
    baseline = run_baseline(make_table(order, random, 900), MONITOR, engine="local")

    for rows, nulls in ((200, 0.4), (400, 0.15), (700, 0.4)):
        findings = run_window(baseline, make_table(order, random, rows, nulls))
        assert ("amount", "completeness_check") in find_violations(findings)
        assert findings.judgement.comparison.design_effects.by_feature.keys() <= {"order"}


@pytest.mark.parametrize("order", [order for order in ORDERS if order != "level that wanders"])
def test_a_healthy_export_is_silent_in_any_order_of_rows(order):
    random = np.random.default_rng(32)
    baseline = run_baseline(make_table(order, random, 900), MONITOR, engine="local")

    assert [find_violations(run_window(baseline, make_table(order, random, rows))) for rows in (200, 400, 700)] == [
        set()
    ] * 3


def test_missing_values_in_groups_count_by_these_and_their_columns_values_do_not():
    random = np.random.default_rng(33)
    rows = make_table("clock", random, 600)
    rows["amount"] = np.where(np.repeat(random.random(30) < 0.3, 20), np.nan, rows["amount"])
    baseline = run_baseline(make_table("clock", random, 900, 0.3), MONITOR, engine="local")

    effect = run_window(baseline, rows).judgement.comparison.design_effects.by_feature["amount"]
    assert effect.missing_design_effect > 8
    assert effect.value_design_effect == 1


def test_numbers_beside_a_few_texts_are_scored_in_their_rows():
    random = np.random.default_rng(34)
    amounts = np.repeat(random.standard_normal(60), 10).round(3)
    clean = pd.DataFrame({"amount": amounts.astype(str), "level": amounts.astype(str)})
    mixed = clean.copy()
    mixed.loc[random.choice(600, 6, replace=False), "amount"] = "n/a"
    baseline = run_baseline(clean.sample(frac=1, random_state=1), MONITOR, engine="local")

    effects = run_window(baseline, mixed).judgement.comparison.design_effects.by_feature
    assert effects["amount"].value_design_effect == pytest.approx(effects["level"].value_design_effect, rel=0.2)
    assert effects["level"].value_design_effect > 6


@pytest.mark.parametrize("seeds", [range(2), defer_to_night(range(6))], ids=str)
def test_a_stretch_of_bad_rows_in_the_middle_is_found(seeds):
    """Such as one file of twenty: its rows are no group, whatever comes before and after it."""
    numbers_found = []
    for seed in seeds:
        random = np.random.default_rng(seed)
        usage = random.gamma(2, 60, 24_000)
        rows = pd.DataFrame({"usage": usage, "other": random.standard_normal(24_000)})
        baseline = run_baseline(rows[:20_000], MONITOR, engine="local")
        window = rows[20_000:].reset_index(drop=True)
        assert run_window(baseline, window).count == 0
        # Two changes of level: where it begins, and where it ends
        window.loc[1_937:2_136, "usage"] += 200
        numbers_found.append(run_window(baseline, window).count)
    assert np.count_nonzero(numbers_found) >= 5 / 6 * len(seeds)
