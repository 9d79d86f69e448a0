"""A run of model quality as a page to read: every metric beside its threshold, the confusion matrix, the curves. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from model_monitor.documents.check_results import CheckResult, CheckStatus
from model_monitor.documents.page import (
    VERDICTS,
    Block,
    Column,
    CurveChart,
    Line,
    Mark,
    Page,
    PageSection,
    PageTable,
    Tile,
    count_text,
    number_text,
)
from model_monitor.model_quality.estimates import interval_of
from model_monitor.model_quality.evidence import BinaryEvidence, RegressionEvidence
from model_monitor.model_quality.measurement import Measured, Measurement
from model_monitor.states.scores import ScoreCounts

MOST_CLASSES = 30
"""Of a confusion matrix that is shown; a larger one is no table for people."""

MOST_POINTS = 200
"""Of a curve; so many are more than its pixels show."""

READING = (
    "The interval has the true value 95 times in 100. A metric is violated if its value is on the wrong side of its threshold. "
    "Cannot tell: there are too few rows for a verdict. metrics.json and checks.json have all numbers of this page.",
)


def page_of(measurement: Measurement, results: Sequence[CheckResult]) -> Page:
    """The page of a run. results: of its checks, none for a baseline."""
    judged = {result.metric or "": result for result in results}
    order = sorted(judged, key=lambda name: judged[name].status is not CheckStatus.VIOLATED)
    names = [*order, *(name for name in measurement.metrics if name not in judged)]
    lines = tuple(_line(name, measurement.metrics.get(name), judged.get(name)) for name in names)
    violated = [name for name in order if judged[name].status is CheckStatus.VIOLATED]
    heading = "What is wrong now" if violated else "Metrics"
    sections = [PageSection(heading, (PageTable(COLUMNS, lines, f"{len(lines):,} metrics, violated ones first"),))]
    if shown := tuple(_evidence(measurement)):
        sections.append(PageSection("What they are made of", shown))
    tiles = [Tile("metrics violated", f"{len(violated):,} of {len(results):,}", Mark.BAD if violated else Mark.GOOD)]
    tiles += [Tile(name, _value(measurement.metrics.get(name)), Mark.BAD) for name in violated[:1]]
    reading = PageSection("How to read this", READING)
    return Page("report", "Model quality", (), (*sections, reading), tuple(tiles) if results else (), html_only=True)


COLUMNS = (
    Column("verdict"),
    Column("metric", is_name=True),
    Column("value", is_number=True),
    Column("95 % interval", is_number=True),
    Column("threshold", is_number=True),
    Column("rows", is_number=True),
    Column("remark"),
)


def _line(name: str, measured: Measured | None, result: CheckResult | None) -> Line:
    mark, verdict = VERDICTS[result.status] if result else (Mark.NONE, "–")
    interval = interval_of(measured.estimate) if measured else None
    threshold = "–"
    if result is not None and result.threshold is not None:
        side = {"LessThanThreshold": "at least ", "GreaterThanThreshold": "at most "}.get(result.check, "")
        threshold = side + number_text(result.threshold)
    cells = (
        verdict,
        name,
        _value(measured),
        " to ".join(number_text(end, 3) for end in interval) if interval else "–",
        threshold,
        count_text(measured.estimate.n) if measured else "–",
        (result.reason if result else None) or "",
    )
    return Line(cells, mark)


def _value(measured: Measured | None) -> str:
    return number_text(measured.value if measured else None)


def _evidence(measurement: Measurement) -> Iterator[Block]:
    evidence = measurement.evidence
    if isinstance(evidence, RegressionEvidence):
        return
    if len(evidence.classes) <= MOST_CLASSES:
        columns = (Column("label", is_name=True), *(Column(f"predicted {name}", True) for name in evidence.classes))
        rows = zip(evidence.classes, evidence.matrix.tolist(), strict=True)
        lines = tuple(Line((name, *map(count_text, counts))) for name, counts in rows)
        yield PageTable(columns, lines, "Confusion matrix: rows by label, then by prediction")
    scores = evidence.scores if isinstance(evidence, BinaryEvidence) else None
    if scores is not None and scores.positives.sum() and scores.negatives.sum():
        yield from _curves(scores, measurement)


def _curves(scores: ScoreCounts, measurement: Measurement) -> Iterator[CurveChart]:
    """Both curves at every distinct score, from the highest."""
    found, wrong = (np.cumsum(side[::-1]) for side in (scores.positives, scores.negatives))
    recall, fallout, precision = found / found[-1], wrong / wrong[-1], found / (found + wrong)
    areas = {name: _value(measurement.metrics.get(name)) for name in ("auc", "au_prc")}
    yield _curve("ROC curve", [0, *fallout], [0, *recall], ("false positive rate", "recall"), areas["auc"])
    yield _curve("Precision and recall", recall, precision, ("recall", "precision"), areas["au_prc"])


def _curve(title: str, x: Any, y: Any, axes: tuple[str, str], area: str) -> CurveChart:
    places = np.unique(np.linspace(0, len(x) - 1, MOST_POINTS).round().astype(int))
    points = tuple((float(x[place]), float(y[place])) for place in places)
    return CurveChart(title, points, axes, f"{axes[1]} over {axes[0]}, area {area}")
