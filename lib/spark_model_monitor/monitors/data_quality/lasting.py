"""Drift that several windows show together: since when, and whether it is a violation. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.monitors.data_quality import messages
from spark_model_monitor.monitors.data_quality.comparison import Comparison, FeatureComparison
from spark_model_monitor.monitors.data_quality.distributions import BASELINE, FeatureDistribution, of_window
from spark_model_monitor.monitors.data_quality.documents import LASTING
from spark_model_monitor.monitors.protocol import Finding
from spark_model_monitor.statistics.verdicts.memory import AWAY, LONG_AWAY, SUSPECT, Lasting, Memory

THIS_WINDOW = "this window"
AWAY_SINCE = "away from the baseline since {since}: {windows} windows together, by {shift:+.2g} standard deviations"


def lasting(comparison: Comparison, memory: Memory, level: float) -> Mapping[str, Lasting]:
    """The joint evidence of earlier windows and this one, for features whose drift is calibrated. level: of each."""
    judged = (each for each in comparison.features if each.is_drift_calibrated and not each.growth)
    features = {each.constraints.name: each for each in judged}
    found = {name: of_window(_before(each), each.now) for name, each in features.items()}
    now = {name: raw for name, raw in found.items() if raw is not None}
    limits = {name: each.settings.comparison_threshold for name, each in features.items()}
    told = memory.with_window(THIS_WINDOW, now).lasting(limits, level)
    return {name: each for name, each in told.items() if name in now}


def _before(feature: FeatureComparison) -> FeatureDistribution:
    """The reference of its windows: the baseline, or its hours once they are known."""
    season = feature.season
    return feature.references.get(season.like, feature.baseline) if season and season.learnt else feature.baseline


def with_lasting(finding: Finding, feature: FeatureComparison) -> Finding:
    """The drift check's finding, with the time since when windows differ from the baseline: a violation if their joint
    evidence says so; else with the smallest change that it would detect if the change lasted for a day.
    """
    calibration = feature.calibration
    found = None if calibration is None else calibration.lasting.get(feature.constraints.name)
    if calibration is None or found is None:
        return finding
    if finding.change is not None and math.isfinite(found.smallest):
        column = calibration.columns.get((finding.against or BASELINE, feature.constraints.name))
        share = None if column is None else column.share
        deviation = 1.0 if share is None else math.sqrt(share * (1 - share))  # of the rows of a share
        finding = finding.but(smallest_lasting=found.smallest * deviation)
    if found.since == THIS_WINDOW:
        return finding
    level, tests = calibration.share_of(LASTING)
    adjusted = min(1.0, found.p * tests)
    lasts = adjusted <= level or found.away >= LONG_AWAY
    words = AWAY_SINCE.format(since=found.since, windows=found.windows, shift=found.shift)
    if finding.status is CheckStatus.VIOLATED and lasts:
        return finding.but(since=found.since)
    if finding.status in (CheckStatus.PASSED, CheckStatus.CANNOT_TELL):
        if lasts:
            text = finding.description or messages.drift_p_value(adjusted, level)
            moved = finding.but(status=CheckStatus.VIOLATED, reason=words, description=text, since=found.since)
            moved = moved.but(change=None, smallest_change=None, smallest_lasting=None)
            return moved.but(p=found.p, adjusted_p=adjusted, component=found.component)
        if found.away >= AWAY:
            return finding.but(status=CheckStatus.CANNOT_TELL, reason=words, since=found.since)
        if found.p * SUSPECT <= 1:  # the alarm of the window before is not over
            return finding.but(since=found.since)
    return finding
