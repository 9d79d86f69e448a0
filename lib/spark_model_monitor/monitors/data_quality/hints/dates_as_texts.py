"""Columns of dates in a baseline, or in data without one: the form that was recognised, and what nobody can tell from it."""

from __future__ import annotations

from spark_model_monitor.monitors.data_quality.hints import HINTS, Said, Seen, listed
from spark_model_monitor.statistics.date_columns import recognise_dates


@HINTS.register("dates_as_texts")
def dates_as_texts(observed: Seen) -> Said:
    """Most values of a text column are dates.

    Source: M16.
    """
    # By form, so that columns of one form are one part of the sentence
    counts_by_form: dict[str, dict[str, tuple[int, int]]] = {}
    for feature, _ in observed.texts():
        column = recognise_dates(feature)
        if column is not None:
            counts = feature.num_present - column.not_dates, feature.num_present
            counts_by_form.setdefault(column.form, {})[feature.name] = counts
    if counts_by_form:
        names = [name for counts in counts_by_form.values() for name in counts]
        # Values are never part of it
        columns = "; ".join(f"{listed(counts)} as {form}" for form, counts in counts_by_form.items())
        instead = "windows are checked for that form and for odd days; write numbers, such as the weekday, to have drift judged"
        yield names, f"dates are texts here: {columns}; {instead}"


@HINTS.register("day_or_month")
def day_or_month(observed: Seen) -> Said:
    """No date of a column shows which number is the day and which the month.

    Source: M16.
    """
    counts: dict[str, tuple[int, int]] = {}
    for feature, _ in observed.texts():
        column = recognise_dates(feature)
        # A single 13th of a month would tell
        if column is not None and column.is_ambiguous:
            counts[feature.name] = column.num_dates, feature.num_present
    if counts:
        instead = "write YYYY-MM-DD, or give a baseline with a day after the 12th"
        yield counts, f"day first or month first? No date tells: {listed(counts)}; both are accepted: {instead}"
