"""Free texts: how often words that the baseline never had are found, and how often healthy windows alarm.

python benchmarks/words.py [--quick]

Marks: a quarter of the texts in other words is found in at least 95 % of the windows; healthy windows of each law alarm as often
as the budget allows (binomial, 99 %). Words come as in language, the frequent ones far more often than most; in one law each
window has names and numbers of its own, in one texts of the same person use the same words. Seeds are fresh at each run.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from scipy import stats
from side_by_side import quick_asked

from spark_model_monitor import Baseline, DataQualityMonitor, MonitoringSettings, run_baseline, run_monitoring

ROWS = 10_000
WINDOW = 1_000
BUDGET = 0.05


def texts(rows: int, random: np.random.Generator, *, words: int, law: str = "", other: float = 0.0) -> pd.DataFrame:
    """Notes of about eight words. other: the share that is written in other words."""
    lengths = random.poisson(8, rows).clip(2)
    drawn = np.minimum(random.zipf(1.3, lengths.sum()), words) + random.integers(0, 3, lengths.sum())
    if law == "persons":
        drawn += np.repeat(random.integers(0, 50, rows // 10 + 1).repeat(10)[:rows], lengths) * 7
    spoken = np.char.add("w", drawn.astype(str))
    if law == "numbers":
        at = random.random(len(spoken)) < 0.05
        spoken[at] = random.integers(0, 10**6, at.sum()).astype(str)
    foreign = np.repeat(random.random(rows) < other, lengths)
    spoken = np.where(foreign, np.char.add("x", drawn.astype(str)), spoken)
    return pd.DataFrame({"note": [" ".join(note) for note in np.split(spoken, np.cumsum(lengths)[:-1])]})


def alarms(window: pd.DataFrame, baseline: Baseline) -> bool:
    results = run_monitoring(window, DataQualityMonitor(), baseline).results
    return any(each.check == "text_new_words_check" and each.status.value == "violated" for each in results)


def baseline_of(rows: pd.DataFrame, budget: float) -> Baseline:
    return run_baseline(
        rows, DataQualityMonitor(settings=MonitoringSettings(false_alarm_budget=budget)), engine="local"
    )


def main() -> int:
    random = np.random.default_rng()
    windows = 20 if quick_asked(__doc__) else 200
    reached = True
    for law, words in (("", 5_000), ("", 100), ("numbers", 5_000), ("persons", 5_000)):
        found = 0
        most = int(stats.binom.ppf(0.99, windows, BUDGET))
        for window in range(windows):
            if window % 20 == 0:
                baseline = baseline_of(texts(ROWS, random, words=words, law=law), BUDGET)
            found += alarms(texts(WINDOW, random, words=words, law=law), baseline)
        reached &= found <= most
        print(
            f"healthy, {words:,} words{f' and {law}' if law else ''}: {found} of {windows} windows alarm (at most {most})"
        )
    for other in (0.25, 1.0):
        baseline = baseline_of(texts(ROWS, random, words=5_000), 1 / 720)
        found = sum(alarms(texts(WINDOW, random, words=5_000, other=other), baseline) for _ in range(windows // 2))
        reached &= found >= 0.95 * (windows // 2)
        print(f"{other:.0%} of the texts in other words: found in {found} of {windows // 2} windows (at least 95 %)")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
