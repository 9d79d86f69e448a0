"""One change in words: how a number moved, where, since when, and why it is no noise. Pure."""

from __future__ import annotations

import math
from datetime import datetime

from spark_model_monitor.documents.check_results import (
    BESIDE,
    COMPLETENESS,
    MOST_LISTED_NAMES,
    ONE_SEGMENT,
    CheckResult,
    describe_violation,
    format_check,
    identify_subject,
)
from spark_model_monitor.documents.page import format_number, format_percent
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

HIGHER = ("higher", "+")
LOWER = ("lower", "−")
FRACTIONS = ("half", "a third", "a quarter", "a fifth", "a sixth", "a seventh", "an eighth", "a ninth", "a tenth")
NEAR_FRACTION = 0.05  # of a fraction: so near it has its name
NEVER = 1e-9  # once in 100,000 years of hourly windows


def describe_segment(result: CheckResult, *, with_values: bool = True, is_short: bool = False) -> str:
    """The segment of a change and the origin of its rows, in words; empty if unknown, or if all rows are alike. is_short: the
    first of them, without its shares.
    """
    # A segment is named only where values of records may be shown
    where = result.where or ""
    before, _, after = where.partition(ONE_SEGMENT)
    if after:
        cut, _, amount = after.partition(": ")
        where = f"{before}{ONE_SEGMENT}{cut}"
        if with_values and result.segment:
            where = f"{before}{result.segment}"
        if amount and not is_short:
            where += f": {amount}"
    # Likewise the value that its rows share
    first = result.cause[0] if result.cause else None
    cause_words = "" if first is None else first.words
    if first is not None and first.value is not None and with_values:
        cause_words = cause_words.replace(f"{ONE_VALUE} of {first.key}", f"{first.key} {first.value}")
    clauses = [*filter(None, (where, cause_words))]
    if is_short:
        return "".join(clauses[:1]).replace("all of it comes ", "all ")
    return "; ".join(clauses)


def describe_change(result: CheckResult, *, with_values: bool = True) -> str:
    """What changed, in words that follow the name, and where."""
    where = describe_segment(result, with_values=with_values)
    if result.change:
        changed = result.change
        # The sentence has a placeholder where the value may not be named
        if with_values and result.values:
            value = result.values[0]
            changed = changed.replace(ONE_VALUE, f"the value {value if value.strip() else repr(value)}")
            names = ", ".join(result.values[:MOST_LISTED_NAMES])
            for ending in (NEW_VALUES, OUTSIDE_LIST):
                changed = changed.replace(ending, f"{ending}, such as {names}")
        if where:
            return f"{changed}, {where}"
        return changed
    words = result.words or describe_violation(result)
    name = identify_subject(result)[0]
    change = words.removeprefix(name).removeprefix(f" of {identify_subject(result)[1]}").lstrip(": ")
    # the words of a limit have no verb: `completeness, 0.9 where the baseline asks for 1`
    if change.startswith(format_check(result)):
        return f"violates {change}"
    return change


def format_start(since: str | None, window: RunWindow | None) -> str:
    """When it began: `18:00`, with the day if it differs from the window's."""
    if since is None:
        return ""
    began = parse_moment(since)
    # A time of day alone would be misread for an alarm of last week
    same_day = window is not None and parse_moment(window.start).date() == began.date()
    if same_day:
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
    if end.date() == start.date():
        until = f"{end:%H:%M}"
    else:
        until = f"{format_day(end)}, {end:%H:%M}"
    return f"{format_day(start)}, {start:%H:%M} to {until} UTC"


def describe_move(before: float, now: float, deviation: float | None = None) -> tuple[str, str]:
    """How a number moved, in words that follow its name, and short: `is about 95 times what it was`, `× 95`.

    deviation: the baseline's standard deviation; a mean that is small relative to it is not a useful unit, so the change is
    given in the data's unit and, short, in standard deviations.
    """
    if not (math.isfinite(before) and math.isfinite(now)):
        return f"went from {format_number(before, 3)} to {format_number(now, 3)}", ""
    # Relative to a small mean any change is large: then the baseline's deviation is the unit
    if deviation and abs(before) < deviation / 4:
        difference = (now - before) / deviation
        direction, sign = HIGHER if difference > 0 else LOWER
        return f"is {format_number(abs(now - before), 3)} {direction}", f"{sign} {abs(difference):.2g} sd"
    # A ratio across zero, or from it, has no meaning
    if not before or before * now <= 0:
        return f"went from {format_number(before, 3)} to {format_number(now, 3)}", ""
    # From twice or half on by the factor, else by the percentage
    ratio = now / before
    if ratio >= 2:
        return f"is about {_format_ratio(ratio)} times what it was", f"× {_format_ratio(ratio)}"
    if ratio <= 0.5:
        return f"is {_format_fraction(ratio)} of what it was", f"÷ {_format_ratio(1 / ratio)}"
    if abs(ratio - 1) >= 0.01:
        by = f"{abs(ratio - 1):.0%}".replace("%", " %")
    else:
        by = f"{100 * abs(ratio - 1):.2g} %"
    direction, sign = HIGHER if abs(now) > abs(before) else LOWER
    return f"is {by} {direction}", f"{sign} {by}"


def describe_evidence(result: CheckResult) -> str:
    """Why a change is not noise, in one readable line."""
    sentences = []
    by_distance = not result.observes_p_value and result.method is not None
    # What decided: a distance, a test, or a limit of another number
    if by_distance and (result.observed or 0) > (result.threshold or 0):
        sentences.append(f"distance {format_number(result.observed, 2)}, limit {format_number(result.threshold, 2)}")
    elif result.distance is not None:
        sentences.append(f"largest difference {format_percent(result.distance)} of the records")
    elif result.observed is not None and result.threshold is not None:
        sentences.append(_describe_limit(result, result.observed, result.threshold))
    p = result.adjusted_p
    if p is None:
        p = result.p
    if p is not None:
        sentences.append(f"by chance alone: {format_chance(p)}")
    return " · ".join(sentences)


def _describe_limit(result: CheckResult, observed: float, threshold: float) -> str:
    """A number beside its limit, and on which side of it the number should be."""
    value = format_number(observed, 3)
    limit = format_number(threshold, 3)
    if result.check in BESIDE:
        return f"change {value}, limit {limit}"
    subject = EVIDENCE_SUBJECTS.get(result.check, "value")
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


def _format_ratio(ratio: float) -> str:
    if ratio >= 10:
        return f"{ratio:,.0f}"
    return f"{ratio:.2g}"


def _format_fraction(ratio: float) -> str:
    """`about half`, `about a fifth`; a percentage if it is near no such fraction."""
    for denominator, fraction in enumerate(FRACTIONS, 2):
        if abs(ratio * denominator - 1) <= NEAR_FRACTION:
            return f"about {fraction}"
    return format_percent(ratio)
