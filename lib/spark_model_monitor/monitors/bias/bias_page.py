"""The page of an analysis: each group's metrics compared with the baseline's, and the rows behind them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from spark_model_monitor.documents.alarms import group_by_cause
from spark_model_monitor.documents.change_description import compare_with_limit
from spark_model_monitor.documents.check_results import FACET_VALUE, WITHOUT_GROUP, CheckResult, format_group
from spark_model_monitor.documents.clarify_files import BiasMetric
from spark_model_monitor.documents.page import (
    BASELINE_HEADLINE,
    Block,
    Card,
    Cards,
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
    format_percent,
)
from spark_model_monitor.monitors.bias.bias_analysis import BiasAnalysis, GroupAnalysis, MetricsOfRows
from spark_model_monitor.monitors.bias.bias_metrics import (
    PERFORMANCE,
    POSITIVE_SHARE,
    POST_TRAINING,
    PRECISION,
    PREDICTED_SHARE,
    RECALL,
    REJECTION_RATE,
    SPECIFICITY,
    Counts,
    compute_performance,
)
from spark_model_monitor.monitors.bias.metric_comparison import format_segment_label, metric_key
from spark_model_monitor.monitors.change_cards import VERDICTS, PageFeature, create_card

# Names of the report and its files in the service's SDK
TITLE = "Analysis Report"
NAME = "report"
# Charts on one page; a facet with hundreds of values would have hundreds of charts, so further groups have only tables
MAX_CHARTS = 20

DRIFT_CHECK = "bias_drift_check"

STAGES = (
    (
        "pre_training",
        "Pre-training Bias Metrics",
        "what the labels of the data say, whatever a model makes of them",
    ),
    ("post_training", "Post-training Bias Metrics", "what the model's predictions say"),
)

Verdicts = Mapping[tuple[str, ...], CheckResult]
"""The results of the drift check, by stage, facet, facet value, metric and segment; the segment is empty for all rows."""


RATES = {
    **dict.fromkeys(("DPL", "KL", "JS", "LP", "TVD", "KS"), ("is positive", POSITIVE_SHARE)),
    **dict.fromkeys(("DPPL", "DI"), ("is predicted positive", PREDICTED_SHARE)),
    "RD": ("is predicted positive", RECALL),
    "SD": ("is predicted negative", SPECIFICITY),
    "DAR": ("is positive", PRECISION),
    "DRR": ("is negative", REJECTION_RATE),
}
"""By metric, the rate that it compares between the sides, and the verb for it."""

DENOMINATORS = {
    "rows": "rows",
    "positives": "positive rows",
    "negatives": "negative rows",
    "predicted_positives": "rows predicted positive",
    "predicted_negatives": "rows predicted negative",
}


def describe_rates(metric: str, group: GroupAnalysis) -> str:
    """The two rates that a metric compares: `the group is positive in 21 % of its rows, the rest in 49 %`; empty for class
    imbalance, and for a metric of all rows.

    For a metric that doesn't compare two rates, these are the shares of positive labels or predictions, which are well known.
    """
    if metric in ("CI", *WITHOUT_GROUP):
        return ""
    rate_metric = "DPPL" if metric in POST_TRAINING else "DPL"
    # First the group's rate, then the rest's
    words, rate = RATES.get(metric, RATES[rate_metric])
    rates = []
    for outcomes in (group.counts.d, group.counts.a):
        # Without rows the rate would be shown as 0 %
        if not getattr(outcomes, rate.total):
            return ""
        rates.append(format_percent(float(rate.compute(outcomes))))
    return f"the group {words} in {rates[0]} of its {DENOMINATORS[rate.total]}, the rest in {rates[1]}"


def add_rates(violation: CheckResult, groups: Sequence[GroupAnalysis], *, hide_values: bool) -> CheckResult:
    """The violation; the rates are added to its sentence if it is about all rows. hide_values: don't name the group."""
    has_rates = violation.is_violation and violation.check == DRIFT_CHECK and not violation.is_of_one_segment
    if not has_rates or None in (violation.observed, violation.threshold):
        return violation
    value = str((violation.model_extra or {}).get(FACET_VALUE, ""))
    for group in groups:
        if group.key != (violation.feature, value):
            continue
        rates = describe_rates(violation.metric or "", group)
        if rates:
            members = {"change": f"{compare_with_limit(violation)}: {rates}"}
            # The facet's name may be shown, but not the group's value
            if hide_values:
                members["words"] = f"{violation.metric} of {violation.feature} {members['change']}"
            return violation.model_copy(update=members)
    return violation


def create_page(analysis: BiasAnalysis, results: Sequence[CheckResult]) -> Page:
    """The report of an analysis. results: of the checks; empty for a baseline."""
    verdicts = {}
    for result in results:
        if result.check == DRIFT_CHECK:
            segment = result.segment if result.is_of_one_segment else None
            key = (*metric_key(result)[1:], segment or "")
            verdicts[key] = result
    facets = ", ".join(dict.fromkeys(group.facet for group in analysis.groups))
    facts = (("label", analysis.label), ("positive", analysis.positives.shown), ("facets", facets))
    metrics = sum(len(group.metrics) for group in analysis.groups)
    sentence = BASELINE_HEADLINE.format(f"{format_noun_count(metrics, 'bias metric')} of {facets}")
    headline = None
    # A baseline's page begins with this sentence; for a run, other code writes the headline
    if not results:
        headline = Headline(sentence, f"{format_noun_count(analysis.rows, 'row')}.")
    return Page(NAME, TITLE, facts, tuple(_draw_sections(analysis, results, verdicts)), headline)


def _draw_sections(analysis: BiasAnalysis, results: Sequence[CheckResult], verdicts: Verdicts) -> Iterator[PageSection]:
    if cards := tuple(_draw_cards(analysis, results)):
        yield PageSection("Changed", (Cards(cards),), note="the largest first")
    # Up to four points per group: two rates of the group and two of the rest
    shares = tuple(point for group in analysis.groups[: MAX_CHARTS // 4] for point in _group_rate_points(group))
    rates = PointChart("Share of positive labels and of positive predictions", shares, (0.0, 1.0))
    yield PageSection("Groups", (rates, _draw_sizes(analysis)))
    # Charts are large, so groups beyond the limit have only their table
    drawn_groups = 0
    for stage, heading, description in STAGES:
        groups = [group for group in analysis.groups if getattr(group, stage) is not None]
        if not groups:
            continue
        label = f"Label {analysis.label}, positive: {analysis.positives.shown}."
        yield PageSection(heading, (f"This is {description}. {label}",))
        for group in groups:
            drawn_groups += 1
            yield _draw_group(stage, group, verdicts, with_chart=drawn_groups <= MAX_CHARTS)
    if analysis.groups and analysis.groups[0].post_training is not None:
        yield _draw_performance(analysis.groups[0])
    yield create_reading_guide(_explain_reading(analysis))


def _draw_cards(analysis: BiasAnalysis, results: Sequence[CheckResult]) -> Iterator[Card]:
    """One card for each changed metric, with its value, the baseline's value, and the rates of both sides."""
    groups = {format_group(*group.key): group for group in analysis.groups}
    descriptions = {metric.name: metric.description for group in analysis.groups for metric in group.metrics}
    for result, *twins in group_by_cause(results):
        name, part = result.subject
        # The picture shows this run, the baseline's value, and the rates of both sides
        points = [Point("this run", result.observed, result.threshold, result.interval, Highlight.BAD)]
        if part in groups:
            points += _group_rate_points(groups[part])
        picture = PointChart.from_zero(result.full_name, points)
        hints = [descriptions.get(name) or ""]
        yield create_card(PageFeature(result.full_name, (result, *twins), picture=picture, hints=hints))


def _group_rate_points(group: GroupAnalysis) -> Iterator[Point]:
    """The shares of positive labels and of positive predictions, in the group and in the rest."""
    for title, member in (("labels", "positives"), ("predicted", "predicted_positives")):
        if title == "predicted" and group.post_training is None:
            continue
        for side_name, outcomes in (
            (f"{group.facet} {group.choice.shown}", group.counts.d),
            ("the rest", group.counts.a),
        ):
            rows = float(outcomes.rows)
            share = float(getattr(outcomes, member)) / rows if rows else None
            yield Point(f"{title}, {side_name}", share)


def _draw_sizes(analysis: BiasAnalysis) -> PageTable:
    titles = ("facet", "value(s) or threshold", "rows", "share of rows", "positive labels", "… of the rest")
    rows = []
    for group in analysis.groups:
        d = group.counts.d
        a = group.counts.a
        # The group's share of all rows, then the share of positive labels in the group and in the rest
        shares = (
            _format_share(d.rows, d.rows + a.rows),
            _format_share(d.positives, d.rows),
            _format_share(a.positives, a.rows),
        )
        rows.append((group.facet, group.choice.shown, format_count(float(d.rows)), *shares))
    return build_table(titles, rows, numbers=titles[2:])


def _draw_group(stage: str, group: GroupAnalysis, verdicts: Verdicts, *, with_chart: bool) -> PageSection:
    metrics: tuple[BiasMetric, ...] = getattr(group, stage)
    group_key = stage, *group.key
    metric_results = [verdicts.get((*group_key, metric.name, "")) for metric in metrics]
    d = group.counts.d
    a = group.counts.a
    description = (
        f"Value(s)/Threshold: {group.choice.shown}. "
        f"{format_count(float(d.rows))} rows in the group, {format_count(float(a.rows))} in the rest."
    )
    # Judged metrics count these rows in the rest, so the page says how many there are
    if group.unknown_share:
        description += (
            f" {group.facet} is missing in {format_percent(group.unknown_share)} of all rows: they count in the rest, "
            "as Clarify counts them, and metrics without them are in a column of their own."
        )
    blocks: list[Block] = [description]
    # If the flip test used a sample, its counts differ from the table's, so the page says so
    flips = group.counts.flips
    if (
        stage == "post_training"
        and flips is not None
        and (flips.tested < d.rows or flips.neighbours < flips.candidates)
    ):
        blocks.append(
            f"The flip test is from a sample: {format_count(flips.tested)} rows of the group beside "
            f"{format_count(flips.neighbours)} of {format_count(flips.candidates)} others."
        )
    if with_chart and any(metric.value is not None for metric in metrics):
        blocks.append(_draw_chart(group, metrics, metric_results))
    blocks.append(_draw_metrics(metrics, metric_results, group))
    # The same table for each segment with metrics of this stage
    for segment in group.segments:
        if (measured := getattr(segment, stage)) is not None:
            label = format_segment_label(segment.segmentation, segment.name)
            segment_results = [verdicts.get((*group_key, metric.name, label)) for metric in measured]
            table = _draw_metrics(measured, segment_results, segment)
            rows = format_count(float(segment.counts.all.rows))
            caption = f"Segment {segment.name} of {segment.segmentation}, {rows} rows"
            blocks.append(replace(table, caption=caption))
    return PageSection(f"Facet: {group.facet}", tuple(blocks), level=3)


def _draw_chart(
    group: GroupAnalysis, metrics: Sequence[BiasMetric], metric_results: Sequence[CheckResult | None]
) -> PointChart:
    points = []
    for metric, result in zip(metrics, metric_results, strict=True):
        point = Point(metric.name, metric.value)
        if result is not None:
            mark, _ = VERDICTS[result.status]
            point = Point(metric.name, metric.value, result.threshold, result.interval, mark)
        points.append(point)
    return PointChart(f"{group.facet}: {group.choice.shown}", tuple(points))


def _draw_metrics(
    metrics: Sequence[BiasMetric], metric_results: Sequence[CheckResult | None], measured_rows: MetricsOfRows
) -> PageTable:
    """One line per metric; for a baseline, without limits and verdicts."""
    lines = []
    for metric, result in zip(metrics, metric_results, strict=True):
        values = (metric.name, metric.description or "", format_number(metric.value))
        without_unknown = format_number(measured_rows.compute_without_unknown(metric.name))
        if result is None:
            lines.append(TableLine((*values, "–", "–", without_unknown, "", metric.error or "")))
            continue
        mark, verdict = VERDICTS[result.status]
        limits = (format_number(result.threshold), format_interval(result.interval))
        remark = metric.error or result.reason or ""
        lines.append(TableLine((*values, *limits, without_unknown, verdict, remark), mark, result.full_name))
    numbers = ("value", "baseline", "95 % interval", "without unknown")
    titles = ("metric", "description", *numbers, "verdict", "remark")
    return build_table(titles, lines, numbers=numbers, names=("metric",)).drop_empty_columns()


def _draw_performance(group: GroupAnalysis) -> PageSection:
    everyone = group.counts.all
    rows = [(name, PERFORMANCE[name], format_number(value)) for name, value in compute_performance(everyone).items()]
    metrics = build_table(("metric", "description", "value"), rows, numbers=("value",))
    # The confusion matrix of all rows; a cell's shade is its share of the matrix's row
    counts = (
        ("observed positive", everyone.true_positives, everyone.false_negatives),
        ("observed negative", everyone.false_positives, everyone.true_negatives),
    )
    titles = ("", "predicted positive", "predicted negative")
    confusion_rows = []
    shades = []
    for name, *row_counts in counts:
        confusion_rows.append((name, *map(format_count, map(float, row_counts))))
        total = float(sum(row_counts)) or 1.0
        shades.append(tuple(float(count) / total for count in row_counts))
    confusion = build_table(titles, confusion_rows, numbers=titles[1:])
    return PageSection("Model performance", (metrics, replace(confusion, shades=tuple(shades))))


def _explain_reading(analysis: BiasAnalysis) -> Iterator[str]:
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


def _format_share(part: Counts, total: Counts) -> str:
    if total:
        return format_percent(float(part / total))
    return "–"
