"""`spark-model-monitor compare A B`: what changed between two runs, baselines or statistics.json, largest change first."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, field, replace
from functools import cached_property
from typing import TextIO

from spark_model_monitor.documents.change_description import describe_segment
from spark_model_monitor.documents.check_results import DRIFT, CheckResult, CheckStatus, Results, remove_values
from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.json_text import Json, dump_indented
from spark_model_monitor.documents.outcome import FeatureOutcome, find_unsure_features
from spark_model_monitor.documents.page import (
    Card,
    Cards,
    Headline,
    Highlight,
    Page,
    PageSection,
    PageTable,
    Picture,
    Point,
    PointChart,
    build_table,
    format_noun_count,
    format_number,
    shorten_name,
)
from spark_model_monitor.documents.statistics import QUARTILES
from spark_model_monitor.errors import BadInput, MonitorError
from spark_model_monitor.monitors.data_quality.baseline.documents import MAX_DOMAIN_SIZE, read_profile
from spark_model_monitor.monitors.data_quality.checks.drift.segment_shares import (
    compute_contributions,
    describe_location,
)
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import FeatureDistribution
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.data_quality.report.charts import draw_overlay
from spark_model_monitor.monitors.data_quality.report.sentences import remove_described_values
from spark_model_monitor.monitors.protocol import Sample, select_violations
from spark_model_monitor.reports.history.baselines import read_attribution_shares
from spark_model_monitor.reports.history_page.compared_side import (
    SEGMENT_START,
    SETTINGS,
    ComparedSide,
    RowValue,
    read_side,
    read_side_baseline,
)
from spark_model_monitor.reports.outputs.printable import format_table, printable
from spark_model_monitor.reports.page.page_files import Report
from spark_model_monitor.statistics.drift import compare_categorical, compare_numeric
from spark_model_monitor.statistics.verdicts.components import MIN_EFFECT
from spark_model_monitor.value_class import value_class

VIOLATED_STATUS = 4  # exit status, as for a job with --fail-on-violations. Source: C1.6.

SHOWN_STATISTICS = ("inferred_type", "completeness", "mean", "std_dev", "min", *QUARTILES, "max", "distinct", "value")
HEADINGS = {"inferred_type": "type", "std_dev": "sd"}  # of statistics whose own name is too long for a line
MIN_NAME_WIDTH = 60  # characters of a name that are shown even if the terminal is narrower
BY_CHANCE = "Different by no more than chance"
NO_TYPE_COUNTS = "statistics.json doesn't say how many values are of the baseline's type; name a run, which has states"

log = logging.getLogger(__name__)


@value_class
class Change:
    """The change of a feature or metric from A to B.

    Attributes
    ----------
    name: The name of the feature or metric.
    kind: `added`, `removed`, `changed` or `same`.
    distance: The largest gap between both distributions, 0 to 1; None if unknown.
    changes: The values before and after of each statistic that differs, by its name.
    impact: The distance times the feature's share of the attributions; None without attributions.
    """

    name: str
    kind: str
    distance: float | None = None
    changes: Mapping[str, tuple[RowValue, RowValue]] = field(default_factory=dict)
    impact: float | None = None

    @property
    def descriptions(self) -> list[str]:
        """Each statistic that differs, before and after."""
        return [f"{HEADINGS.get(key, key)} {_format_pair(*pair)}" for key, pair in self.changes.items()]


@value_class(slots=False)
class RunComparison:
    """The changes from A to B, the largest first.

    shares: each feature's share of the model's attributions; empty if they are unknown. names_values: whether categories and
    segments are named.
    """

    before: ComparedSide
    after: ComparedSide
    shares: Mapping[str, float] = field(default_factory=dict)
    names_values: bool = True

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        names = dict.fromkeys((*self.before.rows, *self.after.rows))
        order = ("added", "removed", "changed", "same")

        def rank(change: Change) -> tuple[int, float, float, str]:
            return order.index(change.kind), -(change.impact or 0.0), -(change.distance or 0.0), change.name

        return tuple(sorted(map(self._change, names), key=rank))

    def _change(self, name: str) -> Change:
        before = self.before.rows.get(name)
        after = self.after.rows.get(name)
        if before is None or after is None:
            return Change(name, "added" if before is None else "removed")
        # All members of constraints are compared; of the statistics, only those that people read
        are_constraints = self.before.constraints is not None and self.after.constraints is not None
        keys = dict.fromkeys((*before, *after)) if are_constraints else SHOWN_STATISTICS
        pairs = {key: (before.get(key), after.get(key)) for key in keys}
        different = {key: pair for key, pair in pairs.items() if not _are_equal(*pair)}
        distance = _measure_distance(self.before.distributions.get(name), self.after.distributions.get(name))
        impact = None
        # A feature without an attribution doesn't influence the model, so its impact is 0 whatever its distance is
        if self.shares:
            impact = (distance or 0.0) * self.shares.get(name, 0.0)
        return Change(name, "changed" if different or distance else "same", distance, different, impact)

    def judge(self) -> Results:
        """The results of A's constraints on B. They use B's states or, without states, as much as its statistics.json tells.

        Raises BadInput if B has no features.
        """
        after = self.after
        monitor = DataQualityMonitor()
        if after.profile is None and after.statistics is None:
            raise BadInput(f"{after.path}: has no features, to which constraints apply; name a run of data quality")
        profile = after.profile or read_profile(after.statistics)  # type: ignore[arg-type]  # one of them is there
        sample = Sample(profile, monitor.metrics(profile))
        check_results = monitor.judge(sample, read_side_baseline(self.before)).results
        if not self.names_values:
            check_results = tuple(map(remove_described_values, check_results))
        # Some results need more than statistics.json has
        if after.profile is not None:
            return check_results
        return tuple(map(_restrict_to_documents, check_results))

    @cached_property
    def changed_names(self) -> frozenset[str] | None:
        """The features that changed by more than chance: the violations of B with A as its baseline; None if they are unknown."""
        # Only states can tell how much a feature varies by chance
        if self.before.profile is None or self.after.profile is None:
            return None
        try:
            return frozenset(violation.feature or "" for violation in select_violations(self.judge()))
        # If the monitor can't judge the two runs, they can still be compared number by number
        except MonitorError as fault:
            log.info("changes are not told from chance: %s", fault)
            return None

    @cached_property
    def significant_changes(self) -> tuple[Change, ...]:
        """The changes that chance doesn't explain; all changes if that is unknown."""
        return tuple(filter(self._is_significant, self.changes))

    @cached_property
    def chance_changes(self) -> tuple[Change, ...]:
        """The changes that chance explains."""
        return tuple(change for change in self.changes if change.kind != "same" and not self._is_significant(change))

    def _is_significant(self, change: Change) -> bool:
        # Chance can't add or remove a feature
        if change.kind != "changed":
            return change.kind != "same"
        return self.changed_names is None or change.name in self.changed_names

    def plain(self) -> dict[str, Json]:
        """The comparison as JSON."""
        changes = [asdict(change) for change in self.changes]
        for members in changes:
            if members["impact"] is None:
                del members["impact"]
            # The values of a domain are replaced by their number
            if not self.names_values:
                members["changes"] = {
                    key: tuple(len(value) if isinstance(value, tuple) else value for value in pair)
                    for key, pair in members["changes"].items()
                }
        rows = [self.before.item_count, self.after.item_count]
        return {"before": self.before.path, "after": self.after.path, "rows": rows, "changes": changes}


def compare(before: str, after: str, attributions: str | None = None, *, names_values: bool = True) -> RunComparison:
    """The changes from `before` to `after`.

    before, after: output paths of runs of one kind, folders of the service, or two statistics.json, analysis.json or
    constraints.json. attributions: path of the model's attributions; changes are then sorted by their effect on the model.
    names_values: whether categories and segments are named.

    Raises BadInput if there is nothing to compare, BadDocument if a file is damaged.
    """
    first = read_side(before)
    second = read_side(after)
    # Constraints and statistics have no values in common to compare, only features to judge
    if (first.constraints is None) != (second.constraints is None):
        if not isinstance(first.constraints, Constraints) or second.statistics is None:
            raise BadInput(f"one of {before} and {after} is a constraints.json; name two files or two runs of one kind")
        features = {name: row for name, row in first.rows.items() if name != SETTINGS}
        first = replace(first, rows=features)
    if first.rows and second.rows and not first.rows.keys() & second.rows.keys():
        raise BadInput(f"{before} and {after} have no feature or metric in common; name two runs of one kind")
    if not names_values:
        first, second = _number_segments(first, second)
    shares = read_attribution_shares(attributions) if attributions else {}
    return RunComparison(first, second, shares, names_values)


def _are_equal(before: RowValue, after: RowValue) -> bool:
    # The last digits of a sum depend on its order
    if isinstance(before, float) and isinstance(after, float):
        return math.isclose(before, after)
    return bool(before == after)


def _number_segments(before: ComparedSide, after: ComparedSide) -> tuple[ComparedSide, ComparedSide]:
    """Both sides with a number in place of each segment's name. A segment has the same number on both sides."""
    segment_numbers: dict[str, int] = {}
    shown_names: dict[str, str] = {}
    for name in sorted(before.segment_names | after.segment_names):
        metric, _, segment = name.partition(SEGMENT_START)
        # A segment has the same number for each metric
        number = segment_numbers.setdefault(segment, len(segment_numbers) + 1)
        shown_names[name] = f"{metric} (segment {number})"

    # Names without a segment stay
    def rename_rows(compared: ComparedSide) -> ComparedSide:
        return replace(compared, rows={shown_names.get(name, name): row for name, row in compared.rows.items()})

    return rename_rows(before), rename_rows(after)


def main(
    before: str,
    after: str,
    out: TextIO,
    *,
    as_json: bool = False,
    judge: bool = False,
    output: str | None = None,
    attributions: str | None = None,
    names_values: bool = True,
    page_names_values: bool = True,
) -> int:
    """Print the changes; also write them as a page if `output` is given. Returns the exit status.

    judge: whether the exit status is 4 if B violates A's constraints.

    names_values, page_names_values: whether what is printed, and the page, name categories and segments.
    """
    comparison = compare(before, after, attributions, names_values=names_values)
    check_results = comparison.judge() if judge else ()
    violations = list(select_violations(check_results))
    # Checks that statistics.json can't answer are listed, because otherwise they would look like passed checks
    unjudged = []
    if comparison.after.profile is None:
        unjudged = [check_result for check_result in check_results if not check_result.is_judged]
    unsure = find_unsure_features(check_results)
    # The page is written first, because the reader of standard output may stop early
    if output is not None:
        page_comparison = compare(before, after, attributions, names_values=page_names_values)
        Report(create_comparison_page(page_comparison, violations)).save(output)
    if as_json:
        plain = comparison.plain()
        if judge:
            plain["violations"] = [violation.description for violation in violations]
            plain["not_judged"] = [
                {name: getattr(check_result, name) for name in ("feature", "check", "reason")}
                for check_result in unjudged
            ]
            plain["cannot_tell"] = [feature.plain() for feature in unsure]
        out.write(dump_indented(plain))
    else:
        out.write(_write_text(comparison, violations, unjudged, unsure, judge=judge))
    # Without `judge` there are no violations, because a difference alone is not a failure
    return VIOLATED_STATUS if violations else 0


def create_comparison_page(comparison: RunComparison, results: Sequence[CheckResult]) -> Page:
    """The comparison as a page."""
    violations_by_name = {result.feature or result.metric: result for result in results}
    # The changes, the differences due to chance, and what is the same
    changed = comparison.significant_changes
    by_chance = comparison.chance_changes
    same = [change for change in comparison.changes if change.kind == "same"]
    # The first section needs an action, the last can be ignored; empty sections are left out
    sections = []
    if results:
        descriptions = tuple(f"{violation.feature}: {violation.description}" for violation in results)
        sections.append(PageSection("What breaks the constraints", descriptions))
    if changed:
        order = f"the largest {'impact' if comparison.shares else 'change'} first"
        cards = tuple(_create_card(comparison, change, violations_by_name.get(change.name)) for change in changed)
        sections.append(PageSection("Changed", (Cards(cards, ("before", "after")),), note=order))
    for heading, changes in ((BY_CHANCE, by_chance), ("The same", same)):
        if changes:
            sections.append(PageSection(heading, (_create_table(changes),), note=f"{len(changes):,}"))
    # The headline says how many features or metrics differ, and names the largest change
    text = f"{_count_differences(comparison)}."
    mark = Highlight.NONE
    if results:
        text = f"{format_noun_count(len(results), 'violation')} of the constraints: {text}"
        mark = Highlight.BAD
    elif not changed and not by_chance:
        text = "No change seen."
    largest = ""
    if changed:
        description = (changed[0].descriptions or [changed[0].kind])[0]
        largest = f"The largest: {shorten_name(changed[0].name)}, {description}."
    facts = (("before", comparison.before.path), ("after", comparison.after.path))
    headline = Headline(text, largest, mark)
    return Page("compare", "Comparison", facts, tuple(sections), headline, html_only=True)


def _create_table(changes: Sequence[Change]) -> PageTable:
    # Changes of kind `same` have no descriptions, so that column may be empty
    rows = [(change.name, format_number(change.distance), "; ".join(change.descriptions)) for change in changes]
    titles = ("feature or metric", "distance", "what")
    return build_table(titles, rows, numbers=("distance",), names=("feature or metric",)).drop_empty_columns()


def _count_differences(comparison: RunComparison) -> str:
    """How many features or metrics differ, and how many of them by more than chance, if both sides have states."""
    num_significant = len(comparison.significant_changes)
    num_different = num_significant + len(comparison.chance_changes)
    differences = f"{num_different:,} of {len(comparison.changes):,} features or metrics changed"
    if comparison.changed_names is None or not num_different:
        return differences
    return f"{differences}, {num_significant:,} of them by more than chance"


def _create_card(comparison: RunComparison, change: Change, violation: CheckResult | None) -> Card:
    before = comparison.before.distributions.get(change.name)
    after = comparison.after.distributions.get(change.name)
    # If only one side has the feature, its distribution is drawn alone
    first, second = (before, after) if before else (after, None)
    # A picture of both distributions; a metric has a value before and after instead
    max_named_categories = MAX_DOMAIN_SIZE if comparison.names_values else 0
    picture: Picture | None = draw_overlay(first, second, max_named_categories) if first else None
    value = change.changes.get("value")
    if picture is None and value is not None and all(isinstance(number, (int, float)) for number in value):
        picture = PointChart.from_zero(change.name, (Point("after", value[1], value[0]),), reference_label="before")
    # The first change is the headline of the card; the distance and the other changes are its evidence
    first_description, *evidence = change.descriptions or [change.kind]
    if change.distance is not None:
        evidence.insert(0, f"distance {format_number(change.distance)}")
    # The segment comes first, because it says where to look
    hints = [_locate_change(comparison, change)]
    mark = Highlight.NONE
    if violation is not None:
        hints.append(violation.description or "")
        mark = Highlight.BAD
    shown_hints = tuple(filter(None, hints))
    return Card(
        change.name,
        first_description,
        picture=picture,
        hints=shown_hints,
        evidence="; ".join(evidence),
        mark=mark,
    )


def _locate_change(comparison: RunComparison, change: Change) -> str:
    """The segment of a change, if both runs have segments."""
    before = comparison.before.find_feature(change.name)
    after = comparison.after.find_feature(change.name)
    # If the change is smaller than the smallest reported effect, its segments would be noise
    if after is None or (change.distance or 0.0) < MIN_EFFECT:
        return ""
    location, segment = describe_location(compute_contributions(before, after))
    located = CheckResult(check=DRIFT, status=CheckStatus.PASSED, where=location or None, segment=segment)
    if not comparison.names_values:
        located = remove_values(located)
    return describe_segment(located)


def _measure_distance(before: FeatureDistribution | None, after: FeatureDistribution | None) -> float | None:
    """The largest gap between two distributions, 0 to 1, without a correction for noise; None if it can't be computed."""
    if before is None or after is None:
        return None
    if before.numbers is not None and after.numbers is not None:
        return compare_numeric(before.numbers, after.numbers, method="Simple").distance
    if before.categories and after.categories:
        return compare_categorical(before.categories, after.categories, method="l_infinity_categorical").distance
    return None


def _write_text(
    comparison: RunComparison,
    violations: Sequence[CheckResult],
    unjudged: Sequence[CheckResult],
    unsure: Sequence[FeatureOutcome],
    *,
    judge: bool,
) -> str:
    before = comparison.before.item_count
    after = comparison.after.item_count
    text = f"{_count_differences(comparison)}\n"
    # A constraints.json or an analysis.json doesn't say the number of rows
    if before is not None and after is not None:
        text = f"{before:,} rows before, {after:,} after; {text}"
    # Changes that chance explains come last
    shown_changes = [(change, change.kind) for change in comparison.significant_changes]
    shown_changes += [(change, "by chance") for change in comparison.chance_changes]
    # The segment of a change stands before its numbers
    rows = []
    for change, kind in shown_changes:
        distance = None if change.distance is None else round(change.distance, 4)
        descriptions = filter(None, (_locate_change(comparison, change), *change.descriptions))
        rows.append((change.name, kind, distance, "; ".join(descriptions)))
    if rows:
        header = ("name", "change", "distance", "what")
        text += "\n" + format_table(header, rows, width=160, shortest_name=MIN_NAME_WIDTH)
    # Violations come first, then what the data can't tell, then what could not be judged
    if judge:
        violation_count = format_noun_count(len(violations), "violation")
        lines = [f"{violation.feature}: {violation.description}" for violation in violations]
        text += _list_lines(f"{violation_count} of the constraints of {comparison.before.path}", lines)
    if unsure:
        lines = [f"{feature.name}: {feature.reason}; to find out: {feature.advice}" for feature in unsure]
        text += _list_lines(f"{len(unsure):,} of which nobody can tell", lines)
    if judge and comparison.before.constraints is not None:
        text += _list_lines(f"statistics.json of {comparison.before.path} is missing, so no distribution is compared")
    if judge and comparison.after.profile is None:
        lines = [f"{check_result.feature}: {check_result.check}: {check_result.reason}" for check_result in unjudged]
        text += _list_lines(f"{len(unjudged):,} checks not judged; facts need a run's states", lines)
    return text


def _list_lines(title: str, lines: Iterable[str] = ()) -> str:
    """A title, and indented lines below it."""
    return "".join(["\n", f"{printable(title)}\n", *(f"  {printable(line)}\n" for line in lines)])


def _restrict_to_documents(result: CheckResult) -> CheckResult:
    """The result of a check for a window of which only statistics.json is known.

    The document has one type for all values of a feature, so a violated type may be due to one value or to all of them: that
    check is not judged.
    """
    if result.check != "data_type_check" or not result.is_violation:
        return result
    unknown = {"status": CheckStatus.NOT_JUDGED, "observed": None, "description": None, "reason": NO_TYPE_COUNTS}
    return result.model_copy(update=unknown)


def _format_pair(before: RowValue, after: RowValue) -> str:
    """Both values; for lists, which may be long, their lengths and how many items were added and removed."""
    pair = f"{_format_value(before)} → {_format_value(after)}"
    if not isinstance(before, (list, tuple)) or not isinstance(after, (list, tuple)):
        return pair
    num_added = len(set(after).difference(before))
    removed = len(set(before).difference(after))
    return f"{pair}, {num_added:,} added, {removed:,} removed"


def _format_value(value: RowValue) -> str:
    if isinstance(value, (list, tuple)):
        return format_noun_count(len(value), "value")
    if isinstance(value, (str, bool, dict)):
        return str(value)
    return format_number(value)
