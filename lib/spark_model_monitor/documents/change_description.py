"""One change in words: how a number moved, where, since when, and why it is no noise. Pure."""

from __future__ import annotations

import math
from datetime import datetime

from spark_model_monitor.documents.check_results import (
    BESIDE,
    COMPLETENESS,
    OF_THE_WINDOW,
    ONE_SEGMENT,
    CheckResult,
    format_check,
    identify_subject,
)
from spark_model_monitor.documents.page import (
    MAX_LISTED_NAMES,
    format_interval,
    format_noun_count,
    format_number,
    format_percent,
)
from spark_model_monitor.documents.run_description import RunWindow, parse_moment

NEW_VALUES = "of values that were not there before"  # in the words of a change to several new values
OUTSIDE_LIST = "of values outside your list"  # likewise, where a person wrote which values are allowed
ONE_VALUE = "one value"  # in the words of a change; the value is named where values may be shown

EVIDENCE_SUBJECTS = {
    COMPLETENESS: "completeness",
    "categorical_values_check": "share of known values",
    "data_type_check": "share of the type",
}
"""What a check's number is, for its evidence."""

SIDES = {"LessThanThreshold": "at least ", "GreaterThanThreshold": "at most "}
"""On which side of its limit a metric has to be, by the service's name of the check."""

FRACTIONS = ("half", "a third", "a quarter", "a fifth", "a sixth", "a seventh", "an eighth", "a ninth", "a tenth")
NEAR_FRACTION = 0.05  # of a fraction: so near it has its name
NEVER = 1e-9  # once in 100,000 years of hourly windows


def describe_segment(check_result: CheckResult, *, is_short: bool = False) -> str:
    """The segment of a change and the origin of its rows, in words; empty if unknown, or if all rows are alike. is_short: the
    first of them, without its shares.
    """
    # A segment is named only where values of records may be shown
    where = check_result.where or ""
    before, _, after = where.partition(ONE_SEGMENT)
    if after:
        cut, _, amount = after.partition(": ")
        where = f"{before}{ONE_SEGMENT}{cut}"
        if check_result.segment:
            where = f"{before}{check_result.segment}"
        if amount and not is_short:
            where += f": {amount}"
    # Likewise the value that its rows share
    first = check_result.cause[0] if check_result.cause else None
    cause_words = "" if first is None else first.words
    if first is not None and first.value is not None:
        cause_words = cause_words.replace(f"{ONE_VALUE} of {first.key}", f"{first.key} {first.value}")
    clauses = [*filter(None, (where, cause_words))]
    if is_short:
        return "".join(clauses[:1]).replace("all of it comes ", "all ")
    return "; ".join(clauses)


def describe_finding(check_result: CheckResult) -> str:
    """A violation as a sentence without a full stop: its name, what changed, and where."""
    return _complete(check_result.words or name_change(check_result), check_result)


def describe_change(check_result: CheckResult) -> str:
    """The same without the name."""
    return _complete(check_result.change or compare_with_limit(check_result), check_result)


def name_change(check_result: CheckResult) -> str:
    """The name and what changed, without a value of any record."""
    subject = " of ".join(filter(None, identify_subject(check_result))) or OF_THE_WINDOW
    return f"{subject} {check_result.change or compare_with_limit(check_result)}"


def _complete(change: str, check_result: CheckResult) -> str:
    """The words of a change with its values, which they have placeholders for, and with its origin."""
    if check_result.values:
        # A blank text would look like none, a line break like another line
        named = [value if value.strip() and value.isprintable() else repr(value) for value in check_result.values]
        change = change.replace(ONE_VALUE, f"the value {named[0]}")
        names = ", ".join(named[:MAX_LISTED_NAMES])
        for ending in (NEW_VALUES, OUTSIDE_LIST):
            change = change.replace(ending, f"{ending}, such as {names}")
    return ", ".join(filter(None, (change, describe_segment(check_result))))


def compare_with_limit(check_result: CheckResult) -> str:
    """What a check found, from its numbers, in words that follow the name."""
    if check_result.observed is None:
        return f"violates {format_check(check_result)}"
    now = format_number(check_result.observed)
    if check_result.threshold is None:
        return f"violates {format_check(check_result)}, it is {now}"
    # A limit of a metric, a change of a bias metric, or the limit of any other check
    if check_result.check in SIDES:
        return f"is {now}, the baseline asks for {format_limit(check_result)}"
    if check_result.check == "bias_drift_check":
        return f"is {now}, it was {format_limit(check_result)} in the baseline"
    return f"violates {format_check(check_result)}, {now} where the baseline asks for {format_limit(check_result)}"


def format_limit(check_result: CheckResult) -> str:
    """What is asked for: `at least 0.8`, or a number alone."""
    return SIDES.get(check_result.check, "") + format_number(check_result.threshold)


def format_start(since: str | None, window: RunWindow | None) -> str:
    """When it began: `18:00`, with the day if it differs from the window's."""
    if since is None:
        return ""
    began = parse_moment(since)
    # A time of day alone would be misread for an alarm of last week
    if window is not None and parse_moment(window.start).date() == began.date():
        return f"{began:%H:%M}"
    return f"{format_day(began)}, {began:%H:%M} UTC"


def format_day(time: datetime) -> str:
    """`4 March 2024`."""
    return f"{time.day} {time:%B %Y}"


def format_window(window: RunWindow | None) -> str:
    """`4 March 2024, 20:00 to 21:00 UTC`."""
    if window is None:
        return ""
    start = parse_moment(window.start)
    end = parse_moment(window.end)
    until = f"{end:%H:%M}"
    if end.date() != start.date():
        until = f"{format_day(end)}, {until}"
    return f"{format_day(start)}, {start:%H:%M} to {until} UTC"


def describe_move(before: float, now: float, deviation: float | None = None) -> str:
    """How a number moved, in words that follow its name: `is about 95 times what it was`.

    deviation: the baseline's standard deviation; a mean that is small relative to it is not a useful unit, so the change is
    given in the data's unit and in standard deviations.
    """
    went = f"went from {format_number(before, 3)} to {format_number(now, 3)}"
    if not (math.isfinite(before) and math.isfinite(now)):
        return went
    # Relative to a small mean any change is large: then the baseline's deviation is the unit
    if deviation and abs(before) < deviation / 4:
        size = abs(now - before)
        direction = "higher" if now > before else "lower"
        return f"is {format_number(size, 3)} {direction}, {size / deviation:.2g} standard deviations"
    # A ratio across zero, or from it, has no meaning
    if not before or before * now <= 0:
        return went
    # From twice or half on by the factor, else by the percentage
    ratio = now / before
    if ratio >= 2:
        rounded = f"{ratio:.2g}"
        if ratio >= 10:
            rounded = f"{ratio:,.0f}"
        return f"is about {rounded} times what it was"
    if ratio <= 0.5:
        return f"is {_format_fraction(ratio)} of what it was"
    direction = "higher" if ratio > 1 else "lower"
    percent = 100 * abs(ratio - 1)
    if percent >= 1:
        return f"is {percent:.0f} % {direction}"
    return f"is {percent:.2g} % {direction}"


def describe_evidence(check_result: CheckResult) -> str:
    """Why a change is not noise, in one readable line."""
    clauses = []
    by_distance = not check_result.observes_p_value and check_result.method is not None
    # What decided: a metric of so many rows, a distance, a test, or a limit of another number
    if check_result.metric is not None:
        if check_result.m is not None:
            clauses.append(format_noun_count(check_result.m, "row"))
        if check_result.interval is not None:
            clauses.append(f"95 % interval {format_interval(check_result.interval)}")
    elif by_distance and (check_result.observed or 0) > (check_result.threshold or 0):
        clauses.append(
            f"distance {format_number(check_result.observed, 2)}, limit {format_number(check_result.threshold, 2)}"
        )
    elif check_result.distance is not None:
        clauses.append(f"largest difference {format_percent(check_result.distance)} of the records")
    elif check_result.observed is not None and check_result.threshold is not None:
        clauses.append(_describe_limit(check_result, check_result.observed, check_result.threshold))
    if check_result.decisive_p_value is not None:
        clauses.append(f"by chance alone: {format_chance(check_result.decisive_p_value)}")
    return " · ".join(clauses)


def _describe_limit(check_result: CheckResult, observed: float, threshold: float) -> str:
    """A number beside its limit, and on which side of it the number should be."""
    value = format_number(observed, 3)
    limit = format_number(threshold, 3)
    if check_result.check in BESIDE:
        return (
            f"the change is {format_interval(check_result.interval) if check_result.interval else value}, limit {limit}"
        )
    subject = EVIDENCE_SUBJECTS.get(check_result.check, "value")
    # A number at its limit violates neither side
    if observed == threshold:
        return f"{subject} {value}, limit {limit}"
    relation = "at least" if observed < threshold else "at most"
    return f"{subject} {value}, limit: {relation} {limit}"


def format_chance(p: float) -> str:
    """How often it happens by chance: `once in 700 windows`, `once in 20,000,000 windows`, `practically never`."""
    if p < NEVER:
        return "practically never"
    # Two digits are as much as such a number deserves
    if p < 0.5:
        return f"once in {float(f'{1 / p:.2g}'):,.0f} windows"
    return "every other window"


def _format_fraction(ratio: float) -> str:
    """`about half`, `about a fifth`; a percentage if it is near no such fraction."""
    for denominator, fraction in enumerate(FRACTIONS, 2):
        if abs(ratio * denominator - 1) <= NEAR_FRACTION:
            return f"about {fraction}"
    return format_percent(ratio)
