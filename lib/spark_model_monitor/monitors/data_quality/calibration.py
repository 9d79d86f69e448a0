"""How noise is allowed for in one run: its budget, the tests of its columns, and the verdict on a column's drift. Pure.

The verdict is violated, passed, or "cannot tell" with the smallest change that would have been detected.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from spark_model_monitor.documents.check_results import BudgetLedger, CheckStatus
from spark_model_monitor.documents.constraints import Rows
from spark_model_monitor.monitors.data_quality import messages
from spark_model_monitor.monitors.data_quality.distributions import FeatureDistribution, of_windows
from spark_model_monitor.monitors.data_quality.documents import DRIFT
from spark_model_monitor.monitors.protocol import Finding
from spark_model_monitor.statistics.drift.distances import l_infinity_categorical, l_infinity_numeric
from spark_model_monitor.statistics.drift.distributions import StepCdf, category_cells, pool
from spark_model_monitor.statistics.verdicts.components import (
    Component,
    Lacking,
    Samples,
    chance_of_more,
    fewer_are_missing,
    fewest_beyond_chance,
    of_categories,
    of_missing,
    of_numbers,
)
from spark_model_monitor.statistics.verdicts.multiplicity import (
    adjusted,
    combined,
    distance_interval,
    shift_of_gap,
    smallest_gap,
    smallest_share,
    smallest_shift,
)
from spark_model_monitor.statistics.verdicts.variation import (
    ALONE,
    Groups,
    Others,
    Raw,
    allowed_for,
    comparable,
    phi,
    unseen,
)

if TYPE_CHECKING:
    from spark_model_monitor.statistics.verdicts.memory import Lasting

MAY_BE_CHANCE = "with {rows:,} values this may be chance; {enough}"
ENOUGH = "{fewest:,} that lack it would not be"
NEVER_ENOUGH = "so few can't show it"


@dataclass
class Column:
    """What two samples of a feature show of its drift. samples, distance: None if a side has no values. share: of the
    baseline's most frequent value, for texts and flags. windows: number of earlier ones, or parts of the baseline, that
    show how much the column varies; phi: by what factor more than independent rows. groups: how many rows count as one.
    unfit: why there are no windows. family: the family whose level it shares.
    """

    components: tuple[Component, ...] = ()
    samples: Samples | None = None
    distance: float | None = None
    share: float | None = None
    adjusted_p: float = 1.0
    windows: int = 0
    phi: float = 1.0
    groups: float = 1.0
    unfit: str | None = None
    family: str = DRIFT

    @cached_property
    def p(self) -> float:
        return combined(self.components)

    @property
    def rarest(self) -> Component | None:
        """The component with the smallest p-value."""
        return min(self.components, key=lambda component: component.p, default=None)


@dataclass(frozen=True, slots=True)
class Calibration:
    """ledger: of the budget. columns: those whose drift is tested, by reference and feature name.
    lasting: the joint evidence of windows, by feature.
    """

    ledger: BudgetLedger
    columns: Mapping[tuple[str, str], Column] = field(default_factory=dict)
    lasting: Mapping[str, Lasting] = field(default_factory=dict)

    @property
    def rows_are_independent(self) -> bool:
        return self.ledger.rows == Rows.INDEPENDENT.value

    def share_of(self, family: str) -> tuple[float, int]:
        """A family's level, and the number of tests that share it."""
        [found] = [each for each in self.ledger.families if each.family == family]
        return found.level, found.tests

    def allowed_for(
        self, finding: Finding, family: str, lacking: int, rows: int, *, groups: float = 1.0, least: float = 0.0
    ) -> Finding:
        """A finding about a suggested limit: a violation only if the window's own test confirms it.

        lacking, rows: of the baseline. groups: how many rows count as one. least: a lower bound for the p-value.
        """
        if finding.status is not CheckStatus.VIOLATED or finding.observed is None or not finding.m or not rows:
            return finding
        level, tests = self.share_of(family)
        now = round((1 - finding.observed) * finding.m)
        sides = (math.ceil(lacking / groups), int(rows / groups)), (int(now / groups), int(finding.m / groups))
        p = max(chance_of_more(*sides[0], *sides[1]), least)
        if p <= level / tests:
            return finding.but(p=p)
        if p > chance_of_more(lacking, rows, now, finding.m):
            return finding.but(status=CheckStatus.CANNOT_TELL, p=p, reason=GROUPED, description=None)
        fewest = fewest_beyond_chance(lacking, rows, finding.m, level / tests)
        enough = NEVER_ENOUGH if fewest is None else ENOUGH.format(fewest=fewest)
        reason = MAY_BE_CHANCE.format(rows=finding.m, enough=enough)
        return finding.but(status=CheckStatus.CANNOT_TELL, p=p, reason=reason, description=None)


@dataclass(frozen=True, slots=True)
class ColumnRequest:
    """Two sides of a feature whose column is requested. groups, unfit, family: of that feature. tested: whether tests
    count. past: the raw statistics of earlier windows, if there are enough; the tests then allow for them. others: how
    much other columns vary. known: another side whose values don't count as new.
    """

    baseline: FeatureDistribution
    current: FeatureDistribution
    groups: Groups = ALONE
    family: str = DRIFT
    unfit: str | None = None
    tested: bool = False
    past: Raw | None = None
    others: Others | None = None
    known: FeatureDistribution | None = None

    @property
    def lacking(self) -> Lacking:
        """The number of missing values and the number of rows, on both sides."""
        before, after = self.baseline, self.current
        return (before.rows - before.present, before.rows), (after.rows - after.present, after.rows)

    @property
    def cdfs(self) -> tuple[StepCdf, StepCdf] | None:
        """Both sides, if both are known and numeric."""
        before, after = self.baseline, self.current
        if before.reason or after.reason or before.numbers is None or after.numbers is None:
            return None
        return (before.numbers.step_cdf(), after.numbers.step_cdf()) if before.present and after.present else None


def columns_of(all_asked: Sequence[ColumnRequest]) -> list[Column | None]:
    """The column of each request; None if a side is unknown, or if one side is numeric and the other text."""
    pool([sides for asked in all_asked if (sides := asked.cdfs) is not None])
    columns = [_untested(asked) for asked in all_asked]
    found = ((asked, column) for asked, column in zip(all_asked, columns, strict=True) if column is not None)
    wanted = [(asked, column) for asked, column in found if asked.tested or asked.past is not None]
    for asked, column in wanted:
        column.components = of_missing(*asked.lacking)
    beside = [(column, asked.baseline, asked.current) for asked, column in wanted if column.samples is not None]
    numbers = [(column, one.numbers, two.numbers) for column, one, two in beside if one.numbers and two.numbers]
    others = [each for each in beside if not (each[1].numbers and each[2].numbers)]
    texts = [(column, one.categories or {}, two.categories or {}) for column, one, two in others]
    kinds: Sequence[tuple[Sequence[Any], Any]] = ((numbers, of_numbers), (texts, of_categories))
    for known, tests in kinds:
        for (column, *_), components in zip(known, tests([each[1:] for each in known]) if known else (), strict=True):
            column.components += components
    beside_past = [(asked, column) for asked, column in wanted if asked.past is not None and not asked.tested]
    windows = of_windows((asked.baseline, asked.current) for asked, _ in beside_past)
    for (asked, column), now in zip(beside_past, windows, strict=True):
        _allow_for_past(column, asked, now)
    for asked, column in wanted:
        if (asked.past is None or asked.tested) and fewer_are_missing(asked.lacking):
            _look_for_filled(column, asked)
    return columns


def _untested(asked: ColumnRequest) -> Column | None:
    baseline, current = asked.baseline, asked.current
    if baseline.reason or current.reason or not baseline.rows or not current.rows:
        return None
    column = Column(unfit=asked.unfit, family=asked.family)
    if asked.past is None and not asked.tested:
        column.phi = column.groups = asked.groups.of_values
    if not (baseline.present and current.present):
        return column
    column.samples = Samples(baseline.present, current.present)
    if (sides := asked.cdfs) is not None and baseline.numbers is not None and current.numbers is not None:
        column.samples = replace(column.samples, error=baseline.numbers.error + current.numbers.error)
        before, after = sides
        if max(len(before.values), len(after.values)) <= 2 and len({*before.values, *after.values}) <= 2:
            column.share = max(before.cumulative[0], before.total - before.cumulative[0]) / before.total
        column.distance = l_infinity_numeric(before, after)
    elif baseline.categories is not None and current.categories is not None:
        counts = category_cells(baseline.categories, current.categories)
        column.distance = l_infinity_categorical(*counts)
        column.share = float(counts[0].max() / counts[0].sum())
    else:
        return None
    return column


def _allow_for_past(column: Column, asked: ColumnRequest, now: Mapping[str, float] | None) -> None:
    groups, others, past = asked.groups, asked.others, asked.past
    if now is None or past is None or column.samples is None:
        column.components = ()
        return
    past = comparable(now, past)
    components = [allowed_for(component, now, past, groups, others) for component in column.components]
    is_numeric = asked.baseline.numbers is not None and asked.current.numbers is not None
    if not is_numeric:
        new = now["unseen"]
        if new and asked.known is not None:
            old = {*(asked.baseline.categories or ()), *(asked.known.categories or ())}
            new = sum(count for value, count in (asked.current.categories or {}).items() if value not in old)
            new /= asked.current.present
        components.append(unseen(now, past, column.samples.share, groups, new))
    widest = phi("ks" if is_numeric else "cell", now, past, groups.of_values, others)
    column.components, column.windows = tuple(components), len(past["rows"])
    column.phi, column.groups = max(widest, groups.new_values), groups.of_values
    if fewer_are_missing(asked.lacking):
        _look_for_filled(column, asked, now, past)


def _look_for_filled(
    column: Column, asked: ColumnRequest, now: Mapping[str, float] | None = None, past: Raw | None = None
) -> None:
    """Replace the component of missing values by that of a value which they became, where there is one."""
    from spark_model_monitor.monitors.data_quality.filled import component_of

    known = asked.lacking, column.samples, now, past, asked.groups
    if column.samples and (least := component_of(asked.baseline, asked.current, known)):
        column.components = (least, *(each for each in column.components if each.name != "missing"))


def with_adjusted(columns: Mapping[tuple[str, str], Column]) -> dict[tuple[str, str], Column]:
    """The columns with their p-values adjusted within each family."""
    for family in {column.family for column in columns.values()}:
        members = [column for column in columns.values() if column.family == family]
        for column, p in zip(members, adjusted([column.p for column in members]), strict=True):
            column.adjusted_p = p
    return dict(columns)


# Three verdicts on one column's drift: violated, passed, or "cannot tell" with the smallest detectable change.


NO_HISTORY = "no earlier windows: how much this column varies between windows is unknown"
GROUPED = "its rows come in groups, so the window says less than as many independent rows would"
INDEPENDENT = "rows assumed independent"
IN_GROUPS = "; about {rows:.0f} rows of this window count as one"
CHANCES = "; by chance so few are missing in {:.2g} of the windows, and so many more rows have one value in {:.2g}"
LEARNT = "as {windows} earlier windows or parts of the baseline vary"
UNSEEN_SHIFT = "with {rows:,} values a shift below {change:.2g} standard deviations is not seen"
UNSEEN_SHARE = "with {rows:,} values a change of a share by less than {change:.2g} is not seen"
NOTHING_SEEN = "with {rows:,} values no change is seen"

SHIFT, SHARE = "{change:.2g} standard deviations", "{change:.2g} % of the records"  # the words for a smallest change

RARE = 0.05
"""The lowest share of a text for computing its smallest change; the count of a rarer one is not normal."""


def verdict(finding: Finding, threshold: float, column: Column, calibration: Calibration) -> Finding:
    """The drift check's finding by the file's method, judged again where noise is allowed for."""
    smallest = _smallest(threshold, column, calibration)
    known: dict[str, Any] = {"distance": column.distance, "change": None, "smallest_change": None}
    seen = known | {"smallest_change": smallest} if math.isfinite(smallest) else known
    if seen is not known:
        change = SHIFT.format(change=smallest) if column.share is None else SHARE.format(change=100 * smallest)
        seen["change"] = change
    if calibration.rows_are_independent or column.windows:
        return finding.but(**_by_tests(finding, seen, threshold, column, calibration))
    if column.phi > 1 and column.samples is not None and column.distance is not None:
        low, _ = distance_interval(column.distance, column.samples, phi=column.phi)
        if finding.status is CheckStatus.VIOLATED and low <= threshold:
            return finding.but(**known, status=CheckStatus.CANNOT_TELL, reason=GROUPED, description=None)
    if finding.status is not CheckStatus.PASSED or column.samples is None:
        return finding.but(**known)  # in addition to `observed`, another number for the same drift
    reason = f"{column.unfit or NO_HISTORY}; {_unseen(seen, column)}"
    return finding.but(**seen, status=CheckStatus.CANNOT_TELL, reason=reason)


def _by_tests(
    finding: Finding, seen: Mapping[str, Any], threshold: float, column: Column, calibration: Calibration
) -> dict[str, Any]:
    """The verdict of the column's own tests, which independent rows or earlier windows allow."""
    level, _ = calibration.share_of(column.family)
    rarest, distance, samples = column.rarest, column.distance, column.samples
    why = LEARNT.format(windows=column.windows) if column.windows else INDEPENDENT
    why += IN_GROUPS.format(rows=column.groups) if column.groups > 1 else ""
    tested = {**seen, "p": column.p, "adjusted_p": column.adjusted_p}
    low = high = None
    if distance is not None and samples is not None:
        low, high = distance_interval(distance, samples, phi=column.phi)
    if high is None and column.adjusted_p > level:
        return tested
    tested |= {"reason": why, "distance_low": low, "distance_high": high}
    if rarest is not None:
        why = tested["reason"] = why + (CHANCES.format(*rarest.chances) if rarest.chances else "")
        went = rarest.direction or finding.direction
        tested |= {"component": rarest.name, "effect": rarest.effect, "direction": went}
    if column.adjusted_p <= level:
        text = messages.drift_p_value(column.adjusted_p, level)
        if finding.description is not None:  # by the file's own method
            text = finding.description
        elif distance is not None and distance > threshold:
            text = messages.drift(distance, threshold)
        return {**tested, "status": CheckStatus.VIOLATED, "change": None, "smallest_change": None, "description": text}
    if high is not None and high <= threshold:
        return {**tested, "status": CheckStatus.PASSED, "description": None}
    reason = f"{_unseen(seen, column)}; {why}"
    return {**tested, "status": CheckStatus.CANNOT_TELL, "reason": reason, "description": None}


def _smallest(threshold: float, column: Column, calibration: Calibration) -> float:
    """The smallest change that the rule in force detects nine times in ten; infinite if there is none."""
    samples = column.samples
    if samples is None:
        return math.inf
    if not (calibration.rows_are_independent or column.windows):
        gap = smallest_gap(threshold, samples)
        return shift_of_gap(gap) if column.share is None else gap if gap < 1 else math.inf
    level, columns = calibration.share_of(column.family)
    if column.share is None:
        return smallest_shift(samples, level, columns, phi=column.phi)
    share = max(min(column.share, 1 - column.share), RARE)
    smallest = smallest_share(share, samples, level, columns, phi=column.phi)
    return smallest - share if smallest < 1 else math.inf


def _unseen(seen: Mapping[str, Any], column: Column) -> str:
    rows, change = column.samples.m if column.samples is not None else 0, seen["smallest_change"]
    if change is None:
        return NOTHING_SEEN.format(rows=rows)
    return (UNSEEN_SHIFT if column.share is None else UNSEEN_SHARE).format(rows=rows, change=change)
