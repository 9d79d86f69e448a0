"""Builds outcomes from rows with predictions and labels. Runs on executors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.statistics import Doubles, Flags, Integers
from spark_model_monitor.statistics.states.blocks import (
    BLOCKS,
    Blocks,
    BlockSums,
    Keys,
    RegressionSums,
    add_by_block,
    assign_blocks,
    replace_keys_by_group,
)
from spark_model_monitor.statistics.states.kll import KllBuilder
from spark_model_monitor.statistics.states.outcome_plan import OutcomePlan, class_key, is_positive
from spark_model_monitor.statistics.states.outcomes import Outcomes, list_value_names
from spark_model_monitor.statistics.states.scores import (
    MAX_SCORED_CLASSES,
    SCORE_LIMIT,
    ClassScores,
    ConfusionCounts,
    ScoreCounts,
    ScoreCountsBuilder,
    add_probabilities,
    coarsen_scores,
)

Texts: TypeAlias = pa.Array  # an array of strings without null

ABOVE_THRESHOLD = "above"
NOT_ABOVE_THRESHOLD = "not above"
"""The two predictions in the confusion counts of a plan without predictions: whether the score is above the threshold."""

_CHUNK_ROWS = 1 << 17  # sums of doubles depend on how rows are grouped, so every chunk has this size
_ROW_BITS = 40  # lower bits of a key that number the row within its partition


class OutcomeBuilder:
    """Builds outcomes from rows; the result does not depend on how rows are split into calls.

    partition: the partition number of the rows; it only matters for rows without keys.
    """

    def __init__(self, plan: OutcomePlan, partition: int = 0) -> None:
        self._plan = plan
        self._first_key = partition << _ROW_BITS  # makes row numbers unique across partitions
        self._state = Outcomes.zero(plan)
        self._scores = ScoreCountsBuilder(plan.score_limit)
        self._residuals = KllBuilder()
        self._class_scores = ClassScoresBuilder(plan.score_limit)
        self._pending: list[_Rows] = []
        self._pending_rows = self._rows = self._rows_in_groups = 0

    def update(
        self,
        labels: Texts | Doubles,
        predictions: Texts | Doubles | None = None,
        scores: Doubles | None = None,
        keys: Keys | None = None,
        values: Doubles | None = None,
        of_classes: pa.ListArray | None = None,
        groups: pa.Array | None = None,
    ) -> None:
        """Take rows with everything that the plan asks for; arguments that it doesn't ask for may be None.

        labels, predictions: finite numbers for regression, else texts without surrounding blanks.
        scores: from 0 to 1.
        keys: a hash of what identifies each row; None: rows are numbered.
        values: shape (rows, the user's metrics); NaN: the metric has no value for this row.
        of_classes: for each row the probability of each class by name; null if only one probability is known.
        groups: the name of each row's group, which then determines the row's block; null for a row without a group.
        """
        rows = len(labels)
        if not rows:
            return
        if keys is None:
            keys = np.arange(self._first_key + self._rows, self._first_key + self._rows + rows, dtype=np.uint64)
        if groups is not None:
            keys = replace_keys_by_group(keys.copy(), groups)
            self._rows_in_groups += (rows - groups.null_count) * (self._plan.group_column is not None)
        self._rows += rows
        batch = _Rows(labels, predictions, scores, assign_blocks(keys), values, of_classes)
        start = 0
        while start < rows:
            chunk_size = min(rows - start, _CHUNK_ROWS - self._pending_rows)
            self._pending.append(batch.select_rows(start, start + chunk_size))
            self._pending_rows += chunk_size
            start += chunk_size
            if self._pending_rows == _CHUNK_ROWS:
                self._add_pending()

    def state(self) -> Outcomes:
        """The outcomes of all rows so far."""
        self._add_pending()
        return replace(
            self._state,
            scores=self._scores.state(),
            residuals=self._residuals.state(),
            class_scores=self._class_scores.state(),
            named=self._rows_in_groups,
        )

    def _add_pending(self) -> None:
        if not self._pending:
            return
        chunk = _Rows.concat(self._pending)
        self._pending = []
        self._pending_rows = 0
        outcomes = replace(Outcomes.zero(self._plan), item_count=len(chunk.labels))
        if self._plan.is_regression:
            outcomes = self._measure_errors(chunk, outcomes)
        else:
            outcomes = self._count_classes(chunk, outcomes)
        if self._plan.values:
            values = _add_metric_values(self._plan.values, _as_doubles(chunk.values), chunk.blocks)
            outcomes = replace(outcomes, values=values)
        self._state += outcomes

    def _measure_errors(self, chunk: _Rows, outcomes: Outcomes) -> Outcomes:
        """The outcomes with the errors of a regression."""
        labels = _as_doubles(chunk.labels)
        predictions = _as_doubles(chunk.predictions)
        with np.errstate(over="ignore"):
            self._residuals.update(np.nan_to_num(labels - predictions))
        return replace(outcomes, regression=RegressionSums.of(labels, predictions, chunk.blocks))

    def _count_classes(self, chunk: _Rows, outcomes: Outcomes) -> Outcomes:
        """The outcomes with the counts of a classification, of all rows and, if a column names groups, of each block."""
        predictions = self._select_predictions(chunk)
        block_flags = []
        if self._plan.group_column is not None:
            block_flags = [chunk.blocks == block for block in range(BLOCKS)]
        confusions = []
        for flags in block_flags:
            is_in_block = pa.array(flags)
            confusions.append(ConfusionCounts.of(chunk.labels.filter(is_in_block), predictions.filter(is_in_block)))
        confusion = ConfusionCounts.of(chunk.labels, predictions)
        outcomes = replace(outcomes, confusion=confusion, confusions=tuple(confusions))
        if not self._plan.with_scores:
            return outcomes
        # The scores, compared with whether the event happened
        scores = _as_doubles(chunk.scores)
        is_event = self._find_events(chunk.labels, predictions)
        outcomes = replace(outcomes, probabilities=add_probabilities(scores, is_event, chunk.blocks))
        if self._plan.is_binary:
            self._scores.update(scores, is_event)
            coarse_scores = coarsen_scores(scores)
            by_block = (ScoreCounts.of(coarse_scores[flags], is_event[flags]) for flags in block_flags)
            return replace(outcomes, coarse_scores=tuple(by_block))
        if chunk.of_classes is not None:
            self._class_scores.update(chunk.of_classes, chunk.labels)
        return outcomes

    def _select_predictions(self, chunk: _Rows) -> Texts:
        if self._plan.with_predictions:
            return chunk.predictions
        above = _as_doubles(chunk.scores) > self._plan.threshold  # not above if equal to the threshold (C11.13)
        return pa.DictionaryArray.from_arrays(above.astype(np.int8), [NOT_ABOVE_THRESHOLD, ABOVE_THRESHOLD])

    def _find_events(self, labels: Texts, predictions: Texts) -> Flags:
        """For each row, whether the event happened whose probability is the score."""
        if self._plan.is_binary:
            return find_positives(labels, self._plan)
        return is_same_class(labels, predictions)


def find_correct(labels: Texts, predictions: Texts | None, scores: Doubles | None, plan: OutcomePlan) -> Flags:
    """Whether each row is predicted correctly."""
    if plan.with_predictions:
        return is_same_class(labels, predictions)
    assert scores is not None  # a plan without predictions has scores
    return np.asarray(find_positives(labels, plan) == (scores > plan.threshold))


def find_positives(labels: Texts, plan: OutcomePlan) -> Flags:
    """Whether each label is in the positive class."""
    return _map_distinct(labels, lambda label: is_positive(label, plan.positive_label)).astype(bool)


def is_same_class(left_texts: Texts, right_texts: Texts) -> Flags:
    """Whether each text is the same class as the corresponding other text, however both are spelt."""
    codes: dict[object, int] = {}

    def find_code(text: str) -> int:
        return codes.setdefault(class_key(text), len(codes))

    return np.asarray(_map_distinct(left_texts, find_code) == _map_distinct(right_texts, find_code))


def _map_distinct(texts: Texts, function: Callable[[str], int]) -> Integers:
    encoded = texts.dictionary_encode()
    values = np.array([function(text) for text in encoded.dictionary.to_pylist()], np.int64)
    return np.asarray(values[encoded.indices.to_numpy()])


class ClassScoresBuilder:
    """Builds scores of classes from rows; the result does not depend on how rows are split into calls."""

    def __init__(self, limit: int = SCORE_LIMIT) -> None:
        self._limit = limit
        self._of_class: dict[str, ScoreCountsBuilder] = {}
        self._overflowed = False

    def update(self, of_classes: pa.ListArray, labels: Texts) -> None:
        """Take rows: the probability of each class by name, and the label of each row."""
        probabilities = of_classes.flatten()
        if self._overflowed or not len(probabilities):
            return
        names = probabilities.field(0).dictionary_encode()
        scores = _as_doubles(probabilities.field(1))
        rows = pc.list_parent_indices(of_classes).to_numpy()
        codes = names.indices.to_numpy()
        encoded = labels.dictionary_encode()
        keys = [class_key(text) for text in encoded.dictionary.to_pylist()]
        label_indices = encoded.indices.to_numpy()
        # One class against all others: its probability in each row, and whether the row's label is this class
        for code, name in enumerate(names.dictionary.to_pylist()):
            is_class = codes == code
            key = class_key(name)
            is_same_class = np.array([label_key == key for label_key in keys], dtype=bool)
            builder = self._of_class.setdefault(name, ScoreCountsBuilder(self._limit))
            builder.update(scores[is_class], is_same_class[label_indices[rows[is_class]]])
        if len(self._of_class) > MAX_SCORED_CLASSES:
            self._overflowed = True
            self._of_class = {}

    def state(self) -> ClassScores:
        """The scores of all rows so far."""
        score_counts = {name: builder.state() for name, builder in self._of_class.items()}
        return ClassScores.limited(score_counts, overflowed=self._overflowed)


class _Rows(NamedTuple):
    """Some rows: members as in `OutcomeBuilder.update`, and the block of each row."""

    labels: Any
    predictions: Any
    scores: Any
    blocks: Blocks
    values: Any
    of_classes: Any

    def select_rows(self, start: int, end: int) -> _Rows:
        """The rows from `start` to before `end`."""
        members: Any = (None if member is None else member[start:end] for member in self)
        return _Rows(*members)

    @classmethod
    def concat(cls, parts: list[_Rows]) -> _Rows:
        """The rows of all parts, in order."""
        return cls(*map(_join_members, zip(*parts, strict=True)))


def _join_members(members: tuple[Any, ...]) -> Any:
    if len(members) == 1 or members[0] is None:
        return members[0]
    if isinstance(members[0], pa.Array):
        return pa.concat_arrays(members)
    return np.concatenate(members)


def _as_doubles(values: Any) -> Doubles:
    return np.asarray(values, dtype=np.float64)


def _add_metric_values(names: tuple[str, ...], values: Doubles, blocks: Blocks) -> BlockSums:
    sums = []
    for column in values.reshape(-1, len(names)).T:
        present = ~np.isnan(column)
        sums += [add_by_block(blocks, np.where(present, column, 0.0)), add_by_block(blocks, present)]
    return BlockSums(list_value_names(names), np.stack(sums))
