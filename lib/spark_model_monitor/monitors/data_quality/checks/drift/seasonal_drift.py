"""Drift of columns that follow the clock: comparison with the same hour on earlier days, and its excuses. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from spark_model_monitor.documents.check_results import CheckResult, CheckStatus
from spark_model_monitor.monitors.data_quality.checks.drift.first_days import may_be_an_hour
from spark_model_monitor.monitors.data_quality.comparison import FeatureComparison
from spark_model_monitor.monitors.protocol import Finding, Violated
from spark_model_monitor.statistics.verdicts.seasonality import CLOCK, CLOCK_DAY, Season

SUGGESTED = {"completeness_check": "completeness", "categorical_values_check": "domain_content_threshold"}
EXCUSED = ("baseline_drift_check", "range_check", "sign_check", "empty_text_check", "distinct_share_check", *SUGGESTED)
"""Checks that see the same changes as the drift tests; none with a limit that a person wrote."""

AS_USUAL = "as usual at this hour: so {how}"
NOT_ACCEPTED = "so at this hour {how}; accept it or mend it"
ON_DAYS = "on {days} earlier days since {since}"
A_WEEK_AGO = "a week ago"
ON_EARLIER_DAYS = "on earlier days"
NOT_KNOWN = "its hours are known for less than a week"
SAID = "beside this hour of earlier days it is violated, and this is the same change"
OTHERWISE = "another hour or weekday is like it"
AT_ITS_HOUR = "its values follow the clock, so it is judged beside the same hour of earlier days"
FIRST_DAYS = "the first days of a schedule: this may be so at this hour of every day"
NAME_TIME = "name the baseline's time column (--time-column), which shows what follows the clock; or wait for a week"
USUAL, RECURRING, OPEN, TOLD, NEW = "usual", "recurring", "open", "said", "new"  # values of `hour` in a result


def is_usual(beside: Mapping[str, Finding], season: Season) -> bool:
    """Whether a window is like its hour on earlier days or a week ago, or the next hour after clocks changed."""
    of_the_hour = set(CLOCK) - season.unlike
    return any(name in of_the_hour and found.status is not CheckStatus.VIOLATED for name, found in beside.items())


def excused(
    findings: Mapping[str, Finding], feature: FeatureComparison, season: Season, *, is_usual: bool
) -> dict[str, Finding]:
    """The findings; those that the hour explains are no longer violations, or are reported as recurring for days; those
    that an hour of unknown days may explain are neither.
    """
    how = A_WEEK_AGO if season.weekly else ON_EARLIER_DAYS
    if season.days:
        how = ON_DAYS.format(days=season.days, since=season.since)

    def told(check: str, finding: Finding) -> Finding:
        asked = check in SUGGESTED and SUGGESTED[check] not in feature.suggested_limits
        if finding.status is not CheckStatus.VIOLATED or check not in EXCUSED or asked:
            return finding
        if season.is_new and may_be_an_hour(feature):
            return finding.unsure(FIRST_DAYS, NAME_TIME).but(hour=NEW)
        if not is_usual or not season.stands_out:
            return finding
        if season.learnt or season.weekly:
            return finding.unjudged(AS_USUAL.format(how=how), USUAL)
        return finding.but(reason=NOT_ACCEPTED.format(how=how), since=season.since, hour=RECURRING)

    return {check: told(check, finding) for check, finding in findings.items()}


def judge_same_hour(beside: Mapping[str, Finding], season: Season) -> dict[str, Finding]:
    """The hour's finding: an alarm once the column is known for a week, if no other reference is like the window."""

    hour = season.like if CLOCK_DAY in season.unlike else CLOCK_DAY

    def told(name: str, finding: Finding) -> Finding:
        if finding.status is not CheckStatus.VIOLATED:
            return finding
        if not season.learnt:
            return finding.unjudged(NOT_KNOWN, OPEN)
        return finding if name == hour and not is_usual(beside, season) else finding.unjudged(OTHERWISE, OPEN)

    return {name: told(name, finding) for name, finding in beside.items()}


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


def is_recurring(result: CheckResult) -> bool:
    """Whether the alarm also occurred at the same hour of earlier days."""
    return result.hour == RECURRING


def examples_lost(results: Iterable[CheckResult]) -> set[Violated]:
    """Alarms, also those that the hour excused, and alarms of the hour itself: not examples for later windows."""
    found: set[Violated] = set()
    for each in results:
        name, violated = each.feature or "", each.status is CheckStatus.VIOLATED
        if each.against in CLOCK:
            if violated or each.hour == OPEN:
                found.add((each.against or CLOCK_DAY, name))
        elif violated or each.hour in (USUAL, TOLD, NEW):
            found.add(name)
    return found
