"""The JSON payloads of captured records as rows of text columns, by Spark's own parser.

A payload is an object, an array of objects, or one object a line. Members are matched to the features by name if all of
these occur, else by position. CSV payloads beside JSON ones are taken here, too, where both are allowed.
"""

from __future__ import annotations

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame

from model_monitor.reading.csv_payloads import FAULT, PLACES, ROW, WIDTH, common, csv_rows, element, with_value, zipped
from model_monitor.reading.decoding import BETWEEN_LINES, JSON, LEADING_BRACKET, Reading
from model_monitor.reading.records import DATA, ENCODING
from model_monitor.reading.refusals import CELLS, REASON, Refusal

OBJECTS, COMPLETE, MALFORMED = "__objects", "__complete", "__malformed"
OPTIONS = {"allowSingleQuotes": "false", "columnNameOfCorruptRecord": MALFORMED, "mode": "PERMISSIVE"}
SCHEMA = f"{OBJECTS} array<map<string,string>>, {COMPLETE} boolean, {MALFORMED} string"

PARSED = "__parsed{}"

FLATTENED_LEVELS = 5
"""Objects within objects that are flattened; deeper ones stay as their JSON text."""

OUTSIDE_COMMA = "\ufffe"
"""Stands for a comma between cells while a CSV row is split; no text holds this non-character."""

ROW_TYPE = "array<string>"


def json_features(records: DataFrame, reading: Reading) -> DataFrame:
    """Records of JSON payloads as rows: c0, c1, …, REASON, CELLS and the places."""
    columns = reading.columns or 0
    halves = range(len(reading.ordered_halves))
    parsed = [_parsed(index).alias(PARSED.format(index)) for index in halves]
    # the generator keeps Spark from parsing a payload once for each use
    found = records.select("*", F.inline(F.array(F.struct(*parsed))))
    nothing = F.lit(None).cast(ROW_TYPE)
    fault = _fault(len(halves), reading)

    def judged(sides: Column) -> Column:
        first, last = F.element_at(sides, 1), F.element_at(sides, -1)
        joined = F.when(F.size(sides) == 1, first).otherwise(F.zip_with(first, last, lambda a, b: F.concat(a, b)))
        return with_value(F.transform(joined, lambda row: _arranged(row, reading)), elements)

    def elements(rows: Column) -> Column:
        widths = F.transform(rows, lambda row: row.getField("width"))
        wrong = F.exists(widths, lambda width: width != columns)
        refused = F.array(element(nothing, fault=Refusal.WRONG_NUMBER_OF_CELLS, width=_other(common(widths), columns)))
        kept = F.transform(
            rows,
            lambda row, part: element(row.getField("cells"), part, width=F.when(part == 0, columns).otherwise(0)),
        )
        return F.when(wrong, refused).otherwise(kept)

    rows = F.when((F.col(REASON) > 0) | (fault > 0), F.array(element(nothing, width=F.lit(0)))).otherwise(
        zipped([_rows(index, reading) for index in halves], judged, nothing)
    )
    exploded = found.select(REASON, fault.alias("__json_fault"), *PLACES, F.inline(rows))
    reason = F.when(F.col(REASON) > 0, F.col(REASON)).otherwise(F.greatest("__json_fault", FAULT))
    features = [F.get(F.col(ROW), F.lit(index)).alias(f"c{index}") for index in range(columns)]
    return exploded.select(*features, reason.alias(REASON), F.col(WIDTH).alias(CELLS), *PLACES)


def _parsed(index: int) -> Column:
    """The objects of one half's payload; null if it is not JSON by its encoding or refused already."""
    data = F.col(DATA.format(index))
    array = F.when(data.rlike(f"^{LEADING_BRACKET.pattern}"), data).otherwise(
        F.concat(F.lit("["), F.regexp_replace(data, BETWEEN_LINES.pattern, "},{"), F.lit("]"))
    )
    # only a member behind the payload proves that it was one value to its end
    wrapped = F.concat(F.lit(f'{{"{OBJECTS}":'), array, F.lit(f',"{COMPLETE}":true}}'))
    is_json = (F.col(REASON) == 0) & (F.col(ENCODING.format(index)) == JSON)
    return F.when(is_json, F.from_json(wrapped, SCHEMA, OPTIONS))


def _fault(halves: int, reading: Reading) -> Column:
    """Why the record is refused for a payload that is not flat JSON objects, 0 if it isn't."""
    not_json, nested = F.lit(False), F.lit(False)
    for index in range(halves):
        data, found = F.col(DATA.format(index)), F.col(PARSED.format(index))
        objects = found.getField(OBJECTS)
        bad = (
            found.getField(COMPLETE).isNull()
            | found.getField(MALFORMED).isNotNull()
            | objects.isNull()
            | F.exists(objects, F.isnull)
        )
        is_json = data.isNotNull() & (F.col(ENCODING.format(index)) == JSON)
        not_json = not_json | F.coalesce(is_json & bad, F.lit(False))
        looks_nested = F.exists(
            objects, lambda item: F.exists(F.map_values(item), lambda value: value.rlike(r"^[\[{]"))
        )
        nested = nested | F.coalesce(is_json & looks_nested & _outside_texts(data).rlike(r":\s*[\[{]"), F.lit(False))
    fault = F.when(F.col(REASON) > 0, 0).when(not_json, Refusal.PAYLOAD_NOT_JSON)
    return (fault if reading.flatten_json else fault.when(nested, Refusal.NESTED_JSON)).otherwise(0)


def _outside_texts(document: Column) -> Column:
    """A JSON document without its texts: what tells an array from a text that looks like one."""
    unescaped = F.replace(F.replace(document, F.lit("\\\\"), F.lit("")), F.lit('\\"'), F.lit(""))
    return F.array_join(F.filter(F.split(unescaped, '"'), lambda _, index: index % 2 == 0), '""')


def _rows(index: int, reading: Reading) -> Column:
    """The rows of one half, each an array of keys and values; the cells of a CSV row have an empty key."""
    data, encoding = F.col(DATA.format(index)), F.col(ENCODING.format(index))
    objects = F.col(PARSED.format(index)).getField(OBJECTS)
    rows = F.transform(
        objects, lambda item: _flattened(F.map_entries(item)) if reading.flatten_json else _entries(item)
    )
    if reading.encoding is None:
        cells = F.transform(
            csv_rows(data), lambda row: F.transform(_csv_cells(row), lambda cell: _entry(F.lit(""), cell))
        )
        rows = F.when(encoding == JSON, rows).otherwise(cells)
    return F.when(data.isNotNull(), rows)


def _entries(item: Column) -> Column:
    return F.transform(F.map_entries(item), lambda entry: _entry(entry.getField("key"), entry.getField("value")))


def _entry(key: Column, value: Column) -> Column:
    return F.struct(key.alias("key"), value.alias("value"))


def _flattened(entries: Column) -> Column:
    """Entries whose value is an object as one entry for each of its members, called `outer.inner`."""

    def expanded(entry: Column) -> Column:
        inner = F.from_json(entry.getField("value"), "map<string,string>", OPTIONS)
        members = F.transform(
            F.map_entries(inner),
            lambda member: _entry(
                F.concat(entry.getField("key"), F.lit("."), member.getField("key")), member.getField("value")
            ),
        )
        same = F.array(_entry(entry.getField("key"), entry.getField("value")))
        return F.when(entry.getField("value").startswith("{") & inner.isNotNull(), members).otherwise(same)

    for _ in range(FLATTENED_LEVELS):
        entries = F.flatten(F.transform(entries, expanded))
    return entries


def _arranged(row: Column, reading: Reading) -> Column:
    """A row's cells in the order of the features, and how many it has."""
    keys = F.transform(row, lambda entry: entry.getField("key"))
    values = F.transform(row, lambda entry: entry.getField("value"))
    by_position = F.struct(values.alias("cells"), F.size(row).alias("width"))
    if not reading.names:
        return by_position
    names = F.array(*[F.lit(name) for name in reading.names])
    known = F.size(F.array_except(names, keys)) == 0
    if not reading.exact_keys:
        known = known | (F.size(F.array_except(keys, names)) == 0)
    cells = F.transform(names, lambda name: _value_of(name, keys, values))
    by_name = F.struct(cells.alias("cells"), F.greatest(F.lit(len(reading.names)), F.size(row)).alias("width"))
    # in the baseline's own order nothing has to be looked up
    return F.when(keys == names, by_position).when(known, by_name).otherwise(by_position)


def _value_of(name: Column, keys: Column, values: Column) -> Column:
    return F.get(values, (F.call_function("array_position", keys, name) - 1).cast("int"))


def _csv_cells(row: Column) -> Column:
    """The cells of a CSV row; an empty one is missing, quoted or not."""
    marked = F.transform(
        F.split(row, '"'),
        lambda piece, index: F.when(index % 2 == 0, F.replace(piece, F.lit(","), F.lit(OUTSIDE_COMMA))).otherwise(
            piece
        ),
    )
    return F.transform(F.split(F.array_join(marked, '"'), OUTSIDE_COMMA), _unquoted)


def _unquoted(cell: Column) -> Column:
    inner = F.replace(cell.substr(F.lit(2), F.length(cell) - 2), F.lit('""'), F.lit('"'))
    quoted = cell.startswith('"') & cell.endswith('"') & (F.length(cell) > 1)
    text = F.when(quoted, inner).otherwise(cell)
    return F.when(text != "", text)


def _other(width: Column, columns: int) -> Column:
    """The common number of cells; 0 if rows differ, or if it is not the number that is wrong."""
    return F.when(width == columns, 0).otherwise(width)
