"""A run of model quality as a page: every metric with its threshold, the confusion matrix, the curves. And
challenge.html: champion and challenger compared. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from shlex import quote
from typing import Any

import numpy as np

from spark_model_monitor.documents.challenge import Challenge, Design, Difference, Segment, Verdict
from spark_model_monitor.documents.check_results import CheckResult, CheckStatus, by_cause, cause
from spark_model_monitor.documents.headline import SIDES, kind_of_change, once_in, place_of
from spark_model_monitor.documents.page import (
    EXPLAIN,
    VERDICTS,
    Block,
    Card,
    Cards,
    Column,
    CurveChart,
    Headline,
    Line,
    Mark,
    Page,
    PageSection,
    PageTable,
    Point,
    PointChart,
    count_text,
    counted,
    number_text,
    percent,
)
from spark_model_monitor.monitors.causes import causes_table
from spark_model_monitor.monitors.model_quality.estimates import confidence_interval
from spark_model_monitor.monitors.model_quality.evidence import (
    BinaryEvidence,
    Evidence,
    MulticlassEvidence,
    RegressionEvidence,
)
from spark_model_monitor.monitors.model_quality.measurement import Measured, Measurement
from spark_model_monitor.statistics.states.blocks import BlockSums
from spark_model_monitor.statistics.states.kll import KllSketch
from spark_model_monitor.statistics.states.scores import ScoreCounts, calibration

PARTS_OF_A_CLASS = ("right", "labels", "predictions")
"""What is shown for each of many classes: its right rows, and those with it as a label and as a prediction."""
MOST_CLASSES = 30  # in a confusion matrix that is shown; larger ones are unreadable
METRICS_OF_SEGMENTS = 6  # in a table
MOST_POINTS = 200  # of a curve; as many as its pixels can show

COLUMNS = (
    *(Column("verdict"), Column("metric", is_name=True)),
    *(Column(title, is_number=True) for title in ("value", "95 % interval", "threshold", "rows")),
    Column("remark"),
)
READING = (
    "The interval has the true value 95 times in 100. A metric is violated if its value is on the wrong side of its threshold by "
    "more than chance explains. metrics.json and checks.json have all numbers of this page.",
)

OF_GROUPS = (
    "Rows are 74 of 1,200 where 1,200 say as much as 74 alone: those of a group belong together (--group-column)."
)


def create_page(measurement: Measurement, results: Sequence[CheckResult], *, hide_values: bool = False) -> Page:
    """The page of a run. results: of its checks, none for a baseline. hide_values: number classes, don't name them."""
    judged = {result.metric or "": result for result in results if not result.is_of_one_segment}
    names = dict.fromkeys((*judged, *measurement.metrics))
    lines = tuple(_line(name, measurement.metrics.get(name), judged.get(name)) for name in names)
    cards = tuple(map(_card, by_cause(results)))
    if cards:
        sections = [PageSection("Worse than asked for", (Cards(cards),), note="the largest first")]
    else:
        sections = []
    if kind := kind_of_change(results):
        sections.append(PageSection("What kind of change", (kind,)))
    lines = tuple(sorted(lines, key=lambda line: line.mark is not Mark.BAD))
    note = f"{len(judged):,} of {len(lines):,} have a threshold, {len(set(map(cause, results))):,} of them say different things"
    table = PageTable(COLUMNS, lines).without_empty()
    sections.append(PageSection("All metrics", (table,), note=note if judged else counted(len(lines), "metric")))
    if measurement.segments and not hide_values:
        sections.append(PageSection("By segment", tuple(_segments(measurement, results))))
    if shown := tuple(_evidence(measurement, hide_values=hide_values)):
        sections.append(PageSection("What the predictions are like", shown))
    in_groups = any(metric.likeness > 1 for metric in measurement.metrics.values())
    reading = PageSection("How to read this", READING + (OF_GROUPS,) * in_groups, folded=True)
    headline = (
        None
        if results
        else Headline(f"{counted(len(lines), 'metric')} of the baseline: later data is checked against them.")
    )
    return Page("report", "Model quality", (), (*sections, reading), headline, html_only=True)


def _segments(measurement: Measurement, results: Sequence[CheckResult]) -> Iterator[PageTable]:
    """The metrics with a threshold for each segment, for a baseline the first ones; violated segments first."""
    judged = dict.fromkeys(result.metric or "" for result in results if result.is_of_one_segment)
    names = [*(judged or measurement.metrics)][:METRICS_OF_SEGMENTS]
    bad = {result.segment for result in results if result.status is CheckStatus.VIOLATED}
    columns = (Column("segment", is_name=True), *(Column(title, is_number=True) for title in ("rows", *names)))
    for cut, segments in measurement.segments.items():
        lines = [
            Line(
                (label, count_text(each.rows), *(_value(each.metrics.get(name)) for name in names)),
                Mark.BAD if label in bad else Mark.NONE,
                label,
            )
            for label, each in segments.items()
        ]
        yield PageTable(columns, tuple(sorted(lines, key=lambda line: line.mark is not Mark.BAD)), f"by {cut}")


def _card(alike: Sequence[CheckResult]) -> Card:
    """alike: a metric's result, then those of equivalent metrics in other units."""
    result, *twins = alike
    interval = result.interval
    value = result.observed
    numbers = [
        number
        for number in (value, result.threshold, *(interval or ()))
        if number is not None and math.isfinite(number)
    ]
    if numbers:
        span = (min(0.0, *numbers), max(numbers))
    else:
        span = (0.0, 1.0)
    point = Point("this run", value, result.threshold, interval, Mark.BAD)
    points = (point, Point("asked for", result.threshold))
    picture = PointChart(result.metric or "", points, span, reference_label="the threshold")
    if result.m is None:
        evidence = ""
    else:
        evidence = f"{count_text(result.m)} rows"
    evidence += f" · 95 % interval {ends_text(interval)}" if interval else ""
    evidence += "" if result.p is None else f" · by chance alone: {once_in(result.p)}"
    said = f"{number_text(value)}, {SIDES.get(result.check, '')}{number_text(result.threshold)} was asked for"
    hints = tuple(filter(None, (place_of(result), result.reason)))
    hints += (f"the same by another name: {', '.join(str(twin.metric) for twin in twins)}",) if twins else ()
    more: tuple[Block, ...] = (EXPLAIN.format(name=quote(result.metric or "")), *causes_table(result))
    return Card(result.metric or "", said, "", result.since or "", picture, hints, None, evidence, more)


def _line(name: str, measured: Measured | None, result: CheckResult | None) -> Line:
    if result:
        mark, verdict = VERDICTS[result.status]
    else:
        mark = Mark.NONE
        verdict = "–"
    interval = None
    if measured:
        interval = confidence_interval(measured.estimate)
    threshold = "–"
    if result is not None and result.threshold is not None:
        threshold = SIDES.get(result.check, "") + number_text(result.threshold)
    if measured:
        rows = count_text(measured.estimate.n)
    else:
        rows = "–"
    rows += f" of {count_text(measured.rows)}" if measured and measured.likeness > 1 else ""
    remark = (result.reason if result else "") or ""
    return Line((verdict, name, _value(measured), ends_text(interval), threshold, rows, remark), mark, name)


def ends_text(interval: tuple[float, float] | None) -> str:
    """An interval as text."""
    if interval:
        return " to ".join(number_text(end, 3) for end in interval)
    return "–"


def _value(measured: Measured | None) -> str:
    return number_text(measured.value if measured else None)


def _evidence(measurement: Measurement, *, hide_values: bool) -> Iterator[Block]:
    evidence = measurement.evidence
    if isinstance(evidence, RegressionEvidence):
        if evidence.residuals is not None and evidence.residuals.count:
            yield _residuals(evidence.residuals)
        return
    if isinstance(evidence, MulticlassEvidence) and evidence.estimated is not None:
        names = _class_names(evidence, hide_values=hide_values)
        columns = (Column("class", is_name=True), *(Column(part, is_number=True) for part in PARTS_OF_A_CLASS))
        rows = zip(names, evidence.estimated.T.round().astype(int).tolist(), strict=True)
        yield PageTable(
            columns, tuple(Line((name, *map(count_text, row))) for name, row in rows), "Rows to be expected"
        )
    else:
        yield from confusion_tables(evidence, "Confusion matrix", hide_values=hide_values)
    scores = None
    if isinstance(evidence, BinaryEvidence):
        scores = evidence.scores
    if scores is not None and scores.positives.sum() and scores.negatives.sum():
        yield from _curves(scores, *(_value(measurement.metrics.get(area)) for area in ("auc", "au_prc")))
        if evidence.probabilities is not None:
            yield _calibration(evidence.probabilities, _value(measurement.metrics.get("calibration_error")))


def confusion_tables(
    evidence: BinaryEvidence | MulticlassEvidence, title: str, *, hide_values: bool
) -> Iterator[PageTable]:
    """The confusion matrix as a table, unless there are too many classes."""
    if len(evidence.classes) > MOST_CLASSES:
        return
    names = _class_names(evidence, hide_values=hide_values)
    columns = (Column("label", is_name=True), *(Column(f"predicted {name}", True) for name in names))
    counts = evidence.matrix.tolist()
    lines = tuple(Line((name, *map(count_text, row))) for name, row in zip(names, counts, strict=True))
    shades = tuple(tuple(count / (sum(row) or 1) for count in row) for row in counts)
    yield PageTable(
        columns, lines, f"{title}: rows by label, then by prediction; the darker, the more of a label", shades
    )


def _class_names(evidence: BinaryEvidence | MulticlassEvidence, *, hide_values: bool) -> Sequence[str]:
    if hide_values:
        return [f"class {place}" for place in range(1, len(evidence.classes) + 1)]
    return evidence.classes


def _residuals(sketch: KllSketch) -> CurveChart:
    """The residual below which each share of the rows lies, in steps of 1 %."""
    shares = [step / 100 for step in range(1, 100)]
    found = [sketch.quantile(share) for share in shares]
    least, low, middle, high, largest = (number_text(found[place - 1], 3) for place in (1, 25, 50, 75, 99))
    words = f"label less prediction, median {middle}; of half the rows from {low} to {high}, of 98 % from {least} to {largest}"
    return CurveChart.of_numbers("Residuals", ("share of rows", "residual"), shares, found, words)


def _curves(scores: ScoreCounts, auc: str, au_prc: str) -> Iterator[CurveChart]:
    """Both curves at every distinct score, highest first."""
    found, wrong = (np.cumsum(side[::-1]) for side in (scores.positives, scores.negatives))
    recall = found / found[-1]
    fallout = wrong / wrong[-1]
    precision = found / (found + wrong)
    yield _curve("ROC curve", [0, *fallout], [0, *recall], ("false positive rate", "recall"), auc)
    yield _curve("Precision and recall", recall, precision, ("recall", "precision"), au_prc)


def _calibration(sums: BlockSums, apart: str) -> CurveChart:
    """The share of positive labels in each non-empty tenth of the scores, at their mean. apart: calibration error."""
    rows, positives, total = (part.sum(axis=1) for part in calibration(sums))
    filled = rows > 0
    mean = total[filled] / rows[filled]
    share = positives[filled] / rows[filled]
    words = f"positive labels by tenths of the score, on average {apart} from the diagonal, where a calibrated model is"
    axes = ("score", "share of positive labels")
    return CurveChart("Calibration", tuple(zip(mean.tolist(), share.tolist(), strict=True)), axes, words, diagonal=True)


def _curve(title: str, x: Any, y: Any, axes: tuple[str, str], area: str) -> CurveChart:
    places = np.unique(np.linspace(0, len(x) - 1, MOST_POINTS).round().astype(int))
    points = tuple((float(x[place]), float(y[place])) for place in places)
    return CurveChart(title, points, axes, f"{axes[1]} over {axes[0]}, area {area}", axes[1] == "recall")


# challenge.html: champion and challenger compared.


READING_OF_TRIAL = (
    "The interval has the true difference at every look of the trial together, 95 times in 100: you may look each hour, and stop "
    "as soon as there is a verdict. It is wider than that of a single look, early in the trial much wider.",
    "p is of this look alone. A small one among many looks, or among many metrics, says little.",
)
COLUMNS_OF_TRIAL = (
    *(Column("better"), Column("metric", is_name=True)),
    *(Column(title, is_number=True) for title in ("champion", "challenger", "difference", "95 % interval", "p")),
    Column("by"),
)


def sentence_of(document: Challenge) -> str:
    """The verdict in a sentence, with anything unfair first."""
    if document.design is Design.SHADOW:
        what = "pairs"
    else:
        what = "rows of split traffic"
    if document.unfair:
        unfair = f"Not a fair trial: {'; '.join(document.unfair)}. "
    else:
        unfair = ""
    if document.rows_to_tell:
        told = f" If the difference stays, {document.rows_to_tell:,} would tell."
    else:
        told = ""
    rows = f"{document.rows:,} of {document.planned_rows:,} planned {what} checked"
    return f"{unfair}{document.verdict.value}: {document.reason}, {rows}.{told}"


def page_of_trial(document: Challenge, wholes: tuple[Evidence, Evidence]) -> Page:
    """The page of a trial. wholes: the evidence of champion and challenger."""
    found = document.metrics[0]
    said = sentence_of(document).replace(Verdict.CANNOT_TELL.value, "not told yet")
    beside = f"{found.name} {number_text(found.challenger)}, beside the champion's {number_text(found.champion)}"
    if document.unfair:
        sections = [PageSection("Not a fair trial", document.unfair)]
    else:
        sections = []
    table = PageTable(COLUMNS_OF_TRIAL, tuple(map(_line_of_trial, document.metrics)))
    sections += [
        PageSection("Side by side", (*_chart(found), table), note=f"{document.metric} decides"),
        PageSection("What both answered", tuple(_answers(document, wholes))),
        PageSection("How to read this", READING_OF_TRIAL, folded=True),
    ]
    facts = (("champion", document.champion.path), ("challenger", document.challenger.path))
    headline = Headline(said[0].upper() + said[1:], f"{beside}.")
    return Page("challenge", "Champion and challenger", facts, tuple(sections), headline, html_only=True)


def _chart(found: Difference) -> Iterator[Block]:
    if found.champion is None or found.challenger is None:
        return
    low, high = (found.champion + end for end in found.interval or (found.difference or 0.0,) * 2)
    numbers = found.champion, found.challenger, low, high
    points = (Point("challenger", found.challenger, found.champion, (low, high)), Point("champion", found.champion))
    span = (min(0.0, *numbers), max(0.0, *numbers) or 1.0)
    yield PointChart(found.name, points, span, value_label="each model", reference_label="the champion")


def _line_of_trial(found: Difference) -> Line:
    better = "–"
    if found.interval is not None and not found.interval[0] <= 0 <= found.interval[1]:
        if (found.interval[0] > 0) == found.higher_is_better:
            better = "challenger"
        else:
            better = "champion"
    gain = f"{'+' if (found.difference or 0) > 0 else ''}{number_text(found.difference)}"
    numbers = (number_text(found.champion), number_text(found.challenger), gain)
    mark = {"challenger": Mark.GOOD, "champion": Mark.BAD}.get(better, Mark.NONE)
    return Line(
        (better, found.name, *numbers, ends_text(found.interval), number_text(found.p, 2), found.method),
        mark,
    )


def _answers(document: Challenge, wholes: tuple[Evidence, Evidence]) -> Iterator[Block]:
    columns = (
        Column("model", is_name=True),
        *(Column(title, True) for title in ("rows", "refused", "without a pair", "repeated")),
    )
    sides = (("champion", document.champion), ("challenger", document.challenger))
    lines = (
        Line((name, *map(count_text, (side.rows, side.refused, side.unmatched, side.repeated)))) for name, side in sides
    )
    yield PageTable(columns, tuple(lines))
    if document.disagreement is not None:
        if isinstance(wholes[0], RegressionEvidence):
            yield f"Their answers are {number_text(document.disagreement)} apart on average."
        else:
            yield f"They answered differently in {percent(document.disagreement)} of the pairs."
    if document.segments:
        is_regression = isinstance(wholes[0], RegressionEvidence)
        columns = (
            Column("feature", is_name=True),
            Column("value"),
            *(Column(title, True) for title in ("pairs", "apart", "p")),
        )
        yield "There they disagree otherwise than elsewhere:"
        yield PageTable(columns, tuple(_segment_of_trial(segment, is_regression) for segment in document.segments))
    for name, evidence in zip(("Champion", "Challenger"), wholes, strict=True):
        if not isinstance(evidence, RegressionEvidence):
            yield from confusion_tables(evidence, name, hide_values=False)


def _segment_of_trial(found: Segment, is_regression: bool) -> Line:
    if is_regression:
        apart = number_text(found.disagreement)
    else:
        apart = percent(found.disagreement)
    return Line((found.feature, found.value, count_text(found.rows), apart, number_text(found.p, 2)))
