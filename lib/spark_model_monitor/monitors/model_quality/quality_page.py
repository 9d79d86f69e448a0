"""The page of a model-quality run: every metric with its threshold, the confusion matrix, the curves. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from spark_model_monitor.documents.alarms import group_by_cause
from spark_model_monitor.documents.change_description import format_limit
from spark_model_monitor.documents.check_results import CheckResult, name_cause
from spark_model_monitor.documents.page import (
    BASELINE_HEADLINE,
    Block,
    Card,
    Cards,
    CurveChart,
    Headline,
    Highlight,
    Page,
    PageSection,
    PageTable,
    Point,
    PointChart,
    TableLine,
    build_table,
    create_reading_guide,
    format_count,
    format_interval,
    format_noun_count,
    format_number,
)
from spark_model_monitor.documents.run_changes import describe_drift_type, is_beyond_threshold
from spark_model_monitor.monitors.change_cards import VERDICTS, PageFeature, create_card
from spark_model_monitor.monitors.model_quality.estimates import confidence_interval
from spark_model_monitor.monitors.model_quality.evidence import (
    BinaryEvidence,
    ClassEvidence,
    Evidence,
    MulticlassEvidence,
    RegressionEvidence,
)
from spark_model_monitor.monitors.model_quality.measurement import Measured, Measurement
from spark_model_monitor.monitors.model_quality.quality_checks import BEYOND_THRESHOLD
from spark_model_monitor.statistics.states.blocks import BlockSums
from spark_model_monitor.statistics.states.kll import KllSketch
from spark_model_monitor.statistics.states.scores import ScoreCounts, calibration

PARTS_OF_A_CLASS = ("right", "labels", "predictions")
"""Columns about each of many classes: its correct rows, the rows with it as their label, and those with it as their
prediction.
"""
MAX_CLASSES = 30  # maximum number of classes in a confusion matrix on a page; larger ones are unreadable
METRICS_OF_SEGMENTS = 6  # maximum number of metrics in a table of segments
MAX_POINTS = 200  # maximum number of points of a curve, about as many as it has pixels

NUMBERS = ("value", "95 % interval", "threshold", "rows")
READING = (
    "The interval has the true value 95 times in 100. A metric is violated if its value is on the wrong side of its threshold by "
    "more than chance explains. metrics.json and checks.json have all numbers of this page.",
)


def create_page(measurement: Measurement, results: Sequence[CheckResult], *, hide_values: bool = False) -> Page:
    """The page of a run. results: of its checks; empty for a baseline. hide_values: whether classes get numbers instead
    of names.
    """
    results_by_metric = {result.metric or "": result for result in results if not result.is_of_one_segment}
    # First the metrics that were judged, in the order of constraints.json
    names = dict.fromkeys((*results_by_metric, *measurement.metrics))
    lines = [_create_line(name, measurement.metrics.get(name), results_by_metric.get(name)) for name in names]
    cards = tuple(map(_create_card, group_by_cause(results)))
    sections = []
    if cards:
        sections = [PageSection("Worse than asked for", (Cards(cards),), note="the largest first")]
    if kind := describe_drift_type(results):
        sections.append(PageSection("What kind of change", (kind,)))
    # All metrics, violated ones first
    lines.sort(key=lambda line: line.mark is not Highlight.BAD)
    # A note on thresholds, if there are any
    note = f"{len(results_by_metric):,} of {len(lines):,} have a threshold"
    if equivalent_count := len(results_by_metric) - len(set(map(name_cause, results))):
        note += f"; {equivalent_count:,} of them are another name of a metric that is here, or its complement"
    if not results_by_metric:
        note = format_noun_count(len(lines), "metric")
    titles = ("verdict", "metric", *NUMBERS, "remark")
    table = build_table(titles, lines, numbers=NUMBERS, names=("metric",)).drop_empty_columns()
    sections.append(PageSection("All metrics", (table,), note=note))
    if measurement.segments and not hide_values:
        sections.append(PageSection("By segment", tuple(_create_segment_tables(measurement, results))))
    if hide_values:
        measurement = replace(measurement, evidence=hide_class_names(measurement.evidence))
    if evidence_blocks := tuple(_create_evidence_blocks(measurement)):
        sections.append(PageSection("What the predictions are like", evidence_blocks))
    # An explanation, and for a baseline the headline; for a run, other code writes the headline
    has_groups = any(metric.design_effect > 1 for metric in measurement.metrics.values())
    paragraphs = [*READING]
    if has_groups:
        paragraphs.append(
            "Rows are 74 of 1,200 where 1,200 say as much as 74 alone: those of a group belong together (--group-column)."
        )
    reading = create_reading_guide(paragraphs)
    headline = None
    if not results:
        headline = Headline(BASELINE_HEADLINE.format(format_noun_count(len(lines), "metric")))
    return Page("report", "Model quality", (), (*sections, reading), headline, html_only=True)


def _create_segment_tables(measurement: Measurement, results: Sequence[CheckResult]) -> Iterator[PageTable]:
    """Yield a table of metrics by segment: those with a threshold, or a baseline's first ones. Violated segments come first."""
    metric_names = dict.fromkeys(result.metric or "" for result in results if result.is_of_one_segment)
    names = [*(metric_names or measurement.metrics)][:METRICS_OF_SEGMENTS]
    violated_segments = {result.segment for result in results if result.is_violated}
    numbers = ("rows", *names)
    for cut, segments in measurement.segments.items():
        lines = [
            TableLine(
                (label, format_count(segment.rows), *(_format_value(segment.metrics.get(name)) for name in names)),
                Highlight.BAD if label in violated_segments else Highlight.NONE,
                label,
            )
            for label, segment in segments.items()
        ]
        lines.sort(key=lambda line: line.mark is not Highlight.BAD)
        yield build_table(("segment", *numbers), lines, numbers=numbers, names=("segment",), caption=f"by {cut}")


def _create_card(equivalent_results: Sequence[CheckResult]) -> Card:
    """The card of equivalent results: a metric's result, then those of equivalent metrics in other units."""
    result = equivalent_results[0]
    # The picture shows this run with its interval, and the threshold
    point = Point("this run", result.observed, result.threshold, result.interval, Highlight.BAD)
    points = (point, Point("asked for", result.threshold))
    picture = PointChart.from_zero(result.metric or "", points, reference_label="the threshold")
    return create_card(
        PageFeature(result.metric or "", equivalent_results, picture=picture, hints=[result.reason or ""])
    )


def _create_line(name: str, measured: Measured | None, result: CheckResult | None) -> TableLine:
    mark = Highlight.NONE
    verdict = threshold = "–"
    remark = ""
    if result is not None:
        mark, verdict = VERDICTS[result.status]
        remark = result.reason or ""
        if result.has_passed and is_beyond_threshold(result):
            verdict = f"{verdict}: within chance"
        if result.threshold is not None:
            threshold = format_limit(result)
            # Value and threshold have their own columns
            if result.observed is not None:
                value_and_threshold = BEYOND_THRESHOLD.format(value=result.observed, limit=result.threshold)
                remark = remark.removeprefix(f"{value_and_threshold}; ")
    # The number of rows in the estimate, and of all rows if several count as one
    interval = None
    rows = "–"
    if measured:
        interval = confidence_interval(measured.estimate)
        rows = format_count(measured.estimate.n)
        if measured.design_effect > 1:
            rows += f" of {format_count(measured.rows)}"
    return TableLine(
        (verdict, name, _format_value(measured), format_interval(interval), threshold, rows, remark), mark, name
    )


def _format_value(measured: Measured | None) -> str:
    return format_number(measured.value if measured else None)


def _create_evidence_blocks(measurement: Measurement) -> Iterator[Block]:
    evidence = measurement.evidence
    if isinstance(evidence, RegressionEvidence):
        if evidence.residuals is not None and evidence.residuals.count:
            yield _draw_residuals(evidence.residuals)
        return
    if isinstance(evidence, MulticlassEvidence) and evidence.estimated is not None:
        rows = _format_class_counts(evidence, evidence.estimated.T.round().tolist())
        titles = ("class", *PARTS_OF_A_CLASS)
        yield build_table(titles, rows, numbers=PARTS_OF_A_CLASS, names=("class",), caption="Rows to be expected")
    else:
        yield from create_confusion_tables(evidence, "Confusion matrix")
    if not isinstance(evidence, BinaryEvidence) or evidence.scores is None:
        return
    # Curves need rows of both classes
    if evidence.scores.positives.sum() and evidence.scores.negatives.sum():
        names = ("auc", "au_prc", "calibration_error")
        auc, au_prc, calibration_error = (_format_value(measurement.metrics.get(name)) for name in names)
        yield from _draw_score_curves(evidence.scores, auc, au_prc)
        if evidence.probabilities is not None:
            yield _draw_calibration(evidence.probabilities, calibration_error)


def create_confusion_tables(evidence: ClassEvidence, title: str) -> Iterator[PageTable]:
    """Yield the confusion matrix as a table, unless there are too many classes."""
    if len(evidence.classes) > MAX_CLASSES:
        return
    counts = evidence.matrix.tolist()
    rows = _format_class_counts(evidence, counts)
    predicted = [f"predicted {name}" for name in evidence.classes]
    caption = f"{title}: rows by label, then by prediction; the darker, the more of a label"
    table = build_table(("label", *predicted), rows, numbers=predicted, names=("label",), caption=caption)
    # Shades are shares of each label's rows, so that rare classes are shaded, too
    shades = tuple(tuple(count / (sum(row) or 1) for count in row) for row in counts)
    yield replace(table, shades=shades)


def _format_class_counts(evidence: ClassEvidence, counts: Sequence[Sequence[float]]) -> list[Sequence[str]]:
    """A line for each class: its name, and its counts."""
    return [(name, *map(format_count, row)) for name, row in zip(evidence.classes, counts, strict=True)]


def hide_class_names(evidence: Evidence) -> Evidence:
    """The evidence with numbered classes."""
    if isinstance(evidence, RegressionEvidence):
        return evidence
    return replace(evidence, classes=tuple(f"class {number}" for number in range(1, len(evidence.classes) + 1)))


def _draw_residuals(sketch: KllSketch) -> CurveChart:
    """A chart of the residuals' quantiles, in steps of 1 %."""
    shares = [step / 100 for step in range(1, 100)]
    residuals = [sketch.quantile(share) for share in shares]
    smallest, low, median, high, largest = (
        format_number(residuals[percentile - 1], 3) for percentile in (1, 25, 50, 75, 99)
    )
    ranges = f"of half the rows from {low} to {high}, of 98 % from {smallest} to {largest}"
    caption = f"label less prediction, median {median}; {ranges}"
    return CurveChart.from_numbers("Residuals", ("share of rows", "residual"), shares, residuals, caption)


def _draw_score_curves(scores: ScoreCounts, auc: str, au_prc: str) -> Iterator[CurveChart]:
    """Yield both curves, from the highest score to the lowest."""
    # The rows at or above each score
    true_positives = np.cumsum(scores.positives[::-1])
    false_positives = np.cumsum(scores.negatives[::-1])
    recall = true_positives / true_positives[-1]
    false_positive_rate = false_positives / false_positives[-1]
    precision = true_positives / (true_positives + false_positives)
    yield _draw_curve("ROC curve", [0, *false_positive_rate], [0, *recall], ("false positive rate", "recall"), auc)
    yield _draw_curve("Precision and recall", recall, precision, ("recall", "precision"), au_prc)


def _draw_calibration(sums: BlockSums, calibration_error: str) -> CurveChart:
    """A chart of the share of positive labels in each non-empty tenth of the scores, at their mean score."""
    rows, positives, total = (part.sum(axis=1) for part in calibration(sums))
    filled = rows > 0
    mean = total[filled] / rows[filled]
    share = positives[filled] / rows[filled]
    distance = f"on average {calibration_error} from the diagonal, where a calibrated model is"
    caption = f"positive labels by tenths of the score, {distance}"
    axes = ("score", "share of positive labels")
    return CurveChart(
        "Calibration", tuple(zip(mean.tolist(), share.tolist(), strict=True)), axes, caption, diagonal=True
    )


def _draw_curve(title: str, x: Any, y: Any, axes: tuple[str, str], area: str) -> CurveChart:
    indices = np.unique(np.linspace(0, len(x) - 1, MAX_POINTS).round().astype(int))
    points = tuple((float(x[index]), float(y[index])) for index in indices)
    return CurveChart(title, points, axes, f"{axes[1]} over {axes[0]}, area {area}", axes[1] == "recall")
