"""Columns of dates: values are dates, in the baseline's form; their days are near the others, and no single one; and
sentinels such as 9999-12-31 keep their share.

Later days are new by nature, so a healthy next month, quarter or year is silent.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import numpy as np

from spark_model_monitor.monitors.data_quality.baseline_comparison import FeatureComparison
from spark_model_monitor.monitors.data_quality.checks.guard import GROUP, GUARDS, GuardEvidence, share_evidence
from spark_model_monitor.monitors.data_quality.distribution.window_history import BASELINE
from spark_model_monitor.statistics.date_columns import ISO_FORM, DateColumn
from spark_model_monitor.statistics.date_forms import SENTINELS, read_dates
from spark_model_monitor.statistics.states import FeatureProfile
from spark_model_monitor.statistics.verdicts.between_window_variance import FEWEST_WINDOWS, MOST_DISPERSED
from spark_model_monitor.statistics.verdicts.window_statistics import VALUES

FEWEST_DATES = 100  # of a baseline without any value of a kind
LARGE_SHARE = 0.25  # of a window: no group of rows is so large that it is an accident
LARGE_SHARE_OF_FORM = 0.1  # a form belongs to a program, not to a group of rows
NEARLY_ALL = 0.9  # of a window have one date
FEWEST_DAYS = 7  # different ones of a baseline, beside which a window of one day stands out
LEAST_OF_DISPERSION = 0.6  # chi-square per degree of freedom of 32 parts, in one of 20 cases
SHORT_WINDOW = timedelta(days=2)
BUSY_DAY = 3  # times as many rows as the baseline has for each date
LEAST_MARGIN = 300
WIDTHS = 2
LARGEST_MARGIN = 730
"""Days by which dates may lie outside the baseline's and the window's usual ones: two widths of its range, but at least so
many, for a window of a year beside a baseline of a month; at most so many where each row stands for itself. A window of which
nobody says when it ends may be one of the second year after the baseline."""


@GUARDS.register("date_form_check", same_as=("data_type_check",))
def date_form(feature: FeatureComparison, before: FeatureProfile) -> GuardEvidence | None:
    """The share of dates in another form than the baseline's most frequent one is not above the baseline's, as in days first and
    months first. Dates of a type are expected as YYYY-MM-DD, with or without a time, if they become texts.

    Source: D4.24.
    """
    if feature.dates is None or not feature.dates[0].num_dates:
        return None
    baseline, window = feature.dates
    other_forms = window.other_forms(baseline)
    expected_form = baseline.form
    # A baseline may have some dates in other forms, too
    num_before = baseline.num_dates - baseline.forms[expected_form]
    if baseline.is_typed:
        expected_form = ISO_FORM
        num_before = 0
    quantity = f"share of dates that are not written as {expected_form}"
    if other_forms:
        quantity += f" but as {max(other_forms, key=lambda form: other_forms[form])}"
    num_now = sum(other_forms.values())
    return _judge_kind(quantity, (num_before, baseline.num_dates), (num_now, window.num_dates), LARGE_SHARE_OF_FORM)


@GUARDS.register("date_value_check", same_as=("data_type_check",))
def date_value(feature: FeatureComparison, before: FeatureProfile) -> GuardEvidence | None:
    """The share of values that are no dates, such as words and 2024-13-45, is not above the baseline's.

    Source: D4.24.
    """
    if feature.dates is None:
        return None
    baseline, window = feature.dates
    before_and_total = (baseline.not_dates, baseline.values)
    group = estimate_group_size(feature, lambda text: not read_dates(text))
    now_and_total = (window.not_dates, window.values)
    return _judge_kind("share of values that are no dates", before_and_total, now_and_total, group=group)


@GUARDS.register("date_range_check", same_as=("date_form_check",))
def date_range(feature: FeatureComparison, before: FeatureProfile) -> GuardEvidence | None:
    """The share of dates far in the past or in the future is not above the baseline's: ten months and twice the baseline's range
    before its first day, or after its last day and the window's end; two years after its last day if no end is known.

    Source: D4.24.
    """
    if feature.dates is None or not all(dates.num_dates for dates in feature.dates):
        return None
    baseline, window = feature.dates
    # A window of a year fits a baseline of a month
    first = baseline.days[0]
    last = baseline.days[-1]
    margin = max(LEAST_MARGIN, WIDTHS * (last - first))
    if feature.has_independent_rows:
        margin = min(margin, LARGEST_MARGIN)
    latest = last + max(margin, LARGEST_MARGIN)
    if feature.comparison.volume is not None:
        window_end = feature.comparison.volume.time.toordinal()
        latest = max(last, window_end) + margin
    num_past = window.count_before(first - margin)
    num_future = window.num_dates - window.count_before(latest)
    quantity = "share of dates far in the past"
    if num_future > num_past:
        quantity = "share of dates far in the future"
    return _judge_kind(quantity, (0, baseline.num_dates), (num_past + num_future, window.num_dates))


@GUARDS.register("date_sentinel_check")
def date_sentinel(feature: FeatureComparison, before: FeatureProfile) -> GuardEvidence | None:
    """No day that stands for a missing one, such as 9999-12-31 or 1970-01-01, has a larger or smaller share than in the
    baseline.

    Source: D4.24.
    """
    if feature.dates is None:
        return None
    baseline, window = feature.dates
    n = baseline.values
    m = window.values
    changes = []
    for sentinel in {**baseline.sentinels, **window.sentinels}:
        quantity = f"share of {sentinel}"
        b = baseline.sentinels.get(sentinel, 0)
        w = window.sentinels.get(sentinel, 0)
        group = estimate_group_size(feature, partial(_may_be_sentinel, sentinel))
        rise = _judge_kind(quantity, (b, n), (w, m), group=group)
        if _is_usual_day(sentinel, baseline):  # as in birth dates
            rise = share_evidence(quantity, (b, n), (w, m), group=group)
        # A share falls if that of all other values rises
        fall = share_evidence(quantity, (n - b, n), (m - w, m), group=group)
        if rise is not None and fall is not None:
            changes += [rise, replace(fall, observed=rise.observed, expected=rise.expected, share=None)]
    if not changes:
        return _judge_kind("share of sentinels", (0, n), (0, m))
    # The clearest of all days and directions, each a test
    clearest = min(changes, key=lambda change: (not change.is_large, change.p))
    tests = len(changes)
    return replace(clearest, p=tests * clearest.p, grouped_p=tests * clearest.grouped_p)


@GUARDS.register(
    "single_date_check", same_as=("date_form_check", "date_sentinel_check", "date_range_check", "date_value_check")
)
def single_date(feature: FeatureComparison, before: FeatureProfile) -> GuardEvidence | None:
    """No single date has a much larger share than in the baseline: three times as many rows for each of the window's dates, and
    a quarter of them. Nearly all values may be one date if they may be the rows of a single day. A form of months, weeks or
    quarters has few values by nature.

    Source: D4.24.
    """
    if feature.dates is None:
        return None
    baseline, window = feature.dates
    if not baseline.has_days or len(baseline.days) < FEWEST_DAYS:
        return None
    n = baseline.values
    m = window.values
    most_before = int(baseline.counts_of_texts[0])
    most_now = int(window.counts_of_texts.max(initial=0))
    share_before = most_before / n
    if most_now < NEARLY_ALL * m:
        # A shorter window has fewer dates, and each a larger share
        times_as_many = max(1.0, share_before * count_similar_dates(baseline))
        share_before = min(1.0, max(share_before, times_as_many / count_similar_dates(window)))
    if _may_be_of_one_day(feature, baseline, window):
        share_before = 1.0
    evidence = share_evidence("share of the most frequent date", (math.ceil(share_before * n), n), (most_now, m))
    if evidence is None:
        return None
    evidence.least_effect = max(BUSY_DAY * share_before, LARGE_SHARE) - share_before
    return replace(evidence, expected=most_before / n, is_alien=n >= FEWEST_DATES, share=None)


def count_similar_dates(column: DateColumn) -> float:
    """How many dates of one size the column would have, by all but its most frequent one: the inverse of Simpson's index."""
    counts = column.counts_of_texts[1:].astype(float)
    if not len(counts):
        return 1.0
    return 1 + float(counts.sum() ** 2 / (counts**2).sum())


def _may_be_of_one_day(feature: FeatureComparison, baseline: DateColumn, window: DateColumn) -> bool:
    """Whether a window, most of whose rows have one date, may be the rows of one day: if it is known to be so short; or if most
    are later than the baseline's, or rows come in order, and they are about as many as the baseline has for each date.
    """
    volume = feature.comparison.volume
    if volume is not None and volume.start is not None:
        return volume.time - volume.start <= SHORT_WINDOW
    is_later = window.num_dates > 0 and window.median() > baseline.days[-1]
    is_in_order = is_later or not feature.has_independent_rows
    return is_in_order and window.values * len(baseline.days) <= BUSY_DAY * baseline.values


def _judge_kind(
    quantity: str,
    baseline: tuple[int, int],
    current: tuple[int, int],
    large_share: float = LARGE_SHARE,
    group: int = GROUP,
) -> GuardEvidence | None:
    """Whether a share is higher than by chance. A kind that the baseline never had is none that comes in groups of rows."""
    evidence = share_evidence(quantity, baseline, current, is_kind=True, group=group)
    is_large = current[0] >= large_share * current[1]
    if evidence is not None and not baseline[0] and baseline[1] >= FEWEST_DATES and is_large:
        evidence.is_alien = True
    return evidence


def estimate_group_size(feature: FeatureComparison, is_of_kind: Callable[[str], bool]) -> int:
    """How many rows with a value of some kind may belong together: as evenly as the baseline's parts have the most frequent of
    these values, and as the window's neighbouring rows are alike; `GROUP` if that is unknown.

    Source: McCullagh and Nelder 1989, "Generalized Linear Models", 4.5.
    """
    past = feature.baseline_feature.past(BASELINE)
    if past is None or feature.baseline.is_numeric:
        return GROUP
    dispersions = []
    for name, value in zip(VALUES, feature.baseline.frequent_values.tolist(), strict=False):
        scores = past[name][~np.isnan(past[name])]
        if len(scores) >= FEWEST_WINDOWS and is_of_kind(str(value)):
            dispersions.append(float((scores**2).mean()))
    if not dispersions:
        return GROUP
    # The largest size that such a dispersion is compatible with; none beyond what chance allows
    size = 1.0
    if max(dispersions) > MOST_DISPERSED:
        size = max(dispersions) / LEAST_OF_DISPERSION
    return min(GROUP, math.ceil(max(size, feature.window_design_effect.of_values)))


def _may_be_sentinel(sentinel: str, text: str) -> bool:
    return any(SENTINELS.get(reading.day) == sentinel for reading in read_dates(text))


def _is_usual_day(sentinel: str, baseline: DateColumn) -> bool:
    """Whether a day that may stand for a missing one is between the baseline's other days."""
    day = next(number for number, name in SENTINELS.items() if name == sentinel)
    return baseline.num_dates > 0 and bool(baseline.days[0] <= day <= baseline.days[-1])
