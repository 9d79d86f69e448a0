"""Columns of dates in a baseline, or in data without one: the form that was recognised, and what nobody can tell from it."""

from __future__ import annotations

from collections.abc import Iterator

from spark_model_monitor.documents.statistics import InferredType
from spark_model_monitor.monitors.data_quality.hints import (
    MIN_VALUES,
    HintSentences,
    ObservedData,
    list_columns,
    register_hint,
)
from spark_model_monitor.statistics.date_columns import DateColumn, recognise_dates
from spark_model_monitor.statistics.states import FeatureProfile


@register_hint("dates_as_texts")
def dates_as_texts(observed: ObservedData) -> HintSentences:
    """Most values of a column are dates: as texts, as numbers, or of a type of dates.

    Source: M16.
    """
    # By kind and form, so that columns of one form are one part of the sentence
    columns_by_kind: dict[str, dict[str, dict[str, tuple[int, int]]]] = {}
    for feature, column in find_date_columns(observed):
        kind = "numbers" if feature.is_numeric else "texts"
        form = column.form
        if column.is_typed:
            kind = "of a type"
            form = feature.column_type.value
        # Of many texts a sample is read
        total = column.values or feature.num_present
        if total < feature.num_present:
            form = f"{form}, by a sample"
        counts = total - column.not_dates, total
        columns_by_kind.setdefault(kind, {}).setdefault(form, {})[feature.name] = counts
    for kind, counts_by_form in columns_by_kind.items():
        names = [name for counts in counts_by_form.values() for name in counts]
        # Values are never part of it
        columns = "; ".join(f"{list_columns(counts)} as {form}" for form, counts in counts_by_form.items())
        instead = "windows are checked for that form and for odd days; write numbers, such as the weekday, to have drift judged"
        yield names, f"dates are {kind} here: {columns}; {instead}"


def find_date_columns(observed: ObservedData) -> Iterator[tuple[FeatureProfile, DateColumn]]:
    """The columns of dates, except those of which the baseline's own run has said it."""
    for feature in observed.profile.features:
        has_same_type = observed.expected_types.get(feature.name) is InferredType(feature.inferred_type)
        # Fewer values show no form
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
    counts: dict[str, tuple[int, int]] = {}
    for feature, column in find_date_columns(observed):
        # A single 13th of a month would tell
        if column.is_ambiguous:
            counts[feature.name] = column.num_dates, column.values
    if counts:
        instead = "write YYYY-MM-DD, or give a baseline with a day after the 12th"
        yield (
            counts,
            f"day first or month first? No date shows it: {list_columns(counts)}; both are accepted: {instead}",
        )
