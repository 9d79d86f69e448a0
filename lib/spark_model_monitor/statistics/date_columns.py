"""A column of dates: the forms in which its values are written, its days, its sentinels, and the values that are no dates.

`recognise_dates` says from a feature's states whether it is a column of dates; `read_window` reads a later window of the
column. The texts are those that were counted one by one, or a sample of them if they are too many (`DateTexts`). Whole
numbers such as 20240131 are dates, too. Runs on the driver.
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

MIN_DATE_SHARE = 0.5  # a column is a column of dates if a larger share of its values are dates
MIN_DATE_SHARE_OF_NUMBERS = 0.95  # the same for a column of numbers: a whole number may look like a date by chance
MIN_NUMBERS = 10
EXAMINED_TEXTS = 20  # at least one of the first texts has to be a date
PLAUSIBLE_DAYS = date(1800, 1, 1).toordinal(), date(2200, 1, 1).toordinal()  # the median day has to lie between these
RECENT_DAYS = date(1980, 1, 1).toordinal(), date(2060, 1, 1).toordinal()
"""The same for numbers of six or seven digits, most of which are no dates."""

MIN_DISTINCT_DAYS = {"YYYYDDD": 20}
"""The minimum number of different days in numbers of this form: a third of all numbers of seven digits can be read in it."""

OTHER_TEXTS = ""  # stands in a sample for all texts that aren't dates
DIGITS_OF_DAY = 8
DIGITS_OF_TIME = 14
DATE_TYPES = (ColumnType.DATE, ColumnType.TIMESTAMP)
# A midnight after a day adds nothing to the day
ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d([T ]00:00(:00(\.0+)?)?(Z|[+-]00:?00)?)?")
# Times without a zone are in UTC
ZONE = "±hh:mm"
UTC_ZONE = re.compile(r"(?:Z|UTC|GMT|[-+]00:?00)(?:\[[\w/]+\])?$", re.IGNORECASE)
ISO_FORM = "YYYY-MM-DD"  # the form in which Spark, pandas and Arrow write typed dates as texts


@value_class
class DateColumn:
    """The dates of a column.

    values: number of values that were read.
    forms: the number of dates by form, without sentinels, the most frequent one first.
    is_ambiguous: whether day and month of the first form may be swapped.
    sentinels: the count of each sentinel day.
    days, counts: the different days of the other dates, ascending, and the count of each.
    not_dates: number of values that aren't dates.
    counts_of_texts: how often each different text of these dates occurs, the most frequent text first.
    is_typed: whether the column has a type of dates (date or timestamp).
    are_iso_days: whether all dates are days or midnights in ISO 8601.
    are_in_utc: whether no date has a zone other than UTC.
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
    are_iso_days: bool = False
    are_in_utc: bool = False

    @classmethod
    def of(cls, texts: Mapping[str, int], baseline: DateColumn | None = None, *, is_typed: bool = False) -> DateColumn:
        """The dates in some texts. texts: counts by text. baseline: its forms are tried first."""
        # Separate sentinels and texts that aren't dates from the other texts
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
        # A text may be readable in several forms: it gets the form that most texts can have
        ranks = _rank_forms(texts, readings_by_text, baseline)
        forms: Counter[str] = Counter()
        count_by_day: Counter[int] = Counter()
        are_in_utc = True
        for text, readings in readings_by_text.items():
            form, day = min(readings, key=lambda reading: ranks[reading.form])
            if ZONE in form and not UTC_ZONE.search(text.rstrip()):
                are_in_utc = False
            forms[form] += texts[text]
            count_by_day[day] += texts[text]
        days = sorted(count_by_day)
        forms_by_frequency = dict(
            sorted(forms.items(), key=lambda count_of_form: (-count_of_form[1], ranks[count_of_form[0]]))
        )
        main_form = next(iter(forms_by_frequency), "")
        return cls(
            sum(texts.values()),
            forms_by_frequency,
            _is_ambiguous(main_form, readings_by_text.values()),
            dict(sentinels),
            np.array(days, np.int64),
            np.array([count_by_day[day] for day in days], np.int64),
            not_dates,
            np.array(sorted((texts[text] for text in readings_by_text), reverse=True), np.int64),
            is_typed,
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
        """The number of dates that aren't sentinels."""
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
    def form_in_parentheses(self) -> str:
        """The form in parentheses, after a blank; empty for typed dates."""
        if self.form and not self.is_typed:
            return f" ({self.form})"
        return ""

    @property
    def has_days(self) -> bool:
        """Whether the dates are days, not months, weeks or quarters."""
        return "D" in self.form

    def quantile(self, share: float) -> int:
        """The day that this share of the dates are not after; 0.5 for the median."""
        index = np.searchsorted(self.counts.cumsum(), share * self.num_dates)
        return int(self.days[index])

    @property
    def spread(self) -> int:
        """The number of days from the first to the third quartile."""
        return self.quantile(0.75) - self.quantile(0.25)

    def count_before(self, day: int) -> int:
        """The number of dates before a day."""
        return int(self.counts[self.days < day].sum())

    def count_other_forms(self, baseline: DateColumn) -> dict[str, int]:
        """The number of dates by form, without the dates in the form that the baseline leads us to expect.

        That is the baseline's most frequent form, or the form of typed dates that were written as texts. Typed dates have no
        form of their own. A T before the time is the same as a blank, and the zone UTC is ignored if neither side has another
        zone.
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
    """The rank of each form: first the baseline's forms, then the forms that most texts can have, then those with the
    shortest time span.
    """
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
    """Whether every date of this form can also be read with day and month swapped."""
    swapped = swap_day_and_month(form)
    if not form or swapped == form:
        return False
    forms_by_text = [{reading.form for reading in readings} for readings in all_readings]
    return all(swapped in text_forms for text_forms in forms_by_text if form in text_forms)


@cache_with_feature
def recognise_dates(feature: FeatureProfile) -> DateColumn | None:
    """The dates of a feature, if it is a column of dates; None if it isn't, or if its values are unknown."""
    texts = None
    if feature.num_present:
        texts = count_texts(feature)
    is_typed = feature.column_type in DATE_TYPES
    if texts is None:
        if is_typed:
            return DateColumn(is_typed=True)
        return None
    if not is_typed and not any(map(read_dates, islice(texts, EXAMINED_TEXTS))):
        return None
    column = DateColumn.of(texts, is_typed=is_typed)
    if is_typed:
        return column
    minimum = MIN_DATE_SHARE
    if feature.is_numeric:
        minimum = MIN_DATE_SHARE_OF_NUMBERS
    if not column.num_dates or column.share_of_dates <= minimum:
        return None
    # A number may look like a date by chance, so the median has to be a plausible day
    earliest, latest = PLAUSIBLE_DAYS
    if feature.is_numeric:
        is_short = len(column.form) < DIGITS_OF_DAY
        earliest, latest = RECENT_DAYS if is_short else PLAUSIBLE_DAYS
        if column.values < MIN_NUMBERS or len(column.days) < MIN_DISTINCT_DAYS.get(column.form, 1):
            return None
    if earliest <= column.quantile(0.5) < latest:
        return column
    return None


def read_window(current: FeatureProfile, baseline: DateColumn) -> DateColumn | None:
    """A window of a column of dates; None if its values are unknown."""
    is_typed = current.column_type in DATE_TYPES
    texts = count_texts(current)
    if current.is_numeric and (baseline.is_typed or texts is None):
        return DateColumn(current.num_present, not_dates=current.num_present)
    if texts is None:
        return None
    return DateColumn.of(texts, baseline, is_typed=is_typed)


def count_texts(feature: FeatureProfile) -> Mapping[str, int] | None:
    """The count of each of a feature's values as a text, exact or from a sample; None if the values are unknown."""
    frequencies = feature.frequencies
    if frequencies is not None and frequencies.exact and frequencies.counts:
        return frequencies.counts
    if feature.is_numeric:
        return _count_numbers(feature)
    sample = feature.state(DateTexts)
    if frequencies is None or sample is None:
        return None
    # The stored count of a frequent text is too low by up to the bound (see Frequencies), so the bound is added. Rarer texts
    # come from the sample
    frequent_texts = sorted(text for text, count in frequencies.counts.items() if count > frequencies.bound)
    rows = np.array([frequencies.counts[text] for text in frequent_texts], np.int64) + frequencies.bound
    counts = sample.count_rare_texts(2 * frequencies.bound)
    sampled_row_count = frequencies.total - sample.skipped - int(rows.sum())
    scale = 1.0
    if sampled_row_count > 0 and counts:
        scale = counts.total() / sampled_row_count
    counts[OTHER_TEXTS] += round(scale * sample.skipped)
    # As many rows of the frequent texts as a sample of the rows would have: every n-th row is taken
    sampled_rows = np.diff(np.rint(scale * rows.cumsum()), prepend=0).astype(np.int64)
    counts.update(dict(zip(frequent_texts, sampled_rows.tolist(), strict=True)))
    return +counts


def _count_numbers(feature: FeatureProfile) -> Mapping[str, int] | None:
    """The counts of whole numbers as texts, estimated from the sketch; None if the numbers surely aren't dates."""
    sketch = feature.kll
    moments = feature.moments
    if sketch is None or moments is None or not moments.count:
        return None
    values, cumulative = sketch.step_cdf()
    digits = len(f"{abs(sketch.quantile(0.5)):.0f}")
    if not DIGITS_OF_DAY - 2 <= digits <= DIGITS_OF_TIME:
        return None
    # A sketch of many numbers keeps only some of them, so the evidence is that of as many rows as it keeps
    sampled_share = sum(map(len, sketch.levels)) / moments.count
    counts = np.diff(cumulative, prepend=0) * sampled_share
    texts = (_write_number(value) for value in values.tolist())
    return {text: max(1, round(count)) for text, count in zip(texts, counts.tolist(), strict=True)}


def _write_number(value: float) -> str:
    """A whole number as the text of a day, with leading zeros if they were lost: 10101 is January 1 of the year 1."""
    if value == 0 or 10_101 <= value < 100_000:
        return f"{value:0{DIGITS_OF_DAY}.0f}"
    return f"{value:.17g}"
