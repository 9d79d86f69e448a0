"""The largest finding of a run in a sentence: what it is of, what was, what is. Pure.

Means and shares of many rows are told, values of single rows never are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from model_monitor.documents.check_results import CheckResult

DRIFT = "baseline_drift_check"

Means = Mapping[str, tuple[float, float]]
"""By feature: its mean in the baseline and in the window."""


def in_words(result: CheckResult, means: Means) -> str:
    """What a violated check found, without a full stop: `amount drifted, distance 0.872 (threshold 0.1): its mean went …`."""
    whose = " of ".join(name for name in (result.metric, result.feature) if name) or result.check
    if result.observed is None or result.threshold is None:
        return f"{whose}: {result.check}"
    if result.check != DRIFT:
        return f"{whose}: {result.check}, {result.observed:,.4g} where the baseline asks for {result.threshold:,.4g}"
    what = "p-value" if result.statistic is not None else "distance"
    before, after = means.get(result.feature or "", (None, None))
    moved = "" if before is None or after is None else f": its mean went from {before:,.4g} to {after:,.4g}"
    return f"{whose} drifted, {what} {result.observed:,.4g} (threshold {result.threshold:,.4g}){moved}"


def largest(worst: Sequence[CheckResult], means: Means) -> str | None:
    """The first of the worst results in words; None if there is none."""
    return in_words(worst[0], means) if worst else None
