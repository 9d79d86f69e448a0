"""How often do the rules that AWS recommends in place of Model Monitor send a mail, and which break do they miss? Beside ours.

python benchmarks/aws_rules.py [--quick]

A window has 500 rows and 16 columns. A healthy one is a sample of the population that the baseline is a sample of, so every mail
is a false alarm; a broken one has a numeric column times 100, as after a change of unit. The rules count the columns that
Evidently's DataDriftPreset calls drifted, by the implementation that `spark-model-monitor leave` has of it
(lib/spark_model_monitor/integrations/leaving/published_rules.py). Evidently tests by p-values for baselines of at most 1,000 rows
and by distances above, so there are baselines of both sizes. Ours judge one window, without any history.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from performance import note
from side_by_side import QUICK_SHARE, is_quick_run

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.integrations.leaving.published_rules import RULES, find_drifted_columns

WINDOWS = 40
ROWS = 500
BASELINES = (1000, 5000)
SEED = 2026
OURS = "ours"
TEXTS = {"plan": ["basic", "plus", "pro"], "region": list("abcdefgh"), "active": ["no", "yes"]}
FACTOR = 100


def sample(random: np.random.Generator, rows: int) -> pd.DataFrame:
    """Rows of the population: numbers of usual shapes, counts and categories, independent of each other."""
    columns = {
        **{f"normal_{number}": random.normal(number, 1 + number, rows) for number in range(3)},
        **{f"lognormal_{number}": random.lognormal(number, 0.5 + number / 4, rows) for number in range(3)},
        **{f"count_{number}": random.poisson(2.0**number, rows) for number in range(1, 4)},
        "uniform": random.random(rows),
        "wait": random.exponential(5, rows),
        "heavy_tailed": random.standard_t(3, rows),
        "gamma": random.gamma(2, 3, rows),
        **{name: random.choice(values, rows) for name, values in TEXTS.items()},
    }
    return pd.DataFrame(columns)


def break_column(random: np.random.Generator, window: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The window with a numeric column times 100, and the column's name."""
    name = str(random.choice([column for column in window if column not in TEXTS]))
    return window.assign(**{name: window[name] * FACTOR}), name


def judge(baseline: pd.DataFrame, window: pd.DataFrame) -> tuple[dict[str, bool], set[str]]:
    """Who sends a mail, and the columns that ours names."""
    monitor = DataQualityMonitor()
    reference = run_baseline(baseline, monitor)
    findings = run_monitoring(window, monitor, reference)
    named = {violation.feature_name for violation in findings.violations.violations}
    return {
        **find_drifted_columns(reference.statistics, findings.current.statistics).alarms(),
        OURS: bool(named),
    }, named


def count_mails(baseline_rows: int, windows: int) -> tuple[dict[str, int], dict[str, int], int]:
    """Healthy and broken windows with a mail, by rule, and broken windows in which ours names the column."""
    random = np.random.default_rng(SEED + baseline_rows)
    rules = (*RULES, OURS)
    healthy = dict.fromkeys(rules, 0)
    broken = dict.fromkeys(rules, 0)
    named_right = 0
    # Each window once as it is and once with a broken column
    for _ in range(windows):
        baseline = sample(random, baseline_rows)
        window = sample(random, ROWS)
        mails, _ = judge(baseline, window)
        broken_window, column = break_column(random, window)
        broken_mails, named = judge(baseline, broken_window)
        for rule in rules:
            healthy[rule] += mails[rule]
            broken[rule] += broken_mails[rule]
        named_right += column in named
    return healthy, broken, named_right


def main() -> int:
    windows = WINDOWS // (QUICK_SHARE if is_quick_run(__doc__) else 1)
    missed = False
    for baseline_rows in BASELINES:
        healthy, broken, named_right = count_mails(baseline_rows, windows)
        print(
            f"{windows} windows of {ROWS} rows, baselines of {baseline_rows:,}: mails, healthy and with one broken column"
        )
        for rule in (*RULES, OURS):
            print(f"{rule:26} {healthy[rule]:3} {broken[rule]:3}", flush=True)
        print(f"ours names the broken column in {named_right}")
        for rule in RULES:
            setting = f"{windows} windows of {ROWS} rows x 16, baseline of {baseline_rows:,}"
            peer = f"AWS's rule: {rule}"
            note(f"{setting}: false alarms", peer, healthy[OURS], healthy[rule], unit="mails")
            missing = [windows - broken[name] for name in (OURS, rule)]
            note(f"{setting}: broken columns missed", peer, *missing, unit="windows")
        missed |= healthy[OURS] > 1 or named_right < windows
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
