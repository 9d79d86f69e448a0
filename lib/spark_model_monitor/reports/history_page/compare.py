"""`spark-model-monitor compare A B`: what changed between two runs, baselines or statistics.json, largest change first."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, field, replace
from functools import cached_property
from typing import Any, TextIO

from spark_model_monitor.documents import json_text
from spark_model_monitor.documents.change_description import describe_segment
from spark_model_monitor.documents.check_results import DRIFT, CheckResult, CheckStatus, remove_values
from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.document import Document
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.documents.model_quality import ModelQualityConstraints
from spark_model_monitor.documents.monitoring_settings import MonitoringSettings
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
from spark_model_monitor.documents.run_description import AnalysisType
from spark_model_monitor.documents.statistics import QUARTILES, Statistics, as_rows
from spark_model_monitor.errors import BadInput, MonitorError
from spark_model_monitor.monitors.data_quality.baseline.documents import MAX_DOMAIN_SIZE, read_profile
from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
from spark_model_monitor.monitors.data_quality.checks.drift.segment_shares import (
    compute_contributions,
    describe_location,
)
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import (
    FeatureDistribution,
    from_profile,
    from_statistics,
)
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.data_quality.report.charts import draw_overlay
from spark_model_monitor.monitors.data_quality.report.sentences import remove_described_values
from spark_model_monitor.monitors.model_quality.measurement import MEMBERS
from spark_model_monitor.monitors.protocol import Sample, select_violations
from spark_model_monitor.reports.history.archive import PROFILE, read_run_state
from spark_model_monitor.reports.history.baselines import read_file_baseline, read_run_baseline, read_shares
from spark_model_monitor.reports.history_page.past_run import (
    PastRun,
    Rows,
    is_run,
    parse_analysis_rows,
    parse_statistics_rows,
    read_run,
)
from spark_model_monitor.reports.outputs.printable import format_table, printable
from spark_model_monitor.reports.outputs.run_files import Run, read_current_run, read_run_file
from spark_model_monitor.reports.page.page_files import Report
from spark_model_monitor.statistics.drift import compare_categorical, compare_numeric
from spark_model_monitor.statistics.states import FeatureProfile, Profile
from spark_model_monitor.statistics.verdicts.components import MIN_EFFECT
from spark_model_monitor.storage import is_there, join, read_file
from spark_model_monitor.value_class import value_class

VIOLATED_STATUS = 4  # exit status, as for a job with --fail-on-violations. Source: C1.6.

SHOWN = ("inferred_type", "completeness", "mean", "std_dev", "min", *QUARTILES, "max", "distinct", "value")
HEADINGS = {"inferred_type": "type", "std_dev": "sd"}
LONGEST_NAME = 60  # characters of a name that are always shown
SETTINGS = "monitoring_config"  # the name of a file's settings among its constraints
DOMAIN = "domain"
SEGMENT_START = " ("  # of `join_name`, after a metric
BY_CHANCE = "Different by no more than chance"

log = logging.getLogger(__name__)

Number = Any  # of a row: a number, a text, or a list of either


@value_class
class ComparedSide:
    """One of the two. rows: numbers and words by name. distributions: the known ones. profile: of a run with states.

    constraints: the constraints of a constraints.json, whose rows have their own members. segment_names: the names of rows
    that name a segment.
    """

    path: str
    item_count: int | None
    rows: Mapping[str, Mapping[str, Number]]
    distributions: Mapping[str, FeatureDistribution]
    profile: Profile | None = None
    statistics: Statistics | None = None
    constraints: Document | None = None
    segment_names: frozenset[str] = frozenset()

    def find_feature(self, name: str) -> FeatureProfile | None:
        """A feature's states; None if unknown."""
        features = self.profile.features if self.profile else ()
        return next((feature for feature in features if feature.name == name), None)


@value_class
class Change:
    """The change of a feature or metric from A to B.

    kind: `added`, `removed`, `changed` or `same`. distance: the largest gap between both distributions, 0 to 1, None if
    unknown. changes: old and new value by the name of a number, if they differ.
    """

    name: str
    kind: str
    distance: float | None = None
    changes: Mapping[str, tuple[Number, Number]] = field(default_factory=dict)
    impact: float | None = None

    @property
    def words(self) -> list[str]:
        """Each number that differs, before and after."""
        return [f"{HEADINGS.get(key, key)} {_format_pair(*pair)}" for key, pair in self.changes.items()]


@value_class(slots=False)
class Compared:
    """The changes from one to the other, the largest first. shares: each feature's share in what moves the model.

    names_values: whether categories and segments are named.
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
        # Constraints have whatever members a file has; statistics have many more than anybody reads
        is_of_constraints = self.before.constraints is not None and self.after.constraints is not None
        keys = dict.fromkeys((*before, *after)) if is_of_constraints else SHOWN
        pairs = {key: (before.get(key), after.get(key)) for key in keys}
        different = {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}
        distance = _measure_distance(self.before.distributions.get(name), self.after.distributions.get(name))
        impact = None
        # A feature without an attribution doesn't move the model, however far it moved itself
        if self.shares:
            impact = (distance or 0.0) * self.shares.get(name, 0.0)
        return Change(name, "changed" if different or distance else "same", distance, different, impact)

    def judge(self) -> tuple[CheckResult, ...]:
        """The results of A's constraints on B, from files: B's states, or its statistics.json as far as that goes.

        Raises BadInput if B has no features.
        """
        after = self.after
        monitor = DataQualityMonitor()
        if after.profile is None and after.statistics is None:
            raise BadInput(f"{after.path}: has no features, to which constraints apply; name a run of data quality")
        profile = after.profile or read_profile(after.statistics)  # type: ignore[arg-type]  # one of them is there
        sample = Sample(profile, monitor.metrics(profile))
        check_results = monitor.judge(sample, _read_baseline(self.before)).results
        if not self.names_values:
            check_results = tuple(map(remove_described_values, check_results))
        # States have everything; from statistics.json some results would be made up
        if after.profile is not None:
            return check_results
        return tuple(map(_restrict_to_documents, check_results))

    @cached_property
    def changed_names(self) -> frozenset[str] | None:
        """What changed by more than chance, as a run of B with A as its baseline says; None if their states don't tell."""
        # How much chance moves a feature is known only from states, not from statistics.json
        if self.before.profile is None or self.after.profile is None:
            return None
        try:
            return frozenset(violation.feature or "" for violation in select_violations(self.judge()))
        # Two runs that no monitor can hold against each other still have numbers to compare
        except MonitorError as fault:
            log.info("changes are not told from chance: %s", fault)
            return None

    @property
    def significant(self) -> tuple[Change, ...]:
        """The changes that chance doesn't explain; all that differ where nobody can tell."""
        changed_names = self.changed_names
        return tuple(
            change
            for change in self.changes
            # A feature that is gone or new is no matter of chance
            if change.kind in ("added", "removed")
            or (change.kind == "changed" and (changed_names is None or change.name in changed_names))
        )

    def plain(self) -> dict[str, Json]:
        """The comparison as JSON."""
        changes = [asdict(change) for change in self.changes]
        for members in changes:
            if members["impact"] is None:
                del members["impact"]
            # The values of a domain are counted instead
            if not self.names_values:
                members["changes"] = {
                    key: tuple(len(value) if isinstance(value, tuple) else value for value in pair)
                    for key, pair in members["changes"].items()
                }
        rows = [self.before.item_count, self.after.item_count]
        return {"before": self.before.path, "after": self.after.path, "rows": rows, "changes": changes}


def compare(before: str, after: str, attributions: str | None = None, *, names_values: bool = True) -> Compared:
    """before, after: output paths of runs of one kind, folders of the service, or two statistics.json, analysis.json or
    constraints.json. attributions: of the model, to sort by what moves it. names_values: as in `Compared`.

    Raises BadInput if there is nothing to compare, BadDocument if a file is damaged.
    """
    first = _read_side(before)
    second = _read_side(after)
    # Constraints against data can only be judged, so the rows that both have are those of features
    if (first.constraints is None) != (second.constraints is None):
        if not isinstance(first.constraints, Constraints) or second.statistics is None:
            raise BadInput(f"one of {before} and {after} is a constraints.json; name two files or two runs of one kind")
        features = {name: row for name, row in first.rows.items() if name != SETTINGS}
        first = replace(first, rows=features)
    if first.rows and second.rows and not first.rows.keys() & second.rows.keys():
        raise BadInput(f"{before} and {after} have no feature or metric in common; name two runs of one kind")
    if not names_values:
        first, second = _number_segments(first, second)
    return Compared(first, second, read_shares(attributions) if attributions else {}, names_values)


def _number_segments(before: ComparedSide, after: ComparedSide) -> tuple[ComparedSide, ComparedSide]:
    """Both with segments by number, the same in both, instead of by name."""
    numbers: dict[str, int] = {}
    shown_names: dict[str, str] = {}
    for name in sorted(before.segment_names | after.segment_names):
        metric, _, segment = name.partition(SEGMENT_START)
        # A segment has the same number for each metric
        shown_names[name] = f"{metric} (segment {numbers.setdefault(segment, len(numbers) + 1)})"
    before, after = (
        replace(sample, rows={shown_names.get(name, name): row for name, row in sample.rows.items()})
        for sample in (before, after)
    )
    return before, after


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
    """Print what changed; write it as a page if `output` is given. judge: exit with 4 if B violates A's constraints.

    names_values, page_names_values: whether what is printed, and the page, name categories and segments.
    """
    comparison = compare(before, after, attributions, names_values=names_values)
    judged = comparison.judge() if judge else ()
    results = list(select_violations(judged))
    # With states everything is judged; what statistics.json lacks is listed, or silence would look like success
    unjudged = []
    if comparison.after.profile is None:
        unjudged = [check_result for check_result in judged if not check_result.is_judged]
    unsure = find_unsure_features(judged)
    # The page comes first: it exists also if the reader of standard output stops early
    if output is not None:
        shown = compare(before, after, attributions, names_values=page_names_values)
        Report(create_comparison_page(shown, results)).save(output)
    if as_json:
        plain = comparison.plain()
        if judge:
            plain["violations"] = [check_result.description for check_result in results]
            plain["not_judged"] = [
                {name: getattr(check_result, name) for name in ("feature", "check", "reason")}
                for check_result in unjudged
            ]
            plain["cannot_tell"] = [feature.plain() for feature in unsure]
        out.write(json.dumps(plain, indent=2, ensure_ascii=False) + "\n")
    else:
        out.write(_write_text(comparison, results, unjudged, unsure, judge=judge))
    # Only with `judge` can there be results: a mere difference is no failure
    return VIOLATED_STATUS if results else 0


def create_comparison_page(comparison: Compared, results: Sequence[CheckResult] = ()) -> Page:
    """The comparison as a page."""
    broken = {result.feature or result.metric: result for result in results}
    # What changed, what differs by chance, and what is the same
    changed = comparison.significant
    by_chance = [change for change in comparison.changes if change.kind != "same" and change not in changed]
    same = [change for change in comparison.changes if change.kind == "same"]
    # From what needs an action to what can be ignored; empty sections are left out
    sections = []
    if results:
        descriptions = tuple(f"{violation.feature}: {violation.description}" for violation in results)
        sections.append(PageSection("What breaks the constraints", descriptions))
    if changed:
        order = f"the largest {'impact' if comparison.shares else 'change'} first"
        cards = tuple(_create_card(comparison, change, broken.get(change.name)) for change in changed)
        sections.append(PageSection("Changed", (Cards(cards, ("before", "after")),), note=order))
    for heading, changes in ((BY_CHANCE, by_chance), ("The same", same)):
        if changes:
            sections.append(PageSection(heading, (_create_table(changes),), note=f"{len(changes):,}"))
    # The headline
    text = f"{_count_differences(comparison)}."
    mark = Highlight.NONE
    if results:
        text = f"{format_noun_count(len(results), 'violation')} of the constraints: {text}"
        mark = Highlight.BAD
    elif not changed and not by_chance:
        text = "No change seen."
    largest = ""
    if changed:
        largest = f"The largest: {shorten_name(changed[0].name)}, {(changed[0].words or [changed[0].kind])[0]}."
    # Which runs these are
    facts = (("before", comparison.before.path), ("after", comparison.after.path))
    headline = Headline(text, largest, mark)
    return Page("compare", "Comparison", facts, tuple(sections), headline, html_only=True)


def _create_table(changes: Sequence[Change]) -> PageTable:
    # What is the same has no words
    rows = [(change.name, format_number(change.distance), "; ".join(change.words)) for change in changes]
    titles = ("feature or metric", "distance", "what")
    return build_table(titles, rows, numbers=("distance",), names=("feature or metric",)).drop_empty_columns()


def _count_differences(comparison: Compared) -> str:
    """How much differs, and how much of it by more than chance, if both sides have states."""
    num_different = sum(change.kind != "same" for change in comparison.changes)
    differences = f"{num_different:,} of {len(comparison.changes):,} features or metrics changed"
    if comparison.changed_names is None or not num_different:
        return differences
    return f"{differences}, {len(comparison.significant):,} of them by more than chance"


def _create_card(comparison: Compared, change: Change, broken: CheckResult | None) -> Card:
    before, after = (sample.distributions.get(change.name) for sample in (comparison.before, comparison.after))
    # A feature that is only in one of the two is drawn alone
    first, second = (before, after) if before else (after, None)
    # Distributions if known, a number with its former value for metrics
    # Without names categories are only counted
    most_named = MAX_DOMAIN_SIZE if comparison.names_values else 0
    picture: Picture | None = draw_overlay(first, second, most_named) if first else None
    value = change.changes.get("value")
    if picture is None and value is not None and all(isinstance(number, (int, float)) for number in value):
        picture = PointChart.from_zero(change.name, (Point("after", value[1], value[0]),), reference_label="before")
    # The first change in words, then what the picture doesn't say: the distance, and the others
    first_words, *further_words = change.words or [change.kind]
    if change.distance is not None:
        further_words.insert(0, f"distance {format_number(change.distance)}")
    # The segment stands first: it says where to look
    hints = [_locate_change(comparison, change)]
    mark = Highlight.NONE
    if broken is not None:
        hints.append(broken.description or "")
        mark = Highlight.BAD
    shown_hints = tuple(filter(None, hints))
    evidence = "; ".join(further_words)
    return Card(change.name, first_words, picture=picture, hints=shown_hints, evidence=evidence, mark=mark)


def _locate_change(comparison: Compared, change: Change) -> str:
    """The segment of a change, if both runs have segments."""
    before, after = (sample.find_feature(change.name) for sample in (comparison.before, comparison.after))
    # Below the least effect every segment's share is noise
    if after is None or (change.distance or 0.0) < MIN_EFFECT:
        return ""
    where, segment = describe_location(compute_contributions(before, after))
    located = CheckResult(check=DRIFT, status=CheckStatus.PASSED, where=where or None, segment=segment)
    if not comparison.names_values:
        located = remove_values(located)
    return describe_segment(located)


def _read_side(path: str) -> ComparedSide:
    path = path.rstrip("/") or path
    if path.endswith(".json"):
        return _read_file(path)
    current = read_current_run(path)
    run = current or Run("", path, {})
    statistics = join(run.folder, Statistics.FILE_NAME)
    # From the most detailed source to the least: states, statistics, metrics
    profile = read_run_state(run, PROFILE)
    if profile is None:
        # The output path of the service's baselining job has documents and no run
        constraints = join(path, Constraints.FILE_NAME)
        if current is None and not is_run(path) and is_there(constraints):
            return replace(_read_file(constraints), path=constraints)
        past = read_run(path)
        # Model quality writes a statistics.json, too, but its numbers are metrics without distributions
        if past.is_metric.any() or not is_there(statistics):
            return _create_side_with_metrics(path, past)
    document = Statistics.from_json(read_run_file(run, Statistics.FILE_NAME), statistics)
    return _create_side_with_statistics(path, document, profile if isinstance(profile, Profile) else None)


def _read_file(path: str) -> ComparedSide:
    """One document of any monitor, known by its members."""
    content = read_file(path)
    members = json_text.load(content, path)
    if not isinstance(members, dict):
        members = {}
    # Users rename files, so members decide and no file name does
    if any(name in members for name in MEMBERS.values()):
        return _read_limits(path, ModelQualityConstraints.from_json(content, path))
    if "monitoring_config" in members or ("features" in members and "dataset" not in members):
        return _read_constraints(path, Constraints.from_json(content, path))
    if any(name.endswith("_metrics") for name in members):
        # Metrics of a statistics.json and bias of an analysis.json may stand in one document
        rows, dataset = parse_statistics_rows(content, path)
        analysed, _ = parse_analysis_rows(content, path)
        return ComparedSide(path, dataset.item_count, _collect_values(rows | analysed), {})
    if "explanations" in members:
        return ComparedSide(path, None, _collect_values(parse_analysis_rows(content, path)[0]), {})
    return _create_side_with_statistics(path, Statistics.from_json(content, path), None)


def _collect_values(rows: Rows) -> dict[str, dict[str, Number]]:
    """The values of metrics, None where one is undefined."""
    values = {name: row.get("value", math.nan) for name, row in rows.items()}
    return {name: {"value": None if value is None or math.isnan(value) else value} for name, value in values.items()}


def _read_limits(path: str, constraints: ModelQualityConstraints) -> ComparedSide:
    """The thresholds of a model-quality baseline."""
    rows: dict[str, dict[str, Number]] = {}
    for section in MEMBERS.values():
        for metric, limit in (getattr(constraints, section) or {}).items():
            rows[metric] = {"threshold": limit.threshold, "comparison_operator": limit.comparison_operator.value}
    return ComparedSide(path, None, rows, {}, constraints=constraints)


def _read_constraints(path: str, constraints: Constraints) -> ComparedSide:
    """The constraints of each feature, with the settings that only it has, and the settings of the file, in any layout."""
    settings = _describe_settings(constraints.monitoring)
    rows: dict[str, dict[str, Number]] = {SETTINGS: settings}
    settings_by_name = constraints.settings_by_feature()
    for feature in constraints.features:
        feature_settings = _describe_settings(settings_by_name[feature.name])
        numbers = feature.num_constraints
        rows[feature.name] = {
            "inferred_type": feature.inferred_type.value,
            "completeness": feature.completeness,
            "is_non_negative": None if numbers is None else numbers.is_non_negative,
            DOMAIN: None if feature.domains is None else tuple(feature.domains),
            # Settings that all features share stand once, under the file's name
            **{name: value for name, value in feature_settings.items() if value != settings[name]},
        }
    return ComparedSide(path, None, rows, {}, constraints=constraints)


def _describe_settings(settings: MonitoringSettings) -> dict[str, Number]:
    plain = settings.as_config().plain()
    drift: dict[str, Number] = plain.pop("distribution_constraints", {})
    return drift | plain


def _create_side_with_statistics(path: str, statistics: Statistics, profile: Profile | None) -> ComparedSide:
    rows = {str(row["feature"]): row for row in as_rows(statistics)}
    # An estimate of distinct values, limited to the number of values
    for row in rows.values():
        if row["distinct"] is not None and row["num_present"] is not None:
            row["distinct"] = min(row["distinct"], row["num_present"])
    # Sketches of states are finer than the bins in the document, so they replace them
    distributions = from_statistics(statistics)
    if profile is not None:
        distributions |= from_profile(DataQualityMonitor().interpret_state(profile))
    return ComparedSide(path, statistics.dataset.item_count, rows, distributions, profile, statistics)


def _create_side_with_metrics(path: str, run: PastRun) -> ComparedSide:
    if not run.names:
        raise BadInput(
            f"{path}: there is neither a run nor a statistics.json to compare; for files of data write "
            "spark-model-monitor compare-files BEFORE AFTER"
        )
    rows = {name: {"value": run.number("value", name)} for name in run.names}
    # The groups of a bias analysis always have names
    segment_names: frozenset[str] = frozenset()
    if run.identity.analysis_type == AnalysisType.MODEL_QUALITY.value:
        segment_names = frozenset(name for name in run.names if SEGMENT_START in name)
    return ComparedSide(path, run.identity.rows, rows, {}, segment_names=segment_names)


def _read_baseline(before: ComparedSide) -> QualityBaseline:
    path = before.path
    baseline: QualityBaseline
    if not path.endswith(".json"):
        baseline = read_run_baseline(path)
    # A lone constraints.json has no distributions; a statistics.json has its constraints beside it
    elif before.constraints is not None:
        baseline = read_file_baseline(path, None)
    else:
        folder = path.rpartition("/")[0] or "."
        baseline = read_file_baseline(join(folder, Constraints.FILE_NAME), path)
    return baseline


def _measure_distance(before: FeatureDistribution | None, after: FeatureDistribution | None) -> float | None:
    """The largest gap, without a correction for noise."""
    if before is None or after is None:
        return None
    if before.numbers is not None and after.numbers is not None:
        return compare_numeric(before.numbers, after.numbers, method="Simple").distance
    if before.categories and after.categories:
        return compare_categorical(before.categories, after.categories, method="l_infinity_categorical").distance
    return None


def _write_text(
    comparison: Compared,
    violations: Sequence[CheckResult],
    unjudged: Sequence[CheckResult],
    unsure: Sequence[FeatureOutcome],
    *,
    judge: bool,
) -> str:
    different = [change for change in comparison.changes if change.kind != "same"]
    before = comparison.before.item_count
    after = comparison.after.item_count
    text = f"{_count_differences(comparison)}\n"
    # Constraints, and analysis.json, say nothing of rows
    if before is not None and after is not None:
        text = f"{before:,} rows before, {after:,} after; {text}"
    if different:
        rows = [
            [
                change.name,
                change.kind if change in comparison.significant else "by chance",
                None if change.distance is None else round(change.distance, 4),
                "; ".join(filter(None, (_locate_change(comparison, change), *change.words))),
            ]
            # What chance explains stands last; the sort is stable, so the rest keeps its order by size
            for change in sorted(different, key=lambda change: change not in comparison.significant)
        ]
        header = ["name", "change", "distance", "what"]
        text += "\n" + format_table(header, rows, width=160, shortest_name=LONGEST_NAME)
    # Violations, then doubts, then what could not be looked at
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
    """A title, and lines below it, which are indented."""
    return "".join(["\n", f"{printable(title)}\n", *(f"  {printable(line)}\n" for line in lines)])


NO_KINDS = "statistics.json doesn't say how many values are of the baseline's type; name a run, which has states"


def _restrict_to_documents(result: CheckResult) -> CheckResult:
    """The result for a window known only by its statistics.json, which has one type for all values of a feature."""
    # One type for all values: a violation could be a single odd value or all of them
    if result.check != "data_type_check" or not result.is_violation:
        return result
    unknown = {"status": CheckStatus.NOT_JUDGED, "observed": None, "description": None, "reason": NO_KINDS}
    return result.model_copy(update=unknown)


def _format_pair(before: Number, after: Number) -> str:
    """Both values; of lists, which may be long, how many items are new and how many are gone."""
    words = f"{_format_value(before)} → {_format_value(after)}"
    if not isinstance(before, (list, tuple)) or not isinstance(after, (list, tuple)):
        return words
    added = len(set(after).difference(before))
    removed = len(set(before).difference(after))
    return f"{words}, {added:,} added, {removed:,} removed"


def _format_value(value: Number) -> str:
    if isinstance(value, (list, tuple)):
        return format_noun_count(len(value), "value")
    if isinstance(value, (str, bool, dict)):
        return str(value)
    return format_number(value)
