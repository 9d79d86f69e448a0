"""Outcomes: the result of a scan of predictions with labels (`outcome_plan`, `outcome_builder`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from operator import add
from typing import TypeVar

import numpy as np

from spark_model_monitor.errors import BadState
from spark_model_monitor.statistics import Doubles
from spark_model_monitor.statistics.states.blocks import BLOCKS, BlockSums, RegressionSums
from spark_model_monitor.statistics.states.encoding import (
    Parameters,
    State,
    join_parts,
    register_state,
    require_equal,
    split_parts,
)
from spark_model_monitor.statistics.states.kll import KllSketch
from spark_model_monitor.statistics.states.outcome_plan import OutcomePlan
from spark_model_monitor.statistics.states.scores import NAMES as PROBABILITY_NAMES
from spark_model_monitor.statistics.states.scores import ClassScores, ConfusionCounts, ScoreCounts
from spark_model_monitor.statistics.states.segments import add_cuts
from spark_model_monitor.statistics.user_choices import ProblemType
from spark_model_monitor.value_class import value_class


@register_state
@value_class
class Outcomes(State):
    """The states of one scan.

    confusion: confusion counts of classifications.
    regression: error sums of regressions.
    scores: rows by score, of binary problems with scores.
    probabilities: calibration and losses of problems with scores.
    values: for each of the user's metrics its sum, `name.sum`, and its number of values, `name.rows`.
    residuals: label minus prediction, of regressions.
    class_scores: of problems with many classes whose rows have the probabilities of all classes.
    segments: the outcomes of each segment's rows, by cut and segment.
    confusions, coarse_scores: one per block, of classifications whose plan names groups.
    named: number of rows that have the name of a group.
    """

    KIND = "outcomes"
    VERSION = 3

    plan: OutcomePlan = field(default_factory=lambda: OutcomePlan(ProblemType.REGRESSION))
    item_count: int = 0
    confusion: ConfusionCounts = field(default_factory=ConfusionCounts)
    scores: ScoreCounts = field(default_factory=ScoreCounts)
    regression: RegressionSums = field(default_factory=RegressionSums)
    probabilities: BlockSums = field(default_factory=BlockSums)
    values: BlockSums = field(default_factory=BlockSums)
    residuals: KllSketch = field(default_factory=KllSketch)
    class_scores: ClassScores = field(default_factory=ClassScores)
    segments: Mapping[str, Mapping[str, Outcomes]] = field(default_factory=dict)
    confusions: tuple[ConfusionCounts, ...] = ()
    coarse_scores: tuple[ScoreCounts, ...] = ()
    named: int = 0

    @classmethod
    def zero(cls, plan: OutcomePlan) -> Outcomes:
        """The outcomes of no rows."""
        return cls(
            plan,
            scores=ScoreCounts(limit=plan.score_limit),
            probabilities=BlockSums.zero(PROBABILITY_NAMES if plan.with_scores else ()),
            values=BlockSums.zero(list_value_names(plan.values)),
        )

    def __add__(self, addend: Outcomes) -> Outcomes:
        """Add state by state. Raises BadState if the plans differ."""
        if self.plan != addend.plan:
            require_equal(self.KIND, "the plan", self.plan.to_json(), addend.plan.to_json())
        return self.add_members(
            addend,
            plan=self.plan,
            segments=add_cuts(self.segments, addend.segments, _count_rows, lambda segment, _: segment),
            confusions=_add_blocks(self.confusions, addend.confusions),
            coarse_scores=_add_blocks(self.coarse_scores, addend.coarse_scores),
        )

    @property
    def share_in_groups(self) -> float:
        return self.named / max(self.item_count, 1)

    @property
    def rows_by_block(self) -> Doubles:
        """The number of rows in each block, if a column names groups."""
        return np.array([confusion.total for confusion in self.confusions] or self.regression.rows, float)

    @property
    def has_residuals(self) -> bool:
        """Whether the residuals cover all rows."""
        return self.residuals.count == int(self.regression.rows.sum())

    def payload(self) -> tuple[Parameters, bytes]:
        """The bytes of the states, each preceded by their length."""
        # Seven states always have bytes; residuals and classes that don't exist have empty ones
        states = (self.confusion, self.scores, self.regression, self.probabilities, self.values)
        residuals = b""
        if self.residuals.count:
            residuals = self.residuals.to_bytes()
        has_class_scores = self.class_scores.of_class or self.class_scores.overflowed
        of_classes = self.class_scores.to_bytes() if has_class_scores else b""
        blobs = [*(state.to_bytes() for state in states), residuals, of_classes]
        # Then the states of blocks, if a column names groups, and one part for each cut
        if self.plan.group_column is not None:
            blobs.append(join_parts(state.to_bytes() for state in (*self.confusions, *self.coarse_scores)))
        for cut, segments in self.segments.items():
            parts = [cut.encode()]
            for label, segment in segments.items():
                parts += [label.encode(), segment.to_bytes()]
            blobs.append(join_parts(parts))
        parameters: Parameters = {"plan": self.plan.to_json(), "item_count": self.item_count}
        return parameters if self.plan.group_column is None else {**parameters, "named": self.named}, join_parts(blobs)

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> Outcomes:
        blobs = split_parts(payload)
        plan = OutcomePlan.from_json(parameters["plan"])
        block_blobs = split_parts(blobs.pop(7)) if plan.group_column is not None else []
        return cls(
            plan,
            parameters["item_count"],
            ConfusionCounts.from_bytes(blobs[0]),
            ScoreCounts.from_bytes(blobs[1]),
            RegressionSums.from_bytes(blobs[2]),
            BlockSums.from_bytes(blobs[3]),
            BlockSums.from_bytes(blobs[4]),
            KllSketch.from_bytes(blobs[5]) if blobs[5] else KllSketch(),
            ClassScores.from_bytes(blobs[6]) if blobs[6] else ClassScores(),
            dict(map(cls._read_segments, blobs[7:])),
            tuple(map(ConfusionCounts.from_bytes, block_blobs[:BLOCKS])),
            tuple(map(ScoreCounts.from_bytes, block_blobs[BLOCKS:])),
            parameters.get("named", 0),
        )

    @classmethod
    def _read_segments(cls, blob: bytes) -> tuple[str, dict[str, Outcomes]]:
        cut, *labels_and_states = split_parts(blob)
        return cut.decode(), {
            label.decode(): cls.from_bytes(rows)
            for label, rows in zip(labels_and_states[::2], labels_and_states[1::2], strict=True)
        }

    def is_consistent(self) -> bool:
        scored_rows = int(self.scores.negatives.sum() + self.scores.positives.sum())
        predicted_rows = max(self.confusion.total, sum(self.confusion.counts.values()), self.regression.rows.sum())
        # The rows of all segments, and of all blocks, must add up to all rows
        row_counts = [sum(map(_count_rows, cut_segments.values())) for cut_segments in self.segments.values()]
        if {*row_counts} - {self.item_count}:
            raise BadState("state bytes: the rows of its segments are not its own; restore the file or scan again")
        rows_in_blocks = sum(confusion.total for confusion in self.confusions) if self.confusions else self.item_count
        return bool(max(predicted_rows, scored_rows, self.residuals.count) <= self.item_count == rows_in_blocks)


CountsType = TypeVar("CountsType", ConfusionCounts, ScoreCounts)


def _add_blocks(first: tuple[CountsType, ...], second: tuple[CountsType, ...]) -> tuple[CountsType, ...]:
    """The sums of both sides, block by block; a side without rows has no blocks."""
    if first and second:
        return tuple(map(add, first, second))
    return first or second


def _count_rows(outcomes: Outcomes) -> int:
    return outcomes.item_count


def list_value_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names of the sums of the user's metrics, two for each metric."""
    return tuple(f"{name}.{kind}" for name in names for kind in ("sum", "rows"))
