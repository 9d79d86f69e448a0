"""completeness_check: enough of a feature's values are there."""

from __future__ import annotations

from operator import attrgetter

from model_monitor.documents.check_results import CheckStatus
from model_monitor.monitors.data_quality import messages
from model_monitor.monitors.data_quality.checks import FEATURE_CHECKS
from model_monitor.monitors.data_quality.comparison import FeatureComparison
from model_monitor.monitors.data_quality.documents import COMPLETENESS
from model_monitor.monitors.protocol import Finding, of_share


@FEATURE_CHECKS.register("completeness_check", threshold=attrgetter("constraints.completeness"))
def completeness(feature: FeatureComparison, threshold: float) -> Finding:
    """The share of values that are neither null nor NaN is at least the one in constraints.json.

    A feature without a `completeness` entry is not checked. A suggested threshold allows for chance.
    Source: C4.4, C11.6, D4.6.
    """
    baseline, current = feature.baseline, feature.current
    finding = of_share(
        current.num_present,
        current.num_present + current.num_missing,
        threshold,
        formula="present values / rows",
        description=messages.requirement_not_met,
        no_values="the current data has no rows",
    )
    if feature.calibration is None or "completeness" not in feature.suggested_limits:
        return finding
    lacking, least = baseline.rows - baseline.present, 0.0
    if finding.status is CheckStatus.VIOLATED and not feature.calibration.rows_are_independent:
        least = feature.chance_of_missing
    return feature.calibration.allowed_for(finding, COMPLETENESS, lacking, baseline.rows, least=least)
