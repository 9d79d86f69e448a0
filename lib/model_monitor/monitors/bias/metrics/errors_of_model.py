"""How often, and in which direction, the model is wrong on either side."""

from __future__ import annotations

from model_monitor.monitors.bias.metrics import POST_TRAINING, Counts, FacetCounts, both_sides, difference, quotient


@POST_TRAINING.register("RD", description="Recall Difference (RD)", requires=both_sides("DLA: "))
def recall_difference(counts: FacetCounts) -> Counts:
    """The rest's recall less the sensitive group's, -1 to 1."""
    a, d = counts.a, counts.d
    return quotient(a.true_positives, a.positives) - quotient(d.true_positives, d.positives)


@POST_TRAINING.register("SD", description="Specificity Difference (SD)", requires=both_sides("DLA: "))
def specificity_difference(counts: FacetCounts) -> Counts:
    """The sensitive group's specificity less the rest's, -1 to 1."""
    a, d = counts.a, counts.d
    return quotient(d.true_negatives, d.negatives) - quotient(a.true_negatives, a.negatives)


@POST_TRAINING.register("AD", description="Accuracy Difference (AD)", requires=both_sides())
def accuracy_difference(counts: FacetCounts) -> Counts:
    """The rest's accuracy less the sensitive group's, -1 to 1."""
    a, d = counts.a, counts.d
    return (a.true_positives + a.true_negatives) / a.rows - (d.true_positives + d.true_negatives) / d.rows


@POST_TRAINING.register("TE", description="Treatment Equality (TE)", requires=both_sides())
def treatment_equality(counts: FacetCounts) -> Counts:
    """False negatives over false positives of the sensitive group, less those of the rest.

    Infinite if one side has no false positive, which is common in small windows; 0 if neither has.
    """
    a, d = counts.a, counts.d
    return difference(quotient(d.false_negatives, d.false_positives), quotient(a.false_negatives, a.false_positives))
