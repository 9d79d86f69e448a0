"""All checks over one comparison, the violations among their results, and all hints of a run. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

from spark_model_monitor.documents.check_results import BudgetLedger, CheckResult, CheckStatus, Family, Hint, excess
from spark_model_monitor.documents.constraints import MonitoringSettings, Rows
from spark_model_monitor.monitors.data_quality import checks, hints, messages
from spark_model_monitor.monitors.data_quality.calibration import Calibration, ColumnRequest, columns_of, with_adjusted
from spark_model_monitor.monitors.data_quality.checks import DATA_SET_CHECKS, FEATURE_CHECKS, FeatureCheck, guard
from spark_model_monitor.monitors.data_quality.checks.baseline_drift import against, why_not_compared
from spark_model_monitor.monitors.data_quality.checks.guard.values import find_row_repeats, repeated_rows
from spark_model_monitor.monitors.data_quality.comparison import Comparison, FeatureComparison
from spark_model_monitor.monitors.data_quality.distributions import BASELINE, GROWS
from spark_model_monitor.monitors.data_quality.documents import (
    BETWEEN,
    COMPLETENESS,
    CONTENTS,
    DRIFT,
    PREDICTIONS,
    SEGMENTS,
    VOLUME,
)
from spark_model_monitor.monitors.data_quality.hints import HINTS, Seen
from spark_model_monitor.monitors.protocol import Finding
from spark_model_monitor.registry import Entry, import_all
from spark_model_monitor.statistics.verdicts.multiplicity import shared

if TYPE_CHECKING:
    from spark_model_monitor.statistics.verdicts.volume import Volume

import_all(hints)


def all_hints(seen: Seen) -> tuple[Hint, ...]:
    """The hints of every rule, in the order of the rules' names."""
    rules = sorted(HINTS.values(), key=attrgetter("name"))
    found = ((rule.name, *hint) for rule in rules for hint in rule(seen))
    return tuple(Hint(hint=name, features=tuple(columns), description=said) for name, columns, said in found)


# All checks over one comparison, and the violations among their results.


import_all(checks)
import_all(guard)

LIMITS = {COMPLETENESS: ("completeness",), CONTENTS: ("domain_content_threshold", "datatype_check_threshold")}
"""The limits of each family, by their names in the settings."""

SWITCHED_OFF = "evaluate_constraints is Disabled"

DRIFT_CHECK, ROW_COUNT, FRESHNESS = "baseline_drift_check", "row_count_check", "freshness_check"
NO_TIME = "no row tells when it came"
SAID = "{check} is violated, and this is the same change"
DRIFT_SAYS_IT = SAID.format(check=DRIFT_CHECK)
SAME_CHANGE = {
    "missing": "completeness_check",
    **dict.fromkeys(("unseen", "cell", "chi2"), "categorical_values_check"),
}
"""Components of drift, and the check that reports the same change in plainer words."""


def check_all(comparison: Comparison) -> tuple[CheckResult, ...]:
    """The result of every check of the data set, then of every feature in the order of constraints.json, by check type.

    A check without a limit or a threshold is left out. Where constraints are switched off, results have numbers but no
    verdict; where a column can't be identified, they have neither.
    Source: C11.4, C11.20.
    """
    if not comparison.known:
        comparison.known.append(_calibration_of(comparison))
    of_whole = (*_of_volume(comparison, comparison.known[0]), *_of_repeats(comparison, comparison.known[0]))
    violated = {each.check for each in of_whole if each.status is CheckStatus.VIOLATED}
    by_name = sorted(FEATURE_CHECKS.values(), key=attrgetter("name"))
    of_features = [result for feature in comparison.features for result in _of(feature, violated, by_name)]
    return (*_of_data_set(comparison), *of_whole, *of_features, *_of_pairs(comparison, of_features))


def with_impact(results: tuple[CheckResult, ...], shares: Mapping[str, float]) -> tuple[CheckResult, ...]:
    """The same results, with an impact for drifts and violations of features. shares: each feature's share of the attributions.

    Source: E6.5.
    """
    if not shares:
        return results
    return tuple(
        result.model_copy(update={"impact": _size(result) * shares.get(result.feature or "", 0.0)})
        if result.check == DRIFT_CHECK or (result.status is CheckStatus.VIOLATED and result.feature in shares)
        else result
        for result in results
    )


def _size(result: CheckResult) -> float:
    """How large the observed change is: for a drift without a test, the distance, even below its threshold."""
    if result.check == DRIFT_CHECK and result.adjusted_p is None and result.statistic is None:
        return result.observed or 0.0
    return excess(result)


def _calibration_of(comparison: Comparison) -> Calibration | None:
    """How noise is allowed for in a run; None if it isn't."""
    ledger = ledger_of(comparison)
    if ledger is None:
        return None
    tested = comparison.monitoring.rows_are_independent
    asked = {}
    for feature in comparison.features:
        name = feature.constraints.name
        for reference in feature.judged_references:
            before, now = feature.sides(reference)
            moves = reference == BASELINE and feature.growth is not None
            past = None if moves else feature.past(reference)
            unfit = comparison.history[reference].unfit.get(name) if reference in comparison.history else None
            asked[reference, name] = ColumnRequest(
                *(before, now, feature.groups, feature.family, GROWS if moves else unfit),
                tested=tested and not moves,
                past=past,
                others=comparison.others(reference) if past is not None else None,
                known=None if reference == BASELINE else feature.baseline,
                follows_values=reference == BASELINE,
                group_column=feature.suspected_group_column,
            )
        for cut, label in ((cut, label) for cut, found in feature.segments.items() for label in found):
            part = feature.in_segment(cut, label)
            if not why_not_compared(part.baseline, part.now):
                past, others = feature.past_in(label), comparison.others(BASELINE)
                sides = part.baseline, part.now
                asked[label, name] = ColumnRequest(
                    *sides, feature.groups, SEGMENTS, tested=tested, past=past, others=others
                )
    found = zip(asked, columns_of([*asked.values()]), strict=True)
    columns = {key: column for key, column in found if column is not None}
    return Calibration(ledger, with_adjusted(columns))


def ledger_of(comparison: Comparison) -> BudgetLedger | None:
    """How the families of checks that run share the budget; None where noise is not allowed for.

    A limit that a person wrote or edited is judged as written and takes no part.
    Source: D4.6.
    """
    settings = comparison.monitoring
    if not settings.is_calibrated or comparison.exact_classes:
        return None
    if comparison.known and (calibration := comparison.known[0]) is not None:
        return calibration.ledger
    features = comparison.features
    tests = {
        family: sum(len(each.judged_references) for each in features if each.family == family)
        for family in (DRIFT, PREDICTIONS)
    }
    for family, limits in LIMITS.items():
        tests[family] = sum(len(feature.suggested_limits.intersection(limits)) for feature in features)
    tests[CONTENTS] += sum(len(guard.evidence_of(feature)) for feature in features)
    tests[CONTENTS] += find_row_repeats(comparison) is not None
    volume = comparison.volume
    tests[SEGMENTS] = sum(len(found) for feature in features for found in feature.segments.values())
    tests[BETWEEN] = len(comparison.pairs)
    tests[VOLUME] = 0 if volume is None else (volume.usual is not None) + (volume.usual_gap is not None)
    running = {family: count for family, count in tests.items() if count}
    levels = shared(settings.false_alarm_budget, tuple(running))
    families = tuple(Family(family=name, level=levels[name], tests=count) for name, count in running.items())
    return BudgetLedger(
        false_alarm_budget=settings.false_alarm_budget, rows=Rows(settings.rows).value, families=families
    )


def _of_data_set(comparison: Comparison) -> Iterator[CheckResult]:
    for check in sorted(DATA_SET_CHECKS.values(), key=lambda check: check.name):
        for called, finding in check(comparison):
            yield _if_switched_on(finding, comparison.monitoring).result(check.name, feature=called)


def _of_volume(comparison: Comparison, calibration: Calibration | None) -> Iterator[CheckResult]:
    if comparison.volume is None or calibration is None:
        return
    rows = float(comparison.current.item_count)
    found = {
        (ROW_COUNT, messages.NUMBER_OF_ROWS): _of_rows(rows, comparison.volume),
        (FRESHNESS, messages.NEWEST_ROW): _of_newest(rows, comparison.volume),
    }
    for (check, called), (each, description) in ((of, pair) for of, pair in found.items() if pair is not None):
        level, tests = calibration.share_of(VOLUME)
        if each.p is not None and each.p <= level / tests:
            each = each.but(status=CheckStatus.VIOLATED, description=description)
        yield _if_switched_on(each, comparison.monitoring).result(check, feature=called)


def _of_pairs(comparison: Comparison, of_features: Iterable[CheckResult]) -> Iterator[CheckResult]:
    if comparison.pairs and (calibration := comparison.known[0]) is not None:
        from spark_model_monitor.monitors.data_quality.pairs import judged

        yield from judged(
            comparison, calibration, frozenset(each.feature or "" for each in of_features if each.is_violation)
        )


def _of_repeats(comparison: Comparison, calibration: Calibration | None) -> Iterator[CheckResult]:
    if calibration is not None and (evidence := repeated_rows(comparison)) is not None:
        finding = _if_switched_on(evidence.judged(calibration), comparison.monitoring)
        yield finding.result("repeated_rows_check", feature=messages.REPEATED_ROWS)


def _of_rows(rows: float, volume: Volume) -> tuple[Finding, str] | None:
    """The finding on the number of rows, and its description in case of an alarm."""
    if (usual := volume.usual) is None:
        return None
    p, formula = volume.chance_of(rows, usual), "rows beside those of n windows"
    finding = Finding(CheckStatus.PASSED, usual.rows, rows, n=usual.windows, formula=formula, p=p)
    return finding, messages.unusual(rows, usual.rows)


def _of_newest(rows: float, volume: Volume) -> tuple[Finding, str] | None:
    """The finding on the age of the newest row, and its description in case of an alarm."""
    if (usual := volume.usual_gap) is None:
        return None
    expected, gap = usual.minutes, volume.gap
    if gap is None:
        return Finding.not_judged(expected, NO_TIME), ""
    p, formula = usual.chance_of(gap, volume.rows_of_all(rows)), "minutes beside those of n windows"
    finding = Finding(CheckStatus.PASSED, expected, gap, n=len(usual.gaps), formula=formula, p=p)
    return finding, messages.stale(gap, expected)


def _of(
    feature: FeatureComparison, of_whole: Collection[str], checks_of_features: Sequence[Entry[FeatureCheck]]
) -> Iterator[CheckResult]:
    """of_whole: violated checks of the whole data set."""
    if feature.segments:
        from spark_model_monitor.monitors.data_quality import segments

    if feature.settings.comparators:
        from spark_model_monitor.monitors.data_quality.comparators import compared

        for name, finding in compared(feature):
            if feature.unmatched:
                finding = finding.unjudged(feature.unmatched).but(observed=None)
            yield _if_switched_on(finding, feature.settings).result(name, feature=feature.constraints.name)
    findings: dict[str, Finding] = {}
    for check in checks_of_features:
        threshold = check.facts["threshold"](feature)
        if threshold is None:
            continue
        if feature.unmatched:
            finding = Finding.not_judged(threshold, feature.unmatched)
        else:
            finding = _if_switched_on(check.function(feature, threshold), feature.settings)
        findings[check.name] = finding
    references = feature.judged_references[1:] if feature.calibration is not None else ()
    beside = {reference: against(feature, reference) for reference in references}
    usual = False
    season = feature.season
    if season is not None and DRIFT_CHECK in findings:
        from spark_model_monitor.monitors.data_quality.clock import SAID as OF_THE_HOUR
        from spark_model_monitor.monitors.data_quality.clock import TOLD, beside_the_clock, excused, is_usual

        usual = is_usual(beside, season)
        beside = beside_the_clock(beside, season)
        findings = excused(findings, feature, season, is_usual=usual)
        if not usual and season.learnt and findings[DRIFT_CHECK].status is CheckStatus.VIOLATED:
            findings[DRIFT_CHECK] = findings[DRIFT_CHECK].unjudged(OF_THE_HOUR, TOLD)
    if DRIFT_CHECK in findings:
        findings[DRIFT_CHECK] = _unless_said(findings[DRIFT_CHECK], findings)
    for name, finding in findings.items():
        result = finding.result(name, feature=feature.constraints.name)
        yield result if not feature.segments else segments.with_parts(result, feature)
    has_drifted = DRIFT_CHECK in findings and findings[DRIFT_CHECK].status is CheckStatus.VIOLATED
    for finding in beside.values():
        if has_drifted and finding.status is CheckStatus.VIOLATED:  # one change is one violation
            finding = finding.unjudged(DRIFT_SAYS_IT)
        has_drifted |= finding.status is CheckStatus.VIOLATED
        yield finding.result(DRIFT_CHECK, feature=feature.constraints.name)
    if feature.calibration is not None:
        violated = {name for name, each in findings.items() if each.status is CheckStatus.VIOLATED}
        violated |= {DRIFT_CHECK} if has_drifted else set()
        violated |= {*of_whole}
        for name, evidence in sorted(guard.evidence_of(feature).items()):
            finding = _if_switched_on(evidence.judged(feature.calibration), feature.settings)
            if season is not None:
                finding = excused({name: finding}, feature, season, is_usual=usual)[name]
            said = next((each for each in guard.GUARDS.get(name).facts.get("same_as", ()) if each in violated), None)
            if finding.status is CheckStatus.VIOLATED and said is not None:
                finding = finding.unjudged(SAID.format(check=said))
            elif finding.status is CheckStatus.VIOLATED:
                violated.add(name)
            yield finding.result(name, feature=feature.constraints.name)

    if feature.calibration is not None and feature.segments:
        own = sorted(violated - {*of_whole})
        yield from segments.judged(feature, f"the feature's {own[0]}" if own else None)


def _unless_said(drift: Finding, others: Mapping[str, Finding]) -> Finding:
    """The drift check's finding, unjudged if a violated check reports the same change, unless above the threshold."""
    check = SAME_CHANGE.get(drift.component or "", "")
    said = others.get(check)
    is_far = drift.distance is None or drift.observed is None or drift.observed > (drift.threshold or 0.0)
    if drift.status is not CheckStatus.VIOLATED or is_far or said is None or said.status is not CheckStatus.VIOLATED:
        return drift
    return drift.unjudged(SAID.format(check=check))


def _if_switched_on(finding: Finding, settings: MonitoringSettings) -> Finding:
    return finding if settings.evaluate_constraints else finding.unjudged(SWITCHED_OFF)
