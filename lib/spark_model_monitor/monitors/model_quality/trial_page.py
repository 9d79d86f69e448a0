"""challenge.html: the comparison of champion and challenger as a page, and its verdict in a sentence. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from spark_model_monitor.documents.challenge_file import Challenge, MetricDifference, TrialDesign, TrialVerdict
from spark_model_monitor.documents.page import (
    Block,
    Headline,
    Highlight,
    Page,
    PageSection,
    Point,
    PointChart,
    TableLine,
    build_table,
    create_reading_guide,
    format_count,
    format_interval,
    format_number,
    format_percent,
)
from spark_model_monitor.monitors.model_quality.evidence import Evidence, RegressionEvidence
from spark_model_monitor.monitors.model_quality.quality_page import create_confusion_tables, hide_class_names

READING_OF_TRIAL = (
    "The interval has the true difference at every look of the trial together, 95 times in 100: you may look each hour, and stop "
    "as soon as there is a verdict. It is wider than that of a single look, early in the trial much wider.",
    "p is of this look alone. A small one among many looks, or among many metrics, says little.",
)
NUMBERS_OF_TRIAL = ("champion", "challenger", "difference", "95 % interval", "p")


def write_trial_verdict(document: Challenge) -> str:
    """The verdict in a sentence; what makes the trial unfair comes first."""
    pairs_or_rows = "rows of split traffic"
    if document.design is TrialDesign.SHADOW:
        pairs_or_rows = "pairs"
    unfair = ""
    if document.unfair:
        unfair = f"Not a fair trial: {'; '.join(document.unfair)}. "
    rows_needed = ""
    if document.rows_to_tell:
        rows_needed = f" If the difference stays, {document.rows_to_tell:,} would tell."
    rows = f"{document.rows:,} of {document.planned_rows:,} planned {pairs_or_rows} checked"
    return f"{unfair}{document.verdict.value}: {document.reason}, {rows}.{rows_needed}"


def create_trial_page(document: Challenge, evidences: tuple[Evidence, Evidence], *, hide_values: bool) -> Page:
    """The page of a trial. evidences: the evidence of champion and challenger. hide_values: as in `create_page`."""
    if hide_values:
        evidences = (hide_class_names(evidences[0]), hide_class_names(evidences[1]))
    deciding_metric = document.metrics[0]
    sentence = write_trial_verdict(document).replace(TrialVerdict.CANNOT_TELL.value, "not decided yet")
    values = (
        f"{deciding_metric.name} {format_number(deciding_metric.challenger)}, "
        f"beside the champion's {format_number(deciding_metric.champion)}"
    )
    sections = []
    if document.unfair:
        sections = [PageSection("Not a fair trial", document.unfair)]
    titles = ("better", "metric", *NUMBERS_OF_TRIAL, "by")
    lines = map(_create_trial_line, document.metrics)
    table = build_table(titles, lines, numbers=NUMBERS_OF_TRIAL, names=("metric",))
    sections += [
        PageSection("Side by side", (*_draw_difference(deciding_metric), table), note=f"{document.metric} decides"),
        PageSection("What both answered", tuple(_create_answer_blocks(document, evidences))),
        create_reading_guide(READING_OF_TRIAL),
    ]
    facts = (("champion", document.champion.path), ("challenger", document.challenger.path))
    headline = Headline(sentence[0].upper() + sentence[1:], f"{values}.")
    return Page("challenge", "Champion and challenger", facts, tuple(sections), headline, html_only=True)


def _draw_difference(metric: MetricDifference) -> Iterator[Block]:
    if metric.champion is None or metric.challenger is None:
        return
    low, high = (metric.champion + end for end in metric.interval or (metric.difference or 0.0,) * 2)
    points = (
        Point("challenger", metric.challenger, metric.champion, (low, high)),
        Point("champion", metric.champion),
    )
    yield PointChart.from_zero(metric.name, points, "each model", "the champion")


def _create_trial_line(metric: MetricDifference) -> TableLine:
    better = "–"
    # One model is better only if the interval doesn't include 0
    interval = metric.interval
    if interval is not None and not interval[0] <= 0 <= interval[1]:
        better = "champion"
        if (interval[0] > 0) == metric.higher_is_better:
            better = "challenger"
    gain = f"{'+' if (metric.difference or 0) > 0 else ''}{format_number(metric.difference)}"
    numbers = (format_number(metric.champion), format_number(metric.challenger), gain)
    mark = {"challenger": Highlight.GOOD, "champion": Highlight.BAD}.get(better, Highlight.NONE)
    return TableLine(
        (
            better,
            metric.name,
            *numbers,
            format_interval(interval),
            format_number(metric.p, 2),
            metric.method,
        ),
        mark,
    )


def _create_answer_blocks(document: Challenge, evidences: tuple[Evidence, Evidence]) -> Iterator[Block]:
    is_regression = isinstance(evidences[0], RegressionEvidence)
    titles = ("rows", "refused", "without a pair", "repeated")
    models = (("champion", document.champion), ("challenger", document.challenger))
    rows = [
        (name, *map(format_count, (model.rows, model.refused, model.unmatched, model.repeated)))
        for name, model in models
    ]
    yield build_table(("model", *titles), rows, numbers=titles, names=("model",))
    # How much the models disagree, in all pairs and in segments that differ
    if document.disagreement is not None:
        if is_regression:
            yield f"Their answers are {format_number(document.disagreement)} apart on average."
        else:
            yield f"They answered differently in {format_percent(document.disagreement)} of the pairs."
    if document.segments:
        format_disagreement = format_number if is_regression else format_percent
        yield "There they disagree otherwise than elsewhere:"
        segment_rows = []
        for segment in document.segments:
            numbers = format_disagreement(segment.disagreement), format_number(segment.p, 2)
            segment_rows.append((segment.feature, segment.value, format_count(segment.rows), *numbers))
        numbers_of_segment = ("pairs", "apart", "p")
        titles_of_segment = ("feature", "value", *numbers_of_segment)
        yield build_table(titles_of_segment, segment_rows, numbers=numbers_of_segment, names=("feature",))
    for name, evidence in zip(("Champion", "Challenger"), evidences, strict=True):
        if not isinstance(evidence, RegressionEvidence):
            yield from create_confusion_tables(evidence, name)
