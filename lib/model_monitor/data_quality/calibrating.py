"""The calibration of a run, from all of its features: who shares the budget, and which columns are tested together. Pure."""

from __future__ import annotations

from model_monitor.data_quality.calibration import Calibration, column_of, with_adjusted
from model_monitor.data_quality.comparison import Comparison
from model_monitor.data_quality.distributions import from_feature_profile
from model_monitor.data_quality.room import COMPLETENESS, CONTENTS, DRIFT
from model_monitor.documents.check_results import BudgetLedger, Family
from model_monitor.documents.constraints import Rows
from model_monitor.verdicts import shared

LIMITS = {COMPLETENESS: ("completeness",), CONTENTS: ("domain_content_threshold", "datatype_check_threshold")}
"""The limits of each family, called as in the settings."""


def calibration_of(comparison: Comparison) -> Calibration | None:
    """What chance may do to a run; None where it is not allowed for."""
    ledger = ledger_of(comparison)
    if ledger is None:
        return None
    tested = comparison.constraints.monitoring.rows_are_independent
    columns = {
        feature.constraints.name: column_of(feature.baseline, from_feature_profile(feature.current), tested=tested)
        for feature in comparison.features()
        if feature.is_drift_calibrated
    }
    return Calibration(ledger, with_adjusted({name: column for name, column in columns.items() if column is not None}))


def ledger_of(comparison: Comparison) -> BudgetLedger | None:
    """How the families of checks that run share the budget; None where chance is not allowed for.

    A limit that a person wrote or edited is judged as written and takes no part.
    Source: D4.6.
    """
    settings = comparison.constraints.monitoring
    if not settings.is_calibrated or comparison.exact_classes:
        return None
    features = list(comparison.features())
    tests = {DRIFT: sum(feature.is_drift_calibrated for feature in features)}
    for family, limits in LIMITS.items():
        tests[family] = sum(feature.is_suggested(limit) for feature in features for limit in limits)
    running = {family: count for family, count in tests.items() if count}
    levels = shared(settings.false_alarm_budget, tuple(running))
    families = tuple(Family(family=name, level=levels[name], tests=count) for name, count in running.items())
    return BudgetLedger(
        false_alarm_budget=settings.false_alarm_budget, rows=Rows(settings.rows).value, families=families
    )
