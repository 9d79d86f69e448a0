"""The allowance for noise in one run: its budget, and the verdict on a suggested limit and on a column's drift. Pure.

The verdict is violated, passed, or "cannot tell" if a change that matters may have gone unseen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from spark_model_monitor.documents.check_results import FISHER, BudgetLedger
from spark_model_monitor.documents.monitoring_settings import ChangeThatMatters, Rows
from spark_model_monitor.documents.outcome import ALTERNATIVE, IN_GROUPS
from spark_model_monitor.documents.page import format_noun_count, format_percent
from spark_model_monitor.monitors.data_quality import COMPLETENESS, messages
from spark_model_monitor.monitors.data_quality.distribution.column_tests import (
    LONGER_AND_EARLIER,
    LONGER_WINDOWS,
    ColumnDrift,
)
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import FeatureDistribution
from spark_model_monitor.monitors.data_quality.distribution.window_history import LOOKS_SORTED
from spark_model_monitor.monitors.protocol import Finding
from spark_model_monitor.statistics.verdicts.between_window_variance import MAX_NOISE_RATIO, WindowSize
from spark_model_monitor.statistics.verdicts.components import COLUMN_TESTS, fewest_beyond_chance
from spark_model_monitor.statistics.verdicts.multiple_testing import (
    convert_gap_to_shift,
    convert_shift_to_gap,
    distance_interval,
    smallest_gap,
    smallest_missing,
    smallest_share,
    smallest_shift,
)
from spark_model_monitor.statistics.verdicts.tail_probabilities import exact_tail
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.monitors.data_quality.checks.facts import FactEvidence


@value_class
class NoiseCalibration:
    """The allowance for noise in one run.

    ledger: how the families share the budget. drift_by_column: the columns whose drift is tested, by reference and feature
    name. evidence_by_feature: the evidence of the facts, by feature name and check. size_by_column: the window's size for
    each column with a past.
    """

    ledger: BudgetLedger
    drift_by_column: Mapping[tuple[str, str], ColumnDrift]
    evidence_by_feature: Mapping[str, Mapping[str, FactEvidence]]
    size_by_column: Mapping[tuple[str, str], WindowSize]

    @property
    def rows_are_independent(self) -> bool:
        return self.ledger.rows == Rows.INDEPENDENT.value

    def get_level_and_tests(self, family: str) -> tuple[float, int]:
        """A family's level, and the number of tests that share it."""
        [budget_family] = [member for member in self.ledger.families if member.family == family]
        return budget_family.level, budget_family.tests

    def get_level_of_test(self, family: str) -> float:
        """The level of one of the family's tests."""
        level, tests = self.get_level_and_tests(family)
        return level / tests

    def judge_suggested_limit(
        self,
        finding: Finding,
        family: str,
        lacking: int,
        rows: int,
        *,
        groups: float = 1.0,
        least_p: float = 0.0,
        group_advice: str | None,
    ) -> Finding:
        """A finding about a suggested limit: a violation only if the window is worse than the baseline by more than chance.

        Otherwise it has passed, with the p-value and the reason. lacking, rows: the baseline's values that don't meet the limit,
        and all its rows. groups: how many rows count as one. least_p: a lower bound for the p-value. group_advice: what to do if
        this bound comes from groups of rows; None if it only comes from how windows vary.
        """
        if not finding.is_violated or finding.observed is None or not finding.m or not rows:
            return finding
        # One-sided exact test of equal shares, for groups of rows
        level = self.get_level_of_test(family)
        window_rows = finding.m
        current_lacking = round((1 - finding.observed) * window_rows)
        p = max(exact_tail(current_lacking, window_rows, lacking, rows, groups), least_p)
        finding = finding.copy_with(decided_by=FISHER, statistic=float(current_lacking), p=p, level=level)
        if p <= level:
            return finding
        passed = finding.mark_passed()
        if exact_tail(current_lacking, window_rows, lacking, rows) <= level:  # for independent rows
            if group_advice is not None:
                reason = f"{current_lacking:,} of {window_rows:,} values don't meet the limit; {GROUPED}"
                return passed.as_cannot_tell(reason, group_advice)
            return passed.copy_with(reason="earlier windows or parts of the baseline vary as much")
        # The number that would be a violation shows a user how sharp the limit is
        fewest = fewest_beyond_chance(lacking, rows, window_rows, level)
        enough = "so few can't show it"
        if fewest is not None:
            enough = f"{fewest:,} that lack it would not be"
        return passed.copy_with(reason=f"with {format_noun_count(window_rows, 'value')} this may be chance; {enough}")


# The verdict on one column's drift: violated, passed, or "cannot tell". Nobody can tell if a change that matters may have gone
# unseen, or if a column that nobody named explains why rows are alike.


NO_HISTORY = "no earlier windows: how much this column varies between windows is unknown"
GROUPED = "its rows come in groups, so the window says less than as many independent rows would"
INDEPENDENT = "rows assumed independent"
LARGE_GAP = "its distance from the baseline is {gap}, which may be chance"
NAME_TIME = f"name the baseline's time column (--time-column){ALTERNATIVE}shuffle its rows if they are independent"

MIN_NORMAL_SHARE = 0.05
"""The lowest share of a text for computing its smallest change; the count of a rarer text is not normal."""


def judge_drift(
    finding: Finding, threshold: float, column: ColumnDrift, calibration: NoiseCalibration, matters: ChangeThatMatters
) -> Finding:
    """The drift check's finding by the file's method, judged again with an allowance for noise.

    matters: the change that the window must be able to show.
    """
    # Parts of a sorted column differ, even if its windows don't
    is_sorted = column.request.unfit_reason == LOOKS_SORTED and not calibration.rows_are_independent
    if is_sorted and not finding.is_violated:
        # Windows of rows in another order would vary less than its parts do
        column = replace(column, window_count=0, overdispersion=column.design_effect)
    # What this window can show, in numbers and in words
    smallest = find_smallest_change(threshold, column, calibration)
    members: dict[str, Any] = {"distance": column.distance}
    if math.isfinite(smallest):
        change_text = f"{100 * smallest:.2g} % of the records"
        if column.most_frequent_share is None:
            change_text = f"{smallest:.2g} standard deviations"
        if change_text.startswith("1 s"):
            change_text = change_text.removesuffix("s")
        members |= {"smallest_change": smallest, "change": change_text}
    # Tests decide if the noise is known, otherwise the threshold decides
    if calibration.rows_are_independent or column.window_count or column.components:
        finding = _judge_by_tests(finding.copy_with(**members), threshold, column, calibration)
    elif finding.is_violated:
        finding = finding.copy_with(distance=column.distance, reason=column.request.unfit_reason or NO_HISTORY)
        # Unless groups of rows may explain it
        if column.overdispersion > 1 and column.samples is not None and column.distance is not None:
            low, _ = distance_interval(column.distance, column.samples, phi=column.overdispersion)
            if low <= threshold:
                reason = f"{LARGE_GAP.format(gap=format_percent(column.distance))}; {GROUPED}"
                finding = finding.as_cannot_tell(reason, column.request.group_advice)
    elif finding.has_passed and column.samples is not None:
        finding = finding.copy_with(**members, reason=column.request.unfit_reason or NO_HISTORY)
    else:
        finding = finding.copy_with(distance=column.distance)
    if not finding.has_passed or column.samples is None:
        return finding
    return _check_unseen_changes(finding, smallest, column, matters)


def _judge_by_tests(finding: Finding, threshold: float, column: ColumnDrift, calibration: NoiseCalibration) -> Finding:
    """The verdict of the column's own tests, which need independent rows or earlier windows."""
    level, _ = calibration.get_level_and_tests(column.request.family)
    rarest = column.rarest
    distance = column.distance
    samples = column.samples
    finding = finding.copy_with(p=column.p, adjusted_p=column.adjusted_p, level=level, decided_by=None, limit=None)
    if rarest is not None:
        test_name = COLUMN_TESTS[rarest.name].words
        finding = finding.copy_with(decided_by=test_name, statistic=rarest.statistic, least_effect=rarest.least_effect)
    # Benjamini and Hochberg: the false discovery rate of the family is its level
    is_rejected = column.adjusted_p <= level
    if distance is not None and samples is not None:
        low, high = distance_interval(distance, samples, phi=column.overdispersion)
        finding = finding.copy_with(distance_low=low, distance_high=high)
    elif not is_rejected:
        return finding
    # The reason says how the tests allow for noise
    reason = finding.reason or INDEPENDENT  # a baseline without values needs no assumption
    if column.window_count:
        reason = f"judged by how {column.window_count} earlier windows or parts of the baseline vary"
    if column.request.unfit_reason:
        reason += f"; {column.request.unfit_reason}"
    if column.design_effect > 1:
        reason += IN_GROUPS.format(rows=column.design_effect)
    if rarest is not None:
        direction = rarest.direction or finding.direction
        finding = finding.copy_with(component=rarest.name, effect=rarest.effect, direction=direction)
    finding = finding.copy_with(reason=reason)
    if not is_rejected:
        return finding.mark_passed()
    text = finding.description  # by the file's own method
    if text is None and distance is not None and distance > threshold:
        text = messages.drift(distance, threshold)
    text = text or messages.drift_p_value(column.adjusted_p, level)
    return finding.mark_violated(text).copy_with(change=None, smallest_change=None)


def find_smallest_change(threshold: float, column: ColumnDrift, calibration: NoiseCalibration) -> float:
    """The smallest change that the rule in force detects nine times in ten; infinite if there is none."""
    samples = column.samples
    phi = column.overdispersion
    if samples is None:
        return math.inf
    # By the threshold
    if not (calibration.rows_are_independent or column.window_count):
        gap = smallest_gap(threshold, samples, phi=phi)
        if column.most_frequent_share is None:
            return convert_gap_to_shift(gap)
        if gap < 1:
            return gap
        return math.inf
    # By the tests, whose level all columns of the family share
    level, tests = calibration.get_level_and_tests(column.request.family)
    if column.most_frequent_share is None:
        return smallest_shift(samples, level, tests, phi=phi, freedom=column.degrees_of_freedom)
    share = max(min(column.most_frequent_share, 1 - column.most_frequent_share), MIN_NORMAL_SHARE)
    smallest = smallest_share(share, samples, level, tests, phi=phi, freedom=column.degrees_of_freedom)
    if smallest < 1:
        return smallest - share
    return math.inf


def _check_unseen_changes(
    finding: Finding, smallest: float, column: ColumnDrift, matters: ChangeThatMatters
) -> Finding:
    """A finding that passed, unsure if a change that matters may have gone unseen, or is there and may be chance."""
    # The change that matters, as a share of rows or as a shift of numbers
    size = gap_that_matters = matters.share(column.completeness)
    if column.most_frequent_share is None:
        size = matters.shift(column.completeness)
        gap_that_matters = convert_shift_to_gap(size)
    # An observed gap that matters may be chance
    gap = max(column.distance or 0.0, column.unseen_share)
    is_change_seen = gap > gap_that_matters
    if is_change_seen:
        reason = f"{LARGE_GAP.format(gap=format_percent(gap))}; {finding.reason}"
    elif column.request.group_column is not None:
        groups = f"rows with the same {column.request.group_column!r} are alike and lie scattered"
        reason = f"{groups}, so the window says less than as many independent rows would"
    # A column whose values are in fewer rows than a change that matters can't change that many rows
    elif column.completeness >= matters.value and smallest > size:
        unseen_change = "any change"
        if math.isfinite(smallest) and column.most_frequent_share is None:
            unseen_change = f"a shift below {smallest:.2g} standard deviations"
        elif math.isfinite(smallest):
            unseen_change = f"a change of a share by less than {smallest:.2g}"
        rows_clause = _describe_enough_rows(column, smallest / size)
        reason = f"with {format_noun_count(finding.m or 0, 'value')} {unseen_change} may go unseen; {finding.reason}{rows_clause}"
    else:
        return finding
    return finding.as_cannot_tell(reason, _write_advice(column), is_change_seen=is_change_seen)


def _describe_enough_rows(column: ColumnDrift, lacking_power: float) -> str:
    """The number of rows with which a window would show a change that matters, in words; empty if the baseline has fewer rows.
    lacking_power: by what factor the smallest detectable change is larger than the change that matters.
    """
    samples = column.samples
    if samples is None or not math.isfinite(lacking_power):
        return ""
    # If levels vary between windows, more rows of one window don't help
    if column.window_count and column.overdispersion > MAX_NOISE_RATIO * column.design_effect:
        return ""
    # The smallest change falls with the square root of the rows
    needed = samples.m * lacking_power**2 / column.completeness
    if needed <= samples.n:
        rows = int(float(f"{needed:.1e}"))
        return f"; about {rows:,} rows would show a change that matters"
    return ""


def _write_advice(column: ColumnDrift) -> str:
    """What to do so that the window can be judged."""
    if column.request.group_column is not None:
        return column.request.group_advice
    # Levels vary less between longer windows, several of which have to be known
    if column.overdispersion > MAX_NOISE_RATIO * column.design_effect:
        return LONGER_AND_EARLIER
    if column.design_effect > 1:
        return column.request.group_advice
    if column.request.unfit_reason is not None:
        return NAME_TIME
    return LONGER_WINDOWS


def judge_missing(
    finding: Finding,
    baseline: FeatureDistribution,
    calibration: NoiseCalibration,
    matters: ChangeThatMatters,
    phi: float,
    group_advice: str | None,
) -> Finding:
    """The finding of a completeness check that passed; unsure if more or fewer missing values may have gone unseen.

    phi: the least factor by which their number varies more than for independent rows. group_advice: what to do if the window's
    rows form groups; else None.
    """
    if not finding.has_passed or finding.observed is None or not finding.m or not baseline.rows:
        return finding
    increase = baseline.completeness - finding.observed
    missing = baseline.rows - baseline.present
    share = 1 - baseline.completeness
    size = matters.missing_values(share)
    level = calibration.get_level_of_test(COMPLETENESS)
    smallest = smallest_missing(missing, baseline.num_rows, finding.m, level, phi=phi)
    if math.isfinite(smallest):
        finding = finding.copy_with(smallest_change=smallest)
    advice = group_advice or LONGER_WINDOWS
    # The increase or decrease is large enough to matter, although it may be chance
    if abs(increase) > matters.missing:
        reason = f"{100 * increase:.3g} points more values are missing than in the baseline, which may be chance"
        if increase < 0:
            reason = f"{-100 * increase:.3g} points fewer values are missing than in the baseline"
            advice = "make sure that no default stands in their place"
        return finding.as_cannot_tell(reason, advice, is_change_seen=True)
    if smallest > size and share + size <= 1:  # otherwise so many more values can't be missing
        unseen_change = f"{format_noun_count(finding.m or 0, 'value')} any change"
        if math.isfinite(smallest):
            unseen_change = (
                f"{format_noun_count(finding.m or 0, 'row')} up to {100 * smallest:.3g} points more missing values"
            )
        return finding.as_cannot_tell(f"with {unseen_change} may go unseen", advice)
    return finding
