"""Drift of columns that follow the clock: comparison with the same hour on earlier days, and its excuses. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from itertools import combinations

import numpy as np

from spark_model_monitor.documents.check_results import CheckResult
from spark_model_monitor.monitors.data_quality import PREDICTIONS
from spark_model_monitor.monitors.data_quality.baseline_comparison import FeatureComparison
from spark_model_monitor.monitors.data_quality.checks.drift.baseline_drift import explain_incomparable
from spark_model_monitor.monitors.data_quality.distribution.window_history import count_unseen
from spark_model_monitor.monitors.data_quality.messages import NEWEST_ROW, NUMBER_OF_ROWS
from spark_model_monitor.monitors.protocol import Finding, Violated
from spark_model_monitor.statistics.drift.special_functions import hypergeometric_tail
from spark_model_monitor.statistics.verdicts.seasonality import CLOCK, CLOCK_DAY, Season
from spark_model_monitor.statistics.verdicts.tail_probabilities import exact_tail

SUGGESTED = {"completeness_check": "completeness", "categorical_values_check": "domain_content_threshold"}
ONE_VALUE = ("frequent_value_check", "standstill_check")
EXCUSED = ("baseline_drift_check", *ONE_VALUE, *SUGGESTED)
"""Checks that see the same changes as the drift tests, so that the hour may excuse them, unless a person wrote their limit."""

SAME_CHANGE_BY_HOUR = "compared with this hour of earlier days it is violated, and this is the same change"
# values of `hour` in a result
USUAL = "usual"
RECURRING = "recurring"
OPEN = "open"
REPORTED_BY_HOUR = "said"
NEW = "new"


def is_like_its_hour(by_reference: Mapping[str, Finding], season: Season) -> bool:
    """Whether a window is like its hour on earlier days or a week ago, or the next hour after clocks changed."""
    hourly_references = set(CLOCK) - season.unlike
    return any(name in hourly_references and not finding.is_violated for name, finding in by_reference.items())


def excuse_findings(
    findings: Mapping[str, Finding], feature: FeatureComparison, season: Season, *, is_usual: bool
) -> dict[str, Finding]:
    """The findings with what the hour explains: no violation any more, or a violation that is reported as recurring for days. If
    too few days are known to tell, they are unsure.
    """
    how = "on earlier days"
    if season.weekly:
        how = "a week ago"
    if season.days:
        how = f"on {season.days} earlier days since {season.since}"

    def excuse(check: str, finding: Finding) -> Finding:
        is_requested = check in SUGGESTED and SUGGESTED[check] not in feature.suggested_limits
        if not finding.is_violated or is_requested:
            return finding
        usual_reason = None
        if check != "completeness_check":
            usual_reason = _explain_new_values(season, feature, finding)
        if usual_reason is None and check not in EXCUSED:
            return finding
        # Too early to know: one hour, or one weekday, of the baseline may be like this
        if season.is_new and may_be_an_hour_or_day(feature):
            reason = "the first days of a schedule: this may be so at this hour of every day"
            advice = "wait for a week, or run earlier windows (spark-model-monitor backfill)"
            if is_of_whole_days(feature):
                reason = "the first days of a schedule, or of a new weekday: this may be so on this day of every week"
                advice = "wait for two weeks, or run earlier windows (spark-model-monitor backfill)"
            return finding.as_cannot_tell(reason, advice).copy_with(hour=NEW)
        # What is usual at an hour is no alarm only after a week of days
        is_custom = is_usual and season.stands_out
        if is_custom and (season.learnt or season.weekly):
            usual_reason = f"as usual at this hour: so {how}"
        if usual_reason is not None:
            return finding.without_verdict(usual_reason, USUAL)
        if not is_custom:
            return finding
        return finding.copy_with(
            reason=f"so at this hour {how}; accept it or correct it", since=season.since, hour=RECURRING
        )

    return {check: excuse(check, finding) for check, finding in findings.items()}


def _explain_new_values(season: Season, feature: FeatureComparison, finding: Finding) -> str | None:
    """The reason that new values are usual, if each window of a week had as many, the change is no larger, and no known value
    has grown beyond the limit; else None.
    """
    if season.lasting_values is None:
        return None
    since, rows, all_rows = season.lasting_values
    baseline = feature.baseline_distribution
    present = feature.current_distribution.present
    changed_rows = max(count_unseen(feature.current_distribution, baseline), (finding.distance or 0.0) * present)
    counts = [(int(changed_rows), int(rows), int(all_rows))]
    for rows_before, rows_now in _count_frequent_values(feature):
        if rows_before:
            limit = rows_before + int((finding.threshold or 0.0) * baseline.present)
            counts.append((rows_now, limit, baseline.present))
    if all(exact_tail(now, present, *before) > (finding.level or 0.0) for now, *before in counts):
        return f"its new values are in each window since {since}; accept them or correct them"
    return None


def judge_same_hour(by_reference: Mapping[str, Finding], season: Season, *, is_usual: bool) -> dict[str, Finding]:
    """The findings; the hour's own is an alarm once the column is known for a week, if no other reference is like the window."""
    # If clocks changed, the reference of the shifted hour stands for this hour
    hour = CLOCK_DAY
    if CLOCK_DAY in season.unlike:
        hour = season.like

    def judge(name: str, finding: Finding) -> Finding:
        if not finding.is_violated or (season.learnt and name == hour and not is_usual):
            return finding
        reason = "its hours are known for less than a week"
        if season.learnt:
            reason = "another hour or weekday is like it"
        return finding.without_verdict(reason, OPEN)

    return {name: judge(name, finding) for name, finding in by_reference.items()}


def leave_to_hour(
    findings: Mapping[str, Finding], by_reference: Mapping[str, Finding], season: Season
) -> dict[str, Finding]:
    """The findings; if the hour's own is judged, unsure findings of the baseline are left to it, because hours differ."""
    are_judged = [finding.is_judged for finding in by_reference.values()]
    if not season.learnt or not any(are_judged):
        return dict(findings)
    reason = "its values follow the clock, so it is compared with the same hour of earlier days"
    findings_by_check = dict(findings)
    for check in EXCUSED:
        if check in findings and findings[check].is_unsure:
            findings_by_check[check] = findings[check].without_verdict(reason)
    return findings_by_check


def is_recurring(check_result: CheckResult) -> bool:
    """Whether the alarm also occurred at the same hour of earlier days."""
    return check_result.hour == RECURRING


def find_lost_examples(results: Iterable[CheckResult]) -> set[Violated]:
    """The features that are no examples for later windows: those with alarms, including alarms that the hour excused or a person
    accepted, and alarms relative to the hour.
    """
    lost_examples: set[Violated] = set()
    for check_result in results:
        name = check_result.feature or ""
        # An alarm relative to the hour counts for that reference only; the window stays an example for the baseline's tests
        violated = check_result.is_violated or is_accepted_again(check_result)
        if check_result.against in CLOCK:
            if violated or check_result.hour == OPEN:
                lost_examples.add((check_result.against or CLOCK_DAY, name))
        elif violated or check_result.hour in (USUAL, REPORTED_BY_HOUR, NEW):
            lost_examples.add(name)
    return lost_examples


def is_accepted_again(check_result: CheckResult) -> bool:
    """Whether it repeats a change that a person accepted. A repeated number of rows doesn't count: later windows expect it."""
    return check_result.accepted is True and check_result.feature not in (NUMBER_OF_ROWS, NEWEST_ROW)


def find_accepted_features(check_results: Iterable[CheckResult]) -> list[str]:
    """The features with changes, all of which a person has accepted."""
    accepted: dict[str, None] = {}
    # In the order of the checks, each feature once
    violated: set[str] = set()
    for check_result in check_results:
        name = check_result.feature or ""
        if is_accepted_again(check_result):
            accepted[name] = None
        elif check_result.is_violated:
            violated.add(name)
    return [name for name in accepted if name not in violated]


# In the first days of a schedule, nobody knows yet which columns follow the clock. So the question is whether a window may be
# an hour of the baseline's days, or a day of its weeks.


TRAFFIC_MARGIN = 1.5  # the baseline's rows of an hour may be so many times fewer than expected
ONE_HOUR = timedelta(hours=1)
ONE_DAY = timedelta(days=1)
ONE_WEEK = timedelta(weeks=1)
MIN_NEW_VALUE_SHARE = 0.1  # of a window's rows: no new value is so frequent by chance, even of rounded numbers
EIGHTHS = [number / 8 for number in range(1, 8)]


def is_of_whole_days(feature: FeatureComparison) -> bool:
    """Whether the window is a day or longer, so that weekdays may differ, but not hours."""
    volume = feature.comparison.volume
    return volume is not None and volume.length >= ONE_DAY


def may_be_an_hour_or_day(feature: FeatureComparison) -> bool:
    """Whether a window shorter than a day may be an hour of the baseline's days, or a window of whole days a day of its weeks.

    It may if no value, and no range of values, is more frequent than in an hour, or on a day, that has all such rows of the
    baseline; and if the window has no frequent value of its own. Source: D4.18.
    """
    volume = feature.comparison.volume
    baseline = feature.baseline_distribution
    current = feature.current_distribution
    if volume is None or not current.present:
        return False
    # People act on a model's output, so its change is reported at once
    if feature.baseline_feature.family == PREDICTIONS:
        return False
    cycle = ONE_DAY
    if is_of_whole_days(feature):
        cycle = ONE_WEEK
    keeps_time = feature.comparison.baseline.get_variation().is_in_time_order
    is_steady = keeps_time and feature.baseline_feature.past_design_effect == 1
    if is_steady or volume.length >= cycle:
        return False
    # The very first day is judged: weekdays explain a change only if most days are unlike the baseline
    if cycle == ONE_WEEK and not volume.earlier:
        return False
    # The number of the baseline's rows in such an hour, or day
    usual_rows = float(np.mean([current.rows, *(rows for _, rows, _ in volume.earlier)]))
    traffic = min(1.0, current.rows / usual_rows)
    part_of_cycle = max(volume.length, ONE_HOUR) / cycle
    hour_rows = int(baseline.rows * part_of_cycle * traffic / TRAFFIC_MARGIN)
    if _has_frequent_new_value(feature):
        return False
    # No kind of row may be more frequent in the window than in an hour, or on a day, with all such rows
    counts = _count_kinds(feature)
    level = feature.comparison.monitoring.false_alarm_budget / len(counts)
    return all(
        hypergeometric_tail(min(rows_before, hour_rows), hour_rows, rows_now, current.rows) > level
        for rows_before, rows_now in counts
    )


def _count_kinds(feature: FeatureComparison) -> list[tuple[int, int]]:
    """The rows of each kind in baseline and window: missing, of a frequent value, between two of the window's quantiles."""
    baseline = feature.baseline_distribution
    current = feature.current_distribution
    counts = [(baseline.rows - baseline.present, current.rows - current.present), *_count_frequent_values(feature)]
    if baseline.numbers is not None and current.numbers is not None:
        baseline_cdf = baseline.numbers.cdf
        current_cdf = current.numbers.cdf
        cuts = np.array(current_cdf.quantiles(EIGHTHS))
        ranks = zip(
            (0, *baseline_cdf.ranks_at(cuts), baseline_cdf.total),
            (0, *current_cdf.ranks_at(cuts), current_cdf.total),
            strict=True,
        )
        counts += [(int(high[0] - low[0]), int(high[1] - low[1])) for low, high in combinations(ranks, 2)]
    return counts


def _count_frequent_values(feature: FeatureComparison) -> list[tuple[int, int]]:
    """How often the window's frequent values occur in baseline and window; empty if the two can't be compared."""
    if explain_incomparable(feature.baseline_distribution, feature.current_distribution):
        return []
    values = feature.current_distribution.frequent_values
    counts = zip(
        feature.baseline_distribution.count_values(values),
        feature.current_distribution.count_values(values),
        strict=True,
    )
    return [(int(rows_before), int(rows_now)) for rows_before, rows_now in counts]


def _has_frequent_new_value(feature: FeatureComparison) -> bool:
    """Whether a value that the baseline never had is too frequent for any hour: a tenth of the rows, or more new texts than the
    baseline lacks by nature.
    """
    baseline = feature.baseline_distribution
    current = feature.current_distribution
    if explain_incomparable(baseline, current):
        return False
    for rows_before, rows_now in _count_frequent_values(feature):
        if not rows_before and rows_now >= MIN_NEW_VALUE_SHARE * current.rows:
            return True
    # By chance, as many rows have new values as rows of the baseline have a value that occurs once
    p = hypergeometric_tail(baseline.count_rare(), baseline.rows, int(count_unseen(current, baseline)), current.rows)
    return p <= feature.comparison.monitoring.false_alarm_budget
