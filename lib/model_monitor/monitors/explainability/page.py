"""Attributions as a page to read: each output's features, the largest first, beside the baseline's. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from model_monitor.documents.check_results import LABEL, CheckResult, CheckStatus
from model_monitor.documents.page import (
    VERDICTS,
    Block,
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
    number_text,
)
from model_monitor.monitors.explainability.analysis import (
    AttributionAnalysis,
    AttributionBaseline,
    Dependent,
    OutputAnalysis,
)

TITLE, NAME = "Analysis Report", "report"  # what the service's SDK calls the report and its files
MOST_FEATURES = 20  # features of a chart; the table has all of them

HOW_TO_READ = (
    "A global value says how much a feature moves the model's output, on average over the rows, away from what the baseline "
    "rows get. It says what moves the model, not what is true of the world. Two features that say the same share what they do."
)


def page_of(
    analysis: AttributionAnalysis,
    results: Sequence[CheckResult],
    known: AttributionBaseline | None,
    *,
    title: str = TITLE,
    name: str = NAME,
) -> Page:
    """The report of an analysis. results: those of its checks, none for a baseline."""
    facts = (("method", how(analysis)), ("aggregation", analysis.aggregation.value))
    return Page(
        name, title, facts, tuple(_sections(analysis, results, known)), None if results else _of_baseline(analysis)
    )


def _of_baseline(analysis: AttributionAnalysis) -> Headline:
    largest = [
        max((abs(value), name) for name, value in each.values.items())[1] for each in analysis.outputs if each.values
    ]
    said = f"{largest[0]} moves {analysis.outputs[0].name} most: later data is checked against that." if largest else ""
    return Headline(said or "There is nothing to be checked.", f"{count_text(analysis.rows)} rows were looked at.")


def how(analysis: AttributionAnalysis) -> str:
    """How the attributions were made."""
    if analysis.exact == analysis.rows:
        return "exact"
    return f"sampled coalitions; {count_text(analysis.exact)} of {count_text(analysis.rows)} rows exact"


def _sections(
    analysis: AttributionAnalysis, results: Sequence[CheckResult], known: AttributionBaseline | None
) -> Iterator[PageSection]:
    moved = {((each.model_extra or {})[LABEL], each.feature) for each in results if each.status is CheckStatus.VIOLATED}
    for output in analysis.outputs:
        before = known.constraints.values.get(output.name, {}) if known else {}
        changed = {name for name in output.values if (output.name, name) in moved}
        blocks: tuple[Block, ...] = (_chart(output, before, changed), _table(output, before))
        yield PageSection(f"What moves {output.name}", blocks, note="the largest first")
    if results:
        yield PageSection("Checks", (_verdicts(results),), folded=True)
    for dependent in analysis.dependence:
        blocks = (*_curves(dependent), _dependence(dependent))
        yield PageSection(f"Partial dependence on {dependent.feature}", blocks, folded=True)
    yield PageSection("How to read this", (HOW_TO_READ,), folded=True)


def _verdicts(results: Sequence[CheckResult]) -> PageTable:
    columns = tuple(Column(title) for title in ("Output", "Feature", "Check", "Verdict", "Observed", "Interval"))
    lines = []
    for result in results:
        mark, word = VERDICTS[result.status]
        ends = " to ".join(map(number_text, result.interval)) if result.interval else "–"
        cells = ((result.model_extra or {})[LABEL], result.feature or "all", result.check, word)
        lines.append(Line((*cells, number_text(result.observed), ends), mark))
    return PageTable(columns, tuple(lines))


def _chart(output: OutputAnalysis, known: Mapping[str, float], changed: Collection[str]) -> PointChart:
    names = sorted(output.values, key=lambda name: -abs(output.values[name]))[:MOST_FEATURES]
    values = [abs(value) for name in names for value in (output.values[name], known.get(name, 0.0))]
    ends = [2 * (output.errors[name] or 0.0) for name in names]
    top = max(values, default=0.0) + max(ends, default=0.0) or 1.0
    least = -top if min((output.values[name] for name in names), default=0.0) < 0 else 0.0
    points = tuple(
        Point(
            name, output.values[name], known.get(name), _ends(output, name), Mark.BAD if name in changed else Mark.NONE
        )
        for name in names
    )
    return PointChart(f"By how much each feature moves {output.name}, on average", points, span=(least, top))


def _ends(output: OutputAnalysis, name: str) -> tuple[float, float] | None:
    error = output.errors[name]
    return None if error is None else (output.values[name] - 1.96 * error, output.values[name] + 1.96 * error)


def _table(output: OutputAnalysis, known: Mapping[str, float]) -> PageTable:
    total = sum(map(abs, output.values.values())) or 1.0
    columns = (
        Column("Feature", is_name=True),
        *(Column(title, is_number=True) for title in ("Value", "Share", "Standard error", "Mean", "Baseline")),
    )
    lines = [
        Line(
            (
                name,
                number_text(value),
                f"{abs(value) / total:.1%}",
                number_text(output.errors[name]),
                number_text(output.means[name]),
                number_text(known.get(name)),
            )
        )
        for name, value in sorted(output.values.items(), key=lambda item: -abs(item[1]))
    ]
    return PageTable(columns, tuple(lines), f"Baseline rows get {number_text(output.expected)}.")


def _curves(found: Dependent) -> Iterator[CurveChart]:
    """The mean answer over the values of a number, for each output, both axes from the least to the largest."""
    values = found.grid.values
    if not found.grid.is_numeric or len(values) < 2:
        return
    for output, answers in zip(found.outputs, found.answers.tolist(), strict=True):
        yield CurveChart.of_numbers(f"{output} over {found.feature}", (found.feature, output), values, answers)


def _dependence(found: Dependent) -> PageTable:
    outputs = (Column(name, is_number=True) for name in found.outputs)
    columns = (Column("Value"), Column("Share of rows", is_number=True), *outputs)
    lines = [
        Line((str(value), f"{share:.1%}", *map(number_text, answers)))
        for value, share, answers in zip(found.grid.values, found.grid.shares, found.answers.T.tolist(), strict=True)
    ]
    return PageTable(columns, tuple(lines), "The mean answer if every row had the value.")
