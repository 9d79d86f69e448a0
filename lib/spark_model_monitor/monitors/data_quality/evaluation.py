"""The results of a run: of all checks over one comparison, its hints, and what a person asked for that can't be done. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter

from spark_model_monitor.documents.check_results import (
    DRIFT,
    LIMIT_DECIDES,
    STUDENT,
    CheckResult,
    CheckStatus,
    Hint,
    Results,
)
from spark_model_monitor.documents.monitoring_settings import MonitoringSettings
from spark_model_monitor.documents.outcome import CHECKS_OF_NEW_VALUES
from spark_model_monitor.documents.page import format_percent
from spark_model_monitor.documents.run_changes import RELATIONS, REQUEST, TIMES
from spark_model_monitor.monitors.data_quality import VOLUME, checks, hints, messages
from spark_model_monitor.monitors.data_quality.baseline_comparison import (
    NEW_COLUMN,
    FeatureComparison,
    WindowComparison,
)
from spark_model_monitor.monitors.data_quality.checks import DATA_SET_CHECKS, FEATURE_CHECKS, FeatureCheck, facts
from spark_model_monitor.monitors.data_quality.checks.drift import seasonal_drift
from spark_model_monitor.monitors.data_quality.checks.drift.baseline_drift import judge_reference
from spark_model_monitor.monitors.data_quality.checks.facts.repeats import compare_repeated_rows
from spark_model_monitor.monitors.data_quality.distribution.always_new import find_time_type, find_time_unit
from spark_model_monitor.monitors.data_quality.distribution.calibration import NoiseCalibration
from spark_model_monitor.monitors.data_quality.hints import HINTS, ObservedData
from spark_model_monitor.monitors.protocol import Finding
from spark_model_monitor.registry import RegistryEntry, import_all
from spark_model_monitor.statistics.verdicts.expected_row_count import MIN_CHANGE, ExpectedFreshness, ExpectedRowCount
from spark_model_monitor.statistics.verdicts.seasonality import Season

import_all(hints)
import_all(checks)
import_all(facts)

SINGLE_VALUE_CHECKS = ("date_sentinel_check", "frequent_value_check", "single_date_check", "time_precision_check")
SAME_CHANGE = {
    "missing": "completeness_check",
    **dict.fromkeys(("unseen", "value", "sixteenth", "tail", "largest", "mix"), "categorical_values_check"),
}
"""Components of drift, and the check that reports the same change in plainer words."""


def collect_hints(data: ObservedData) -> Iterator[Hint]:
    """Yield the hints of every rule, in the order of the rules' names."""
    for rule in sorted(HINTS.values(), key=attrgetter("name")):
        for columns, description in rule(data):
            yield Hint(hint=rule.name, features=tuple(columns), description=description)


def check_all(comparison: WindowComparison) -> Results:
    """The result of every check of the data set, then of every feature in the order of constraints.json, by check type.

    comparison: with its calibration, if noise is allowed for (`budget.calibrate`).

    A check without a limit or a threshold is left out. Where constraints are switched off, results have numbers but no
    verdict; where a column can't be identified, they have neither.
    Source: C11.4, C11.20.
    """
    # The data set first: a change that all rows show is not reported again for a feature
    window_results = (*_check_volume(comparison), *_check_repeated_rows(comparison))
    violated_checks = {check_result.check for check_result in window_results if check_result.is_violated}
    sorted_checks = sorted(FEATURE_CHECKS.values(), key=attrgetter("name"))
    feature_results: list[CheckResult] = []
    for feature in comparison.features:
        feature_results += _check_feature(feature, violated_checks, sorted_checks)
    return (
        *_check_data_set(comparison),
        *window_results,
        *feature_results,
        *_list_new_columns(comparison),
        *_check_relations(comparison, feature_results),
    )


def add_impact(results: Results, shares: Mapping[str, float]) -> Results:
    """The same results, with an impact for drifts and violations of features. shares: each feature's share of the attributions.

    Source: E6.5.
    """
    if not shares:
        return results
    results_with_impact = []
    for check_result in results:
        if check_result.check == DRIFT or (check_result.is_violated and check_result.feature in shares):
            impact = _measure_change(check_result) * shares.get(check_result.feature or "", 0.0)
            check_result = check_result.model_copy(update={"impact": impact})
        results_with_impact.append(check_result)
    return tuple(results_with_impact)


def _measure_change(result: CheckResult) -> float:
    """How large the observed change is: for a drift without a test, the distance, even below its threshold."""
    if result.check == DRIFT and result.adjusted_p is None and not result.observes_p_value:
        return result.observed or 0.0
    return result.severity


def _check_data_set(comparison: WindowComparison) -> Iterator[CheckResult]:
    for check in sorted(DATA_SET_CHECKS.values(), key=attrgetter("name")):
        for name, finding in check(comparison):
            yield _apply_switch(finding, comparison.monitoring).result(check.name, feature=name)


def _list_new_columns(comparison: WindowComparison) -> Iterator[CheckResult]:
    """The results of columns of captures that the baseline lacks: they are not compared."""
    for name in comparison.new_columns:
        if name not in comparison.missing_names:
            yield Finding.not_judged(None, NEW_COLUMN).result(DRIFT, feature=name)


def _check_volume(comparison: WindowComparison) -> Iterator[CheckResult]:
    calibration = comparison.calibration
    volume = comparison.volume
    if volume is None or calibration is None:
        return
    rows = float(comparison.current_profile.item_count)

    def judge(finding: Finding) -> Finding:
        # Violated if the p-value is at most the level of one test
        if finding.p is not None:
            level = calibration.get_level_of_test(VOLUME)
            if finding.p > level:
                finding = finding.mark_passed()
            finding = finding.copy_with(decided_by=STUDENT, level=level)
        return _apply_switch(finding, comparison.monitoring)

    if (expected := volume.expected_row_count) is not None:
        finding = judge(_compare_row_count(rows, expected))
        yield finding.result("row_count_check", feature=messages.NUMBER_OF_ROWS)
    if (freshness := volume.expected_freshness) is not None:
        finding = judge(_compare_newest_row(rows, volume.gap, freshness))
        yield finding.result("freshness_check", feature=messages.NEWEST_ROW)


def _check_relations(comparison: WindowComparison, feature_results: Iterable[CheckResult]) -> Iterator[CheckResult]:
    calibration = comparison.calibration
    if calibration is None or not comparison.relations:
        return
    from spark_model_monitor.monitors.data_quality.relation_verdicts import judge_relations

    violated_features = frozenset(
        check_result.feature or "" for check_result in feature_results if check_result.is_violation
    )
    yield from judge_relations(comparison, calibration, violated_features)


def _check_repeated_rows(comparison: WindowComparison) -> Iterator[CheckResult]:
    calibration = comparison.calibration
    if calibration is None or (evidence := compare_repeated_rows(comparison)) is None:
        return
    finding = _apply_switch(evidence.judge(calibration), comparison.monitoring)
    if finding.is_violated:
        finding = finding.defer_to(_find_single_value(comparison, calibration, evidence.observed))
    yield finding.result("repeated_rows_check", feature=messages.REPEATED_ROWS)


def _find_single_value(comparison: WindowComparison, calibration: NoiseCalibration, surplus: float) -> str | None:
    """The violated check of a column that has one value, or no value, in so many more rows now that these may be the surplus
    ones. None without such a column. surplus: the share of surplus rows.
    """
    for feature in comparison.features:
        lost_completeness = feature.baseline_distribution.completeness - feature.current_distribution.completeness
        if lost_completeness >= surplus and lost_completeness > feature.settings.change_that_matters.missing:
            return f"completeness_check of {feature.name}"
    for name, evidence_by_check in calibration.evidence_by_feature.items():
        for check in SINGLE_VALUE_CHECKS:
            evidence = evidence_by_check.get(check)
            if evidence is None or evidence.observed - evidence.expected < surplus:
                continue
            if evidence.judge(calibration).is_violated:
                return f"{check} of {name}"
    return None


def _compare_row_count(rows: float, expected: ExpectedRowCount) -> Finding:
    """The finding on the number of rows, worded as an alarm; the caller decides whether it is one."""
    # The change of the logarithm of the number of rows
    change = expected.change_to(rows)
    return Finding(
        CheckStatus.VIOLATED,
        threshold=expected.rows,
        observed=rows,
        n=expected.windows,
        formula="rows compared with those of n windows",
        p=expected.p_value(rows),
        statistic=change / expected.deviation,
        effect=change,
        least_effect=MIN_CHANGE,
        description=messages.unusual(rows, expected.rows),
    )


def _compare_newest_row(rows: float, gap: float | None, freshness: ExpectedFreshness) -> Finding:
    """The finding on the newest row, worded as an alarm. gap: the minutes from the newest row to the window's end."""
    expected_minutes = freshness.minutes
    if gap is None:
        return Finding.not_judged(expected_minutes, "no row has a time")
    return Finding(
        CheckStatus.VIOLATED,
        threshold=expected_minutes,
        observed=gap,
        n=len(freshness.gaps),
        formula="minutes compared with those of n windows",
        p=freshness.p_value(gap, rows),
        effect=gap - expected_minutes,
        least_effect=freshness.least_delay,
        description=messages.stale(gap, expected_minutes),
    )


def _check_feature(
    feature: FeatureComparison,
    violated_window_checks: set[str],
    checks_of_features: Sequence[RegistryEntry[FeatureCheck]],
) -> Iterator[CheckResult]:
    """All results of one feature: comparators, checks, other references, facts, segments.

    One change is one violation: what an earlier step reports, a later one leaves to it.
    violated_window_checks: violated checks of the whole data set.
    """
    yield from _check_comparators(feature)
    # The feature's checks; changes that the hour or another check explains are excused
    findings = _run_checks(feature, checks_of_features)
    by_reference: dict[str, Finding] = {}
    if feature.calibration is not None:
        references = feature.baseline_feature.judged_references[1:]
        by_reference = {reference: judge_reference(feature, reference) for reference in references}
    is_usual_hour = False
    if feature.season is not None and DRIFT in findings:
        is_usual_hour, findings, by_reference = _allow_for_hour(feature, feature.season, findings, by_reference)
    if DRIFT in findings:
        findings[DRIFT] = _withhold_reported_drift(findings[DRIFT], findings)
    for check, finding in findings.items():
        yield _with_segments(finding.result(check, feature=feature.name), feature)
    # Drift from other references, unless drift from an earlier reference reports the same change
    violated_checks = {check for check, finding in findings.items() if finding.is_violated}
    for finding in by_reference.values():
        if DRIFT in violated_checks:
            finding = finding.defer_to(DRIFT)
        elif finding.is_violated:
            violated_checks.add(DRIFT)
        yield finding.result(DRIFT, feature=feature.name)
    # Facts and segments are judged only if verdicts allow for noise
    if feature.calibration is None:
        return
    fact_results = list(
        _judge_facts(
            feature, feature.calibration, violated_checks | violated_window_checks, is_usual_hour=is_usual_hour
        )
    )
    yield from fact_results
    if feature.segments:
        from spark_model_monitor.monitors.data_quality.checks.drift import segment_shares

        violated_checks |= {result.check for result in fact_results if result.is_violated}
        violated_check = None
        if violated_checks:
            violated_check = f"the feature's {min(violated_checks)}"
        yield from segment_shares.judge_segments(feature, violated_check)


def _check_comparators(feature: FeatureComparison) -> Iterator[CheckResult]:
    """The comparators that a person wrote, each by its own threshold."""
    if not feature.settings.comparators:
        return
    from spark_model_monitor.monitors.data_quality.checks.drift.comparators import judge_comparators

    for check, finding in judge_comparators(feature):
        if feature.unmatched:
            finding = finding.copy_with(observed=None)
        yield _apply_switch(finding, feature.settings, feature.unmatched).result(check, feature=feature.name)


def _run_checks(
    feature: FeatureComparison, checks_of_features: Sequence[RegistryEntry[FeatureCheck]]
) -> dict[str, Finding]:
    """The finding of every check that has a threshold for the feature."""
    findings: dict[str, Finding] = {}
    for check in checks_of_features:
        threshold = check.facts["threshold"](feature)
        if threshold is None:
            continue
        # A feature that the window lacks keeps a finding without numbers
        finding = Finding(threshold=threshold)
        if not feature.unmatched:
            finding = check.function(feature, threshold)
        findings[check.name] = _apply_switch(finding, feature.settings, feature.unmatched)
    return findings


def _allow_for_hour(
    feature: FeatureComparison, season: Season, findings: dict[str, Finding], by_reference: dict[str, Finding]
) -> tuple[bool, dict[str, Finding], dict[str, Finding]]:
    """Whether the window is as usual at its hour; and the findings, with what the hour explains excused."""
    is_usual = seasonal_drift.is_like_its_hour(by_reference, season)
    by_reference = seasonal_drift.judge_same_hour(by_reference, season, is_usual=is_usual)
    findings = seasonal_drift.excuse_findings(findings, feature, season, is_usual=is_usual)
    findings = seasonal_drift.leave_to_hour(findings, by_reference, season)
    if not is_usual and season.learnt and findings[DRIFT].is_violated:
        findings[DRIFT] = findings[DRIFT].without_verdict(
            seasonal_drift.SAME_CHANGE_BY_HOUR, seasonal_drift.REPORTED_BY_HOUR
        )
    return is_usual, findings, by_reference


def _with_segments(result_of_all: CheckResult, feature: FeatureComparison) -> CheckResult:
    """The result for all rows, with each segment's part of the distance."""
    if not feature.segments:
        return result_of_all
    from spark_model_monitor.monitors.data_quality.checks.drift import segment_shares

    return segment_shares.add_contributions(result_of_all, feature)


def _judge_facts(
    feature: FeatureComparison, calibration: NoiseCalibration, violated_checks: set[str], *, is_usual_hour: bool
) -> Iterator[CheckResult]:
    """The verdicts of the facts. violated_checks: checks that report a change already."""
    findings = {
        name: _apply_switch(evidence.judge(calibration), feature.settings)
        for name, evidence in sorted(calibration.evidence_by_feature.get(feature.name, {}).items())
    }
    if feature.season is not None:
        findings = seasonal_drift.excuse_findings(findings, feature, feature.season, is_usual=is_usual_hour)
    violated_checks = violated_checks | {name for name, finding in findings.items() if finding.is_violated}
    for name, finding in findings.items():
        if finding.is_violated:
            same_as = facts.FACTS.get(name).facts["same_as"]
            finding = finding.defer_to(next((check for check in same_as if check in violated_checks), None))
        # If a person's limit allows new values, the form of these values is no change of its own
        if feature.baseline_feature.allows_new_values and name in CHECKS_OF_NEW_VALUES:
            limit = format_percent(1 - feature.settings.domain_content_threshold)
            finding = finding.without_verdict(LIMIT_DECIDES.format(limit=limit))
        yield finding.result(name, feature=feature.name)


def _withhold_reported_drift(drift: Finding, findings: Mapping[str, Finding]) -> Finding:
    """The drift check's finding, unjudged if a violated check reports the same change, unless above the threshold."""
    check = SAME_CHANGE.get(drift.component or "", "")
    reported_finding = findings.get(check)
    is_far = drift.distance is None or drift.observed is None or drift.observed > (drift.threshold or 0.0)
    if is_far or reported_finding is None or not reported_finding.is_violated:
        return drift
    return drift.defer_to(check)


def _apply_switch(finding: Finding, settings: MonitoringSettings, unmatched: str | None = None) -> Finding:
    """The finding; without a verdict if the window lacks the feature, or if a person switched verdicts off."""
    if settings.evaluate_constraints and not unmatched:
        return finding
    return finding.without_verdict(unmatched or "evaluate_constraints is Disabled")


def list_unmet_requests(
    comparison: WindowComparison, *, wants_relations: bool, time_column: str | None
) -> Iterator[CheckResult]:
    """A result for each request of a person that this window or its baseline can't meet: it says why nobody can tell."""
    # Without a calibration, as when replaying the service, there are no such results
    if comparison.calibration is None:
        return
    # A window is judged by the relations that its baseline has
    problems: list[tuple[str, str, str]] = []
    if wants_relations and not comparison.relations:
        problems.append((RELATIONS, "the baseline has none between its columns", "make the baseline with --with-pairs"))
    if time_column is not None and (reason := _explain_lack_of_times(comparison, time_column)) is not None:
        problems.append((TIMES, f"{time_column} {reason}", "name a column of times (--time-column)"))
    for name, reason, advice in problems:
        yield Finding().as_cannot_tell(reason, advice).result(REQUEST, feature=name)


def _explain_lack_of_times(comparison: WindowComparison, time_column: str) -> str | None:
    """Why a time column has no times: it may be absent, empty, or hold something else, now and in the baseline."""
    features = [feature for feature in comparison.current_profile.features if feature.name == time_column]
    if not features:
        return "is no column of this data"
    # If only the baseline has times, other checks report that the window's cells should be times
    baseline = comparison.baseline.profile
    if baseline is not None:
        features += [feature for feature in baseline.features if feature.name == time_column]
    if features[0].num_present and not any(find_time_type(feature) or find_time_unit(feature) for feature in features):
        return "holds none"
    return None
