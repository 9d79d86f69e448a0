"""Compares two models: every metric of both, their differences, and a verdict that stays valid with repeated analyses. Pure.

If both models answered the same rows, differences are paired: by DeLong's method for the area under the ROC curve, by
McNemar's test for accuracy, by a jackknife over blocks of rows for all other metrics. Otherwise they are two independent
samples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from spark_model_monitor.documents.challenge_file import MetricDifference, Segment, TrialVerdict
from spark_model_monitor.documents.model_quality import ComparisonOperator
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.model_quality.estimates import JackknifeEstimate, jackknife
from spark_model_monitor.monitors.model_quality.evidence import Evidence, build_evidence, sum_without_each
from spark_model_monitor.monitors.model_quality.metrics import applicable_metrics
from spark_model_monitor.monitors.model_quality.metrics.ranking import compute_ranks
from spark_model_monitor.statistics import Doubles, Flags
from spark_model_monitor.statistics.drift.special_functions import normal_survival, student_survival
from spark_model_monitor.statistics.states.blocks import Keys, add_by_block, assign_blocks
from spark_model_monitor.statistics.states.outcome_builder import (
    OutcomeBuilder,
    find_correct,
    find_positives,
    is_same_class,
)
from spark_model_monitor.statistics.states.outcome_plan import OutcomePlan
from spark_model_monitor.statistics.states.outcomes import Outcomes
from spark_model_monitor.statistics.verdicts.components import two_sided_p_value
from spark_model_monitor.statistics.verdicts.sequential_boundary import (
    estimate_rows_to_significance,
    interval_half_width,
)
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    import pandas as pd

MIN_ROWS = 100  # minimum number of rows on each side; with fewer, no sum is nearly normal
MIN_OF_A_CLASS = 10  # minimum number of rows of each class, for the same reason
MAX_VALUES = 20  # maximum number of distinct values in a column by which pairs are divided
MAX_SEGMENTS = 10  # maximum number of segments that a trial shows
SEGMENT_LEVEL = 0.01  # probability that any segment is reported by chance
ONE_CLASS = "all labels of one side are of one class, so nothing says how well the other one is recognised"


@value_class
class Answers:
    """The answers of a model, one per row, and the labels.

    labels, predictions: numbers for regression, otherwise texts.
    scores: from 0 to 1.
    predictions, scores: may be None.
    keys: a hash of each row's id.
    of_classes: for many classes, as in `OutcomeBuilder.update`.
    """

    plan: OutcomePlan
    labels: Any
    predictions: Any
    scores: Any
    keys: Keys
    of_classes: Any = None

    @property
    def positive(self) -> Flags:
        """Whether each label is in the positive class."""
        return find_positives(self.labels, self.plan)

    @property
    def are_correct(self) -> Flags:
        """Whether each prediction is correct."""
        return find_correct(self.labels, self.predictions, self.scores, self.plan)

    @property
    def rarer_class_rows(self) -> int:
        """The number of rows of the rarer class."""
        return int(min(self.positive.sum(), (~self.positive).sum()))

    def build_block_evidences(self) -> tuple[list[Evidence], Doubles]:
        """The evidence of all rows, then without each block of rows in turn; and the number of rows in each block, shape
        (blocks,).

        Raises BadInput for invalid classes, as in model quality.
        """
        blocks = assign_blocks(self.keys)
        rows = add_by_block(blocks)
        zero = Outcomes.zero(self.plan)
        members: tuple[Any, ...] = (self.labels, self.predictions, self.scores, self.keys, None, self.of_classes)
        states = []
        for block in np.flatnonzero(rows).tolist():
            builder = OutcomeBuilder(self.plan)
            row_indexes = np.flatnonzero(blocks == block)
            members_of_block = [None if member is None else member.take(row_indexes) for member in members]
            builder.update(*members_of_block)
            # Residuals are left out, because only the mean error and a run's page use them
            states.append(replace(builder.state(), residuals=zero.residuals))
        # A jackknife needs at least two blocks
        summed_states = [sum(states, zero)]
        if len(states) > 1:
            summed_states += sum_without_each(states, zero)
        return [*map(build_evidence, summed_states)], rows


ScoreComparison: TypeAlias = tuple[float, float, JackknifeEstimate, float | None]
"""The values of champion and challenger, their difference, and the p-value of a separate test, None without one."""


def delong_covariance(positive: Flags, *scores: Doubles) -> tuple[Doubles, Doubles]:
    """The areas under the ROC curves of several scores of the same rows, shape (scores,), and their covariance, shape
    (scores, scores).

    Source: DeLong, DeLong and Clarke-Pearson 1988, as for a single area (`variance_of_roc`).
    """
    positive_ranks = []
    negative_ranks = []
    for sample_scores in scores:
        # The ranks of each distinct score, then of each row
        values, score_index = np.unique(sample_scores, return_inverse=True)
        counts = [np.bincount(score_index[rows], minlength=len(values)) for rows in (positive, ~positive)]
        ranks_of_positives, ranks_of_negatives = compute_ranks(*counts)
        positive_ranks.append(ranks_of_positives[score_index[positive]])
        negative_ranks.append(ranks_of_negatives[score_index[~positive]])
    covariance = np.cov(positive_ranks) / positive.sum() + np.cov(negative_ranks) / (~positive).sum()
    return np.mean(positive_ranks, axis=1), np.atleast_2d(covariance)


def mcnemar(gained: int, lost: int) -> float:
    """McNemar's exact p-value: min(1, 2 Σ C(n, k) / 2ⁿ) over k up to the smaller of both counts, with n their sum.

    gained, lost: rows that only one of the two models predicted correctly.
    Source: McNemar 1947, "Note on the sampling error of the difference between correlated proportions or percentages".
    """
    rows = gained + lost
    hits = np.arange(1.0, min(gained, lost) + 1)
    # Compute each binomial coefficient from the preceding one
    logs = np.log((rows + 1 - hits) / hits).cumsum() - rows * math.log(2)
    return min(1.0, 2 * float(np.exp(logs).sum() + 0.5**rows))


def _compare_accuracy(champion: Answers, challenger: Answers, *, paired: bool) -> ScoreComparison:
    """The accuracies. If paired, the variance is that of McNemar's test: the rows that only one model got right, divided
    by rows².
    """
    champion_correct = champion.are_correct
    challenger_correct = challenger.are_correct
    n = len(champion_correct)
    m = len(challenger_correct)
    before = float(champion_correct.mean())
    after = float(challenger_correct.mean())
    # With different rows on each side, these are two independent shares
    if not paired:
        error = math.sqrt(before * (1 - before) / n + after * (1 - after) / m)
        method = "shares"
        p = None
    else:
        # Only rows that exactly one model got right show which model is better
        gained = int((challenger_correct & ~champion_correct).sum())
        lost = int((champion_correct & ~challenger_correct).sum())
        error = math.sqrt(gained + lost) / n
        method = "McNemar"
        p = mcnemar(gained, lost)
    return before, after, JackknifeEstimate(after - before, n, error, min(n, m) - 1, method=method), p


def _compare_areas(champion: Answers, challenger: Answers, *, paired: bool) -> ScoreComparison:
    rows_of_rarer_class = min(champion.rarer_class_rows, challenger.rarer_class_rows)
    # A variance needs two rows of each class
    if rows_of_rarer_class < 2:
        return math.nan, math.nan, JackknifeEstimate(math.nan, 0, math.nan, 0, method="DeLong"), None
    # On the same rows, the errors of both models are correlated, which makes their difference more precise
    if paired:
        (before, after), [[champion_variance, covariance], [_, challenger_variance]] = delong_covariance(
            champion.positive, champion.scores, challenger.scores
        )
    else:
        ([before], [[champion_variance]]), ([after], [[challenger_variance]]) = (
            delong_covariance(answers.positive, answers.scores) for answers in (champion, challenger)
        )
        covariance = 0.0
    # For equal scores, rounding may make the variance slightly negative
    error = math.sqrt(max(float(champion_variance + challenger_variance - 2 * covariance), 0.0))
    difference = float(after - before)
    p = None
    if error:
        p = min(1.0, 2 * normal_survival(abs(difference) / error))
    estimate = JackknifeEstimate(difference, rows_of_rarer_class, error, rows_of_rarer_class - 1, method="DeLong")
    return float(before), float(after), estimate, p


def _compare_by_blocks(values: list[Doubles], rows: list[Doubles], *, paired: bool) -> ScoreComparison:
    """A metric compared by jackknife. values: of each side, for all rows and then without each block in turn."""
    before, after = (float(side_values[0]) for side_values in values)
    # Both sides have the same blocks, so the difference is computed without each block
    if paired:
        estimate = jackknife(lambda _: values[1] - values[0], rows[0])
        return before, after, replace(estimate, method="paired blocks"), None
    # Each side has its own blocks, so the variances add
    champion_estimate = jackknife(lambda _: values[0], rows[0])
    challenger_estimate = jackknife(lambda _: values[1], rows[1])
    variance = 0.0
    squares_over_freedom = 0.0
    for estimate in (champion_estimate, challenger_estimate):
        square = estimate.standard_error**2
        variance += square
        if square:
            squares_over_freedom += square**2 / estimate.freedom
    freedom = variance**2 / squares_over_freedom if squares_over_freedom else 1.0  # Welch-Satterthwaite
    estimate = JackknifeEstimate(after - before, champion_estimate.n, math.sqrt(variance), freedom, method="blocks")
    return before, after, estimate, None


@value_class
class Comparison:
    """Two models and their differences.

    rows: number of rows in the trial: of pairs, or of both sides together.
    problem: a reason why there is no verdict, whatever the numbers are.
    evidences: of champion and challenger.
    """

    differences: Mapping[str, MetricDifference]
    rows: int
    evidences: tuple[Evidence, Evidence]
    problem: str | None = None


def compare_answers(champion: Answers, challenger: Answers, *, paired: bool, planned_rows: int) -> Comparison:
    """Every metric of both sides. paired: whether both have the same ids in the same order. planned_rows: of the whole trial.

    Raises BadInput for invalid classes.
    """
    champion_evidences, rows = champion.build_block_evidences()
    challenger_evidences, challenger_rows = challenger.build_block_evidences()
    trial_rows = len(champion.keys)
    if not paired:
        trial_rows += len(challenger.keys)
    differences: dict[str, MetricDifference] = {}
    families = {""}  # only one of several equivalent class metrics: recall, without the false negative rate
    challenger_names = {metric.name for metric in applicable_metrics(challenger_evidences[0])}
    for metric in applicable_metrics(champion_evidences[0]):
        name = metric.name
        family = metric.facts.get("family", "")
        if family in families or name not in challenger_names:
            continue
        if not champion.plan.is_regression:
            families.add(family)
        # These two metrics have variances by formula; all others come from the jackknife
        if name == "accuracy":
            comparison = _compare_accuracy(champion, challenger, paired=paired)
        elif name == "auc":
            comparison = _compare_areas(champion, challenger, paired=paired)
        else:
            champion_values = np.array([metric(evidence).value for evidence in champion_evidences])
            challenger_values = np.array([metric(evidence).value for evidence in challenger_evidences])
            values = [champion_values, challenger_values]
            comparison = _compare_by_blocks(values, [rows, challenger_rows], paired=paired)
        higher = metric.facts["operator"] is ComparisonOperator.LESS_THAN
        differences[name] = _describe_difference(name, comparison, trial_rows, planned_rows, higher_is_better=higher)
    problem = _find_problem(champion, challenger)
    return Comparison(differences, trial_rows, (champion_evidences[0], challenger_evidences[0]), problem)


def _find_problem(champion: Answers, challenger: Answers) -> str | None:
    """Why there is no interval: these need sums that are nearly normal, and therefore rows of each class."""
    fewer_rows = min(len(champion.keys), len(challenger.keys))
    if fewer_rows < MIN_ROWS:
        return f"{fewer_rows:,} rows with labels are too few for an interval; it takes {MIN_ROWS:,}"
    # With many classes, no class is the rarer one
    if not champion.plan.is_binary:
        return None
    rows = min(champion.rarer_class_rows, challenger.rarer_class_rows)
    if not rows:
        return ONE_CLASS
    if rows < MIN_OF_A_CLASS:
        return f"{rows:,} rows of one class are too few for an interval; it takes {MIN_OF_A_CLASS}"
    return None


def _describe_difference(
    name: str, comparison: ScoreComparison, rows: int, planned: int, *, higher_is_better: bool
) -> MetricDifference:
    champion, challenger, estimate, p = comparison
    members: dict[str, Any] = {}
    if math.isfinite(estimate.value) and math.isfinite(estimate.standard_error) and estimate.freedom > 0:
        # Half the width of an interval that is valid at every interim analysis, not only at the planned end
        half = interval_half_width(estimate.standard_error, estimate.freedom, rows, planned)
        members["interval"] = (estimate.value - half, estimate.value + half) if math.isfinite(half) else None
        if p is None and estimate.standard_error:
            p = min(1.0, 2 * student_survival(abs(estimate.value) / estimate.standard_error, estimate.freedom))
    return MetricDifference(
        name=name,
        champion=champion,
        challenger=challenger,
        difference=estimate.value,
        higher_is_better=higher_is_better,
        standard_error=estimate.standard_error,
        p=p,
        method=estimate.method,
        **members,
    )


def measure_disagreement(champion: Answers, challenger: Answers) -> Doubles:
    """For each pair, 1 if the answers differ, else 0; for regression the absolute difference of the answers."""
    if champion.plan.is_regression:
        distances: Doubles = np.abs(champion.predictions - challenger.predictions)
        return distances
    if champion.plan.with_predictions:
        return (~is_same_class(champion.predictions, challenger.predictions)).astype(float)
    above = [answers.scores > answers.plan.threshold for answers in (champion, challenger)]
    return np.asarray(above[0] != above[1], float)


def find_disagreeing_segments(inputs: pd.DataFrame, gaps: Doubles) -> tuple[Segment, ...]:
    """The input values for which models disagree more or less than elsewhere, the clearest first; the probability that any is
    reported by chance is at most 0.01. inputs: one row per pair; numbers are divided at the quartiles. gaps: the result of
    `measure_disagreement`.
    """
    import pandas as pd

    candidates = []
    for name, values in inputs.items():
        numbers = pd.to_numeric(values, errors="coerce")
        # Numbers with few different values are codes or counts, which are not divided into ranges
        is_cut = values.nunique() > MAX_VALUES and numbers.notna().sum() == values.notna().sum()
        if is_cut:
            groups = pd.qcut(numbers, 4, duplicates="drop").astype("string")
        else:
            groups = values
        # Compare the rows of each value with all others
        for value, rows in groups.groupby(groups).indices.items():
            if min(len(rows), len(gaps) - len(rows)) >= MIN_ROWS:
                p = _compare_gaps(gaps[rows], gaps)
                candidates.append((p, str(name), str(value), len(rows), float(gaps[rows].sum() / len(rows))))
    # Bonferroni correction for all values that were examined
    segments = []
    for p, name, value, n, mean in sorted(candidates)[:MAX_SEGMENTS]:
        adjusted_p = p * len(candidates)
        if adjusted_p <= SEGMENT_LEVEL:
            segments.append(Segment(feature=name, value=value, rows=n, disagreement=mean, p=adjusted_p))
    return tuple(segments)


def _compare_gaps(segment_gaps: Doubles, gaps: Doubles) -> float:
    """The p-value of the difference between the gaps of a segment's pairs and those of all others. gaps: of all pairs."""
    n = len(segment_gaps)
    m = len(gaps) - n
    inside = segment_gaps.sum()
    outside = gaps.sum() - inside
    # If each pair either agrees or not, an exact test compares the two shares
    if np.isin(gaps, (0, 1)).all():
        return two_sided_p_value(int(outside), m, int(inside), n)
    error = math.sqrt(gaps.var() * (1 / n + 1 / m))
    if not error:
        return 1.0
    return 2 * normal_survival(abs(inside / n - outside / m) / error)


def decide_verdict(
    comparison: Comparison, metric: str | None, planned_rows: int, least_gain: float = 0.0
) -> tuple[str, TrialVerdict, str, int | None]:
    """The deciding metric, the verdict, the reason, and the number of rows needed for a verdict (None if there is one, or if
    unknown).

    least_gain: the smallest improvement that is worth a change, in the unit of the metric.
    Raises BadConfiguration for a metric that the answers don't allow.
    """
    names = tuple(comparison.differences)
    # The area under the curve is preferred, because it doesn't depend on a threshold
    name = metric or next(preferred for preferred in ("auc", "accuracy", "mae") if preferred in names)
    if name not in names:
        raise BadConfiguration(f"metric is {name!r}, which these answers don't give; write one of {', '.join(names)}")
    difference = comparison.differences[name]
    if comparison.problem or difference.interval is None or not difference.standard_error:
        if difference.difference == 0:
            problem = "both answer alike"
        else:
            problem = f"{name} has no interval here"
        return name, TrialVerdict.CANNOT_TELL, comparison.problem or problem, None
    # The ends of the gain, with positive numbers for improvements
    sign = 1 if difference.higher_is_better else -1
    low, high = sorted(sign * end for end in difference.interval)
    if low > 0:
        return name, TrialVerdict.PROMOTE, f"the challenger's {name} is better", None
    if high < 0:
        return name, TrialVerdict.KEEP, f"the champion's {name} is better", None
    if high < least_gain:
        return name, TrialVerdict.KEEP, f"the challenger gains less than {least_gain:g} of {name}", None
    # Undecided: estimate how many rows would decide it if the gain stays the same
    gain = (low + high) / 2
    distances = [abs(gain)]
    if least_gain:
        distances.append(least_gain - gain)
    needed_rows = []
    for distance in distances:
        rows = estimate_rows_to_significance(distance, difference.standard_error, comparison.rows, planned_rows)
        if rows is not None:
            needed_rows.append(rows)
    fewest_rows = min(needed_rows, default=None)
    return name, TrialVerdict.CANNOT_TELL, f"the difference of {name} may be chance", fewest_rows
