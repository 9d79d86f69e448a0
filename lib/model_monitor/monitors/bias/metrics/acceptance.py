"""How acceptances and rejections by the model compare with the observed labels, on either side."""

from __future__ import annotations

from model_monitor.monitors.bias.metrics import POST_TRAINING, Counts, FacetCounts, both_sides, difference, quotient


@POST_TRAINING.register("DCA", description="Difference in Conditional Acceptance (DCA)", requires=both_sides("DCO: "))
def difference_in_conditional_acceptance(counts: FacetCounts) -> Counts:
    """Observed over predicted positives of the rest, less those of the sensitive group.

    Infinite if one side has no positive prediction, 0 if neither has.
    """
    a, d = counts.a, counts.d
    return difference(quotient(a.positives, a.predicted_positives), quotient(d.positives, d.predicted_positives))


@POST_TRAINING.register("DCR", description="Difference in Conditional Rejection (DCR)", requires=both_sides("DCO: "))
def difference_in_conditional_rejection(counts: FacetCounts) -> Counts:
    """Observed over predicted negatives of the sensitive group, less those of the rest.

    Infinite if one side has no negative prediction, 0 if neither has.
    """
    a, d = counts.a, counts.d
    return difference(quotient(d.negatives, d.predicted_negatives), quotient(a.negatives, a.predicted_negatives))


@POST_TRAINING.register("DAR", description="Difference in Acceptance Rates (DAR)", requires=both_sides("DLR: "))
def difference_in_acceptance_rates(counts: FacetCounts) -> Counts:
    """The rest's precision less the sensitive group's, -1 to 1."""
    a, d = counts.a, counts.d
    return quotient(a.true_positives, a.predicted_positives) - quotient(d.true_positives, d.predicted_positives)


@POST_TRAINING.register("DRR", description="Difference in Rejection Rates (DRR)", requires=both_sides("DLR: "))
def difference_in_rejection_rates(counts: FacetCounts) -> Counts:
    """The sensitive group's share of right rejections less the rest's, -1 to 1."""
    a, d = counts.a, counts.d
    return quotient(d.true_negatives, d.predicted_negatives) - quotient(a.true_negatives, a.predicted_negatives)
