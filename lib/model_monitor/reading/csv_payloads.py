"""The CSV payloads of captured records as rows of text columns, by Spark's own parser.

A payload may hold several rows. Its record is kept or refused as a whole: a refused one is a single row without cells, a kept
one a row for each of its rows, of which the first carries the number of cells that the record is counted under.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame

from model_monitor.reading.decoding import Reading
from model_monitor.reading.records import DATA
from model_monitor.reading.refusals import CELLS, REASON, Refusal
from model_monitor.reading.text_lines import BLOCK_START, FILE, LINE

MALFORMED = "__malformed"
PART, FAULT, WIDTH, ROW = "__part", "__fault", "__width", "__row"
"""Of a row: its place in the record, why the record is refused for its rows, its record's cells if counted already, itself."""

PLACES = (LINE, FILE, BLOCK_START)

INSIDE_QUOTES = "\uffff"
"""Stands for a line end within quotes while rows are split; no text holds this non-character."""


def csv_features(records: DataFrame, reading: Reading, *, escape: str) -> DataFrame:
    """Records of CSV payloads as rows: c0, c1, …, REASON, CELLS and the places."""
    assert reading.columns is not None  # Spark's CSV parser wants to know them
    names = [f"c{position}" for position in range(reading.columns)]
    schema = ", ".join(f"{name} string" for name in [*names, MALFORMED])
    options = {
        "columnNameOfCorruptRecord": MALFORMED,
        "mode": "PERMISSIVE",
        "escape": escape,
        "maxCharsPerColumn": "-1",
        "maxColumns": str(len(names) + 1024),
    }

    def parsed(row: Column) -> Column:
        return F.from_csv(row, schema, options)

    payloads = [F.col(DATA.format(index)) for index in range(len(reading.ordered_halves))]
    rows = (
        F.when(F.col(REASON) > 0, F.array(element(_no_row())))
        .when(_is_one_row(payloads), F.array(element(_side_by_side(payloads))))
        .otherwise(_several(payloads, parsed))
    )
    texts = records.select(REASON, *PLACES, F.inline(rows))
    # the generator keeps Spark from parsing the row once for every cell that is used
    found = texts.select("*", F.inline(F.array(parsed(F.col(ROW)))))
    malformed = F.col(MALFORMED)
    reason = (
        F.when(F.col(REASON) > 0, F.col(REASON))
        .when(F.col(FAULT) > 0, F.col(FAULT))
        .when(malformed.isNotNull(), Refusal.WRONG_NUMBER_OF_CELLS)
        .otherwise(0)
    )
    width = (
        F.when(F.col(WIDTH).isNotNull(), F.col(WIDTH))
        .when((F.col(REASON) > 0) | (F.col(PART) > 0), 0)
        .when(malformed.isNull(), len(names))
        .otherwise(_other_than(len(names), _cells_of(malformed)))
    )
    return found.select(*names, reason.alias(REASON), width.alias(CELLS), *PLACES)


def element(row: Column, part: Column | None = None, fault: int = 0, width: Column | None = None) -> Column:
    return F.struct(
        (F.lit(0) if part is None else part).cast("int").alias(PART),
        F.lit(fault).cast("int").alias(FAULT),
        (F.lit(None) if width is None else width).cast("int").alias(WIDTH),
        row.alias(ROW),
    )


def _is_one_row(payloads: Sequence[Column]) -> Column:
    """Whether no payload has a line end left, nor is empty; nulls are halves that were not captured."""
    condition = F.lit(True)
    for payload in payloads:
        one = F.coalesce(~payload.contains("\n") & (payload != ""), F.lit(True))
        condition = condition & one
    return condition


def _side_by_side(payloads: Sequence[Column]) -> Column:
    """One row of all halves that were captured. A quarter faster than concat_ws, measured."""
    joined = payloads[0]
    for payload in payloads[1:]:
        joined = F.coalesce(F.concat(joined, F.lit(","), payload), joined, payload)
    return joined


def _no_row() -> Column:
    return F.lit(None).cast("string")


def _several(payloads: Sequence[Column], parsed: Callable[[Column], Column]) -> Column:
    """The elements of a record whose payloads have several rows, none, or line ends within quotes."""

    def judged(sides: Column) -> Column:
        first, last = F.element_at(sides, 1), F.element_at(sides, -1)
        joined = F.zip_with(first, last, lambda one, other: F.concat(one, F.lit(","), other))
        return with_value(F.when(F.size(sides) == 1, first).otherwise(joined), elements)

    def elements(rows: Column) -> Column:
        wrong = F.exists(rows, lambda row: parsed(row).getField(MALFORMED).isNotNull())
        width = common(F.transform(rows, _cells_of))
        refused = F.array(element(_no_row(), fault=Refusal.WRONG_NUMBER_OF_CELLS, width=width))
        return F.when(wrong, refused).otherwise(F.transform(rows, lambda row, part: element(row, part)))

    return zipped([F.when(payload.isNotNull(), csv_rows(payload)) for payload in payloads], judged, _no_row())


def zipped(sides: Sequence[Column], judged: Callable[[Column], Column], nothing: Column) -> Column:
    """What `judged` makes of the rows of the halves that were captured; one refused element if their numbers differ.

    sides: arrays of rows, null for a half that was not captured.
    """

    def of_sides(halves: Column) -> Column:
        first, last = F.element_at(halves, 1), F.element_at(halves, -1)
        unequal = F.array(element(nothing, fault=Refusal.UNEQUAL_NUMBERS_OF_ROWS, width=F.lit(0)))
        none = F.array(element(nothing, fault=Refusal.NO_PAYLOAD, width=F.lit(0)))
        return F.when(F.size(first) != F.size(last), unequal).when(F.size(first) == 0, none).otherwise(judged(halves))

    return with_value(F.filter(F.array(*sides), F.isnotnull), of_sides)


def with_value(value: Column, used: Callable[[Column], Column]) -> Column:
    """`used(value)`, with the value computed once."""
    return F.element_at(F.transform(F.array(value), used), 1)


def csv_rows(payload: Column) -> Column:
    """The rows of a CSV payload: split at line ends outside of quotes. An empty payload has none."""
    pieces = F.split(payload, '"')
    # every second piece between quotes is inside of them
    masked = F.transform(
        pieces,
        lambda piece, index: F.when(index % 2 == 1, F.replace(piece, F.lit("\n"), F.lit(INSIDE_QUOTES))).otherwise(
            piece
        ),
    )
    quoted = F.transform(
        F.split(F.array_join(masked, '"'), "\r?\n"),
        lambda row: F.replace(row, F.lit(INSIDE_QUOTES), F.lit("\n")),
    )
    rows = F.when(payload.contains('"'), quoted).otherwise(F.split(payload, "\r?\n"))
    return F.when(payload == "", F.array().cast("array<string>")).otherwise(rows)


def _cells_of(row: Column) -> Column:
    """How many cells a CSV row has: commas outside of quotes, and one.

    Without functions of arrays, which would take the whole projection out of Spark's code generation.
    """
    text = F.when(row.contains('"'), F.regexp_replace(row, '"[^"]*"', "")).otherwise(row)
    return F.length(text) - F.length(F.replace(text, F.lit(","), F.lit(""))) + 1


def common(numbers: Column) -> Column:
    """The number that all are, 0 if they differ."""
    return F.when(F.array_min(numbers) == F.array_max(numbers), F.array_min(numbers)).otherwise(0)


def _other_than(columns: int, cells: Column) -> Column:
    """The number of cells of a row that the parser refused; 0 if the count by commas contradicts the parser."""
    return F.when(cells == columns, 0).otherwise(cells)
