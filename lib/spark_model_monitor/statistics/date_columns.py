"""A column of dates: the forms in which its values are written, its days, its sentinels, and the values that are no dates.

`recognise_dates` says whether a feature is one, from its states; `read_window` reads a later window of it likewise.
Texts are those that were counted one by one; where they are too many, a sample of them (`DateTexts`). Whole numbers such
as 20240131 are dates, too. Runs on the driver.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import date
from itertools import islice

import numpy as np

from spark_model_monitor.statistics import Integers, create_empty_integers
from spark_model_monitor.statistics.date_forms import SENTINELS, DateReading, read_dates, swap_day_and_month
from spark_model_monitor.statistics.states.date_texts import DateTexts
from spark_model_monitor.statistics.states.profile import ColumnType, FeatureProfile, cache_with_feature
from spark_model_monitor.value_class import value_class

MIN_DATES = 0.5  # a column with a larger share of dates is one of dates
MIN_DATES_OF_NUMBERS = 0.95  # a whole number may be a date by chance
MIN_NUMBERS = 10
FIRST_TEXTS = 20  # one of them at least has to be a date
PLAUSIBLE_DAYS = date(1800, 1, 1).toordinal(), date(2200, 1, 1).toordinal()  # between which the median has to be
RECENT_DAYS = date(1980, 1, 1).toordinal(), date(2060, 1, 1).toordinal()
"""The same for numbers of six or seven digits, most of which are no dates."""

MIN_DIFFERENT = {"YYYYDDD": 20}
"""How many different days numbers in this form have at minimum: a third of all numbers of seven digits fit."""

NO_DATE = ""  # stands for all texts that are none, in a sample
DIGITS_OF_DAY = 8
DIGITS_OF_TIME = 14
TYPED = (ColumnType.DATE, ColumnType.TIMESTAMP)
# Midnight beside a day says nothing
ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d([T ]00:00(:00(\.0+)?)?(Z|[+-]00:?00)?)?")
# Times without a zone are of UTC
ZONE = "±hh:mm"
IN_UTC = re.compile(r"(?:Z|UTC|GMT|[-+]00:?00)(?:\[[\w/]+\])?$", re.IGNORECASE)
ISO_FORM = "YYYY-MM-DD"  # in which Spark, pandas and Arrow write typed dates as texts


@value_class
class DateColumn:
    """The dates of a column.

    values: number of values that were read.
    forms: the number of dates by form, without sentinels, the most frequent one first.
    is_ambiguous: whether day and month of the first form may be in each other's place.
    sentinels: counts by day.
    days, counts: the different days of the other dates, ascending.
    not_dates: number of values that are none.
    counts_of_texts: how often each different text of these dates occurs, the most frequent one first.
    is_typed: whether the column's type is one of dates.
    tried_forms: the forms that any of the texts can have, in the order in which they were tried.
    are_iso_days, are_in_utc: whether all of them are days as ISO 8601 has them, or midnights; whether none has another
        zone than UTC.
    """

    values: int = 0
    forms: Mapping[str, int] = field(default_factory=dict)
    is_ambiguous: bool = False
    sentinels: Mapping[str, int] = field(default_factory=dict)
    days: Integers = field(default_factory=create_empty_integers)
    counts: Integers = field(default_factory=create_empty_integers)
    not_dates: int = 0
    counts_of_texts: Integers = field(default_factory=create_empty_integers)
    is_typed: bool = False
    tried_forms: tuple[str, ...] = ()
    are_iso_days: bool = False
    are_in_utc: bool = False

    @classmethod
    def of(cls, texts: Mapping[str, int], baseline: DateColumn | None = None, *, is_typed: bool = False) -> DateColumn:
        """The dates in some texts, which are counts by text. baseline: its forms are tried first."""
        # Sentinels and texts that are no dates, apart from the others
        readings_by_text: dict[str, tuple[DateReading, ...]] = {}
        sentinels: Counter[str] = Counter()
        not_dates = 0
        for text, count in texts.items():
            readings = read_dates(text)
            if not readings:
                not_dates += count
            elif readings[0].day in SENTINELS:
                sentinels[SENTINELS[readings[0].day]] += count
            else:
                readings_by_text[text] = readings
        # Each text has the form of most other texts that it can have
        ranks = _rank_forms(texts, readings_by_text, baseline)
        forms: Counter[str] = Counter()
        count_by_day: Counter[int] = Counter()
        are_in_utc = True
        for text, readings in readings_by_text.items():
            form, day = min(readings, key=lambda reading: ranks[reading.form])
            if ZONE in form and not IN_UTC.search(text.rstrip()):
                are_in_utc = False
            forms[form] += texts[text]
            count_by_day[day] += texts[text]
        days = sorted(count_by_day)
        ordered = dict(sorted(forms.items(), key=lambda count_of_form: (-count_of_form[1], ranks[count_of_form[0]])))
        main_form = next(iter(ordered), "")
        return cls(
            sum(texts.values()),
            ordered,
            _is_ambiguous(main_form, readings_by_text.values()),
            dict(sentinels),
            np.array(days, np.int64),
            np.array([count_by_day[day] for day in days], np.int64),
            not_dates,
            np.array(sorted((texts[text] for text in readings_by_text), reverse=True), np.int64),
            is_typed,
            tuple(sorted(ranks, key=lambda form: ranks[form])),
            bool(readings_by_text) and all(ISO_DAY.fullmatch(text.strip()) for text in readings_by_text),
            are_in_utc,
        )

    def list_expected_forms(self) -> set[str]:
        """The forms of later dates of the column, which are tried first."""
        if self.is_ambiguous:
            return {*self.forms, swap_day_and_month(self.form)}
        return {*self.forms}

    @property
    def num_dates(self) -> int:
        """The number of dates that are no sentinels."""
        return sum(self.forms.values())

    @property
    def share_of_dates(self) -> float:
        """The share of the values that are dates or sentinels; 1 without values."""
        if self.values:
            return 1 - self.not_dates / self.values
        return 1.0

    @property
    def form(self) -> str:
        """The most frequent form; empty without dates."""
        return next(iter(self.forms), "")

    @property
    def form_in_words(self) -> str:
        """The form in parentheses, after a blank; empty for a type of dates."""
        if self.form and not self.is_typed:
            return f" ({self.form})"
        return ""

    @property
    def has_days(self) -> bool:
        """Whether the dates are days, not months, weeks or quarters."""
        return "D" in self.form

    def median(self) -> int:
        """The median day."""
        middle = np.searchsorted(self.counts.cumsum(), self.num_dates / 2)
        return int(self.days[middle])

    def count_before(self, day: int) -> int:
        """The number of dates before a day."""
        return int(self.counts[self.days < day].sum())

    def other_forms(self, baseline: DateColumn) -> dict[str, int]:
        """The dates by form that are not in the baseline's most frequent form, or that of typed dates as texts. Typed dates have
        no form of their own, a T before the time is a blank, and UTC says nothing where no other zone is.
        """
        if self.is_typed or (self.are_iso_days and baseline.are_iso_days):
            return {}
        if baseline.is_typed:
            return {form: count for form, count in self.forms.items() if not form.startswith(ISO_FORM)}
        expected = baseline.form
        if baseline.is_ambiguous and self.form == swap_day_and_month(expected):
            expected = self.form
        ignored_zone = ""
        if self.are_in_utc and baseline.are_in_utc:
            ignored_zone = ZONE
        expected = expected.replace("T", " ").replace(ignored_zone, "")
        return {
            form: count
            for form, count in self.forms.items()
            if form.replace("T", " ").replace(ignored_zone, "") != expected
        }


def _rank_forms(
    texts: Mapping[str, int], readings_by_text: Mapping[str, tuple[DateReading, ...]], baseline: DateColumn | None
) -> dict[str, tuple[bool, int, int, str]]:
    """The order in which forms are tried: those of the baseline, those of most texts, those of the shortest time."""
    # The number of texts that can have each form, and their first and last days
    counts: Counter[str] = Counter()
    days: dict[str, tuple[int, int]] = {}
    for text, readings in readings_by_text.items():
        for form, day in readings:
            counts[form] += texts[text]
            first, last = days.get(form, (day, day))
            days[form] = min(first, day), max(last, day)
    expected = set()
    if baseline is not None:
        expected = baseline.list_expected_forms()
    return {form: (form not in expected, -counts[form], last - first, form) for form, (first, last) in days.items()}


def _is_ambiguous(form: str, all_readings: Iterable[tuple[DateReading, ...]]) -> bool:
    """Whether every date of this form would be one, too, with day and month in each other's place."""
    swapped = swap_day_and_month(form)
    if not form or swapped == form:
        return False
    forms = [{reading.form for reading in readings} for readings in all_readings]
    return all(swapped in readable for readable in forms if form in readable)


@cache_with_feature
def recognise_dates(feature: FeatureProfile) -> DateColumn | None:
    """The dates of a feature, if it is a column of dates; None if it isn't, or if its values are unknown."""
    texts = None
    if feature.num_present:
        texts = count_texts(feature)
    is_typed = feature.column_type in TYPED
    if texts is None:
        if is_typed:
            return DateColumn(is_typed=True)
        return None
    if not is_typed and not any(map(read_dates, islice(texts, FIRST_TEXTS))):
        return None
    column = DateColumn.of(texts, is_typed=is_typed)
    if is_typed:
        return column
    minimum = MIN_DATES
    if feature.is_numeric:
        minimum = MIN_DATES_OF_NUMBERS
    if not column.num_dates or column.share_of_dates <= minimum:
        return None
    # Numbers are dates only if it is no chance
    earliest, latest = PLAUSIBLE_DAYS
    if feature.is_numeric:
        is_short = len(column.form) < DIGITS_OF_DAY
        earliest, latest = RECENT_DAYS if is_short else PLAUSIBLE_DAYS
        if column.values < MIN_NUMBERS or len(column.days) < MIN_DIFFERENT.get(column.form, 1):
            return None
    if earliest <= column.median() < latest:
        return column
    return None


def read_window(current: FeatureProfile, baseline: DateColumn) -> DateColumn | None:
    """A window of a column of dates; None if its values are unknown."""
    is_typed = current.column_type in TYPED
    texts = count_texts(current)
    if current.is_numeric and (baseline.is_typed or texts is None):
        return DateColumn(current.num_present, not_dates=current.num_present)
    if texts is None:
        return None
    # Dates that were read without the baseline are the same if its forms were the first to be tried; each is read once then,
    # which is two fifths of what a window's column of dates takes
    if not current.is_numeric:
        dates = recognise_dates(current)
        expected = baseline.list_expected_forms()
        if dates is not None:
            expected_first = sorted(dates.tried_forms, key=lambda form: form not in expected)
            if list(dates.tried_forms) == expected_first:
                return dates
    return DateColumn.of(texts, baseline, is_typed=is_typed)


def count_texts(feature: FeatureProfile) -> Mapping[str, int] | None:
    """The counts of a feature's values as texts, or of a sample of them; None if they are unknown."""
    frequencies = feature.frequencies
    if frequencies is not None and frequencies.exact and frequencies.counts:
        return frequencies.counts
    if feature.is_numeric:
        return _count_numbers(feature)
    sample = feature.state(DateTexts)
    if frequencies is None or sample is None:
        return None
    # The count of a frequent text lacks the whole bound (see Frequencies), which is added; rarer texts are as in the sample
    frequent = sorted(text for text, count in frequencies.counts.items() if count > frequencies.bound)
    rows = np.array([frequencies.counts[text] for text in frequent], np.int64) + frequencies.bound
    counts = sample.count_rare_texts(2 * frequencies.bound)
    sampled_from = frequencies.total - sample.skipped - int(rows.sum())
    scale = 1.0
    if sampled_from > 0 and counts:
        scale = counts.total() / sampled_from
    counts[NO_DATE] += round(scale * sample.skipped)
    # As many rows of the frequent texts as a sample of rows would have, at equal distances
    sampled_rows = np.diff(np.rint(scale * rows.cumsum()), prepend=0).astype(np.int64)
    counts.update(dict(zip(frequent, sampled_rows.tolist(), strict=True)))
    return +counts


def _count_numbers(feature: FeatureProfile) -> Mapping[str, int] | None:
    """The counts of whole numbers as texts, as the sketch has them; None if they are surely no dates."""
    sketch = feature.kll
    moments = feature.moments
    if sketch is None or moments is None or not moments.count:
        return None
    values, cumulative = sketch.step_cdf()
    digits = len(f"{abs(sketch.quantile(0.5)):.0f}")
    if not DIGITS_OF_DAY - 2 <= digits <= DIGITS_OF_TIME:
        return None
    # In a sketch of more numbers than it keeps, those kept say as much as so many rows
    sampled_share = sum(map(len, sketch.levels)) / moments.count
    counts = np.diff(cumulative, prepend=0) * sampled_share
    texts = (_write_number(value) for value in values.tolist())
    return {text: max(1, round(count)) for text, count in zip(texts, counts.tolist(), strict=True)}


def _write_number(value: float) -> str:
    """A whole number as the text of a day; 10101 is January 1 of the year 1."""
    if value == 0 or 10_101 <= value < 100_000:
        return f"{value:0{DIGITS_OF_DAY}.0f}"
    return f"{value:.17g}"
