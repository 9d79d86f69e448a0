"""The meaning of a score: the share of the baseline's rows with this score in which the event happened. Pure numpy.

The event is the positive class in binary problems, and a correct prediction in problems with many classes.
"""

from __future__ import annotations

from dataclasses import field, replace
from typing import NamedTuple

import numpy as np

from spark_model_monitor.statistics import Doubles, create_empty_doubles
from spark_model_monitor.statistics.drift.special_functions import chi_square_survival
from spark_model_monitor.statistics.states.scores import MAX_SCORED_CLASSES, ClassScores, ScoreCounts
from spark_model_monitor.value_class import value_class

GROUPS = 256
"""The maximum number of groups of about equal size that determine a calibration's error; more change the error by less
than 1 %.
"""

MIN_ROWS = 100  # minimum number of rows in a baseline to calibrate its scores
TENTHS = 10  # number of groups of rows in which scores are compared with their calibration
MIN_MEAN_DISTANCE = (
    0.02  # scores that the test rejects count as no probabilities only if they are farther off on average
)
LEVEL = 0.001


@value_class
class Calibration:
    """Maps a score to a probability: constant within a block of the isotonic regression, linear between blocks.

    scores: ascending, shape (knots,). probabilities: not decreasing, shape (knots,).
    """

    scores: Doubles
    probabilities: Doubles

    @classmethod
    def of(cls, counts: ScoreCounts, prior: float = 0.0) -> Calibration:
        """The isotonic regression of the event on the score, by the pool-adjacent-violators algorithm.

        prior: number of rows of each class that are added to every block, so that no probability is 0 or 1.

        Source: Barlow et al. 1972, "Statistical Inference under Order Restrictions", pool adjacent violators; Zadrozny
        and Elkan 2002, "Transforming classifier scores into accurate multiclass probability estimates".
        """
        if not len(counts.scores):
            return cls(np.zeros(1), np.zeros(1))  # a class that never occurred
        starts, stops, hits, rows = np.array(_pool_adjacent_violators(counts), dtype=np.int64).T
        ends = np.stack([starts, stops - 1], axis=1)
        # Both ends of a block get its probability, so that it is constant between them
        shares = (hits + prior) / (rows + 2 * prior)
        return cls(counts.scores[ends].ravel(), np.repeat(shares, 2))

    def __call__(self, scores: Doubles) -> Doubles:
        """The probability of each score; a score beyond the ends gets the probability of the end."""
        return np.interp(scores, self.scores, self.probabilities)


class _IsotonicBlock(NamedTuple):
    """Neighbouring scores of one probability: the index of the first, the index after the last; rows with the event, all rows."""

    start: int
    stop: int
    hits: int
    rows: int


def _pool_adjacent_violators(counts: ScoreCounts) -> list[_IsotonicBlock]:
    """The blocks of the isotonic regression, in the order of the scores."""
    blocks: list[_IsotonicBlock] = []
    rows_by_score = (counts.negatives + counts.positives).tolist()
    for index, (hits, rows) in enumerate(zip(counts.positives.tolist(), rows_by_score, strict=True)):
        block = _IsotonicBlock(index, index + 1, hits, rows)
        # Shares are compared by products of whole numbers, which aren't rounded
        while blocks and blocks[-1].hits * block.rows >= block.hits * blocks[-1].rows:
            before = blocks.pop()
            block = _IsotonicBlock(before.start, block.stop, before.hits + block.hits, before.rows + block.rows)
        blocks.append(block)
    return blocks


def merge_neighbouring_scores(counts: ScoreCounts, groups: int = GROUPS) -> ScoreCounts:
    """The rows at fewer scores but with the same isotonic regression: both ends of each block are kept, and scores
    between are merged.
    """
    if not len(counts.scores):
        return counts
    rows = np.cumsum(counts.negatives + counts.positives)
    rows_per_group = max(1, int(rows[-1]) // groups)
    starts: list[int] = []
    for block in _pool_adjacent_violators(counts):
        starts.append(block.start)
        # Scores within a block have the same probability; they are grouped by about equal numbers of rows
        inner = np.arange(block.start + 1, block.stop - 1)
        group = (rows[inner] - rows[block.start]) // rows_per_group
        starts += inner[np.flatnonzero(np.diff(group, prepend=-1))].tolist()
        if block.stop - block.start > 1:
            starts.append(block.stop - 1)
    negatives = np.add.reduceat(counts.negatives, starts)
    positives = np.add.reduceat(counts.positives, starts)
    return replace(counts, scores=counts.scores[starts], negatives=negatives, positives=positives, limit=0)


@value_class
class CalibrationCheck:
    """How well a baseline's scores agree with probabilities, by tenths of its rows; rows with equal scores stay together.

    rows, scores, shares, expected: for each tenth the number of rows, the mean score, the share with the event, and the
        calibrated probability.
    error: the mean absolute difference between score and share.
    remaining_error: the mean absolute difference between calibrated probability and share.
    problem: the reason why these scores allow no estimates; None if they do.
    """

    rows: Doubles = field(default_factory=create_empty_doubles)
    scores: Doubles = field(default_factory=create_empty_doubles)
    shares: Doubles = field(default_factory=create_empty_doubles)
    expected: Doubles = field(default_factory=create_empty_doubles)
    problem: str | None = None

    @property
    def error(self) -> float:
        return self._mean_distance_from(self.scores)

    @property
    def remaining_error(self) -> float:
        return self._mean_distance_from(self.expected)

    def _mean_distance_from(self, promised: Doubles) -> float:
        return float((np.abs(promised - self.shares) * self.rows).sum() / max(self.rows.sum(), 1))


TOO_FEW = "the baseline has {rows:,} rows with a score; an estimate takes {needed:,}"
ONE_CLASS = "all labels of the baseline are of one class, so that its scores say nothing of the other"


def check_calibration(counts: ScoreCounts) -> CalibrationCheck:
    """Whether scores can be calibrated: a higher score must not mean a smaller probability.

    Tenths of the rows are compared with their isotonic regression by Pearson's chi-square test, which is conservative
    because the regression was fitted to the same rows.
    """
    rows = (counts.negatives + counts.positives).astype(np.float64)
    total = float(rows.sum())
    hits = float(counts.positives.sum())
    if not total:
        return CalibrationCheck(problem="the baseline has no scores; make it with --probability-attribute")
    if total < MIN_ROWS:
        return CalibrationCheck(problem=TOO_FEW.format(rows=int(total), needed=MIN_ROWS))
    # Divide the scores into ten groups with about equally many rows
    middles = np.cumsum(rows) - rows / 2
    tenth = np.minimum((middles / total * TENTHS).astype(np.int64), TENTHS - 1)
    _, group_of_score = np.unique(tenth, return_inverse=True)
    probability = Calibration.of(counts)(counts.scores)
    # For each group: its rows, the mean score, the share of events, and the probability by the isotonic regression
    group_rows = np.bincount(group_of_score, rows).astype(np.float64)
    events = np.bincount(group_of_score, counts.positives.astype(np.float64))
    expected_events = np.bincount(group_of_score, rows * probability)
    variance = np.bincount(group_of_score, rows * probability * (1 - probability))
    scores = np.bincount(group_of_score, rows * counts.scores) / group_rows
    calibration_check = CalibrationCheck(group_rows, scores, events / group_rows, expected_events / group_rows)
    if hits in (0.0, total):
        return replace(calibration_check, problem=ONE_CLASS)
    # Pearson's statistic Σ (observed - expected)² / variance, over groups with a positive variance
    squared_deviations = (events - expected_events) ** 2
    statistic = float((squared_deviations[variance > 0] / variance[variance > 0]).sum())
    p = chi_square_survival(statistic, len(scores))
    if p < LEVEL and calibration_check.remaining_error > MIN_MEAN_DISTANCE:
        problem = (
            "the scores are no probabilities: the share of positive labels does not rise with them (it is "
            f"{calibration_check.remaining_error:.3f} from the best rising curve on average, p {p:.1g})"
        )
        return replace(calibration_check, problem=problem)
    return calibration_check


def check_classes(counts: ClassScores) -> CalibrationCheck:
    """Whether the scores of many classes can be calibrated. Tenths are of all classes together, and a problem of one
    class counts for all.
    """
    counts_by_class = tuple(counts.of_class.values())
    rows = sum(int(class_counts.positives.sum()) for class_counts in counts_by_class)
    pooled = ScoreCounts()
    if counts_by_class:
        pooled = sum(counts_by_class[1:], counts_by_class[0])
    checked = check_calibration(pooled)
    if counts.overflowed:
        problem = (
            f"the baseline has more than {MAX_SCORED_CLASSES} classes with probabilities; "
            "estimates are made of so many at most"
        )
        return replace(checked, problem=problem)
    if counts_by_class and rows < MIN_ROWS:
        return replace(checked, problem=TOO_FEW.format(rows=rows, needed=MIN_ROWS))
    # Comparing a class with all others needs rows of both
    if counts_by_class and sum(class_counts.positives.any() for class_counts in counts_by_class) < 2:
        return replace(checked, problem=ONE_CLASS)
    # The first problem of any class counts for all
    for class_counts in counts_by_class:
        if checked.problem is None and class_counts.positives.any():
            checked = replace(checked, problem=check_calibration(class_counts).problem)
    return checked
