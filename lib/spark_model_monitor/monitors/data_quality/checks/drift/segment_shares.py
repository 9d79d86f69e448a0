"""The segments of a change: how much each contributes to the distance of a feature, and the drift in each of them. Pure.

Source: D4.13.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from spark_model_monitor.documents.check_results import (
    COMPLETENESS,
    DRIFT,
    ONE_SEGMENT,
    SEGMENT_DRIFT,
    CheckResult,
    SegmentPart,
)
from spark_model_monitor.documents.page import format_percent
from spark_model_monitor.monitors.contributions import MIN_SHARE_ALONE, MIN_SHARE_OF_CHANGE
from spark_model_monitor.monitors.data_quality.baseline_comparison import FeatureComparison
from spark_model_monitor.monitors.data_quality.checks.drift.baseline_drift import baseline_drift, select_threshold
from spark_model_monitor.monitors.data_quality.distribution.calibration import NO_HISTORY
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import create_distribution
from spark_model_monitor.monitors.segment_reports import report_once
from spark_model_monitor.statistics.drift.distributions import align_categories
from spark_model_monitor.statistics.states import FeatureProfile
from spark_model_monitor.statistics.states.segments import SegmentProfiles, has_columns, match_segments
from spark_model_monitor.statistics.verdicts.design_effect import ratio_or_zero

if TYPE_CHECKING:
    from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
    from spark_model_monitor.statistics.states.profile import Measures

CHECKS_WITH_PARTS = (DRIFT, COMPLETENESS)

Measure = Callable[[FeatureProfile], tuple[float, float]]
"""The counted values of a feature, and the total."""


def compute_contributions(
    baseline_profile: FeatureProfile | None, current_profile: FeatureProfile, *, missing: bool = False
) -> tuple[SegmentPart, ...]:
    """The contribution of each segment to the largest gap between two distributions, or to the change of the missing values.

    `within` is the change inside the segment, `mix` that of its share of the rows; for each cut they add up to the gap.
    """
    if baseline_profile is None:
        return ()
    measure: Measure | None = _count_missing
    if not missing:
        measure = _find_largest_gap(baseline_profile, current_profile)
    if measure is None:
        return ()
    # The change of all rows, with the sign that makes it positive
    overall_before = _compute_share(measure(baseline_profile))
    overall_now = _compute_share(measure(current_profile))
    sign = 1.0 if overall_now >= overall_before else -1.0
    contributions: list[SegmentPart] = []
    for cut, segments in match_segments(baseline_profile, current_profile).items():
        # Shape (segments, 2 sides, 2): counted values and total
        counted = np.array([[measure(old), measure(new)] for old, new in segments.values()])
        rows = counted[:, :, 1]
        totals = rows.sum(axis=0)
        if not totals.all() or not np.isfinite(counted).all():
            continue
        weights = rows / totals
        shares = ratio_or_zero(counted[:, :, 0], rows)
        # The error of sketches is the same in all segments
        shares += np.array([overall_before, overall_now]) - (weights * shares).sum(axis=0)
        shares[weights[:, 0] == 0, 0] = overall_before
        # b, w: the segments' shares of the rows, before and now
        shares_before, shares_now = shares.T
        b, w = weights.T
        within = sign * np.where(w > 0, w * (shares_now - shares_before), 0.0)
        mix = sign * (w - b) * (shares_before - overall_before)
        contributions += [
            SegmentPart(cut=cut, segment=label, rows=float(rows), within=float(inside), mix=float(mixed))
            for label, rows, inside, mixed in zip(segments, w, within, mix, strict=True)
        ]
    return tuple(contributions)


def describe_location(contributions: Sequence[SegmentPart]) -> tuple[str, str | None]:
    """The location of a change in words, and the segment, whose name the words leave out; empty if all segments are alike.

    The cut is the one with the segment that has most of the change relative to its share of the rows.
    """
    best_part: SegmentPart | None = None
    best_share = 0.0
    best_excess = 0.0
    for _, group in groupby(contributions, key=attrgetter("cut")):
        cut_parts = list(group)
        distance = sum(contribution.within + contribution.mix for contribution in cut_parts)
        if not distance:
            continue
        # How much the shares of segments explain, and the segment with most of the change inside
        mixed = sum(contribution.mix for contribution in cut_parts) / distance
        top_part = max(cut_parts, key=attrgetter("within"))
        share = top_part.within / distance
        if mixed - MIN_SHARE_OF_CHANGE > best_excess:
            best_part = max(cut_parts, key=attrgetter("mix"))
            best_share = mixed
            best_excess = mixed - MIN_SHARE_OF_CHANGE
        elif share >= MIN_SHARE_OF_CHANGE and share - top_part.rows > best_excess:
            best_part = top_part
            best_share = share
            best_excess = share - top_part.rows
    # No cut has a segment that explains enough
    if best_part is None:
        return "", None
    percent = format_percent(min(best_share, 1.0))
    if best_part.mix > best_part.within:
        return f"{percent} of it as the shares of {best_part.cut} changed", None
    where = "only" if best_share >= MIN_SHARE_ALONE else "most of it"
    amount = f"{percent} of the change in {format_percent(best_part.rows)} of the rows"
    return f"{where} in {ONE_SEGMENT}{best_part.cut}: {amount}", best_part.segment


def select_segment(feature: FeatureProfile | None, label: str) -> FeatureProfile | None:
    """A feature in one segment."""
    return next((segments[label] for segments in _get_cuts(feature).values() if label in segments), None)


def find_cut(feature: FeatureProfile | None, label: str) -> str:
    """The cut of a segment."""
    return next((cut for cut, segments in _get_cuts(feature).items() if label in segments), "")


def _get_cuts(feature: FeatureProfile | None) -> Mapping[str, Mapping[str, FeatureProfile]]:
    """A feature in all segments, by cut."""
    segmented = None
    if feature is not None:
        segmented = feature.state(SegmentProfiles)
    if segmented is not None:
        return segmented.cuts
    return {}


def _find_largest_gap(baseline_profile: FeatureProfile, current_profile: FeatureProfile) -> Measure | None:
    """What to count: the values up to, or at, the point where two distributions are furthest apart; None without such a point."""
    if not baseline_profile.num_present or not current_profile.num_present:
        return None
    # Numbers: count those up to the value where the cumulative distributions are furthest apart
    numbers = create_distribution(baseline_profile).numbers
    numbers_now = create_distribution(current_profile).numbers
    if numbers is not None and numbers_now is not None:
        pooled = numbers_now.cdf.pool_with(numbers.cdf)
        return partial(_count_up_to, float(pooled.values[int(pooled.gaps.argmax())]))
    # Texts: count the text whose share changed most
    counts_before = baseline_profile.exact_domain
    counts_now = current_profile.exact_domain
    if baseline_profile.is_numeric or current_profile.is_numeric or counts_before is None or counts_now is None:
        return None
    cells, cells_now = align_categories(counts_before, counts_now)
    changes = np.abs(cells / cells.sum() - cells_now / cells_now.sum())
    return partial(_count_category, sorted({*counts_before, *counts_now})[int(changes.argmax())])


def _count_up_to(value: float, feature: FeatureProfile) -> tuple[float, float]:
    numbers = create_distribution(feature).numbers
    if numbers is None:
        return 0, 0
    return float(numbers.cdf.ranks_at(np.array([value]))[0]), feature.num_numbers


def _count_category(category: str, feature: FeatureProfile) -> tuple[float, float]:
    domain = feature.exact_domain
    if domain is None and feature.num_present:
        return np.nan, np.nan
    return float((domain or {}).get(category, 0)), float(feature.num_present)


def _count_missing(feature: FeatureProfile) -> tuple[float, float]:
    return float(feature.num_missing), float(feature.data_types.total)


def _compute_share(counted: tuple[float, float]) -> float:
    if counted[1]:
        return counted[0] / counted[1]
    return 0.0


def add_contributions(result: CheckResult, feature: FeatureComparison) -> CheckResult:
    """The result with each segment's contribution; a violation also with its location in words."""
    if result.check not in CHECKS_WITH_PARTS:
        return result
    # The share of missing values, or the distribution of the others
    missing = result.component == "missing" or result.check != DRIFT
    contributions = compute_contributions(feature.baseline_profile, feature.current_profile, missing=missing)
    where = ""
    segment = None
    if result.is_violated:
        where, segment = describe_location(contributions)
    return result.model_copy(update={"parts": contributions or None, "where": where or None, "segment": segment})


def judge_segments(feature: FeatureComparison, violated_check: str | None) -> Iterator[CheckResult]:
    """The drift in every segment. One change is one violation: of the feature itself, or else of the cut that shows it best.

    violated_check: the feature's own violation, if it has one.
    """
    results = {}
    for cut, segments in feature.segments.items():
        for label in segments:
            segment_comparison = feature.restrict_to_segment(cut, label)
            finding = baseline_drift(segment_comparison, select_threshold(segment_comparison) or 0.0)
            # Without tests, segments aren't judged, only all rows together
            if finding.is_violated and finding.adjusted_p is None:
                finding = finding.without_verdict(NO_HISTORY)
            finding = finding.copy_with(change=None)
            results[cut, label] = finding.result(SEGMENT_DRIFT, feature=feature.name, segment=label)
    yield from report_once(results, violated_check)


def add_baseline_segments(measures: Measures, baseline: QualityBaseline, names: Sequence[str]) -> Measures:
    """The measures with the segments of a baseline, for the segmenting columns that the data has."""
    assert baseline.profile is not None
    # All features have the same segments, so the first one shows them
    first = next(iter(baseline.profile.features), None)
    labels = {cut: tuple(segments) for cut, segments in _get_cuts(first).items()}
    fitting = tuple(
        cut for cut in baseline.constraints.monitoring.segments if cut in labels and has_columns(cut, names)
    )
    return replace(measures, segments=fitting, labels=labels)
