"""Evidence: the states of a scan in the form that metrics need, with one class per problem type. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import field, replace
from itertools import accumulate
from typing import ClassVar, TypeAlias, TypeVar

import numpy as np

from spark_model_monitor.monitors.model_quality.class_labels import (
    Matrix,
    build_confusion_matrix,
    class_table,
    sort_classes,
)
from spark_model_monitor.monitors.model_quality.estimates import IncludedBlocks
from spark_model_monitor.statistics import Doubles, Integers
from spark_model_monitor.statistics.states import State
from spark_model_monitor.statistics.states.blocks import BLOCKS, BlockSums, RegressionSums
from spark_model_monitor.statistics.states.kll import KllSketch
from spark_model_monitor.statistics.states.outcome_plan import ClassKey, class_key
from spark_model_monitor.statistics.states.outcomes import Outcomes
from spark_model_monitor.statistics.states.scores import ClassScores, ScoreCounts
from spark_model_monitor.statistics.user_choices import ProblemType
from spark_model_monitor.value_class import value_class

StateT = TypeVar("StateT", bound=State)

DRAWN_SHARE = 0.8  # share of the rows in a random sample. Source: C11.12.
_MAX_BALLS = 10**9  # the limit of numpy's multivariate_hypergeometric


@value_class
class BinaryEvidence:
    """The evidence of two classes.

    matrix: number of rows by label, then by prediction; may be fractional if estimated.
    classes: the negative class, then the positive class.
    scores, probabilities: None without probabilities.
    as_service: whether the area under the ROC curve is computed as in the service.
    replicates: for the jackknife, the evidence without each block that has rows; empty unless a column names groups.
    """

    PROBLEM_TYPE: ClassVar[ProblemType] = ProblemType.BINARY_CLASSIFICATION

    matrix: Matrix
    classes: tuple[str, ...] = ("0", "1")
    scores: ScoreCounts | None = None
    probabilities: BlockSums | None = None
    values: BlockSums = field(default_factory=BlockSums)
    as_service: bool = False
    replicates: tuple[BinaryEvidence, ...] = ()

    @property
    def true_positives(self) -> float:
        return float(self.matrix[1, 1])

    @property
    def false_positives(self) -> float:
        return float(self.matrix[0, 1])

    @property
    def true_negatives(self) -> float:
        return float(self.matrix[0, 0])

    @property
    def false_negatives(self) -> float:
        return float(self.matrix[1, 0])

    @property
    def rows(self) -> int:
        return int(self.matrix.sum())

    def resample(self, random: np.random.Generator) -> BinaryEvidence:
        """The evidence of a random 80 % of the rows."""
        scores = self.scores
        if scores is not None:
            drawn = _draw_rows(np.stack([scores.negatives, scores.positives]), random)
            # Scores without rows must not be in curves
            has_drawn_rows = drawn.any(axis=0)
            scores = replace(
                scores,
                scores=scores.scores[has_drawn_rows],
                negatives=drawn[0, has_drawn_rows],
                positives=drawn[1, has_drawn_rows],
            )
        return replace(self, matrix=_draw_rows(self.matrix, random), scores=scores)


@value_class
class MulticlassEvidence:
    """The evidence of many classes.

    matrix: number of rows by label, then by prediction, in the order of `classes`.
    scores: for each class against all others; None unless rows have the probabilities of all classes.
    estimated: if metrics are estimated, the expected number of correct rows, labels and predictions of each class, shape
        (3, classes); the labels of `matrix` are then the predictions.
    replicates: as in `BinaryEvidence`.
    """

    PROBLEM_TYPE: ClassVar[ProblemType] = ProblemType.MULTICLASS_CLASSIFICATION

    matrix: Matrix
    classes: tuple[str, ...]
    probabilities: BlockSums | None = None
    values: BlockSums = field(default_factory=BlockSums)
    scores: tuple[ScoreCounts, ...] | None = None
    estimated: Doubles | None = None
    replicates: tuple[MulticlassEvidence, ...] = ()

    @property
    def rows(self) -> int:
        return int(self.matrix.sum())

    def resample(self, random: np.random.Generator) -> MulticlassEvidence:
        """The evidence of a random 80 % of the rows."""
        return replace(self, matrix=_draw_rows(self.matrix, random))


@value_class
class RegressionEvidence:
    """The evidence of predicted numbers. included: the blocks of rows that count. residuals: None unless they cover all rows."""

    PROBLEM_TYPE: ClassVar[ProblemType] = ProblemType.REGRESSION

    sums: RegressionSums
    included: IncludedBlocks = field(default_factory=lambda: np.ones(BLOCKS, dtype=bool))
    values: BlockSums = field(default_factory=BlockSums)
    residuals: KllSketch | None = None

    @property
    def rows(self) -> int:
        return int(self.sums.rows[self.included].sum())

    def resample(self, random: np.random.Generator) -> RegressionEvidence:
        """The evidence of 80 % of the blocks; a block is a random set of rows."""
        filled = np.flatnonzero(self.sums.rows > 0)
        drawn_blocks = np.zeros(BLOCKS, dtype=bool)
        drawn_blocks[random.choice(filled, math.ceil(DRAWN_SHARE * len(filled)), replace=False)] = True
        return replace(self, included=drawn_blocks)


ClassEvidence: TypeAlias = BinaryEvidence | MulticlassEvidence
Evidence: TypeAlias = ClassEvidence | RegressionEvidence


def build_evidence(outcomes: Outcomes, *, as_service: bool = False) -> Evidence:
    """The evidence of a scan.

    Raises BadInput, with a description of both sets, if labels and predictions don't match or don't suit the problem type.
    """
    plan = outcomes.plan
    if plan.is_regression:
        residuals = None
        if outcomes.has_residuals:
            residuals = outcomes.residuals
        return RegressionEvidence(outcomes.regression, values=outcomes.values, residuals=residuals)
    classes, matrix = class_table(outcomes.confusion, plan)
    probabilities = None
    if plan.with_scores:
        probabilities = outcomes.probabilities
    # For the errors of metrics with groups: the counts without each block
    matrices_without_block = []
    for block_counts in outcomes.confusions:
        block_matrix = build_confusion_matrix(block_counts, classes, plan)
        if block_matrix.any():
            matrices_without_block.append(matrix - block_matrix)
    if not plan.is_binary:
        scored = scores_by_class(outcomes.class_scores, classes)
        without_block = tuple(MulticlassEvidence(remaining, classes) for remaining in matrices_without_block)
        return MulticlassEvidence(matrix, classes, probabilities, outcomes.values, scored, replicates=without_block)
    # Two classes also have scores by block
    scores = None
    scores_without_block: Sequence[ScoreCounts | None] = [None] * len(matrices_without_block)
    if plan.with_scores:
        scores = outcomes.scores
        scores_by_block = [block_scores for block_scores in outcomes.coarse_scores if len(block_scores.scores)]
        scores_without_block = sum_without_each(scores_by_block, ScoreCounts())
    binary_without_block = tuple(
        BinaryEvidence(remaining, classes, block_scores)
        for remaining, block_scores in zip(matrices_without_block, scores_without_block, strict=True)
    )
    return BinaryEvidence(matrix, classes, scores, probabilities, outcomes.values, as_service, binary_without_block)


def predict_most_frequent_class(evidence: ClassEvidence) -> ClassEvidence:
    """The evidence if the most frequent class is predicted for all rows; of equally frequent classes, the last in sort order.

    Source: C11.11.
    """
    labels = evidence.matrix.sum(axis=1)
    matrix = np.zeros_like(evidence.matrix)
    if len(labels):
        most_frequent = max(reversed(sort_classes(evidence.classes)), key=lambda index: int(labels[index]))
        matrix[:, most_frequent] = labels
    return type(evidence)(matrix, evidence.classes)


def sum_without_each(states: Sequence[StateT], zero: StateT) -> list[StateT]:
    """For each state, the sum of all others: of those before it and those after it."""
    # Each sum starts with no state, so that both lists have one more than there are states
    sums_before = list(accumulate(states, initial=zero))
    sums_after = list(accumulate(reversed(states), lambda total, state: state + total, initial=zero))
    sums_after.reverse()
    return [sums_before[index] + sums_after[index + 1] for index in range(len(states))]


def scores_by_class(counts: ClassScores, classes: tuple[str, ...]) -> tuple[ScoreCounts, ...] | None:
    """The scores of each class against all others; None without scores. A class without scores has empty counts."""
    if not counts.of_class:
        return None
    scores_by_key: dict[ClassKey, ScoreCounts] = {}
    for name, scores in counts.of_class.items():
        key = class_key(name)
        # Spellings of one class, such as `1` and `1.0`, are added
        if key in scores_by_key:
            scores = scores_by_key[key] + scores
        scores_by_key[key] = scores
    return tuple(scores_by_key.get(class_key(name), ScoreCounts()) for name in classes)


def _draw_rows(counts: Integers, random: np.random.Generator) -> Integers:
    """The counts of a random 80 % of the rows, drawn without replacement; above 10^9 rows, each row is drawn independently."""
    total = int(counts.sum())
    if total >= _MAX_BALLS:
        return random.binomial(counts, DRAWN_SHARE)
    drawn = random.multivariate_hypergeometric(counts.ravel(), round(DRAWN_SHARE * total), method="marginals")
    return drawn.reshape(counts.shape)
