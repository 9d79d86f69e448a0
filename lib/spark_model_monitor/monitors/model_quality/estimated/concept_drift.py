"""Does a score still mean what it did? Compares labels with what their scores promise, and names the change. Pure.

Covariate shift: the inputs changed, and scores kept their meaning. Concept drift: they didn't.
"""

from __future__ import annotations

import math
from dataclasses import replace
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.documents.check_results import HOTELLING, CheckResult, CheckStatus
from spark_model_monitor.documents.outcome import METRIC_CHANGE
from spark_model_monitor.documents.page import format_number, format_percent
from spark_model_monitor.documents.run_changes import CONCEPT_DRIFT
from spark_model_monitor.monitors.model_quality.estimated.estimation import (
    SEED,
    Cells,
    Numbers,
    believe_classes,
    believe_two_classes,
    compute_expected_evidence,
    compute_metric_values,
    redraw_counts,
    simulate_differences,
)
from spark_model_monitor.monitors.model_quality.evidence import BinaryEvidence, MulticlassEvidence
from spark_model_monitor.monitors.model_quality.quality_checks import LONGER_WINDOWS
from spark_model_monitor.monitors.model_quality.score_calibration import (
    Calibration,
    check_calibration,
    check_classes,
    merge_neighbouring_scores,
)
from spark_model_monitor.monitors.protocol import Finding
from spark_model_monitor.statistics.drift.distances import l_infinity_numeric
from spark_model_monitor.statistics.drift.distributions import StepCdf
from spark_model_monitor.statistics.states.outcome_plan import class_key
from spark_model_monitor.statistics.states.scores import SQUARED_ERROR, ClassScores, ScoreCounts, calibration
from spark_model_monitor.statistics.verdicts.components import MIN_EFFECT
from spark_model_monitor.statistics.verdicts.intra_class_correlation import estimate_block_design_effects
from spark_model_monitor.statistics.verdicts.multiple_testing import POWER
from spark_model_monitor.value_class import value_class

METRIC = "label_given_score"
DRAWS = 400  # of labels; enough for the covariance of the two sums that are tested
MIN_UNCERTAIN = 25.0
"""Rows of either side that could have either label, as a sum of probabilities; with fewer, no sum is nearly normal."""
KOLMOGOROV_999 = 1.95  # quantile of Kolmogorov's distribution
MIN_SCORE_GAP = 0.05  # between two distributions of scores; a smaller one is not reported
NORMAL_95 = 1.96  # for intervals of 95 %


@value_class
class ConceptDrift:
    """p: probability of labels this far from what the scores promise.

    flips: share of labels that seem flipped.
    shift: excess of the share of positive labels over the promise.
    smallest: share of flips that is detected 9 times in 10.
    """

    p: float
    flips: float
    shift: float
    smallest: float

    @property
    def effect(self) -> float:
        return max(abs(self.flips), abs(self.shift))


Scored = BinaryEvidence | MulticlassEvidence


def can_be_judged(before: object, now: object) -> bool:
    """Whether both sides have classes with scores, and the baseline's scores are probabilities."""
    if not isinstance(before, Scored) or type(before) is not type(now) or not isinstance(now, Scored):
        return False
    if before.scores is None or now.scores is None:
        return False
    if isinstance(before.scores, ScoreCounts):
        return check_calibration(before.scores).problem is None
    return check_classes(ClassScores(dict(zip(before.classes, before.scores, strict=True)))).problem is None


def pair_scores(before: Scored, now: Scored) -> list[tuple[ScoreCounts, ScoreCounts]]:
    """The scores of both sides: of two classes, or of each class that both sides know against the rest."""
    assert before.scores is not None  # as `can_be_judged` ensures
    assert now.scores is not None
    if isinstance(before, BinaryEvidence) or isinstance(now, BinaryEvidence):
        return [(before.scores, now.scores)]  # type: ignore[list-item]  # both are of two classes
    reference_scores = dict(zip(map(class_key, before.classes), before.scores, strict=True))
    window_scores = zip(map(class_key, now.classes), now.scores, strict=True)
    pairs = [(reference_scores[key], scores) for key, scores in window_scores if key in reference_scores]
    return [pair for pair in pairs if all(len(counts.scores) for counts in pair)]


def measure_drift(
    reference: ScoreCounts, window: ScoreCounts, level: float, groups: float = 1.0
) -> ConceptDrift | None:
    """Both counts are by score and label. None if too few labels are uncertain.

    Tests two sums of the labels' excess over the promise p together: plain, and weighted by 1 - 2p, which flips
    change most. Their covariance comes from labels drawn on either side, so that a small baseline counts as such.
    Source: Hotelling 1931, "The generalization of Student's ratio".
    """
    # The degrees of freedom: rows of the smaller side whose label is uncertain, at most those of the draws
    uncertain = min(uncertain_rows(reference, counts) / groups for counts in (reference, window))
    freedom = min(uncertain, DRAWS - 2)
    if freedom < MIN_UNCERTAIN:
        return None
    random = np.random.default_rng(SEED)
    compacted = merge_neighbouring_scores(reference)
    calibration = Calibration.of(compacted)
    # Half a row of each label is added before drawing: a score that was never wrong may still be wrong next time
    drawing_calibration = Calibration.of(compacted, prior=0.5)
    # Scores are pooled before drawing, which costs less and gives the same variance
    cells = Cells.of(window)
    pooled_cells = cells.pooled()
    rows = pooled_cells.rows.sum(axis=0)
    probabilities = drawing_calibration(pooled_cells.scores)
    # Both sums if scores mean what they did, with a baseline drawn anew each time
    drawn_sums = np.empty((DRAWS, 2))
    for draw in range(DRAWS):
        redrawn_calibration = Calibration.of(redraw_counts(random, compacted, drawing_calibration))
        labels = random.binomial(rows, probabilities)
        drawn_sums[draw] = _sum_excesses(labels, rows, redrawn_calibration(pooled_cells.scores))
    # Hotelling's T² of the observed sums against the draws, and the tail of F with 2 and `freedom` degrees of freedom
    observed = _sum_excesses(cells.rows[1], cells.rows.sum(axis=0), calibration(cells.scores))
    inverse = np.linalg.pinv(np.cov(drawn_sums.T) * groups)
    excess: Numbers = observed - drawn_sums.mean(axis=0)
    f_statistic = float(excess @ inverse @ excess) * (DRAWS - 2) / (2 * (DRAWS - 1)) / (1 + 1 / DRAWS)
    p = (1 + 2 * f_statistic / freedom) ** (-freedom / 2)
    # Along the direction of flipped labels: how many there seem to be (generalised least squares), and their standard error
    promise = calibration(pooled_cells.scores)
    flip_sums = _sum_excesses(rows * (1 - promise), rows, promise)
    precision = float(flip_sums @ inverse @ flip_sums)
    error = math.inf
    flips = 0.0
    if precision > 0:
        error = 1 / math.sqrt(precision)
        flips = float(flip_sums @ inverse @ excess) * error * error
    # The smallest share of flipped labels that would be seen: beyond the critical value, and large enough to matter
    critical_value = math.sqrt(freedom * (level ** (-2 / freedom) - 1))
    smallest = max((critical_value + POWER) * error, MIN_EFFECT + POWER * error)
    return ConceptDrift(p, flips, float(excess[0] / rows.sum()), min(smallest, 1.0))


def uncertain_rows(reference: ScoreCounts, counts: ScoreCounts) -> float:
    """The variance of the number of positive labels on a side, with the reference's probabilities of its scores."""
    calibration = Calibration.of(merge_neighbouring_scores(reference), prior=0.5)
    probabilities = calibration(counts.scores)
    rows = counts.negatives + counts.positives
    return float((rows * probabilities * (1 - probabilities)).sum())


def _sum_excesses(hits: NDArray[np.number], rows: NDArray[np.number], promise: Numbers) -> Numbers:
    """The labels' excess over the promise: plain, and weighted by 1 - 2p."""
    excesses = hits - rows * promise
    return np.array([excesses.sum(), (excesses * (1 - 2 * promise)).sum()])


def find_worst_drift(
    pairs: list[tuple[ScoreCounts, ScoreCounts]], level: float, groups: float = 1.0
) -> ConceptDrift | None:
    """The least likely drift of any class, its p adjusted for all classes (Bonferroni), and what is seen of each."""
    level_per_class = level / len(pairs)
    drifts = []
    for reference, window in pairs:
        drift = measure_drift(reference, window, level_per_class, groups=groups)
        if drift is not None:
            drifts.append(drift)
    if not drifts:
        return None
    worst = min(drifts, key=attrgetter("p"))
    adjusted_p = min(1.0, worst.p * len(pairs))
    return replace(worst, p=adjusted_p, smallest=max(drift.smallest for drift in drifts))


def judge_concept_drift(before: Scored, now: Scored, level: float, groups: float = 1.0) -> CheckResult:
    """The check of a window with labels, with a sentence on the kind of change. groups: how many rows count as
    one."""
    return _judge_drift(before, now, level, groups).result(CONCEPT_DRIFT, metric=METRIC)


def _judge_drift(before: Scored, now: Scored, level: float, groups: float) -> Finding:
    pairs = pair_scores(before, now)
    drift = find_worst_drift(pairs, level, groups)
    finding = Finding(CheckStatus.PASSED, threshold=0.0, n=before.rows, m=now.rows)
    if drift is None:
        # The class with the most rows that could have either label
        rows = 0.0
        for reference, window in pairs:
            rows_of_class = min(uncertain_rows(reference, reference), uncertain_rows(reference, window))
            rows = max(rows, rows_of_class / groups)
        return finding.unjudged(
            f"by their scores {rows:.0f} rows could have either label; to distinguish a changed answer from chance "
            f"takes {MIN_UNCERTAIN:.0f}"
        )
    metric, real, expected, interval = _compare_headline_metric(before, now)
    are_scores_moved = any(_have_scores_moved(reference, window) for reference, window in pairs)
    # What checks.json says of the test
    finding = finding.but(observed=real - expected, interval=interval, decided_by=HOTELLING, p=drift.p, level=level)
    finding = finding.but(effect=drift.effect, least_effect=MIN_EFFECT, smallest_change=drift.smallest)
    if drift.p <= level and drift.effect >= MIN_EFFECT:
        is_binary = isinstance(now, BinaryEvidence)
        observation = _describe_observation(metric, real, expected, drift.shift, is_binary=is_binary)
        sentence = f"Inputs as they were, and the answer changed: the world did. {observation}."
        if are_scores_moved:
            sentence = (
                f"Inputs moved, and a score is worth something else: {observation}. Scores alone can't tell a changed "
                "world from inputs that the model doesn't see."
            )
        finding = finding.but(status=CheckStatus.VIOLATED, reason=sentence, description=sentence)
        return finding.but(change=f"is another one: {observation}")
    # Scores kept their meaning: what the moved inputs cost, and what would not be seen
    lost = compute_metric_values(before)[metric] - expected
    margin = (interval[1] - interval[0]) / 2
    if not are_scores_moved:
        reason = "Inputs are as they were, and so is what a score is worth."
    elif lost > margin:
        reason = (
            f"Inputs moved and cost {100 * lost:.1f} points of {metric}; the model held: a score is worth what it was."
        )
    else:
        reason = "Inputs moved, the model held: a score is worth what it was."
    reason += f" Flipped labels in less than {format_percent(drift.smallest)} of the rows would not be seen."
    if drift.smallest > METRIC_CHANGE:  # flipped labels in so many rows
        return finding.unsure(reason, LONGER_WINDOWS)
    return finding.but(reason=reason)


def _describe_observation(metric: str, real: float, expected: float, shift: float, *, is_binary: bool) -> str:
    """What the labels show compared with what the scores promised: another metric, or the same and other labels."""
    formatted_real = format_number(real, 3)
    formatted_expected = format_number(expected, 3)
    if formatted_real != formatted_expected:
        return f"{metric} is {formatted_real}, and {formatted_expected} was to be expected"
    more = "more" if shift > 0 else "fewer"
    which = "positive" if is_binary else "of one class"
    share = format_percent(abs(shift))
    return (
        f"{metric} is {formatted_real} as was to be expected, but {more} rows are {which} than the scores promise, "
        f"by {share} of all"
    )


def design_effect_of_groups(now: Scored) -> float:
    """How many rows count as one, estimated from how blocks of groups meet their scores' promise. Source: D4.21."""
    assert now.probabilities is not None  # as `can_be_judged` ensures
    rows, hits, scores = (sums.sum(axis=0) for sums in calibration(now.probabilities))
    # Errors of the blocks around the mean error, and their squares in single rows
    errors = hits - scores
    mean_error = errors.sum() / max(rows.sum(), 1)
    squares = now.probabilities.of(SQUARED_ERROR).sum() - mean_error**2 * rows.sum()
    centred_errors = errors - mean_error * rows
    return float(estimate_block_design_effects(centred_errors[None], np.array([squares]), rows)[0])


def _compare_headline_metric(before: Scored, now: Scored) -> tuple[str, float, float, tuple[float, float]]:
    """Accuracy, or the area if no threshold of the score determines predictions: its name, its realised and its
    estimated value, and the 95 % interval of their difference. For many classes the mean area of each against the rest.
    """
    reference = [reference_counts for reference_counts, _ in pair_scores(before, now)]
    if isinstance(now, BinaryEvidence):
        metric, binary = _choose_headline_metric(now)
        cells = [binary]
        believed = believe_two_classes()
    else:
        cells = [Cells.of(window_counts) for _, window_counts in pair_scores(before, now)]
        metric = "macro_auc"
        believed = believe_classes((), np.zeros(len(cells), np.int64))
    # What the scores promise, and the metric of the labels
    expected = compute_expected_evidence(cells, reference, believed)
    estimated_value, real = (compute_metric_values(evidence)[metric] for evidence in (expected, now))
    # How far both metrics would lie apart by chance
    differences = simulate_differences(cells, reference, believed, {metric: estimated_value})[metric]
    differences = differences[np.isfinite(differences)]
    midpoint = real - estimated_value - float(differences.mean())
    margin = NORMAL_95 * float(differences.std())
    return metric, real, estimated_value, (midpoint - margin, midpoint + margin)


def _choose_headline_metric(now: BinaryEvidence) -> tuple[str, Cells]:
    """The headline metric of labelled scores: accuracy if a threshold of scores decides predictions; and the cells."""
    assert now.scores is not None
    rows = now.scores.negatives + now.scores.positives
    # The rows that a threshold would predict as positive: the highest scores, as many as were predicted so
    rows_above = np.cumsum(rows[::-1])[::-1] - rows
    predicted = np.clip(now.matrix[:, 1].sum() - rows_above, 0, rows).astype(np.int64)
    true_positives = float((now.scores.positives * np.divide(predicted, rows)).sum())
    # Rows of the score at the threshold may be on either side
    at_threshold = rows[(predicted > 0) & (predicted < rows)].sum()
    metric = "auc"
    if abs(true_positives - now.true_positives) < 1 + at_threshold:
        metric = "accuracy"
    return metric, Cells(now.scores.scores, np.stack([rows - predicted, predicted]))


def _have_scores_moved(before: ScoreCounts, now: ScoreCounts) -> bool:
    """Whether the distribution of scores changed: the largest gap of their shares, by Kolmogorov and Smirnov."""
    cdf_before, cdf_now = (
        StepCdf(counts.scores, np.cumsum(counts.negatives + counts.positives)) for counts in (before, now)
    )
    gap = l_infinity_numeric(cdf_before, cdf_now)
    critical_gap = KOLMOGOROV_999 * math.sqrt(1 / cdf_before.total + 1 / cdf_now.total)
    return gap > max(critical_gap, MIN_SCORE_GAP)
