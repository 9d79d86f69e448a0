"""The features and metrics of a page: changes and possible changes as cards, all others as one line each. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from shlex import quote

from spark_model_monitor.documents.alarms import name_check, rank_severity
from spark_model_monitor.documents.change_description import (
    SIDES,
    describe_change,
    describe_evidence,
    format_check,
    format_limit,
)
from spark_model_monitor.documents.check_results import (
    BESIDE,
    DRIFT,
    HIDDEN,
    SEGMENT_DRIFT,
    CheckResult,
    CheckStatus,
    name_cause,
)
from spark_model_monitor.documents.outcome import FeatureOutcome, find_unsure_features, group_by
from spark_model_monitor.documents.page import (
    EXPLAIN,
    MAX_CARDS,
    MAX_LINES,
    Block,
    Card,
    Cards,
    Cell,
    Highlight,
    Hours,
    Overlay,
    PageSection,
    PageTable,
    Picture,
    TableLine,
    build_table,
    format_noun_count,
    format_number,
    format_percent,
)
from spark_model_monitor.documents.run_changes import find_accepted, find_not_compared
from spark_model_monitor.value_class import value_class

VERDICTS = {
    CheckStatus.VIOLATED: (Highlight.BAD, "✗ violated"),
    CheckStatus.PASSED: (Highlight.GOOD, "✓ passed"),
    CheckStatus.CANNOT_TELL: (Highlight.UNSURE, "? may have changed"),
    CheckStatus.NOT_JUDGED: (Highlight.NONE, "– not judged"),
}
"""How a page shows the verdict of a check: highlight, sign and word."""

LARGEST_UNSEEN = "no change larger than"
# Headings of a page's sections
UNSURE = "May have changed"
ACCEPTED = "Changed, as accepted"
EARLIER = "Changed before"
CHANGED = "Changed"
CALM = "No change seen"
MAX_SEGMENTS_SHOWN = 12
PARTS = "Within is what changed in a segment, mix what its share of the rows did: of all they are the whole change."


@value_class
class FeatureLine:
    """The values of one feature in a table.

    before, now: a typical value in the baseline and now.
    missing: the share of missing values.
    note: why it has no verdict.
    """

    type_name: str = ""
    before: str = "–"
    now: str = "–"
    missing: str = "–"
    trend: Hours | None = None
    note: str = ""


NO_LINE = FeatureLine()  # of a feature that is shown as a card


@value_class
class PageFeature:
    """A feature or metric of a page.

    name: its name in histories.
    check_results: all results of its checks.
    shown_name: its name with the model's, if there are several models.
    picture: a picture of baseline and window.
    hints: hints that help to find the cause.
    since, hours: the beginning and the earlier windows, for its card.
    was_violated: whether it was violated in an earlier window.
    """

    name: str
    check_results: Sequence[CheckResult]
    shown_name: str = ""
    picture: Picture | None = None
    hints: Sequence[str] = ()
    since: str = ""
    hours: Hours | None = None
    line: FeatureLine = NO_LINE
    is_output: bool = False
    was_violated: bool = False

    @property
    def violations(self) -> list[CheckResult]:
        """The violations, the clearest first."""
        violations = [check_result for check_result in self.check_results if check_result.is_violated]
        return sorted(violations, key=lambda violation: (violation.alarm or 0, *rank_severity(violation)))

    @property
    def rank(self) -> tuple[bool, float, float]:
        """A sort key for changed features; outputs come last, since they follow from inputs."""
        first = self.violations[0]
        # The alarm number of an output doesn't depend on the size of its own change
        if self.is_output:
            return True, 0.0, -(first.distance or 0.0)
        return False, first.alarm or math.inf, -first.severity

    @property
    def is_unsure(self) -> bool:
        return any(check_result.is_unsure for check_result in self.check_results)

    @property
    def is_compared(self) -> bool:
        statuses = {check_result.status for check_result in self.check_results}
        statuses.discard(CheckStatus.NOT_JUDGED)
        return bool(statuses) and not find_not_compared(self.check_results)

    @property
    def size(self) -> float:
        """Its largest distance from the baseline, or impact."""
        return max(
            (check_result.impact or check_result.distance or 0.0 for check_result in self.check_results), default=0.0
        )


def create_change_sections(
    groups: Mapping[str, Sequence[PageFeature]], labels: tuple[str, str] = ("baseline", "this run")
) -> list[PageSection]:
    """Sections for what changed, may have changed, changed as a person accepted, changed before, and didn't change. Empty
    sections are left out.

    groups: the features of each monitor, by its caption. labels: of baseline and window.
    """
    # Cards of all monitors are in one list, but each monitor has its own tables
    changed_cards: list[Card] = []
    unsure_cards: list[Card] = []
    tables: dict[str, list[PageTable]] = {}
    counts = []
    num_not_compared = 0
    for caption, features in groups.items():
        check_results = [check_result for feature in features for check_result in feature.check_results]
        unit = "feature"
        if any(check_result.metric for check_result in check_results):
            unit = "metric"
        # One card for each change, and for the first features whose outcome is `cannot tell`
        by_name = {feature.name: feature for feature in features}
        outcomes = [outcome for outcome in find_unsure_features(check_results) if outcome.name in by_name]
        unsure_cards += _create_unsure_cards(outcomes[:MAX_CARDS], by_name)
        unsure_features = [by_name[outcome.name] for outcome in outcomes]
        features_by_heading = _group_by_heading(features, check_results, unsure_features)
        changed_cards += _create_changed_cards(features_by_heading[CHANGED])
        # One line for each of the others
        features_by_heading[UNSURE] = unsure_features[MAX_CARDS:]
        for heading, line_features in features_by_heading.items():
            if line_features and heading != CHANGED:
                table = _create_table(heading, line_features, unit, labels, caption)
                tables.setdefault(heading, []).append(table)
        # The number of features that were compared
        unchanged = features_by_heading[CALM]
        num_compared = sum(feature.is_compared for feature in unchanged)
        num_not_compared += len(unchanged) - num_compared
        if num_compared:
            counts.append(format_noun_count(num_compared, unit))

    # From the most to the least urgent
    sections = []
    if changed_cards:
        cards = Cards(tuple(changed_cards), labels)
        sections.append(PageSection(CHANGED, (cards,), note="the largest first, outputs last"))
    if unsure_cards:
        cards = Cards(tuple(unsure_cards), labels)
        blocks = (cards, *tables.get(UNSURE, ()))
        sections.append(PageSection(UNSURE, blocks, note="nobody can tell; each says why, and what to do"))
    # If no feature was compared, `no change` would be wrong
    if num_not_compared and counts:
        counts.append(f"{num_not_compared:,} not compared")
    notes = {EARLIER: "violated in an earlier window, not in the last one; red bars show when", CALM: ", ".join(counts)}
    for heading in (ACCEPTED, EARLIER, CALM):
        shown_heading = heading
        if heading == CALM and not counts:
            shown_heading = "Not compared"
        if heading in tables:
            sections.append(PageSection(shown_heading, tuple(tables[heading]), note=notes.get(heading, "")))
    return sections


def _group_by_heading(
    features: Sequence[PageFeature], check_results: Sequence[CheckResult], unsure: Sequence[PageFeature]
) -> dict[str, Sequence[PageFeature]]:
    """The features of each section, by its heading. unsure: those whose outcome is `cannot tell`."""
    changed = [feature for feature in features if feature.violations]
    changed.sort(key=attrgetter("rank"))
    # Those with an accepted change, and all others
    shown_names = {feature.name for feature in (*changed, *unsure)}
    accepted_names = {check_result.full_name for check_result in find_accepted(check_results)} - shown_names
    remaining = [feature for feature in features if feature.name not in shown_names | accepted_names]
    # Among many unchanged features, the largest changes come first
    unchanged = [feature for feature in remaining if not feature.was_violated]
    if len(unchanged) > MAX_LINES:
        unchanged.sort(key=lambda feature: -feature.size)
    return {
        CHANGED: changed,
        UNSURE: unsure,
        ACCEPTED: [feature for feature in features if feature.name in accepted_names],
        EARLIER: [feature for feature in remaining if feature.was_violated],
        CALM: unchanged,
    }


def _create_table(
    heading: str, features: Sequence[PageFeature], unit: str, labels: tuple[str, str], caption: str
) -> PageTable:
    """A table with one line for each feature."""
    mark = Highlight.NONE
    if heading == UNSURE:
        mark = Highlight.UNSURE
    unseen_title = LARGEST_UNSEEN
    if heading == ACCEPTED:
        unseen_title = "accepted"
    lines = []
    for feature in features:
        # A line has space for an overlay, but not for other pictures
        picture: Cell = "–"
        if isinstance(feature.picture, Overlay):
            picture = feature.picture
        line = feature.line
        unseen = line.note or format_largest_unseen_change(feature.check_results)
        name = feature.shown_name or feature.name
        trend = line.trend or "–"
        cells = (name, line.type_name, picture, line.before, line.now, unseen, line.missing, trend)
        lines.append(TableLine(cells, mark, history_name=feature.name))
    # Columns for which the page has no values are left out
    titles = (unit, "type", " and ".join(labels), "before", "now", unseen_title, "missing", "over time")
    table = build_table(titles, lines, numbers=("before", "now", "missing"), names=(unit,), caption=caption)
    return table.drop_empty_columns()


def _create_changed_cards(features: Iterable[PageFeature]) -> Iterator[Card]:
    """Yield one card for each change; metrics that are the same in other units share a card."""
    twins_by_cause = group_by(features, lambda feature: name_cause(feature.violations[0]))
    for equivalent_features in twins_by_cause.values():
        yield create_card(*equivalent_features)


def create_card(feature: PageFeature, *twins: PageFeature) -> Card:
    """The card of a changed feature or metric. twins: metrics that are the same in other units."""
    # Names of further violations
    first, *other_violations = feature.violations
    also = dict.fromkeys(map(name_check, other_violations))
    also |= dict.fromkeys(twin.name for twin in twins)
    also.pop(name_check(first), None)
    # Possible explanations and notes
    hints = [first.guess or ""]
    if also:
        hints.append(f"also: {', '.join(also)}")
    if feature.is_output:
        hints.append("a model output: it follows its inputs")
    return Card(
        name=feature.shown_name or feature.name,
        change=describe_change(first),
        since=feature.since or first.since or "",
        picture=feature.picture,
        hints=tuple(filter(None, (*hints, *feature.hints))),
        hours=feature.hours,
        evidence=describe_evidence(first),
        more=tuple(_list_evidence(first, feature.check_results)),
        history_name=feature.name,
    )


def _create_unsure_cards(outcomes: Iterable[FeatureOutcome], features: Mapping[str, PageFeature]) -> Iterator[Card]:
    """Yield cards that say why the checks can't tell and what to do; the same advice is given only once."""
    advices = set()
    for outcome in outcomes:
        feature = features[outcome.name]
        hints = list(feature.hints)
        if outcome.advice and outcome.advice not in advices:
            hints.append(f"To find out: {outcome.advice}")
        advices.add(outcome.advice)
        yield Card(
            name=feature.shown_name or feature.name,
            change=outcome.reason or "",
            picture=feature.picture,
            hints=tuple(hints),
            hours=feature.hours,
            more=tuple(_list_evidence(feature.check_results[0], feature.check_results)),
            mark=Highlight.UNSURE,
            history_name=feature.name,
        )


def _list_evidence(first: CheckResult, checked: Sequence[CheckResult]) -> Iterator[Block]:
    """Yield a table of the checks with their numbers, then of each segment's part of the change, then of what its rows
    have in common.
    """
    # Only violated segments are listed
    rows = []
    for check_result in checked:
        if check_result.check != SEGMENT_DRIFT or check_result.is_violated:
            _, verdict = VERDICTS[check_result.status]
            observed = format_number(check_result.observed)
            limit = format_number(check_result.threshold)
            rows.append((format_check(check_result), verdict, observed, limit, check_result.formula or ""))
    yield build_table(("check", "verdict", "found", "limit", "how"), rows, numbers=("found", "limit"))
    # The part of each segment, the largest first
    if first.parts and first.parts[0].segment != HIDDEN:
        segment_parts = sorted(first.parts, key=lambda part: -abs(part.within + part.mix))[:MAX_SEGMENTS_SHOWN]
        rows_of_parts = [
            (part.segment, format_percent(part.rows), format_number(part.within), format_number(part.mix))
            for part in segment_parts
        ]
        sizes = ("of the rows", "within", "mix")
        yield build_table(("segment", *sizes), rows_of_parts, numbers=sizes, names=("segment",), caption=PARTS)
    # What the changed rows have in common
    if first.cause:
        rows = []
        for origin in first.cause:
            share = format_percent(origin.share)
            rows.append((origin.key, origin.words, origin.value or "", share, format_percent(origin.rows)))
        shares = ("of the change", "of the rows")
        titles = ("what", "where from", "value", *shares)
        table = build_table(
            titles,
            rows,
            numbers=shares,
            names=("what", "value"),
            caption="What the changed rows have in common, the clearest first.",
        )
        yield table.drop_empty_columns()
    yield EXPLAIN.format(name=quote(first.subject[0]))


def format_largest_unseen_change(check_results: Iterable[CheckResult]) -> str:
    """The largest change that could have been missed, or the limit of a metric; else why it was not compared, or who accepted
    its change.
    """
    window_results = tuple(check_results)
    for change in find_accepted(window_results):
        return change.reason or ""
    for check_result in window_results:
        is_beside = check_result.check in BESIDE
        reference = 0.0
        if not is_beside:
            reference = check_result.threshold or 0.0
        # The end of the interval that is farther from the reference is the largest change that is possible
        ends = [abs(end - reference) for end in check_result.interval or ()]
        if check_result.smallest_change is not None and check_result.change:
            return check_result.change
        if check_result.check in SIDES:
            return f"{format_limit(check_result)} is asked for"
        if ends and not check_result.is_violated and (is_beside or check_result.metric != "ndcg"):
            return format_number(max(ends), 2)
        if check_result.check == DRIFT and check_result.reason:
            reason, _, _ = check_result.reason.partition(";")
            if check_result.is_judged:
                return reason
            if find_not_compared(window_results):
                return f"not compared: {reason}"
            # Dates count as compared, because they have checks of their own
            return "compared by form, day and hour, since later dates are new by nature"
    return "–"
