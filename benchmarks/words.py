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
from side_by_side import is_quick_run

from spark_model_monitor import Baseline, DataQualityMonitor, MonitoringSettings, run_baseline, run_monitoring

ROWS = 10_000
WINDOW = 1_000
BUDGET = 0.05


def texts(
    rows: int, random: np.random.Generator, *, words: int, law: str = "", other_share: float = 0.0
) -> pd.DataFrame:
    """Notes of about eight words. other: the share that is written in other words."""
    lengths = random.poisson(8, rows).clip(2)
    drawn = np.minimum(random.zipf(1.3, lengths.sum()), words) + random.integers(0, 3, lengths.sum())
    if law == "persons":
        drawn += np.repeat(random.integers(0, 50, rows // 10 + 1).repeat(10)[:rows], lengths) * 7
    spoken = np.char.add("w", drawn.astype(str))
    if law == "numbers":
        is_changed = random.random(len(spoken)) < 0.05
        spoken[is_changed] = random.integers(0, 10**6, is_changed.sum()).astype(str)
    foreign = np.repeat(random.random(rows) < other_share, lengths)
    spoken = np.where(foreign, np.char.add("x", drawn.astype(str)), spoken)
    return pd.DataFrame({"note": [" ".join(note) for note in np.split(spoken, np.cumsum(lengths)[:-1])]})


def alarms(window: pd.DataFrame, baseline: Baseline) -> bool:
    results = run_monitoring(window, DataQualityMonitor(), baseline).results
    return any(finding.check == "text_new_words_check" and finding.status.value == "violated" for finding in results)


def make_baseline(rows: pd.DataFrame, budget: float) -> Baseline:
    return run_baseline(
        rows, DataQualityMonitor(settings=MonitoringSettings(false_alarm_budget=budget)), engine="local"
    )


def main() -> int:
    random = np.random.default_rng()
    windows = 20 if is_quick_run(__doc__) else 200
    reached = True
    for law, words in (("", 5_000), ("", 100), ("numbers", 5_000), ("persons", 5_000)):
        alarm_count = 0
        maximum = int(stats.binom.ppf(0.99, windows, BUDGET))
        for window in range(windows):
            if window % 20 == 0:
                baseline = make_baseline(texts(ROWS, random, words=words, law=law), BUDGET)
            alarm_count += alarms(texts(WINDOW, random, words=words, law=law), baseline)
        reached &= alarm_count <= maximum
        print(
            f"healthy, {words:,} words{f' and {law}' if law else ''}: {alarm_count} of {windows} windows alarm "
            f"(at most {maximum})"
        )
    for other_share in (0.25, 1.0):
        baseline = make_baseline(texts(ROWS, random, words=5_000), 1 / 720)
        alarm_count = sum(
            alarms(texts(WINDOW, random, words=5_000, other_share=other_share), baseline) for _ in range(windows // 2)
        )
        reached &= alarm_count >= 0.95 * (windows // 2)
        print(
            f"{other_share:.0%} of the texts in other words: found in {alarm_count} of {windows // 2} windows (at least 95 %)"
        )
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
