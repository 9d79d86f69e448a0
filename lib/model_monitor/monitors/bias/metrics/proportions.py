"""Sizes of the groups, and their shares of positive labels."""

from __future__ import annotations

from model_monitor.monitors.bias.metrics import (
    POST_TRAINING,
    PRE_TRAINING,
    Counts,
    FacetCounts,
    both_sides,
    quotient,
    some_in_a,
    some_in_d,
)


@PRE_TRAINING.register(
    "CI",
    description="Class Imbalance (CI)",
    requires={
        "CI: facet set is empty. Check that x[facet] has non-zero length.": some_in_d,
        "CI: negated facet set is empty. Check that x[~facet] has non-zero length.": some_in_a,
    },
)
def class_imbalance(counts: FacetCounts) -> Counts:
    """How much larger the rest is than the sensitive group: (n_a - n_d) / (n_a + n_d), -1 to 1."""
    a, d = counts.a.rows, counts.d.rows
    return (a - d) / (a + d)


@PRE_TRAINING.register(
    "DPL",
    description="Difference in Positive Proportions in Labels (DPL)",
    requires=both_sides(negated="Negative facet set is empty", end="."),
)
def difference_in_labels(counts: FacetCounts) -> Counts:
    """The rest's share of positive observed labels less the sensitive group's, -1 to 1."""
    return counts.a.positives / counts.a.rows - counts.d.positives / counts.d.rows


@POST_TRAINING.register(
    "DPPL",
    description="Difference in Positive Proportions in Predicted Labels (DPPL)",
    requires=both_sides(negated="Negative facet set is empty", end="."),
)
def difference_in_predicted_labels(counts: FacetCounts) -> Counts:
    """The rest's share of positive predictions less the sensitive group's, -1 to 1."""
    return counts.a.predicted_positives / counts.a.rows - counts.d.predicted_positives / counts.d.rows


@POST_TRAINING.register(
    "DI",
    description="Disparate Impact (DI)",
    requires=both_sides(negated="Negated facet set is empty"),
    neutral=1.0,
)
def disparate_impact(counts: FacetCounts) -> Counts:
    """The sensitive group's share of positive predictions over the rest's, 0 to infinity; 1 is no bias.

    0 if neither has a positive prediction, infinite if only the rest has none.
    """
    return quotient(counts.d.predicted_positives / counts.d.rows, counts.a.predicted_positives / counts.a.rows)
