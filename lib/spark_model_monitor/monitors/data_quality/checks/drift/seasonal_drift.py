"""Drift of columns that follow the clock: comparison with the same hour on earlier days, and its excuses. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from spark_model_monitor.documents.check_results import CheckResult, CheckStatus
from spark_model_monitor.monitors.data_quality.baseline_comparison import FeatureComparison
from spark_model_monitor.monitors.data_quality.checks.drift.first_days import (
    is_of_whole_days,
    may_be_an_hour_or_day,
)
from spark_model_monitor.monitors.data_quality.distribution.calibration import doubt_missing_values
from spark_model_monitor.monitors.data_quality.distribution.window_history import count_unseen
from spark_model_monitor.monitors.data_quality.messages import NEWEST_ROW, NUMBER_OF_ROWS
from spark_model_monitor.monitors.protocol import Finding, Violated
from spark_model_monitor.statistics.verdicts.facts import exact_tail
from spark_model_monitor.statistics.verdicts.seasonality import CLOCK, CLOCK_DAY, Season

SUGGESTED = {"completeness_check": "completeness", "categorical_values_check": "domain_content_threshold"}
ONE_VALUE = ("frequent_value_check", "standstill_check")
EXCUSED = ("baseline_drift_check", *ONE_VALUE, *SUGGESTED)
"""Checks that see the same changes as the drift tests; none with a limit that a person wrote."""

AS_USUAL = "as usual at this hour: so {how}"
NOT_ACCEPTED = "so at this hour {how}; accept it or correct it"
LASTING = "its new values are in each window since {since}; accept them or correct them"
ON_DAYS = "on {days} earlier days since {since}"
A_WEEK_AGO = "a week ago"
ON_EARLIER_DAYS = "on earlier days"
HOURS_UNLEARNT = "its hours are known for less than a week"
SAME_CHANGE_BY_HOUR = "compared with this hour of earlier days it is violated, and this is the same change"
OTHERWISE = "another hour or weekday is like it"
AT_ITS_HOUR = "its values follow the clock, so it is compared with the same hour of earlier days"
FIRST_DAYS = "the first days of a schedule: this may be so at this hour of every day"
FIRST_WEEKS = "the first days of a schedule, or of a new weekday: this may be so on this day of every week"
WAIT_A_WEEK = "wait for a week, or run earlier windows (spark-model-monitor backfill)"
WAIT_TWO_WEEKS = "wait for two weeks, or run earlier windows (spark-model-monitor backfill)"
# values of `hour` in a result
USUAL = "usual"
RECURRING = "recurring"
OPEN = "open"
REPORTED_BY_HOUR = "said"
NEW = "new"


def is_usual(by_reference: Mapping[str, Finding], season: Season) -> bool:
    """Whether a window is like its hour on earlier days or a week ago, or the next hour after clocks changed."""
    hourly_references = set(CLOCK) - season.unlike
    return any(
        name in hourly_references and finding.status is not CheckStatus.VIOLATED
        for name, finding in by_reference.items()
    )


def excuse_findings(
    findings: Mapping[str, Finding], feature: FeatureComparison, season: Season, *, is_usual: bool
) -> dict[str, Finding]:
    """The findings; those that the hour explains are no longer violations, or are reported as recurring for days; those
    that an hour of unknown days may explain are neither.
    """
    how = ON_EARLIER_DAYS
    if season.weekly:
        how = A_WEEK_AGO
    if season.days:
        how = ON_DAYS.format(days=season.days, since=season.since)

    def excuse(check: str, finding: Finding) -> Finding:
        is_requested = check in SUGGESTED and SUGGESTED[check] not in feature.suggested_limits
        if finding.status is not CheckStatus.VIOLATED or is_requested:
            return finding
        usual_reason = None
        if check != "completeness_check":
            usual_reason = _explain_new_values(season, feature, finding)
        if usual_reason is None and check not in EXCUSED:
            return finding
        # Too early to know: one hour, or one weekday, of the baseline may be like this
        if season.is_new and may_be_an_hour_or_day(feature):
            reason = FIRST_DAYS
            advice = WAIT_A_WEEK
            if is_of_whole_days(feature):
                reason = FIRST_WEEKS
                advice = WAIT_TWO_WEEKS
            return finding.unsure(reason, advice).but(hour=NEW)
        # A week of days is needed before an hour's custom, or new values, are no alarm
        is_custom = is_usual and season.stands_out
        if is_custom and (season.learnt or season.weekly):
            usual_reason = AS_USUAL.format(how=how)
        if usual_reason is not None:
            return finding.unjudged(usual_reason, USUAL)
        if not is_custom:
            return finding
        return finding.but(reason=NOT_ACCEPTED.format(how=how), since=season.since, hour=RECURRING)

    return {check: excuse(check, finding) for check, finding in findings.items()}


def _explain_new_values(season: Season, feature: FeatureComparison, finding: Finding) -> str | None:
    """Since when values are new, if each window of a week had as many, and the change is no larger; None if not."""
    if season.lasting_values is None:
        return None
    since, rows, all_rows = season.lasting_values
    present = feature.now.present
    changed_rows = max(count_unseen(feature.now, feature.baseline), (finding.distance or 0.0) * present)
    if exact_tail(int(changed_rows), present, int(rows), int(all_rows)) > (finding.level or 0.0):
        return LASTING.format(since=since)
    return None


def judge_same_hour(by_reference: Mapping[str, Finding], season: Season) -> dict[str, Finding]:
    """The hour's finding: an alarm once the column is known for a week, if no other reference is like the window."""
    # Where this hour differs from day to day, the reference that is like it stands for it
    if CLOCK_DAY in season.unlike:
        hour = season.like
    else:
        hour = CLOCK_DAY

    def judge(name: str, finding: Finding) -> Finding:
        if finding.status is not CheckStatus.VIOLATED:
            return finding
        if not season.learnt:
            return finding.unjudged(HOURS_UNLEARNT, OPEN)
        if name == hour and not is_usual(by_reference, season):
            return finding
        return finding.unjudged(OTHERWISE, OPEN)

    return {name: judge(name, finding) for name, finding in by_reference.items()}


def judge_missing_values(
    by_reference: Mapping[str, Finding], feature: FeatureComparison, season: Season
) -> dict[str, Finding]:
    """The findings; where the window has so many more or fewer missing values than each of the hour's references that it
    matters, the hour's one can't tell, as such a change may be chance.
    """
    hour = CLOCK_DAY
    if hour in season.unlike:
        hour = season.like
    # Only a reference that is judged can be in doubt
    if not season.learnt or hour not in by_reference:
        return dict(by_reference)
    finding = by_reference[hour]
    if finding.status is not CheckStatus.PASSED and finding.hour != OPEN:
        return dict(by_reference)
    references = feature.baseline_feature.references
    increases = [
        references[name].completeness - feature.now.completeness for name in by_reference if name in references
    ]
    # The smallest change of all references: if one of them explains it, nothing is said
    increase = min(increases, key=abs)
    doubted = doubt_missing_values(finding, increase, feature.settings.change_that_matters)
    return {**by_reference, hour: doubted}


def leave_to_hour(
    findings: Mapping[str, Finding], by_reference: Mapping[str, Finding], season: Season
) -> dict[str, Finding]:
    """The findings; those that can't tell, because hours differ, are left to the hour's, if that is judged."""
    are_judged = [finding.status is not CheckStatus.NOT_JUDGED for finding in by_reference.values()]
    if not season.learnt or not any(are_judged):
        return dict(findings)
    open_checks = [
        check for check in EXCUSED if check in findings and findings[check].status is CheckStatus.CANNOT_TELL
    ]
    return {**findings, **{check: findings[check].unjudged(AT_ITS_HOUR) for check in open_checks}}


def is_recurring(check_result: CheckResult) -> bool:
    """Whether the alarm also occurred at the same hour of earlier days."""
    return check_result.hour == RECURRING


def find_lost_examples(results: Iterable[CheckResult]) -> set[Violated]:
    """Alarms, also those that the hour excused or a person accepted, and alarms of the hour itself: not examples for later
    windows.
    """
    lost: set[Violated] = set()
    for check_result in results:
        name = check_result.feature or ""
        # Relative to the hour a window is judged apart, so that it stays an example for the baseline's tests
        violated = check_result.status is CheckStatus.VIOLATED or is_accepted_again(check_result)
        if check_result.against in CLOCK:
            if violated or check_result.hour == OPEN:
                lost.add((check_result.against or CLOCK_DAY, name))
        elif violated or check_result.hour in (USUAL, REPORTED_BY_HOUR, NEW):
            lost.add(name)
    return lost


def is_accepted_again(check_result: CheckResult) -> bool:
    """Whether it repeats a change that a person accepted. A number of rows that comes again is one to expect, instead."""
    return check_result.accepted is True and check_result.feature not in (NUMBER_OF_ROWS, NEWEST_ROW)


def find_accepted_features(check_results: Iterable[CheckResult]) -> list[str]:
    """Features of which people have accepted every change."""
    accepted: dict[str, None] = {}
    # In the order of the checks, each feature once
    violated: set[str] = set()
    for check_result in check_results:
        name = check_result.feature or ""
        if is_accepted_again(check_result):
            accepted[name] = None
        elif check_result.status is CheckStatus.VIOLATED:
            violated.add(name)
    return [name for name in accepted if name not in violated]
