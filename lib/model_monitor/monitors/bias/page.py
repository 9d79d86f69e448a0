"""An analysis as a page to read: each group's metrics beside the baseline's, with the rows they rest on. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from model_monitor.documents.check_results import FACET_VALUE, CheckResult, CheckStatus
from model_monitor.documents.page import (
    VERDICTS,
    Block,
    Column,
    Line,
    Mark,
    Page,
    PageSection,
    PageTable,
    Point,
    PointChart,
    count_text,
    number_text,
    table_of,
)
from model_monitor.monitors.bias.analysis import BiasAnalysis, GroupAnalysis, MetricValue, performance_of
from model_monitor.monitors.bias.comparison import STAGE

TITLE, NAME = "Analysis Report", "report"
"""What the service's SDK calls the report and its files."""

MOST_CHARTS = 20
"""Charts of one page; a facet of hundreds of values has tables only beyond."""

DRIFT_CHECK = "bias_drift_check"

STAGES = (
    (
        "pre_training",
        "Pre-training Bias Metrics",
        "what the labels of the data say, whatever a model makes of them",
    ),
    ("post_training", "Post-training Bias Metrics", "what the model's predictions say"),
)

Verdicts = Mapping[tuple[str, str, str, str], CheckResult]
"""The drift check's results by stage, facet, facet value and metric."""


def page_of(analysis: BiasAnalysis, results: Sequence[CheckResult], *, title: str = TITLE, name: str = NAME) -> Page:
    """The report of an analysis. results: those of its checks, none for a baseline."""
    verdicts = {_place(result): result for result in results if result.check == DRIFT_CHECK}
    return Page(name, title, tuple(_facts(analysis, results)), tuple(_sections(analysis, results, verdicts)))


def _place(result: CheckResult) -> tuple[str, str, str, str]:
    members = result.model_extra or {}
    return members[STAGE], result.feature or "", members[FACET_VALUE], result.metric or ""


def _facts(analysis: BiasAnalysis, results: Sequence[CheckResult]) -> Iterator[tuple[str, str]]:
    yield "Analysis", "bias"
    yield "Rows", count_text(analysis.rows)
    yield "Label", analysis.label
    yield "Positive", analysis.positives.shown
    yield "Facets", ", ".join(dict.fromkeys(group.facet for group in analysis.groups))
    if results:
        found = sum(result.status is CheckStatus.VIOLATED for result in results)
        unsure = sum(result.status is CheckStatus.CANNOT_TELL for result in results)
        yield "Violations", count_text(found)
        if unsure:
            yield "Cannot tell", count_text(unsure)


def _sections(analysis: BiasAnalysis, results: Sequence[CheckResult], verdicts: Verdicts) -> Iterator[PageSection]:
    violated = [result for result in results if result.status is CheckStatus.VIOLATED]
    if violated:
        yield _violations(violated)
    yield PageSection("Groups", (_sizes(analysis),))
    charts = iter(range(MOST_CHARTS))
    for stage, heading, about in STAGES:
        groups = [group for group in analysis.groups if getattr(group, stage) is not None]
        if not groups:
            continue
        label = f"Label {analysis.label}, positive: {analysis.positives.shown}."
        yield PageSection(heading, (f"This is {about}. {label}",))
        for group in groups:
            with_chart = next(charts, None) is not None
            yield _group(stage, group, verdicts, with_chart=with_chart)
    if analysis.groups and analysis.groups[0].post_training is not None:
        yield _performance(analysis.groups[0])
    yield PageSection("How to read this", tuple(_reading(analysis)))


def _violations(violated: Sequence[CheckResult]) -> PageSection:
    rows = [
        (
            result.metric or "",
            result.feature or "",
            str((result.model_extra or {}).get(FACET_VALUE, "")),
            result.description or "",
        )
        for result in violated
    ]
    table = table_of(("metric", "facet", "value(s) or threshold", "what was found"), rows)
    return PageSection("Violations", (table,))


def _sizes(analysis: BiasAnalysis) -> PageTable:
    titles = ("facet", "value(s) or threshold", "rows", "share of rows", "positive labels", "… of the rest")
    rows = [
        (
            group.facet,
            group.choice.shown,
            count_text(float(d.rows)),
            _share(float(d.rows), float(d.rows + a.rows)),
            _share(float(d.positives), float(d.rows)),
            _share(float(a.positives), float(a.rows)),
        )
        for group in analysis.groups
        for d, a in [(group.counts.d, group.counts.a)]
    ]
    return table_of(titles, rows, numbers=titles[2:])


def _group(stage: str, group: GroupAnalysis, verdicts: Verdicts, *, with_chart: bool) -> PageSection:
    metrics: tuple[MetricValue, ...] = getattr(group, stage)
    found = [verdicts.get((stage, group.facet, group.choice.configured, metric.name)) for metric in metrics]
    d, a = group.counts.d, group.counts.a
    about = (
        f"Value(s)/Threshold: {group.choice.shown}. "
        f"{count_text(float(d.rows))} rows in the group, {count_text(float(a.rows))} in the rest."
    )
    blocks: list[Block] = [about]
    flips = group.counts.flips
    if stage == "post_training" and flips is not None and (flips.tested < d.rows or flips.neighbours < flips.of):
        blocks.append(
            f"The flip test is from a sample: {count_text(flips.tested)} rows of the group beside "
            f"{count_text(flips.neighbours)} of {count_text(flips.of)} others."
        )
    if with_chart and any(metric.value is not None for metric in metrics):
        blocks.append(_chart(group, metrics, found))
    blocks.append(_metrics(metrics, found))
    for segment in group.segments:
        if getattr(segment, stage) is not None:
            nothing = [None] * len(getattr(segment, stage))
            table = _metrics(getattr(segment, stage), nothing)
            rows = count_text(float(segment.counts.all.rows))
            caption = f"Segment {segment.name} of {segment.segmentation}, {rows} rows"
            blocks.append(PageTable(table.columns, table.lines, caption))
    return PageSection(f"Facet: {group.facet}", tuple(blocks), level=3)


def _chart(group: GroupAnalysis, metrics: Sequence[MetricValue], found: Sequence[CheckResult | None]) -> PointChart:
    points = tuple(
        Point(
            metric.name,
            metric.value,
            None if result is None else result.threshold,
            None if result is None else result.interval,
            Mark.NONE if result is None else VERDICTS[result.status][0],
        )
        for metric, result in zip(metrics, found, strict=True)
    )
    return PointChart(f"{group.facet}: {group.choice.shown}", points)


def _metrics(metrics: Sequence[MetricValue], found: Sequence[CheckResult | None]) -> PageTable:
    judged = any(result is not None for result in found)
    with_interval = any(result is not None and result.interval is not None for result in found)
    columns = [Column("metric"), Column("description"), Column("value", is_number=True)]
    if judged:
        columns += [Column("baseline", is_number=True)]
        columns += [Column("95 % interval", is_number=True)] if with_interval else []
        columns += [Column("verdict")]
    columns.append(Column("remark"))
    lines = []
    for metric, result in zip(metrics, found, strict=True):
        cells = [metric.name, metric.description, number_text(metric.value)]
        if judged:
            cells.append(number_text(result.threshold if result else None))
            if with_interval:
                cells.append(_interval(result))
            cells.append(result.status.value if result else "")
        cells.append(metric.error or (result.reason if result else None) or "")
        lines.append(Line(tuple(cells), VERDICTS[result.status][0] if result else Mark.NONE))
    return PageTable(tuple(columns), tuple(lines))


def _interval(result: CheckResult | None) -> str:
    if result is None or result.interval is None:
        return "–"
    return " to ".join(number_text(end, 3) for end in result.interval)


def _performance(group: GroupAnalysis) -> PageSection:
    everyone = group.counts.all
    rows = [(metric.name, metric.description, number_text(metric.value)) for metric in performance_of(everyone)]
    metrics = table_of(("metric", "description", "value"), rows, numbers=("value",))
    counts = (
        ("observed positive", everyone.true_positives, everyone.false_negatives),
        ("observed negative", everyone.false_positives, everyone.true_negatives),
    )
    titles = ("", "predicted positive", "predicted negative")
    confusion = table_of(
        titles, [(name, *(count_text(float(count)) for count in found)) for name, *found in counts], numbers=titles[1:]
    )
    return PageSection("Model performance", (metrics, confusion))


def _reading(analysis: BiasAnalysis) -> Iterator[str]:
    yield (
        "Every metric compares one sensitive group with all other rows; 0 is no difference, and for DI, a ratio, 1 is. With both "
        "label values in both groups TVD and KS are the size of DPL, and LP is √2 times it. GE does not depend on the facet."
    )
    yield (
        "A metric that is undefined has the reason in its remark. An arrow at the edge of a chart is a value beyond it; DCA, "
        "DCR, TE and DI become infinite when a group has none of what they divide by, which is common in small windows."
    )
    if any(group.counts.flips is not None for group in analysis.groups):
        yield "The flip test (FT) is positive where the group is favoured: the service's sign."


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.1%}" if whole else "–"
