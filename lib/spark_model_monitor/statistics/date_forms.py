"""Texts that are dates: the form in which one is written, and its day.

Knows the forms of ISO 8601 (days, times, weeks, ordinal days), and those that pandas reads: other orders and separators,
two-digit years, English names of months, quarters, 年月日. A form is named by what stands in it, as `DD/MM/YYYY` or
`YYYY-MM-DDThh:mm`; leading zeros, fractions of a second and the zone's name make no other form. A text may have several
readings: 03/04/2024 is a day in March or in April. Runs on executors and on the driver.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from spark_model_monitor.statistics.text_forms import write_form

ZERO_DATE = 0  # the day of 0000-00-00, which databases write where there is no date
FIRST_DAY = date.min.toordinal()
LATEST_DAY = date.max.toordinal()
MAX_DATE_LENGTH = 64  # characters

SENTINELS: Mapping[int, str] = {
    ZERO_DATE: "0000-00-00",
    **{
        date.fromisoformat(day).toordinal(): day
        for day in (
            *("0001-01-01", "1111-11-11", "1582-10-15", "1601-01-01", "1677-09-21", "1753-01-01", "1858-11-17"),
            *("1899-12-30", "1899-12-31", "1900-01-01", "1904-01-01", "1969-12-31", "1970-01-01", "2038-01-19"),
            *("2079-06-06", "2099-12-31", "2200-01-01", "2262-04-11", "2999-12-31", "3000-01-01", "9999-12-31"),
        )
    },
}
"""Days that programs and people write where there is no date: the ends and beginnings of calendars, by number."""

MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

Fields: TypeAlias = Mapping[str, tuple[int, int]]
"""The position of each part in a text: Y, y (year of four and two digits), M, D, B (a month's name), Q, W, V (week, its day),
J (day of the year), h, m, s (time), p (am or pm), A (weekday)."""


class DateReading(NamedTuple):
    """A text as a date. day: its proleptic Gregorian number; the first day of a month, quarter or week."""

    form: str
    day: int


class DateLayout(NamedTuple):
    """A form, and where texts of one shape have its parts."""

    form: str
    fields: Fields


_TIME = (
    r"(?:(?:[T ]|, ?|(?<=[日일]))(?P<h>\d\d?)"
    r"(?:[:.时時시]? ?(?P<m>\d\d)(?:[:.分분]? ?(?P<s>\d\d)(?P<fraction>[.,]\d{1,9})?)?)?[时時시分분秒초]?"
    r"(?: ?(?P<p>[AaPp][Mm]))?(?P<zone> ?(?:Z|z|UTC|GMT|[-+]\d\d:?(?:\d\d)?)(?:\[[\w/]+\])?)?)?"
)
_YEAR = r"(?P<Y>\d{4})"
_MONTH = r"(?P<M>\d\d?)"
_DAY = r"(?P<D>\d\d?)(?P<th>st|nd|rd|th)?"
_MONTH_NAME = r"(?P<B>[A-Za-z]{3,9})"
_ANY_YEAR = r"(?:(?P<Y>\d{4})|(?P<y>\d\d))"
_SEPARATOR = r"(?P<_> ?[-/.,] ?|[ _])"

# _1, _2 and _3 are numbers of which the order isn't known: day, month or year
_DAY_PATTERNS = (
    rf"{_YEAR}{_SEPARATOR}{_MONTH}(?P=_){_DAY}\.?",
    rf"(?P<_1>\d\d?){_SEPARATOR}(?P<_2>\d\d?)(?P=_){_YEAR}\.?",
    r"(?P<_1>\d\d)(?P<_>[-. ])(?P<_2>\d\d)(?P=_)(?P<_3>\d\d)",
    r"(?P<_1>\d\d?)(?P<_>/)(?P<_2>\d\d?)/(?P<_3>\d\d)",
    r"(?P<Y>\d{4})(?P<M>\d\d)(?P<D>\d\d)",
    rf"{_DAY}[-/. ]?{_MONTH_NAME}[-/., ]{{0,2}}{_ANY_YEAR}",
    rf"{_MONTH_NAME}[-/. ]{{1,2}}{_DAY}(?:, ?| |-|/){_YEAR}",
    rf"{_YEAR}[-/ ]?{_MONTH_NAME}[-/ ]?{_DAY}",
    r"(?P<Y>\d{4})-(?P<J>\d{3})",
    r"(?P<Y>\d{4})-?W(?P<W>\d\d)-?(?P<V>\d)",
    rf"{_YEAR}[年년] ?{_MONTH}[月월] ?(?P<D>\d\d?)[日일]",
)
_OTHER_PATTERNS = (
    r"(?P<Y>\d{4})[-/ ](?P<M>\d\d)",
    rf"{_MONTH}[-/ ]{_YEAR}",
    rf"{_YEAR}[年년] ?{_MONTH}[月월]",
    rf"{_MONTH_NAME}[-/ ']{{0,2}}{_YEAR}",
    rf"{_MONTH_NAME}[-/ '](?P<y>\d\d)",
    rf"{_YEAR}[-/ ]{_MONTH_NAME}",
    r"(?P<Y>\d{4})[-/ ]?[Qq](?P<Q>\d)",
    r"[Qq](?P<Q>\d)[-/ ]?(?P<Y>\d{4})",
    r"(?P<Q>\d)[Qq][-/ ]?(?P<Y>\d{4})",
    r"(?P<Y>\d{4})-?W(?P<W>\d\d)",
    r"(?P<Y>\d{4})(?P<M>\d\d)",
    r"(?P<Y>\d{4})(?P<J>\d{3})",
    r"(?P<Y>\d{4})(?P<M>\d\d)(?P<D>\d\d)(?P<h>\d\d)(?P<m>\d\d)(?P<s>\d\d)?",
    rf"(?P<A>[A-Za-z]{{3}}) {_MONTH_NAME} {{1,2}}{_DAY} (?P<h>\d\d):(?P<m>\d\d):(?P<s>\d\d)(?P<zone> [A-Z]{{3,4}})? {_YEAR}",
)
DATE_PATTERNS = (*(rf"(?:(?P<A>[A-Za-z]{{3,9}}),? )?{pattern}{_TIME}" for pattern in _DAY_PATTERNS), *_OTHER_PATTERNS)
"""Patterns of dates as texts: most data has no dates, so a pattern is compiled only when it is first tried."""

_DATE_PREFIX = (
    rf"(?=.{{4,{MAX_DATE_LENGTH}}}$)(?!\d*\.\d*$)"
    r"(?:\d{4}[-/.,_ 年년]{0,3}[\dWQqA-Z]|\d\d?(?:[-/.,_ ]{0,3}(?:\d|[A-Z])|st|nd|rd|th|[qQ])|[QA-Z])"
)
"""The beginning that texts of all patterns have; a number with decimals doesn't match. Testing it is cheaper than trying
all patterns, and most texts that aren't dates fail it.
"""

_DATE_NAMES = {"Y": "YYYY", "y": "YY", "M": "MM", "D": "DD", "B": "MON", "Q": "n", "W": "ww", "V": "D", "J": "DDD"}
_TIME_NAMES = {"h": "hh", "m": "mm", "s": "ss", "p": "AM", "A": "Day", "th": "", "fraction": "", "zone": "±hh:mm"}
_FIELD_NAMES = _DATE_NAMES | _TIME_NAMES
"""How a form's name shows each part."""

_DIRECTIVES = {"±hh:mm": "%z", "YYYY": "%Y", "YY": "%y", "MON": "%b", "MM": "%m", "DD": "%d", "Day": "%a"}
_DIRECTIVES |= {"hh": "%H", "mm": "%M", "ss": "%S", "AM": "%p"}
"""What strptime calls the parts of a form; those with longer names come first."""

_ORDERS: Mapping[int, tuple[str, ...]] = {0: ("",), 2: ("DM", "MD"), 3: ("DMy", "MDy", "yMD")}
"""The possible orders of the numbers whose order isn't known, by how many such numbers there are."""

_TO_SHAPE = str.maketrans("123456789", "0" * 9)


def keep_dates(texts: Sequence[str]) -> tuple[str, ...]:
    """The texts that have the shape of a date, even of an impossible one. Every other text is replaced by its form."""
    return tuple(text if _find_layouts(text.translate(_TO_SHAPE)) else write_form(text) for text in texts)


@lru_cache(4096)  # a window's texts are read with the baseline's forms, and without them
def read_dates(text: str) -> tuple[DateReading, ...]:
    """The readings of a text as a date; empty if it is no date, like 2024-13-45."""
    readings = []
    # There is one layout, or several for numbers whose order isn't known
    for form, fields in _find_layouts(text.translate(_TO_SHAPE)):
        day = _find_day(text, fields)
        if day is not None:
            readings.append(DateReading(form, day))
    return tuple(readings)


def find_time_formats(text: str) -> tuple[str, ...]:
    """The formats of strptime for a day with a time of day, or for a day in ISO 8601; empty for other texts.

    There are several if the order of day and month isn't known. strptime reads no fractions of a second.
    """
    formats = []
    for form, fields in _find_layouts(text.translate(_TO_SHAPE)):
        if text.isdigit() or ("h" not in fields and form != "YYYY-MM-DD"):
            continue
        time_format = form
        for name, directive in _DIRECTIVES.items():
            time_format = time_format.replace(name, directive)
        # The hours before AM and PM are 1 to 12
        formats.append(time_format.replace("%H", "%I") if "p" in fields else time_format)
    return tuple(formats)


def swap_day_and_month(form: str) -> str:
    """The form with day and month swapped."""
    return form.replace("DD", "\0").replace("MM", "DD").replace("\0", "MM")


@lru_cache(2048)
def _find_layouts(shape: str) -> tuple[DateLayout, ...]:
    """The layouts of texts that differ only in their digits; empty if they are no dates. shape: the text with 0 for each
    digit.
    """
    if not re.match(_DATE_PREFIX, shape):
        return ()
    layouts: list[DateLayout] = []
    for date_pattern in DATE_PATTERNS:
        match = re.fullmatch(date_pattern, shape)
        if match:
            layouts += _name_layouts(match)
    return tuple(layouts)


def _name_layouts(match: re.Match[str]) -> Iterator[DateLayout]:
    """The layouts of a match; one for each order in which its numbers may stand."""
    present_fields = [name for name, part in match.groupdict().items() if part is not None and name != "_"]
    spans = sorted((match.span(name), name) for name in present_fields)
    unordered_fields = [name for _, name in spans if name.startswith("_")]
    for order in _ORDERS[len(unordered_fields)]:
        names = dict(zip(unordered_fields, order, strict=True))
        # The form is the text with a name in place of each part
        fields = {}
        form = ""
        end = 0
        for (start, stop), name in spans:
            field = names.get(name, name)
            form += match.string[end:start] + _FIELD_NAMES[field]
            fields[field] = start, stop
            end = stop
        form += match.string[end:]
        yield DateLayout(" ".join(form.split()), fields)


def _find_day(text: str, fields: Fields) -> int | None:
    """The day of a text whose parts are at these positions; None if there is no such day or time."""
    parts = {name: text[start:end] for name, (start, end) in fields.items()}
    if "A" in parts and not _find_name_index(parts["A"], WEEKDAYS):
        return None
    hour = int(parts.get("h", 0))
    minute = int(parts.get("m", 0))
    second = int(parts.get("s", 0))
    if hour > 24 or minute > 59 or second > 60:  # 24:00 ends a day, and 60 is a leap second
        return None
    month = int(parts.get("M", 1))
    if "B" in parts:
        month = _find_name_index(parts["B"], MONTHS)
    day = int(parts.get("D", 1))
    if "y" in parts:
        # Two-digit years as POSIX reads them: 69 is 1969, 68 is 2068
        year = 2000 + int(parts["y"])
        if year >= 2069:
            year -= 100
    else:
        year = int(parts["Y"])
    # Any day of the first or the last year stands for a missing date
    if year == 0:
        return ZERO_DATE if month == 0 == day else None
    if year == 1 and month:
        return FIRST_DAY
    if year == 9999 and month:
        return LATEST_DAY
    try:
        return _ordinal_day(year, month, day, parts)
    except ValueError:
        return None


def _find_name_index(text: str, names: tuple[str, ...]) -> int:
    """The position, from 1 on, of the name that a text is or abbreviates; 0 if there is no such name."""
    text = text.lower()
    return next((number for number, name in enumerate(names, 1) if name.startswith(text)), 0)


def _ordinal_day(year: int, month: int, day: int, parts: Mapping[str, str]) -> int:
    """The ordinal number of a day. Raises ValueError if there is no such day."""
    if "W" in parts:
        return date.fromisocalendar(year, int(parts["W"]), int(parts.get("V", 1))).toordinal()
    if "Q" in parts:
        quarter = int(parts["Q"])
        return date(year, 3 * quarter - 2, 1).toordinal()
    if "J" in parts:
        first = date(year, 1, 1).toordinal()
        last = date(year, 12, 31).toordinal()
        number = first + int(parts["J"]) - 1
        if not first <= number <= last:
            raise ValueError
        return number
    return date(year, month, day).toordinal()
