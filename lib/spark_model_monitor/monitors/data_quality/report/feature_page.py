"""The page of a data-quality run: changed features as cards, then every other feature on one line each. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from shlex import quote

from spark_model_monitor.documents.change_description import OUTSIDE_LIST
from spark_model_monitor.documents.check_results import COMPLETENESS, DRIFT, CheckResult
from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.outcome import group_by
from spark_model_monitor.documents.page import (
    BASELINE_HEADLINE,
    Headline,
    Overlay,
    Page,
    PageSection,
    build_table,
    create_reading_guide,
    format_noun_count,
    format_number,
    format_percent,
    shorten_name,
)
from spark_model_monitor.documents.statistics import InferredType
from spark_model_monitor.monitors.change_cards import FeatureLine, PageFeature, create_change_sections
from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
from spark_model_monitor.monitors.data_quality.distribution.always_new import explain_always_new
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import (
    FeatureDistribution,
    create_distributions,
)
from spark_model_monitor.monitors.data_quality.report.charts import draw_overlay
from spark_model_monitor.statistics.states import FeatureProfile, Profile

# most row ids on a card, and most letters of each
MAX_IDS = 5
MAX_ID_LENGTH = 40

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
    max_domain_size: int,
    hide_values: bool,
    row_ids: Mapping[str, Sequence[str]],
) -> Page:
    """The page of a run. baseline: what it was compared with; None for a baseline. max_domain_size: the largest number of
    categories whose names are shown. row_ids: the ids of rows behind violations, by feature."""
    features = profile.by_name
    current_distributions = create_distributions(profile)
    most_named = max_domain_size
    if hide_values:
        most_named = 0
    if baseline is None and not results:
        return _create_baseline_page(features, current_distributions)
    # A person's own rules need no baseline
    if baseline is None:
        baseline = QualityBaseline.from_documents(Constraints(features=()), None, None)
    results_by_name = group_by(results, lambda result: result.feature or "")
    # Changes of the whole data set get a card like its columns
    changed_names = [result.feature or "" for result in results if result.is_violation or result.is_unsure]
    page_features = []
    for name in dict.fromkeys((*baseline.names, *current_distributions, *changed_names)):
        feature = PageFeature(name, results_by_name.get(name, ()), is_output=name in baseline.outputs)
        baseline_distribution = baseline.distributions.get(name)
        current_distribution = current_distributions.get(name)
        # The picture shows what was compared; for a violation that may be a segment, or another reference
        hints: list[str] = []
        picture = None
        if feature.violations:
            from spark_model_monitor.monitors.data_quality.report.sentences import select_sides

            first_violation = feature.violations[0]
            picture = _draw_sides(*select_sides(first_violation, features.get(name), baseline), most_named)
            lacks_values = current_distribution is not None and current_distribution.present < current_distribution.rows
            hints = [
                *_write_hints(first_violation, lacks_values and baseline_distribution is None),
                *_write_row_hints(first_violation, row_ids.get(name, ()), hide_values=hide_values),
            ]
        elif baseline_distribution and current_distribution:
            picture = draw_overlay(baseline_distribution, current_distribution, most_named)
        if feature.is_unsure and not feature.violations:
            hints += _describe_findable_change(feature.check_results, baseline_distribution)
        line = FeatureLine(
            type_name=(
                current_distribution or baseline_distribution or FeatureDistribution(InferredType.UNKNOWN)
            ).type_name,
            before=_format_typical_value(baseline_distribution),
            now=_format_typical_value(current_distribution),
            missing=" → ".join(
                dict.fromkeys(
                    map(_format_missing, (baseline_distribution or current_distribution, current_distribution))
                )
            ),
        )
        page_features.append(replace(feature, picture=picture, hints=hints, line=line))
    sections = create_change_sections({"": page_features})
    rows = max((distribution.num_rows for distribution in baseline.distributions.values()), default=0)
    if not rows:
        return _create_page(sections)
    return _create_page(sections, facts=(("baseline", format_noun_count(rows, "row")),))


def _create_page(
    sections: Sequence[PageSection], headline: Headline | None = None, facts: tuple[tuple[str, str], ...] = ()
) -> Page:
    return Page(
        "report",
        "Data quality",
        facts,
        (*sections, create_reading_guide(READING)),
        headline,
        html_only=True,
    )


def _draw_sides(
    baseline: FeatureDistribution | None, current: FeatureDistribution | None, most_named: int
) -> Overlay | None:
    """A picture of baseline and window, or of the one that has the feature."""
    if baseline:
        return draw_overlay(baseline, current, most_named)
    if not current:
        return None
    # A new column has an outline, but no bars of a baseline
    overlay = draw_overlay(current, None, most_named)
    if overlay is None:
        return None
    return replace(overlay, baseline=(0.0,) * len(overlay.baseline), current=overlay.baseline)


def _write_hints(violation: CheckResult, is_new_and_lacks_values: bool) -> Iterator[str]:
    """Sentences that may explain a change, or the picture."""
    if (
        not violation.guess
        and violation.check == "categorical_values_check"
        and OUTSIDE_LIST not in (violation.change or "")
    ):
        yield "a new category, or another spelling of one?"
    if violation.check == COMPLETENESS or is_new_and_lacks_values:
        yield "the picture leaves out missing values"


def _write_row_hints(violation: CheckResult, kept_ids: Sequence[str], *, hide_values: bool) -> Iterator[str]:
    """The ids of some rows of a violated feature, and the command that prints all that were kept."""
    ids = [*dict.fromkeys(kept_ids or violation.ids or ())][:MAX_IDS]
    if ids and not hide_values:
        short_ids = [shorten_name(row_id, MAX_ID_LENGTH) for row_id in ids]
        noun = "rows"
        if len(ids) == 1:
            noun = "row"
        yield f"{noun}: {', '.join(short_ids)}"
    if kept_ids:
        yield f"to print such rows: spark-model-monitor rows FOLDER --source DATA -- {quote(violation.feature or '')}"


def _describe_findable_change(
    check_results: Sequence[CheckResult], baseline: FeatureDistribution | None
) -> Iterable[str]:
    """The change that would have been found nine times in ten, for numbers in the data's unit."""
    for check_result in check_results:
        size = check_result.smallest_change
        if check_result.check != DRIFT or size is None or not check_result.change:
            continue
        change_text = check_result.change
        deviation = None
        if baseline is not None and baseline.numbers is not None:
            from spark_model_monitor.monitors.data_quality.report.moved_values import find_deviation

            deviation = find_deviation(baseline.numbers.cdf)
        if deviation is not None:
            change_text = f"of its mean by {format_number(size * deviation, 2)} ({change_text})"
        else:
            change_text = f"of a share by {change_text}"
        yield f"Would have been found: a change {change_text}"
        return


def _format_typical_value(distribution: FeatureDistribution | None) -> str:
    """A feature in one number: its mean, or its number of values."""
    if distribution is None:
        return "–"
    if distribution.categories:
        return format_noun_count(len(distribution.categories), "value")
    return format_number(distribution.mean)


def _format_missing(distribution: FeatureDistribution | None) -> str:
    if distribution and distribution.rows:
        return format_percent(1 - distribution.present / distribution.rows)
    return "–"


def _create_baseline_page(
    features: Mapping[str, FeatureProfile], distributions: Mapping[str, FeatureDistribution]
) -> Page:
    # A line for each feature
    oddity_by_name = {
        name: _describe_oddity(features[name], distribution) for name, distribution in distributions.items()
    }
    cells = [
        (
            name,
            distribution.type_name,
            draw_overlay(distribution, None) or "–",
            _format_typical_value(distribution),
            _format_median(distribution),
            _format_missing(distribution),
            oddity_by_name[name],
        )
        for name, distribution in distributions.items()
    ]
    numbers = ("mean", "median (quartiles)", "missing")
    titles = ("feature", "type", "distribution", *numbers, "what is odd, or not compared")
    table = build_table(titles, cells, numbers=numbers, names=("feature",))
    # The headline names the first few oddities
    odd_names = [name for name in distributions if oddity_by_name[name]]
    rows = max((distribution.num_rows for distribution in distributions.values()), default=0)
    features_of_rows = f"{format_noun_count(len(cells), 'feature')} of {format_noun_count(rows, 'row')}"
    text = BASELINE_HEADLINE.format(features_of_rows)
    oddities = "; ".join(f"{name} ({oddity_by_name[name]})" for name in odd_names[:3])
    if len(odd_names) > 3:
        oddities += f"; and {len(odd_names) - 3:,} more"
    detail = "Nothing about them looks odd."
    if odd_names:
        detail = f"Some look odd. {oddities}."
    # One section for all features
    section = PageSection("What the data is like", (table,), note=format_noun_count(len(cells), "feature"))
    return _create_page([section], Headline(text, detail))


def _describe_oddity(feature: FeatureProfile, distribution: FeatureDistribution) -> str:
    """What a person should know of a feature before later data is compared with it."""
    if not distribution.present:
        return "it has no value"
    # A single value, of texts or numbers
    if distribution.num_values == 1:
        return "it has one value alone"
    # Missing values, or texts in a column of numbers
    lacking = ""
    if distribution.present < distribution.rows / 2:
        lacking = f"{_format_missing(distribution)} are missing"
    if distribution.other_cells:
        num_cells = distribution.other_cells + distribution.present
        lacking = f"{distribution.other_cells:,} of {num_cells:,} values are no numbers"
    return explain_always_new(feature) or lacking or distribution.reason or ""


def _format_median(distribution: FeatureDistribution) -> str:
    numbers = distribution.numbers
    if numbers is None or not numbers.total:
        return format_number(None)
    # Quartiles, which outliers don't move
    low, middle, high = map(format_number, numbers.cdf.quantiles((0.25, 0.5, 0.75)))
    return f"{middle} ({low} to {high})"
