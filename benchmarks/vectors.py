"""Embeddings: how often a change is found beside Hotelling's test on the raw vectors, and how often healthy ones alarm.

python benchmarks/vectors.py [--quick]

Marks: of scikit-learn's digits with one class left out at least .85 of the power of Hotelling's test, which is told that rows are
independent and has the same level; components that changed places, or their signs, and a component that is always zero in every
window; healthy windows of each law as often as the budget allows (binomial, 99 %). Seeds are fresh at each run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pyarrow as pa
from scipy import stats
from side_by_side import is_quick_run
from sklearn.datasets import load_digits

from spark_model_monitor import Baseline, DataQualityMonitor, MonitoringSettings, run_baseline, run_monitoring

ROWS = 10_000
BUDGET = 0.05
CHECK = "vector_components_check"
Vectors = np.ndarray
DIGITS, CLASSES = load_digits(return_X_y=True)


def table(vectors: Vectors) -> pa.Table:
    return pa.table({"embedding": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])})


def make_baseline(vectors: Vectors, budget: float) -> Baseline:
    monitor = DataQualityMonitor(settings=MonitoringSettings(false_alarm_budget=budget))
    return run_baseline(table(vectors), monitor, engine="local")


def judge_components(vectors: Vectors, baseline: Baseline) -> tuple[bool, float]:
    """Whether the components of a window are violated, and at which level that was asked."""
    findings = run_monitoring(table(vectors), DataQualityMonitor(), baseline)
    [component_finding] = [finding for finding in findings.results if finding.check == CHECK]
    [contents] = [family for family in findings.budget.families if family.family == "contents"]
    return component_finding.is_violation, contents.level / contents.tests


def hotelling(first: Vectors, second: Vectors) -> float:
    """The p-value of Hotelling's test of two samples, in the components that vary."""
    n = len(first)
    m = len(second)
    pooled = ((n - 1) * np.cov(first.T) + (m - 1) * np.cov(second.T)) / (n + m - 2)
    values, along = np.linalg.eigh(pooled)
    is_large = values > values.max() * 1e-9
    rank = is_large.sum()
    difference = along[:, is_large].T @ (first.mean(axis=0) - second.mean(axis=0))
    statistic = (difference**2 / values[is_large]).sum() * n * m / (n + m)
    return float(stats.f.sf(statistic * (n + m - rank - 1) / (rank * (n + m - 2)), rank, n + m - rank - 1))


def power(windows: int, random: np.random.Generator) -> bool:
    reached = True
    for rows in (500, 1_000, 2_000):
        ours = 0
        theirs = 0
        for window in range(windows):
            left_out = window % 10
            if not left_out:
                before = DIGITS[random.integers(0, len(DIGITS), ROWS)]
                baseline = make_baseline(before, BUDGET)
            other_digits = DIGITS[left_out != CLASSES]
            now = other_digits[random.integers(0, len(other_digits), rows)]
            is_violated, level = judge_components(now, baseline)
            ours += is_violated
            theirs += hotelling(before, now) <= level
        good = ours >= 0.85 * theirs
        reached &= good
        print(
            f"digits with one class left out, windows of {rows:,}: ours {ours} of {windows}, Hotelling's {theirs} "
            f"(at least .85 of it): {'reached' if good else 'missed'}"
        )
    return reached


def mixture(rows: int, random: np.random.Generator, width: int = 100) -> Vectors:
    """Topics, of which each vector has some: as embeddings have them, few directions with much of the variance."""
    fixed = np.random.default_rng(width)
    topics = fixed.normal(size=(20, width))
    middle = fixed.normal(size=width)
    return (
        middle + (random.normal(size=(rows, 20)) * np.linspace(3, 0.3, 20)) @ topics + random.normal(size=(rows, width))
    )


def sessions(rows: int, random: np.random.Generator) -> Vectors:
    """Users with eight rows each."""
    users = np.repeat(mixture(-(-rows // 8), random), 8, axis=0)[:rows]
    return users + random.normal(size=users.shape)


LAWS: dict[str, Callable[[int, np.random.Generator], Vectors]] = {
    "normal": lambda rows, random: random.normal(size=(rows, 64)),
    "digits": lambda rows, random: DIGITS[random.integers(0, len(DIGITS), rows)],
    "topics": mixture,
    "long": lambda rows, random: mixture(rows, random, 768),
    "short": lambda rows, random: random.normal(size=(rows, 3)),
    "heavy tails": lambda rows, random: random.standard_t(3, size=(rows, 64)),
    "lognormal": lambda rows, random: random.lognormal(0, 1, size=(rows, 64)),
    "one of 200": lambda rows, random: np.eye(200)[random.zipf(1.5, rows).clip(1, 200) - 1],
    "sessions": sessions,
}
FAULTS: dict[str, Callable[[Vectors], Vectors]] = {
    "components changed places": lambda vectors: np.roll(vectors, 1, axis=1),
    "two components changed places": lambda vectors: vectors[:, [1, 0, *range(2, vectors.shape[1])]],
    "all signs changed": lambda vectors: -vectors,
    "a component is zero": lambda vectors: np.where(np.arange(vectors.shape[1]) == 5, 0.0, vectors),
}


def healthy(windows: int, random: np.random.Generator) -> bool:
    reached = True
    for name, law in LAWS.items():
        alarms = 0
        maximum = int(stats.binom.ppf(0.99, windows, BUDGET))
        for window in range(windows):
            if window % 20 == 0:
                baseline = make_baseline(law(ROWS if name != "long" else 2_000, random), BUDGET)
            alarms += judge_components(law(int(random.choice([50, 200, 1_000])), random), baseline)[0]
        good = alarms <= maximum
        reached &= good
        print(
            f"healthy, {name}: {alarms} of {windows} windows alarm (at most {maximum} at a budget of {BUDGET}): "
            f"{'reached' if good else 'missed'}"
        )
    return reached


def planted(windows: int, random: np.random.Generator) -> bool:
    reached = True
    baseline = make_baseline(mixture(ROWS, random), 1 / 720)
    for name, fault in FAULTS.items():
        alarm_count = sum(judge_components(fault(mixture(300, random)), baseline)[0] for _ in range(windows))
        good = alarm_count == windows
        reached &= good
        print(
            f"planted, {name}: found in {alarm_count} of {windows} windows of 300 (all): {'reached' if good else 'missed'}"
        )
    return reached


def main() -> int:
    random = np.random.default_rng()
    windows = 20 if is_quick_run(__doc__) else 200
    reached = [power(windows // 2, random), planted(windows // 10, random), healthy(windows, random)]
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(main())
