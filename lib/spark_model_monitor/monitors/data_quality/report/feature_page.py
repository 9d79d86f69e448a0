"""The page of a data-quality run: changed features as cards, then every other feature on one line each. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from shlex import quote

from spark_model_monitor.documents.change_description import (
    ONE_VALUE,
    OUTSIDE_LIST,
    describe_evidence,
    describe_segment,
)
from spark_model_monitor.documents.check_results import (
    COMPLETENESS,
    DRIFT,
    SEGMENT_DRIFT,
    CheckResult,
    CheckStatus,
    compute_severity,
    format_check,
)
from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.headline import find_accepted, find_not_compared, format_largest_unseen_change
from spark_model_monitor.documents.outcome import FeatureOutcome, find_unsure_features
from spark_model_monitor.documents.page import (
    EXPLAIN,
    LINES_SHOWN,
    MOST_CARDS,
    MOST_LINES,
    VERDICTS,
    Block,
    Card,
    Cards,
    Headline,
    Highlight,
    Overlay,
    Page,
    PageSection,
    PageTable,
    TableColumn,
    TableLine,
    format_noun_count,
    format_number,
    format_percent,
    shorten_name,
)
from spark_model_monitor.documents.statistics import InferredType
from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
from spark_model_monitor.monitors.data_quality.distribution.always_new import why_always_new
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import (
    FeatureDistribution,
    from_profile,
)
from spark_model_monitor.monitors.data_quality.report.charts import draw_overlay
from spark_model_monitor.monitors.data_quality.report.sentences import (
    DOMAIN,
    OptionalDistribution,
    create_violation_message,
    select_sides,
)
from spark_model_monitor.monitors.data_quality.report.violation_message import ViolationMessage
from spark_model_monitor.monitors.protocol import select_violations
from spark_model_monitor.statistics.states import FeatureProfile, Profile

# of rows on a card, and letters of each
MOST_IDS = 5
LONGEST_ID = 40
NO_ROW_IDS: Mapping[str, Sequence[str]] = {}

CHECKS = ("check", "verdict", "found", "limit", "how")
READING = (
    "Grey bars are the baseline, the blue outline is this run, over the baseline's bins: 20 of equal width, and one on each side "
    "for all beyond. Of texts they are the most frequent values, the others, and those that are not in the baseline.",
    "A distance is 0 for equal distributions and 1 for such that have nothing in common. By chance alone: how often a window in "
    "which nothing changed looks like this one.",
    "No change larger than: a change of that size would have been seen in nine windows of ten; a smaller one may be there. "
    "checks.json has all numbers.",
)


def create_page(
    profile: Profile,
    results: Sequence[CheckResult],
    baseline: QualityBaseline | None,
    *,
    max_domain_size: int = 0,
    hide_values: bool = False,
    row_ids: Mapping[str, Sequence[str]] = NO_ROW_IDS,
) -> Page:
    """The page of a run. baseline: what it was compared with; None for a baseline. max_domain_size: the largest number of
    categories whose names are shown. row_ids: of rows behind violations, by feature."""
    features = {feature.name: feature for feature in reversed(profile.features)}
    now = from_profile(profile)
    most_named = max_domain_size
    if hide_values:
        most_named = 0
    if baseline is None and not results:
        return _create_baseline_page(features, now)
    # A person's own rules need no baseline
    if baseline is None:
        baseline = QualityBaseline.from_documents(Constraints(features=()), None, None)
    # Features with a violation, by their largest one; outputs of the model follow from others, so they come last
    by_name: dict[str, list[CheckResult]] = {}
    for result in results:
        by_name.setdefault(result.feature or "", []).append(result)
    names = dict.fromkeys((*baseline.names, *now))
    bad = [name for name, check_results in by_name.items() if any(select_violations(check_results))]
    first = {name: min(select_violations(by_name[name]), key=_rank_violation) for name in bad}
    bad.sort(key=lambda name: _rank_violation(first[name]))
    distance_by_output = {name: first[name].distance or 0.0 for name in baseline.outputs if name in first}
    bad.sort(key=lambda name: (name in distance_by_output, -distance_by_output.get(name, 0.0)))
    # A card for each, and for those of which nobody can tell
    cards = []
    for name in bad:
        violation_message = create_violation_message(first[name], features.get(name), baseline, max_domain_size)
        before, after = select_sides(first[name], features.get(name), baseline)
        card = _create_card(name, first[name], violation_message, by_name[name], before, after, baseline, most_named)
        row_hints = _write_row_hints(name, first[name], row_ids.get(name, ()), hide_values=hide_values)
        cards.append(replace(card, hints=(*card.hints, *row_hints)))
    unsure = find_unsure_features(results)
    unsure_names = {feature.name for feature in unsure}
    unsure_cards = []
    advices = set()
    for feature in unsure[:MOST_CARDS]:
        # The same advice stands once
        if feature.advice in advices:
            feature = feature.model_copy(update={"advice": None})
        advices.add(feature.advice)
        before = baseline.distributions.get(feature.name)
        unsure_cards.append(_create_unsure_card(feature, by_name.get(feature.name, []), before, now, most_named))

    def line(name: str, mark: Highlight = Highlight.NONE) -> TableLine:
        return _create_line(name, baseline.distributions.get(name), now.get(name), by_name.get(name, []), mark)

    # The others, a line each
    accepted_names = {change.feature for change in find_accepted(results)}
    certain_names = [name for name in names if name not in first and name not in unsure_names]
    accepted = [name for name in certain_names if name in accepted_names]
    calm = [name for name in certain_names if name not in accepted_names]
    if len(calm) > MOST_LINES:
        calm.sort(key=lambda name: -max(map(_measure_size, by_name.get(name, ())), default=0.0))
    # The sections, empty ones left out
    order = "the largest first"
    if 0 < len(distance_by_output) < len(bad):
        order = "the largest first, the model's outputs last"
    sections = []
    if cards:
        sections.append(PageSection("Changed", (Cards(tuple(cards)),), note=order))
    if unsure_cards:
        blocks: list[Block] = [Cards(tuple(unsure_cards))]
        if len(unsure) > MOST_CARDS:
            unsure_lines = tuple(line(feature.name, Highlight.UNSURE) for feature in unsure[MOST_CARDS:])
            blocks.append(PageTable(_CALM, unsure_lines))
        note = "nobody can tell; each says why, and what to do"
        sections.append(PageSection("May have changed", tuple(blocks), note=note))
    if accepted:
        sections.append(PageSection("Changed, as accepted", (PageTable(_ACCEPTED, tuple(map(line, accepted))),)))
    if calm:
        left_out = [check_result for check_result in find_not_compared(results) if check_result.feature in calm]
        note = format_noun_count(len(calm) - len(left_out), "feature")
        if left_out:
            note += f", {len(left_out):,} not compared"
        if len(calm) > MOST_LINES:
            note += f", the {LINES_SHOWN} with the largest differences first"
        calm_table = PageTable(_CALM, tuple(map(line, calm)))
        sections.append(PageSection("No change seen", (calm_table,), note=note))
    rows = max((distribution.num_rows for distribution in baseline.distributions.values()), default=0)
    if not rows:
        return _create_page(sections)
    return _create_page(sections, facts=(("baseline", format_noun_count(rows, "row")),))


def _rank_violation(violation: CheckResult) -> tuple[int, float]:
    return violation.alarm or 0, -compute_severity(violation)


def _create_page(
    sections: Sequence[PageSection], headline: Headline | None = None, facts: tuple[tuple[str, str], ...] = ()
) -> Page:
    return Page(
        *("report", "Data quality", facts),
        (*sections, PageSection("How to read this", READING, folded=True)),
        headline,
        html_only=True,
    )


def _create_card(
    name: str,
    first: CheckResult,
    message: ViolationMessage,
    results: Sequence[CheckResult],
    before: OptionalDistribution,
    now: OptionalDistribution,
    baseline: QualityBaseline,
    most_named: int,
) -> Card:
    # The change in a few words, with the values that may be shown
    values = ", ".join(first.values or ())
    short = message.short.replace(ONE_VALUE, values or ONE_VALUE) or message.words.removeprefix(f"{name}: ")
    if values and first.check == DOMAIN:
        short += f": {values}"
    also = [
        format_check(check_result) for check_result in select_violations(results) if check_result.check != first.check
    ]
    # What may explain it
    where = describe_segment(first, with_values=most_named > 0)
    guess = first.guess or ""
    if not guess and first.check == DOMAIN and OUTSIDE_LIST not in (first.change or ""):
        guess = "a new category, or another spelling of one?"
    also_in_words = ""
    if also:
        also_in_words = f"also: {', '.join(dict.fromkeys(also))}"
    # Hints, then the picture of both sides, or of the side that has the feature
    output = ""
    if name in baseline.outputs:
        output = "a model output: it follows its inputs"
    left_out = ""
    if first.check == COMPLETENESS:
        left_out = "the picture leaves out missing values"
    hints = filter(None, (output, where, guess, also_in_words, left_out))
    if before:
        picture = draw_overlay(before, now, most_named)
    elif now:
        picture = draw_overlay(now, None, most_named)
    else:
        picture = None
    # Of a column's name there is no more evidence
    evidence = ""
    if first.check not in ("missing_column_check", "extra_column_check"):
        evidence = describe_evidence(first)
    more: tuple[Block, ...] = (_create_checks_table(results), *_create_tables(first), EXPLAIN.format(name=quote(name)))
    return Card(name, short, message.by, first.since or "", picture, tuple(hints), None, evidence, more)


def _write_row_hints(name: str, first: CheckResult, kept_ids: Sequence[str], *, hide_values: bool) -> Iterator[str]:
    """The ids of some rows of a violated feature, and the command that prints all that were kept."""
    ids = [*dict.fromkeys(kept_ids or first.ids or ())][:MOST_IDS]
    if ids and not hide_values:
        noun = "rows"
        if len(ids) == 1:
            noun = "row"
        short_ids = [shorten_name(row_id, LONGEST_ID) for row_id in ids]
        yield f"{noun}: {', '.join(short_ids)}"
    if kept_ids:
        yield f"to print such rows: spark-model-monitor rows FOLDER {quote(name)} --source DATA"


def _create_unsure_card(
    feature: FeatureOutcome,
    check_results: Sequence[CheckResult],
    before: OptionalDistribution,
    current: Mapping[str, FeatureDistribution],
    most_named: int,
) -> Card:
    """A feature that may have changed: why nobody can tell, and what to do."""
    # Both sides, if both are known
    now = current.get(feature.name)
    picture = None
    if before and now:
        picture = draw_overlay(before, now, most_named)
    more: tuple[Block, ...] = (_create_checks_table(check_results), EXPLAIN.format(name=quote(feature.name)))
    hints = tuple(_describe_findable_change(check_results, before))
    if feature.advice:
        hints += (f"To find out: {feature.advice}",)
    reason = feature.reason or ""
    return Card(feature.name, reason, picture=picture, hints=hints, more=more, mark=Highlight.UNSURE)


def _describe_findable_change(check_results: Sequence[CheckResult], before: OptionalDistribution) -> Iterable[str]:
    """The change that would have been found nine times in ten, for numbers in the data's unit."""
    for check_result in check_results:
        size = check_result.smallest_change
        if check_result.check != DRIFT or size is None or not check_result.change:
            continue
        words = check_result.change
        deviation = None
        if before is not None and before.numbers is not None:
            from spark_model_monitor.monitors.data_quality.report.moved_values import find_deviation

            deviation = find_deviation(before.numbers.step_cdf())
        if deviation is not None:
            words = f"of its mean by {format_number(size * deviation, 2)} ({words})"
        else:
            words = f"of a share by {words}"
        yield f"Would have been found: a change {words}"
        return


def _create_checks_table(check_results: Sequence[CheckResult]) -> PageTable:
    """The checks of a feature with their numbers; of its segments only the violated ones."""
    shown = (
        check_result
        for check_result in check_results
        if check_result.check != SEGMENT_DRIFT or check_result.status is CheckStatus.VIOLATED
    )
    rows = (
        (
            format_check(shown_result),
            VERDICTS[shown_result.status][1],
            *map(format_number, (shown_result.observed, shown_result.threshold)),
            shown_result.formula or "",
        )
        for shown_result in shown
    )
    columns = tuple(TableColumn(title, title in ("found", "limit")) for title in CHECKS)
    return PageTable(columns, tuple(map(TableLine, rows)))


def _create_tables(result: CheckResult) -> Iterable[PageTable]:
    from spark_model_monitor.monitors.data_quality.checks.drift.segment_shares import create_tables

    return create_tables(result)


LARGEST_UNSEEN = "no change larger than"
_CALM = (
    *(TableColumn("feature", is_name=True), TableColumn("type"), TableColumn("baseline and this run")),
    *(TableColumn("before", is_number=True), TableColumn("now", is_number=True)),
    *(TableColumn(LARGEST_UNSEEN), TableColumn("missing", is_number=True)),
)

_ACCEPTED = tuple(replace(column, title="accepted") if column.title == LARGEST_UNSEEN else column for column in _CALM)


def _create_line(
    name: str,
    before: OptionalDistribution,
    now: OptionalDistribution,
    check_results: Sequence[CheckResult],
    mark: Highlight,
) -> TableLine:
    # What this run would have seen, and the feature on both sides
    largest = format_largest_unseen_change(check_results)
    shown = (now or before or FeatureDistribution(InferredType.UNKNOWN)).type_name
    picture: Overlay | str = "–"
    if before and now:
        picture = draw_overlay(before, now) or "–"
    # The shares of missing values, one if they are equal
    lacking = " → ".join(dict.fromkeys(map(_format_missing, (before or now, now))))
    value_before = _format_typical_value(before)
    value_now = _format_typical_value(now)
    cells = (name, shown, picture, value_before, value_now, largest, lacking)
    return TableLine(cells, mark, of=name)


def _format_typical_value(distribution: OptionalDistribution) -> str:
    """A feature in one number: its mean, or its number of values."""
    if distribution is None:
        return "–"
    if distribution.categories:
        return format_noun_count(len(distribution.categories), "value")
    return format_number(distribution.mean)


def _format_missing(distribution: OptionalDistribution) -> str:
    if distribution and distribution.rows:
        return format_percent(1 - distribution.present / distribution.rows)
    return "–"


def _measure_size(result: CheckResult) -> float:
    if result.impact is not None:
        return result.impact
    return result.distance or 0.0


def _create_baseline_page(
    features: Mapping[str, FeatureProfile], distributions: Mapping[str, FeatureDistribution]
) -> Page:
    columns = (
        *(TableColumn("feature", is_name=True), TableColumn("type"), TableColumn("distribution")),
        *(TableColumn(title, is_number=True) for title in ("mean", "median (quartiles)", "missing")),
        TableColumn("what is odd, or not compared"),
    )
    # A line for each feature
    odd = {name: _describe_oddity(features[name], distribution) for name, distribution in distributions.items()}
    cells = (
        (
            name,
            distribution.type_name,
            draw_overlay(distribution, None) or "–",
            _format_typical_value(distribution),
            _format_median(distribution),
            _format_missing(distribution),
            odd[name],
        )
        for name, distribution in distributions.items()
    )
    lines = tuple(map(TableLine, cells))
    # In the headline, the first few
    strange = [name for name in distributions if odd[name]]
    rows = max((distribution.num_rows for distribution in distributions.values()), default=0)
    features_of_rows = f"{format_noun_count(len(lines), 'feature')} of {format_noun_count(rows, 'row')}"
    text = f"{features_of_rows}; later windows are compared with them."
    oddities = "; ".join(f"{name} ({odd[name]})" for name in strange[:3])
    if len(strange) > 3:
        oddities += f"; and {len(strange) - 3:,} more"
    detail = "Nothing about them looks odd."
    if strange:
        detail = f"Some look odd. {oddities}."
    # One section, of all features
    note = format_noun_count(len(lines), "feature")
    section = PageSection("What the data is like", (PageTable(columns, lines),), note=note)
    return _create_page([section], Headline(text, detail))


def _describe_oddity(feature: FeatureProfile, distribution: FeatureDistribution) -> str:
    """What a person should know of a feature before later data is compared with it."""
    if not distribution.present:
        return "it has no value"
    # A single value, of texts or numbers
    num_values = len(distribution.categories or ())
    if not num_values and distribution.numbers:
        num_values = len(distribution.numbers.step_cdf().values)
    if num_values == 1:
        return "it has one value alone"
    # What is missing, or no number in a column of numbers
    lacking = ""
    if distribution.present < distribution.rows / 2:
        lacking = f"{_format_missing(distribution)} are missing"
    if distribution.other_cells:
        num_cells = distribution.other_cells + distribution.present
        lacking = f"{distribution.other_cells:,} of {num_cells:,} values are no numbers"
    return why_always_new(feature) or lacking or distribution.reason or ""


def _format_median(distribution: OptionalDistribution) -> str:
    cdf = None
    if distribution and distribution.numbers:
        cdf = distribution.numbers.step_cdf()
    if cdf is None or not cdf.total:
        return format_number(None)
    # Quartiles, which outliers don't move
    low, middle, high = (format_number(value) for value in cdf.quantiles((0.25, 0.5, 0.75)))
    return f"{middle} ({low} to {high})"
