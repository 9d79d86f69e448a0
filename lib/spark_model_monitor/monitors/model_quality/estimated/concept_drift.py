"""Tests for concept drift: compares labels with the probabilities that their scores had in the baseline, and names the
change. Pure.

Covariate shift: the inputs changed, but scores kept their meaning. Concept drift: scores changed their meaning.
"""

from __future__ import annotations

import math
from dataclasses import replace
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.documents.check_results import HOTELLING
from spark_model_monitor.documents.outcome import METRIC_CHANGE
from spark_model_monitor.documents.page import format_number, format_percent
from spark_model_monitor.monitors.model_quality.estimated.estimation import (
    SEED,
    Cells,
    compute_expected_evidence,
    compute_metric_values,
    make_multiclass_builder,
    make_two_class_builder,
    redraw_counts,
    simulate_differences,
)
from spark_model_monitor.monitors.model_quality.evidence import BinaryEvidence, ClassEvidence
from spark_model_monitor.monitors.model_quality.quality_checks import LONGER_WINDOWS
from spark_model_monitor.monitors.model_quality.score_calibration import (
    Calibration,
    check_calibration,
    check_classes,
    merge_neighbouring_scores,
)
from spark_model_monitor.monitors.protocol import Finding
from spark_model_monitor.statistics import Doubles
from spark_model_monitor.statistics.drift.distances import l_infinity_numeric
from spark_model_monitor.statistics.drift.distributions import StepCdf
from spark_model_monitor.statistics.states.outcome_plan import class_key
from spark_model_monitor.statistics.states.scores import SQUARED_ERROR, ClassScores, ScoreCounts, calibration
from spark_model_monitor.statistics.verdicts.components import MIN_EFFECT
from spark_model_monitor.statistics.verdicts.intra_class_correlation import estimate_block_design_effects
from spark_model_monitor.statistics.verdicts.multiple_testing import POWER
from spark_model_monitor.value_class import value_class

METRIC = "label_given_score"
DRAWS = 400  # number of draws of labels, enough for the covariance of the two sums that are tested
MIN_UNCERTAIN = 25.0
"""Minimum number of uncertain rows on each side, as a sum of variances p (1 - p); with fewer, no sum is nearly normal."""
KOLMOGOROV_999 = 1.95  # 99.9 % quantile of Kolmogorov's distribution
MIN_SCORE_GAP = 0.05  # a smaller gap between two distributions of scores is not reported
NORMAL_95 = 1.96  # half-width of a 95 % interval, in standard deviations


@value_class
class ConceptDrift:
    """The result of the test for concept drift.

    p: probability of labels that are at least this far from what the scores promise.
    flips: estimated share of labels that are flipped.
    shift: share of positive labels minus the promised share.
    smallest: share of flipped labels that is detected with 90 % power.
    """

    p: float
    flips: float
    shift: float
    smallest: float

    @property
    def effect(self) -> float:
        return max(abs(self.flips), abs(self.shift))


def can_be_judged(before: object, now: object) -> bool:
    """Whether both sides have classes with scores, and the baseline's scores are calibrated enough to be probabilities."""
    if not isinstance(before, ClassEvidence) or type(before) is not type(now) or not isinstance(now, ClassEvidence):
        return False
    if before.scores is None or now.scores is None:
        return False
    if isinstance(before.scores, ScoreCounts):
        return check_calibration(before.scores).problem is None
    return check_classes(ClassScores(dict(zip(before.classes, before.scores, strict=True)))).problem is None


def pair_scores(before: ClassEvidence, now: ClassEvidence) -> list[tuple[ScoreCounts, ScoreCounts]]:
    """Pairs of scores in the baseline and in the window: of two classes, or of each common class against all others."""
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
    """Test the window's labels. Both counts are by score and label. None if too few labels are uncertain.

    Hotelling's T² test of two sums of the labels' excess over the promised probability p: the plain sum, and the sum weighted
    by 1 - 2p, which flipped labels change most. The covariance comes from labels drawn on both sides, so that the uncertainty
    of a small baseline is included.
    Source: Hotelling 1931, "The generalization of Student's ratio".
    """
    # Degrees of freedom: the uncertain rows of the smaller side, but at most those of the draws
    uncertain = min(uncertain_rows(reference, counts) / groups for counts in (reference, window))
    freedom = min(uncertain, DRAWS - 2)
    if freedom < MIN_UNCERTAIN:
        return None
    random = np.random.default_rng(SEED)
    merged_reference = merge_neighbouring_scores(reference)
    calibration = Calibration.of(merged_reference)
    # Half a row of each label is added before drawing, because a score that was never wrong may be wrong later
    drawing_calibration = Calibration.of(merged_reference, prior=0.5)
    # Scores are pooled before drawing, which is faster and gives the same variance
    cells = Cells.of(window)
    pooled_cells = cells.pool_neighbours()
    rows = pooled_cells.rows.sum(axis=0)
    probabilities = drawing_calibration(pooled_cells.scores)
    # Both sums if scores kept their meaning, with another random baseline in each draw
    drawn_sums = np.empty((DRAWS, 2))
    for draw in range(DRAWS):
        redrawn_calibration = Calibration.of(redraw_counts(random, merged_reference, drawing_calibration))
        labels = random.binomial(rows, probabilities)
        drawn_sums[draw] = _sum_excesses(labels, rows, redrawn_calibration(pooled_cells.scores))
    # Hotelling's T² of the observed sums, as F with 2 and `freedom` degrees of freedom
    observed = _sum_excesses(cells.rows[1], cells.rows.sum(axis=0), calibration(cells.scores))
    inverse = np.linalg.pinv(np.cov(drawn_sums.T) * groups)
    excess: Doubles = observed - drawn_sums.mean(axis=0)
    f_statistic = float(excess @ inverse @ excess) * (DRAWS - 2) / (2 * (DRAWS - 1)) / (1 + 1 / DRAWS)
    p = (1 + 2 * f_statistic / freedom) ** (-freedom / 2)
    # Estimate the share of flipped labels by generalised least squares, with its standard error
    promise = calibration(pooled_cells.scores)
    flip_sums = _sum_excesses(rows * (1 - promise), rows, promise)
    precision = float(flip_sums @ inverse @ flip_sums)
    error = math.inf
    flips = 0.0
    if precision > 0:
        error = 1 / math.sqrt(precision)
        flips = float(flip_sums @ inverse @ excess) * error * error
    # The smallest detectable share of flipped labels: beyond the critical value, and large enough to matter
    critical_value = math.sqrt(freedom * (level ** (-2 / freedom) - 1))
    smallest = max((critical_value + POWER) * error, MIN_EFFECT + POWER * error)
    return ConceptDrift(p, flips, float(excess[0] / rows.sum()), min(smallest, 1.0))


def uncertain_rows(reference: ScoreCounts, counts: ScoreCounts) -> float:
    """The variance of the number of positive labels, with the reference's probabilities of the scores."""
    calibration = Calibration.of(merge_neighbouring_scores(reference), prior=0.5)
    probabilities = calibration(counts.scores)
    rows = counts.negatives + counts.positives
    return float((rows * probabilities * (1 - probabilities)).sum())


def _sum_excesses(hits: NDArray[np.number], rows: NDArray[np.number], promise: Doubles) -> Doubles:
    """The sums of the labels' excess over the promised probability p: the plain sum, and the sum weighted by 1 - 2p."""
    excesses = hits - rows * promise
    return np.array([excesses.sum(), (excesses * (1 - 2 * promise)).sum()])


def find_worst_drift(pairs: list[tuple[ScoreCounts, ScoreCounts]], level: float, groups: float) -> ConceptDrift | None:
    """The least likely drift of all classes. p is adjusted for the number of classes (Bonferroni); smallest is the
    largest of all.
    """
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


def judge_concept_drift(before: ClassEvidence, now: ClassEvidence, level: float, groups: float) -> Finding:
    """The finding on a window with labels; its reason says which kind of change it is. groups: the design effect, how many rows
    count as one."""
    pairs = pair_scores(before, now)
    drift = find_worst_drift(pairs, level, groups)
    finding = Finding(threshold=0.0, n=before.rows, m=now.rows)
    if drift is None:
        # The largest number of uncertain rows of any class
        rows = 0.0
        for reference, window in pairs:
            rows_of_class = min(uncertain_rows(reference, reference), uncertain_rows(reference, window))
            rows = max(rows, rows_of_class / groups)
        return finding.without_verdict(
            f"by their scores {rows:.0f} rows could have either label; to distinguish a changed answer from chance "
            f"takes {MIN_UNCERTAIN:.0f}"
        )
    metric, real, expected, interval = _compare_headline_metric(before, now)
    are_scores_moved = any(_have_scores_moved(reference, window) for reference, window in pairs)
    # Members of the result that describe the test
    finding = finding.copy_with(
        observed=real - expected,
        interval=interval,
        decided_by=HOTELLING,
        p=drift.p,
        level=level,
        effect=drift.effect,
        least_effect=MIN_EFFECT,
        smallest_change=drift.smallest,
    )
    if drift.p <= level and drift.effect >= MIN_EFFECT:
        is_binary = isinstance(now, BinaryEvidence)
        observation = _describe_observation(metric, real, expected, drift.shift, is_binary=is_binary)
        sentence = f"Inputs as they were, and the answer changed: the world did. {observation}."
        if are_scores_moved:
            sentence = (
                f"Inputs moved, and a score is worth something else: {observation}. Scores alone can't tell a changed "
                "world from inputs that the model doesn't see."
            )
        return finding.mark_violated(sentence).copy_with(reason=sentence, change=f"is another one: {observation}")
    # Scores kept their meaning: say what the changed inputs cost, and what could have been missed
    cost = compute_metric_values(before)[metric] - expected
    margin = (interval[1] - interval[0]) / 2
    if not are_scores_moved:
        reason = "Inputs are as they were, and so is what a score is worth."
    elif cost > margin:
        reason = (
            f"Inputs moved and cost {100 * cost:.1f} points of {metric}; the model held: a score is worth what it was."
        )
    else:
        reason = "Inputs moved, the model held: a score is worth what it was."
    reason += f" Flipped labels in less than {format_percent(drift.smallest)} of the rows would not be seen."
    if drift.smallest > METRIC_CHANGE:  # a share of flipped labels this large matters
        return finding.as_cannot_tell(reason, LONGER_WINDOWS)
    return finding.copy_with(reason=reason)


def _describe_observation(metric: str, real: float, expected: float, shift: float, *, is_binary: bool) -> str:
    """What the labels show compared with what the scores promised: another metric, or the same metric but other labels."""
    formatted_real = format_number(real, 3)
    formatted_expected = format_number(expected, 3)
    if formatted_real != formatted_expected:
        return f"{metric} is {formatted_real}, and {formatted_expected} was to be expected"
    more = "more" if shift > 0 else "fewer"
    label_name = "positive" if is_binary else "of one class"
    share = format_percent(abs(shift))
    return (
        f"{metric} is {formatted_real} as was to be expected, but {more} rows are {label_name} than the scores promise, "
        f"by {share} of all"
    )


def design_effect_of_groups(now: ClassEvidence) -> float:
    """The design effect, estimated from the errors of blocks of groups. Source: D4.21."""
    assert now.probabilities is not None  # as `can_be_judged` ensures
    rows, hits, scores = (sums.sum(axis=0) for sums in calibration(now.probabilities))
    # The blocks' errors minus the mean error, and the sum of squares of single rows
    errors = hits - scores
    mean_error = errors.sum() / max(rows.sum(), 1)
    squares = now.probabilities.of(SQUARED_ERROR).sum() - mean_error**2 * rows.sum()
    centred_errors = errors - mean_error * rows
    return float(estimate_block_design_effects(centred_errors[None], np.array([squares]), rows)[0])


def _compare_headline_metric(
    before: ClassEvidence, now: ClassEvidence
) -> tuple[str, float, float, tuple[float, float]]:
    """The name of the headline metric, its real and its estimated value, and the 95 % interval of their difference.

    For two classes it is accuracy, or AUC if predictions don't follow from a threshold of the scores. For many classes it is
    the mean AUC of each class against all others.
    """
    reference = [reference_counts for reference_counts, _ in pair_scores(before, now)]
    if isinstance(now, BinaryEvidence):
        metric, binary = _choose_headline_metric(now)
        cells = [binary]
        build_evidence = make_two_class_builder()
    else:
        cells = [Cells.of(window_counts) for _, window_counts in pair_scores(before, now)]
        metric = "macro_auc"
        build_evidence = make_multiclass_builder((), np.zeros(len(cells), np.int64))
    # The metric that the scores promise, and the metric of the labels
    expected = compute_expected_evidence(cells, reference, build_evidence)
    estimated_value, real = (compute_metric_values(evidence)[metric] for evidence in (expected, now))
    # The distribution of the difference between both metrics by chance
    differences = simulate_differences(cells, reference, build_evidence, {metric: estimated_value})[metric]
    differences = differences[np.isfinite(differences)]
    midpoint = real - estimated_value - float(differences.mean())
    margin = NORMAL_95 * float(differences.std())
    return metric, real, estimated_value, (midpoint - margin, midpoint + margin)


def _choose_headline_metric(now: BinaryEvidence) -> tuple[str, Cells]:
    """The headline metric of labelled scores (accuracy if predictions follow from a threshold, else AUC), and the cells."""
    scores = now.scores
    assert scores is not None
    rows = scores.negatives + scores.positives
    # Predict as positive as many rows as the model did, those with the highest scores
    rows_above = np.cumsum(rows[::-1])[::-1] - rows
    predicted = np.clip(now.matrix[:, 1].sum() - rows_above, 0, rows).astype(np.int64)
    true_positives = float((scores.positives * np.divide(predicted, rows)).sum())
    # Rows whose score equals the threshold may be on either side
    at_threshold = rows[(predicted > 0) & (predicted < rows)].sum()
    metric = "auc"
    if abs(true_positives - now.true_positives) < 1 + at_threshold:
        metric = "accuracy"
    return metric, Cells(scores.scores, np.stack([rows - predicted, predicted]))


def _have_scores_moved(before: ScoreCounts, now: ScoreCounts) -> bool:
    """Whether the distribution of scores changed, by the Kolmogorov-Smirnov distance."""
    cdf_before, cdf_now = (
        StepCdf(counts.scores, np.cumsum(counts.negatives + counts.positives)) for counts in (before, now)
    )
    gap = l_infinity_numeric(cdf_before, cdf_now)
    critical_gap = KOLMOGOROV_999 * math.sqrt(1 / cdf_before.total + 1 / cdf_now.total)
    return gap > max(critical_gap, MIN_SCORE_GAP)
