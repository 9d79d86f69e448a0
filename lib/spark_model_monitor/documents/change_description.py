"""Describes one change in words: how a number moved, in which rows, since when, and why it isn't chance. Pure."""

from __future__ import annotations

import math
from datetime import datetime

from spark_model_monitor.documents.check_results import BESIDE, COMPLETENESS, ONE_SEGMENT, WINDOW_NAME, CheckResult
from spark_model_monitor.documents.page import (
    MAX_LISTED_NAMES,
    format_interval,
    format_noun_count,
    format_number,
    format_percent,
)
from spark_model_monitor.documents.run_description import RunWindow, parse_moment

NEW_VALUES = "of values that were not there before"  # part of the description of a change to several new values
OUTSIDE_LIST = "of values outside your list"  # the same, if a person listed the allowed values
ONE_VALUE = "one value"  # placeholder in a description; replaced by the value where values may be shown

EVIDENCE_SUBJECTS = {
    COMPLETENESS: "completeness",
    "categorical_values_check": "share of known values",
    "data_type_check": "share of the type",
}
"""By check, what its number is called in the line of evidence."""

SIDES = {"LessThanThreshold": "at least ", "GreaterThanThreshold": "at most "}
"""By the service's name of a metric's check, on which side of its limit the metric has to be."""

FRACTIONS = ("half", "a third", "a quarter", "a fifth", "a sixth", "a seventh", "an eighth", "a ninth", "a tenth")
NEAR_FRACTION = 0.05  # a ratio is called by a fraction if their relative difference is at most this
NEVER = 1e-9  # chance below which it is called "practically never": once in 100,000 years of hourly windows


def describe_segment(check_result: CheckResult, *, is_short: bool = False) -> str:
    """The segment of a change and the origin of its rows, in words; empty if unknown, or if all rows changed alike. is_short:
    only the first clause, without its shares.
    """
    # The segment's name is shown only if the result may name values of records
    location = check_result.where or ""
    before, _, after = location.partition(ONE_SEGMENT)
    if after:
        cut, _, amount = after.partition(": ")
        location = f"{before}{ONE_SEGMENT}{cut}"
        if check_result.segment:
            location = f"{before}{check_result.segment}"
        if amount and not is_short:
            location += f": {amount}"
    # The same holds for the value that the changed rows have in common
    cause = ""
    if check_result.cause:
        first = check_result.cause[0]
        cause = first.words
        if first.value is not None:
            cause = cause.replace(f"{ONE_VALUE} of {first.key}", f"{first.key} {first.value}")
    if is_short:
        return (location or cause).replace("all of it comes ", "all ")
    return "; ".join(filter(None, (location, cause)))


def describe_finding(check_result: CheckResult) -> str:
    """A violation as a sentence without a full stop: its subject, what changed, and where."""
    return _complete(check_result.words or name_change(check_result), check_result)


def describe_change(check_result: CheckResult) -> str:
    """The same sentence without the subject."""
    return _complete(check_result.change or compare_with_limit(check_result), check_result)


def name_change(check_result: CheckResult) -> str:
    """The subject and what changed, without values of records."""
    subject = " of ".join(filter(None, check_result.subject)) or WINDOW_NAME
    return f"{subject} {check_result.change or compare_with_limit(check_result)}"


def _complete(change: str, check_result: CheckResult) -> str:
    """A description in which placeholders are replaced by the values, followed by the origin of the change."""
    if check_result.values:
        values = []
        for value in check_result.values[:MAX_LISTED_NAMES]:
            # A blank text would be invisible, and a line break would look like a new line
            if not value.strip() or not value.isprintable():
                value = repr(value)
            values.append(value)
        change = change.replace(ONE_VALUE, f"the value {values[0]}")
        for ending in (NEW_VALUES, OUTSIDE_LIST):
            change = change.replace(ending, f"{ending}, such as {', '.join(values)}")
    return ", ".join(filter(None, (change, describe_segment(check_result))))


def compare_with_limit(check_result: CheckResult) -> str:
    """What a check found, from its numbers, in words that follow the subject's name."""
    if check_result.observed is None:
        return f"violates {format_check(check_result)}"
    now = format_number(check_result.observed)
    if check_result.threshold is None:
        return f"violates {format_check(check_result)}, it is {now}"
    # First a metric with a limit, then a bias metric that changed, then any other check
    if check_result.check in SIDES:
        return f"is {now}, the baseline asks for {format_limit(check_result)}"
    if check_result.check == "bias_drift_check":
        return f"is {now}, it was {format_limit(check_result)} in the baseline"
    return f"violates {format_check(check_result)}, {now} where the baseline asks for {format_limit(check_result)}"


def format_limit(check_result: CheckResult) -> str:
    """The required value: `at least 0.8`, or only a number."""
    return SIDES.get(check_result.check, "") + format_number(check_result.threshold)


def format_start(since: str | None, window: RunWindow | None) -> str:
    """The time at which it began: `18:00`, with the day if it isn't the window's day."""
    if since is None:
        return ""
    began = parse_moment(since)
    # For an alarm of last week, a time of day alone would be misread
    if window is not None and parse_moment(window.start).date() == began.date():
        return f"{began:%H:%M}"
    return f"{format_day(began)}, {began:%H:%M} UTC"


def format_day(time: datetime) -> str:
    """A date as `4 March 2024`."""
    return f"{time.day} {time:%B %Y}"


def format_window(window: RunWindow | None) -> str:
    """A window as `4 March 2024, 20:00 to 21:00 UTC`."""
    if window is None:
        return ""
    start = parse_moment(window.start)
    end = parse_moment(window.end)
    end_time = f"{end:%H:%M}"
    if end.date() != start.date():
        end_time = f"{format_day(end)}, {end_time}"
    return f"{format_day(start)}, {start:%H:%M} to {end_time} UTC"


def describe_move(before: float, now: float, deviation: float | None = None) -> str:
    """How a number moved, in words that follow its name: `is about 95 times what it was`.

    deviation: the baseline's standard deviation; a mean that is small relative to it is not a useful unit, so the change is
    given in the data's unit and in standard deviations.
    """
    sentence = f"went from {format_number(before, 3)} to {format_number(now, 3)}"
    if not (math.isfinite(before) and math.isfinite(now)):
        return sentence
    # Relative to a small mean any change is large, so the baseline's standard deviation is the unit
    if deviation and abs(before) < deviation / 4:
        size = abs(now - before)
        direction = "higher" if now > before else "lower"
        return f"is {format_number(size, 3)} {direction}, {size / deviation:.2g} standard deviations"
    # A ratio has no meaning if the sign changes or one number is 0
    if not before or before * now <= 0:
        return sentence
    # Changes by a factor of 2 or more are given as a factor or a fraction, smaller ones in percent
    ratio = now / before
    if ratio >= 2:
        if ratio >= 10:
            return f"is about {ratio:,.0f} times what it was"
        return f"is about {ratio:.2g} times what it was"
    if ratio <= 0.5:
        return f"is {_format_fraction(ratio)} of what it was"
    direction = "higher" if ratio > 1 else "lower"
    percent = 100 * abs(ratio - 1)
    if percent >= 1:
        return f"is {percent:.0f} % {direction}"
    return f"is {percent:.2g} % {direction}"


def describe_evidence(check_result: CheckResult) -> str:
    """Why a change is not noise, in one line."""
    clauses = []
    observed = check_result.observed
    threshold = check_result.threshold
    observes_distance = not check_result.observes_p_value and check_result.method is not None
    # What decided: a metric, a distance, a test, or a limit for another number
    if check_result.metric is not None:
        if check_result.m is not None:
            clauses.append(format_noun_count(check_result.m, "row"))
        if check_result.interval is not None:
            clauses.append(f"95 % interval {format_interval(check_result.interval)}")
    elif observes_distance and (observed or 0) > (threshold or 0):
        clauses.append(f"distance {format_number(observed, 2)}, limit {format_number(threshold, 2)}")
    elif check_result.distance is not None:
        clauses.append(f"largest difference {format_percent(check_result.distance)} of the records")
    elif observed is not None and threshold is not None:
        clauses.append(_describe_limit(check_result, observed, threshold))
    if check_result.decisive_p_value is not None:
        clauses.append(f"by chance alone: {format_chance(check_result.decisive_p_value)}")
    return " · ".join(clauses)


def _describe_limit(check_result: CheckResult, observed: float, threshold: float) -> str:
    """A number with its limit, and on which side of the limit it should be."""
    value = format_number(observed, 3)
    limit = format_number(threshold, 3)
    if check_result.check in BESIDE:
        if check_result.interval:
            value = format_interval(check_result.interval)
        return f"the change is {value}, limit {limit}"
    subject = EVIDENCE_SUBJECTS.get(check_result.check, "value")
    # A number equal to its limit is on no wrong side
    if observed == threshold:
        return f"{subject} {value}, limit {limit}"
    relation = "at least" if observed < threshold else "at most"
    return f"{subject} {value}, limit: {relation} {limit}"


def format_chance(p: float) -> str:
    """How often a p-value occurs by chance: `once in 700 windows`, `once in 20,000,000 windows`, `practically never`."""
    if p < NEVER:
        return "practically never"
    # More than two digits would suggest a precision that a p-value doesn't have
    if p < 0.5:
        return f"once in {float(f'{1 / p:.2g}'):,.0f} windows"
    return "every other window"


def _format_fraction(ratio: float) -> str:
    """`about half`, `about a fifth`; a percentage if no such fraction is near."""
    for denominator, fraction in enumerate(FRACTIONS, 2):
        if abs(ratio * denominator - 1) <= NEAR_FRACTION:
            return f"about {fraction}"
    return format_percent(ratio)


def format_check(check_result: CheckResult) -> str:
    """The check in words: `completeness` for `completeness_check`."""
    return check_result.check.removesuffix("_check").replace("_", " ")
