"""Evidence: the states of a scan as metrics see them, one class for each type of problem. Pure.

`redrawn` gives the evidence of a random 80 % of the rows, of which standard deviations are made: counts are drawn from as balls
from an urn, blocks of rows are kept or left out whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from model_monitor.model_quality.estimates import Kept
from model_monitor.model_quality.labels import Matrix, class_table, in_order
from model_monitor.statistics.states.blocks import BLOCKS, BlockSums
from model_monitor.statistics.states.kll import KllSketch
from model_monitor.statistics.states.outcomes import Outcomes
from model_monitor.statistics.states.regression import RegressionSums
from model_monitor.statistics.states.scores import ScoreCounts

DRAWN_SHARE = 0.8
"""Share of the rows that is in a draw. Source: C11.12."""

_MOST_BALLS = 10**9  # numpy's multivariate_hypergeometric draws from fewer


def _all_blocks() -> Kept:
    return np.ones(BLOCKS, dtype=bool)


@dataclass(frozen=True, slots=True)
class BinaryEvidence:
    """Of two classes.

    matrix: rows by label, then by prediction. classes: the negative one, the positive one. scores, probabilities: None without
    probabilities. as_service: the area under the ROC curve as the service computes it.
    """

    matrix: Matrix
    classes: tuple[str, ...] = ("0", "1")
    scores: ScoreCounts | None = None
    probabilities: BlockSums | None = None
    values: BlockSums = field(default_factory=BlockSums)
    as_service: bool = False

    @property
    def true_positives(self) -> int:
        return int(self.matrix[1, 1])

    @property
    def false_positives(self) -> int:
        return int(self.matrix[0, 1])

    @property
    def true_negatives(self) -> int:
        return int(self.matrix[0, 0])

    @property
    def false_negatives(self) -> int:
        return int(self.matrix[1, 0])

    @property
    def rows(self) -> int:
        return int(self.matrix.sum())

    def constant(self) -> BinaryEvidence:
        """The same rows, had the more frequent class been predicted for all; the higher class if both are as frequent.

        Source: C11.11.
        """
        labels = self.matrix.sum(axis=1)
        answer = in_order(self.classes)[1] if labels[0] == labels[1] else int(labels[1] > labels[0])
        matrix = np.zeros((2, 2), dtype=np.int64)
        matrix[:, answer] = labels
        return BinaryEvidence(matrix, self.classes)

    def redrawn(self, random: np.random.Generator) -> BinaryEvidence:
        """The evidence of a random 80 % of the rows."""
        scores = self.scores
        if scores is not None:
            drawn = _drawn(np.stack([scores.negatives, scores.positives]), random)
            kept = drawn.any(axis=0)
            scores = replace(scores, scores=scores.scores[kept], negatives=drawn[0, kept], positives=drawn[1, kept])
        return replace(self, matrix=_drawn(self.matrix, random), scores=scores)


@dataclass(frozen=True, slots=True)
class MulticlassEvidence:
    """Of many classes. matrix: rows by label, then by prediction, in the order of `classes`."""

    matrix: Matrix
    classes: tuple[str, ...]
    probabilities: BlockSums | None = None
    values: BlockSums = field(default_factory=BlockSums)

    @property
    def rows(self) -> int:
        return int(self.matrix.sum())

    def constant(self) -> MulticlassEvidence:
        """The same rows, had the most frequent class been predicted for all; the last of equally frequent ones.

        Source: C11.11.
        """
        labels = self.matrix.sum(axis=1)
        matrix = np.zeros_like(self.matrix)
        if len(labels):
            matrix[:, len(labels) - 1 - int(np.argmax(labels[::-1]))] = labels
        return MulticlassEvidence(matrix, self.classes)

    def redrawn(self, random: np.random.Generator) -> MulticlassEvidence:
        """The evidence of a random 80 % of the rows."""
        return replace(self, matrix=_drawn(self.matrix, random))


@dataclass(frozen=True, slots=True)
class RegressionEvidence:
    """Of predicted numbers. kept: the blocks of rows that count. residuals: None where not those of all rows are known."""

    sums: RegressionSums
    kept: Kept = field(default_factory=_all_blocks)
    values: BlockSums = field(default_factory=BlockSums)
    residuals: KllSketch | None = None

    @property
    def rows(self) -> int:
        return int(self.sums.rows[self.kept].sum())

    def redrawn(self, random: np.random.Generator) -> RegressionEvidence:
        """The evidence of 80 % of the blocks, which are random rows."""
        filled = np.flatnonzero(self.sums.rows > 0)
        kept = np.zeros(BLOCKS, dtype=bool)
        kept[random.choice(filled, math.ceil(DRAWN_SHARE * len(filled)), replace=False)] = True
        return replace(self, kept=kept)


Evidence: TypeAlias = BinaryEvidence | MulticlassEvidence | RegressionEvidence


def evidence_of(outcomes: Outcomes, *, as_service: bool = False) -> Evidence:
    """The evidence of a scan.

    Raises BadInput, with both sets shown, if labels and predictions don't meet or are not what the problem needs.
    """
    plan = outcomes.plan
    if plan.is_regression:
        residuals = outcomes.residuals if outcomes.has_residuals else None
        return RegressionEvidence(outcomes.regression, values=outcomes.values, residuals=residuals)
    table = class_table(outcomes.confusion, plan)
    probabilities = outcomes.probabilities if plan.with_scores else None
    if not plan.is_binary:
        return MulticlassEvidence(table.matrix, table.classes, probabilities, outcomes.values)
    scores = outcomes.scores if plan.with_scores else None
    return BinaryEvidence(table.matrix, table.classes, scores, probabilities, outcomes.values, as_service)


def _drawn(counts: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    """The counts of a random 80 % of the rows counted, without replacement; above 10^9 rows each is in it by itself."""
    total = int(counts.sum())
    if total >= _MOST_BALLS:
        return random.binomial(counts, DRAWN_SHARE)
    drawn = random.multivariate_hypergeometric(counts.ravel(), round(DRAWN_SHARE * total), method="marginals")
    return drawn.reshape(counts.shape)
