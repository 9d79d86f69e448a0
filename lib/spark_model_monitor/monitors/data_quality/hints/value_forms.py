"""Hints on how values and dates are written, on missing values, on features that follow the hour, and on group columns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from shlex import quote

from spark_model_monitor.documents.run_changes import FEWER_MISSING
from spark_model_monitor.documents.statistics import InferredType
from spark_model_monitor.monitors.data_quality.baseline_comparison import MAX_CHANCE
from spark_model_monitor.monitors.data_quality.distribution.always_new import has_whole_numbers
from spark_model_monitor.monitors.data_quality.distribution.group_names import count_group_names, estimate_new_values
from spark_model_monitor.monitors.data_quality.hints import (
    MIN_VALUES,
    HintSentences,
    ObservedData,
    list_columns,
    list_quoted,
    register_hint,
)
from spark_model_monitor.statistics.date_columns import DateColumn, recognise_dates
from spark_model_monitor.statistics.drift.special_functions import hypergeometric_tail
from spark_model_monitor.statistics.states import FeatureProfile, Frequencies
from spark_model_monitor.statistics.verdicts.components import MIN_EFFECT
from spark_model_monitor.statistics.verdicts.seasonality import CLOCK_DAY, Season

NUMBER = re.compile(r"[-+]?\d+(,\d+)?")  # a number with a decimal comma, or without a fraction
THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+")  # possibly a whole number with separators for thousands
ARRAY_OF_OBJECTS = re.compile(r"\s{0,9}\[\s{0,9}\{")


@register_hint("decimal_commas")
def decimal_commas(data: ObservedData) -> HintSentences:
    """All values of a text column are numbers with a decimal comma, not a thousands separator.

    Source: M16.
    """
    counts_by_feature = {}
    for feature in data.features:
        is_text = feature.is_written_as_text and feature.inferred_type == "String"
        frequencies = feature.frequencies or Frequencies()
        # The form of a text shows if most of its values were counted
        if not is_text or 2 * frequencies.dropped >= frequencies.total or data.is_text_in_baseline(feature):
            continue
        counts = frequencies.counts
        with_comma = [value for value in counts if "," in value]
        are_enough = sum(counts[value] for value in with_comma) >= MIN_VALUES
        if are_enough and all(map(NUMBER.fullmatch, counts)) and not all(map(THOUSANDS.fullmatch, with_comma)):
            counts_by_feature[feature.name] = feature.data_types.text, feature.num_present
    if counts_by_feature:
        finding = f"decimal commas make texts of numbers: {list_columns(counts_by_feature)}"
        yield counts_by_feature, f"{finding}; write 1.5 for 1,5 (pandas: read_csv with decimal=',', then to_csv)"


@register_hint("rows_in_cells")
def rows_in_cells(data: ObservedData) -> HintSentences:
    """All cells of a text column are arrays of objects: rows within a row, of which nothing is compared but the text.

    Source: M16.
    """
    counts = {}
    for feature in data.features:
        if feature.frequencies is None:
            continue
        texts = feature.frequencies.counts
        if texts and all(map(ARRAY_OF_OBJECTS.match, texts)) and not data.is_text_in_baseline(feature):
            counts[feature.name] = feature.num_present, feature.num_present
    if counts:
        finding = f"cells are arrays of objects, of which only the text is compared: {list_columns(counts)}"
        yield counts, f"{finding}; make a record of each object, or take them apart by a --record-preprocessor-script"


@register_hint("dates_as_texts")
def dates_as_texts(observed: ObservedData) -> HintSentences:
    """Most values of a column are dates: as texts, as numbers, or of a type of dates.

    Source: M16.
    """
    # By kind and form, so that columns of one form are one part of the sentence
    columns_by_kind: dict[str, dict[str, dict[str, tuple[int, int]]]] = {}
    for feature, column in find_date_columns(observed):
        form_of_storage = "numbers" if feature.is_numeric else "texts"
        form = column.form
        if column.is_typed:
            form_of_storage = "of a type"
            form = feature.column_type.value
        # A column with many texts shows only a sample of them
        total = column.values or feature.num_present
        if total < feature.num_present:
            form = f"{form}, by a sample"
        counts = total - column.not_dates, total
        columns_by_kind.setdefault(form_of_storage, {}).setdefault(form, {})[feature.name] = counts
    for form_of_storage, counts_by_form in columns_by_kind.items():
        names = [name for counts in counts_by_form.values() for name in counts]
        # The sentence never has values of the data
        columns = "; ".join(f"{list_columns(counts)} as {form}" for form, counts in counts_by_form.items())
        instead = "windows are checked for that form and for odd days; write numbers, such as the weekday, to have drift judged"
        yield names, f"dates are {form_of_storage} here: {columns}; {instead}"


def find_date_columns(observed: ObservedData) -> Iterator[tuple[FeatureProfile, DateColumn]]:
    """The columns of dates, except those that the baseline's own run has reported."""
    for feature in observed.features:
        has_same_type = observed.expected_types.get(feature.name) is InferredType(feature.inferred_type)
        # Too few values show no form
        if has_same_type or feature.num_present < MIN_VALUES:
            continue
        column = recognise_dates(feature)
        if column is not None:
            yield feature, column


@register_hint("day_or_month")
def day_or_month(observed: ObservedData) -> HintSentences:
    """No date of a column shows which number is the day and which the month.

    Source: M16.
    """
    # A single 13th of a month would show the order
    counts = {
        feature.name: (column.num_dates, column.values)
        for feature, column in find_date_columns(observed)
        if column.is_ambiguous
    }
    if counts:
        instead = "write YYYY-MM-DD, or give a baseline with a day after the 12th"
        yield (
            counts,
            f"day first or month first? No date shows it: {list_columns(counts)}; both are accepted: {instead}",
        )


@register_hint("whole_fractions")
def whole_fractions(data: ObservedData) -> HintSentences:
    """A feature is Integral in the baseline, and now Fractional, although all its numbers are whole.

    A column of many numbers is judged by the thousands of numbers in its sketch.
    Source: M16.
    """
    counts = {
        feature.name: (feature.data_types.fractional, feature.num_present)
        for feature in data.features
        if feature.inferred_type == "Fractional"
        and data.expected_types.get(feature.name) is InferredType.INTEGRAL
        and feature.data_types.fractional >= MIN_VALUES
        and has_whole_numbers(feature)
    }
    if counts:
        finding = f"whole numbers are written as fractions, where the baseline has integers: {list_columns(counts)}"
        yield counts, f"{finding}; write 81 for 81.0 (pandas: astype('Int64'))"


@register_hint("another_precision")
def another_precision(data: ObservedData) -> HintSentences:
    """Numbers are written with other digits than in the baseline, and were compared in the precision of the coarser side.

    Source: M16.
    """
    names = []
    for feature in data.compared_features:
        numbers = feature.baseline_distribution.numbers
        numbers_now = feature.current_distribution.numbers
        if numbers is None or numbers_now is None or not feature.are_rounded:
            continue
        # If the numbers of decimals still differ, the numbers themselves are others
        if numbers.cdf.decimals == numbers_now.cdf.decimals:
            names.append(feature.name)
    if names:
        finding = "numbers are in another precision than the baseline's, and compared in the coarser one"
        yield names, f"{finding}: {list_quoted(names)}"


@register_hint(FEWER_MISSING)
def fewer_missing(data: ObservedData) -> HintSentences:
    """A smaller share of a feature's values is missing than in the baseline, by more than chance.

    Features whose drift is tested are left out: that test reports it.
    Source: D4.1.
    """
    missing_by_feature: dict[str, tuple[int, int]] = {}
    for feature in data.compared_features:
        baseline = feature.baseline_distribution
        current = feature.current_distribution
        if feature.baseline_feature.is_drift_tested or not baseline.rows or not current.rows:
            continue
        # A clear gain of present values
        gap = current.present / current.rows - baseline.present / baseline.rows
        p = hypergeometric_tail(baseline.present, baseline.rows, current.present, current.rows)
        if gap >= MIN_EFFECT and p <= MAX_CHANCE:
            missing_by_feature[feature.name] = (current.rows - current.present, current.rows)
    if missing_by_feature:
        finding = f"fewer values are missing than in the baseline: {list_columns(missing_by_feature)}"
        yield missing_by_feature, f"{finding}; is there a default in their place?"


@register_hint("follows_the_clock")
def follows_the_clock(data: ObservedData) -> HintSentences:
    """Features whose hours have differed for a week are compared with the same hour of earlier days.

    Source: D4.18.
    """
    seasons: dict[str, Season] = {}
    names_with_one_value = []
    for feature in data.compared_features:
        season = feature.season
        if season is not None and season.learnt and season.stands_out:
            seasons[feature.name] = season
            if feature.current_distribution.num_values == 1:
                names_with_one_value.append(feature.name)
    if not seasons:
        return
    finding = f"compared with this hour of earlier days, which the baseline is unlike: {list_quoted(seasons)}"
    # Features whose values are like those of another hour
    moved_names = [name for name, season in seasons.items() if season.like != CLOCK_DAY]
    if moved_names:
        finding += (
            f"; {list_quoted(moved_names)} at another hour than before: clocks were put forward or back, it seems"
        )
    if names_with_one_value:
        finding += f"; {list_quoted(names_with_one_value)} has one value at each hour: leave it out, it says nothing but the time"
    yield seasons, finding


@register_hint("group_column")
def group_column(data: ObservedData) -> HintSentences:
    """A column's values explain why rows of the window are alike, and nobody named it as `--group-column`.

    Source: D4.23.
    """
    if data.comparison is None:
        return
    name = data.comparison.design_effects.group_column
    # A column that has changed can't show which rows belong together
    if name is not None and name not in data.changed_features:
        reason = f"rows with the same {name!r} are alike and lie scattered over the window"
        yield (
            (name,),
            f"{reason}, so they say less than as many others; make the baseline with --group-column {quote(name)}",
        )


@register_hint("names_of_groups")
def names_of_groups(data: ObservedData) -> HintSentences:
    """A column has changed by new values that have several rows each, as numbers of sessions have; and nobody named groups.

    Source: D4.23.
    """
    for feature in data.compared_features:
        baseline = feature.baseline_profile
        current = feature.current_profile
        if baseline is None or feature.comparison.has_named_groups or feature.name not in data.changed_features:
            continue
        before = feature.baseline_distribution.numbers
        now = feature.current_distribution.numbers
        # Numbers in another unit are new, too, but seldom all above the baseline's
        are_later = before is None or now is None or now.cdf.values[0] > before.cdf.values[-1]
        are_new = 2 * estimate_new_values(baseline, current) >= 1
        if are_later and are_new and count_group_names(baseline, current):
            finding = (
                f"most values of {feature.name!r} are new, and each has several rows: if they name sessions or users"
            )
            yield (feature.name,), f"{finding}, make the baseline with --group-column {quote(feature.name)}"
