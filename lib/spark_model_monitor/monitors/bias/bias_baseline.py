"""The baseline of bias metrics: the groups and values with which later data is compared. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import field, replace

from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.documents.clarify_files import BiasPart, BiasReport, GroupMetrics, SegmentMetrics
from spark_model_monitor.documents.document import is_suggested
from spark_model_monitor.monitors.bias.bias_analysis import GroupAnalysis
from spark_model_monitor.monitors.bias.choices import Choice
from spark_model_monitor.monitors.protocol import StoredBaseline
from spark_model_monitor.statistics.states.contingency_plan import normalize_code, parse_number
from spark_model_monitor.statistics.user_choices import ValueKind
from spark_model_monitor.value_class import value_class

Segment = tuple[str, str]  # the cut, and the segment's name


@value_class
class BiasBaseline(StoredBaseline):
    """The baseline with which later data is compared.

    groups: the groups in its counts; empty if the counts are unavailable.
    copy: the constraints as the baseline's run wrote them; None if unknown.
    group_column: the column whose groups were counted, None without one.
    design_effects: by facet and metric, the design effect: how many rows of the window count as one, estimated from
        neighbours.
    source: opens its rows again; None if that isn't possible.
    kinds: by column, whether it was treated as categorical or continuous; empty if the counts are unavailable.
    model_features: as in `ContingencyPlan`.
    """

    constraints: BiasReport
    groups: tuple[GroupAnalysis, ...] = ()
    copy: BiasReport | None = None
    group_column: str | None = None
    design_effects: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    source: Callable[[], Dataset] | None = field(default=None, repr=False, compare=False)
    kinds: Mapping[str, ValueKind] = field(default_factory=dict)
    model_features: tuple[str, ...] = ()

    def drop_features(self, excluded: Collection[str]) -> BiasBaseline:
        remaining_constraints = {}
        for stage in STAGES:
            member = f"{stage}_bias_metrics"
            part = getattr(self.constraints, member)
            if part is not None:
                facets = {facet: groups for facet, groups in part.facets.items() if facet not in excluded}
                remaining_constraints[member] = part.model_copy(update={"facets": facets})
        return replace(self, constraints=self.constraints.model_copy(update=remaining_constraints))

    def values(
        self, report: BiasReport | None, stage: str, facet: str, choice: Choice, segment: Segment | None = None
    ) -> Mapping[str, float | None]:
        """The values of a group's metrics by name, None for an undefined metric.

        Empty if the report lacks the group or the segment, or if the group is a value there and a threshold here. report: the
        constraints, or their copy.
        """
        kinds = {group.choice.kind for group in self.groups if group.key == (facet, choice.configured)}
        # The same text selects different rows as a value and as a threshold
        if kinds and choice.kind not in kinds:
            return {}
        group = None
        part: BiasPart | None = getattr(report, f"{stage}_bias_metrics", None)
        if part:
            group = _find_same_group(part.facets.get(facet, ()), choice)
        measured: GroupMetrics | SegmentMetrics | None = group
        if group is not None and segment is not None:
            segments = {(metrics.segmentation, metrics.segment): metrics for metrics in group.segments or ()}
            measured = segments.get(segment)
        if measured is None:
            return {}
        return {metric.name: metric.value for metric in measured.metrics}

    def requested_metrics(
        self, limits: Mapping[str, float | None], *suggestions: Mapping[str, float | None]
    ) -> frozenset[str]:
        """The metrics of a group whose limit a person wrote or confirmed. suggestions: the values in the baseline's counts,
        and in the copy. If neither has the metric, its limit counts as suggested.
        """
        requested = set()
        for name, limit in limits.items():
            if limit is None:
                continue
            values = [value for by_name in suggestions if (value := by_name.get(name)) is not None]
            if not is_suggested(name, limit, values or [limit], self.constraints.requested_limits or ()):
                requested.add(name)
        return frozenset(requested)


def _find_same_group(groups: Collection[GroupMetrics], choice: Choice) -> GroupMetrics | None:
    """The group with the same configured values. Intervals match if the threshold is equal, because the other end moves with
    the data.

    A number that is a group as a single value here, because every value has many rows, doesn't match the interval above it.
    Source: B5.2.
    """
    for group in groups:
        if group.value_or_threshold in (choice.shown, choice.configured):
            return group
    threshold = None
    if choice.kind is ValueKind.CONTINUOUS:
        threshold = parse_number(normalize_code(choice.configured))
    for group in groups:
        if threshold is not None and threshold in map(parse_number, _interval_ends(group.value_or_threshold)):
            return group
        if threshold is not None and group.value_or_threshold == "" and len(groups) == 1:
            return group  # the threshold was the maximum, so the interval was empty
    return None


def _interval_ends(text: str) -> tuple[str, ...]:
    """Both ends of an interval such as `(1.5, 7]`; empty for another text."""
    if not (text.startswith("(") and text.endswith("]")):
        return ()
    low, _, high = text[1:-1].rpartition(", ")
    return low, high


STAGES = {"post_training": "Post-Training", "pre_training": "Pre-training"}
"""The parts of analysis.json in the file's order, with their names in CloudWatch."""
