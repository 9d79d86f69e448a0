"""How noise is allowed for in one run: its budget, the tests of its columns, and the verdict on a column's drift. Pure.

The verdict is violated, passed, or, if a change that matters may have gone unseen, "cannot tell".
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from spark_model_monitor.documents.check_results import FISHER, BudgetLedger, CheckStatus
from spark_model_monitor.documents.monitoring_settings import ChangeThatMatters, Rows
from spark_model_monitor.documents.outcome import ALTERNATIVE, IN_GROUPS
from spark_model_monitor.documents.page import format_noun_count, format_percent
from spark_model_monitor.monitors.data_quality import messages
from spark_model_monitor.monitors.data_quality.distribution.design_effects import INDEPENDENT_ROWS, FeatureDesignEffect
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import FeatureDistribution
from spark_model_monitor.monitors.data_quality.distribution.window_history import (
    LOOKS_SORTED,
    compare_with_reference,
    count_unseen,
)
from spark_model_monitor.monitors.data_quality.families import COMPLETENESS, DRIFT
from spark_model_monitor.monitors.protocol import Finding
from spark_model_monitor.statistics.drift.distances import l_infinity_categorical, l_infinity_numeric
from spark_model_monitor.statistics.drift.distributions import category_cells
from spark_model_monitor.statistics.verdicts.between_window_variance import (
    CHANCE,
    LARGEST_GROWTH,
    PastWindows,
    WindowSize,
    judge_change,
    judge_largest,
    judge_unseen,
)
from spark_model_monitor.statistics.verdicts.components import COLUMN_TESTS, Component, Samples, fewest_beyond_chance
from spark_model_monitor.statistics.verdicts.facts import exact_tail
from spark_model_monitor.statistics.verdicts.multiple_testing import (
    adjust_p_values,
    combine_p_values,
    convert_gap_to_shift,
    convert_shift_to_gap,
    distance_interval,
    smallest_gap,
    smallest_missing,
    smallest_share,
    smallest_shift,
)
from spark_model_monitor.statistics.verdicts.window_statistics import FIELDS, MEANS
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.monitors.data_quality.checks.facts import FactEvidence

NO_PAST = PastWindows(dict.fromkeys(FIELDS, np.empty(0)))
LONGER_WINDOWS = "take longer windows"
LONGER_AND_EARLIER = f"{LONGER_WINDOWS}, and judge earlier ones of that length, too (spark-model-monitor backfill)"
LONGER_OR_INDEPENDENT = (
    f"{LONGER_WINDOWS}{ALTERNATIVE}make the baseline with --rows independent if no rows belong together"
)


@dataclass
class ColumnDrift:
    """What two samples of a feature show of its drift. samples, distance: None if a side has no values. share: of the
    baseline's most frequent value, for texts and flags. unseen: the share of values that the baseline lacks, beyond the
    share that is new by nature.
    windows: number of earlier ones, or parts of the baseline, that show how much the column varies; phi: by what factor
    more than independent rows; freedom: the degrees of freedom of that. groups: how many rows count as one.
    """

    request: ColumnRequest
    components: tuple[Component, ...] = ()
    samples: Samples | None = None
    distance: float | None = None
    share: float | None = None
    unseen: float = 0.0
    adjusted_p: float = 1.0
    windows: int = 0
    phi: float = 1.0
    freedom: float = math.inf
    groups: float = 1.0

    @cached_property
    def p(self) -> float:
        return combine_p_values(self.components)

    @property
    def present(self) -> float:
        """The share of the baseline's rows that have a value."""
        return self.request.baseline.completeness

    @property
    def rarest(self) -> Component | None:
        """The component with the smallest p-value."""
        return min(self.components, key=lambda component: component.p, default=None)


@value_class
class NoiseCalibration:
    """ledger: of the budget. columns: those whose drift is tested, by reference and feature name. evidence: of the facts, by
    feature name and check. sizes: of the windows of columns with a past.
    """

    ledger: BudgetLedger
    columns: Mapping[tuple[str, str], ColumnDrift] = field(default_factory=dict)
    evidence: Mapping[str, Mapping[str, FactEvidence]] = field(default_factory=dict)
    sizes: Mapping[tuple[str, str], WindowSize] = field(default_factory=dict)

    @property
    def rows_are_independent(self) -> bool:
        return self.ledger.rows == Rows.INDEPENDENT.value

    def level_and_tests(self, family: str) -> tuple[float, int]:
        """A family's level, and the number of tests that share it."""
        [budget_family] = [member for member in self.ledger.families if member.family == family]
        return budget_family.level, budget_family.tests

    def judge_suggested_limit(
        self,
        finding: Finding,
        family: str,
        lacking: int,
        rows: int,
        *,
        groups: float = 1.0,
        least_p: float = 0.0,
        group_advice: str | None = LONGER_OR_INDEPENDENT,
    ) -> Finding:
        """A finding about a suggested limit: a violation only if the window is worse than the baseline by more than chance.

        Otherwise it has passed, with the p-value and the reason. lacking, rows: of the baseline. groups: how many rows count
        as one. least_p: a lower bound for the p-value. group_advice: the step that would tell where such a bound comes from
        groups of rows; None where it comes only from how windows vary.
        """
        if not finding.is_violated or finding.observed is None or not finding.m or not rows:
            return finding
        # One-sided test of equal shares, of groups of rows
        level, tests = self.level_and_tests(family)
        window_rows = finding.m
        current_lacking = round((1 - finding.observed) * window_rows)
        p = max(exact_tail(current_lacking, window_rows, lacking, rows, groups), least_p)
        finding = finding.but(decided_by=FISHER, statistic=float(current_lacking), p=p, level=level / tests)
        if p <= level / tests:
            return finding
        passed = finding.but(status=CheckStatus.PASSED, description=None)
        if exact_tail(current_lacking, window_rows, lacking, rows) <= level / tests:  # for independent rows
            if group_advice is not None:
                reason = f"{current_lacking:,} of {window_rows:,} values don't meet the limit; {GROUPED}"
                return passed.unsure(reason, group_advice)
            return passed.but(reason="earlier windows or parts of the baseline vary as much")
        # How many it would take tells a user what the limit is worth
        fewest = fewest_beyond_chance(lacking, rows, window_rows, level / tests)
        enough = "so few can't show it"
        if fewest is not None:
            enough = f"{fewest:,} that lack it would not be"
        return passed.but(reason=f"with {format_noun_count(window_rows, 'value')} this may be chance; {enough}")


@value_class
class ColumnRequest:
    """Two sides of a feature whose column is requested. groups, group_column, group_advice, unfit, family: of that feature.
    tested: whether tests count. past: the raw statistics of earlier windows, if there are enough; the tests then allow for
    them. earlier: another side whose values don't count as new.
    """

    baseline: FeatureDistribution
    current: FeatureDistribution
    groups: FeatureDesignEffect = INDEPENDENT_ROWS
    family: str = DRIFT
    unfit: str | None = None
    tested: bool = False
    past: PastWindows | None = None
    earlier: FeatureDistribution | None = None
    group_column: str | None = None
    group_advice: str = LONGER_OR_INDEPENDENT

    @property
    def has_past(self) -> bool:
        """Whether earlier windows count, as they don't where rows are known to be independent."""
        return self.past is not None and not self.tested and bool(self.baseline.present and self.current.present)

    @property
    def past_windows(self) -> PastWindows:
        """The past that counts."""
        if not self.has_past or self.past is None:
            return NO_PAST
        return self.past

    @property
    def windows(self) -> PastWindows:
        """The past as windows that are as long as this one."""
        return self.past_windows.join_parts(self.baseline.present, self.current.present)


def compute_window_sizes(requests: Mapping[tuple[str, str], ColumnRequest]) -> dict[tuple[str, str], WindowSize]:
    """The sizes of the windows of columns with a past, and whether their level varies by more than chance, at a false discovery
    rate of `CHANCE`: of many columns of independent rows some seem to.
    """
    sizes = {}
    p_values = {}
    for key, request in requests.items():
        if not request.has_past:
            continue
        samples = Samples(request.baseline.present, request.current.present)
        sizes[key] = WindowSize(samples.effective, *request.groups)
        dispersion = request.windows.dispersion(samples.effective)
        if dispersion is not None:
            p_values[key] = dispersion.compute_p(request.groups.of_values)
    adjusted = dict(zip(p_values, adjust_p_values([*p_values.values()]), strict=True))
    return {
        key: size._replace(level_varies=adjusted.get(key, 1.0) <= CHANCE, columns=len(sizes))
        for key, size in sizes.items()
    }


def compute_column_tests(request: ColumnRequest, size: WindowSize | None = None) -> ColumnDrift | None:
    """The column of a request; None if a side is unknown, or if one side is numeric and the other text. size: of a column with a
    past.
    """
    column = _create_column(request)
    if column is None or not (request.tested or request.past is not None):
        return column
    changes = compare_with_reference(request.baseline, request.current)
    # No test where nothing is missing
    changes = {name: change for name, change in changes.items() if name != "missing" or change.has_rows}
    if column.samples is None:
        if request.tested:
            column.components = tuple(map(judge_change, changes.values()))
        return column
    # Each statistic as its own past varies, and as the window's rows form groups
    past = request.past_windows
    is_text = request.baseline.categories is not None
    windows = request.windows
    size = size or WindowSize(column.samples.effective)
    components = []
    for name, change in changes.items():
        rows_of_group = size.of_missing if name == "missing" else size.of_values
        variance = windows.variance(name, size).with_groups(rows_of_group, column.samples.m)
        if name == "largest":
            shares = past["largest"][~np.isnan(past["largest"])]
            components.append(judge_largest(change, request.current.num_values, shares, rows_of_group))
        elif not (is_text and name in MEANS):  # the order of hashes has no meaning
            components.append(judge_change(change, variance))
    # Texts that the baseline lacks; numbers beyond its range are facts
    if is_text:
        unseen = count_unseen(request.current, request.baseline, request.earlier) / column.samples.m
        shares = past["unseen"][~np.isnan(past["unseen"])]
        # Beside those that the baseline has once
        known_rows = request.baseline.num_seen_once, column.samples.n
        components.append(judge_unseen(*known_rows, unseen, column.samples.m, shares, size.of_values))
    column.components = tuple(components)
    if past is NO_PAST:
        return column
    column.windows = len(past["rows"])
    # Of the furthest gap, and of the location or the most frequent value
    variance = windows.variance("value1" if is_text else "location", size).with_groups(size.of_values, column.samples.m)
    column.phi = variance.factor
    column.freedom = variance.freedom
    column.groups = size.of_values
    return column


def _create_column(request: ColumnRequest) -> ColumnDrift | None:
    baseline = request.baseline
    current = request.current
    if baseline.reason or current.reason or not baseline.rows or not current.rows:
        return None
    column = ColumnDrift(request)
    # The threshold decides: only the window's own rows show how they are grouped
    if request.past is None and not request.tested:
        column.phi = column.groups = request.groups.of_values
    if not (baseline.present and current.present):
        return column
    column.samples = Samples(baseline.present, current.present)
    if baseline.numbers is not None and current.numbers is not None:
        column.samples = replace(column.samples, error=baseline.numbers.error + current.numbers.error)
        # A flag written as numbers, of whose share a change is spoken
        before = baseline.numbers.cdf
        after = current.numbers.cdf
        if max(len(before.values), len(after.values)) <= 2 and len({*before.values, *after.values}) <= 2:
            column.share = max(before.cumulative[0], before.total - before.cumulative[0]) / before.total
        column.distance = l_infinity_numeric(before, after)
    elif baseline.categories is not None and current.categories is not None:
        counts = category_cells(baseline.categories, current.categories)
        column.distance = l_infinity_categorical(*counts)
        column.share = float(counts[0].max() / counts[0].sum())
        # As many values are new by chance as occur once in the baseline (Good 1953)
        new_by_nature = baseline.num_seen_once / baseline.present
        column.unseen = count_unseen(current, baseline) / current.present - new_by_nature
    else:
        return None
    return column


def adjust_columns(columns: Collection[ColumnDrift]) -> None:
    """Adjust the columns' p-values within each family."""
    for family in {column.request.family for column in columns}:
        members = [column for column in columns if column.request.family == family]
        for column, p in zip(members, adjust_p_values([column.p for column in members]), strict=True):
            column.adjusted_p = p


# The verdict on one column's drift: violated; "cannot tell" if a change that matters may have gone unseen, or if a column
# that nobody named explains why rows are alike; passed.


NO_HISTORY = "no earlier windows: how much this column varies between windows is unknown"
GROUPED = "its rows come in groups, so the window says less than as many independent rows would"
INDEPENDENT = "rows assumed independent"
LARGE_GAP = "{gap} of the values differ from the baseline's, which may be chance"
NAME_TIME = f"name the baseline's time column (--time-column){ALTERNATIVE}shuffle its rows if they are independent"

RARE = 0.05
"""The lowest share of a text for computing its smallest change; the count of a rarer one is not normal."""


def judge_drift(
    finding: Finding, threshold: float, column: ColumnDrift, calibration: NoiseCalibration, matters: ChangeThatMatters
) -> Finding:
    """The drift check's finding by the file's method, judged again where noise is allowed for.

    matters: the change that the window must be able to show.
    """
    # Parts of a sorted column differ whatever its windows do
    is_sorted = column.request.unfit == LOOKS_SORTED and not calibration.rows_are_independent
    if is_sorted and not finding.is_violated:
        # Rows in another order would vary less than its parts do
        column = replace(column, windows=0, phi=column.groups)
    # What this window can show, in numbers and in words
    smallest = smallest_change(threshold, column, calibration)
    members: dict[str, Any] = {"distance": column.distance}
    if math.isfinite(smallest):
        words = f"{100 * smallest:.2g} % of the records"
        if column.share is None:
            words = f"{smallest:.2g} standard deviations"
        if words.startswith("1 s"):
            words = words.removesuffix("s")
        members |= {"smallest_change": smallest, "change": words}
    # Tests decide where something shows the noise, else the threshold does
    if calibration.rows_are_independent or column.windows:
        finding = _judge_by_tests(finding.but(**members), threshold, column, calibration)
    elif finding.is_violated:
        finding = finding.but(distance=column.distance, reason=column.request.unfit or NO_HISTORY)
        # Unless groups of rows may explain it
        if column.phi > 1 and column.samples is not None and column.distance is not None:
            low, _ = distance_interval(column.distance, column.samples, phi=column.phi)
            if low <= threshold:
                reason = f"{LARGE_GAP.format(gap=format_percent(column.distance))}; {GROUPED}"
                finding = finding.unsure(reason, column.request.group_advice)
    elif finding.status is CheckStatus.PASSED and column.samples is not None:
        finding = finding.but(**members, reason=column.request.unfit or NO_HISTORY)
    else:
        finding = finding.but(distance=column.distance)
    if finding.status is not CheckStatus.PASSED or column.samples is None:
        return finding
    return _check_unseen_changes(finding, smallest, column, matters)


def _judge_by_tests(finding: Finding, threshold: float, column: ColumnDrift, calibration: NoiseCalibration) -> Finding:
    """The verdict of the column's own tests, which independent rows or earlier windows allow."""
    level, _ = calibration.level_and_tests(column.request.family)
    rarest = column.rarest
    distance = column.distance
    samples = column.samples
    finding = finding.but(p=column.p, adjusted_p=column.adjusted_p, level=level, decided_by=None, limit=None)
    if rarest is not None:
        words = COLUMN_TESTS[rarest.name].words
        finding = finding.but(decided_by=words, statistic=rarest.statistic, least_effect=rarest.least_effect)
    # Benjamini and Hochberg: the false discovery rate of the family is its level
    is_rejected = column.adjusted_p <= level
    if distance is not None and samples is not None:
        low, high = distance_interval(distance, samples, phi=column.phi)
        finding = finding.but(distance_low=low, distance_high=high)
    elif not is_rejected:
        return finding
    # In words: why the tests allow for noise as they do
    why = INDEPENDENT
    if column.windows:
        why = f"judged by how {column.windows} earlier windows or parts of the baseline vary"
    if column.request.unfit:
        why += f"; {column.request.unfit}"
    if column.groups > 1:
        why += IN_GROUPS.format(rows=column.groups)
    if rarest is not None:
        direction = rarest.direction or finding.direction
        finding = finding.but(component=rarest.name, effect=rarest.effect, direction=direction)
    finding = finding.but(reason=why)
    if not is_rejected:
        return finding.but(status=CheckStatus.PASSED, description=None)
    text = finding.description  # by the file's own method
    if text is None and distance is not None and distance > threshold:
        text = messages.drift(distance, threshold)
    text = text or messages.drift_p_value(column.adjusted_p, level)
    return finding.but(status=CheckStatus.VIOLATED, change=None, smallest_change=None, description=text)


def smallest_change(threshold: float, column: ColumnDrift, calibration: NoiseCalibration) -> float:
    """The smallest change that the rule in force detects nine times in ten; infinite if there is none."""
    samples = column.samples
    phi = column.phi
    if samples is None:
        return math.inf
    # By the threshold
    if not (calibration.rows_are_independent or column.windows):
        gap = smallest_gap(threshold, samples, phi=phi)
        if column.share is None:
            return convert_gap_to_shift(gap)
        if gap < 1:
            return gap
        return math.inf
    # By the tests, each of whose columns has its part of the level
    level, tests = calibration.level_and_tests(column.request.family)
    if column.share is None:
        return smallest_shift(samples, level, tests, phi=phi, freedom=column.freedom)
    share = max(min(column.share, 1 - column.share), RARE)
    smallest = smallest_share(share, samples, level, tests, phi=phi, freedom=column.freedom)
    if smallest < 1:
        return smallest - share
    return math.inf


def _check_unseen_changes(
    finding: Finding, smallest: float, column: ColumnDrift, matters: ChangeThatMatters
) -> Finding:
    """A finding that passed, unless a change that matters may have gone unseen, or there is one that may be chance."""
    # The change that matters, as a share of rows or as a shift of numbers
    size = gap_that_matters = matters.share(column.present)
    if column.share is None:
        size = matters.shift(column.present)
        gap_that_matters = convert_shift_to_gap(size)
    # A gap that matters is there, and may be chance
    gap = max(column.distance or 0.0, column.unseen)
    is_change_seen = gap > gap_that_matters
    if is_change_seen:
        reason = f"{LARGE_GAP.format(gap=format_percent(gap))}; {finding.reason}"
    elif column.request.group_column is not None:
        groups = f"rows with the same {column.request.group_column!r} are alike and lie scattered"
        reason = f"{groups}, so the window says less than as many independent rows would"
    # values that so few rows have can't change that many rows
    elif column.present >= matters.value and smallest > size:
        unseen = "any change"
        if math.isfinite(smallest) and column.share is None:
            unseen = f"a shift below {smallest:.2g} standard deviations"
        elif math.isfinite(smallest):
            unseen = f"a change of a share by less than {smallest:.2g}"
        enough = _describe_enough_rows(column, smallest / size)
        reason = f"with {format_noun_count(finding.m or 0, 'value')} {unseen} may go unseen; {finding.reason}{enough}"
    else:
        return finding
    return finding.unsure(reason, _write_advice(column), is_change_seen=is_change_seen)


def _describe_enough_rows(column: ColumnDrift, lacking_power: float) -> str:
    """How many rows of a window would do; empty if the baseline has fewer. lacking_power: by what factor the smallest
    change is larger than the one that matters.
    """
    samples = column.samples
    if samples is None or not math.isfinite(lacking_power):
        return ""
    # Where levels wander, more rows of a window don't help
    if column.windows and column.phi > LARGEST_GROWTH * column.groups:
        return ""
    # The smallest change falls with the square root of the rows
    needed = samples.m * lacking_power**2 / column.present
    if needed <= samples.n:
        rows = int(float(f"{needed:.1e}"))
        return f"; about {rows:,} rows would show a change that matters"
    return ""


def _write_advice(column: ColumnDrift) -> str:
    """The step that would tell."""
    if column.request.group_column is not None:
        return column.request.group_advice
    # Levels that wander do so less over longer windows, of which several have to be known
    if column.phi > LARGEST_GROWTH * column.groups:
        return LONGER_AND_EARLIER
    if column.groups > 1:
        return column.request.group_advice
    if column.request.unfit is not None:
        return NAME_TIME
    return LONGER_WINDOWS


def judge_missing(
    finding: Finding,
    baseline: FeatureDistribution,
    calibration: NoiseCalibration,
    matters: ChangeThatMatters,
    phi: float = 1.0,
    group_advice: str | None = None,
) -> Finding:
    """A completeness check that passed, unless more or fewer missing values may have gone unseen.

    phi: by what factor their number varies at least, relative to independent rows. group_advice: the step that would tell, if
    this is because the window's rows form groups.
    """
    if finding.status is not CheckStatus.PASSED or finding.observed is None or not finding.m or not baseline.rows:
        return finding
    level, tests = calibration.level_and_tests(COMPLETENESS)
    increase = baseline.completeness - finding.observed
    missing = baseline.rows - baseline.present
    share = 1 - baseline.completeness
    size = matters.missing_values(share)
    smallest = smallest_missing(missing, baseline.num_rows, finding.m, level / tests, phi=phi)
    if math.isfinite(smallest):
        finding = finding.but(smallest_change=smallest)
    advice = group_advice or LONGER_WINDOWS
    doubted = doubt_missing_values(finding, increase, matters, advice)
    if doubted is not finding:
        return doubted
    if smallest > size and share + size <= 1:  # else so many more can't be missing
        unseen = f"{format_noun_count(finding.m or 0, 'value')} any change"
        if math.isfinite(smallest):
            unseen = f"{format_noun_count(finding.m or 0, 'row')} up to {100 * smallest:.3g} points more missing values"
        return finding.unsure(f"with {unseen} may go unseen", advice)
    return finding


def doubt_missing_values(
    finding: Finding, increase: float, matters: ChangeThatMatters, advice: str = LONGER_WINDOWS
) -> Finding:
    """The finding; nobody can tell if so many more or fewer values are missing that it matters, which may be chance."""
    if abs(increase) <= matters.missing:
        return finding
    reason = f"{100 * increase:.3g} points more values are missing than in the baseline, which may be chance"
    if increase < 0:
        reason = f"{-100 * increase:.3g} points fewer values are missing than in the baseline"
        advice = "make sure that no default stands in their place"
    return finding.unsure(reason, advice, is_change_seen=True)
