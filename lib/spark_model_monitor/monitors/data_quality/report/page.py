"""The page of a data-quality run: changed features as cards, then every other feature on one line each. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from shlex import quote

from spark_model_monitor.documents.check_results import SEGMENT_DRIFT, CheckResult, CheckStatus, check_in_words, excess
from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.headline import (
    DRIFT,
    ONE_VALUE,
    evidence_of,
    no_more_than,
    not_compared,
    place_of,
)
from spark_model_monitor.documents.outcome import FeatureOutcome, unsure_features
from spark_model_monitor.documents.page import (
    EXPLAIN,
    LINES_SHOWN,
    MOST_CARDS,
    MOST_LINES,
    VERDICTS,
    Block,
    Card,
    Cards,
    Column,
    Headline,
    Line,
    Mark,
    Page,
    PageSection,
    PageTable,
    counted,
    number_text,
    percent,
    short_name,
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
    Side,
    ViolationMessage,
    create_violation_message,
    sides,
)
from spark_model_monitor.monitors.protocol import violated
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
    known: QualityBaseline | None,
    *,
    max_domain_size: int = 0,
    hide_values: bool = False,
    row_ids: Mapping[str, Sequence[str]] = NO_ROW_IDS,
) -> Page:
    """The page of a run. known: what it was compared with; None for a baseline. max_domain_size: the largest number of
    categories whose names are shown. row_ids: of rows behind violations, by feature."""
    features = {feature.name: feature for feature in reversed(profile.features)}
    now = from_profile(profile)
    most_named = 0 if hide_values else max_domain_size
    if known is None and not results:
        return _baseline_page(features, now)
    known = known or QualityBaseline.from_documents(
        Constraints(features=()), None, None
    )  # a person's own rules need none
    by_name: dict[str, list[CheckResult]] = {}
    for result in results:
        by_name.setdefault(result.feature or "", []).append(result)
    names = dict.fromkeys((*known.names, *now))
    bad = [name for name, found in by_name.items() if any(violated(found))]
    first = {name: min(violated(by_name[name]), key=lambda each: (each.alarm or 0, -excess(each))) for name in bad}
    bad.sort(key=lambda name: (first[name].alarm or 0, -excess(first[name])))
    apart = {name: first[name].distance or 0.0 for name in known.outputs if name in first}
    bad.sort(key=lambda name: (name in apart, -apart.get(name, 0.0)))
    cards = []
    for name in bad:
        violation_message = create_violation_message(first[name], features.get(name), known, max_domain_size)
        before, after = sides(first[name], features.get(name), known)
        card = _card(name, first[name], violation_message, by_name[name], before, after, known, most_named)
        row_hints = _row_hints(name, first[name], row_ids.get(name, ()), hide_values=hide_values)
        cards.append(replace(card, hints=(*card.hints, *row_hints)))
    unsure = unsure_features(results)
    unsure_names = {feature.name for feature in unsure}
    unsure_cards = tuple(
        _unsure_card(feature, by_name.get(feature.name, []), known.distributions.get(feature.name), now, most_named)
        for feature in unsure[:MOST_CARDS]
    )

    def line(name: str, mark: Mark = Mark.NONE) -> Line:
        return _line(name, known.distributions.get(name), now.get(name), by_name.get(name, []), mark)

    calm = [name for name in names if name not in first and name not in unsure_names]
    if len(calm) > MOST_LINES:
        calm.sort(key=lambda name: -max((_size(each) for each in by_name.get(name, ())), default=0.0))
    if 0 < len(apart) < len(bad):
        order = "the largest first, the model's outputs last"
    else:
        order = "the largest first"
    if cards:
        sections = [PageSection("Changed", (Cards(tuple(cards)),), note=order)]
    else:
        sections = []
    if unsure_cards:
        blocks: list[Block] = [Cards(unsure_cards)]
        if len(unsure) > MOST_CARDS:
            blocks.append(PageTable(_CALM, tuple(line(feature.name, Mark.UNSURE) for feature in unsure[MOST_CARDS:])))
        note = "nobody can tell; each says why, and what to do"
        sections.append(PageSection("May have changed", tuple(blocks), note=note))
    if calm:
        left_out = [each for each in not_compared(results) if each.feature in calm]
        note = counted(len(calm) - len(left_out), "feature")
        note += f", {len(left_out):,} not compared" if left_out else ""
        note += f", the {LINES_SHOWN} with the largest differences first" if len(calm) > MOST_LINES else ""
        sections.append(PageSection("No change seen", (PageTable(_CALM, tuple(map(line, calm))),), note=note))
    rows = max((side.num_rows for side in known.distributions.values()), default=0)
    return _page(sections, facts=(("baseline", counted(rows, "row")),) if rows else ())


def _page(
    sections: Sequence[PageSection], headline: Headline | None = None, facts: tuple[tuple[str, str], ...] = ()
) -> Page:
    return Page(
        *("report", "Data quality", facts),
        (*sections, PageSection("How to read this", READING, folded=True)),
        headline,
        html_only=True,
    )


def _card(
    name: str,
    first: CheckResult,
    said: ViolationMessage,
    results: Sequence[CheckResult],
    before: Side,
    now: Side,
    known: QualityBaseline,
    most_named: int,
) -> Card:
    values = ", ".join(first.values or ())
    short = said.short.replace(ONE_VALUE, values or ONE_VALUE) or said.words.removeprefix(f"{name}: ")
    short += f": {values}" if values and first.check == DOMAIN else ""
    also = [check_in_words(each) for each in violated(results) if each.check != first.check]
    where = place_of(first, with_values=most_named > 0)
    guess = first.guess or ("a new category, or another spelling of one?" if first.check == DOMAIN else "")
    if also:
        others = f"also: {', '.join(dict.fromkeys(also))}"
    else:
        others = ""
    if name in known.outputs:
        output = "a model output: it follows its inputs"
    else:
        output = ""
    hints = filter(None, (output, where, guess, others))
    if before:
        picture = draw_overlay(before, now, most_named)
    elif now:
        picture = draw_overlay(now, None, most_named)
    else:
        picture = None
    if first.check in ("missing_column_check", "extra_column_check"):
        evidence = ""
    else:
        evidence = evidence_of(first)
    more: tuple[Block, ...] = (_checks_table(results), *_tables(first), EXPLAIN.format(name=quote(name)))
    return Card(name, short, said.by, first.since or "", picture, tuple(hints), None, evidence, more)


def _row_hints(name: str, first: CheckResult, kept_ids: Sequence[str], *, hide_values: bool) -> Iterator[str]:
    """The ids of some rows of a violated feature, and the command that prints all that were kept."""
    ids = [*dict.fromkeys(kept_ids or first.ids or ())][:MOST_IDS]
    if ids and not hide_values:
        noun = "row" if len(ids) == 1 else "rows"
        yield f"{noun}: {', '.join(short_name(row_id, LONGEST_ID) for row_id in ids)}"
    if kept_ids:
        yield f"to print such rows: spark-model-monitor rows FOLDER {quote(name)} --source DATA"


def _unsure_card(
    feature: FeatureOutcome,
    check_results: Sequence[CheckResult],
    before: Side,
    current: Mapping[str, FeatureDistribution],
    most_named: int,
) -> Card:
    """A feature that may have changed: why nobody can tell, and what to do."""
    now = current.get(feature.name)
    picture = None
    if before and now:
        picture = draw_overlay(before, now, most_named)
    more: tuple[Block, ...] = (_checks_table(check_results), EXPLAIN.format(name=quote(feature.name)))
    advice = (f"To find out: {feature.advice}",) if feature.advice else ()
    advice = (*_findable_change(check_results, before), *advice)
    reason = feature.reason or ""
    return Card(feature.name, reason, picture=picture, hints=advice, more=more, mark=Mark.UNSURE)


def _findable_change(check_results: Sequence[CheckResult], before: Side) -> Iterable[str]:
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
            words = f"of its mean by {number_text(size * deviation, 2)} ({words})"
        else:
            words = f"of a share by {words}"
        yield f"Would have been found: a change {words}"
        return


def _checks_table(check_results: Sequence[CheckResult]) -> PageTable:
    """The checks of a feature with their numbers; of its segments only the violated ones."""
    shown = (
        check_result
        for check_result in check_results
        if check_result.check != SEGMENT_DRIFT or check_result.status is CheckStatus.VIOLATED
    )
    rows = (
        (
            check_in_words(each),
            VERDICTS[each.status][1],
            *map(number_text, (each.observed, each.threshold)),
            each.formula or "",
        )
        for each in shown
    )
    columns = tuple(Column(title, title in ("found", "limit")) for title in CHECKS)
    return PageTable(columns, tuple(map(Line, rows)))


def _tables(result: CheckResult) -> Iterable[PageTable]:
    from spark_model_monitor.monitors.data_quality.checks.drift.segments import create_tables

    return create_tables(result)


_CALM = (
    *(Column("feature", is_name=True), Column("type"), Column("baseline and this run")),
    *(Column("before", is_number=True), Column("now", is_number=True)),
    *(Column("no change larger than"), Column("missing", is_number=True)),
)


def _line(name: str, before: Side, now: Side, check_results: Sequence[CheckResult], mark: Mark) -> Line:
    largest = no_more_than(check_results)
    shown = (now or before or FeatureDistribution(InferredType.UNKNOWN)).type_name
    picture = (draw_overlay(before, now) if before and now else None) or "–"
    lacking = " → ".join(dict.fromkeys(map(_lacking, (before or now, now))))
    return Line((name, shown, picture, _typical_value(before), _typical_value(now), largest, lacking), mark, of=name)


def _typical_value(side: Side) -> str:
    """A feature in one number: its mean, or its number of values."""
    if side is None:
        return "–"
    return counted(len(side.categories), "value") if side.categories else number_text(side.mean)


def _lacking(side: Side) -> str:
    if side and side.rows:
        return percent(1 - side.present / side.rows)
    return "–"


def _size(result: CheckResult) -> float:
    if result.impact is not None:
        return result.impact
    return result.distance or 0.0


def _baseline_page(features: Mapping[str, FeatureProfile], found: Mapping[str, FeatureDistribution]) -> Page:
    columns = (
        *(Column("feature", is_name=True), Column("type"), Column("distribution")),
        *(Column(title, is_number=True) for title in ("mean", "median (quartiles)", "missing")),
        Column("what is odd, or not compared"),
    )
    odd = {name: _odd(features[name], each) for name, each in found.items()}
    cells = (
        (
            name,
            each.type_name,
            draw_overlay(each, None) or "–",
            _typical_value(each),
            _median(each),
            _lacking(each),
            odd[name],
        )
        for name, each in found.items()
    )
    lines = tuple(map(Line, cells))
    strange = [name for name in found if odd[name]]
    rows = max((side.num_rows for side in found.values()), default=0)
    features_of_rows = f"{counted(len(lines), 'feature')} of {counted(rows, 'row')}"
    text = f"{features_of_rows}: later data is checked against what they are like."
    told = "; ".join(f"{name}: {odd[name]}" for name in strange[:3])
    more = f"; and {len(strange) - 3:,} more" if len(strange) > 3 else ""
    detail = f"Look at them first: {told}{more}." if strange else "Nothing about them looks odd."
    wide = [PageSection("What the data is like", (PageTable(columns, lines),), note=counted(len(lines), "feature"))]
    return _page(wide, Headline(text, detail))


def _odd(feature: FeatureProfile, found: FeatureDistribution) -> str:
    """What a person should know of a feature before later data is compared with it."""
    if not found.present:
        return "it has no value"
    values = found.categories or (found.numbers.step_cdf().values if found.numbers else ())
    if len(values) == 1:
        return "it has one value alone"
    if found.present < found.rows / 2:
        lacking = f"{_lacking(found)} are missing"
    else:
        lacking = ""
    if found.other_cells:
        lacking = f"{found.other_cells:,} of {found.other_cells + found.present:,} values are no numbers"
    return why_always_new(feature) or lacking or found.reason or ""


def _median(side: Side) -> str:
    cdf = None
    if side and side.numbers:
        cdf = side.numbers.step_cdf()
    if cdf is None or not cdf.total:
        return number_text(None)
    low, middle, high = (number_text(value) for value in cdf.quantiles((0.25, 0.5, 0.75)))
    return f"{middle} ({low} to {high})"
