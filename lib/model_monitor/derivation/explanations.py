"""Why a feature's checks came out as they did. Pure.

A drift check is computed again from the two distributions; that it gives the number of checks.json is part of the explanation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from model_monitor.derivation import tables
from model_monitor.derivation.tables import Row, Table
from model_monitor.documents.check_results import QUANTILES, CheckResult
from model_monitor.monitors.data_quality.distributions import FeatureDistribution
from model_monitor.statistics.drift import NumericDistribution, Ties, compare_categorical, compare_numeric
from model_monitor.statistics.drift.distances import CRITICAL_VALUE
from model_monitor.statistics.drift.distributions import CategoryCounts

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
    table = tables.of_numbers(baseline, current, ties_lost=ties is Ties.LOST)
    if table is None:
        return NO_VALUES
    sides = {"baseline": baseline, "current": current}
    quantiles = {name: side.step_cdf().quantiles(QUANTILES) for name, side in sides.items()}
    if result.method is None:
        return Derivation(table, quantiles=quantiles)
    distance = compare_numeric(baseline, current, method=result.method, ties=ties).distance
    return Derivation(table, result.method, distance, _correction(result.method, table), quantiles)


def _of_categories(result: CheckResult, baseline: CategoryCounts, current: CategoryCounts) -> Derivation | str:
    table = tables.of_categories(baseline, current)
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
