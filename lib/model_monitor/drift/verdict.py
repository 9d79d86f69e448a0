"""A comparison against its threshold: drift, no drift, or not judged and why. Driver only, pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from model_monitor.drift.comparison import Comparison, Ties


class Status(Enum):
    """What became of a check, as checks.json spells it."""

    VIOLATED = "violated"
    PASSED = "passed"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome for one feature, all that checks.json says of it.

    observed: distance or p-value; None if there is none. n, m: values of the baseline and of the current data, as the formula
    counts them. method, ties: as the comparison has them. reason: why it is not judged, or was passed without a distance.
    statistic, degrees_of_freedom: of a test that has them.
    """

    status: Status
    observed: float | None
    threshold: float
    n: int
    m: int
    formula: str
    method: str
    ties: Ties = Ties.SUMMED
    reason: str | None = None
    statistic: float | None = None
    degrees_of_freedom: int | None = None


def judge(comparison: Comparison, threshold: float, *, baseline_rows: int, current_rows: int) -> Verdict:
    """Drift if the distance is above the threshold, or a p-value below it; exactly at it there is none.

    Not judged: no row at all on a side; values on one side only (the missing ones are the completeness check's matter);
    a distance that is not computable. All values missing on both sides is no drift.
    Source: D2; C11.23.
    """
    status, reason = _decided(comparison, threshold, baseline_rows, current_rows)
    return Verdict(
        status,
        comparison.distance,
        threshold,
        comparison.n,
        comparison.m,
        comparison.formula,
        comparison.method,
        comparison.ties,
        reason,
        comparison.statistic,
        comparison.degrees_of_freedom,
    )


def _decided(
    comparison: Comparison, threshold: float, baseline_rows: int, current_rows: int
) -> tuple[Status, str | None]:
    if not (baseline_rows and current_rows):
        sides = [side for side, rows in (("baseline", baseline_rows), ("current data", current_rows)) if not rows]
        return Status.NOT_JUDGED, f"no data: no rows in the {' and in the '.join(sides)}"
    if not (comparison.n or comparison.m):
        return Status.PASSED, "all values are missing on both sides"
    if comparison.distance is None:
        return Status.NOT_JUDGED, comparison.reason
    drifted = comparison.distance > threshold if comparison.higher_is_more else comparison.distance < threshold
    return (Status.VIOLATED if drifted else Status.PASSED), None
