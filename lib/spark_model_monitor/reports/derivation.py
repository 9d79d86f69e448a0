"""How a number in checks.json was computed: `spark-model-monitor explain FEATURE --run DIR`. Reads a run's files; no JVM.

Two distributions compared, the largest gap, the formula, and the verdict; as text for people, and as JSON.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, field, replace
from itertools import pairwise

import numpy as np

from spark_model_monitor.documents.check_results import CheckResult, CheckResults, Results
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.documents.run_description import BaselineReference
from spark_model_monitor.documents.statistics import QUANTILES, Statistics
from spark_model_monitor.errors import BadInput, suggest_names
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import (
    FeatureDistribution,
    create_distribution,
)
from spark_model_monitor.monitors.data_quality.report.sentences import remove_described_values
from spark_model_monitor.reports.check_decision import describe_decision
from spark_model_monitor.reports.history import baselines
from spark_model_monitor.reports.history.state_files import PROFILE, StoredProfile
from spark_model_monitor.reports.outputs.printable import format_table, printable
from spark_model_monitor.reports.outputs.run_files import (
    Run,
    read_baseline_reference,
    read_document,
    read_optional_file,
    read_published,
)
from spark_model_monitor.statistics.drift import Ties, compare_categorical, compare_numeric
from spark_model_monitor.statistics.drift.distances import CRITICAL_VALUE, build_tie_losing_cdf
from spark_model_monitor.statistics.drift.distributions import CategoryCounts, NumericDistribution
from spark_model_monitor.statistics.drift.histograms import compute_decile_edges
from spark_model_monitor.statistics.states import FeatureProfile
from spark_model_monitor.storage import exists, join
from spark_model_monitor.value_class import value_class

WIDTH = 120  # characters of a line
# Most rows in a table of categories, the largest difference first; one more row sums the other categories
MAX_CATEGORIES = 20
MAX_LISTED_NAMES = 20  # most names of features or metrics in an error, because a data set may have thousands


NO_VALUES = "a side has no values"


class Underivable(Exception):
    """Why a number can't be recomputed."""


@value_class
class TableRow:
    """One row of a table.

    Attributes
    ----------
    label: The category, or the range of numbers that is counted.
    up_to: The upper end of the range, inclusive; None for categories.
    baseline, current: The number of values in each data set.
    baseline_share, current_share: The share of the category, or the cumulative share up to the range's end.
    """

    label: str
    up_to: float | None
    baseline: int
    current: int
    baseline_share: float
    current_share: float

    @property
    def gap(self) -> float:
        """The difference between the two shares."""
        return abs(self.baseline_share - self.current_share)


@value_class
class DistributionTable:
    """Two distributions, row by row.

    Attributes
    ----------
    kind: `numbers` or `categories`: what the rows are.
    rows: Ranges in order of their numbers, or categories in order of their gap.
    largest: The row with the largest gap, one of `rows`.
    n, m: The number of values in the baseline and in the current data, as the distance counts them.
    """

    kind: str
    rows: tuple[TableRow, ...]
    largest: TableRow
    n: int
    m: int

    @property
    def with_numbered_categories(self) -> DistributionTable:
        """The table with numbers in place of the names of categories; the row of all other categories is unchanged."""
        rows = []
        # The row after these categories sums all others
        for number, row in enumerate(self.rows, 1):
            if number <= MAX_CATEGORIES:
                row = replace(row, label=f"category {number}")
            rows.append(row)
        largest = rows[self.rows.index(self.largest)]
        return replace(self, rows=tuple(rows), largest=largest)


def build_number_table(
    baseline: NumericDistribution, current: NumericDistribution, *, ties: Ties = Ties.SUMMED
) -> DistributionTable:
    """The cumulative shares at the deciles of the baseline, at the largest gap, and at the end. Raises Underivable if a side
    has no values.

    ties: how equal values are counted; `--compat service` loses them.
    """
    if ties is Ties.LOST:
        before = build_tie_losing_cdf(baseline.levels)
        after = build_tie_losing_cdf(current.levels)
    else:
        before = baseline.cdf
        after = current.cdf
    if not (before.total and after.total):
        raise Underivable(NO_VALUES)
    # The largest gap is at a value of one of the samples
    pooled = after.pool_with(before)
    value_of_largest_gap = pooled.values[pooled.gaps.argmax()]
    # Rows end at the baseline's deciles, at the largest gap, and at the last value, up to which both shares are 100 %
    edges = np.unique(np.concatenate((compute_decile_edges(before), [value_of_largest_gap, pooled.values[-1]])))
    ends = edges.tolist()
    labels = [f"up to {ends[0]:g}", *(f"{low:g} to {high:g}" for low, high in pairwise(ends))]
    # The number of values in each range, and the cumulative share at its end
    counts = [np.diff(sample.ranks_at(edges), prepend=0).tolist() for sample in (before, after)]
    shares = [sample.shares_at(edges).tolist() for sample in (before, after)]
    rows = tuple(map(TableRow, labels, ends, *counts, *shares))
    index = int(np.searchsorted(edges, value_of_largest_gap))
    return DistributionTable("numbers", rows, rows[index], before.total, after.total)


def build_category_table(baseline: CategoryCounts, current: CategoryCounts) -> DistributionTable:
    """The shares of the categories, largest difference first. Raises Underivable if a side has no values."""
    n = sum(baseline.values())
    m = sum(current.values())
    if not (n and m):
        raise Underivable(NO_VALUES)

    def create_row(label: str, before: int, after: int) -> TableRow:
        return TableRow(label, None, before, after, before / n, after / m)

    names = sorted(baseline.keys() | current.keys())
    rows = [create_row(name, baseline.get(name, 0), current.get(name, 0)) for name in names]
    rows.sort(key=lambda row: -row.gap)
    # All further categories share one row, so that each column adds up to the number of values
    first_rows = rows[:MAX_CATEGORIES]
    further_rows = rows[MAX_CATEGORIES:]
    if further_rows:
        before = sum(row.baseline for row in further_rows)
        after = sum(row.current for row in further_rows)
        first_rows.append(create_row(f"({len(further_rows):,} others)", before, after))
    return DistributionTable("categories", tuple(first_rows), rows[0], n, m)


@value_class
class Derivation:
    """How a distance was computed.

    Attributes
    ----------
    table: The two distributions.
    method: The name of the distance, as in constraints.json; None if the check compared nothing.
    computed: The distance, recomputed from the two distributions; None without a method.
    quantiles: For a numeric feature: by sample, its quantiles at `QUANTILES`.
    """

    table: DistributionTable
    method: str | None = None
    computed: float | None = None
    quantiles: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def correction(self) -> float | None:
        """What the method subtracts from the largest gap for noise in samples of these sizes; None if the distance is not a gap.

        Source: D3.1.
        """
        n = self.table.n
        m = self.table.m
        if self.method in ("Robust", "LInfinity"):
            return CRITICAL_VALUE * math.sqrt((n + m) / (n * m))
        if self.method == "Simple":
            return 0.0
        return None

    def plain(self) -> dict[str, Json]:
        """The derivation as a JSON object."""
        table = self.table
        names = [str(quantile) for quantile in QUANTILES]
        return {
            "kind": table.kind,
            "method": self.method,
            "n": table.n,
            "m": table.m,
            "table": [_convert_row(row) for row in table.rows],
            "quantiles": {sample: dict(zip(names, values, strict=True)) for sample, values in self.quantiles.items()},
            "largest_gap": {**_convert_row(table.largest), "gap": table.largest.gap},
            "correction": self.correction,
            "computed": self.computed,
        }


@value_class
class Explanation:
    """Everything known about one feature, or metric, of a run.

    Attributes
    ----------
    name: The name of the feature or metric.
    run: The folder of the run.
    results: The results of the checks of the feature or metric.
    derivation: How its drift check computed the distance; if None, `no_derivation` says why.
    types: For a feature: by apparent type, the number of cells in the current data.
    lacking: Kinds of states that only some of the merged runs have.
    baseline: The folder or file of the baseline.
    """

    name: str
    run: str
    results: Results
    derivation: Derivation | None = None
    no_derivation: str | None = None
    types: Mapping[str, int] = field(default_factory=dict)
    lacking: tuple[str, ...] = ()
    baseline: str | None = None

    @property
    def drift(self) -> CheckResult | None:
        """The result of the drift check; None for a feature or metric without a drift check."""
        return next((result for result in self.results if result.check == "baseline_drift_check"), None)

    @property
    def is_reproduced(self) -> bool | None:
        """Whether the recomputed distance equals the distance in checks.json; None if one of the two is absent."""
        if self.derivation is None or self.drift is None:
            return None
        computed = self.derivation.computed
        observed = self.drift.observed
        if computed is None or observed is None:
            return None
        # Exactly equal: the same code on the same states gives the same bits
        return computed == observed

    @property
    def without_values(self) -> Explanation:
        """The explanation with numbers in place of categories, and without segments."""
        # A likely mistake names categories
        check_results = [
            check_result.model_copy(update={"guess": None})
            for check_result in map(remove_described_values, self.results)
        ]
        derivation = self.derivation
        if derivation is not None and derivation.table.kind == "categories":
            derivation = replace(derivation, table=derivation.table.with_numbered_categories)
        return replace(self, results=tuple(check_results), derivation=derivation)

    def plain(self) -> dict[str, Json]:
        """The explanation as a JSON object."""
        return {
            "name": self.name,
            "run": self.run,
            "baseline": self.baseline,
            "checks": [result.plain() for result in self.results],
            "types": dict(self.types),
            "lacking": list(self.lacking),
            "derivation": self.derivation and {**self.derivation.plain(), "reproduced": self.is_reproduced},
            "no_derivation": self.no_derivation,
        }


def describe_derivation(
    check_result: CheckResult, baseline: FeatureDistribution, current: FeatureDistribution
) -> Derivation:
    """How the drift check computed its number. Raises Underivable."""
    # If a distribution has no values, its reason becomes the text of the error
    for sample, distribution in (("baseline", baseline), ("current data", current)):
        if distribution.reason:
            raise Underivable(f"{sample}: {distribution.reason}")
    if baseline.numbers and current.numbers:
        return _compute_number_derivation(check_result, baseline.numbers, current.numbers)
    if baseline.categories and current.categories:
        return _compute_category_derivation(check_result.method, baseline.categories, current.categories)
    raise Underivable("the two sides have no values of the same kind to compare")


def _compute_number_derivation(
    check_result: CheckResult, baseline: NumericDistribution, current: NumericDistribution
) -> Derivation:
    # The service counts repeated values once, which changes the gap
    ties = Ties.SUMMED
    if check_result.ties == Ties.LOST.value:
        ties = Ties.LOST
    table = build_number_table(baseline, current, ties=ties)
    # Without a method there is a table, but no distance
    method = check_result.method
    distance = None
    if method:
        distance = compare_numeric(baseline, current, method=method, ties=ties).distance
    quantiles = {"baseline": baseline.cdf.quantiles(QUANTILES), "current": current.cdf.quantiles(QUANTILES)}
    return Derivation(table, method, distance, quantiles)


def _compute_category_derivation(method: str | None, baseline: CategoryCounts, current: CategoryCounts) -> Derivation:
    table = build_category_table(baseline, current)
    # Categories have no order, so no quantiles
    distance = None
    if method:
        distance = compare_categorical(baseline, current, method=method).distance
    return Derivation(table, method, distance)


def _convert_row(row: TableRow) -> dict[str, Json]:
    """The row as a JSON object. JSON can't express an infinite end of a range: it is null, and the label shows it."""
    # Rows of categories have no `up_to`
    members = {name: value for name, value in asdict(row).items() if value is not None}
    if math.isfinite(row.up_to or 0.0):
        return members
    return members | {"up_to": None}


def format_explanation(explanation: Explanation) -> str:
    """The explanation as text: the checks, then how the drift check computed its distance, each step with its numbers."""
    return "".join(f"{printable(line)}\n" for line in _write_lines(explanation))


def _write_lines(explanation: Explanation) -> Iterator[str]:
    yield f"{explanation.name} in {explanation.run}"
    if explanation.baseline:
        yield f"compared with {explanation.baseline}"
    if explanation.types:
        yield "cells: " + ", ".join(f"{count:,} {name}" for name, count in explanation.types.items())
    if explanation.lacking:
        yield f"lacks {', '.join(explanation.lacking)}: not every run that was merged has it"
    for result in explanation.results:
        yield ""
        yield from describe_decision(result)
        # Only the drift check compares distributions
        if result is explanation.drift and explanation.derivation is not None:
            yield ""
            yield from _write_derivation(explanation.derivation, result, reproduced=explanation.is_reproduced)
        elif result is explanation.drift and explanation.no_derivation:
            yield f"  no table: {explanation.no_derivation}"


def _write_derivation(derivation: Derivation, result: CheckResult, *, reproduced: bool | None) -> Iterator[str]:
    table = derivation.table
    largest = table.largest
    if table.kind == "numbers":
        columns = ("value", "baseline", "current", "F_baseline", "F_current", "gap", "")
        location = f"at {largest.up_to!r}"
    else:
        columns = ("category", "baseline", "current", "p_baseline", "p_current", "gap", "")
        location = f"of {largest.label!r}"
    # The quantiles of both samples
    if derivation.quantiles:
        header = ("quantile", *(f"{share:.0%}" for share in QUANTILES))
        quantile_rows: list[Sequence[str | float]] = [
            (sample, *quantiles) for sample, quantiles in derivation.quantiles.items()
        ]
        yield from format_table(header, quantile_rows, width=WIDTH).splitlines()
        yield ""
    # The distributions side by side, with the largest gap marked
    rows = []
    for row in table.rows:
        numbers = (row.baseline, row.current, row.baseline_share, row.current_share, row.gap)
        rows.append((row.label, *numbers, _format_remarks(row, table)))
    yield from format_table(columns, rows, width=WIDTH).splitlines()
    yield ""
    # The calculation with all digits, so that it can be checked by hand
    yield f"largest gap {location}: |{largest.baseline_share!r} - {largest.current_share!r}| = {largest.gap!r}"
    if derivation.correction:
        yield f"less what chance does to so few: 1.8 * sqrt((n + m) / (n * m)) = {derivation.correction!r}"
        yield f"  n = {table.n:,} values of the baseline, m = {table.m:,} of the current data"
    # If a p-value decides, the distance is shown without a threshold
    if derivation.computed is not None and result.adjusted_p is not None:
        yield f"{derivation.method}: {derivation.computed!r}; the test decides, whatever the threshold"
    elif derivation.computed is not None and result.threshold is not None:
        position = "not above"
        if derivation.computed > result.threshold:
            position = "above"
        yield f"{derivation.method}: {derivation.computed!r}, {position} {result.threshold!r}"
    # If the distance isn't reproduced, the usual reason is that the baseline is another one
    if reproduced is False:
        yield f"checks.json says {result.observed!r}: the baseline has been changed since, or another one was named"


def _format_remarks(row: TableRow, table: DistributionTable) -> str:
    remarks = []
    if row == table.largest:
        remarks.append("largest gap")
    if table.kind == "categories" and row.current > 0 and not row.baseline:
        remarks.append("not in the baseline")
    if remarks:
        return f"<- {', '.join(remarks)}"
    return ""


def explain(name: str, run_path: str, baseline_path: str | None = None) -> Explanation:
    """How the checks of a feature or metric reached their results in the run that was published below `run_path`.

    baseline_path: output path of the baseline's run, or a folder with its two files; None: the baseline that the run names.
    Raises BadInput if no monitoring run was published there, or if the run has no check of this feature or metric.
    """
    run, checks = read_published(run_path, CheckResults)
    results = tuple(check for check in checks.checks if name in (check.feature, check.metric))
    if not results:
        subjects = (check.feature or check.metric for check in checks.checks)
        names = [*filter(None, dict.fromkeys(subjects))]
        listed_names = ", ".join(names[:MAX_LISTED_NAMES]) or "none"
        hint = suggest_names(name, names, f"it has {listed_names}", max_names=3)
        path = join(run.folder, CheckResults.FILE_NAME)
        raise BadInput(f"{path}: has no check of {name!r} among its {len(checks.checks)}; {hint}")
    explanation = Explanation(name, run.folder, results)
    drift = explanation.drift
    # A metric has no states of features, and states may be pruned; the checks are explained without them
    profile = _read_profile(name, run)
    if profile is None:
        return explanation
    # The statistics.json of a run is about features only if the run has states of features
    if _is_numeric(name, read_document(run, Statistics)):
        profile = profile.read_as_numbers()
    explanation = replace(explanation, types=_count_types(profile), lacking=tuple(sorted(profile.lacking)))
    if drift is None:
        return explanation
    # A baseline that the user names has priority over the baseline of the run
    reference = baselines.create_reference_to_run(baseline_path) if baseline_path else read_baseline_reference(run)
    if reference is not None:
        explanation = replace(explanation, baseline=_name_reference(reference))
    try:
        baseline = _read_baseline_distribution(name, reference, as_numbers=profile.is_numeric)
        return replace(explanation, derivation=describe_derivation(drift, baseline, create_distribution(profile)))
    except Underivable as reason:
        return replace(explanation, no_derivation=str(reason))


def _is_numeric(name: str, statistics: Statistics | None) -> bool:
    """Whether the run treated a column as numeric, even if some of its cells are no numbers."""
    return statistics is not None and any(
        feature.name == name and feature.inferred_type.is_numeric for feature in statistics.features
    )


def _read_baseline_distribution(
    name: str, reference: BaselineReference | None, *, as_numbers: bool
) -> FeatureDistribution:
    """The baseline's distribution of the feature. Raises Underivable if the baseline has no distribution of it."""
    if reference is None:
        raise Underivable("the run does not say which baseline it was compared with; name it with --baseline")
    distribution: FeatureDistribution | None
    if reference.folder is None:
        distribution = baselines.read_file_baseline(
            reference.constraints or "", reference.statistics
        ).distributions.get(name)
    # Only this feature's states are read from the baseline's file
    elif exists(join(reference.folder, PROFILE)):
        profile = _read_profile(name, Run(reference.run_id or "", reference.folder, {}))
        if profile is not None and as_numbers:
            profile = profile.read_as_numbers()
        distribution = create_distribution(profile) if profile else None
    else:
        raise Underivable(f"{reference.folder} has no states/ of features")
    if not distribution:
        raise Underivable(f"{_name_reference(reference)} has no feature of this name")
    return distribution


def _read_profile(name: str, run: Run) -> FeatureProfile | None:
    """The feature's states in a run, whose folder may have moved; None if the run has no states of this feature."""
    content = read_optional_file(run, PROFILE)
    # States may have been pruned
    if content is None:
        return None
    profile = StoredProfile.read(content, join(run.folder, PROFILE))
    if profile is None:
        return None
    return profile.features((name,)).get(name)


def _count_types(profile: FeatureProfile) -> dict[str, int]:
    """By apparent type: the number of cells in the current data. Types without cells are left out."""
    # Deequ's names of types, as in constraints.json
    types = profile.data_types
    counts = {
        "Integral": types.integral,
        "Fractional": types.fractional,
        "Boolean": types.boolean,
        "String": types.text,
        "Unknown": types.unknown,
        "missing": types.missing,
    }
    return {name: count for name, count in counts.items() if count}


def _name_reference(reference: BaselineReference) -> str:
    return reference.folder or reference.statistics or reference.constraints or ""
