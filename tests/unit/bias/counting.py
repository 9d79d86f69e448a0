"""Contingency tables of small lists of rows, counted cell by cell in plain Python.

What Spark counts (`data/profiling/contingency_scan.py`) has to equal this; the metrics are tested on it without a JVM.
"""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

from spark_model_monitor.statistics.states.contingency import CellKind, CellMatch, ColumnMetadata, Contingency
from spark_model_monitor.statistics.states.contingency_plan import (
    FALSEHOODS,
    TRUTHS,
    ContingencyPlan,
    Interval,
    ValuedColumn,
    parse_number,
)


class Untyped(str):
    """A cell that was a text in the data."""


def counted(rows: list[dict[str, object]], plan: ContingencyPlan) -> Contingency:
    """The table of rows whose cells are texts, numbers, booleans or None."""
    typed = [{name: typed_cell(row[name], untyped=plan.untyped_texts) for name in plan.columns} for row in rows]
    return Contingency(
        tuple(Counter(make_cell(row, facet, plan) for row in typed) for facet in plan.facets),
        tuple(make_metadata([row[column.name] for row in typed]) for column in plan.valued),
        plan.text,
    )


def read_rows(path: Path) -> list[dict[str, object]]:
    """The rows of a CSV file with a header line; an empty cell is missing."""
    with path.open(newline="") as file:
        return [{name: text or None for name, text in row.items()} for row in csv.DictReader(file)]


def typed_cell(value, *, untyped):
    """A cell as its kind, number and text."""
    if value is None or value != value or (untyped and value in ("NaN", "nan")):
        return CellKind.MISSING, None, None
    if isinstance(value, bool):
        return CellKind.BOOLEAN, int(value), str(value)
    if isinstance(value, int):
        return CellKind.INTEGRAL, value, str(value)
    if isinstance(value, float):
        return CellKind.FRACTIONAL, value, repr(value)
    value = Untyped(value)
    try:
        number = int(value)
        return (CellKind.INTEGRAL if untyped else CellKind.INTEGER_TEXT), number, value
    except ValueError:
        pass
    if untyped and value in (*TRUTHS, *FALSEHOODS):
        return CellKind.BOOLEAN, int(value in TRUTHS), value
    number = parse_number(value) if untyped else None
    return (CellKind.TEXT if number is None else CellKind.FRACTIONAL), number, value


def make_key(cell, column: ValuedColumn):
    kind, number, text = cell
    if kind is CellKind.MISSING:
        return None
    if not column.values:
        if kind is CellKind.FRACTIONAL and not isinstance(text, Untyped):
            return None
        return text
    if kind is CellKind.BOOLEAN:
        numbers = column.truths
    else:
        numbers = column.numbers
    same_text = isinstance(text, Untyped) and text in column.texts
    key = CellMatch.SAME_TEXT * same_text | CellMatch.SAME_NUMBER * (number is not None and number in numbers)
    above = number is not None and column.threshold is not None and number > column.threshold
    return int(key | CellMatch.ABOVE * above)


def make_cell(row, facet, plan):
    prediction = None
    if plan.prediction:
        prediction = make_key(row[plan.prediction.name], plan.prediction)
    group = row[plan.group][2] if plan.group else None
    segments = (find_segment(row[part.column], part) for part in plan.segmentations)
    return (make_key(row[facet.name], facet), make_key(row[plan.label.name], plan.label), prediction, group, *segments)


def find_segment(cell, segmentation):
    _, number, text = cell
    if not segmentation.segments:
        return text
    for index, segment in enumerate(segmentation.segments):
        for item in segment:
            if isinstance(item, Interval):
                if number is None:
                    continue
                if item.with_low:
                    above = number >= item.low
                else:
                    above = number > item.low
                if item.with_high:
                    below = number <= item.high
                else:
                    below = number < item.high
                if above and below:
                    return index
            elif text == str(item) or (number is not None and number == parse_number(item)):
                return index
    return len(segmentation.segments)


def make_metadata(cells):
    numbers = [number for kind, number, _ in cells if number is not None and kind is not CellKind.BOOLEAN]
    distinct = len(
        {number if number is not None else text for kind, number, text in cells if kind is not CellKind.MISSING}
    )
    if any(kind is CellKind.INTEGER_TEXT for kind, _, _ in cells):
        distinct = len({text for _, _, text in cells if text is not None})
    kinds = Counter(kind for kind, _, _ in cells)
    return ColumnMetadata(kinds, min(numbers, default=None), max(numbers, default=None), distinct, distinct)
