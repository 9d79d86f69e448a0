"""How a run's checks share its budget of false alarms, and how each of them allows for noise. Pure.

Source: D4.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

from spark_model_monitor.documents.check_results import BudgetLedger, Family
from spark_model_monitor.documents.monitoring_settings import Rows
from spark_model_monitor.monitors.data_quality import (
    COLUMN_PAIRS,
    COMPLETENESS,
    CONTENTS,
    DRIFT,
    NEW_KINDS,
    PREDICTIONS,
    SEGMENTS,
    VOLUME,
)
from spark_model_monitor.monitors.data_quality.baseline_comparison import FeatureComparison, WindowComparison
from spark_model_monitor.monitors.data_quality.checks import facts
from spark_model_monitor.monitors.data_quality.checks.drift.baseline_drift import explain_incomparable
from spark_model_monitor.monitors.data_quality.checks.facts import FactEvidence
from spark_model_monitor.monitors.data_quality.checks.facts.repeats import find_row_repeats
from spark_model_monitor.monitors.data_quality.distribution.calibration import NoiseCalibration
from spark_model_monitor.monitors.data_quality.distribution.column_tests import (
    ColumnRequest,
    adjust_columns,
    compute_column_tests,
    compute_window_sizes,
)
from spark_model_monitor.monitors.data_quality.distribution.window_history import BASELINE, GROWS
from spark_model_monitor.statistics.verdicts.multiple_testing import allocate_budget

LIMITS = {COMPLETENESS: ("completeness",), CONTENTS: ("domain_content_threshold", "datatype_check_threshold")}
"""The limits of each family, by their names in the settings."""


def calibrate(comparison: WindowComparison) -> NoiseCalibration | None:
    """The allowance for noise in a run; None if its verdicts don't allow for noise."""
    if not comparison.monitoring.is_calibrated or comparison.as_service:
        return None
    # Facts first: the budget depends on their number, and on which of them have values
    evidence = {feature.name: facts.collect_evidence(feature) for feature in comparison.features}
    requests: dict[tuple[str, str], ColumnRequest] = {}
    for feature in comparison.features:
        requests |= _request_references(comparison, feature)
        requests |= _request_segments(comparison, feature)
    sizes = compute_window_sizes(requests)
    columns = {}
    for key, request in requests.items():
        column = compute_column_tests(request, sizes.get(key))
        if column is not None:
            columns[key] = column
    adjust_columns(columns.values())
    return NoiseCalibration(share_budget(comparison, evidence), columns, evidence, sizes)


def _request_references(
    comparison: WindowComparison, feature: FeatureComparison
) -> dict[tuple[str, str], ColumnRequest]:
    """The tests of a feature's drift from each of its references."""
    baseline_feature = feature.baseline_feature
    requests = {}
    for reference in baseline_feature.judged_references:
        past = baseline_feature.find_past_windows(reference)
        reason_unfit = comparison.baseline.get_variation(reference).find_unfit_reason(feature.name)
        # A text that gets new values always differs from its baseline, so windows don't show how it varies
        grows = reference == BASELINE and baseline_feature.new_value_counts is not None
        if grows:
            past = None
            reason_unfit = GROWS
        requests[reference, feature.name] = ColumnRequest(
            *feature.align_with_reference(reference),
            feature.window_design_effect,
            baseline_feature.family,
            reason_unfit,
            is_tested=comparison.monitoring.rows_are_independent and not grows,
            past=past,
            earlier_distribution=None if reference == BASELINE else feature.baseline_distribution,
            group_column=feature.suspected_group_column,
            group_advice=feature.group_advice,
        )
    return requests


def _request_segments(comparison: WindowComparison, feature: FeatureComparison) -> dict[tuple[str, str], ColumnRequest]:
    """The tests of a feature's drift in each segment of the rows."""
    requests = {}
    for cut, labels in feature.segments.items():
        for label in labels:
            segment = feature.restrict_to_segment(cut, label)
            if explain_incomparable(segment.baseline_distribution, segment.current_distribution):
                continue
            # Segments are a family of their own, so that they take no level from the drift of all rows
            requests[label, feature.name] = ColumnRequest(
                segment.baseline_distribution,
                segment.current_distribution,
                feature.window_design_effect,
                SEGMENTS,
                is_tested=comparison.monitoring.rows_are_independent,
                past=feature.baseline_feature.find_past_of_segment(label),
            )
    return requests


def share_budget(comparison: WindowComparison, evidence: Mapping[str, Mapping[str, FactEvidence]]) -> BudgetLedger:
    """How the families of checks that run share the budget. evidence: the evidence of the facts, by feature and check.

    A limit that a person wrote or edited is judged as written and takes no part.
    """
    settings = comparison.monitoring
    num_tests = _count_tests(comparison, evidence)
    # New kinds of values are judged even if no column has any, so that their family always has a level
    running = {family: count for family, count in num_tests.items() if count or family == NEW_KINDS}
    levels = allocate_budget(settings.false_alarm_budget, tuple(running))
    families = tuple(Family(family=name, level=levels[name], tests=count) for name, count in running.items())
    return BudgetLedger(
        false_alarm_budget=settings.false_alarm_budget, rows=Rows(settings.rows).value, families=families
    )


def _count_tests(comparison: WindowComparison, evidence: Mapping[str, Mapping[str, FactEvidence]]) -> dict[str, int]:
    """The number of tests in each family."""
    features = comparison.features
    # A test for each reference of a column, and for each suggested limit
    num_tests = dict.fromkeys((DRIFT, PREDICTIONS), 0)
    for feature in features:
        num_tests[feature.baseline_feature.family] += len(feature.baseline_feature.judged_references)
    for family, limits in LIMITS.items():
        num_tests[family] = sum(len(feature.suggested_limits.intersection(limits)) for feature in features)
    # A test for each fact of a column
    for fact_evidence in chain.from_iterable(by_check.values() for by_check in evidence.values()):
        if fact_evidence.family != NEW_KINDS:
            num_tests[CONTENTS] += 1
        else:
            # A kind that neither side has can't be violated, whatever its level (Tarone 1990)
            num_tests[NEW_KINDS] = num_tests.get(NEW_KINDS, 0) + int(fact_evidence.has_values)
    # Tests of all rows: repeats, segments, pairs of columns, and the window's size and newest row
    if find_row_repeats(comparison) is not None:
        num_tests[CONTENTS] += 1
    num_tests[SEGMENTS] = sum(len(labels) for feature in features for labels in feature.segments.values())
    num_tests[COLUMN_PAIRS] = len(comparison.relations)
    volume = comparison.volume
    num_tests[VOLUME] = 0
    if volume is not None:
        expected = (volume.expected_row_count, volume.expected_freshness)
        num_tests[VOLUME] = sum(member is not None for member in expected)
    return num_tests
