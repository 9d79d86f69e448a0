"""Columns of times beside the times of their rows: how often planted faults are found, and how often healthy windows alarm.

python benchmarks/times.py [--quick]

Marks: of windows of 1,000 rows with a fault (times a few whole hours off, in the future, none of the last hours, six times as
old) at least 95 % are found, and those of another time zone are called so; healthy windows of each law alarm as often as
the budget allows (binomial, 99 %). A baseline is a week of 10,000 rows, a window an hour of the next one. In one law
the rows of a session have the same time, in one all values are those of the last night's batch, one has days, one deadlines.
Seeds are fresh at each run.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from scipy import stats
from side_by_side import is_quick_run

from spark_model_monitor import Baseline, DataQualityMonitor, MonitoringSettings, run_baseline, run_monitoring
from spark_model_monitor.documents.check_results import CheckResult

ROWS = 10_000
WINDOW = 1_000
BUDGET = 0.05
HOUR = 3600.0
DAY = 86400.0
BEGAN = 1_772_409_600.0  # a Monday
CHECKS = {"time_future_check", "time_age_check"}


def seconds_old(came: np.ndarray, law: str, random: np.random.Generator) -> np.ndarray:
    """How much older than its row each time is."""
    rows = len(came)
    if law == "sessions":
        return random.lognormal(6, 1, rows // 20 + 1).repeat(20)[:rows]
    if law == "batches":
        days = (came // DAY).astype(int)
        return (
            came
            - days * DAY
            - 2 * HOUR
            + 600 * np.random.default_rng(days[0]).normal(size=days.max() + 1)[days - days.max()]
        )
    if law == "days":
        return random.exponential(400 * DAY, rows)
    if law == "deadlines":
        return -random.gamma(3, 2 * DAY, rows)
    return random.lognormal({"minutes": 5, "hours": 9}[law], 1, rows)


def shown(seconds: np.ndarray, law: str) -> object:
    """In one of the ways in which times are written."""
    times = pd.to_datetime(seconds.round(3), unit="s")
    if law == "days":
        return times.strftime("%Y-%m-%d")
    return {"hours": (seconds * 1_000).round(), "batches": times}.get(law, times.strftime("%Y-%m-%dT%H:%M:%SZ"))


def table(
    begin: float, length: float, rows: int, law: str, random: np.random.Generator, fault: str = ""
) -> pd.DataFrame:
    came = np.sort(begin + random.random(rows) * length)
    old = seconds_old(came, law, random)
    if fault == "another time zone":
        old = old + random.choice([-1, 1]) * random.integers(1, 13) * HOUR
    elif fault == "2 % in the future":
        old = np.where(random.random(rows) < 0.02, -DAY, old)
    elif fault == "none of the last six hours":
        old = np.maximum(old, came - begin + 6 * HOUR)
    elif fault:
        old = old * 6
    return pd.DataFrame(
        {"came": pd.to_datetime(came, unit="s"), "seen": shown(came - old, law), "x": random.normal(size=rows)}
    )


def make_baseline(law: str, random: np.random.Generator, budget: float) -> Baseline:
    monitor = DataQualityMonitor(settings=MonitoringSettings(false_alarm_budget=budget), time_column="came")
    return run_baseline(table(BEGAN, 7 * DAY, ROWS, law, random), monitor, engine="local")


def alarms(window: pd.DataFrame, baseline: Baseline) -> list[CheckResult]:
    results = run_monitoring(window, DataQualityMonitor(time_column="came"), baseline, engine="local").results
    return [finding for finding in results if finding.check in CHECKS and finding.is_violation]


def main() -> int:
    random = np.random.default_rng()
    windows = 20 if is_quick_run(__doc__) else 200
    reached = True
    for law in ("minutes", "hours", "sessions", "batches", "days", "deadlines"):
        alarm_count = 0
        maximum = int(stats.binom.ppf(0.99, windows, BUDGET))
        for window in range(windows):
            if window % 20 == 0:
                baseline = make_baseline(law, random, BUDGET)
            begin = BEGAN + 7 * DAY + random.integers(0, 168) * HOUR
            alarm_count += bool(alarms(table(begin, HOUR, WINDOW, law, random), baseline))
        reached &= alarm_count <= maximum
        print(
            f"healthy, {law}: {alarm_count} of {windows} windows alarm (at most {maximum}): "
            f"{'reached' if alarm_count <= maximum else 'missed'}",
            flush=True,
        )
    tried = windows // 2
    for law in ("minutes", "sessions", "hours"):
        for fault in ("another time zone", "2 % in the future", "none of the last six hours", "six times as old"):
            alarm_count = named = 0
            baseline = make_baseline(law, random, 1 / 720)
            for _ in range(tried):
                begin = BEGAN + 7 * DAY + random.integers(0, 168) * HOUR
                bad = alarms(table(begin, HOUR, WINDOW, law, random, fault), baseline)
                alarm_count += bool(bad)
                named += any("time zone" in (finding.guess or "") for finding in bad)
            if fault == "another time zone":
                text = f", {named} of them called so"
            else:
                text = ""
            right = (named if text and law == "minutes" else alarm_count) >= 0.95 * tried
            reached &= right
            verdict = "reached" if right else "missed"
            print(
                f"planted, {law}, {fault}: found in {alarm_count} of {tried} windows{text} (at least 95 %): {verdict}",
                flush=True,
            )
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
