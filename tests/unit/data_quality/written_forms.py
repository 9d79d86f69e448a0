"""The forms in which programs write a table: a function of a folder and columns writes one, or makes a frame."""

from __future__ import annotations

import base64
import bz2
import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

Cell: TypeAlias = bool | float | str | Decimal | date | None
Columns: TypeAlias = Mapping[str, list[Cell]]
Data: TypeAlias = "Path | pd.DataFrame | pa.Table | pa.RecordBatchReader"
Document: TypeAlias = "Mapping[str, Document] | list[Document] | float | str | None"
Conversion: TypeAlias = Callable[[Cell], float | str | None]
Writer: TypeAlias = Callable[[Path, Columns], Data]

FIRST_ROWS = 200  # of the first of two files
INPUT_TYPES = {"CSV": "text/csv", "JSON": "application/json"}


@dataclass(frozen=True)
class Texts:
    """How a program writes each kind of value as text."""

    number: Callable[[float], str] = repr
    integer: Callable[[int], str] = str
    decimal: Callable[[Decimal], str] = str
    flag: Callable[[bool], str] = str
    day: Callable[[date], str] = date.isoformat
    time: Callable[[datetime], str] = str
    missing: str = ""

    def write(self, value: Cell) -> str:
        if value is None:
            return self.missing
        if isinstance(value, bool):
            return self.flag(value)
        if isinstance(value, int):
            return self.integer(value)
        if isinstance(value, Decimal):
            return self.decimal(value)
        if isinstance(value, float):
            return self.number(value)
        if isinstance(value, datetime):
            return self.time(value)
        if isinstance(value, date):
            return self.day(value)
        return value


PLAIN = Texts()


def format_csv(
    columns: Columns,
    texts: Texts = PLAIN,
    *,
    names: Sequence[str] = (),
    header: bool = True,
    end: str = "\n",
    **marks: Any,
) -> str:
    """marks: those of csv.writer."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end, **marks)
    if header:
        writer.writerow(names or columns)
    writer.writerows(map(texts.write, row) for row in zip(*columns.values(), strict=True))
    return text.getvalue()


def write_bytes(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, str):
        content = content.encode()
    path.write_bytes(content)
    return path


def convert_for_json(value: Cell) -> float | str | None:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date):
        return value.isoformat()
    return value


def list_records(columns: Columns, convert: Conversion = convert_for_json) -> list[dict[str, Document]]:
    rows = zip(*columns.values(), strict=True)
    return [dict(zip(columns, map(convert, row), strict=True)) for row in rows]


def format_lines(documents: Iterable[Document], end: str = "\n", **options: Any) -> str:
    """options: those of json.dumps."""
    return "".join(json.dumps(document, **options) + end for document in documents)


def unify_types(cells: Sequence[Cell]) -> Sequence[Cell]:
    """Cells of several types as texts, which is how a frame or a table holds them."""
    types = {type(cell) for cell in cells if cell is not None}
    if len(types) > 1:
        return [*map(convert_to_text, cells)]
    return cells


def make_frame(columns: Columns) -> pd.DataFrame:
    return pd.DataFrame({name: unify_types(cells) for name, cells in columns.items()})


def find_names(columns: Columns, value_type: type) -> list[str]:
    """The columns whose values have exactly this type."""
    return [name for name, cells in columns.items() if {type(cell) for cell in cells} - {type(None)} == {value_type}]


def cast_table(columns: Columns, value_type: type, data_type: pa.DataType) -> pa.Table:
    return make_table(columns, **dict.fromkeys(find_names(columns, value_type), data_type))


def make_table(columns: Columns, **types: pa.DataType) -> pa.Table:
    """types: those of some columns, in place of what Arrow chooses."""
    table = pa.table({name: pa.array(unify_types(cells)) for name, cells in columns.items()})
    for name, data_type in types.items():
        table = table.set_column(table.column_names.index(name), name, table[name].cast(data_type, safe=False))
    return table


def save_parquet(path: Path, table: pa.Table, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, **options)
    return path


def slice_rows(columns: Columns, start: int, end: int | None) -> Columns:
    return {name: cells[start:end] for name, cells in columns.items()}


def split_answer(columns: Columns, answer: str) -> tuple[Columns, Columns]:
    """The inputs, and the answer."""
    inputs = {name: cells for name, cells in columns.items() if name != answer}
    return inputs, {answer: columns[answer]}


def save_captures(
    path: Path,
    columns: Columns,
    encoding: str = "JSON",
    *,
    answer: str = "score",
    rows: int = 1,
    is_base64: bool = False,
) -> Path:
    """rows: of a request."""
    records = []
    for start in range(0, len(columns[answer]), rows):
        halves = {}
        part = slice_rows(columns, start, start + rows)
        for mode, half_columns in zip(("INPUT", "OUTPUT"), split_answer(part, answer), strict=True):
            documents = list_records(half_columns)
            if encoding == "CSV":
                data = format_csv(half_columns, header=False).rstrip("\n")
            else:
                # One row is an object, several are an array
                data = json.dumps(documents if rows > 1 else documents[0])
            half = {"observedContentType": INPUT_TYPES[encoding], "mode": mode, "data": data, "encoding": encoding}
            if is_base64:
                half |= {"data": base64.b64encode(data.encode()).decode(), "encoding": "BASE64"}
            halves[f"endpoint{mode.title()}"] = half
        metadata = {"eventId": f"event-{start}", "inferenceTime": f"2024-03-04T20:{start // 20 % 60:02d}:00Z"}
        records.append({"captureData": halves, "eventMetadata": metadata, "eventVersion": "0"})
    write_bytes(path / "captures.jsonl", format_lines(records))
    return path


def write_comma(number: float | Decimal) -> str:
    return str(number).replace(".", ",")


def write_pandas_csv(path: Path, frame: pd.DataFrame, **options: Any) -> Path:
    frame.to_csv(path, index=False, **options)
    return path


def write_pandas_json(path: Path, columns: Columns, **options: Any) -> Path:
    frame = make_frame(columns).astype({"decimal": float, "day": str})
    frame.to_json(path, orient="records", date_format="iso", **options)
    return path


def write_parts(folder: Path, *parts: str) -> Path:
    """A folder with a file of each part, and with what Spark leaves beside them."""
    for number, part in enumerate(parts):
        write_bytes(folder / f"part-{number}.csv", part)
    write_bytes(folder / "_SUCCESS", "")
    write_bytes(folder / ".part-0.csv.crc", "crc")
    return folder


def write_csv_partitions(folder: Path, columns: Columns) -> Path:
    for country in sorted({*columns["country"]}):
        rows = [row for row, value in enumerate(columns["country"]) if value == country]
        part = {name: [cells[row] for row in rows] for name, cells in columns.items() if name != "country"}
        write_bytes(folder / f"country={country}" / "part-0.csv", format_csv(part))
    return folder


def write_parquet_partitions(folder: Path, columns: Columns, name: str) -> Path:
    pq.write_to_dataset(make_table(columns), folder, partition_cols=[name])
    return folder


def write_table_parts(folder: Path, *tables: pa.Table) -> Path:
    for number, table in enumerate(tables):
        save_parquet(folder / f"part-{number}.parquet", table)
    return write_bytes(folder / "_SUCCESS", "").parent


def round_to_32_bits(value: Cell) -> float | str | None:
    if isinstance(value, float):
        return float(np.float32(value))
    return convert_for_json(value)


def convert_to_float(value: Cell) -> float | str | None:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return float(value)
    return convert_for_json(value)


def convert_to_bit(value: Cell) -> float | str | None:
    if isinstance(value, bool):
        return int(value)
    return convert_for_json(value)


def quote_numbers(value: Cell) -> bool | str | None:
    if value is None or isinstance(value, bool):
        return value
    return PLAIN.write(value)


def convert_to_text(value: Cell) -> str | None:
    if value is None:
        return None
    return PLAIN.write(value)


def add_zone(value: Cell) -> float | str | None:
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    return convert_for_json(value)


TEXTS: Mapping[str, Texts] = {
    "32 bits": Texts(number=lambda number: str(np.float32(number))),
    "32 bits in doubles": Texts(number=lambda number: repr(float(np.float32(number)))),
    "%e": Texts(number=lambda number: f"{number:e}"),
    "%g": Texts(number=lambda number: f"{number:g}"),
    "%.10g": Texts(number=lambda number: f"{number:.10g}"),
    "%.17e": Texts(number=lambda number: f"{number:.17e}"),
    "%.17g": Texts(number=lambda number: f"{number:.17g}"),
    "%.17E": Texts(number=lambda number: f"{number:.17E}"),
    "%.6f": Texts(number=lambda number: f"{number:.6f}"),
    "+": Texts(number=lambda number: f"{number:+}"),
    "integers as fractions": Texts(integer=lambda integer: f"{integer}.0"),
    "blanks before numbers": Texts(integer=lambda integer: f"{integer:5d}", number=lambda number: f" {number!r}"),
    "true": Texts(flag=lambda flag: str(flag).lower()),
    "TRUE": Texts(flag=lambda flag: str(flag).upper()),
    "1 and 0": Texts(flag=lambda flag: str(int(flag))),
    "1.0 and 0.0": Texts(flag=lambda flag: str(float(flag))),
    "T": Texts(time=datetime.isoformat),
    "Z": Texts(time=lambda time: f"{time.isoformat()}Z"),
    "+00:00": Texts(time=lambda time: f"{time}+00:00"),
    "UTC": Texts(time=lambda time: f"{time} UTC"),
    "milliseconds": Texts(time=lambda time: time.isoformat(sep=" ", timespec="milliseconds")),
    "microseconds": Texts(time=lambda time: f"{time.isoformat(timespec='microseconds')}Z"),
    "nanoseconds": Texts(time=lambda time: f"{time}.000000000"),
    "midnight": Texts(day=lambda day: f"{day} 00:00:00"),
}
NAMES: Mapping[str, Callable[[str], str]] = {
    "capitals": str.upper,
    "blanks": lambda name: f" {name} ",
    "quotes": lambda name: f"'{name}'",
    "titles": str.title,
}
COMPRESSIONS: Mapping[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "zst": zstandard.compress,
}
EXCEL = Texts(number=write_comma, decimal=write_comma)
CONVERSIONS: Mapping[str, Conversion] = {
    "numbers as texts": quote_numbers,
    "all as texts": convert_to_text,
    "32 bits": round_to_32_bits,
    "integers as fractions": convert_to_float,
    "1 and 0": convert_to_bit,
    "Z": add_zone,
}
TYPES: Mapping[str, tuple[type, pa.DataType]] = {
    "32 bits": (float, pa.float32()),
    "32 bits for integers": (int, pa.int32()),
    "doubles for integers": (int, pa.float64()),
    "dictionaries": (str, pa.dictionary(pa.int32(), pa.string())),
    "large texts": (str, pa.large_string()),
    "views": (str, pa.string_view()),
    "nanoseconds": (datetime, pa.timestamp("ns")),
    "milliseconds": (datetime, pa.timestamp("ms")),
    "seconds": (datetime, pa.timestamp("s")),
    "UTC": (datetime, pa.timestamp("us", "UTC")),
    "wide decimals": (Decimal, pa.decimal128(38, 10)),
    "doubles for decimals": (Decimal, pa.float64()),
    "times for days": (date, pa.timestamp("us")),
    "64 bits for days": (date, pa.date64()),
    "bits for flags": (bool, pa.int8()),
}
"""The type of a table's columns in place of that of a type of values."""

FORMATS: Mapping[str, str] = {
    "CSV with tabs": '{"csv": {"header": true, "separator": "\\t"}}',
    "CSV with |": '{"csv": {"header": true, "separator": "|"}}',
    "CSV with ; and points": '{"csv": {"header": true, "separator": ";"}}',
}
"""The --dataset-format of forms that aren't recognised."""


def find_format(form: str) -> str | None:
    if form.startswith("captures"):
        return "capture"
    return FORMATS.get(form)


FORMS: dict[str, Writer] = {}


def register_form(name: str) -> Callable[[Writer], Writer]:
    """Decorator that enters a form."""

    def enter(writer: Writer) -> Writer:
        FORMS[name] = writer
        return writer

    return enter


@register_form("CSV")
def write_csv(folder, columns):
    return write_bytes(folder / "a.csv", format_csv(columns))


@register_form("CSV of pandas")
def write_csv_of_pandas(folder, columns):
    return write_pandas_csv(folder / "a.csv", make_frame(columns))


@register_form("CSV of nullable pandas")
def write_csv_of_nullable_pandas(folder, columns):
    return write_pandas_csv(folder / "a.csv", make_frame(columns).convert_dtypes())


@register_form("CSV of pandas with quotes")
def write_csv_of_pandas_with_quotes(folder, columns):
    return write_pandas_csv(folder / "a.csv", make_frame(columns), quoting=csv.QUOTE_NONNUMERIC)


@register_form("CSV with all in quotes")
def write_csv_with_all_in_quotes(folder, columns):
    return write_bytes(folder / "a.csv", format_csv(columns, quoting=csv.QUOTE_ALL))


@register_form("CSV of Spark")
def write_csv_of_spark(folder, columns):
    return write_bytes(folder / "a.csv", format_csv(columns, quoting=csv.QUOTE_ALL, escapechar="\\", doublequote=False))


@register_form("CSV of Excel")
def write_csv_of_excel(folder, columns):
    return write_bytes(folder / "a.csv", format_csv(columns, EXCEL, delimiter=";"))


@register_form("CSV of Excel with sep")
def write_csv_of_excel_with_sep(folder, columns):
    return write_bytes(folder / "a.csv", "\ufeffsep=;\r\n" + format_csv(columns, EXCEL, delimiter=";", end="\r\n"))


@register_form("CSV with ; and points")
def write_csv_with_semicolons_and_points(folder, columns):
    return write_bytes(folder / "a.csv", format_csv(columns, delimiter=";"))


@register_form("CSV with tabs")
def write_csv_with_tabs(folder, columns):
    return write_bytes(folder / "a.csv", format_csv(columns, delimiter="\t"))


@register_form("CSV with |")
def write_csv_with_pipes(folder, columns):
    return write_bytes(folder / "a.csv", format_csv(columns, delimiter="|"))


@register_form("CSV with a byte order mark")
def write_csv_with_a_byte_order_mark(folder, columns):
    return write_bytes(folder / "a.csv", "\ufeff" + format_csv(columns))


@register_form("CSV of Windows")
def write_csv_of_windows(folder, columns):
    return write_bytes(folder / "a.csv", format_csv(columns, end="\r\n"))


@register_form("CSV of an old Mac")
def write_csv_of_an_old_mac(folder, columns):
    return write_bytes(folder / "a.csv", format_csv(columns, end="\r"))


@register_form("CSV without the last line's end")
def write_csv_without_the_last_line_s_end(folder, columns):
    return write_bytes(folder / "a.csv", format_csv(columns).rstrip("\n"))


@register_form("CSV with commas at the end")
def write_csv_with_commas_at_the_end(folder, columns):
    return write_bytes(folder / "a.csv", format_csv(columns).replace("\n", ",\n"))


@register_form("CSV with blank lines")
def write_csv_with_blank_lines(folder, columns):
    return write_bytes(folder / "a.csv", format_csv(columns).replace("\n", "\n\n"))


@register_form("CSV with other columns first")
def write_csv_with_other_columns_first(folder, columns):
    return write_bytes(folder / "a.csv", format_csv(dict(reversed(columns.items()))))


@register_form("CSV beside an empty file")
def write_csv_beside_an_empty_file(folder, columns):
    return write_parts(
        folder / "parts",
        format_csv(slice_rows(columns, 0, FIRST_ROWS)),
        format_csv(slice_rows(columns, FIRST_ROWS, None)),
        "",
    )


@register_form("CSV beside a header line")
def write_csv_beside_a_header_line(folder, columns):
    return write_parts(folder / "parts", format_csv(slice_rows(columns, 0, 0)), format_csv(columns))


@register_form("CSV in folders")
def write_csv_in_folders(folder, columns):
    return write_csv_partitions(folder / "parts", columns)


@register_form("JSON Lines")
def write_json_lines(folder, columns):
    return write_bytes(folder / "a.jsonl", format_lines(list_records(columns)))


@register_form("JSON Lines in .json")
def write_json_lines_in_json_files(folder, columns):
    return write_bytes(folder / "a.json", format_lines(list_records(columns)))


@register_form("JSON Lines without null")
def write_json_lines_without_null(folder, columns):
    return write_bytes(
        folder / "a.jsonl",
        format_lines(
            {name: value for name, value in record.items() if value is not None} for record in list_records(columns)
        ),
    )


@register_form("JSON Lines in UTF-8")
def write_json_lines_in_utf_8(folder, columns):
    return write_bytes(folder / "a.jsonl", "\ufeff" + format_lines(list_records(columns), ensure_ascii=False))


@register_form("JSON Lines of Windows")
def write_json_lines_of_windows(folder, columns):
    return write_bytes(folder / "a.jsonl", format_lines(list_records(columns), "\r\n"))


@register_form("JSON Lines with blank lines")
def write_json_lines_with_blank_lines(folder, columns):
    return write_bytes(folder / "a.jsonl", format_lines(list_records(columns), "\n\n"))


@register_form("JSON Lines with other names first")
def write_json_lines_with_other_names_first(folder, columns):
    return write_bytes(folder / "a.jsonl", format_lines(list_records(dict(reversed(columns.items())))))


@register_form("JSON Lines of pandas")
def write_json_lines_of_pandas(folder, columns):
    return write_pandas_json(folder / "a.jsonl", columns, lines=True)


@register_form("JSON")
def write_json(folder, columns):
    return write_bytes(folder / "a.json", json.dumps(list_records(columns)))


@register_form("JSON with indents")
def write_json_with_indents(folder, columns):
    return write_bytes(folder / "a.json", json.dumps(list_records(columns), indent=2))


@register_form("JSON of pandas")
def write_json_of_pandas(folder, columns):
    return write_pandas_json(folder / "a.json", columns)


@register_form("Parquet")
def write_parquet(folder, columns):
    return save_parquet(folder / "a.parquet", make_table(columns))


@register_form("Parquet of nullable pandas")
def write_parquet_of_nullable_pandas(folder, columns):
    return save_parquet(folder / "a.parquet", pa.Table.from_pandas(make_frame(columns).convert_dtypes()))


@register_form("Parquet of pandas with an index")
def write_parquet_of_pandas_with_an_index(folder, columns):
    return save_parquet(folder / "a.parquet", pa.Table.from_pandas(make_frame(columns).iloc[::-1]))


@register_form("Parquet with 96 bits for times")
def write_parquet_with_96_bits_for_times(folder, columns):
    return save_parquet(folder / "a.parquet", make_table(columns), use_deprecated_int96_timestamps=True)


@register_form("Parquet with texts")
def write_parquet_with_texts(folder, columns):
    return save_parquet(
        folder / "a.parquet", pa.table({name: [*map(convert_to_text, cells)] for name, cells in columns.items()})
    )


@register_form("Parquet with other columns first")
def write_parquet_with_other_columns_first(folder, columns):
    return save_parquet(folder / "a.parquet", make_table(dict(reversed(columns.items()))))


@register_form("Parquet beside an empty part")
def write_parquet_beside_an_empty_part(folder, columns):
    return write_table_parts(folder / "parts", make_table(columns).slice(0, 0), make_table(columns))


@register_form("Parquet with decimals for doubles")
def write_parquet_with_decimals_for_doubles(folder, columns):
    return save_parquet(
        folder / "a.parquet", make_table(columns, amount=pa.decimal128(18, 2), price=pa.decimal128(18, 2))
    )


@register_form("Parquet of two types")
def write_parquet_of_two_types(folder, columns):
    return write_table_parts(
        folder / "parts",
        make_table(columns, items=pa.int32()).slice(0, FIRST_ROWS),
        make_table(columns).slice(FIRST_ROWS),
    )


@register_form("Parquet in folders")
def write_parquet_in_folders(folder, columns):
    return write_parquet_partitions(folder / "parts", columns, "country")


@register_form("Parquet in folders of numbers")
def write_parquet_in_folders_of_numbers(folder, columns):
    return write_parquet_partitions(folder / "parts", columns, "visits")


@register_form("pandas")
def write_pandas(folder, columns):
    return make_frame(columns)


@register_form("nullable pandas")
def write_nullable_pandas(folder, columns):
    return make_frame(columns).convert_dtypes()


@register_form("pandas of Arrow")
def write_pandas_of_arrow(folder, columns):
    return make_table(columns).to_pandas(types_mapper=pd.ArrowDtype)


@register_form("pandas of objects")
def write_pandas_of_objects(folder, columns):
    return make_frame(columns).astype(object)


@register_form("pandas of 32 bits")
def write_pandas_of_32_bits(folder, columns):
    return make_frame(columns).astype(dict.fromkeys(find_names(columns, float), "float32"))


@register_form("pandas with categories")
def write_pandas_with_categories(folder, columns):
    return make_frame(columns).astype(dict.fromkeys(("country", "city", "flag", "items"), "category"))


@register_form("pandas with bits")
def write_pandas_with_bits(folder, columns):
    return make_frame(columns).astype({"flag": int})


@register_form("pandas in UTC")
def write_pandas_in_utc(folder, columns):
    return make_frame(columns).assign(seen=lambda frame: pd.to_datetime(frame.seen, utc=True))


@register_form("pandas from a CSV")
def write_pandas_from_a_csv(folder, columns):
    return pd.read_csv(write_bytes(folder / "a.csv", format_csv(columns)), dtype={"postcode": str})


@register_form("Arrow")
def write_arrow(folder, columns):
    return make_table(columns)


@register_form("batches of Arrow")
def write_batches_of_arrow(folder, columns):
    return make_table(columns).to_reader(100)


@register_form("captures")
def write_captures(folder, columns):
    return save_captures(folder / "captures", columns)


@register_form("captures of several rows")
def write_captures_of_several_rows(folder, columns):
    return save_captures(folder / "captures", columns, rows=4)


@register_form("captures in BASE64")
def write_captures_in_base64(folder, columns):
    return save_captures(folder / "captures", columns, is_base64=True)


# CSV, with values written as other programs write them
for name, texts in TEXTS.items():
    FORMS[f"CSV, {name}"] = lambda folder, columns, texts=texts: write_bytes(
        folder / "a.csv", format_csv(columns, texts)
    )
for name, rename in NAMES.items():
    FORMS[f"CSV with names in {name}"] = lambda folder, columns, rename=rename: write_bytes(
        folder / "a.csv", format_csv(columns, names=[*map(rename, columns)])
    )
# Compressed texts
for ending, compress in COMPRESSIONS.items():
    FORMS[f"CSV in {ending}"] = lambda folder, columns, ending=ending, compress=compress: write_bytes(
        folder / f"a.csv.{ending}", compress(format_csv(columns).encode())
    )
    FORMS[f"JSON Lines in {ending}"] = lambda folder, columns, ending=ending, compress=compress: write_bytes(
        folder / f"a.jsonl.{ending}", compress(format_lines(list_records(columns)).encode())
    )
# JSON, with values of other types
for name, convert in CONVERSIONS.items():
    FORMS[f"JSON Lines, {name}"] = lambda folder, columns, convert=convert: write_bytes(
        folder / "a.jsonl", format_lines(list_records(columns, convert))
    )
# Tables, with columns of other types
for name, types in TYPES.items():
    FORMS[f"Parquet with {name}"] = lambda folder, columns, types=types: save_parquet(
        folder / "a.parquet", cast_table(columns, *types)
    )
    FORMS[f"Arrow with {name}"] = lambda folder, columns, types=types: cast_table(columns, *types)
for compression in ("gzip", "zstd", "lz4", "brotli", "none"):
    FORMS[f"Parquet in {compression}"] = lambda folder, columns, compression=compression: save_parquet(
        folder / "a.parquet", make_table(columns), compression=compression
    )
