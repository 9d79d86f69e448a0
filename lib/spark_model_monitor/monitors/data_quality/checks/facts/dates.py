"""Columns of dates: values are dates, in the baseline's form; their days are near the others, and no single one; and
sentinels such as 9999-12-31 keep their share.

Later days are new by nature, so a healthy next month, quarter or year is silent.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from functools import partial

import numpy as np

from spark_model_monitor.monitors.data_quality.baseline_comparison import FeatureComparison
from spark_model_monitor.monitors.data_quality.checks.facts import (
    MIN_SHARE_CHANGE,
    FactEvidence,
    compare_shares,
    get_exact_counts,
    register_fact,
    select_clearest,
)
from spark_model_monitor.monitors.data_quality.checks.facts.text_form import estimate_group_size
from spark_model_monitor.statistics.date_columns import ISO_FORM, DateColumn
from spark_model_monitor.statistics.date_forms import SENTINELS, read_dates
from spark_model_monitor.statistics.states import FeatureProfile
from spark_model_monitor.statistics.verdicts.components import NEARLY_ALL

MIN_SINGLE_DATE_SHARE = 0.25  # smallest relevant share of a window's rows with one date
MIN_DAYS = 7  # fewest distinct days of a baseline for which a window of one day stands out
SHORT_WINDOW = timedelta(days=2)
BUSY_DAY_RATIO = 3  # a busy day has at most so many times the rows that the baseline has for each date
MIN_MARGIN = 300  # days beyond baseline and window, so that a window of a year fits a baseline of a month
MIN_SPREAD = 2 / 3  # dates of one period have a smaller spread, as a share of the baseline's
LONG_AGO = 3653  # days between the median and the newest date, from which the dates don't follow the windows
PERIODS = (
    "the oldest quarter",
    "the second quarter",
    "the third quarter",
    "the newest quarter",
)  # of a baseline's dates
MAX_WINDOW_DAYS = 730  # days from the baseline to a window's end, at most, if the end is unknown


@register_fact("date_form_check", same_as=("data_type_check",))
def date_form(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """The share of dates in another form than the baseline's most frequent one is not above the baseline's, as in days first and
    months first. Dates of a type are expected as YYYY-MM-DD, with or without a time, if they become texts.

    Source: D4.24.
    """
    if feature.date_columns is None or not feature.date_columns[0].num_dates:
        return None
    baseline, window = feature.date_columns
    count_other_forms = window.count_other_forms(baseline)
    expected_form = baseline.form
    # A baseline may have some dates in other forms, too
    num_before = baseline.num_dates - baseline.forms[expected_form]
    if baseline.is_typed:
        expected_form = ISO_FORM
        num_before = 0
    quantity = f"share of dates that are not written as {expected_form}"
    if count_other_forms:
        quantity += f" but as {max(count_other_forms, key=lambda form: count_other_forms[form])}"
    num_now = sum(count_other_forms.values())
    return compare_shares(quantity, (num_before, baseline.num_dates), (num_now, window.num_dates))


@register_fact("date_value_check", same_as=("data_type_check",))
def date_value(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """The share of values that are no dates, such as words and 2024-13-45, is not above the baseline's.

    Source: D4.24.
    """
    if feature.date_columns is None:
        return None
    baseline, window = feature.date_columns
    counts_before = (baseline.not_dates, baseline.values)
    counts_now = (window.not_dates, window.values)
    quantity = "share of values that are no dates"
    group = estimate_group_size(feature, lambda text: not read_dates(text))
    return compare_shares(quantity, counts_before, counts_now, group)


@register_fact("date_range_check", same_as=("date_form_check",))
def date_range(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """The share of dates far in the past or in the future is not above the baseline's: ten months and
    twice its range before its first day, or after its last day and the window's end; two years later if no end is known.

    Source: D4.24.
    """
    if feature.date_columns is None or not all(dates.num_dates for dates in feature.date_columns):
        return None
    baseline, window = feature.date_columns
    # A window of a year fits a baseline of a month
    first = baseline.days[0]
    last = baseline.days[-1]
    margin = max(MIN_MARGIN, 2 * (last - first))
    if feature.has_independent_rows:
        margin = min(margin, MAX_WINDOW_DAYS)
    window_end = last + max(0, MAX_WINDOW_DAYS - margin)
    if feature.comparison.volume is not None:
        window_end = feature.comparison.volume.time.toordinal()
    earliest = first - margin
    latest = max(last, window_end) + margin
    num_past = window.count_before(earliest)
    num_future = window.num_dates - window.count_before(latest)
    quantity = "share of dates far in the past"
    if num_future > num_past:
        quantity = "share of dates far in the future"
    group = estimate_group_size(feature, lambda text: any(not earliest <= day < latest for _, day in read_dates(text)))
    return compare_shares(quantity, (0, baseline.num_dates), (num_past + num_future, window.num_dates), group)


@register_fact(
    "date_period_check", same_as=("date_form_check", "date_sentinel_check", "date_value_check", "single_date_check")
)
def date_period(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """No period that had a quarter of the baseline's dates has more of them, if most of these are ten years old, as those of
    births. Unless rows are known to come in no order, it needs twice as many, and isn't judged if the window's dates are as near
    to each other as those of one period.

    Source: D4.24.
    """
    if feature.date_columns is None or not all(dates.num_dates for dates in feature.date_columns):
        return None
    baseline, window = feature.date_columns
    # Recent dates follow the windows, so later ones are new by nature
    newest = baseline.days[-1]
    are_recent = newest - baseline.quantile(0.5) < LONG_AGO
    if are_recent or window.quantile(0.5) > newest:
        return None
    # The first days of all periods except the oldest, and the number of dates in each period
    shares = np.arange(1, len(PERIODS)) / len(PERIODS)
    indices = np.searchsorted(baseline.counts.cumsum(), baseline.num_dates * shares)
    starts = baseline.days[indices].tolist()
    dates_before = [0, *map(baseline.count_before, starts), baseline.num_dates]
    counts_before = np.diff(dates_before).tolist()
    counts_now = np.diff([0, *map(window.count_before, starts), window.num_dates]).tolist()
    # The share of each period before and now
    group = max(feature.baseline_design_effect, feature.window_design_effect.value_design_effect)
    changes = []
    for period, b, w in zip(PERIODS, counts_before, counts_now, strict=True):
        quantity = f"share of dates in {period}"
        changes.append(
            compare_shares(
                quantity, (b, baseline.num_dates), (w, window.num_dates), group, least_effect=MIN_SHARE_CHANGE
            )
        )
    clearest = select_clearest(*changes)
    if clearest is None or not clearest.is_large or feature.has_independent_rows:
        return clearest
    # If dates are too many to be counted one by one, their order is unknown, but those of one period are near each other
    is_counted = get_exact_counts(baseline_profile) is not None
    has_spread = window.spread >= MIN_SPREAD * baseline.spread
    if not is_counted and has_spread and clearest.effect >= 1 / len(PERIODS):  # twice as many dates
        return clearest
    return replace(clearest, reason="the window may be of one period of the baseline's dates")


@register_fact("date_sentinel_check")
def date_sentinel(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """No day that stands for a missing one, such as 9999-12-31 or 1970-01-01, has a larger or smaller share than in the
    baseline.

    Source: D4.24.
    """
    if feature.date_columns is None:
        return None
    baseline, window = feature.date_columns
    n = baseline.values
    m = window.values
    changes = []
    for sentinel in {**baseline.sentinels, **window.sentinels}:
        quantity = f"share of {sentinel}"
        b = baseline.sentinels.get(sentinel, 0)
        w = window.sentinels.get(sentinel, 0)
        group = estimate_group_size(feature, partial(_may_be_sentinel, sentinel))
        rise = compare_shares(quantity, (b, n), (w, m), group)
        # The fall of a share is tested as the rise of all other values' share
        fall = compare_shares(quantity, (n - b, n), (m - w, m), group)
        if rise is not None and fall is not None:
            changes += [rise, replace(fall, observed=rise.observed, expected=rise.expected)]
    return select_clearest(*changes) or compare_shares("share of sentinels", (0, n), (0, m))


@register_fact(
    "single_date_check", same_as=("date_form_check", "date_sentinel_check", "date_range_check", "date_value_check")
)
def single_date(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """No single date has a much larger share than in the baseline: three times as many rows for each of the window's dates, and
    a quarter of them. Nearly all values may be one date if they may be the rows of a single day. A form of months, weeks or
    quarters has few values by nature.

    Source: D4.24.
    """
    if feature.date_columns is None:
        return None
    baseline, window = feature.date_columns
    if not baseline.has_days:
        return None
    if len(baseline.days) < MIN_DAYS:
        return None
    n = baseline.values
    m = window.values
    most_before = int(baseline.counts_of_texts[0])
    most_now = int(window.counts_of_texts.max(initial=0))
    share_before = most_before / n
    if most_now < NEARLY_ALL * m:
        # A shorter window has fewer dates, and each a larger share
        times_as_many = max(1.0, share_before * count_similar_dates(baseline))
        share_of_date = times_as_many / count_similar_dates(window)
        share_before = min(1.0, max(share_before, share_of_date))
    # The rows of a single day have one date
    if _may_be_of_one_day(feature, baseline, window):
        share_before = 1.0
    evidence = compare_shares("share of the most frequent date", (math.ceil(share_before * n), n), (most_now, m))
    if evidence is None:
        return None
    least_effect = max(BUSY_DAY_RATIO * share_before, MIN_SINGLE_DATE_SHARE) - share_before
    return replace(evidence, least_effect=least_effect, expected=most_before / n, tail=None)


def count_similar_dates(column: DateColumn) -> float:
    """The effective number of dates, the inverse of Simpson's index: that of all dates except the most frequent one, plus 1."""
    counts = column.counts_of_texts[1:].astype(float)
    if not len(counts):
        return 1.0
    return 1 + float(counts.sum() ** 2 / (counts**2).sum())


def _may_be_of_one_day(feature: FeatureComparison, baseline: DateColumn, window: DateColumn) -> bool:
    """Whether a window, most of whose rows have one date, may be the rows of one day.

    If the window's length is known, it has to be short. Otherwise its dates have to be later than the baseline's, or rows have
    to come in order; and it has about as many rows as the baseline has for each date.
    """
    volume = feature.comparison.volume
    if volume is not None and volume.start is not None:
        return volume.time - volume.start <= SHORT_WINDOW
    is_later = window.num_dates > 0 and window.quantile(0.5) > baseline.days[-1]
    is_in_order = is_later or not feature.has_independent_rows
    rows_of_all_days = window.values * len(baseline.days)
    return is_in_order and rows_of_all_days <= BUSY_DAY_RATIO * baseline.values


def _may_be_sentinel(sentinel: str, text: str) -> bool:
    return any(SENTINELS.get(reading.day) == sentinel for reading in read_dates(text))
