"""The page of attributions: the features of each output, the largest first, compared with the baseline's. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from math import isfinite

from spark_model_monitor.documents.check_results import LABEL, CheckResult
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
    format_number,
    format_percent,
)
from spark_model_monitor.monitors.change_cards import (
    LARGEST_UNSEEN,
    PageFeature,
    create_card,
    format_largest_unseen_change,
)
from spark_model_monitor.monitors.explainability.attribution_results import (
    AttributionAnalysis,
    AttributionBaseline,
    OutputAnalysis,
    PartialDependence,
)

# Names of the report and its files in the service's SDK
TITLE = "Analysis Report"
NAME = "report"
MAX_FEATURES = 20  # maximum number of features in a chart; the table has all features

HOW_TO_READ = (
    "No change larger than: that is where the interval of the change ends. A change counts if its whole interval lies beyond its "
    "limit: a share of the feature's baseline value (25 % by default), for small ones a share of all together (2 %).",
    "A global value says how much a feature moves the model's output, on average over the rows, away from what the baseline "
    "rows get. It says what moves the model, not what is true of the world. Two features that say the same share what they do.",
)


def create_page(
    analysis: AttributionAnalysis, results: Sequence[CheckResult], baseline: AttributionBaseline | None
) -> Page:
    """The report of an analysis. results: of its checks; empty for a baseline."""
    facts = (("method", describe_method(analysis)), ("aggregation", analysis.aggregation.value))
    headline = None
    if not results:
        headline = _write_baseline_headline(analysis)
    return Page(NAME, TITLE, facts, tuple(_create_sections(analysis, results, baseline)), headline)


def _write_baseline_headline(analysis: AttributionAnalysis) -> Headline:
    """The headline of a baseline: the first output that has attributions, and the feature with the largest one."""
    sentence = "There is nothing to be checked."
    outputs_with_values = [explained for explained in analysis.outputs if explained.values]
    if outputs_with_values:
        # If several are equally large, the last one by name
        values = outputs_with_values[0].values
        largest = max(values, key=lambda name: (abs(values[name]), name))
        sentence = BASELINE_HEADLINE.format(f"{largest} moves {outputs_with_values[0].name} most")
    return Headline(sentence, f"{format_count(analysis.rows)} rows were looked at.")


def describe_method(analysis: AttributionAnalysis) -> str:
    """How the attributions were computed, in words."""
    if analysis.exact == analysis.rows:
        return "exact"
    return f"sampled coalitions; {format_count(analysis.exact)} of {format_count(analysis.rows)} rows exact"


def _create_sections(
    analysis: AttributionAnalysis, results: Sequence[CheckResult], baseline: AttributionBaseline | None
) -> Iterator[PageSection]:
    # Sort violations by the size of their change, so that the page begins with the largest
    violated = [check_result for check_result in results if check_result.is_violated]
    violated.sort(key=lambda check_result: -abs(check_result.observed or 0.0))
    # A changed attribution becomes a card, a changed ranking becomes a sentence
    outputs = {explained.name: explained for explained in analysis.outputs}
    cards = [
        _create_card(check_result, outputs[get_label(check_result)], baseline)
        for check_result in violated
        if check_result.feature
    ]
    rankings = [_describe_ranking(check_result) for check_result in violated if not check_result.feature]
    changes: list[Block] = [*rankings]
    if cards:
        changes.insert(0, Cards(tuple(cards)))
    if changes:
        yield PageSection("Changed", tuple(changes), note="the largest first")
    # All features of each output, then partial dependence
    results_by_key = {(get_label(check_result), check_result.feature): check_result for check_result in results}
    for output in analysis.outputs:
        before = _find_baseline_values(baseline, output.name)
        results_by_feature = {
            name: results_by_key[output.name, name] for name in output.values if (output.name, name) in results_by_key
        }
        changed = {name for name, check_result in results_by_feature.items() if check_result.is_violated}
        effects = _draw_effects(output, before, changed)
        table = _create_table(output, before, results_by_feature)
        yield PageSection(f"What moves {output.name}", (effects, table), note="the largest first")
    for dependent in analysis.dependence:
        charts: Iterator[Block] = _draw_dependence(dependent)
        dependence = (*charts, _create_dependence_table(dependent))
        yield PageSection(f"Partial dependence on {dependent.feature}", dependence, folded=True)
    yield create_reading_guide(HOW_TO_READ)


def get_label(check_result: CheckResult) -> str:
    """The name of the output that a result is about."""
    name: str = (check_result.model_extra or {})[LABEL]
    return name


def _find_baseline_values(baseline: AttributionBaseline | None, output: str) -> Mapping[str, float]:
    if baseline:
        return baseline.constraints.values.get(output, {})
    return {}


def _create_card(result: CheckResult, output: OutputAnalysis, baseline: AttributionBaseline | None) -> Card:
    """A card with a feature's attribution in this run and in the baseline."""
    # The picture shows this run and the baseline
    name = result.feature or ""
    before = _find_baseline_values(baseline, output.name).get(name, 0.0)
    chart = _draw_effects(output, {name: before}, {name}, [name])
    points = (replace(chart.points[0], name="this run"), Point("baseline", before))
    hint = "see in the page of data quality whether its values changed"
    picture = replace(chart, points=points)
    return create_card(PageFeature(f"{name} ({output.name})", [result], name, picture=picture, hints=[hint]))


def _describe_ranking(result: CheckResult) -> str:
    correlation = format_number(result.observed)
    lowest = format_number(result.threshold)
    text = f"{result.metric} {correlation} where at least {lowest} is asked for"
    return f"The features' ranking: {text}; 1 is that of the baseline."


def _draw_effects(
    output: OutputAnalysis, baseline_values: Mapping[str, float], changed: Collection[str], chosen: Sequence[str] = ()
) -> PointChart:
    """The chart of the chosen features; by default of the features with the largest attributions."""
    names = chosen or sorted(output.values, key=lambda name: -abs(output.values[name]))[:MAX_FEATURES]
    points = []
    for name in names:
        value = output.values[name]
        error = output.errors[name]
        interval = None
        # The error is infinite if a value is too large to be squared
        if error is not None and isfinite(error):
            interval = (value - 1.96 * error, value + 1.96 * error)
        highlight = Highlight.BAD if name in changed else Highlight.NONE
        points.append(Point(name, value, baseline_values.get(name), interval, highlight))
    return PointChart.from_zero(f"By how much each feature moves {output.name}, on average", points)


def _create_table(
    output: OutputAnalysis, baseline_values: Mapping[str, float], results: Mapping[str, CheckResult]
) -> PageTable:
    total = sum(map(abs, output.values.values())) or 1.0
    lines = []
    for name, value in sorted(output.values.items(), key=lambda item: -abs(item[1])):
        sizes = map(format_number, (output.means[name], baseline_values.get(name), value))
        limit = "–"
        # For a feature that passed: the largest change that could have been missed
        change = "–"
        highlight = Highlight.NONE
        result = results.get(name)
        if result is not None:
            limit = format_number(result.threshold, 3)
            change = format_largest_unseen_change([result])
            if result.is_violated:
                change = "changed"
                highlight = Highlight.BAD
        cells = (name, format_percent(abs(value) / total), *sizes, limit, change)
        lines.append(TableLine(cells, highlight, f"{name} ({output.name})"))
    # The expected value, to which the attributions of a row are added
    caption = f"On average, rows of the baseline get {format_number(output.expected)}."
    numbers = ("share", "signed", "before", "now", "limit")
    titles = ("feature", *numbers, LARGEST_UNSEEN)
    return build_table(titles, lines, numbers=numbers, names=("feature",), caption=caption).drop_empty_columns()


def _draw_dependence(dependent: PartialDependence) -> Iterator[CurveChart]:
    """Yield for each output a curve of the mean answer over the values of a numeric feature; both axes go from minimum to
    maximum.
    """
    values = dependent.grid.values
    if not dependent.grid.is_numeric or len(values) < 2:
        return
    for output, answers in zip(dependent.outputs, dependent.answers.tolist(), strict=True):
        yield CurveChart.from_numbers(
            f"{output} over {dependent.feature}", (dependent.feature, output), values, answers
        )


def _create_dependence_table(dependent: PartialDependence) -> PageTable:
    """A table with the answers of all outputs for each value."""
    answers_by_value = dependent.answers.T.tolist()
    rows = [
        (str(value), format_percent(share), *map(format_number, answers))
        for value, share, answers in zip(dependent.grid.values, dependent.grid.shares, answers_by_value, strict=True)
    ]
    numbers = ("Share of rows", *dependent.outputs)
    caption = "The mean answer if every row had the value."
    return build_table(("Value", *numbers), rows, numbers=numbers, caption=caption)
