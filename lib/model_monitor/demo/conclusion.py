"""A monitored window in two sentences: its violations and which feature moved furthest, and what moved the model.

Made from the documents that the runs wrote: `checks.json` of the window, `statistics.json` and `analysis.json` of both. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from model_monitor.documents.check_results import CheckResult, CheckStatus
from model_monitor.documents.clarify import AttributionReport
from model_monitor.documents.statistics import Statistics

DRIFT = "baseline_drift_check"
NAMED = 3


def conclusion(
    start: datetime, end: datetime, outcomes: Iterable[CheckResult], baseline: Statistics, current: Statistics
) -> str:
    """The sentence for the window from `start` to `end` (UTC), without a line end.

    It names the drifted feature with the largest distance, the first of equal ones. A p-value is no distance: outcomes of
    `ChiSquared`, which have a statistic, are counted and not named.
    """
    violated = [outcome for outcome in outcomes if outcome.status is CheckStatus.VIOLATED]
    window = f"The window {start:%Y-%m-%dT%H:%MZ} to {end:%H:%MZ}"
    if not violated:
        return f"{window} has no violations."
    counted = f"{window} has {len(violated):,} violation{'' if len(violated) == 1 else 's'}"
    drifted = [outcome for outcome in violated if outcome.check == DRIFT and outcome.statistic is None]
    if not drifted:
        return f"{counted}; no distance is among them, the first is {violated[0].check} of {violated[0].feature}."
    furthest = max(drifted, key=lambda outcome: outcome.observed or 0.0)
    return (
        f"{counted}; the largest: {furthest.feature} drifted, distance {furthest.observed:.4g} "
        f"(threshold {furthest.threshold:g}){_means(furthest.feature or '', baseline, current)}."
    )


def _means(name: str, baseline: Statistics, current: Statistics) -> str:
    """How the mean moved, where both sides have one."""
    means = [statistics.feature(name).numerical_statistics for statistics in (baseline, current)]
    before, after = (numbers and numbers.mean for numbers in means)
    return "" if before is None or after is None else f": its mean went from {before:,.4g} to {after:,.4g}"


def moved(baseline: AttributionReport, current: AttributionReport) -> str:
    """The sentence on the features that move the model's first output most in the window, without a line end."""
    (_, now), *_ = current.values.items()
    (_, before), *_ = baseline.values.items()
    largest = sorted(now, key=lambda name: -now[name])[:NAMED]
    told = ", ".join(f"{name} by {now[name]:.3f} (in the baseline by {before.get(name, 0.0):.3f})" for name in largest)
    return f"What moved the predictions there, on average: {told}."
