"""The first days of a schedule, when nobody knows yet what follows the clock: whether a window may be an hour of the baseline's
days, or a day of its weeks, or whether none of them can be like it. Pure.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import combinations

import numpy as np

from spark_model_monitor.monitors.data_quality.baseline_comparison import FeatureComparison
from spark_model_monitor.monitors.data_quality.checks.drift.baseline_drift import why_not_compared
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import find_new_values
from spark_model_monitor.monitors.data_quality.distribution.window_history import BASELINE
from spark_model_monitor.monitors.data_quality.families import PREDICTIONS
from spark_model_monitor.statistics.verdicts.components import chance_of_more

LEAST_TRAFFIC = 1.5  # times fewer rows than windows of such a size usually have
ONE_HOUR = timedelta(hours=1)
ONE_DAY = timedelta(days=1)
ONE_WEEK = timedelta(weeks=1)
LARGE_SHARE = 0.1  # of a window's rows, in which rounded numbers have no value by chance
EIGHTHS = [number / 8 for number in range(1, 8)]


def is_of_whole_days(feature: FeatureComparison) -> bool:
    """Whether the window is a day or longer, so that weekdays may differ, but not hours."""
    volume = feature.comparison.volume
    return volume is not None and volume.length >= ONE_DAY


def may_be_an_hour_or_day(feature: FeatureComparison) -> bool:
    """Whether a window shorter than a day may be an hour of the baseline's days, and one shorter than a week a day of its
    weeks: no value, and no range of values, has more rows than in an hour, or on a weekday, that has all such rows of the
    baseline; and it has no value of its own. Source: D4.18.
    """
    volume = feature.comparison.volume
    baseline = feature.baseline
    now = feature.now
    if volume is None or not now.present:
        return False
    # A change of a model's output is said at once: it is what people act on
    if feature.baseline_feature.family == PREDICTIONS:
        return False
    cycle = ONE_DAY
    if is_of_whole_days(feature):
        cycle = ONE_WEEK
    parts = feature.comparison.baseline.history.get(BASELINE)
    is_steady = parts is not None and parts.keeps_time and feature.baseline_feature.past_design_effect == 1
    if is_steady or volume.length >= cycle:
        return False
    # The first day of all is judged: only if most days are unlike the baseline, weekdays may be why
    if cycle == ONE_WEEK and not volume.earlier:
        return False
    # The baseline's rows of such an hour, or day
    usual_rows = float(np.mean([now.rows, *(rows for _, rows, _ in volume.earlier)]))
    traffic = min(1.0, now.rows / usual_rows)
    part_of_cycle = max(volume.length, ONE_HOUR) / cycle
    hour_rows = int(baseline.rows * part_of_cycle * traffic / LEAST_TRAFFIC)
    if _has_value_of_its_own(feature):
        return False
    # Whether no kind of row is more frequent in the window than in an hour, or on a day, with all such rows
    counts = _count_kinds(feature)
    level = feature.comparison.monitoring.false_alarm_budget / len(counts)
    for rows_before, rows_now in counts:
        p = chance_of_more(min(rows_before, hour_rows), hour_rows, rows_now, now.rows)
        if p <= level:
            return False
    return True


def _count_kinds(feature: FeatureComparison) -> list[tuple[int, int]]:
    """The rows of each kind in baseline and window: missing, of a frequent value, between two of the window's quantiles."""
    baseline = feature.baseline
    now = feature.now
    counts = [(baseline.rows - baseline.present, now.rows - now.present), *_count_frequent_values(feature)]
    if baseline.numbers is not None and now.numbers is not None:
        before = baseline.numbers.step_cdf()
        after = now.numbers.step_cdf()
        cuts = np.array(after.quantiles(EIGHTHS))
        ranks = zip((0, *before.ranks_at(cuts), before.total), (0, *after.ranks_at(cuts), after.total), strict=True)
        counts += [(int(high[0] - low[0]), int(high[1] - low[1])) for low, high in combinations(ranks, 2)]
    return counts


def _count_frequent_values(feature: FeatureComparison) -> list[tuple[int, int]]:
    """How often the window's frequent values occur in baseline and window; none where the two can't be compared."""
    if why_not_compared(feature.baseline, feature.now):
        return []
    values = feature.now.frequent_values
    counts = zip(feature.baseline.count_values(values), feature.now.count_values(values), strict=True)
    return [(int(rows_before), int(rows_now)) for rows_before, rows_now in counts]


def _has_value_of_its_own(feature: FeatureComparison) -> bool:
    """Whether a value that the baseline never had is too frequent for any hour: a tenth of the rows, or more new texts than the
    baseline lacks by nature.
    """
    baseline = feature.baseline
    now = feature.now
    if why_not_compared(baseline, now):
        return False
    for rows_before, rows_now in _count_frequent_values(feature):
        if not rows_before and rows_now >= LARGE_SHARE * now.rows:
            return True
    new_rows = sum((now.categories or {})[value] for value in find_new_values(now, baseline))
    seen_once = sum(count == 1 for count in (baseline.categories or {}).values())  # Good 1953
    p = chance_of_more(seen_once, baseline.rows, new_rows, now.rows)
    return p <= feature.comparison.monitoring.false_alarm_budget
