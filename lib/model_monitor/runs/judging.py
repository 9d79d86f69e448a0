"""What a check of any monitor found, before it is known whose check it was: a status with the numbers it rests on. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace

from model_monitor.documents.check_results import CheckResult, CheckStatus

NO_VALUES = "no value is present in the current data"


@dataclass(frozen=True, slots=True)
class Finding:
    """A check's result; the members are those of `CheckResult`."""

    status: CheckStatus
    threshold: float | None
    observed: float | None = None
    interval: tuple[float, float] | None = None
    n: int | None = None
    m: int | None = None
    formula: str | None = None
    method: str | None = None
    ties: str | None = None
    statistic: float | None = None
    degrees_of_freedom: int | None = None
    p: float | None = None
    adjusted_p: float | None = None
    component: str | None = None
    effect: float | None = None
    direction: str | None = None
    distance: float | None = None
    distance_low: float | None = None
    distance_high: float | None = None
    smallest_change: float | None = None
    reason: str | None = None
    description: str | None = None
    against: str | None = None

    @classmethod
    def not_judged(cls, threshold: float | None, reason: str | None) -> Finding:
        return cls(CheckStatus.NOT_JUDGED, threshold, reason=reason)

    def result(self, check: str, **whose: str | None) -> CheckResult:
        """The entry of checks.json. whose: the members that say what was checked, such as `feature` or `metric`."""
        return CheckResult.model_validate({**whose, "check": check, **asdict(self)})

    def unjudged(self, reason: str) -> Finding:
        """The same numbers without a verdict."""
        return replace(self, status=CheckStatus.NOT_JUDGED, reason=reason, description=None)


def of_share(
    matching: int,
    total: int,
    threshold: float,
    *,
    formula: str,
    description: Callable[[float], str],
    no_values: str = NO_VALUES,
) -> Finding:
    """Violated if the share of `total` values that match is below the threshold; not judged if there are no values.

    description: the violation's text for a share.
    """
    if not total:
        return Finding.not_judged(threshold, no_values)
    share = matching / total
    if share < threshold:
        return Finding(CheckStatus.VIOLATED, threshold, share, m=total, formula=formula, description=description(share))
    return Finding(CheckStatus.PASSED, threshold, share, m=total, formula=formula)


def violated(results: Iterable[CheckResult]) -> Iterator[CheckResult]:
    """Those that are violations, in their order."""
    return (result for result in results if result.is_violation)
