"""Do the verdicts keep their promises where neither the leaderboard nor ablation.py looks?

python benchmarks/verdicts.py [--full] [--only PART] [--seed SEED]; --help lists them

Suggested limits of missing values, printed intervals, power beside a test that knows what changes, and groups of rows in
model quality, bias and attributions. No Spark. A mark is a bound of probability theory (docs/verdicts.md), never a result of
before. The exit status is 1 if one is missed. --full takes an hour.
"""

from __future__ import annotations

import argparse
import functools
import json
import logging
import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from laws import lose, replace_some
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import brentq

from spark_model_monitor import (
    AnalysisConfig,
    AttributionMeasures,
    BiasMeasures,
    BiasMonitor,
    ExplainabilityMonitor,
    run_baseline,
    run_monitoring,
)
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.statistics import InferredType
from spark_model_monitor.monitors.data_quality.distribution.column_tests import ColumnRequest, compute_column_tests
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import FeatureDistribution
from spark_model_monitor.monitors.data_quality.distribution.window_history import estimate_block_variation
from spark_model_monitor.monitors.model_quality.monitor import ModelQualityMonitor
from spark_model_monitor.statistics.drift import NumericDistribution
from spark_model_monitor.statistics.drift.distributions import align_categories
from spark_model_monitor.statistics.states import ColumnType, FeatureProfile, Moments, Profile, RowRun, RowRuns
from spark_model_monitor.statistics.states.kll import KllBuilder
from spark_model_monitor.statistics.states.outcome_plan import OutcomePlan
from spark_model_monitor.statistics.user_choices import ProblemType
from spark_model_monitor.statistics.verdicts.between_window_variance import PastWindows, WindowSize, judge_change
from spark_model_monitor.statistics.verdicts.components import (
    Component,
    Samples,
    fewest_beyond_chance,
    hypergeometric_tail,
)
from spark_model_monitor.statistics.verdicts.multiple_testing import (
    BUDGET,
    allocate_budget,
    combine_p_values,
    distance_interval,
)
from spark_model_monitor.statistics.verdicts.window_statistics import WindowStatistics, compare_missing_values

Values: TypeAlias = NDArray[np.float64]
Random: TypeAlias = np.random.Generator
Law: TypeAlias = Callable[[Random, int], Values]  # so many values of a population

SEED = 20260
FAMILIES = ("drift", "completeness", "contents")  # of a run without a history


def zipf(categories: int) -> Law:
    shares = 1 / np.arange(1, categories + 1) ** 1.1
    return lambda random, rows: random.choice(categories, rows, p=shares / shares.sum()).astype(float)


def flag(share: float) -> Law:
    return lambda random, rows: (random.random(rows) < share).astype(float)


NUMBERS: dict[str, Law] = {
    "normal": lambda random, rows: random.standard_normal(rows),
    "lognormal": lambda random, rows: random.lognormal(size=rows),
    "80 % zeros": lambda random, rows: random.lognormal(size=rows) * flag(0.2)(random, rows),
    "poisson(3)": lambda random, rows: random.poisson(3, rows).astype(float),
    "flag of 10 %": flag(0.1),
    "t(2)": lambda random, rows: random.standard_t(2, rows),
    "5 % nulls": lambda random, rows: lose(random, random.standard_normal(rows), 0.05),
}
TEXTS: dict[str, Law] = {"2 categories": flag(0.4), "10 categories": zipf(10), "1,000 categories": zipf(1_000)}
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
    builder = KllBuilder()
    builder.update(present)
    moments = Moments(count=len(present), minimum=float(present.min()), maximum=float(present.max()), m2=0.0)
    return Column(len(values), missing, NumericDistribution.of(builder.state(), moments), {})


def compare_columns(baseline: Column, window: Column) -> tuple[Component, ...]:
    """The components of one column of independent rows."""
    column_test = compute_column_tests(ColumnRequest(distribution(baseline), distribution(window), is_tested=True))
    return column_test.components if column_test is not None else ()


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


def limits(full: bool, seed: int) -> Iterator[Mark]:
    """Suggested completeness of 12 columns, runs below any of the limits."""
    runs = 100_000 if full else 20_000
    for level in (0.05, BUDGET):
        for n, m in ((1_000, 1_000), (20_000, 200), (20_000, 1_000), (1_000_000, 100_000)):
            for share in (0.001, 0.01, 0.05, 0.3):
                random = np.random.default_rng(seed)
                before = random.binomial(n, share, (runs, 12))
                after = random.binomial(m, share, (runs, 12))
                limit = functools.cache(lambda lacking: fewest_beyond_chance(lacking, n, m, level / 12) or m + 1)  # noqa: B023
                fewest = np.vectorize(limit)(before)
                alarms = int((after >= fewest).any(axis=1).sum())
                maximum = within(runs, level)
                title = f"completeness, level {level:.4f}: runs of {runs:,}, {share:.1%} nulls, {n:,} and {m:,} rows"
                yield Mark(title, alarms, f"<= {maximum}", alarms <= maximum)


CHANGES: tuple[tuple[str, str, Callable[[Random, Values], Values]], ...] = (
    *((name, "nothing", lambda random, values: values) for name in LAWS),
    ("normal", "mean + 0.1", lambda random, values: values + 0.1),
    ("normal", "mean + 0.5", lambda random, values: values + 0.5),
    ("normal", "scale * 1.25", lambda random, values: values * 1.25),
    ("lognormal", "5 % of 1,000", lambda random, values: replace_some(random, values, 0.05, 1_000.0)),
    ("flag of 10 %", "to 20 %", lambda random, values: replace_some(random, values, 1 / 9, 1.0)),
    ("10 categories", "a new one of 5 %", lambda random, values: replace_some(random, values, 0.05, 99.0)),
    ("10 categories", "the first two swapped", lambda random, values: np.where(values < 2, 1 - values, values)),
)


def coverage(full: bool, seed: int) -> Iterator[Mark]:
    """The true largest gap lies within the interval."""
    windows = 2_000 if full else 300
    minimum = int(stats.binom.ppf(0.01, windows, 0.95)) / windows
    for name, change, changed in CHANGES:
        random = np.random.default_rng(seed)
        law = LAWS[name]
        large = [law(random, 2_000_000), changed(random, law(random, 2_000_000))]
        true = gap(*(column(name, values) if name in TEXTS else exact(values) for values in large))
        for n, m in ((10_000, 200), (1_000, 1_000), (50_000, 10_000)):
            inside = 0
            for _ in range(windows):
                columns = column(name, law(random, n)), column(name, changed(random, law(random, m)))
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
        before, after = align_categories(baseline.categories, window.categories)
        return float(np.abs(before / before.sum() - after / after.sum()).max())
    b = baseline.numbers.cdf
    w = window.numbers.cdf
    values = np.union1d(b.values, w.values)
    return float(np.abs(b.shares_at(values) - w.shares_at(values)).max())


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


def compare_with_baseline(past: WindowStatistics | None, baseline: Column, window: Column) -> float:
    """The p-value of a window, beside how others varied; without them 0 if `Robust` alarms, else 1."""
    if past is None:
        return float(gap(baseline, window) - 1.8 * math.sqrt(1 / baseline.present + 1 / window.present) <= 0.1)
    column_test = compute_column_tests(ColumnRequest(distribution(baseline), distribution(window), past=past))
    return column_test.p if column_test is not None else 1.0


def distribution(column: Column) -> FeatureDistribution:
    if column.numbers is None:
        kind = InferredType.STRING
    else:
        kind = InferredType.FRACTIONAL
    return FeatureDistribution(kind, column.rows, column.present, column.numbers, column.categories or None)


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
    changed: Callable[[Random, Values], Values]
    known: Callable[[Values, Values], float]

    @property
    def type(self) -> ColumnType:
        if self.kind in TEXTS:
            return ColumnType.TEXT
        return ColumnType.FRACTIONAL


def oracle(full: bool, seed: int) -> Iterator[Mark]:
    """Power beside a test that knows what changes, of one column of a table of 100 that is alone in changing. The change is
    the one that the other test finds nine times in ten at 1/720, or the least that is worth a word: 0.02, 0.05 sd.

    Printed is also what is left by the best of our tests, and if 32 parts of the column tell how windows vary.
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
                random = np.random.default_rng([seed, m, number, table])
                drawn = [change.law(random, N) for _ in range(COMPANY)]
                pasts = [estimate_parts(values, kind=change.type) for values in drawn]
                for values, past in list(zip(drawn, pasts, strict=True))[:baselines]:
                    before = column(change.kind, values)
                    for _ in range(per_baseline):
                        unchanged = np.asarray(change.law(random, m), float)
                        moved = np.asarray(change.changed(random, change.law(random, m)), float)
                        healthy.update(alarms_by(before, column(change.kind, unchanged), past))
                        detected.update(alarms_by(before, column(change.kind, moved), past))
                        detected["known"] += change.known(values, moved) <= BUDGET
            stages = ("known", "best", INDEPENDENTLY, BY_PARTS)
            print(
                f"        {m:,} rows, {change.what}: "
                + ", ".join(f"{detected[stage] / window_count:.2f} {stage}" for stage in stages)
            )
            for name in (INDEPENDENTLY, BY_PARTS):
                power = detected[name] / window_count
                maximum = within(window_count, OF_DRIFT)
                yield Mark(f"{m:,} rows, {change.what}, {name}", power, ">= 0.75", power >= 0.75)
                title = f"{m:,} rows, {change.kind}, {name}: healthy of {window_count} that alarm"
                yield Mark(title, healthy[name], f"<= {maximum}", healthy[name] <= maximum)


INDEPENDENTLY = "if rows are independent"
BY_PARTS = "by its parts"


def alarms_by(before: Column, now: Column, past: WindowStatistics | None) -> Iterator[str]:
    """How a column alarms, at drift's part of the budget; missing values at completeness's, too."""
    bare = compare_columns(before, now)
    lacking = hypergeometric_tail(before.missing, before.rows, now.missing, now.rows) <= OF_MISSING
    p = {
        "best": min(bare_test.p for bare_test in bare),
        INDEPENDENTLY: combine_p_values(bare),
        BY_PARTS: compare_with_baseline(past, before, now),
    }
    for name, p_value in p.items():
        is_missing = lacking
        if lacking and name == BY_PARTS and past is not None:
            change = compare_missing_values((before.missing, before.rows), (now.missing, now.rows))
            effective = before.rows * now.rows / (before.rows + now.rows)
            is_missing = (
                judge_change(change, PastWindows(past).variance("missing", WindowSize(effective))).p <= OF_MISSING
            )
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

    def to(value: float, share: float, total: float) -> Callable[[Random, Values], Values]:
        return lambda random, x: replace_some(random, x, share / total, value)

    def more(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> float:
        return hypergeometric_tail(int(before.sum()), N, int(after.sum()), m)

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
        flag(0.3),
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


# Groups of rows in model quality, bias and attributions


NAMED = "named"
SIDE_BY_SIDE = "side by side"
SCATTERED = "scattered, not named"


@dataclass(frozen=True)
class GroupCase:
    """draw: a table of so many groups, with so large a fault. least_found: the share of faults that has to be found."""

    title: str
    monitor: Any
    draw: Callable[[int, float], pd.DataFrame]
    fault: float
    least_found: float = 0.0


def arrange(random: Random, frame: pd.DataFrame, size: int, how: str) -> pd.DataFrame:
    """Each row so many times, with a column that names its group."""
    names = random.integers(0, 2**40, len(frame)).astype(str)
    order = np.repeat(np.arange(len(frame)), size)
    if how != SIDE_BY_SIDE:
        order = random.permutation(order)
    return frame.assign(user=names).iloc[order].reset_index(drop=True)


def draw_outcomes(random: Random, kind: ProblemType, groups: int, fault: float) -> pd.DataFrame:
    """Labels beside predictions. fault: by how much errors grow, or a share of labels that is turned over."""
    if kind is ProblemType.REGRESSION:
        value = random.standard_normal(groups)
        return pd.DataFrame({"label": value + (1 + fault) * random.standard_normal(groups), "prediction": value})
    if kind is ProblemType.MULTICLASS_CLASSIFICATION:
        label, prediction = random.integers(0, 4, (2, groups))
        prediction = np.where(random.random(groups) < 0.25 + fault, prediction, label)
        return pd.DataFrame({"label": label, "prediction": prediction})
    score = random.random(groups)
    label = (random.random(groups) < score) ^ (random.random(groups) < fault)
    return pd.DataFrame({"label": label.astype(int), "prediction": (score > 0.5).astype(int), "probability": score})


def draw_decisions(random: Random, groups: int, fault: float) -> pd.DataFrame:
    """A facet, labels and predictions, of which so many fewer labels of a facet are positive; and what a model weighs."""
    facet = random.integers(0, 2, groups)
    label = random.random(groups) < np.where(facet == 0, 0.5 - fault, 0.5)
    predicted = label ^ (random.random(groups) < 0.15)
    columns = {"facet": np.char.add("f", facet.astype(str)), "label": label.astype(int)}
    columns |= {
        "predicted": predicted.astype(int),
        "subgroup": np.char.add("s", random.integers(0, 4, groups).astype(str)),
    }
    numbers = {name: random.standard_normal(groups) for name in "abc"}
    return pd.DataFrame(columns | numbers)


def weigh(rows: pd.DataFrame) -> pd.Series[float]:
    """A model that is no sum: its attributions differ from row to row of one value."""
    return 3 * rows["a"] + 1.5 * rows["b"] + 0.75 * rows["c"] * rows["a"]


def read_analysis(members: dict[str, Any]) -> AnalysisConfig:
    return AnalysisConfig.from_json(json.dumps(members))


def list_group_cases(random: Random, size: int, how: str) -> Iterator[GroupCase]:
    group_column = "user" if how == NAMED else None
    arranged = partial(arrange, random, size=size, how=how)
    for kind in (ProblemType.REGRESSION, ProblemType.BINARY_CLASSIFICATION, ProblemType.MULTICLASS_CLASSIFICATION):
        has_scores = kind is ProblemType.BINARY_CLASSIFICATION
        plan = OutcomePlan(kind, with_scores=has_scores, group_column=group_column)
        is_number = kind is ProblemType.REGRESSION
        yield GroupCase(
            f"{kind.value}, errors {'twice as large' if is_number else 'in 30 % more'}",
            ModelQualityMonitor(plan, find_causes=False),
            lambda groups, fault, kind=kind: arranged(draw_outcomes(random, kind, groups, fault)),  # type: ignore[misc]
            fault=1.0 if is_number else 0.3,
            least_found=0.95 if is_number else 0.0,
        )
    # Bias in labels and predictions
    members: dict[str, Any] = {"label": "label", "label_values_or_threshold": [1], "predicted_label": "predicted"}
    members |= {"facet": [{"name_or_index": "facet"}], "group_variable": "subgroup"}
    members["excluded_columns"] = ["user", "subgroup", *"abc"]
    members["methods"] = {part: {"methods": "all"} for part in ("pre_training_bias", "post_training_bias")}
    bias = replace(BiasMeasures.of(read_analysis(members)), group_column=group_column)
    yield GroupCase(
        "bias, a facet's positive labels fewer by .35",
        BiasMonitor(bias, find_causes=False),
        lambda groups, fault: arranged(draw_decisions(random, groups, fault)),
        fault=0.35,
        least_found=0.95,
    )
    # Attributions, of which one feature's spread grows
    members = {"methods": {"shap": {"baseline": [[0, 0, 0]]}}}
    members["excluded_columns"] = ["user", "facet", "label", "predicted", "subgroup"]
    attributions = replace(AttributionMeasures.of(read_analysis(members), weigh), group_column=group_column)

    def stretch(groups: int, fault: float) -> pd.DataFrame:
        frame = draw_decisions(random, groups, 0.0)
        return arranged(frame.assign(a=(1 + fault) * frame["a"]))

    yield GroupCase("attributions, a feature twice as wide", ExplainabilityMonitor(attributions), stretch, 1.0, 0.95)


def groups(full: bool, seed: int) -> Iterator[Mark]:
    """Rows of which ten are equal, beside a baseline of the same: what alarms, and what is found of 400 groups. Scattered rows
    that no column names show nothing.
    """
    windows, tries = (720, 60) if full else (40, 20)
    maximum = within(windows, BUDGET)
    for size, how in ((10, NAMED), (10, SIDE_BY_SIDE), (10, SCATTERED), (1, NAMED), (1, SCATTERED)):
        random = np.random.default_rng(seed)
        for case in list_group_cases(random, size, how):
            title = f"groups of {size}, {how}: {case.title}"
            alarms = detected = 0
            for number in range(windows):
                if number % 20 == 0:
                    baseline = run_baseline(case.draw(2_000, 0.0), case.monitor, engine="local")
                alarms += bool(list_violated(case.draw(400, 0.0), case.monitor, baseline))
                if number < tries:
                    detected += bool(list_violated(case.draw(400, case.fault), case.monitor, baseline))
            if size > 1 and how == SCATTERED:
                print(f"        {title}: {alarms} healthy windows of {windows} alarm, found in {detected} of {tries}")
                continue
            yield Mark(f"{title}: windows of {windows} that alarm", alarms, f"<= {maximum}", alarms <= maximum)
            fewest = case.least_found * tries
            yield Mark(f"{title}: found of {tries}", detected, f">= {fewest:g}", detected >= fewest)


def list_violated(window: pd.DataFrame, monitor: Any, baseline: Any) -> list[str]:
    """The checks that a window violates."""
    results = run_monitoring(window, monitor, baseline, engine="local").results
    return [finding.check for finding in results if finding.status is CheckStatus.VIOLATED]


Part: TypeAlias = Callable[[bool, int], Iterator[Mark]]


def run_parts(description: str | None, parts: Iterable[Part]) -> int:
    """The exit status after all parts, or those that are named."""
    by_name = {part.__name__: part for part in parts}  # type: ignore[attr-defined]
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="the counts of the marks; without it a tenth or less")
    parser.add_argument("--only", choices=by_name, action="append", help="a part of it")
    parser.add_argument("--seed", type=int, default=SEED, help="of what is drawn; another one is another experiment")
    arguments = parser.parse_args()
    logging.getLogger("spark_model_monitor").setLevel(logging.ERROR)
    missed = 0
    for name in arguments.only or by_name:
        began = time.perf_counter()
        for mark in by_name[name](arguments.full, arguments.seed):
            missed += not mark.met
            print(mark, flush=True)
        print(f"{name}: {time.perf_counter() - began:.0f} s\n", flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(run_parts(__doc__, (limits, coverage, oracle, groups)))
