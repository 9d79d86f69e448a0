"""challenge.html: champion and challenger side by side. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from model_monitor.documents.challenge import Challenge, Design, Difference, Segment, Verdict
from model_monitor.documents.page import (
    Block,
    Column,
    Headline,
    Line,
    Mark,
    Page,
    PageSection,
    PageTable,
    Point,
    PointChart,
    count_text,
    number_text,
    percent,
)
from model_monitor.monitors.model_quality.evidence import Evidence, RegressionEvidence
from model_monitor.monitors.model_quality.page import confusion_tables, ends_text

READING = (
    "The interval has the true difference at every look of the trial together, 95 times in 100: you may look each hour, and stop "
    "as soon as there is a verdict. It is wider than that of a single look, early in the trial much wider.",
    "p is of this look alone. A small one among many looks, or among many metrics, says little.",
)
COLUMNS = (
    *(Column("better"), Column("metric", is_name=True)),
    *(Column(title, is_number=True) for title in ("champion", "challenger", "difference", "95 % interval", "p")),
    Column("by"),
)


def sentence_of(document: Challenge) -> str:
    """The verdict in a sentence, what is unfair before it."""
    what = "pairs" if document.design is Design.SHADOW else "rows of split traffic"
    unfair = f"Not a fair trial: {'; '.join(document.unfair)}. " if document.unfair else ""
    told = f" If the difference stays, {document.rows_to_tell:,} would tell." if document.rows_to_tell else ""
    rows = f"{document.rows:,} of {document.planned_rows:,} planned {what} checked"
    return f"{unfair}{document.verdict.value}: {document.reason}, {rows}.{told}"


def page_of(document: Challenge, wholes: tuple[Evidence, Evidence]) -> Page:
    """The page of a trial. wholes: the evidence of champion and challenger."""
    found = document.metrics[0]
    said = sentence_of(document).replace(Verdict.CANNOT_TELL.value, "not told yet")
    beside = f"{found.name} {number_text(found.challenger)}, beside the champion's {number_text(found.champion)}"
    sections = [PageSection("Not a fair trial", document.unfair)] if document.unfair else []
    table = PageTable(COLUMNS, tuple(map(_line, document.metrics)))
    sections += [
        PageSection("Side by side", (*_chart(found), table), note=f"{document.metric} decides"),
        PageSection("What both answered", tuple(_answers(document, wholes))),
        PageSection("How to read this", READING, folded=True),
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


def _line(found: Difference) -> Line:
    better = "–"
    if found.interval is not None and not found.interval[0] <= 0 <= found.interval[1]:
        better = "challenger" if (found.interval[0] > 0) == found.higher_is_better else "champion"
    numbers = (number_text(found.champion), number_text(found.challenger), _signed(found.difference))
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
        yield PageTable(columns, tuple(_segment(each, is_regression) for each in document.segments))
    for name, evidence in zip(("Champion", "Challenger"), wholes, strict=True):
        if not isinstance(evidence, RegressionEvidence):
            yield from confusion_tables(evidence, name, hide_values=False)


def _segment(found: Segment, is_regression: bool) -> Line:
    apart = number_text(found.disagreement) if is_regression else percent(found.disagreement)
    return Line((found.feature, found.value, count_text(found.rows), apart, number_text(found.p, 2)))


def _signed(difference: float | None) -> str:
    return f"{'+' if (difference or 0) > 0 else ''}{number_text(difference)}"
