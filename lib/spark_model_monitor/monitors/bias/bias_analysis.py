"""The analysis of one data set: every metric of every sensitive group, and the quality of all predictions. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from spark_model_monitor.documents.clarify_files import BiasMetric
from spark_model_monitor.monitors.bias import choices
from spark_model_monitor.monitors.bias.bias_metrics import (
    POST_TRAINING,
    PRE_TRAINING,
    Counts,
    FacetCounts,
    FlipTest,
    Metric,
)
from spark_model_monitor.monitors.bias.choices import Choice, choose_groups_of_facet, choose_positives
from spark_model_monitor.registry import Registry, RegistryEntry
from spark_model_monitor.statistics.states.blocks import BLOCKS
from spark_model_monitor.statistics.states.contingency import (
    FACET,
    GROUP,
    LABEL,
    PREDICTION,
    SEGMENTS,
    Cell,
    Contingency,
    Key,
    number_keys,
)
from spark_model_monitor.statistics.states.contingency_plan import ContingencyPlan
from spark_model_monitor.statistics.states.segments import MAX_SEGMENTS, MISSING
from spark_model_monitor.statistics.user_choices import ValueKind
from spark_model_monitor.value_class import value_class

FLIP_TEST = "FT"


@value_class
class Methods:
    """The names of the requested metrics, sorted. None: this part was not requested at all."""

    pre_training: tuple[str, ...] | None
    post_training: tuple[str, ...] | None


ALL_METHODS = Methods(tuple(sorted(PRE_TRAINING)), tuple(sorted(POST_TRAINING)))


Metrics: TypeAlias = tuple[BiasMetric, ...] | None
"""The metrics of one part; None if the part was not requested, or if there are no predictions."""


@value_class
class MetricsOfRows:
    """The metrics and counts of one group in some rows. A part that was not requested is None.

    known_rows: the same without the rows whose facet is missing; None if there are no such rows.
    """

    counts: FacetCounts
    pre_training: Metrics
    post_training: Metrics
    known_rows: MetricsOfRows | None = None

    @property
    def metrics(self) -> tuple[BiasMetric, ...]:
        """The metrics of both parts; post-training ones come first, as in the files."""
        return (*(self.post_training or ()), *(self.pre_training or ()))

    @property
    def unknown_share(self) -> float:
        """The share of rows whose facet is missing."""
        if self.known_rows is None:
            return 0.0
        rows = float(self.counts.all.rows)
        return (rows - float(self.known_rows.counts.all.rows)) / rows

    def compute_without_unknown(self, name: str) -> float | None:
        """The metric without the rows whose facet is missing; None if there are no such rows, or if the metric is undefined."""
        if self.known_rows is None:
            return None
        return next((metric.value for metric in self.known_rows.metrics if metric.name == name), None)


@value_class(kw_only=True)
class SegmentAnalysis(MetricsOfRows):
    """One group within one segment of a segmentation."""

    segmentation: str
    name: str


@value_class(kw_only=True)
class GroupAnalysis(MetricsOfRows):
    """One sensitive group of a facet, in all rows."""

    facet: str
    choice: Choice
    segments: tuple[SegmentAnalysis, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """The facet and the configured values; groups of two data sets are the same if their keys are equal."""
        return self.facet, self.choice.configured


def count_segment_rows(groups: Sequence[GroupAnalysis]) -> dict[str, dict[str, int]]:
    """The number of rows in each segment, by cut; empty without groups."""
    rows: dict[str, dict[str, int]] = {}
    for segment in groups[0].segments if groups else ():
        rows.setdefault(segment.segmentation, {})[segment.name] = int(segment.counts.all.rows)
    return rows


@value_class
class BiasAnalysis:
    """The analysis of a data set. positives: the positive values of the observed label. groups: in the order of the facets."""

    label: str
    positives: Choice
    groups: tuple[GroupAnalysis, ...]
    rows: int


@value_class
class GroupChoices:
    """The positive labels and the sensitive groups.

    positives: the positive labels.
    predicted: the positive predictions; None without predictions.
    groups: the groups of each facet.
    """

    positives: Choice
    predicted: Choice | None
    groups: tuple[tuple[Choice, ...], ...]

    @property
    def error_of_predictions(self) -> str | None:
        """The reason why there are no post-training metrics, None if there are some."""
        predicted = self.predicted
        if predicted is None:
            return None
        if predicted.kind is not self.positives.kind:
            return choices.LABEL_TYPES_DIFFER
        if predicted.error:
            return predicted.error
        if predicted.keys:
            return None
        return choices.NO_POSITIVE_PREDICTION


@value_class
class LabelTable:
    """The rows of a facet's table with interpreted labels: by facet key, observed label, predicted label and subgroup.

    keys: the facet's keys in the order of the first axis of `rows`. All other axes are those of `FacetCounts.cells`.
    missing: rows by facet key whose label, and whose prediction, is missing.
    blocks: rows by facet key and block; all other axes are those of `FacetCounts.blocks`.
    """

    keys: tuple[Key, ...]
    rows: Counts
    cells: Mapping[Cell, int]
    chosen: GroupChoices
    plan: ContingencyPlan
    missing: Counts
    blocks: Counts | None = None

    @classmethod
    def of(cls, cells: Mapping[Cell, int], chosen: GroupChoices, plan: ContingencyPlan) -> LabelTable:
        keys = number_keys(cells, FACET)
        subgroups = sorted({str(cell[GROUP]) for cell in cells if cell[GROUP] is not None})
        subgroup_indexes: dict[Key, int] = {subgroup: index for index, subgroup in enumerate(subgroups)}
        predicted: frozenset[Key] = frozenset()
        if chosen.predicted:
            predicted = chosen.predicted.keys
        # Counts by facet key, label, prediction and subgroup; and by block, if a column names groups
        rows = np.zeros((len(keys), 2, 2, len(subgroups) + 1))
        missing = np.zeros((len(keys), 2))
        blocks = None
        if plan.group_column is not None:
            blocks = np.zeros((len(keys), BLOCKS + 1, 2, 2, 2))
        for cell, count in cells.items():
            key_index = keys[cell[FACET]]
            observed = int(cell[LABEL] in chosen.positives.keys)
            prediction = int(cell[PREDICTION] in predicted)
            rows[key_index, observed, prediction, subgroup_indexes.get(cell[GROUP], -1)] += count
            # The key of a missing cell is None
            missing[key_index] += (count * (cell[LABEL] is None), count * (cell[PREDICTION] is None))
            if blocks is not None:
                # The last block has the rows without the name of a group; each of these is a group of its own
                block = BLOCKS if cell[-1] is None else int(cell[-1])
                blocks[key_index, block, observed, prediction, int(cell[GROUP] is None)] += count
        return cls(tuple(keys), rows, cells, chosen, plan, missing, blocks)

    def count_facet(self, choice: Choice, *, with_unknown: bool = True) -> FacetCounts:
        """The counts of a sensitive group and of the rest. with_unknown: whether rows whose facet is missing count as the
        rest.
        """
        is_sensitive = np.array([key in choice.keys for key in self.keys], dtype=bool)
        is_counted = np.array([with_unknown or key is not None for key in self.keys], dtype=bool)
        # In the order of the axis: the rest (`a` in the metrics), then the sensitive group (`d`)
        groups = (~is_sensitive & is_counted, is_sensitive)

        def add_up(counts: Counts, axis: int = 0) -> Counts:
            return np.stack([counts[is_in_group].sum(axis=0) for is_in_group in groups], axis=axis)

        blocks = None
        if self.blocks is not None:
            blocks = add_up(self.blocks, axis=1)
        has_groups = self.plan.group is not None
        return FacetCounts(add_up(self.rows), has_groups=has_groups, blocks=blocks, missing=add_up(self.missing))

    def segments(self) -> Iterator[tuple[str, str, LabelTable]]:
        """Yield the segmentation, the name and the rows of each segment. If each value is a segment, only those with the
        most rows.
        """
        for position, segmentation in enumerate(self.plan.segmentations, SEGMENTS):
            cells: dict[Key, dict[Cell, int]] = {}
            for cell, count in self.cells.items():
                cells.setdefault(cell[position], {})[cell] = count
            names: Mapping[Key, str] = dict(enumerate(segmentation.names))
            # If each value is a segment, only those with the most rows are shown
            if not names:
                largest = sorted(cells, key=lambda key: (-sum(cells[key].values()), str(key)))[:MAX_SEGMENTS]
                names = {key: MISSING if key is None else str(key) for key in sorted(largest, key=str)}
            for key, name in names.items():
                yield segmentation.title, name, LabelTable.of(cells.get(key, {}), self.chosen, self.plan)


FlipTests: TypeAlias = Mapping[tuple[int, int], FlipTest | str]
"""The flip test of a facet's group, by the indexes of facet and group; or the reason why there is none."""


def analyse_contingency(
    state: Contingency,
    plan: ContingencyPlan,
    methods: Methods = ALL_METHODS,
    flips: FlipTests | None = None,
    *,
    chosen: GroupChoices | None = None,
) -> BiasAnalysis:
    """The analysis of counts that were made with `plan`.

    flips: None if the rows are no longer available, as in merged runs. chosen: the result of `choose_groups`, if already
        computed.

    Raises BadInput if merged counts don't show whether a column is categorical or continuous.
    """
    chosen = chosen or choose_groups(state, plan)
    groups: list[GroupAnalysis] = []
    # Segments are counted once for each facet and used for all of its groups
    for facet, (cells, facet_groups) in enumerate(zip(state.tables, chosen.groups, strict=True)):
        table = LabelTable.of(cells, chosen, plan)
        segments = list(table.segments())
        groups += [_analyse_group(methods, table, segments, flips, facet, group) for group in range(len(facet_groups))]
    return BiasAnalysis(plan.label.name, chosen.positives, tuple(groups), state.rows)


def choose_groups(state: Contingency, plan: ContingencyPlan) -> GroupChoices:
    """The positive labels and the sensitive groups, determined from all rows."""
    # Metadata is in the order of facets, label, prediction
    label, *prediction = state.metadata[len(plan.facets) :]
    groups = tuple(
        choose_groups_of_facet(facet, metadata, _keys_at(table, FACET))
        for facet, metadata, table in zip(plan.facets, state.metadata, state.tables, strict=False)
    )
    positives = choose_positives(plan.label, label, _keys_at(state.tables[0], LABEL))
    predicted = None
    if plan.prediction is not None:
        predicted = choose_positives(plan.prediction, prediction[0], _keys_at(state.tables[0], PREDICTION))
    return GroupChoices(positives, predicted, groups)


def find_column_kinds(state: Contingency) -> dict[str, ValueKind]:
    """Whether facets, label and prediction were treated as categorical or continuous, by column."""
    plan = ContingencyPlan.from_text(state.plan)
    chosen = choose_groups(state, plan)
    kinds = {facet.name: choices[0].kind for facet, choices in zip(plan.facets, chosen.groups, strict=True) if choices}
    kinds[plan.label.name] = chosen.positives.kind
    if plan.prediction is not None and chosen.predicted is not None:
        kinds[plan.prediction.name] = chosen.predicted.kind
    return kinds


def _keys_at(table: Mapping[Cell, int], position: int) -> set[Key]:
    return {cell[position] for cell in table}


def _analyse_group(
    methods: Methods,
    table: LabelTable,
    segments: Sequence[tuple[str, str, LabelTable]],
    flips: FlipTests | None,
    facet: int,
    group: int,
) -> GroupAnalysis:
    chosen = table.chosen
    choice = chosen.groups[facet][group]
    counts = table.count_facet(choice)
    # The flip test needs rows; its result is added to the counts if it is available
    if flips is not None and not choice.error:
        flip_test = flips.get((facet, group), "")
        if isinstance(flip_test, FlipTest):
            counts = replace(counts, flips=flip_test)
        else:
            counts = replace(counts, no_flips=flip_test)

    def measure(rows: LabelTable, counts: FacetCounts) -> tuple[FacetCounts, Metrics, Metrics, MetricsOfRows | None]:
        """The counts, the metrics of both parts, and those without the rows whose facet is missing, if there are such rows."""
        known_rows = None
        if None in rows.keys:
            known_counts = rows.count_facet(choice, with_unknown=False)
            known_rows = MetricsOfRows(known_counts, *_compute_parts(methods, chosen, choice, known_counts))
        return counts, *_compute_parts(methods, chosen, choice, counts), known_rows

    segment_analyses = tuple(
        SegmentAnalysis(*measure(rows, rows.count_facet(choice)), segmentation=segmentation, name=name)
        for segmentation, name, rows in segments
    )
    facet_name = table.plan.facets[facet].name
    return GroupAnalysis(*measure(table, counts), facet=facet_name, choice=choice, segments=segment_analyses)


def needs_flip_test(methods: Methods, chosen: GroupChoices) -> bool:
    """Whether a flip test is requested and possible with these predictions."""
    is_requested = chosen.predicted is not None and FLIP_TEST in (methods.post_training or ())
    return is_requested and not (chosen.positives.error or chosen.error_of_predictions)


def _compute_parts(
    methods: Methods, chosen: GroupChoices, choice: Choice, counts: FacetCounts
) -> tuple[Metrics, Metrics]:
    """The metrics of both parts, pre-training first; None for a part that was not requested or that lacks predictions."""
    error = choice.error or chosen.positives.error
    pre_training = _compute_metrics(PRE_TRAINING, methods.pre_training, counts, error)
    if chosen.predicted is None:
        return pre_training, None
    return pre_training, _compute_metrics(
        POST_TRAINING, methods.post_training, counts, error or chosen.error_of_predictions
    )


def _compute_metrics(
    registry: Registry[Metric], names: tuple[str, ...] | None, counts: FacetCounts, error: str | None
) -> Metrics:
    if names is None:
        return None
    return tuple(_compute_metric(registry.get(name), counts, error) for name in names)


def _compute_metric(metric: RegistryEntry[Metric], counts: FacetCounts, error: str | None) -> BiasMetric:
    # The remark gives the first requirement that the counts don't meet
    unmet = (text for text, holds in metric.facts["requires"].items() if not holds(counts))
    error = error or next(unmet, None)
    if error is None and metric.name == FLIP_TEST and counts.flips is None:
        error = counts.no_flips
    value = None
    if error is None:
        value = float(metric(counts))
        if math.isnan(value):
            raise ArithmeticError(f"{metric.name} is not a number for counts that it is defined for")
    return BiasMetric(name=metric.name, description=metric.facts["description"], value=value, error=error)
