"""The bias metrics: each is a registered function of counts. They are grouped by what they compare. Pure.

A metric is registered under its name in the files, with two facts: `description`, the service's own text; and `requires`, the
conditions under which the metric is defined, by the error text for each. A function returns one number for every data set, or
resample, in its arrays; if a condition doesn't hold, the number has no meaning.

Source: B2.2, which is what smclarify computes and real runs of the service show.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import TypeAlias

import numpy as np

from spark_model_monitor.monitors.bias import choices
from spark_model_monitor.registry import Registry
from spark_model_monitor.statistics import Doubles, Flags
from spark_model_monitor.value_class import value_class

Counts: TypeAlias = Doubles
"""Counts of rows, not negative. Shape () for one data set, (resamples,) for the resamples of one."""

REST_INDEX = 0
SENSITIVE_INDEX = 1
"""Indexes on the first axis of `FacetCounts.cells`: the rest (group a), and the sensitive group (group d)."""

EQUIVALENT_METRICS = {"DI": "DPPL", **dict.fromkeys(("JS", "KL", "KS", "LP", "TVD"), "DPL")}
"""Metrics that compare the same two shares as another metric, with that metric."""


@value_class
class OutcomeCounts:
    """The rows of one side by observed and predicted label. Without predictions, all rows count as predicted negative."""

    true_positives: Counts
    false_positives: Counts
    false_negatives: Counts
    true_negatives: Counts

    @property
    def rows(self) -> Counts:
        return self.positives + self.negatives

    @property
    def positives(self) -> Counts:
        """Number of rows whose observed label is positive."""
        return self.true_positives + self.false_negatives

    @property
    def negatives(self) -> Counts:
        return self.true_negatives + self.false_positives

    @property
    def predicted_positives(self) -> Counts:
        return self.true_positives + self.false_positives

    @property
    def predicted_negatives(self) -> Counts:
        return self.true_negatives + self.false_negatives

    @property
    def right(self) -> Counts:
        return self.true_positives + self.true_negatives


@value_class
class FlipTest:
    """The result of classifying the rows of group d by their neighbours in group a.

    to_negative: rows that were predicted positive but are negative by their neighbours.
    to_positive: the reverse.
    tested: number of rows of group d that were tested.
    neighbours, candidates: number of rows of group a among which neighbours were searched, and of all rows of group a.
    """

    to_negative: Counts
    to_positive: Counts
    tested: int
    neighbours: int
    candidates: int


@value_class
class FacetCounts:
    """Rows by side, observed label, predicted label and subgroup.

    cells: shape (…, 2, 2, 2, subgroups + 1): side (a, d), observed and predicted label (negative, positive), and subgroup;
        the last index is for rows without a subgroup.
    has_groups: whether there is a group variable.
    flips: the flip test; if it is None, no_flips says why.
    blocks: counts by blocks of rows that belong together, for all subgroups together; the last block has the rows that
        belong to no group. None without blocks.
    missing: rows by side (a, d) whose label, and whose prediction, is missing; they count as negative.
    """

    cells: Counts
    has_groups: bool = False
    flips: FlipTest | None = None
    no_flips: str = "FlipTest can't be made from counts; it is left out of merged runs and of segments"
    blocks: Counts | None = None
    missing: Counts = field(default_factory=lambda: np.zeros((2, 2)))

    @property
    def a(self) -> OutcomeCounts:
        """The rest (group a)."""
        return _count_outcomes(self.cells[..., REST_INDEX, :, :, :])

    @property
    def d(self) -> OutcomeCounts:
        """The sensitive group (group d)."""
        return _count_outcomes(self.cells[..., SENSITIVE_INDEX, :, :, :])

    @property
    def all(self) -> OutcomeCounts:
        return _count_outcomes(self.cells.sum(axis=-4))

    def by_label(self, *, predicted: bool) -> Counts:
        """Rows by side, by observed or predicted label, and by subgroup, without rows that have no subgroup. Shape (…, 2,
        2, subgroups).
        """
        counts: Counts = self.cells[..., :-1].sum(axis=-3 if predicted else -2)
        return counts


def _count_outcomes(cells: Counts) -> OutcomeCounts:
    """The counts of one side. cells: shape (…, label, prediction, subgroup)."""
    rows = cells.sum(axis=-1)
    return OutcomeCounts(rows[..., 1, 1], rows[..., 0, 1], rows[..., 1, 0], rows[..., 0, 0])


Metric = Callable[[FacetCounts], Counts]
Condition = Callable[[FacetCounts], Flags]

PRE_TRAINING: Registry[Metric] = Registry("pre-training bias metric")
POST_TRAINING: Registry[Metric] = Registry("post-training bias metric")


def register_bias_metric(
    registry: Registry[Metric], name: str, *, description: str, requires: Mapping[str, Condition]
) -> Callable[[Metric], Metric]:
    """Decorator that registers a metric. description: its name in documents. requires: by error text, the conditions for it."""
    return registry.register(name, description=description, requires=requires)


def some_in_a(counts: FacetCounts) -> Flags:
    return counts.a.rows > 0


def some_in_d(counts: FacetCounts) -> Flags:
    return counts.d.rows > 0


def require_both_sides(
    prefix: str = "", *, negated: str = "Negated Facet set is empty", end: str = ""
) -> dict[str, Condition]:
    """The conditions that both the sensitive group and the rest have rows. The error texts differ between metrics."""
    return {f"{prefix}Facet set is empty{end}": some_in_d, f"{prefix}{negated}{end}": some_in_a}


def divide(x: Counts, y: Counts) -> Counts:
    """x / y; 0 for 0/0, and infinite with the sign of x for any other x/0."""
    infinite = np.where(x == 0, 0.0, np.copysign(np.inf, x))
    return np.where(y == 0, infinite, x / np.where(y == 0, 1.0, y))


def subtract(x: Counts, y: Counts) -> Counts:
    """x - y; 0 if both are infinite."""
    both_infinite = np.isposinf(x) & np.isposinf(y)
    differences: Counts = np.where(both_infinite, 0.0, x) - np.where(both_infinite, 0.0, y)
    return differences


# Rates: the quotient of two counts of one side, which a metric compares between the sides


@value_class
class Rate:
    """The quotient of two counts of one side, given by their names in `OutcomeCounts`; by `divide` if the second is 0."""

    part: str
    total: str

    def compute(self, outcomes: OutcomeCounts) -> Counts:
        return divide(getattr(outcomes, self.part), getattr(outcomes, self.total))


ACCURACY = Rate("right", "rows")
RECALL = Rate("true_positives", "positives")
SPECIFICITY = Rate("true_negatives", "negatives")
PRECISION = Rate("true_positives", "predicted_positives")
REJECTION_RATE = Rate("true_negatives", "predicted_negatives")
POSITIVE_SHARE = Rate("positives", "rows")
PREDICTED_SHARE = Rate("predicted_positives", "rows")
CONDITIONAL_ACCEPTANCE = Rate("positives", "predicted_positives")
CONDITIONAL_REJECTION = Rate("negatives", "predicted_negatives")
ERROR_RATIO = Rate("false_negatives", "false_positives")


def register_difference(
    name: str,
    title: str,
    rate: Rate,
    requires: Mapping[str, Condition],
    *,
    registry: Registry[Metric] = POST_TRAINING,
    group_first: bool = False,
) -> None:
    """Register the difference of a rate between the rest and the sensitive group. group_first: the group's rate minus the
    rest's.
    """

    @register_bias_metric(registry, name, description=f"{title} ({name})", requires=requires)
    def difference(counts: FacetCounts) -> Counts:
        """The rate of one side minus that of the other; infinite if one of both is, 0 if both are."""
        rest_rate = rate.compute(counts.a)
        group_rate = rate.compute(counts.d)
        if group_first:
            return subtract(group_rate, rest_rate)
        return subtract(rest_rate, group_rate)


_SHARES = require_both_sides(negated="Negative facet set is empty", end=".")

register_difference(
    "DPL", "Difference in Positive Proportions in Labels", POSITIVE_SHARE, _SHARES, registry=PRE_TRAINING
)
register_difference("DPPL", "Difference in Positive Proportions in Predicted Labels", PREDICTED_SHARE, _SHARES)
register_difference("AD", "Accuracy Difference", ACCURACY, require_both_sides())
register_difference("RD", "Recall Difference", RECALL, require_both_sides("DLA: "))
register_difference("SD", "Specificity Difference", SPECIFICITY, require_both_sides("DLA: "), group_first=True)
register_difference("DAR", "Difference in Acceptance Rates", PRECISION, require_both_sides("DLR: "))
register_difference(
    "DRR", "Difference in Rejection Rates", REJECTION_RATE, require_both_sides("DLR: "), group_first=True
)
register_difference("DCA", "Difference in Conditional Acceptance", CONDITIONAL_ACCEPTANCE, require_both_sides("DCO: "))
register_difference(
    "DCR", "Difference in Conditional Rejection", CONDITIONAL_REJECTION, require_both_sides("DCO: "), group_first=True
)
# Infinite if one side has no false positives, which is common in small windows
register_difference("TE", "Treatment Equality", ERROR_RATIO, require_both_sides(), group_first=True)


# Demographic disparity: whether the sensitive group has a larger share of the rejections than of the acceptances, by
# subgroup. Rows without a subgroup are not counted


def has_groups(counts: FacetCounts) -> Flags:
    return np.asarray(counts.has_groups)


@register_bias_metric(
    PRE_TRAINING,
    "CDDL",
    description="Conditional Demographic Disparity in Labels (CDDL)",
    requires={
        choices.NO_GROUP_VARIABLE: has_groups,
        choices.NO_POSITIVE_LABEL: lambda counts: counts.all.positives > 0,
        choices.NO_NEGATIVE_LABEL: lambda counts: counts.all.negatives > 0,
    },
)
def disparity_in_labels(counts: FacetCounts) -> Counts:
    """Sensitive group's share of negative labels minus its share of positive labels, averaged over subgroups by size, -1 to 1.

    A subgroup without negative (positive) labels has a share of 0 there.
    """
    return _conditional_disparity(counts.by_label(predicted=False))


@register_bias_metric(
    POST_TRAINING,
    "CDDPL",
    description="Conditional Demographic Disparity in Predicted Labels (CDDPL)",
    requires={
        choices.NO_GROUP_VARIABLE: has_groups,
        choices.NO_POSITIVE_LABEL: lambda counts: counts.all.predicted_positives > 0,
        choices.NO_NEGATIVE_LABEL: lambda counts: counts.all.predicted_negatives > 0,
    },
)
def disparity_in_predicted_labels(counts: FacetCounts) -> Counts:
    """CDDL with predicted labels instead of observed labels."""
    return _conditional_disparity(counts.by_label(predicted=True))


def _conditional_disparity(rows: Counts) -> Counts:
    """The mean over subgroups, weighted by size, of the disparity. rows: shape (…, side, label, subgroup)."""
    rows_of_both = rows.sum(axis=-3)
    shares = divide(rows[..., SENSITIVE_INDEX, :, :], rows_of_both)
    sizes = rows_of_both.sum(axis=-2)
    return divide((sizes * (shares[..., 0, :] - shares[..., 1, :])).sum(axis=-1), np.asarray(sizes.sum(axis=-1)))


@register_bias_metric(POST_TRAINING, "FT", description="Flip Test (FT)", requires=require_both_sides())
def flip_test(counts: FacetCounts) -> Counts:
    """Sensitive-group rows that their neighbours would have rejected, minus those they would have accepted, as a share.

    Positive if the sensitive group is favoured: the service's sign, opposite to its guide.
    NaN if the test could not be computed; `no_flips` says why.
    Source: B2.2 and B2.3.
    """
    if counts.flips is None:
        return np.asarray(np.nan)
    return (counts.flips.to_negative - counts.flips.to_positive) / counts.flips.tested


@register_bias_metric(
    POST_TRAINING,
    "GE",
    description="Generalized Entropy (GE)",
    requires={
        "All predicted labels are false negatives. There should be at least one prediction that is not false negative.": (
            lambda counts: counts.all.false_negatives < counts.all.rows
        )
    },
)
def generalized_entropy(counts: FacetCounts) -> Counts:
    """Generalized entropy index, α = 2, of the benefit prediction - label + 1 of every row: 0 if all rows benefit equally.

    The metric doesn't depend on the facet.
    """
    everyone = counts.all
    rows = everyone.rows
    twice = everyone.false_positives
    never = everyone.false_negatives
    # False positives benefit twice, false negatives not at all, and all other rows once
    mean = 1 + (twice - never) / rows
    # Benefits are 2, 1 and 0. Summed in this order, the last digits equal the service's
    squares = twice * ((2 / mean) ** 2 - 1) + (rows - twice - never) * ((1 / mean) ** 2 - 1) - never
    return squares / (2 * rows)


# Distances between the label distributions of the two sides. Only label values that both sides have are counted. If both
# sides have both values, TVD and KS are |DPL|, and LP is √2 |DPL|


def _label_shares(counts: FacetCounts) -> tuple[Counts, Counts, Flags]:
    """Shares of negative and positive labels in the rest and in the sensitive group, shape (…, 2), and flags of the values
    that both sides have. The shares of all other values are set to 1 on both sides, so that they add no distance.
    """
    labels = np.array([[outcomes.negatives, outcomes.positives] for outcomes in (counts.a, counts.d)])
    rows = labels.sum(axis=1, keepdims=True)
    a, d = np.moveaxis(labels / np.where(rows == 0, 1.0, rows), 1, -1)
    common = (a > 0) & (d > 0)
    return np.where(common, a, 1.0), np.where(common, d, 1.0), common


_REQUIRES: Mapping[str, Condition] = {
    "No instance of common facet found, dataset may be too small": (
        lambda counts: np.asarray(_label_shares(counts)[2].any(axis=-1))
    )
}


@register_bias_metric(PRE_TRAINING, "KL", description="Kullback-Liebler Divergence (KL)", requires=_REQUIRES)
def kullback_leibler(counts: FacetCounts) -> Counts:
    """Kullback-Leibler divergence of the rest's labels from the sensitive group's labels, in nats.

    The divergence can be negative if a label value is left out.
    """
    a, d, _ = _label_shares(counts)
    return np.asarray((a * np.log(a / d)).sum(axis=-1))


@register_bias_metric(PRE_TRAINING, "JS", description="Jensen-Shannon Divergence (JS)", requires=_REQUIRES)
def jensen_shannon(counts: FacetCounts) -> Counts:
    """Jensen-Shannon divergence between the two sides' labels, in nats: 0 to ln 2.

    Reports from 2021 use a different formula (G21).
    """
    a, d, _ = _label_shares(counts)
    middle = (a + d) / 2
    return np.asarray((a * np.log(a / middle) + d * np.log(d / middle)).sum(axis=-1) / 2)


@register_bias_metric(PRE_TRAINING, "LP", description="L-p Norm (LP)", requires=_REQUIRES)
def euclidean(counts: FacetCounts) -> Counts:
    """Euclidean distance between the two sides' label shares, 0 to √2."""
    a, d, _ = _label_shares(counts)
    return np.asarray(np.sqrt(((a - d) ** 2).sum(axis=-1)))


@register_bias_metric(PRE_TRAINING, "TVD", description="Total Variation Distance (TVD)", requires=_REQUIRES)
def total_variation(counts: FacetCounts) -> Counts:
    """Half the sum of the absolute differences between the two sides' label shares, 0 to 1."""
    a, d, _ = _label_shares(counts)
    return np.asarray(np.abs(a - d).sum(axis=-1) / 2)


@register_bias_metric(PRE_TRAINING, "KS", description="Kolmogorov-Smirnov Distance (KS)", requires=_REQUIRES)
def kolmogorov_smirnov(counts: FacetCounts) -> Counts:
    """Largest difference between the two sides' label shares, 0 to 1."""
    a, d, _ = _label_shares(counts)
    return np.asarray(np.abs(a - d).max(axis=-1))


# Sizes of the groups, and their shares of positive predictions


@register_bias_metric(
    PRE_TRAINING,
    "CI",
    description="Class Imbalance (CI)",
    requires={
        "CI: facet set is empty. Check that x[facet] has non-zero length.": some_in_d,
        "CI: negated facet set is empty. Check that x[~facet] has non-zero length.": some_in_a,
    },
)
def class_imbalance(counts: FacetCounts) -> Counts:
    """Difference in size between the rest and the sensitive group: (n_a - n_d) / (n_a + n_d), -1 to 1."""
    a = counts.a.rows
    d = counts.d.rows
    return (a - d) / (a + d)


@register_bias_metric(
    POST_TRAINING,
    "DI",
    description="Disparate Impact (DI)",
    requires=require_both_sides(negated="Negated facet set is empty"),
)
def disparate_impact(counts: FacetCounts) -> Counts:
    """Share of positive predictions in the sensitive group divided by that share in the rest, 0 to infinity; 1 means no bias.

    0 if neither side has a positive prediction, infinite if only the rest has none.
    """
    return divide(PREDICTED_SHARE.compute(counts.d), PREDICTED_SHARE.compute(counts.a))


# Quality of all predictions


PERFORMANCE = {
    "Accuracy": "Proportion of inputs assigned the correct predicted label by the model.",
    "Proportion of Positive Predictions in Labels": "Proportion of input assigned in positive predicted label.",
    "Proportion of Negative Predictions in Labels": "Proportion of input assigned the negative predicted label.",
    "True Positive Rate / Recall": "Proportion of inputs with positive observed label correctly assigned the positive predicted "
    "label.",
    "True Negative Rate / Specificity": "Proportion of inputs with negative observed label correctly assigned the negative "
    "predicted label.",
    "Acceptance Rate / Precision": "Proportion of inputs with positive predicted label that actually have a positive observed "
    "label.",
    "Rejection Rate": "Proportion of inputs with negative predicted label that actually have a negative observed label.",
    "Conditional Acceptance": "Ratio between the positive observed labels and positive predicted labels.",
    "Conditional Rejection": "Ratio between the negative observed labels and negative predicted labels.",
    "F1 Score": "Harmonic mean of precision and recall.",
}
"""Names and descriptions of the metrics in the service's model performance report, in its order."""

PERFORMANCE_RATES = (
    *(ACCURACY, PREDICTED_SHARE, Rate("predicted_negatives", "rows"), RECALL, SPECIFICITY, PRECISION, REJECTION_RATE),
    *(CONDITIONAL_ACCEPTANCE, CONDITIONAL_REJECTION),
)
"""The rates among these metrics, in the same order: all except the last one."""


def compute_performance(outcomes: OutcomeCounts) -> dict[str, float]:
    """The metrics of the service's model performance report, by name; 0 for 0/0, infinite for any other x/0."""
    values = [rate.compute(outcomes) for rate in PERFORMANCE_RATES]
    precision = PRECISION.compute(outcomes)
    recall = RECALL.compute(outcomes)
    values.append(2 * divide(precision * recall, precision + recall))
    return dict(zip(PERFORMANCE, map(float, values), strict=True))
