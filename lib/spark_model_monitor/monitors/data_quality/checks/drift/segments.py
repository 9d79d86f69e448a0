"""The segment of a change: how much each one contributes to the distance of a feature. Pure.

Source: D4.13.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from spark_model_monitor.documents.check_results import (
    COMPLETENESS,
    HIDDEN,
    ONE_SEGMENT,
    SEGMENT_DRIFT,
    CheckResult,
    CheckStatus,
    SegmentPart,
)
from spark_model_monitor.documents.headline import DRIFT
from spark_model_monitor.documents.page import Column, Line, PageTable, number_text, percent
from spark_model_monitor.monitors.causes import ALONE, MOST, causes_table
from spark_model_monitor.monitors.data_quality.checks.drift.baseline_drift import baseline_drift, select_threshold
from spark_model_monitor.monitors.data_quality.comparison import FeatureComparison
from spark_model_monitor.monitors.data_quality.distribution.calibration import NO_HISTORY
from spark_model_monitor.monitors.segments import told_once
from spark_model_monitor.statistics.drift import NumericDistribution
from spark_model_monitor.statistics.drift.distributions import category_cells
from spark_model_monitor.statistics.states import FeatureProfile
from spark_model_monitor.statistics.states.segments import Segmented, fits, sides_of

if TYPE_CHECKING:
    from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
    from spark_model_monitor.statistics.states.profile import Measures

Measure = Callable[[FeatureProfile], tuple[float, float]]
"""The counted values of a feature, and the total."""


def compute_contributions(
    before: FeatureProfile | None, now: FeatureProfile, *, missing: bool = False
) -> tuple[SegmentPart, ...]:
    """The contribution of each segment to the largest gap between two distributions, or to the change of the missing values.

    `within` is the change inside the segment, `mix` that of its share of the rows; for each cut they add up to the gap.
    """
    measure = _missing if missing else _largest_gap(before, now) if before is not None else None
    if before is None or measure is None:
        return ()
    whole = [_share(measure(each)) for each in (before, now)]
    sign = 1.0 if whole[1] >= whole[0] else -1.0
    found: list[SegmentPart] = []
    for cut, segments in sides_of(before, now).items():
        # segment, side, two numbers
        counted = np.array([[measure(side) for side in pair] for pair in segments.values()])
        totals = counted[:, :, 1].sum(axis=0)
        if not totals.all() or not np.isfinite(counted).all():
            continue
        weights = counted[:, :, 1] / totals
        shares = np.divide(counted[:, :, 0], counted[:, :, 1], out=np.zeros_like(weights), where=weights > 0)
        # the error of sketches is the same in all segments
        shares += np.array(whole) - (weights * shares).sum(axis=0)
        shares[weights[:, 0] == 0, 0] = whole[0]
        (was, now_), (b, w) = shares.T, weights.T
        within = sign * np.where(w > 0, w * (now_ - was), 0.0)
        mix = sign * (w - b) * (was - whole[0])
        found += [
            SegmentPart(cut=cut, segment=label, rows=float(rows), within=float(inside), mix=float(beside))
            for label, rows, inside, beside in zip(segments, w, within, mix, strict=True)
        ]
    return tuple(found)


def describe_location(parts: Sequence[SegmentPart]) -> tuple[str, str | None]:
    """The location of a change in words, and the segment, whose name the words leave out; empty if all segments are alike.

    The cut is the one with the segment that has most of the change relative to its share of the rows.
    """
    best: tuple[float, SegmentPart | None, float] = (0.0, None, 0.0)
    for _, group in groupby(parts, key=lambda each: each.cut):
        of_cut = list(group)
        distance = sum(each.within + each.mix for each in of_cut)
        top = max(of_cut, key=lambda each: each.within)
        share = top.within / distance if distance else 0.0
        if distance:
            mixed = sum(each.mix for each in of_cut) / distance
        else:
            mixed = 0.0
        if mixed >= MOST and mixed - MOST > best[0]:
            best = mixed - MOST, max(of_cut, key=lambda each: each.mix), mixed
        elif share >= MOST and share - top.rows > best[0]:
            best = share - top.rows, top, share
    _, top_part, share = best
    if top_part is None:
        return "", None
    if top_part.mix > top_part.within:
        return f"{percent(min(share, 1.0))} of it as the shares of {top_part.cut} changed", None
    where = "only" if share >= ALONE else "most of it"
    much = f"{percent(min(share, 1.0))} of the change, {percent(top_part.rows)} of the rows"
    return f"{where} in {ONE_SEGMENT}{top_part.cut}: {much}", top_part.segment


def select_segment(feature: FeatureProfile | None, label: str) -> FeatureProfile | None:
    """A feature in one segment."""
    found = None
    if feature is not None:
        found = feature.state(Segmented)
    if found is not None:
        return next((cut[label] for cut in found.cuts.values() if label in cut), None)
    return None


def find_cut(feature: FeatureProfile | None, label: str) -> str:
    """The cut of a segment."""
    found = None
    if feature is not None:
        found = feature.state(Segmented)
    if found is not None:
        return next((cut for cut, each in found.cuts.items() if label in each), "")
    return ""


def _largest_gap(before: FeatureProfile, now: FeatureProfile) -> Measure | None:
    """The count at the point where two distributions are furthest apart; None where there is no such point."""
    sides = (before, now)
    if not all(side.num_present for side in sides):
        return None
    if all(side.is_numeric and side.kll is not None and side.moments is not None for side in sides):
        both = _cdf(now).beside(_cdf(before))
        gaps = np.abs(both.before / both.before[-1] - both.after / both.after[-1])
        place = float(both.values[int(gaps.argmax())])
        return lambda side: (float(_cdf(side).ranks_at(np.array([place]))[0]), side.num_numbers) if side.kll else (0, 0)
    counts = [side.exact_domain for side in sides]
    if any(side.is_numeric for side in sides) or None in counts:
        return None
    cells = category_cells(*counts)  # type: ignore[arg-type]  # none is None
    apart = np.abs(cells[0] / cells[0].sum() - cells[1] / cells[1].sum())
    category = sorted({*counts[0], *counts[1]})[int(apart.argmax())]  # type: ignore[misc]  # likewise
    return lambda side: _with(side, category)


def _cdf(side: FeatureProfile) -> Any:
    assert side.kll is not None
    assert side.moments is not None
    return NumericDistribution.of(side.kll, side.moments).step_cdf()


def _with(side: FeatureProfile, category: str) -> tuple[float, float]:
    domain = side.exact_domain
    if domain is None and side.num_present:
        return np.nan, np.nan
    return float((domain or {}).get(category, 0)), float(side.num_present)


def _missing(side: FeatureProfile) -> tuple[float, float]:
    return float(side.num_missing), float(side.data_types.total)


def _share(counted: tuple[float, float]) -> float:
    if counted[1]:
        return counted[0] / counted[1]
    return 0.0


# The drift in every segment, and the segment of a violation of the whole.


SPLIT = (DRIFT, COMPLETENESS)


def with_parts(result: CheckResult, feature: FeatureComparison) -> CheckResult:
    """The result with each segment's contribution; for a violation, with its location in words, too."""
    if result.check not in SPLIT:
        return result
    missing = result.component == "missing" or result.check != DRIFT
    parts = compute_contributions(feature.before, feature.current, missing=missing)
    if result.status is CheckStatus.VIOLATED:
        where, segment = describe_location(parts)
    else:
        where = ""
        segment = None
    return result.model_copy(update={"parts": parts or None, "where": where or None, "segment": segment})


def judged(feature: FeatureComparison, said: str | None) -> Iterator[CheckResult]:
    """The drift in every segment. One change is one violation: of the feature itself, or else of the cut that shows it best.

    said: the feature's own violation, if it has one.
    """
    results = {}
    for cut, label in ((cut, label) for cut, segments in feature.segments.items() for label in segments):
        part = feature.in_segment(cut, label)
        finding = baseline_drift(part, select_threshold(part) or 0.0)
        if finding.status is CheckStatus.VIOLATED and finding.adjusted_p is None:  # then only the whole is judged
            finding = finding.unjudged(NO_HISTORY)
        named = {"feature": feature.name, "segment": label}
        results[cut, label] = finding.but(change=None).result(SEGMENT_DRIFT, **named)
    yield from told_once(results, said)


def as_cut(measures: Measures, known: QualityBaseline, names: Sequence[str]) -> Measures:
    """The measures with the segments of a baseline, for those columns that the data has."""
    assert known.profile is not None
    found = None
    if known.profile.features:
        found = known.profile.features[0].state(Segmented)
    if found is not None:
        labels = {cut: tuple(segments) for cut, segments in found.cuts.items()}
    else:
        labels = {}
    fitting = tuple(cut for cut in known.constraints.monitoring.segments if cut in labels and fits(cut, names))
    return replace(measures, segments=fitting, labels=labels)


# The tables on a page.


PARTS = "Within is what changed in a segment, mix what its share of the rows did: of all they are the whole change."
MOST_SEGMENTS_SHOWN = 12


def create_tables(result: CheckResult) -> Iterator[PageTable]:
    """Each segment's contribution to a change, the largest first, and what its rows have in common."""
    if result.parts and result.parts[0].segment != HIDDEN:
        titles = (Column("segment", is_name=True), *(Column(title, True) for title in ("of the rows", "within", "mix")))
        parts = sorted(result.parts, key=lambda each: -abs(each.within + each.mix))[:MOST_SEGMENTS_SHOWN]
        numbers = ((part.segment, percent(part.rows), *map(number_text, (part.within, part.mix))) for part in parts)
        yield PageTable(titles, tuple(map(Line, numbers)), PARTS)
    yield from causes_table(result)
