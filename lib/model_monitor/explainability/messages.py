"""The texts of violations of attributions: the service's own for its check, ours for the other. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def drift(ndcg: float, threshold: float) -> str:
    """The attributions of an output rank the features otherwise than in the baseline.

    The service says "exceeds" of a score that is below its threshold.
    Source: E6.1; G25.
    """
    return f"Feature attribution drift {ndcg} exceeds threshold {threshold}"


def change(feature: str, now: float, before: float, ends: Sequence[float]) -> str:
    """A feature's attribution is larger or smaller than in the baseline."""
    low, high = (f"{end:.4g}" for end in ends)
    return f"Attribution of {feature} is {now:.4g} where the baseline has {before:.4g}; the change is between {low} and {high}"
