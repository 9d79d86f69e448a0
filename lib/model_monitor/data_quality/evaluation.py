"""All checks over one comparison, and the violations among their results. Pure.

results = check_all(comparison)
violations_of(results).to_json()
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from model_monitor.data_quality import checks
from model_monitor.data_quality.calibrating import calibration_of
from model_monitor.data_quality.checks import DATA_SET_CHECKS, FEATURE_CHECKS
from model_monitor.data_quality.comparators import compared
from model_monitor.data_quality.comparison import Comparison, FeatureComparison
from model_monitor.documents.check_results import CheckResult
from model_monitor.documents.constraints import MonitoringSettings
from model_monitor.documents.violations import Violation, Violations
from model_monitor.registry import import_all
from model_monitor.runs.judging import Finding, violated

import_all(checks)

SWITCHED_OFF = "evaluate_constraints is Disabled"


def check_all(comparison: Comparison) -> tuple[CheckResult, ...]:
    """The result of every check of the data set, then of every feature in the order of constraints.json, by check type.

    A check that nothing was asked of is left out. Where constraints are switched off the numbers are there without a verdict;
    where a column can't be told, neither is.
    Source: C11.4, C11.20.
    """
    calibration = calibration_of(comparison)
    features = (replace(feature, calibration=calibration) for feature in comparison.features())
    return (*_of_data_set(comparison), *(result for feature in features for result in _of(feature)))


def violations_of(results: Iterable[CheckResult]) -> Violations:
    """The violations among the results, in their order."""
    return Violations(
        violations=tuple(
            Violation(
                feature_name=result.feature, constraint_check_type=result.check, description=result.description or ""
            )
            for result in violated(results)
        )
    )


def _of_data_set(comparison: Comparison) -> Iterator[CheckResult]:
    for check in sorted(DATA_SET_CHECKS.values(), key=lambda check: check.name):
        for called, found in check(comparison):
            yield _if_switched_on(found, comparison.constraints.monitoring).result(check.name, feature=called)


def _of(feature: FeatureComparison) -> Iterator[CheckResult]:
    for name, found in compared(feature):
        if feature.unmatched:
            found = replace(found.unjudged(feature.unmatched), observed=None)
        yield _if_switched_on(found, feature.settings).result(name, feature=feature.constraints.name)
    for check in sorted(FEATURE_CHECKS.values(), key=lambda check: check.name):
        threshold = check.facts["threshold"](feature)
        if threshold is None:
            continue
        if feature.unmatched:
            found = Finding.not_judged(threshold, feature.unmatched)
        else:
            found = _if_switched_on(check(feature, threshold), feature.settings)
        yield found.result(check.name, feature=feature.constraints.name)


def _if_switched_on(found: Finding, settings: MonitoringSettings) -> Finding:
    return found if settings.evaluate_constraints else found.unjudged(SWITCHED_OFF)
