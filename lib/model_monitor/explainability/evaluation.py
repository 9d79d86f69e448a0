"""All checks over the attributions of a window, and the violations among their results. Pure."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from model_monitor.documents.check_results import LABEL, BudgetLedger, CheckResult, CheckStatus, Family
from model_monitor.documents.clarify import AttributionViolation, AttributionViolations
from model_monitor.documents.constraints import Rows
from model_monitor.explainability import checks
from model_monitor.explainability.analysis import AttributionAnalysis
from model_monitor.explainability.baseline import AttributionBaseline
from model_monitor.explainability.checks import CHECKS
from model_monitor.explainability.comparison import Tolerances, comparisons_of
from model_monitor.registry import import_all
from model_monitor.runs.judging import violated
from model_monitor.statistics.states import Attributions

import_all(checks)

log = logging.getLogger(__name__)

ATTRIBUTIONS = "attributions"
METRIC, NDCG = "shap", "ndcg"
"""What the service's violations name, and what is checked of all features together."""


def check_all(
    state: Attributions, analysis: AttributionAnalysis, known: AttributionBaseline, tolerances: Tolerances
) -> tuple[CheckResult, ...]:
    """The result of every check of every output."""
    results = tuple(
        finding.result(check.name, feature=feature, metric=None if feature else NDCG, **{LABEL: output.current.name})
        for output in comparisons_of(state, analysis, known, tolerances)
        for check in sorted(CHECKS.values(), key=lambda check: check.name, reverse=True)
        for feature, finding in check(output)
    )
    _warn_of_other_features(analysis, known)
    alarming = [result for result in results if result.feature is None]
    unsure = sum(result.status in (CheckStatus.NOT_JUDGED, CheckStatus.CANNOT_TELL) for result in alarming)
    if unsure:
        log.warning("%d of %d rankings could not be judged; checks.json says why", unsure, len(alarming))
    return results


def ledger_of(state: Attributions, tolerances: Tolerances) -> BudgetLedger | None:
    """How the changes share the budget; None where they are not judged.

    Source: D4.6; E6.2.
    """
    if not tolerances.with_changes:
        return None
    family = Family(family=ATTRIBUTIONS, level=tolerances.budget, tests=len(state.outputs) * len(state.features))
    return BudgetLedger(false_alarm_budget=tolerances.budget, rows=Rows.INDEPENDENT.value, families=(family,))


def violations_of(results: Iterable[CheckResult]) -> AttributionViolations:
    """The violations among the results, in their order."""
    return AttributionViolations(
        version="1.0",
        violations=tuple(
            AttributionViolation(
                label=(result.model_extra or {})[LABEL],
                metric_name=METRIC,
                constraint_check_type=result.check,
                description=result.description or "",
            )
            for result in violated(results)
        ),
    )


def _warn_of_other_features(analysis: AttributionAnalysis, known: AttributionBaseline) -> None:
    for output in analysis.outputs:
        before = known.constraints.values.get(output.name, {})
        apart = sorted(set(before) ^ set(output.values))
        if before and apart:
            log.warning("%d features are in the baseline or in the window only; the first is %r", len(apart), apart[0])
            return
