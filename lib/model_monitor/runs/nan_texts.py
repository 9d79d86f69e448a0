"""The text "NaN" in columns of a frame: what `spark.createDataFrame` makes of the missing texts of a pandas frame. Pure."""

from __future__ import annotations

import logging

from model_monitor.statistics.states import ColumnType, Profile

log = logging.getLogger(__name__)

TEXTS = ("NaN", "nan")
"""Of Java and of Python, for a float that is no number."""

NAMED = 10
"""Columns that are named; the rest are counted."""


def warn_of_nan_texts(profile: Profile) -> None:
    """Name the columns in which some cell is the text NaN, as far as the profile has counted their values."""
    cells = {
        feature.name: sum(feature.frequencies.counts.get(text, 0) for text in TEXTS)
        for feature in profile.features
        if feature.frequencies is not None and feature.column_type is ColumnType.TEXT
    }
    found = [name for name, count in cells.items() if count]
    if not found:
        return
    named = ", ".join(map(repr, found[:NAMED])) + (f" and {len(found) - NAMED} more" if len(found) > NAMED else "")
    log.warning(
        "column%s %s hold%s the text 'NaN' (%s cells): createDataFrame makes it of missing values of pandas; pass the pandas "
        "frame itself",
        *(("", named, "s") if len(found) == 1 else ("s", named, "")),
        f"{sum(cells.values()):,}",
    )
