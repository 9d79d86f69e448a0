"""Inequality of the benefits that the model gives, over all rows."""

from __future__ import annotations

from model_monitor.monitors.bias import choices
from model_monitor.monitors.bias.metrics import POST_TRAINING, Counts, FacetCounts


@POST_TRAINING.register(
    "GE",
    description="Generalized Entropy (GE)",
    requires={choices.ALL_FALSE_NEGATIVE: lambda counts: counts.all.false_negatives < counts.all.rows},
)
def generalized_entropy(counts: FacetCounts) -> Counts:
    """Generalized entropy index, α = 2, of the benefit prediction - label + 1 of every row: 0 if all benefit alike.

    The facet plays no part.
    """
    everyone = counts.all
    rows, more, less = everyone.rows, everyone.false_positives, everyone.false_negatives
    mean = 1 + (more - less) / rows
    # benefits are 2, 1 and 0; summed in this order the last digits are the service's
    squares = more * ((2 / mean) ** 2 - 1) + (rows - more - less) * ((1 / mean) ** 2 - 1) - less
    return squares / (2 * rows)
