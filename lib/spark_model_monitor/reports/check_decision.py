"""What decided a check, in up to five lines below its status: the rule of `CheckResult` with its numbers. Reads no file."""

from __future__ import annotations

import math
from collections.abc import Iterator

from spark_model_monitor.documents.check_results import INTERVAL, UPPER_LIMIT, CheckResult


def describe_decision(check_result: CheckResult) -> Iterator[str]:
    """The test or the limit; p and its level; the effect and the number, each with its limit; information; the reason."""
    yield f"{check_result.check}: {check_result.status.value}"
    if check_result.decided_by:
        statistic = ""
        if check_result.statistic is not None:
            statistic = f", statistic {check_result.statistic!r}"
        yield f"  decided by: {check_result.decided_by}{statistic}"
    if check_result.p is not None and check_result.level is not None:
        text = f"  p = {check_result.p!r}"
        p = check_result.p
        # With many features, the level applies to the corrected probability
        if check_result.adjusted_p is not None:
            p = check_result.adjusted_p
            text += f", among all features {p!r}"
        yield f"{text}, {'at most' if p <= check_result.level else 'above'} the level {check_result.level!r}"
    conditions = [*_describe_conditions(check_result)]
    if conditions:
        yield f"  {'; '.join(conditions)}"
    information = [*_describe_information(check_result)]
    if information:
        yield f"  beside it: {', '.join(information)}"
    if check_result.reason:
        yield f"  because {check_result.reason}"


def _describe_conditions(check_result: CheckResult) -> Iterator[str]:
    """What a violation requires besides the test: a large enough effect, or a number beyond a limit."""
    effect = check_result.effect
    least_effect = check_result.least_effect
    if effect is not None and least_effect is not None:
        relation = "at least" if effect >= least_effect else "below"
        yield f"effect {effect!r}, {relation} the least effect that counts, {least_effect!r}"
    elif effect is not None:
        yield f"effect {effect!r}; any counts"
    observed = check_result.observed
    limit = check_result.limit
    if limit is not None and observed is not None:
        # A number equal to its limit is no violation; whether the limit is a minimum or a maximum depends on the rule
        relation = "not below"
        if observed > limit:
            relation = "above"
        elif check_result.decided_by == UPPER_LIMIT:
            relation = "not above"
        elif observed < limit:
            relation = "below"
        yield f"observed {observed!r}, {relation} the limit {limit!r}"
    if check_result.limits is not None:
        yield _describe_limits(check_result, check_result.limits)


def _describe_limits(check_result: CheckResult, limits: tuple[float | None, float | None]) -> str:
    """Where the number (for `interval`: both of its ends) lies relative to the limits. One of the limits may be missing."""
    if check_result.decided_by == INTERVAL and check_result.interval is not None:
        # The whole interval has to lie outside, so that chance isn't a violation
        ends = check_result.interval
        subject = f"interval {ends[0]!r} to {ends[1]!r}"
    elif check_result.observed is not None:
        ends = (check_result.observed, check_result.observed)
        subject = f"observed {check_result.observed!r}"
    else:
        return f"limits {_describe_range(limits)}"
    # A single number is an interval whose ends are equal
    low, high = ends
    lower, upper = limits
    if lower is None:
        lower = -math.inf
    if upper is None:
        upper = math.inf
    if lower <= low and high <= upper:
        relation = "within"
    elif lower <= high and low <= upper:
        relation = "partly within"
    # A number can't be partly outside, so it isn't called `wholly` outside
    elif check_result.decided_by == INTERVAL:
        relation = "wholly outside of"
    else:
        relation = "outside of"
    return f"{subject}, {relation} the limits {_describe_range(limits)}"


def _describe_range(limits: tuple[float | None, float | None]) -> str:
    lower, upper = limits
    if lower is None:
        return f"up to {upper!r}"
    if upper is None:
        return f"from {lower!r} up"
    return f"{lower!r} and {upper!r}"


def _describe_information(check_result: CheckResult) -> Iterator[str]:
    """The numbers that didn't take part in the decision."""
    is_interval = check_result.decided_by == INTERVAL and check_result.limits is not None
    # A number that was compared with a limit is listed among the conditions already
    is_compared = check_result.limit is not None or (check_result.limits is not None and not is_interval)
    if check_result.observed is not None and not is_compared:
        yield f"observed {check_result.observed!r}"
        if check_result.threshold is not None:
            yield f"threshold {check_result.threshold!r}"
    if check_result.interval is not None and not is_interval:
        low, high = check_result.interval
        yield f"interval {low!r} to {high!r}"
    if check_result.distance is not None:
        yield f"distance {check_result.distance!r}"
    if check_result.distance_low is not None:
        yield f"its interval {check_result.distance_low!r} to {check_result.distance_high!r}"
    if check_result.formula:
        yield f"formula {check_result.formula}"
    # n is the number of values in the baseline, m in the current data
    sizes = {"n": check_result.n, "m": check_result.m, "degrees of freedom": check_result.degrees_of_freedom}
    for name, size in sizes.items():
        if size is not None:
            yield f"{name} = {size:,}"
