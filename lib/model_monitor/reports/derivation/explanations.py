"""Why a feature's checks came out as they did: two distributions side by side, the largest gap, the formula. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from model_monitor.documents.check_results import QUANTILES, CheckResult
from model_monitor.monitors.data_quality.distributions import FeatureDistribution
from model_monitor.reports.outputs.printable import printable, text_table
from model_monitor.statistics.drift import Ties, compare_categorical, compare_numeric
from model_monitor.statistics.drift.distances import CRITICAL_VALUE, tie_losing_cdf
from model_monitor.statistics.drift.distributions import CategoryCounts, NumericDistribution, StepCdf, decile_edges

MOST_CATEGORIES = 20
"""Categories that a table shows one by one, those that differ most first; the others are added up."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table.

    label: the category; of numbers the range that the counts are of. up_to: where the range of numbers ends, included; None
    for categories. shares: of numbers those at or below `up_to`, of categories those of the category.
    """

    label: str
    baseline: int
    current: int
    baseline_share: float
    current_share: float
    up_to: float | None = None

    @property
    def gap(self) -> float:
        """How far apart the two shares are."""
        return abs(self.baseline_share - self.current_share)


@dataclass(frozen=True, slots=True)
class Table:
    """Two distributions side by side.

    kind: `numbers` or `categories`. largest: the row of the largest gap; it is among `rows`. n, m: values of the baseline and of
    the current data, as the distance counts them.
    """

    kind: str
    rows: tuple[Row, ...]
    largest: Row
    n: int
    m: int


def of_numbers(baseline: NumericDistribution, current: NumericDistribution, *, ties_lost: bool = False) -> Table | None:
    """The cumulative shares at the deciles of the baseline, at the largest gap, and at the end; None if a side has no values.

    ties_lost: count each distinct value once, as `--compat service` does.
    """
    if ties_lost:
        before, after = tie_losing_cdf(baseline.levels), tie_losing_cdf(current.levels)
    else:
        before, after = baseline.step_cdf(), current.step_cdf()
    if not (before.total and after.total):
        return None
    values = np.union1d(before.values, after.values)
    widest = values[np.abs(before.shares_at(values) - after.shares_at(values)).argmax()]
    edges = np.unique(np.concatenate((decile_edges(before), [widest, values[-1]])))
    rows = tuple(_ranges(edges, before, after))
    return Table("numbers", rows, next(row for row in rows if row.up_to == widest), before.total, after.total)


def of_categories(baseline: CategoryCounts, current: CategoryCounts) -> Table | None:
    """The shares of the categories, those that differ most first; None if a side has no values."""
    n, m = sum(baseline.values()), sum(current.values())
    if not (n and m):
        return None
    rows = [
        Row(name, baseline.get(name, 0), current.get(name, 0), baseline.get(name, 0) / n, current.get(name, 0) / m)
        for name in sorted(baseline.keys() | current.keys())
    ]
    rows.sort(key=lambda row: -row.gap)
    shown, others = rows[:MOST_CATEGORIES], rows[MOST_CATEGORIES:]
    if others:
        before, after = sum(row.baseline for row in others), sum(row.current for row in others)
        shown.append(Row(f"({len(others):,} others)", before, after, before / n, after / m))
    return Table("categories", tuple(shown), rows[0], n, m)


def _ranges(edges: np.ndarray[tuple[int], np.dtype[np.float64]], before: StepCdf, after: StepCdf) -> list[Row]:
    """A row for each range of values between neighbouring edges, the first from below."""
    sides = [cdf.ranks_at(edges) for cdf in (before, after)]
    counts = [np.diff(ranks, prepend=0) for ranks in sides]
    return [
        Row(
            _label(edges[place - 1] if place else -math.inf, edges[place]),
            int(counts[0][place]),
            int(counts[1][place]),
            float(sides[0][place] / before.total),
            float(sides[1][place] / after.total),
            float(edges[place]),
        )
        for place in range(len(edges))
    ]


def _label(above: float, up_to: float) -> str:
    return f"up to {up_to:g}" if above == -math.inf else f"{above:g} to {up_to:g}"


# Why a feature's checks came out as they did.


DRIFT = "baseline_drift_check"

NO_VALUES = "a side has no values"


@dataclass(frozen=True, slots=True)
class Derivation:
    """How a distance comes about.

    method: as constraints.json calls it; None if the check compared nothing. computed: the distance made again from the two
    distributions; None if there is none. correction: what is taken off the largest gap for chance, 0 for a method that takes
    nothing; None where the distance is no gap. quantiles: of numbers, at `summary.QUANTILES`, by the side.
    """

    table: Table
    method: str | None = None
    computed: float | None = None
    correction: float | None = None
    quantiles: Mapping[str, Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that is known of one feature, or metric, of a run.

    results: its checks. derivation: of its drift check; None if there is none, then no_derivation says why. types: how many
    cells of the current data look like what; of a feature only. lacking: kinds of states that only
    some of the merged runs have. run, baseline: where both are.
    """

    name: str
    run: str
    results: tuple[CheckResult, ...]
    derivation: Derivation | None = None
    no_derivation: str | None = None
    types: Mapping[str, int] = field(default_factory=dict)
    lacking: tuple[str, ...] = ()
    baseline: str | None = None

    @property
    def drift(self) -> CheckResult | None:
        """The drift check; None for a feature or metric that has none."""
        return next((result for result in self.results if result.check == DRIFT), None)

    @property
    def is_reproduced(self) -> bool | None:
        """Whether the distance made again is the one of checks.json; None if one of them is absent."""
        if self.derivation is None or self.derivation.computed is None or self.drift is None:
            return None
        return None if self.drift.observed is None else self.derivation.computed == self.drift.observed

    def plain(self) -> dict[str, Any]:
        """The explanation as a JSON object."""
        derivation = self.derivation
        return {
            "name": self.name,
            "run": self.run,
            "baseline": self.baseline,
            "checks": [result.plain() for result in self.results],
            "types": dict(self.types),
            "lacking": list(self.lacking),
            "derivation": None if derivation is None else _plain(derivation, reproduced=self.is_reproduced),
            "no_derivation": self.no_derivation,
        }


def derivation_of(result: CheckResult, baseline: FeatureDistribution, current: FeatureDistribution) -> Derivation | str:
    """How the drift check got its number, or why that can't be shown."""
    for side, distribution in (("baseline", baseline), ("current data", current)):
        if distribution.reason:
            return f"{side}: {distribution.reason}"
    if baseline.numbers and current.numbers:
        return _of_numbers(result, baseline.numbers, current.numbers)
    if baseline.categories and current.categories:
        return _of_categories(result, baseline.categories, current.categories)
    return "the two sides have no values of the same kind to compare"


def _of_numbers(result: CheckResult, baseline: NumericDistribution, current: NumericDistribution) -> Derivation | str:
    ties = Ties.LOST if result.ties == Ties.LOST.value else Ties.SUMMED
    table = of_numbers(baseline, current, ties_lost=ties is Ties.LOST)
    if table is None:
        return NO_VALUES
    sides = {"baseline": baseline, "current": current}
    quantiles = {name: side.step_cdf().quantiles(QUANTILES) for name, side in sides.items()}
    if result.method is None:
        return Derivation(table, quantiles=quantiles)
    distance = compare_numeric(baseline, current, method=result.method, ties=ties).distance
    return Derivation(table, result.method, distance, _correction(result.method, table), quantiles)


def _of_categories(result: CheckResult, baseline: CategoryCounts, current: CategoryCounts) -> Derivation | str:
    table = of_categories(baseline, current)
    if table is None:
        return NO_VALUES
    if result.method is None:
        return Derivation(table)
    distance = compare_categorical(baseline, current, method=result.method).distance
    return Derivation(table, result.method, distance, _correction(result.method, table))


def _correction(method: str, table: Table) -> float | None:
    """What chance may do to so few values, as the method takes it off. Source: D3.1."""
    if method in ("Robust", "LInfinity"):
        return CRITICAL_VALUE * math.sqrt((table.n + table.m) / (table.n * table.m))
    return 0.0 if method == "Simple" else None


def _plain(derivation: Derivation, *, reproduced: bool | None) -> dict[str, Any]:
    table = derivation.table
    return {
        "kind": table.kind,
        "method": derivation.method,
        "n": table.n,
        "m": table.m,
        "table": [_plain_row(row) for row in table.rows],
        "quantiles": {
            name: dict(zip(map(str, QUANTILES), found, strict=True)) for name, found in derivation.quantiles.items()
        },
        "largest_gap": {**_plain_row(table.largest), "gap": table.largest.gap},
        "correction": derivation.correction,
        "computed": derivation.computed,
        "reproduced": reproduced,
    }


def _plain_row(row: Row) -> dict[str, Any]:
    """Infinities, which a range may end in, are no JSON numbers; its label says them."""
    up_to = row.up_to if row.up_to is not None and math.isfinite(row.up_to) else None
    return {
        "label": row.label,
        **({} if row.up_to is None else {"up_to": up_to}),
        "baseline": row.baseline,
        "current": row.current,
        "baseline_share": row.baseline_share,
        "current_share": row.current_share,
    }


# An explanation for people, in plain text.


WIDTH = 120

LARGEST, NEW = "largest gap", "not in the baseline"


def as_text(explanation: Explanation) -> str:
    """The checks, then where the drift check's distance comes from, each step with its numbers."""
    return "".join(f"{printable(line)}\n" for line in _lines(explanation))


def _lines(explanation: Explanation) -> Iterator[str]:
    yield f"{explanation.name} in {explanation.run}"
    if explanation.baseline:
        yield f"held against {explanation.baseline}"
    if explanation.types:
        yield "cells: " + ", ".join(f"{count:,} {name}" for name, count in explanation.types.items())
    if explanation.lacking:
        yield f"lacks {', '.join(explanation.lacking)}: not every run that was merged has it"
    for result in explanation.results:
        yield ""
        yield from _check(result)
        if result is explanation.drift and explanation.derivation is not None:
            yield ""
            yield from _derivation(explanation.derivation, result, reproduced=explanation.is_reproduced)
        elif result is explanation.drift and explanation.no_derivation:
            yield f"  no table: {explanation.no_derivation}"


def _check(result: CheckResult) -> Iterator[str]:
    yield f"{result.check}: {result.status.value}"
    if result.observed is not None:
        threshold = "undefined" if result.threshold is None else repr(result.threshold)
        yield f"  observed {result.observed!r}, threshold {threshold}"
    if result.interval is not None:
        yield f"  interval {result.interval[0]!r} to {result.interval[1]!r}"
    if result.formula:
        yield f"  = {result.formula}"
    counts = [
        f"{name} = {value:,}"
        for name, value in (("n", result.n), ("m", result.m), ("degrees of freedom", result.degrees_of_freedom))
        if value is not None
    ]
    if result.statistic is not None:
        counts.append(f"statistic = {result.statistic!r}")
    if counts:
        yield "  with " + ", ".join(counts)
    if result.reason:
        yield f"  because {result.reason}"


def _derivation(derivation: Derivation, result: CheckResult, *, reproduced: bool | None) -> Iterator[str]:
    table, numbers = derivation.table, derivation.table.kind == "numbers"
    shares = ("F_baseline", "F_current") if numbers else ("p_baseline", "p_current")
    if derivation.quantiles:
        sides: list[list[str | float]] = [[name, *found] for name, found in derivation.quantiles.items()]
        yield from text_table(("quantile", *(f"{share:.0%}" for share in QUANTILES)), sides, width=WIDTH).splitlines()
        yield ""
    header = ("value" if numbers else "category", "baseline", "current", *shares, "gap", "")
    rows = [_cells(row, _mark(row, table)) for row in table.rows]
    yield from text_table(header, rows, width=WIDTH).splitlines()
    yield ""
    largest = table.largest
    place = f"at {largest.up_to!r}" if numbers else f"of {largest.label!r}"
    yield f"largest gap {place}: |{largest.baseline_share!r} - {largest.current_share!r}| = {largest.gap!r}"
    if derivation.correction:
        yield f"less what chance does to so few: 1.8 * sqrt((n + m) / (n * m)) = {derivation.correction!r}"
        yield f"  n = {table.n:,} values of the baseline, m = {table.m:,} of the current data"
    if derivation.computed is not None and result.threshold is not None:
        more = result.threshold < derivation.computed
        yield f"{derivation.method}: {derivation.computed!r}, {'above' if more else 'not above'} {result.threshold!r}"
    if result.adjusted_p is not None:
        yield f"the verdict is its test's, whatever the threshold: p = {result.p!r}, {result.adjusted_p!r} among all features"
    if reproduced is False:
        yield f"checks.json says {result.observed!r}: the baseline has been changed since, or another one was named"


def _mark(row: Row, table: Table) -> str:
    is_new = table.kind == "categories" and row.current > 0 and not row.baseline
    remarks = [text for text, holds in ((LARGEST, row == table.largest), (NEW, is_new)) if holds]
    return f"<- {', '.join(remarks)}" if remarks else ""


def _cells(row: Row, mark: str) -> tuple[str | int | float, ...]:
    return (
        row.label,
        row.baseline,
        row.current,
        row.baseline_share,
        row.current_share,
        row.gap,
        mark,
    )
