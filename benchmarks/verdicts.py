"""Do the verdicts keep their promises? Healthy windows, every law of a column, and what changes have to be found.

python benchmarks/verdicts.py [--full] [--only PART] [--seed SEED]; --help lists them

Columns are drawn, gathered by the states of a scan and judged by `spark_model_monitor.statistics.verdicts`; no Spark. A mark
is a bound of probability theory (docs/verdicts.md), never a result of before. The exit status is 1 if one is missed.
--full takes an hour.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import logging
import math
import os
import re
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import brentq
from side_by_side import Contestant, own_process, race
from sklearn import datasets

from spark_model_monitor import AnalysisConfig, AttributionMeasures, BiasMeasures, BiasMonitor, ExplainabilityMonitor
from spark_model_monitor.data.profiling.gathering import build_gatherers
from spark_model_monitor.data.profiling.scan_plan import VALUE, Block, ColumnPlan, ScanPlan
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.constraints import MonitoringSettings
from spark_model_monitor.documents.statistics import InferredType
from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
from spark_model_monitor.monitors.data_quality.checks.drift.seasonal_drift import find_lost_examples, is_recurring
from spark_model_monitor.monitors.data_quality.distribution.calibration import ColumnRequest, compute_column_tests
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import FeatureDistribution
from spark_model_monitor.monitors.data_quality.distribution.window_history import (
    Variation,
    estimate_block_variation,
    score_window,
)
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.model_quality.monitor import ModelQualityMonitor
from spark_model_monitor.monitors.protocol import NAMED_COLUMNS, Sample, ScanRequest
from spark_model_monitor.reports.history.archive import StoredProfile
from spark_model_monitor.reports.history.variation import (
    WindowEntry,
    WindowHistory,
    create_history,
    read_history,
    write_history,
)
from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring
from spark_model_monitor.statistics.drift import NumericDistribution
from spark_model_monitor.statistics.drift.distributions import category_cells
from spark_model_monitor.statistics.states import (
    ColumnType,
    DataTypeCounts,
    FeatureProfile,
    KllSketch,
    Moments,
    MomentsBuilder,
    Profile,
    RowRun,
    RowRuns,
)
from spark_model_monitor.statistics.states.frequencies import LIMIT
from spark_model_monitor.statistics.states.kll import KllBuilder
from spark_model_monitor.statistics.states.outcomes import OutcomePlan, ProblemType
from spark_model_monitor.statistics.states.profile import Measures
from spark_model_monitor.statistics.verdicts.between_window_variance import PooledVariance, select_similar_size
from spark_model_monitor.statistics.verdicts.components import (
    Component,
    Samples,
    chance_of_more,
    compare_categories,
    compare_missing_values,
    compare_numbers,
    fewest_beyond_chance,
)
from spark_model_monitor.statistics.verdicts.multiple_testing import (
    BUDGET,
    adjust_p_values,
    allocate_budget,
    combine_p_values,
    distance_interval,
    smallest_share,
    smallest_shift,
)
from spark_model_monitor.statistics.verdicts.variance_adjustment import adjust_for_between_window_variance
from spark_model_monitor.statistics.verdicts.window_statistics import WindowStatistics

Values: TypeAlias = NDArray[np.float64]
Law: TypeAlias = Callable[[np.random.Generator, int, "NDArray[np.float64] | None"], Values]
"""So many values of a population. The last argument: their uniform ranks, for columns that have something in common."""

SEED = 20260
FAMILIES = ("drift", "completeness", "contents")  # of a run without a history
SIZES = ((100_000, 1_000), (10_000, 100), (1_000, 1_000), (100_000, 10_000), (1_000_000, 100_000))


def by_quantile(quantile: Callable[[Values], Values]) -> Law:
    """The population whose values have these quantiles."""

    def drawn(random: np.random.Generator, rows: int, ranks: Values | None = None) -> Values:
        return np.asarray(quantile(random.random(rows) if ranks is None else ranks), dtype=float)

    return drawn


def zipf(categories: int, exponent: float = 1.1) -> Callable[[Values], Values]:
    shares = 1 / np.arange(1, categories + 1) ** exponent
    ends = np.cumsum(shares / shares.sum())
    return lambda ranks: np.minimum(np.searchsorted(ends, ranks, side="right"), categories - 1)


def zeros_and_lognormal(ranks: Values) -> Values:
    return np.where(ranks < 0.8, 0.0, np.exp(stats.norm.ppf(np.clip((ranks - 0.8) / 0.2, 1e-12, 1 - 1e-12))))


def with_nulls(share: float) -> Callable[[Values], Values]:
    def quantile(ranks: Values) -> Values:
        return np.where(ranks < share, np.nan, stats.norm.ppf(np.clip((ranks - share) / (1 - share), 1e-12, 1)))

    return quantile


NUMBERS: dict[str, Law] = {
    "normal": by_quantile(stats.norm.ppf),
    "lognormal": by_quantile(lambda ranks: np.exp(stats.norm.ppf(ranks))),
    "80 % zeros": by_quantile(zeros_and_lognormal),
    "poisson(3)": by_quantile(lambda ranks: stats.poisson.ppf(ranks, 3)),
    "flag of 10 %": by_quantile(lambda ranks: ranks < 0.1),
    "constant": by_quantile(lambda ranks: np.full(len(ranks), 3.0)),
    "t(2)": by_quantile(lambda ranks: stats.t.ppf(ranks, 2)),
    "5 % nulls": by_quantile(with_nulls(0.05)),
}
TEXTS: dict[str, Law] = {
    "2 categories": by_quantile(lambda ranks: ranks < 0.4),
    "10 categories": by_quantile(zipf(10)),
    "1,000 categories": by_quantile(zipf(1000)),
}
LAWS = {**NUMBERS, **TEXTS}


@dataclass(frozen=True)
class Column:
    """A column as its states have it: numbers, or counts by category."""

    rows: int
    missing: int
    numbers: NumericDistribution | None
    categories: dict[str, int]

    @property
    def present(self) -> int:
        return self.rows - self.missing


def column(law: str, values: Values) -> Column:
    present = values[~np.isnan(values)]
    missing = len(values) - len(present)
    if law in TEXTS:
        codes, counts = np.unique(present, return_counts=True)
        return Column(len(values), missing, None, dict(zip(map(str, codes.tolist()), counts.tolist(), strict=True)))
    return Column(len(values), missing, NumericDistribution.of(sketch(present), moments(present)), {})


def sketch(values: Values) -> KllSketch:
    builder = KllBuilder()
    builder.update(values)
    return builder.state()


def moments(values: Values) -> Moments:
    return Moments(count=len(values), minimum=float(values.min()), maximum=float(values.max()), m2=0.0)


def compare_columns(baseline: Column, window: Column) -> tuple[Component, ...]:
    """The components of one column."""
    missing = compare_missing_values((baseline.missing, baseline.rows), (window.missing, window.rows))
    if baseline.numbers is not None and window.numbers is not None:
        return (*missing, *compare_numbers([(baseline.numbers, window.numbers)])[0])
    return (*missing, *compare_categories([(baseline.categories, window.categories)])[0])


def within(runs: int, level: float) -> int:
    """The most runs of a probability that 99 % of the experiments stay within."""
    return int(stats.binom.ppf(0.99, runs, level))


@dataclass(frozen=True)
class Mark:
    """What was measured beside what is wanted."""

    what: str
    found: float
    wanted: str
    met: bool

    def __str__(self) -> str:
        return f"{'ok    ' if self.met else 'MISSED'}  {self.what:72} {self.found:10.6g}   wanted: {self.wanted}"


def budget(full: bool) -> Iterator[Mark]:
    """A1: tables of 100 healthy columns, alone and with something in common; runs with any drift alarm."""
    runs, batch = (720, 20) if full else (60, 10)
    for share, column_kind in ((0.0, "independent columns"), (0.6, "correlation of 0.6")):
        for n, m in SIZES if full else SIZES[:3]:
            if n > 100_000 and share:
                continue
            random = np.random.default_rng(SEED)
            smallest = [q for _ in range(runs // batch) for q in healthy_runs(random, n, m, batch, share)]
            for level in (0.05, BUDGET):
                alarms = sum(q <= level for q in smallest)
                maximum = within(runs, level)
                title = f"budget {level:.4f}: runs of {runs} with an alarm, {n:,} and {m:,} rows, {column_kind}"
                yield Mark(title, alarms, f"<= {maximum}", alarms <= maximum)


def healthy_runs(random: np.random.Generator, n: int, m: int, windows: int, share: float) -> Iterator[float]:
    """The smallest adjusted p-value of each of some windows of a baseline of 100 columns."""
    names = [list(LAWS)[number % len(LAWS)] for number in range(100)]

    def table(rows: int) -> list[Column]:
        common = random.standard_normal(rows) if share else None
        return [column(name, LAWS[name](random, rows, correlated(random, common, share))) for name in names]

    baseline = table(n)
    for _ in range(windows):
        p = [combine_p_values(compare_columns(before, after)) for before, after in zip(baseline, table(m), strict=True)]
        yield min(adjust_p_values(p))


def correlated(random: np.random.Generator, common: Values | None, share: float) -> Values | None:
    if common is None:
        return None
    independent = random.standard_normal(len(common))
    ranks: Values = stats.norm.cdf(math.sqrt(share) * common + math.sqrt(1 - share) * independent)
    return ranks


def limits(full: bool) -> Iterator[Mark]:
    """A1: suggested completeness of 12 columns, runs below any of the limits."""
    runs = 100_000 if full else 20_000
    for level in (0.05, BUDGET):
        for n, m in ((1_000, 1_000), (20_000, 200), (20_000, 1_000), (1_000_000, 100_000)):
            for share in (0.001, 0.01, 0.05, 0.3):
                random = np.random.default_rng(SEED)
                before = random.binomial(n, share, (runs, 12))
                after = random.binomial(m, share, (runs, 12))
                limit = functools.cache(lambda lacking: fewest_beyond_chance(lacking, n, m, level / 12) or m + 1)  # noqa: B023
                fewest = np.vectorize(limit)(before)
                alarms = int((after >= fewest).any(axis=1).sum())
                maximum = within(runs, level)
                title = f"completeness, level {level:.4f}: runs of {runs:,}, {share:.1%} nulls, {n:,} and {m:,} rows"
                yield Mark(title, alarms, f"<= {maximum}", alarms <= maximum)


def columns(full: bool) -> Iterator[Mark]:
    """A2: the p-value of a column, law by law."""
    windows, batch = (20_000, 20) if full else (2_000, 10)
    for name, law in LAWS.items():
        for n, m in ((10_000, 200), (1_000, 1_000)):
            random = np.random.default_rng(SEED)
            p_values = []
            for _ in range(windows // batch):
                baseline = column(name, law(random, n, None))
                p_values += [
                    combine_p_values(compare_columns(baseline, column(name, law(random, m, None))))
                    for _ in range(batch)
                ]
            for level in (0.01, 0.001):
                share = float(np.mean(np.array(p_values) <= level))
                maximum = within(windows, 1.2 * level) / windows
                title = f"P(p <= {level}) of {name}, {n:,} and {m:,} rows, {windows:,} windows"
                yield Mark(title, share, f"<= {maximum:.5f}", share <= maximum)
            if name == "constant":
                yield Mark("least p of a constant", min(p_values), "> 0.5", min(p_values) > 0.5)


def shifted(by: float) -> Callable[[Values], Values]:
    return lambda values: values + by


CHANGES: tuple[tuple[str, str, Callable[[np.random.Generator, Values], Values]], ...] = (
    *((name, "nothing", lambda random, values: values) for name in LAWS if name != "constant"),
    ("normal", "mean + 0.1", lambda random, values: values + 0.1),
    ("normal", "mean + 0.5", lambda random, values: values + 0.5),
    ("normal", "scale * 1.25", lambda random, values: values * 1.25),
    (
        "lognormal",
        "* 1000 in 5 %",
        lambda random, values: values * np.where(random.random(len(values)) < 0.05, 1000, 1),
    ),
    ("flag of 10 %", "to 20 %", lambda random, values: np.where(random.random(len(values)) < 1 / 9, 1.0, values)),
    (
        "10 categories",
        "a new one of 5 %",
        lambda random, values: np.where(random.random(len(values)) < 0.05, 99, values),
    ),
    ("10 categories", "the first two swapped", lambda random, values: np.where(values < 2, 1 - values, values)),
)


def coverage(full: bool) -> Iterator[Mark]:
    """A3: the true largest gap lies within the interval."""
    windows = 2_000 if full else 300
    minimum = int(stats.binom.ppf(0.01, windows, 0.95)) / windows
    for name, change, changed in CHANGES:
        random = np.random.default_rng(SEED)
        law = LAWS[name]
        large = [law(random, 2_000_000, None), changed(random, law(random, 2_000_000, None))]
        true = gap(*(column(name, values) if name in TEXTS else exact(values) for values in large))
        for n, m in ((10_000, 200), (1_000, 1_000), (50_000, 10_000)):
            inside = 0
            for _ in range(windows):
                columns = column(name, law(random, n, None)), column(name, changed(random, law(random, m, None)))
                samples = Samples(
                    columns[0].present, columns[1].present, sum(s.numbers.error for s in columns if s.numbers)
                )
                low, high = distance_interval(gap(*columns), samples)
                inside += low - 0.002 <= true <= high + 0.002  # the true one is of two million rows
            share = inside / windows
            yield Mark(f"covered: {name}, {change}, {n:,} and {m:,} rows", share, f">= {minimum:.3f}", share >= minimum)


def exact(values: Values) -> Column:
    present = values[~np.isnan(values)]
    return Column(len(values), len(values) - len(present), NumericDistribution((np.sort(present),)), {})


def gap(baseline: Column, window: Column) -> float:
    if baseline.numbers is None or window.numbers is None:
        before, after = category_cells(baseline.categories, window.categories)
        return float(np.abs(before / before.sum() - after / after.sum()).max())
    b = baseline.numbers.step_cdf()
    w = window.numbers.step_cdf()
    values = np.union1d(b.values, w.values)
    return float(np.abs(b.shares_at(values) - w.shares_at(values)).max())


def find_changes(full: bool) -> Iterator[Mark]:
    """A4: the smallest change that is printed is found, half of it is not; one of 100 columns, 50,000 rows of baseline."""
    windows = 200 if full else 50
    tables = 100
    for m in (200, 1_000, 10_000):
        random = np.random.default_rng(SEED)
        samples = Samples(50_000, m, sketch(random.random(50_000)).error + sketch(random.random(m)).error)
        shift = smallest_shift(samples, BUDGET, tables)
        share = smallest_share(0.1, Samples(50_000, m), BUDGET, tables)
        for part, low, high in ((1.0, 0.8, 0.97), (0.5, 0.0, 0.25)):
            cases = (
                (f"{part * shift:.3f} sd", "normal", part * shift, 0.0),
                (f"flag of 10 % to {0.1 + part * (share - 0.1):.1%}", "flag of 10 %", 0.0, part * (share - 0.1)),
            )
            for title, name, by, more in cases:
                detected = 0
                for _ in range(windows):
                    values = [LAWS[name](random, rows, None) for rows in (50_000, m)]
                    if name == "normal":
                        values[1] += by
                    else:
                        values[1] = (random.random(m) < 0.1 + more).astype(float)
                    p = combine_p_values(compare_columns(*(column(name, sample) for sample in values)))
                    detected += p * tables <= BUDGET
                power = detected / windows
                if windows < 200:
                    slack = 2.33 * math.sqrt(0.9 * 0.1 / windows)
                else:
                    slack = 0.0
                mark = low - slack <= power <= high + slack
                yield Mark(f"found: {title}, {m:,} rows", power, f"{low} to {high}", mark)


def clustered(full: bool) -> Iterator[Mark]:
    """A6: sessions of 1 to 40 equal rows, beside a baseline that kept its parts. What alarms without them is printed."""
    windows = 200 if full else 30
    for law, shift in ((sessions, 1.0), (wobbling, 0.5), (LAWS["normal"], 0.3)):
        for m in (200, 1_000, 10_000):
            random = np.random.default_rng(SEED)
            bare = robust = alarms = detected = 0
            for _ in range(windows):
                values = law(random, 20_000, None)
                baseline = column("normal", values)
                past = estimate_parts(values)
                values = law(random, m, None)
                window = column("normal", values)
                moved = column("normal", values + shift)
                bare += combine_p_values(compare_columns(baseline, window)) <= BUDGET
                robust += gap(baseline, window) - 1.8 * math.sqrt(1 / 20_000 + 1 / m) > 0.1
                alarms += compare_with_baseline(past, baseline, window) <= BUDGET
                detected += compare_with_baseline(past, baseline, moved) <= BUDGET
            name = getattr(law, "__name__", "normal").replace("drawn", "independent")
            print(f"        {name}, windows of {m:,}: of {windows} bare p-values alarm in {bare}, Robust in {robust}")
            print(f"        {name}, windows of {m:,}: a shift of {shift} sd is found in {detected}")
            maximum = within(windows, BUDGET)
            yield Mark(
                f"with parts: {name}, windows of {m:,} that alarm of {windows}",
                alarms,
                f"<= {maximum}",
                alarms <= maximum,
            )


def estimate_parts(
    values: Values, part_count: int = 32, longest: int = 512, kind: ColumnType = ColumnType.FRACTIONAL
) -> WindowStatistics | None:
    """The raw statistics of stretches of a baseline, as its scan keeps them; None if it looks sorted."""
    step = len(values) // part_count
    chosen = [values[start : start + min(step, longest)] for start in range(0, part_count * step, step)]
    present = [part[~np.isnan(part)] for part in chosen]
    runs = RowRuns(
        tuple(
            RowRun(float(lot), len(part), is_present.tobytes(), is_present.astype(np.uint64).tobytes())
            for lot, (part, is_present) in enumerate(zip(chosen, present, strict=True))
        )
    )
    return estimate_block_variation(Profile(len(values), (FeatureProfile("x", kind),)), [runs]).past.get("x")


def compare_with_baseline(
    past: WindowStatistics | None, baseline: Column, window: Column, pooled_variance: PooledVariance | None = None
) -> float:
    """The p-value of a window, beside how others varied; without them 0 if `Robust` alarms, else 1. others: other columns."""
    if past is None:
        return float(gap(baseline, window) - 1.8 * math.sqrt(1 / baseline.present + 1 / window.present) <= 0.1)
    (column_test,) = compute_column_tests(
        [ColumnRequest(distribution(baseline), distribution(window), past=past, pooled_variance=pooled_variance)]
    )
    return column_test.p if column_test is not None else 1.0


def distribution(column: Column) -> FeatureDistribution:
    if column.numbers is None:
        kind = InferredType.STRING
    else:
        kind = InferredType.FRACTIONAL
    return FeatureDistribution(kind, column.rows, column.present, column.numbers, column.categories or None)


def make_sessions(random: np.random.Generator, users: int, wrong: str = "") -> dict[str, Any]:
    """Sessions of 20 rows whose columns are those of their user, as are missing values and the plan."""
    data: dict[str, Any] = {f"x{number}": np.repeat(random.standard_normal(users), 20) for number in range(6)}
    shares = np.array([0.4, 0.3, 0.2, 0.1])
    data["plan"] = np.repeat(random.choice(["basic", "plus", "premium", "trial"], users, p=shares), 20).astype(object)
    missing = np.repeat(random.random(users) < (0.5 if wrong == "missing" else 0.1), 20)
    data["age"] = np.where(missing, np.nan, random.standard_normal(20 * users))
    if wrong == "new":
        data["plan"][np.repeat(random.random(users) < 0.3, 20)] = "gold"
    return add_fault(data, wrong)


def partly(random: np.random.Generator, users: int, wrong: str = "") -> dict[str, Any]:
    """Sessions of 1 to 39 rows, which have a third of their variance from their user."""
    lengths = random.integers(1, 40, users)
    rows = int(lengths.sum())

    def drawn() -> Values:
        user_values: Values = np.repeat(random.standard_normal(users), lengths) * 3**-0.5
        return user_values + random.standard_normal(rows) * (2 / 3) ** 0.5

    return add_fault({f"x{number}": drawn() for number in range(8)}, wrong)


def alone(random: np.random.Generator, users: int, wrong: str = "") -> dict[str, Any]:
    """Rows by themselves."""
    return add_fault({f"x{number}": random.standard_normal(20 * users) for number in range(8)}, wrong)


def add_fault(data: dict[str, NDArray[np.float64]], wrong: str) -> dict[str, NDArray[np.float64]]:
    rows = len(data["x0"])
    if wrong == "shift":
        data["x0"] = data["x0"] + 1.5
    if wrong == "half":
        data["x0"][rows // 2 :] += 4
    return data


def groups(full: bool) -> Iterator[Mark]:
    """4: rows of users, beside a baseline in order and a shuffled one: what alarms, and what is found, on the first day."""
    windows, tries = (720, 60) if full else (60, 20)
    monitor = DataQualityMonitor()
    for law, wrongs in (
        (make_sessions, ("shift", "half", "missing", "new")),
        (partly, ("shift", "half")),
        (alone, ("shift", "half")),
    ):
        for shuffled in (False, True):
            for users in (10, 50, 100):
                random = np.random.default_rng(SEED)
                table = law(random, 1_000)
                if shuffled:
                    order = random.permutation(len(table["x0"]))
                else:
                    order = np.arange(len(table["x0"]))
                baseline = run_baseline(
                    pa.table({name: pa.array(values[order], from_pandas=True) for name, values in table.items()}),
                    monitor,
                    engine="local",
                )

                def alarms(runs: int, wrong: str = "") -> int:
                    tables = (law(random, users, wrong) for _ in range(runs))  # noqa: B023
                    evaluations = (
                        run_monitoring(
                            pa.table({name: pa.array(values, from_pandas=True) for name, values in table.items()}),
                            monitor,
                            baseline,  # noqa: B023
                            engine="local",
                        )
                        for table in tables
                    )
                    return sum(bool(findings.violations.violations) for findings in evaluations)

                title = f"{law.__name__}, {users * 20:,} rows, baseline {'shuffled' if shuffled else 'in order'}"
                healthy = alarms(windows)
                maximum = within(windows, BUDGET)
                yield Mark(f"{title}: windows of {windows} that alarm", healthy, f"<= {maximum}", healthy <= maximum)
                for wrong in wrongs:
                    detected = alarms(tries, wrong)
                    if users < 50 or (wrong in ("missing", "new") and users < 100):
                        print(f"        {title}: {wrong} is found in {detected} of {tries}")
                        continue
                    yield Mark(f"{title}: {wrong}, found of {tries}", detected, ">= 95 %", detected >= 0.95 * tries)


def named_groups(full: bool) -> Iterator[Mark]:
    """4: the same rows in no order, neither in the baseline nor in the windows, with a column that names the users."""
    windows, tries = (720, 60) if full else (60, 20)
    monitor = DataQualityMonitor(settings=MonitoringSettings(group_column="user"))
    maximum = within(windows, BUDGET)
    for law, wrongs in ((make_sessions, ("shift", "missing", "new")), (alone, ("shift",))):
        random = np.random.default_rng(SEED)

        def table(users: int, wrong: str = "") -> pa.Table:
            data = law(random, users, wrong)  # noqa: B023
            data["user"] = np.repeat(random.integers(0, 2**40, users).astype(str), 20)  # noqa: B023
            order = random.permutation(20 * users)  # noqa: B023
            return pa.table({name: pa.array(values[order], from_pandas=True) for name, values in data.items()})

        baseline = run_baseline(table(1_000), monitor, engine="local")

        def alarms(runs: int, users: int, wrong: str = "") -> int:
            evaluations = (run_monitoring(table(users, wrong), monitor, baseline, engine="local") for _ in range(runs))  # noqa: B023
            return sum(bool(findings.violations.violations) for findings in evaluations)

        for users in (10, 50, 100):
            title = f"{law.__name__}, {users * 20:,} scattered rows of {users} named users"
            healthy = alarms(windows, users)
            yield Mark(f"{title}: windows of {windows} that alarm", healthy, f"<= {maximum}", healthy <= maximum)
            for wrong in wrongs:
                detected = alarms(tries, users, wrong)
                if users < 100:
                    print(f"        {title}: {wrong} is found in {detected} of {tries}")
                    continue
                yield Mark(f"{title}: {wrong}, found of {tries}", detected, ">= 95 %", detected >= 0.95 * tries)


def make_outcomes(kind: ProblemType, random: np.random.Generator, groups: int, worse: float = 0.0) -> pd.DataFrame:
    """Labels beside predictions, of groups of one row. worse: how much larger errors are, or a share of labels turned over."""
    if kind is ProblemType.REGRESSION:
        value = random.standard_normal(groups)
        return pd.DataFrame({"label": value + (1 + worse) * random.standard_normal(groups), "prediction": value})
    if kind is ProblemType.MULTICLASS_CLASSIFICATION:
        label, prediction = random.integers(0, 4, (2, groups))
        return pd.DataFrame(
            {"label": label, "prediction": np.where(random.random(groups) < 0.25 + worse, prediction, label)}
        )
    score = random.random(groups)
    label = (random.random(groups) < score) ^ (random.random(groups) < worse)
    return pd.DataFrame({"label": label.astype(int), "prediction": (score > 0.5).astype(int), "probability": score})


def measure_known_labels(labels: int, tries: int = 60_000, metrics: int = 9) -> str:
    """What tests have that know scores to be chances and 0.3 of the labels turned over: the likelihood ratio, and accuracy, at a
    budget that as many metrics share."""
    random = np.random.default_rng([SEED, labels])
    detected = []
    for worse in (0.0, 0.3):
        score = random.random((tries, labels))
        label = (random.random(score.shape) < score) ^ (random.random(score.shape) < worse)
        likelihood = np.where(label, score, 1 - score)
        detected.append(
            (np.log(0.7 + 0.3 * (1 - likelihood) / likelihood).sum(axis=1), -((score > 0.5) == label).sum(axis=1))
        )
    (ratios, wrong), (higher, more) = detected
    shares = [
        f"{(now > np.quantile(before, 1 - BUDGET / test_count)).mean():.2f}"
        for before, now, test_count in ((ratios, higher, 1), (ratios, higher, metrics), (wrong, more, metrics))
    ]
    return f"{shares[0]} by their likelihood, {shares[1]} at the level of one of {metrics} metrics, {shares[2]} by accuracy there"


def groups_of_outcomes(full: bool) -> Iterator[Mark]:
    """4: predictions with labels in groups of ten equal ones, beside a baseline of the same; a worse model doubles its error.
    Groups lie side by side, or scattered and a column names them; scattered ones show nothing without it.
    """
    windows, tries = (720, 60) if full else (60, 20)
    maximum = within(windows, BUDGET)
    named = ", named"
    naming = ", named, each row of a window by itself"
    uneven = ", named, sizes by a Pareto law of that mean"
    scattered = ", scattered, not named"
    neighbours = ""
    numbers = ProblemType.REGRESSION
    two = ProblemType.BINARY_CLASSIFICATION
    multiclass = ProblemType.MULTICLASS_CLASSIFICATION
    cases = [(numbers, size, rows, neighbours) for size in (1, 10) for rows in (500, 2_000)]
    cases += [
        (kind, 10, rows, how)
        for kind in (numbers, two, multiclass)
        for rows in (500, 2_000)
        for how in (scattered, named)
    ]
    cases += [(kind, 1, 2_000, named) for kind in (numbers, two, multiclass)]
    cases += [(two, 10, rows, uneven) for rows in (500, 2_000)]
    cases += [(kind, 10, rows, naming) for kind in (numbers, two, multiclass) for rows in (500, 2_000)]
    for kind, size, rows, how in cases:
        random = np.random.default_rng(SEED)
        group = "user" if how in (named, uneven, naming) else None
        monitor = ModelQualityMonitor(OutcomePlan(kind, with_scores=kind is two, group_column=group), find_causes=False)
        if kind is two and how == named and size > 1:
            print(f"        {rows // size} labels of two classes: {measure_known_labels(rows // size)}")

        def table(count: int, worse: float = 0.0) -> pd.DataFrame:
            frame = make_outcomes(kind, random, count, worse).assign(user=random.integers(0, 2**40, count))  # noqa: B023
            sizes = np.ceil(np.minimum(random.pareto(1.2, count) * 2, 2_000)) if how == uneven else size  # noqa: B023
            order = np.arange(count).repeat(np.asarray(sizes, np.int64))
            return frame.iloc[order if how == neighbours else random.permutation(order)].reset_index(drop=True)  # noqa: B023

        worse = 1.0 if kind is numbers else 0.3
        alarms = Counter[float]()
        for _ in range(windows // 20):
            baseline = run_baseline(table(20_000 // size), monitor, engine="local")
            for by, count in ((0.0, 20), (worse, tries * 20 // windows)):
                drawn = [table(rows // size, by) for _ in range(count)]
                if how == naming:
                    drawn = [table.assign(user=random.integers(0, 2**40, len(table))) for table in drawn]
                evaluations = [run_monitoring(table, monitor, baseline, engine="local") for table in drawn]
                alarms[by] += sum(bool(findings.violations.violations) for findings in evaluations)
        healthy = alarms[0.0]
        detected = alarms[worse]
        title = f"outcomes, {kind.value}, in groups of {size}, {rows:,} rows{how}"
        if how == scattered:
            print(f"        {title}: {healthy} healthy windows of {windows} alarm")
            continue
        yield Mark(f"{title}: windows of {windows} that alarm", healthy, f"<= {maximum}", healthy <= maximum)
        window_count = windows // 20 * (tries * 20 // windows)
        if kind is numbers and rows // size >= 100:
            yield Mark(
                f"{title}: twice the error, found of {window_count}",
                detected,
                ">= 95 %",
                detected >= 0.95 * window_count,
            )
        else:
            print(
                f"        {title}: {'twice the error' if kind is numbers else '0.3 turned over'} is found in "
                f"{detected} of {window_count}"
            )


def make_questions(
    random: np.random.Generator,
    groups: int,
    size: int,
    facets: int,
    *,
    same: bool,
    less: float = 0.0,
    scattered: bool = True,
) -> pa.Table:
    """Rows of named users, with a label, a prediction and what a model weighs. same: whether a user's rows are all equal; else
    facet, leaning and two features are the user's. less: by so much fewer labels of the first facet are positive. scattered:
    whether rows lie in any order, or those of a user side by side.
    """

    def repeat_values(values: Values) -> Values:
        return np.repeat(values, size)

    rows = groups if same else groups * size
    facet = random.integers(0, facets, groups)
    leaning, wrong, a, b = (
        law(groups)
        for law in (partial(random.beta, 0.5, 0.5), partial(random.beta, 0.5, 3), *[random.standard_normal] * 2)
    )
    if not same:
        facet, leaning, wrong, a, b = map(repeat_values, (facet, leaning, wrong, a, b))
    chance = np.full(rows, 0.5) if same else leaning
    label = random.random(rows) < np.clip(np.where(facet == 0, chance - less, chance), 0, 1)
    data = {
        "facet": np.char.add("f", facet.astype(str)),
        "label": label.astype(int),
        "predicted": (label ^ (random.random(rows) < (0.15 if same else wrong))).astype(int),
        "subgroup": np.char.add("s", random.integers(0, 4, rows).astype(str)),
        "a": a,
        "b": b + (0 if same else 0.3) * random.standard_normal(rows),
        "c": random.standard_normal(rows),
    }
    data = {name: repeat_values(values) if same else values for name, values in data.items()}
    data["user"] = repeat_values(random.integers(0, 2**40, groups).astype(str))
    if scattered:
        order = random.permutation(groups * size)
    else:
        order = np.arange(groups * size)
    return pa.table({name: pa.array(values[order]) for name, values in data.items()})


def bias_monitor(group_column: str | None) -> BiasMonitor:
    members = {"label": "label", "label_values_or_threshold": [1], "predicted_label": "predicted"}
    members |= {
        "facet": [{"name_or_index": "facet"}],
        "group_variable": "subgroup",
        "excluded_columns": ["user", "subgroup"],
    }
    members["methods"] = {part: {"methods": "all"} for part in ("pre_training_bias", "post_training_bias")}
    measures = BiasMeasures.of(AnalysisConfig.from_json(json.dumps(members)))
    return BiasMonitor(replace(measures, group_column=group_column), find_causes=False)


def groups_of_bias(full: bool) -> Iterator[Mark]:
    """4: bias where a column names groups of rows, or neighbours show them: what alarms, and what is found beside as many rows by
    themselves. Groups whose rows lie scattered show nothing without a column.
    """
    windows, tries = (720, 60) if full else (60, 20)
    maximum = within(windows, BUDGET)
    named = ""
    scattered = ", not named"
    neighbours = ", not named, side by side"
    for title, size, facets, same, groups, how in (
        ("10 equal rows", 10, 2, True, (50, 200, 400), named),
        ("10 equal rows", 10, 12, True, (50,), named),
        ("10 equal rows", 10, 2, True, (50,), scattered),
        ("10 equal rows", 10, 2, True, (50, 200, 400), neighbours),
        ("10 equal rows", 10, 12, True, (50,), neighbours),
        ("sessions of 20", 20, 2, False, (50, 200), named),
        ("sessions of 20", 20, 2, False, (50,), scattered),
        ("sessions of 20", 20, 2, False, (50, 200), neighbours),
        ("rows alone", 1, 2, True, (200, 400), named),
        ("rows alone", 1, 2, True, (200, 400), scattered),
        ("rows alone", 1, 12, True, (50, 100), scattered),
    ):
        random = np.random.default_rng(SEED)
        monitor = bias_monitor("user" if how == named else None)
        draw = partial(make_questions, random, size=size, facets=facets, same=same)
        table = partial(draw, scattered=how != neighbours)
        baseline = run_baseline(draw(2_000), monitor, engine="local")

        def alarms(tables: Iterable[pa.Table]) -> int:
            evaluations = (run_monitoring(table, monitor, baseline, engine="local") for table in tables)  # noqa: B023
            return sum(bool(findings.violations.violations) for findings in evaluations)

        for count in groups:
            law = f"{title}, {count * size:,} rows, {facets} facets{how}"
            healthy = alarms(table(count) for _ in range(windows))
            if size > 1 and how == scattered:
                print(f"        {law}: {healthy} healthy windows of {windows} alarm")
                continue
            yield Mark(f"{law}: windows of {windows} that alarm", healthy, f"<= {maximum}", healthy <= maximum)
            if count < 200:
                continue
            for less in (0.25, 0.35):
                detected = alarms(table(count, less=less) for _ in range(tries))
                if count < 400 or less < 0.35:
                    print(f"        {law}: labels less by {less} are found in {detected} of {tries}")
                    continue
                yield Mark(f"{law}: less by {less}, found of {tries}", detected, ">= 95 %", detected >= 0.95 * tries)


def weighed(rows: pd.DataFrame) -> pd.Series[float]:
    """A model that is no sum: its attributions differ from row to row of one value."""
    return 3 * rows["a"] + 1.5 * rows["b"] + 0.75 * rows["c"] * rows["a"]


def groups_of_attributions(full: bool) -> Iterator[Mark]:
    """4: attributions where a column names groups of rows, or neighbours show them; one whose feature's spread grows by a factor
    is to be found.
    """
    windows, tries = (720, 60) if full else (60, 20)
    maximum = within(windows, BUDGET)
    members: dict[str, Any] = {"methods": {"shap": {"baseline": [[0, 0, 0]]}}}
    members["excluded_columns"] = ["user", "facet", "label", "predicted", "subgroup"]
    measures = AttributionMeasures.of(AnalysisConfig.from_json(json.dumps(members)), weighed)
    named = ""
    scattered = ", not named"
    neighbours = ", not named, side by side"
    for title, size, same, groups, how in (
        ("10 equal rows", 10, True, (50, 200), named),
        ("10 equal rows", 10, True, (50, 200), neighbours),
        ("sessions of 20", 20, False, (10, 50, 200), named),
        ("sessions of 20", 20, False, (10,), scattered),
        ("sessions of 20", 20, False, (10, 50, 200), neighbours),
        ("rows alone", 1, True, (200,), named),
        ("rows alone", 1, True, (200,), scattered),
    ):
        random = np.random.default_rng(SEED)
        group = "user" if how == named else None
        monitor = ExplainabilityMonitor(replace(measures, group_column=group))
        draw = partial(make_questions, random, size=size, facets=2, same=same)
        table = partial(draw, scattered=how != neighbours)
        baseline = run_baseline(draw(2_000), monitor, engine="local")

        def alarms(tables: Iterable[pa.Table]) -> int:
            evaluations = (run_monitoring(table, monitor, baseline, engine="local").results for table in tables)  # noqa: B023
            return sum(any(finding.status is CheckStatus.VIOLATED for finding in results) for results in evaluations)

        def stretched(rows: pa.Table, times: float) -> pa.Table:
            return rows.set_column(rows.column_names.index("a"), "a", pc.multiply(rows["a"], times))

        for count in groups:
            law = f"attributions, {title}, {count * size:,} rows{how}"
            healthy = alarms(table(count) for _ in range(windows))
            if size > 1 and how == scattered:
                print(f"        {law}: {healthy} healthy windows of {windows} alarm")
                continue
            yield Mark(f"{law}: windows of {windows} that alarm", healthy, f"<= {maximum}", healthy <= maximum)
            for times in (1.5, 2.0) if count >= 200 else ():
                detected = alarms(stretched(table(count), times) for _ in range(tries))
                if times < 2:
                    print(f"        {law}: {times} times the spread of a feature is found in {detected} of {tries}")
                    continue
                yield Mark(
                    f"{law}: {times:g} times the spread, found of {tries}",
                    detected,
                    ">= 95 %",
                    detected >= 0.95 * tries,
                )


def few(full: bool) -> Iterator[Mark]:
    """A baseline of 1,500 rows beside windows of 800, twelve times as large as its parts: a text of 30 % of the rows has 45 %.
    Healthy windows of one law have that share each time, of the other shares that vary by 0.03.
    """
    windows = 400 if full else 60
    for wobble in (0.0, 0.03):
        for earlier in (0, 16, 24):
            random = np.random.default_rng(SEED)
            alarms = detected = 0
            for _ in range(windows):
                values = flags(random, 1_500, wobble, block_rows=46)
                baseline = column("2 categories", values)
                past = estimate_parts(values, kind=ColumnType.TEXT)
                healthy = [column("2 categories", flags(random, 800, wobble)) for _ in range(earlier + 1)]
                raws = [score_window(distribution(baseline), distribution(column)) for column in healthy[1:]]
                if past is not None:
                    past = {name: np.append(past[name], [raw[name] for raw in raws if raw]) for name in past}
                moved = column("2 categories", flags(random, 800, wobble, share=0.45))
                alarms += compare_with_baseline(past, baseline, healthy[0]) <= OF_DRIFT
                detected += compare_with_baseline(past, baseline, moved) <= OF_DRIFT
            title = f"shares vary by {wobble}, {earlier} earlier windows: healthy ones that alarm of {windows}"
            maximum = within(windows, OF_DRIFT)
            if earlier or not wobble:
                yield Mark(title, alarms, f"<= {maximum}", alarms <= maximum)
            else:
                print(f"        {title}: {alarms}")
            print(f"        shares vary by {wobble}, {earlier} earlier windows: the change is found in {detected}")


# rows of a baseline, and columns of a table
N = 20_000
COMPANY = 100
OF_DRIFT, OF_MISSING = (allocate_budget(BUDGET, FAMILIES)[name] for name in ("drift", "completeness"))


@dataclass(frozen=True)
class Change:
    """What changes in one column, and the p-value of the test that knows what it is, of baseline and window."""

    what: str
    kind: str
    law: Law
    changed: Callable[[np.random.Generator, Values], Values]
    known: Callable[[Values, Values], float]

    @property
    def type(self) -> ColumnType:
        if self.kind in TEXTS:
            return ColumnType.TEXT
        return ColumnType.FRACTIONAL


def oracle(full: bool) -> Iterator[Mark]:
    """5: power beside a test that knows what changes, of one column of a table of 100 that is alone in changing. The change is
    the one that the other test finds nine times in ten at 1/720, or the least that is worth a word: 0.02, 0.05 sd.

    Printed is what is left from stage to stage, at the column's own level: the test that knows; if it looks both ways; with
    drift's part of the budget; our best test; all of them together; if how windows vary is told by 32 parts of that column; by
    those of all columns. Behind them what no test can do better: one that looks for all changes of a number at once, and one
    that has to learn from parts how windows vary.
    """
    tables, baselines, per_baseline = (
        (10, 10, 6) if full else (6, 10, 3)
    )  # parts of one table are all wider or narrower by chance
    window_count = tables * baselines * per_baseline
    for m in (200, 1_000, 5_000, 50_000):
        for number, change in enumerate(list_changes(m)):
            detected = Counter[str]()
            healthy = Counter[str]()
            for table in range(tables):
                random = np.random.default_rng([SEED, 92, m, number, table])
                drawn = [change.law(random, N, None) for _ in range(COMPANY)]
                pasts = [estimate_parts(values, kind=change.type) for values in drawn]
                pooled_variance = PooledVariance([past for past in pasts if past is not None], N * m / (N + m))
                for values, past in list(zip(drawn, pasts, strict=True))[:baselines]:
                    before = column(change.kind, values)
                    for _ in range(per_baseline):
                        unchanged = np.asarray(change.law(random, m, None), float)
                        moved = np.asarray(change.changed(random, change.law(random, m, None)), float)
                        healthy.update(alarms_by(before, column(change.kind, unchanged), past, pooled_variance))
                        detected.update(alarms_by(before, column(change.kind, moved), past, pooled_variance))
                        p = change.known(values, moved)
                        levels = {"known": BUDGET, "both ways": BUDGET / 2, "its part": OF_DRIFT / 2}
                        detected.update(name for name, level in levels.items() if p <= level)
            stages = ("known", "both ways", "its part", "best", INDEPENDENTLY, "by its parts", IN_COMPANY)
            print(
                f"        {m:,} rows, {change.what}: "
                + ", ".join(f"{detected[stage] / window_count:.2f} {stage}" for stage in stages)
            )
            for name in (INDEPENDENTLY, IN_COMPANY):
                power = detected[name] / window_count
                maximum = within(window_count, OF_DRIFT)
                yield Mark(f"{m:,} rows, {change.what}, {name}", power, ">= 0.75", power >= 0.75)
                title = f"{m:,} rows, {change.kind}, {name}: healthy of {window_count} that alarm"
                yield Mark(title, healthy[name], f"<= {maximum}", healthy[name] <= maximum)
        if m <= 5_000:
            print(f"        {m:,} rows: {best_of_all(m)}; {estimate_power_by_parts(m)}")
    yield from oracle_of_wobble(full)


def best_of_all(m: int, tries: int = 4_000) -> str:
    """What a test has at most that looks for the changes of a normal number at once, each of its size, either way or at either
    end: the mean likelihood ratio with those weights that make the least power largest (Neyman and Pearson 1933), of a baseline
    that is known. The least power of any test is no larger.
    """
    random = np.random.default_rng([SEED, m])
    rows = round(N * m / (N + m))
    shift = list_sizes(m)["mean"]
    scale = list_sizes(m)["scale"]
    more = list_sizes(m)["tail"] / 0.99
    end = stats.norm.isf(0.01)

    def ratios(changed: Callable[[Values], Values], batch_size: int) -> Values:
        batches = []
        for _ in range(batch_size // 1_000):
            x = changed(random.standard_normal((1_000, rows)))
            total = x.sum(axis=1)
            squares = (x * x).sum(axis=1)
            ends = [(x > end).sum(axis=1), (x < -end).sum(axis=1)]
            means = [by * total - rows * by**2 / 2 for by in (shift, -shift)]
            scales = [squares / 2 * (1 - by**-2) - rows * math.log(by) for by in (scale, 1 / scale)]
            tails = [k * math.log1p(99 * more) + (rows - k) * math.log1p(-more) for k in ends]
            batches.append([*means, *scales, *tails])
        return np.concatenate(batches, axis=1)

    def thicker(x: Values) -> Values:
        return np.where(random.random(x.shape) < more, stats.norm.isf(random.random(x.shape) * 0.01), x)

    healthy = ratios(lambda x: x, 50 * tries if m < 5_000 else 10 * tries)
    moved = [ratios(by, tries) for by in (lambda x: x + shift, lambda x: x * scale, lambda x: x / scale, thicker)]
    weights = np.full((6, 1), 1 / 6)
    powers = np.zeros(4)
    for _ in range(12):
        level = np.quantile(np.logaddexp.reduce(healthy + np.log(weights)), 1 - OF_DRIFT)
        powers = np.array([(np.logaddexp.reduce(log_ratios + np.log(weights)) > level).mean() for log_ratios in moved])
        weights = weights * np.exp(-6 * powers[[0, 0, 1, 2, 3, 3], None])
        weights /= weights.sum()
    return f"no test has more than {powers.min():.2f} of mean, scale and tail, either way, at drift's part"


def estimate_power_by_parts(m: int, tries: int = 20_000) -> str:
    """What the change of a normal score that is found in 0.90 has, if the variance between windows is none, and only told by the
    parts of 100 columns that are known to be alike, or by those of the column: 31 squares of each.
    """
    random = np.random.default_rng([SEED, m])
    powers = []
    growth = (N * m / (N + m)) / (N * 512 / (N + 512))
    score = np.abs(random.standard_normal(tries) + stats.norm.isf(BUDGET) + POWER_OF_90)
    for freedom in (31 * COMPANY, 31):
        excess = np.maximum(random.chisquare(freedom, tries) / freedom - 1, 0)
        p = 2 * stats.t.sf(score / np.sqrt(1 + max(growth, 1) * excess), freedom)
        powers.append(f"{(p <= OF_DRIFT).mean():.2f}")
    return f"a score has {powers[0]} if the parts of {COMPANY} columns tell its variance, {powers[1]} by its own, at drift's part"


INDEPENDENTLY = "if rows are independent"
IN_COMPANY = "by the parts of all"


def alarms_by(
    before: Column, now: Column, past: WindowStatistics | None, pooled_variance: PooledVariance
) -> Iterator[str]:
    """How a column alarms, at drift's part of the budget; missing values at completeness's, too."""
    bare = compare_columns(before, now)
    lacking = chance_of_more(before.missing, before.rows, now.missing, now.rows) <= OF_MISSING
    distributions = distribution(before), distribution(now)
    p = {
        "best": min(bare_test.p for bare_test in bare),
        INDEPENDENTLY: combine_p_values(bare),
        "by its parts": compare_with_baseline(past, before, now),
        IN_COMPANY: compare_with_baseline(past, before, now, pooled_variance),
    }
    raw = score_window(*distributions)
    for name, p_value in p.items():
        is_missing = lacking
        if lacking and name in ("by its parts", IN_COMPANY) and past is not None and raw is not None:
            lacks = chance_of_more(before.missing, before.rows, now.missing, now.rows)
            missing = Component("missing", lacks, 1.0)  # completeness has no least effect
            allowed = adjust_for_between_window_variance(
                missing, raw, select_similar_size(raw, past), pooled=pooled_variance if name == IN_COMPANY else None
            )
            is_missing = allowed.p <= OF_MISSING
        if p_value <= OF_DRIFT or is_missing:
            yield name


def list_changes(m: int) -> Iterator[Change]:
    """Those that are just large enough in windows of so many rows."""
    error = math.sqrt(1 / N + 1 / m)
    f = stats.f(m - 1, N - 1)
    shift = list_sizes(m)["mean"]
    scale = list_sizes(m)["scale"]
    gaps = {0.01: list_sizes(m)["tail"]} | {share: max(find_smallest_gap(share, m), 0.02) for share in (0.05, 0.3)}
    fewest = math.ceil(math.log(BUDGET) / math.log(m / (N + m)))  # rows of a new category that are no accident
    new = max(stats.beta.ppf(0.9, fewest, m - fewest + 1), 0.02)
    end = stats.norm.isf(0.01)

    def to(value: float, share: float, total: float) -> Callable[[np.random.Generator, Values], Values]:
        return lambda random, x: np.where(random.random(len(x)) < share / total, value, x)

    def more(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> float:
        return chance_of_more(int(before.sum()), N, int(after.sum()), m)

    yield Change(
        f"mean + {shift:.2f} sd",
        "normal",
        LAWS["normal"],
        lambda random, x: x + shift,
        lambda b, w: stats.norm.sf((w.mean() - b.mean()) / error),
    )
    yield Change(
        f"scale * {scale:.2f}",
        "normal",
        LAWS["normal"],
        lambda random, x: x * scale,
        lambda b, w: f.sf(w.var(ddof=1) / b.var(ddof=1)),
    )
    yield Change(
        f"a category of 30 % + {gaps[0.3]:.3f}",
        "2 categories",
        by_quantile(lambda ranks: ranks < 0.3),
        to(1, gaps[0.3], 0.7),
        lambda b, w: more(b == 1, w == 1),
    )
    yield Change(
        f"a new category of {new:.3f}",
        "10 categories",
        LAWS["10 categories"],
        to(99, new, 1),
        lambda b, w: (m / (N + m)) ** int((w == 99).sum()),
    )
    yield Change(
        f"5 % nulls + {gaps[0.05]:.3f}",
        "normal",
        LAWS["5 % nulls"],
        to(np.nan, gaps[0.05], 0.95),
        lambda b, w: more(np.isnan(b), np.isnan(w)),
    )
    yield Change(
        f"a tail of 1 % + {gaps[0.01]:.3f}",
        "normal",
        LAWS["normal"],
        lambda random, x: np.where(
            random.random(len(x)) < gaps[0.01] / 0.99, stats.norm.isf(random.random(len(x)) * 0.01), x
        ),
        lambda b, w: more(b > end, w > end),
    )


POWER_OF_90 = stats.norm.ppf(0.9)


@functools.cache
def list_sizes(m: int) -> dict[str, float]:
    """How large changes of a normal number are."""
    f = stats.f(m - 1, N - 1)
    error = math.sqrt(1 / N + 1 / m)
    return {
        "mean": max((stats.norm.isf(BUDGET) + POWER_OF_90) * error, 0.05),
        "scale": max(math.sqrt(f.isf(BUDGET) / f.ppf(0.1)), 1.05),
        "tail": max(find_smallest_gap(0.01, m), 0.02),
    }


def find_smallest_gap(share: float, m: int) -> float:
    """The larger share that Fisher's exact test finds nine times in ten at 1/720, beside a baseline of that share."""
    fewest = fewest_beyond_chance(round(share * N), N, m, BUDGET)
    return brentq(lambda larger_share: stats.binom.sf(fewest - 1, m, larger_share) - 0.9, share, 0.95) - share  # type: ignore[no-any-return]


def oracle_of_wobble(full: bool) -> Iterator[Mark]:
    """The same of a mean that varies from window to window by 0.06 sd, or in each column by another amount from 0.03 to 0.09,
    with 24 earlier windows; the other test knows by how much.
    """
    m = 1_000
    windows = N // 1_000
    batch = 5 if full else 1
    for title, amounts in (("0.06 sd", (0.06, 0.06)), ("0.03 to 0.09 sd", (0.03, 0.09))):
        random = np.random.default_rng(SEED + 93)

        def drawn(stretches: int, by: float) -> Values:
            return random.standard_normal(stretches * m) + np.repeat(random.normal(0, by, stretches), m)  # noqa: B023

        columns = []
        for _ in range(COMPANY):
            by = random.uniform(*amounts)
            values = drawn(windows, by)
            before = column("normal", values)
            past = estimate_parts(values)
            raws = [score_window(distribution(before), distribution(column("normal", drawn(1, by)))) for _ in range(24)]
            if past is not None:
                past = {name: np.append(past[name], [raw[name] for raw in raws if raw]) for name in past}
            columns.append((by, before, past))
        pooled_variance = PooledVariance([past for *_, past in columns if past is not None], N * m / (N + m))
        healthy = Counter[str]()
        detected = Counter[str]()
        tries = COMPANY * batch
        print(f"        a mean varies by {title}: {estimate_power_by_windows(amounts, m, N // m + 24)}")
        for by, before, past in columns * batch:
            error = math.sqrt((1 / m + by**2) * (1 + m / N))
            shift = (stats.norm.isf(BUDGET) + POWER_OF_90) * error
            window = drawn(1, by)
            for counts, values in ((healthy, window), (detected, window + shift)):
                counts.update(alarms_by(before, column("normal", values), past, pooled_variance))
        name = IN_COMPANY
        power = detected[IN_COMPANY] / tries
        print(
            f"        a mean varies by {title}: {detected['by its parts'] / tries:.2f} by its own windows, {power:.2f} {name}"
        )
        yield Mark(f"a mean varies by {title}, {name}", power, ">= 0.75", power >= 0.75)
        maximum = within(tries, OF_DRIFT)
        title = f"a mean varies by {title}: healthy of {tries} that alarm"
        yield Mark(title, healthy[name], f"<= {maximum}", healthy[name] <= maximum)


def estimate_power_by_windows(amounts: tuple[float, float], m: int, windows: int, tries: int = 6_000) -> str:
    """What a test has that knows the law of the amounts, but of a column only the variance of so many windows."""
    random = np.random.default_rng([SEED, windows])
    possible = 1 + m * np.linspace(*amounts, 61) ** 2
    true = 1 + m * random.uniform(*amounts, tries) ** 2
    estimated = true * random.chisquare(windows, tries) / windows
    score = (random.standard_normal(tries) + stats.norm.isf(BUDGET) + POWER_OF_90) * np.sqrt(true)
    likely = -windows / 2 * (np.log(possible) + estimated[:, None] / possible)
    weights = np.exp(likely - likely.max(axis=1, keepdims=True))
    p = (weights * 2 * stats.norm.sf(np.abs(score)[:, None] / np.sqrt(possible))).sum(axis=1) / weights.sum(axis=1)
    fractions = [f"{(p <= level).mean():.2f}" for level in (OF_DRIFT, OF_DRIFT / 4)]
    return (
        f"a test that knows the law of amounts and {windows} windows has {fractions[0]} at drift's part, "
        f"{fractions[1]} at a mean's"
    )


HEAVY: dict[str, Law] = {
    "Pareto 0.8": lambda random, rows, _: random.pareto(0.8, rows),
    "Cauchy": lambda random, rows, _: random.standard_cauchy(rows),
    "lognormal 3": lambda random, rows, _: random.lognormal(0, 3, rows),
}
Cells: TypeAlias = Any  # numbers, or a list of texts
KINDS: dict[str, tuple[Callable[[np.random.Generator, int], Cells], float | str]] = {
    "-1, from 0 to 89": (lambda random, rows: random.integers(0, 90, rows).astype(float), -1.0),
    "-1, lognormal": (lambda random, rows: random.lognormal(3, 1, rows), -1.0),
    "+inf": (lambda random, rows: random.normal(50, 10, rows), math.inf),
    "134, from 0 to 89": (lambda random, rows: random.integers(0, 90, rows).astype(float), 134.0),
    "an empty text": (lambda random, rows: draw_texts(random, rows, "C{:05d}"), ""),
    "a shorter code": (lambda random, rows: draw_texts(random, rows, "C{:05d}"), "C123"),
    "a postcode without its zeros": (lambda random, rows: draw_texts(random, rows, "{:05d}"), "501"),
    "a number among texts": (lambda random, rows: draw_texts(random, rows, "C{:05d}"), "123456"),
    "a text among numbers": (lambda random, rows: draw_texts(random, rows, "{:05d}"), "ABCDE"),
}


def kinds(full: bool) -> Iterator[Mark]:
    """Heavy tails are silent, and 10 of 2,000 of a kind that 10,000 rows of 100 columns had not are found, by any check."""
    windows, batch = (2_000, 20) if full else (200, 10)
    maximum = within(windows, BUDGET)
    for name, law in HEAVY.items():
        for rows, rows_title in ((1, "rows"), (20, "sessions of 20 rows")):
            random = np.random.default_rng(SEED)
            alarms = 0
            for _ in range(windows // batch):
                run = run_on(np.repeat(law(random, 10_000 // rows, None), rows))
                alarms += sum(bool(run(np.repeat(law(random, 2_000 // rows, None), rows))) for _ in range(batch))
            title = f"{name}, {rows_title}: windows of {windows:,} with an alarm"
            if rows == 1:
                yield Mark(title, alarms, f"<= {maximum}", alarms <= maximum)
            else:
                print(f"        {title}: {alarms}")
    for name, (drawn, fault) in KINDS.items():
        random = np.random.default_rng(SEED)
        detected = 0
        for _ in range(windows // batch):
            run = run_on(drawn(random, 10_000), columns=100)
            window = drawn(random, 2_000)
            window[:10] = [fault] * 10
            detected += bool(run(window))
        yield Mark(
            f"found: 10 of 2,000 of {name}, windows of {windows // batch}",
            detected,
            "all",
            detected == windows // batch,
        )


def free(full: bool) -> Iterator[Mark]:
    """Free texts, ids, whole rows and times: healthy windows of 1,000 rows are silent, and planted faults are found."""
    windows, batch = (2_000, 100) if full else (200, 50)
    random = np.random.default_rng()
    alarms = 0
    detected = dict.fromkeys(FREE, 0)
    for _ in range(windows // batch):
        baseline = run_baseline(free_columns(random, 10_000), DataQualityMonitor(), engine="local")

        def violated_by(window: pd.DataFrame, baseline: Any = baseline) -> set[str]:
            results = run_monitoring(window, DataQualityMonitor(), baseline, engine="local").results
            return {finding.check for finding in results if finding.is_violation}

        for number in range(batch):
            alarms += bool(violated_by(free_columns(random, 1_000)))
            if number < batch // 10:
                for name, (check, fault) in FREE.items():
                    detected[name] += check in violated_by(fault(free_columns(random, 1_000)))
    maximum = within(windows, BUDGET)
    tries = windows // batch * (batch // 10)
    yield Mark(f"windows of {windows:,} free columns with an alarm", alarms, f"<= {maximum}", alarms <= maximum)
    for name, detected_windows in detected.items():
        yield Mark(f"found: {name}, windows of {tries}", detected_windows, ">= 95 %", detected_windows >= 0.95 * tries)


def free_columns(random: np.random.Generator, rows: int) -> pd.DataFrame:
    drawn = random.integers(0, 10**6, (rows, 30))
    notes = [
        " ".join(f"w{word:x}" for word in word_numbers[:size])
        for word_numbers, size in zip(drawn, random.poisson(8, rows), strict=True)
    ]
    return pd.DataFrame(
        {
            "id": [f"{number:012x}" for number in random.integers(0, 2**48, rows)],
            "number": random.permutation(10**6)[:rows],
            "note": notes,
            "seen": random.integers(1_700_000_000, 1_700_003_600, rows),
            "spend": random.lognormal(3, 1, rows),
        }
    )


def with_words(column: str, change: Callable[[str], str]) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda frame: frame.assign(**{column: frame[column].map(change)})


def twice(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """2 % of the rows are there twice, as far as these columns go."""
    frame.loc[:19, columns] = frame.loc[20:39, columns].to_numpy()
    return frame


FREE: dict[str, tuple[str, Callable[[pd.DataFrame], pd.DataFrame]]] = {
    "8 words become 3": ("text_length_check", with_words("note", lambda text: " ".join(text.split()[:3]))),
    "words are joined": ("text_words_check", with_words("note", lambda text: text.replace(" ", "_"))),
    "letters become digits": ("text_letters_check", with_words("note", lambda text: re.sub("[a-f]", "7", text))),
    "2 % of the ids twice": ("repeated_value_check", lambda frame: twice(frame, ["id"])),
    "2 % of the whole numbers twice": ("repeated_value_check", lambda frame: twice(frame, ["number"])),
    "2 % of the rows twice": ("repeated_rows_check", lambda frame: twice(frame, [*frame])),
    "seconds become milliseconds": ("time_unit_check", lambda frame: frame.assign(seen=frame["seen"] * 1_000)),
}


def between(full: bool) -> Iterator[Mark]:
    """Between columns: healthy windows and halves of public tables are silent, what is planted is found, and what it costs."""
    random = np.random.default_rng()
    tries = 100 if full else 20
    windows = 1_000 if full else 100
    for rows in ("clustered", "independent"):
        alarms = 0
        detected = dict.fromkeys((*PLANTED, *(f"{name}, alone" for name in PLANTED)), 0)
        for number in range(windows):
            if number % 25 == 0:
                judge = make_judge(orders(random, 10_000), rows)
            alarms += bool(judge(orders(random, 1_000)))
            if number < tries:
                for name, (check, fault) in PLANTED.items():
                    window = orders(random, 1_000)
                    fault(window, random)
                    violated_checks = judge(window)
                    detected[name] += check in violated_checks
                    detected[f"{name}, alone"] += violated_checks == [check]
        maximum = within(windows, BUDGET)
        yield Mark(f"{rows}: windows of {windows} of orders with an alarm", alarms, f"<= {maximum}", alarms <= maximum)
        for name in PLANTED:
            yield Mark(
                f"{rows}: found: {name}, windows of {tries}", detected[name], ">= 95 %", detected[name] >= 0.95 * tries
            )
            print(f"        the only violation: {detected[f'{name}, alone']}")
        halves = 200 if full else 20
        alarms = 0
        tables = [
            getattr(datasets, f"load_{name}")(as_frame=True).frame for name in ("breast_cancer", "diabetes", "digits")
        ]
        for table in tables:
            for _ in range(halves):
                mixed = table.sample(frac=1, random_state=random).reset_index(drop=True)
                half = len(mixed) // 2
                alarms += bool(PAIRED & {*make_judge(mixed[:half], rows)(mixed[half:].reset_index(drop=True))})
        maximum = within(halves * len(tables), BUDGET)
        title = f"{rows}: halves of public tables, {halves * len(tables)}, with an alarm between columns"
        yield Mark(title, alarms, f"<= {maximum}", alarms <= maximum)
    yield from cost_of_pairs()


PAIRED = {"association_check", "relation_check"}


def make_judge(data: pd.DataFrame, rows: str) -> Callable[[pd.DataFrame], list[str]]:
    """What a window is violated by beside a baseline."""
    settings = MonitoringSettings(rows=rows)
    baseline = run_baseline(data, DataQualityMonitor(settings=settings, pairs=True), engine="local")

    def judge(window: pd.DataFrame) -> list[str]:
        results = run_monitoring(window, DataQualityMonitor(), baseline, engine="local").results
        return [finding.check for finding in results if finding.is_violation]

    return judge


def orders(random: np.random.Generator, rows: int, rho: float = 0.8) -> pd.DataFrame:
    """Columns that have to do with each other: numbers, texts, sums and products; and some that have not."""
    common = random.normal(size=rows)
    cities = ["Graz", "Linz", "Wien", "Salzburg", "Villach"]
    price = np.round(random.lognormal(2, 0.5, rows), 2)
    count = random.integers(1, 9, rows)
    city = random.choice(5, rows, p=[0.4, 0.3, 0.15, 0.1, 0.05])
    start = random.uniform(0, 10, rows)
    frame = pd.DataFrame(
        {
            "a": common,
            "b": rho * common + np.sqrt(1 - rho**2) * random.normal(size=rows),
            "price": price,
            "count": count,
            "total": np.round(price * count, 2),
            "city": np.array(cities)[city],
            "zip": np.array(["8010", "4020", "1010", "5020", "9500"])[city],
            "start": start,
            "end": start + random.exponential(2, rows),
            "visits": random.poisson(3 + 2 * (city == 0)),
            "heavy": random.pareto(1.2, rows) * (1 + (common > 0)),
            "alone": random.normal(size=rows),
        }
    )
    frame["sum"] = frame["total"] + frame["visits"]
    frame.loc[random.random(rows) < 0.1, "visits"] = np.nan
    return frame


def weaker(frame: pd.DataFrame, random: np.random.Generator) -> None:
    """Of a and b alone: the others go with a as they did."""
    a = frame["a"].to_numpy()
    frame["b"] = 0.5 * a + np.sqrt(0.75) * random.normal(size=len(a))


def swapped(first: str, second: str) -> Callable[[pd.DataFrame, np.random.Generator], None]:
    def fault(frame: pd.DataFrame, random: np.random.Generator) -> None:
        frame.loc[:9, [first, second]] = frame.loc[:9, [second, first]].to_numpy()

    return fault


def plus_one(column: str) -> Callable[[pd.DataFrame, np.random.Generator], None]:
    def fault(frame: pd.DataFrame, random: np.random.Generator) -> None:
        frame.loc[:9, column] += 1

    return fault


def replace_by_next(column: str) -> Callable[[pd.DataFrame, np.random.Generator], None]:
    """The next one of the column's values, in 1 % of the rows."""

    def fault(frame: pd.DataFrame, random: np.random.Generator) -> None:
        values = sorted(frame[column].unique())
        frame.loc[:9, column] = [values[values.index(value) - 1] for value in frame.loc[:9, column]]

    return fault


PLANTED: dict[str, tuple[str, Callable[[pd.DataFrame, np.random.Generator], None]]] = {
    "a correlation of 0.5 for 0.8": ("association_check", weaker),
    "a product broken in 1 %": ("relation_check", plus_one("price")),
    "a sum broken in 1 %": ("relation_check", plus_one("sum")),
    "an order broken in 1 %": ("relation_check", swapped("start", "end")),
    "codes that don't fit in 1 %": ("relation_check", replace_by_next("zip")),
}


def cost_of_pairs() -> Iterator[Mark]:
    """Core seconds of a window of 200,000 rows and 100 columns beside the same without pairs, in turns."""
    random = np.random.default_rng()
    with tempfile.TemporaryDirectory() as folder:
        common = random.normal(size=(220_000, 10))
        table = {
            f"x{number}": 0.8 * common[:, number % 10] + 0.6 * random.normal(size=len(common)) for number in range(70)
        }
        table |= {f"k{number}": random.poisson(3 + np.abs(common[:, number])) for number in range(10)}
        cells = [
            np.clip(2 * common[:, number % 10] + 4 + random.normal(size=len(common)), 0, 7) for number in range(20)
        ]
        frame = pd.DataFrame(
            table | {f"t{number}": np.array([*"abcdefgh"])[numbers.astype(int)] for number, numbers in enumerate(cells)}
        )
        frame[:20_000].to_parquet(f"{folder}/baseline.parquet")
        frame[20_000:].to_parquet(f"{folder}/window.parquet")
        frame[20_000:].to_csv(f"{folder}/window.csv", index=False)
        for kind in ("parquet", "csv"):
            contestants = [
                Contestant(name, partial(own_process, [sys.executable, "-c", COST, folder, kind, pairs]), rounds=3)
                for name, pairs in (("without", ""), ("with", "1"))
            ]
            race(contestants)
            without, with_pairs = (contestant.core_seconds for contestant in contestants)
            ratio = with_pairs / without
            yield Mark(
                f"pairs of 100 columns, {kind}: {with_pairs:.2f} for {without:.2f} core s",
                ratio,
                "<= 1.3",
                ratio <= 1.3,
            )


COST = """
import os, sys, time
from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
folder, kind, pairs = sys.argv[1:]
monitor = DataQualityMonitor(pairs=bool(pairs))
baseline = run_baseline(f"{folder}/baseline.parquet", monitor, engine="local")
began, cores = time.monotonic(), sum(os.times()[:4])
run_monitoring(f"{folder}/window.{kind}", monitor, baseline, engine="local")
print(time.monotonic() - began, sum(os.times()[:4]) - cores)
"""


def draw_texts(random: np.random.Generator, rows: int, pattern: str) -> list[str]:
    return [pattern.format(number) for number in random.integers(0, 99_999, rows)]


def run_on(baseline: Cells, columns: int = 1) -> Callable[[Cells], list[str]]:
    """What a window of the column x, beside others that don't change, is violated by, if the baseline kept its parts."""
    monitor = DataQualityMonitor()
    other_columns = tuple(replace(gathered(baseline), name=f"x{number}") for number in range(1, columns))
    profile = Profile(len(baseline), (gathered(baseline), *other_columns))
    constraints = monitor.constraints(profile)
    stored_baseline = monitor.stored_baseline(constraints, None, profile, constraints)
    if not isinstance(baseline, list) and (past := estimate_parts(baseline)) is not None:
        stored_baseline = stored_baseline.with_parts(Variation({"x": past}))

    def violated_by(window: Cells) -> list[str]:
        now = Profile(len(window), (gathered(window), *other_columns))
        return [
            finding.check
            for finding in monitor.judge(Sample(now, {}), stored_baseline).results
            if finding.feature == "x" and finding.is_violation
        ]

    return violated_by


def gathered(cells: Cells) -> FeatureProfile:
    """A column as a scan has it."""
    if isinstance(cells, list):
        kind = ColumnType.TEXT
    else:
        kind = ColumnType.FRACTIONAL
    column = ColumnPlan(0, kind, hashed_by_spark=False)
    numbers, other_gatherers = build_gatherers(ScanPlan((column,), LIMIT))
    block = Block([pa.record_batch([pa.array(cells)], [f"{VALUE}0"])])
    for gatherer in (numbers, *(other_gatherer for _, other_gatherer in other_gatherers)):
        gatherer.update(block)
    states = [state for _, state in numbers.states()] + [
        state for _, other_gatherer in other_gatherers for state in other_gatherer.states()
    ]
    return FeatureProfile.of("x", kind, states)


def flags(random: np.random.Generator, rows: int, wobble: float, block_rows: int = 800, share: float = 0.3) -> Values:
    """Rows of which this share is 1; another one in every run of `block_rows` rows."""
    shares = np.repeat(share + random.normal(0, wobble, rows // block_rows + 1), block_rows)[:rows]
    return (random.random(rows) < shares).astype(float)


def speed(full: bool) -> Iterator[Mark]:
    """A10: verdicts of 1,000 columns, with 336 windows of history, from its file; without Spark."""
    random = np.random.default_rng(SEED)
    columns = 1_000
    windows = 336
    names = [f"x{number}" for number in range(columns)]
    before, after = (wide_profile(names, random, rows) for rows in (20_000, 1_000))
    monitor = DataQualityMonitor()
    constraints = monitor.constraints(before)
    stored_baseline = monitor.stored_baseline(constraints, None, before, constraints)
    [raw] = {
        name: raw_statistics for _, name, raw_statistics in stored_baseline.raw_statistics(after) if name == names[0]
    }.values()
    with tempfile.TemporaryDirectory() as folder:
        history = create_history(folder)
        start = datetime(2026, 1, 1)
        tables = []
        for window_number in range(windows):
            time_ = f"{start + timedelta(hours=window_number):%Y-%m-%dT%H:%M:%SZ}"
            rows = [("baseline", name, raw) for name in names]
            tables.append(history.with_window(WindowEntry(time_, time_, "0", "x/_runs/0", "b"), rows).table)
        write_history(replace(history, table=pa.concat_tables(tables)))
        began = time.process_time()
        history_before = read_history(f"{folder}/2026/02/01/00").select_before("2027")
        judgement = monitor.judge(
            Sample(after, {}),
            stored_baseline.with_history({}, {"baseline": history_before.select_statistics("baseline")}),
        )
        assert judgement.results
        took = time.process_time() - began
    yield Mark(f"processor seconds for verdicts of {columns:,} columns, {windows} windows", took, "<= 10", took <= 10)


def parts(full: bool) -> Iterator[Mark]:
    """4.8: what the parts of a baseline cost, beside the same baseline without them: time, and bytes of its folder."""
    random = np.random.default_rng(SEED)
    rows = 2_000_000 if full else 400_000
    numbers = {f"x{number}": random.standard_normal(rows) for number in range(16)}
    texts = {f"t{number}": random.choice(["basic", "plus", "premium"], rows) for number in range(4)}
    table = pa.table(numbers | texts | {"at": random.permutation(rows)})
    monitor = DataQualityMonitor()
    runs = {
        "without": _WithoutParts(),
        "with": monitor,
        "by time": replace(monitor, time_column="at"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    sizes = {}
    for _ in range(5):
        for name, run_times in runs.items():
            began = sum(os.times()[:4])  # of this process and those it made: others' work does not count
            baseline = run_baseline(table, run_times, engine="local")
            seconds[name].append(sum(os.times()[:4]) - began)
            sizes[name] = sum(map(len, baseline.files().values()))
    for name in ("with", "by time"):
        took = min(seconds[name]) / min(seconds["without"])
        yield Mark(
            f"processor time of a baseline of {rows:,} rows, parts {name}, beside without",
            took,
            "<= 1.15",
            took <= 1.15,
        )
    size = sizes["with"] / sizes["without"]
    yield Mark("bytes of its folder, with parts beside without", size, "<= 2", size <= 2)


class _WithoutParts(DataQualityMonitor):
    def plan_scan(self, request: ScanRequest[QualityBaseline]) -> Measures:
        if request.is_baseline:
            return self.measures()
        return super().plan_scan(request)


def wide_profile(names: list[str], random: np.random.Generator, rows: int) -> Profile:
    features = []
    for name in names:
        values = random.standard_normal(rows)
        builder = MomentsBuilder()
        states = [DataTypeCounts(fractional=rows), sketch(builder.update(values, missing=0)), builder.state()]
        features.append(FeatureProfile.of(name, ColumnType.FRACTIONAL, states))
    return Profile(rows, tuple(features))


def elec2(full: bool) -> Iterator[Mark]:
    """Weeks of the electricity market (elec2), if the file is there: 20 weeks of baseline, each next one beside it and beside the
    eight before. Until week 51 three of the columns are constant, then they move.
    """
    path = Path(__file__).resolve().parents[2] / "shared" / "data" / "elec.csv"
    if not path.is_file():
        print("        elec2: there is no ../shared/data/elec.csv")
        return
    lines = path.read_text().splitlines()
    names = lines[0].lower().split(",")
    weeks = [line.split(",") for line in lines[1:]]
    for name in ("nswprice", "nswdemand", "vicprice", "vicdemand", "transfer"):
        values = np.array([float(row[names.index(name)]) for row in weeks])
        parts = [values[start : start + 336] for start in range(0, len(values) - 335, 336)]
        baseline = column(name, np.concatenate(parts[:20]))
        raw = estimate_block_variation(
            Profile(6_720, (FeatureProfile("x", ColumnType.FRACTIONAL),)),
            [RowRuns(tuple(RowRun(float(lot), 336, part.tobytes()) for lot, part in enumerate(parts[:20])))],
        ).past.get("x")
        if raw is None:
            print(f"        elec2, {name}: the weeks of the baseline differ too much")
            continue
        p = [compare_with_baseline(raw, baseline, column(name, part)) for part in parts[20:]]
        early = sum(p_value <= BUDGET / 5 for p_value in p[:31])
        late = sum(p_value <= BUDGET / 5 for p_value in p[31:])
        rolling = sum(p_value <= BUDGET / 5 for p_value in compare_with_weeks_before(name, parts[:51]))
        print(f"        elec2, {name}: of 31 weeks before week 51 alarm {early}, of {len(p) - 31} after it {late}")
        print(f"        elec2, {name}, beside the 8 weeks before: of 35 weeks before week 51 alarm {rolling}")
        if name not in ("nswprice", "nswdemand"):
            yield Mark(f"elec2, {name}: constant until week 51, weeks that alarm", early, "0", early == 0)
            yield Mark(
                f"elec2, {name}: week 51 or 52 alarms",
                min(p[31:33]),
                f"<= {BUDGET / 5:.2g}",
                min(p[31:33]) <= BUDGET / 5,
            )


def compare_with_weeks_before(name: str, weeks: list[Values], baseline_weeks: int = 8) -> Iterator[float]:
    """The p-value of each week beside the eight before, from the 16th on; earlier ones beside theirs say what is ordinary."""
    raws: list[WindowStatistics] = []
    for week in range(baseline_weeks, len(weeks)):
        before = column(name, np.concatenate(weeks[week - baseline_weeks : week]))
        after = column(name, weeks[week])
        if len(raws) >= 8:
            past = {field: np.concatenate([raw[field] for raw in raws]) for field in raws[0]}
            yield compare_with_baseline(past, before, after)
        score = score_window(*(distribution(values) for values in (before, after)))
        if score is not None:
            raws.append({field: np.array([value]) for field, value in score.items()})


def fleets(full: bool) -> Iterator[Mark]:
    """One budget for all: months of 50 healthy models, hourly and with 10 columns, by Gaussian scores of two tests a column; and
    what is found of one of 20 columns, 20,000 rows of baseline, beside 1 to 200 models that share one alarm a month.
    """
    months = 200
    models = 50
    hours = 720
    columns = 10
    random = np.random.default_rng(SEED)
    level = min(BUDGET, 1 / (models * hours))
    alarms = 0
    for _ in range(months):
        tails = 2 * stats.norm.sf(np.abs(random.standard_normal((models * hours, columns, 2))))
        p = 0.5 - np.arctan(np.tan((0.5 - np.minimum(tails, 0.75)) * math.pi).mean(axis=2)) / math.pi  # as `combined`
        close = p.min(axis=1) <= level
        alarms += sum(min(adjust_p_values(p_values)) <= level for p_values in p[close].tolist())
    maximum = int(stats.poisson.ppf(0.99, months))
    yield Mark(
        f"alarms in {months} months of {models} models, one a month allowed", alarms, f"<= {maximum}", alarms <= maximum
    )
    tries = 200 if full else 40
    baseline = {name: column(name, LAWS[name](random, 20_000, None)) for name in ("normal", "2 categories")}
    for m, (name, change) in itertools.product(
        (300, 1_000), (("normal", 0.2), ("normal", 0.3), ("normal", 0.5), ("2 categories", 0.05), ("2 categories", 0.1))
    ):
        values_before = []
        for _ in range(tries):
            values = LAWS[name](random, m, None)
            if name == "normal":
                values = values + change
            else:
                values = np.where(random.random(m) < change / 0.6, 1.0, values)
            values_before.append(20 * combine_p_values(compare_columns(baseline[name], column(name, values))))
        shares = {count: min(BUDGET, 1 / (count * hours)) / 4 for count in (1, 10, 50, 200)}  # one of four families
        power = ", ".join(
            f"{count} models {np.mean(np.array(values_before) <= share):.2f}" for count, share in shares.items()
        )
        unit = "sd" if name == "normal" else "of a share of .4"
        print(f"        found of {change} {unit}, {m:,} rows: {power}")


# 1: three weeks of hourly windows of columns that follow the clock, beside some that don't.


Hours: TypeAlias = "NDArray[np.int64]"  # since a Monday's midnight, of each row
ROWS_AN_HOUR = 300
FAULT = 0.35


def sine(amplitude: float) -> Callable[[np.random.Generator, Hours], Cells]:
    return lambda random, hours: amplitude * np.sin(2 * np.pi * hours / 24) + random.standard_normal(len(hours))


def is_night(hours: Hours) -> NDArray[np.bool_]:
    return hours % 24 < 7


def is_weekend(hours: Hours) -> NDArray[np.bool_]:
    return hours // 24 % 7 > 4


def shares_by(random: np.random.Generator, share: Values, names: tuple[str, str]) -> list[str]:
    return np.where(random.random(len(share)) < share, *names).tolist()  # type: ignore[no-any-return]


SEASONS: dict[str, Callable[[np.random.Generator, Hours], Cells]] = {
    "hour_of_day": lambda random, hours: (hours % 24).astype(float),
    "weekday": lambda random, hours: (hours // 24 % 7).astype(float),
    "hour as a text": lambda random, hours: [f"{hour % 24:02d}h" for hour in hours],
    "sine of 5 sd": sine(5.0),
    "sine of 1 sd": sine(1.0),
    "sine of .3 sd": sine(0.3),
    "level at night": lambda random, hours: 2.0 * is_night(hours) + random.standard_normal(len(hours)),
    "level at the weekend": lambda random, hours: 2.0 * is_weekend(hours) + random.standard_normal(len(hours)),
    "hour and weekday": lambda random, hours: (
        2 * np.sin(2 * np.pi * hours / 24) + 1.5 * is_weekend(hours) + random.standard_normal(len(hours))
    ),
    "scale": lambda random, hours: np.exp(np.sin(2 * np.pi * hours / 24)) * random.standard_normal(len(hours)),
    "lognormal": lambda random, hours: np.exp(np.sin(2 * np.pi * hours / 24) + random.standard_normal(len(hours))),
    "counts": lambda random, hours: random.poisson(4 + 3 * np.cos(2 * np.pi * hours / 24)).astype(float),
    "zeros at night": lambda random, hours: (
        random.lognormal(size=len(hours)) * (random.random(len(hours)) > 0.6 * is_night(hours))
    ),
    "nulls at night": lambda random, hours: np.where(
        random.random(len(hours)) < 0.3 * is_night(hours), np.nan, random.standard_normal(len(hours))
    ),
    "share by hour": lambda random, hours: shares_by(random, 0.5 + 0.4 * np.sin(2 * np.pi * hours / 24), ("a", "b")),
    "share at the weekend": lambda random, hours: shares_by(random, 0.2 + 0.4 * is_weekend(hours), ("a", "b")),
    "flag by hour": lambda random, hours: (
        random.random(len(hours)) < 0.3 + 0.2 * np.cos(2 * np.pi * hours / 24)
    ).astype(float),
}
SEASONLESS: dict[str, Callable[[np.random.Generator, Hours], Cells]] = {
    "normal": lambda random, hours: random.standard_normal(len(hours)),
    "exponential": lambda random, hours: random.exponential(size=len(hours)),
    "Poisson": lambda random, hours: random.poisson(4, len(hours)).astype(float),
    "text": lambda random, hours: shares_by(random, np.full(len(hours), 0.4), ("a", "b")),
}
FOLLOW = {**SEASONS, **SEASONLESS}


class ReducedProfile(StoredProfile):
    """A profile that is kept as it is, in place of its file."""

    def __init__(self, profile: Profile) -> None:
        features = {feature.name: feature for feature in profile.features}
        super().__init__(profile.item_count, tuple(features), None, features, "")

    def features(self, names: Collection[str], kinds: object = None) -> dict[str, FeatureProfile]:
        return {name: feature for name, feature in self._header.items() if name in names}


class Remembered(WindowHistory):
    """A history whose runs are kept in memory."""

    profiles_of: ClassVar[dict[str, Profile]] = {}

    def _read_profile(self, entry: WindowEntry) -> ReducedProfile:
        return ReducedProfile(self.profiles_of[entry.folder])


def make_hour(random: np.random.Generator, hours: Hours, fault: Mapping[str, float]) -> Profile:
    """A window in which some columns have a fault: a shift in standard deviations, of texts a third value in as large a share."""
    features = []
    for name, drawn in FOLLOW.items():
        cells = drawn(random, hours)
        if by := fault.get(name):
            if isinstance(cells, list):
                cells = [cell if random.random() > by / 5 else "c" for cell in cells]
            else:
                cells = cells + by * float(np.nanstd(cells) or 1.0)
        features.append(replace(gathered(cells), name=name))
    return Profile(len(hours), tuple(features))


@dataclass(frozen=True)
class Watched:
    """One hour of a month: what was violated, and the table of its columns with faults, judged beside the same references."""

    place: int
    violated: frozenset[str]
    recurs: bool
    hinted: bool
    with_fault: Callable[[Mapping[str, float]], set[str]]


def watched(
    random: np.random.Generator,
    hour_numbers: Iterable[int],
    start: datetime,
    lived: Callable[[int], int] = lambda hour: hour,
) -> Iterator[Watched]:
    """Hourly windows after a baseline of four weeks. places: which, in hours since `start`, a Monday's midnight. lived: the hour
    that people live in at a place, by which rows are drawn.
    """
    monitor = DataQualityMonitor()
    before = make_hour(random, random.integers(0, 28 * 24, 20_000), {})
    constraints = monitor.constraints(before)
    stored_baseline = monitor.stored_baseline(constraints, None, before, constraints).with_parts(
        parts_of_hours(random, before)
    )
    history: WindowHistory = Remembered("", create_history("").table)
    for hour_number in hour_numbers:
        ended = f"{start + timedelta(hours=hour_number + 1):%Y-%m-%dT%H:%M:%SZ}"
        reference = history.extend_baseline(stored_baseline, ended, "b")
        hours = np.full(ROWS_AN_HOUR, lived(hour_number))
        window = make_hour(random, hours, {})
        results = monitor.judge(Sample(window, {}), reference).results
        alarms = [finding for finding in results if finding.is_violation]
        yield Watched(
            hour_number,
            frozenset(finding.feature or "" for finding in alarms),
            bool(alarms) and all(map(is_recurring, alarms)),
            any(
                hint.hint == "follows_the_clock"
                for hint in monitor.judge(Sample(window, {}, NAMED_COLUMNS), reference).hints
            ),
            lambda fault: judged(monitor, make_hour(random, hours, fault), reference),  # noqa: B023
        )
        Remembered.profiles_of[ended] = window
        entry = WindowEntry(ended, ended, "0", ended, "b", bool(alarms))
        history = history.with_window(entry, reference.raw_statistics(window, find_lost_examples(results)))


def clock(full: bool) -> Iterator[Mark]:
    """What follows the hour or the weekday is told once, and is no alarm from the eighth day on; faults are found beside it."""
    for seed in range(SEED + 74, SEED + (77 if full else 75)):
        yield from measure_clock(np.random.default_rng(seed))


def measure_clock(random: np.random.Generator) -> Iterator[Mark]:
    alarms, notices = defaultdict(list), Counter[str]()  # type: ignore[var-annotated]
    open_since: dict[str, int] = {}
    detected = {name: [0, 0] for name in FOLLOW}
    for hour in watched(random, range(21 * 24), datetime(2026, 6, 1)):
        hour_number = hour.place
        if hour_number >= 14 * 24:
            pair = list(SEASONS)[hour_number % len(SEASONS)], list(SEASONLESS)[hour_number % len(SEASONLESS)]
            faulty = hour.with_fault(dict.fromkeys(pair, FAULT))
            for name in pair:
                detected[name][0] += name in faulty
                detected[name][1] += 1
        for name in hour.violated:
            alarms[name].append(hour_number)
            notices[name] += hour_number < 7 * 24 and (name not in open_since or hour_number - open_since[name] > 24)
            open_since[name] = hour_number
    for name, (seen_, tries) in detected.items():
        late = sum(alarm_hour >= 7 * 24 for alarm_hour in alarms[name])
        first = len(alarms[name]) - late
        print(
            f"        {name}: alarms in 168 hours {first}, in 336 later ones {late}; {notices[name]} notices, "
            f"faults found {seen_} of {tries}"
        )
    late = len({alarm_hour for name in SEASONS for alarm_hour in alarms[name] if alarm_hour >= 7 * 24})
    maximum = 2 + int(14 * 24 * BUDGET)
    yield Mark(
        "windows of 336 from the eighth day on, a column with a season alarms", late, f"<= {maximum}", late <= maximum
    )
    notice_count = max(notices[name] for name in SEASONS)
    yield Mark("notices of a column with a season in the first week, at most", notice_count, "<= 1", notice_count <= 1)
    power, power_without_season = (
        sum(detected[name][0] for name in group) / sum(detected[name][1] for name in group)
        for group in (SEASONS, SEASONLESS)
    )
    title = f"share found of faults of {FAULT} sd, one in each hour of the third week"
    yield Mark(
        title,
        power,
        f">= {0.85 * power_without_season:.3f}, of {power_without_season:.3f} without a season",
        power >= 0.85 * power_without_season,
    )


# hours; the Wednesday of the third week; days that are watched in all
A_DAY = 24
ODD_DAY = 16
LATER_DAYS = 26


def as_sunday(hour_number: int) -> int:
    """A Wednesday that is lived as a Sunday."""
    if hour_number // A_DAY == ODD_DAY:
        return hour_number + 4 * A_DAY
    return hour_number


def month_end(hour_number: int) -> int:
    """An afternoon and evening that are lived twelve hours off, as where everybody closes books."""
    if hour_number // A_DAY == ODD_DAY and hour_number % A_DAY >= 12:
        return hour_number + 12
    return hour_number


def earlier(hour_number: int) -> int:
    """Clocks are put forward in the night to a Sunday: at the same hour of UTC people are an hour further."""
    if hour_number >= 20 * A_DAY + 1:
        return hour_number + 1
    return hour_number


def later(hour_number: int) -> int:
    """Clocks are put back in the night to a Sunday."""
    if hour_number >= 20 * A_DAY + 1:
        return hour_number - 1
    return hour_number


def odd_days(full: bool) -> Iterator[Mark]:
    """1: a holiday, the end of a month, clocks that are put forward and back, and hours that are missing: what alarms on the day,
    and after it, from the eighth day on. A day of clocks is at the end of the third week, others are a Wednesday of it.
    """
    seeds = range(SEED + 148, SEED + (151 if full else 149))
    starts = {
        "a holiday": (datetime(2026, 6, 1), as_sunday),
        "the end of a month": (datetime(2026, 6, 15), month_end),
        "clocks forward": (datetime(2026, 3, 9), earlier),
        "clocks back": (datetime(2026, 10, 5), later),
        "hours missing": (datetime(2026, 6, 1), lambda hour: hour),
    }
    for seed, (name, (start, lived)) in itertools.product(seeds, starts.items()):
        random = np.random.default_rng([seed, len(name)])
        hour_numbers = [
            hour_number
            for hour_number in range(LATER_DAYS * A_DAY)
            if name != "hours missing" or is_there(random, hour_number)
        ]
        yield from judge_odd_days(name, watched(random, hour_numbers, start, lived), lived)


def is_there(random: np.random.Generator, hour_number: int) -> bool:
    """One hour of ten is missing, and a day and a half of the second week."""
    return random.random() > 0.1 and not 9 * A_DAY <= hour_number < 9 * A_DAY + 36


def judge_odd_days(name: str, hours: Iterator[Watched], lived: Callable[[int], int]) -> Iterator[Mark]:
    on_the_day = Counter[str]()
    after = Counter[str]()
    before = 0
    notices = 0
    hinted = 0
    is_open = False
    detected = Counter[bool]()
    tries = Counter[bool]()
    windows = 0
    for hour in hours:
        moved = lived(hour.place) != hour.place
        hour_number = hour.place
        was_open = is_open
        is_open = bool(hour.violated) and (is_open or not hour.recurs)
        if hour_number < 8 * A_DAY:
            continue
        is_odd = moved and not name.startswith("clocks")
        before += bool(hour.violated) and hour_number < ODD_DAY * A_DAY
        windows += not is_odd and hour_number >= ODD_DAY * A_DAY
        (on_the_day if is_odd else after).update(hour.violated if hour_number >= ODD_DAY * A_DAY else ())
        notices += is_open and not was_open and is_odd
        hinted += hour.hinted and moved
        if hour_number >= 21 * A_DAY:
            pair = list(SEASONS)[hour_number % len(SEASONS)], list(SEASONLESS)[hour_number % len(SEASONLESS)]
            faulty = hour.with_fault(dict.fromkeys(pair, FAULT))
            for column in pair:
                detected[column in SEASONS] += column in faulty
                tries[column in SEASONS] += 1
    if on_the_day:
        print(
            f"        {name}: {notices} notices, {sum(on_the_day.values())} alarms of {len(on_the_day)} columns on the day"
        )
    print(
        f"        {name}: {before} windows alarm in the week before; after it {dict(after)}; {hinted} hours are hinted at"
    )
    if name in ("a holiday", "the end of a month"):
        yield Mark(f"{name}: notices on the day", notices, "<= 1", notices <= 1)
    echoes = sum(after.values())
    maximum = 2 + int(windows * BUDGET)
    yield Mark(f"{name}: alarms of a column in {windows} hours after it", echoes, f"<= {maximum}", echoes <= maximum)
    power, power_on_others = (detected[is_odd] / tries[is_odd] for is_odd in (True, False))
    title = f"{name}: share found of faults of {FAULT} sd in the days after it"
    yield Mark(
        title,
        power,
        f">= {0.85 * power_on_others:.3f}, of {power_on_others:.3f} without a season",
        power >= 0.85 * power_on_others,
    )


# 4: catalogs that grow.


@dataclass(frozen=True)
class Catalog:
    """Products that are sold, by how many come on a day. lasts: how many days on average; stock: how many there are at first."""

    comes: float
    lasts: float = math.inf
    stock: int = 40

    def sold(self, random: np.random.Generator, days: int, rows: int) -> list[list[str]]:
        """Rows of each day, in their order."""
        come = random.poisson(self.comes, days)
        begins = np.concatenate((np.full(self.stock, -1), np.repeat(np.arange(days), come)))
        ends = begins + (random.exponential(self.lasts, len(begins)) if math.isfinite(self.lasts) else math.inf)
        weights = random.lognormal(0, 1, len(begins))
        products_by_day = []
        for day in range(days):
            alive = np.flatnonzero((begins <= day) & (ends > day))
            drawn = random.choice(alive, rows, p=weights[alive] / weights[alive].sum())
            products_by_day.append([f"p{product}" for product in drawn])
        return products_by_day


CATALOGS = {
    "1 a day, none goes": (Catalog(1), 500),
    "11 a day, none goes": (Catalog(11, stock=300), 2_000),
    "11 a day, which last 30 days": (Catalog(11, 30, 330), 2_000),
    "3 a day, which last 60 days": (Catalog(3, 60, 180), 1_000),
}
CLOSED = {"closed": (Catalog(0), 500), "closed, 2,000 products": (Catalog(0, stock=2_000), 500)}
DAYS = 60
LATER = 60
GROWTH = 87


def growth(full: bool) -> Iterator[Mark]:
    """4: 60 days of catalogs after 60 of baseline: healthy windows, three times the usual number of new products, and one new one
    in 5 % of the rows; and catalogs that are closed, with one new product in 2 % of the rows.
    """
    tries, windows = (20, 20 * LATER) if full else (4, 4 * LATER)
    for name, (catalog, rows) in {**CATALOGS, **CLOSED}.items():
        alarms = 0
        detected = {kind: [0, 0] for kind in (("burst", "one") if catalog.comes else ("one",))}
        for seed in range(tries):
            random = np.random.default_rng([SEED, GROWTH, seed])
            days = catalog.sold(random, DAYS + LATER, rows)
            before = [value for day in days[:DAYS] for value in day]
            text_baseline = baseline_of_texts(before, are_by_time=math.isfinite(catalog.lasts))
            history: WindowHistory = Remembered("", create_history("").table)
            monitor = DataQualityMonitor()
            for day_number, day in enumerate(days[DAYS:]):
                ended = f"{datetime(2026, 6, 1) + timedelta(days=day_number + 1):%Y-%m-%dT%H:%M:%SZ}"
                reference = history.extend_baseline(text_baseline, ended, "b")
                if day_number >= (16 if catalog.comes else 0) and day_number % 4 == 0:
                    for kind, counts in detected.items():
                        new = 2 * int(catalog.comes) if kind == "burst" else 1
                        if kind == "burst":
                            size = 3 * new
                        else:
                            size = rows // (20 if catalog.comes else 50)
                        positions = random.choice(rows, size, replace=False)
                        changed = [*day]
                        for number, row in enumerate(positions):
                            changed[row] = f"new{number % new}"
                        counts[0] += bool(judged(monitor, Profile(rows, (gathered(changed),)), reference))
                        counts[1] += 1
                window = Profile(rows, (gathered(day),))
                results = monitor.judge(Sample(window, {}), reference).results
                violated = any(finding.is_violation for finding in results)
                alarms += violated
                Remembered.profiles_of[ended] = window
                entry = WindowEntry(ended, ended, "0", ended, "b", violated)
                history = history.with_window(entry, reference.raw_statistics(window, find_lost_examples(results)))
        text = ", ".join(f"{kind} found in {hits} of {total}" for kind, (hits, total) in detected.items())
        print(f"        {name}: {alarms} of {windows} healthy windows alarm; {text}")
        maximum = within(windows, BUDGET)
        yield Mark(f"{name}: healthy windows of {windows} with an alarm", alarms, f"<= {maximum}", alarms <= maximum)
        if catalog.comes > 10 or not catalog.comes:
            share = (lambda hits, total: hits / total)(*next(iter(detected.values())))
            yield Mark(f"{name}: share found", share, ">= 0.95", share >= 0.95)


def baseline_of_texts(cells: list[str], *, are_by_time: bool) -> Any:
    """A baseline of one column of texts, with 32 parts along its rows."""
    monitor = DataQualityMonitor()
    profile = Profile(len(cells), (gathered(cells),))
    rows = len(cells) // 32
    runs = []
    for part in range(32):
        hashes = np.array([hash(cell) for cell in cells[part * rows : part * rows + min(rows, 512)]])
        runs.append(RowRun(float(part), len(hashes), b"", hashes.astype(np.int64).astype(np.uint64).tobytes()))
    row_runs = RowRuns(tuple(runs))
    constraints = monitor.constraints(profile)
    stored_baseline = monitor.stored_baseline(constraints, None, profile, constraints)
    return stored_baseline.with_parts(estimate_block_variation(profile, [row_runs], are_by_time=are_by_time))


def parts_of_hours(random: np.random.Generator, profile: Profile) -> Variation:
    """How parts of the baseline vary, whose rows are in no order, as its scan would say."""
    runs = []
    for drawn in FOLLOW.values():
        cells = [drawn(random, random.integers(0, 28 * 24, 512)) for _ in range(32)]
        numbers = [np.zeros(512) if isinstance(part, list) else part for part in cells]
        hashes = [np.array([hash(cell) for cell in part]) for part in cells]
        runs.append(
            RowRuns(
                tuple(
                    RowRun(
                        float(lot),
                        512,
                        numbers_of_lot[~np.isnan(numbers_of_lot)].tobytes(),
                        codes.astype(np.int64).astype(np.uint64).tobytes(),
                    )
                    for lot, (numbers_of_lot, codes) in enumerate(zip(numbers, hashes, strict=True))
                )
            )
        )
    return estimate_block_variation(profile, runs)


def judged(monitor: DataQualityMonitor, window: Profile, reference: Any) -> set[str]:
    return {
        finding.feature or ""
        for finding in monitor.judge(Sample(window, {}), reference).results
        if finding.is_violation
    }


def wobbling(random: np.random.Generator, rows: int, _: object = None) -> Values:
    """Rows whose mean is another one every 500 rows."""
    moved: Values = random.standard_normal(rows) + np.repeat(random.normal(0, 0.08, rows // 500 + 1), 500)[:rows]
    return moved


def sessions(random: np.random.Generator, rows: int, _: object = None) -> Values:
    lengths = random.integers(1, 41, rows)
    return np.repeat(random.standard_normal(rows), lengths)[:rows]


PARTS = {
    part.__name__: part
    for part in (
        budget,
        limits,
        columns,
        coverage,
        find_changes,
        clustered,
        groups,
        named_groups,
        groups_of_outcomes,
        groups_of_bias,
        groups_of_attributions,
        oracle,
        few,
        kinds,
        free,
        between,
        clock,
        odd_days,
        fleets,
        growth,
        elec2,
        speed,
        parts,
    )
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--full", action="store_true", help="the counts of the marks; without it a tenth of them or less"
    )
    parser.add_argument("--only", choices=PARTS, action="append", help="a part of it")
    parser.add_argument("--seed", type=int, default=SEED, help="of what is drawn; another one is another experiment")
    arguments = parser.parse_args()
    globals()["SEED"], missed = arguments.seed, 0
    logging.getLogger("spark_model_monitor").setLevel(logging.ERROR)
    for name in arguments.only or PARTS:
        began = time.perf_counter()
        for mark in PARTS[name](arguments.full):
            missed += not mark.met
            print(mark, flush=True)
        print(f"{name}: {time.perf_counter() - began:.0f} s\n", flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
