"""Files that nobody can read: a function of a folder and columns that writes one, and words that its refusal has to say."""

from __future__ import annotations

import bz2
import gzip
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pandas as pd
import pyarrow as pa
import zstandard
from tests.unit.data_quality.written_forms import (
    Columns,
    Writer,
    format_csv,
    format_lines,
    list_records,
    make_frame,
    make_table,
    save_captures,
    save_parquet,
    slice_rows,
    write_bytes,
)

CapturedRecord: TypeAlias = dict[str, dict[str, dict[str, str]]]


@dataclass(frozen=True)
class Unreadable:
    """words: parts of the sentence, in any case: the file or the column, the place in it, what is wrong or what to write."""

    write: Writer
    words: tuple[str, ...]


def replace_lines(text: str, change: Callable[[str], str]) -> str:
    """The text with all lines but the first one changed."""
    first, *lines = text.splitlines()
    return "\n".join([first, *map(change, lines)]) + "\n"


def write_zip(path: Path, name: str, content: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, content)
    return path


def read_parquet_bytes(folder: Path, columns: Columns) -> bytes:
    return save_parquet(folder / "whole" / "a.parquet", make_table(columns)).read_bytes()


def write_feather(path: Path, columns: Columns) -> Path:
    make_frame(columns).to_feather(path)
    return path


def write_pickle(path: Path, columns: Columns) -> Path:
    make_frame(columns).to_pickle(path)
    return path


def write_two(folder: Path, first: str, second: str) -> Path:
    write_bytes(folder / "parts" / "a.csv", first)
    return write_bytes(folder / "parts" / "b.csv", second).parent


def write_two_tables(folder: Path, first: pa.Table, second: pa.Table) -> Path:
    save_parquet(folder / "parts" / "a.parquet", first)
    return save_parquet(folder / "parts" / "b.parquet", second).parent


def write_oriented(path: Path, columns: Columns, orient: str) -> Path:
    make_frame(columns).astype({"decimal": float, "day": str}).to_json(path, orient=orient)
    return path


def write_records(folder: Path, change: Callable[[CapturedRecord], None], columns: Columns) -> Path:
    """Captures whose records were changed."""
    path = save_captures(folder / "captures", columns) / "captures.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for record in records:
        change(record)
    return write_bytes(path, format_lines(records)).parent


def remove_data(record: CapturedRecord) -> None:
    del record["captureData"]


def set_encoding(record: CapturedRecord) -> None:
    for half in record["captureData"].values():
        half["encoding"] = "XML"


def cut_lines(folder: Path, columns: Columns) -> Path:
    path = save_captures(folder / "captures", columns) / "captures.jsonl"
    return write_bytes(path, "".join(line[:-40] + "\n" for line in path.read_text().splitlines())).parent


def spread_lines(folder: Path, columns: Columns) -> Path:
    path = save_captures(folder / "captures", columns) / "captures.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()[:60]]
    return write_bytes(path, "\n".join(json.dumps(record, indent=1) for record in records)).parent


PAGE = "<!DOCTYPE html>\n<html><head><title>403</title></head>\n<body>Forbidden</body></html>\n"
ERROR = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
)
CSV_TEXTS: Mapping[str, tuple[Callable[[str], str | bytes], tuple[str, ...]]] = {
    "UTF-16": (lambda text: text.encode("utf-16"), ("a.csv", "UTF-16")),
    "Latin-1": (lambda text: text.encode("latin-1"), ("line ", "a.csv", "UTF-8")),
    "NUL bytes": (lambda text: bytes(4000), ("a.csv", "NUL")),
    "a page": (lambda text: PAGE, ("a.csv", "HTML")),
    "an error of S3": (lambda text: ERROR, ("a.csv", "XML")),
    "gzip without its ending": (lambda text: gzip.compress(text.encode()), ("a.csv", ".gz")),
    "zstd without its ending": (lambda text: zstandard.compress(text.encode()), ("a.csv", ".zst")),
    "a cell more": (lambda text: replace_lines(text, lambda line: f"{line},x"), ("line 2", "a.csv", "16, not 15")),
    "a cell fewer": (
        lambda text: replace_lines(text, lambda line: line.rpartition(",")[0]),
        ("line 2", "a.csv", "14, not 15"),
    ),
    "commas without quotes": (lambda text: text.replace('"', ""), ("line 2", "a.csv", "16, not 15")),
    "an open quote": (lambda text: text.replace('""",', '"",'), ("line 2", "a.csv", "quote")),
    "names twice": (lambda text: text.replace("score,amount", "score,score", 1), ("line 1", "a.csv", "score")),
    "no rows": (lambda text: text.partition("\n")[0] + "\n", ("a.csv", "no record")),
    "nothing": (lambda text: "", ("a.csv", "empty")),
}
JSON_TEXTS: Mapping[str, tuple[Callable[[str], str | bytes], tuple[str, ...]]] = {
    "UTF-16": (lambda text: text.encode("utf-16"), ("a.jsonl", "UTF-16")),
    "commas between lines": (lambda text: text.replace("}\n", "},\n"), ("a.jsonl", "first", "comma")),
    "single quotes": (lambda text: text.replace('"', "'"), ("a.jsonl", "first", "single quotes")),
    "names without quotes": (lambda text: '{items: 5, "b": 2}\n' * 300, ("a.jsonl", "first", "without quotes")),
    "arrays": (lambda text: "[1, 2]\n" * 300, ("a.jsonl", "first", "array")),
    "objects in texts": (
        lambda text: format_lines(text.splitlines()),
        ("a.jsonl", "first", "text in quotes"),
    ),
    "a CSV": (lambda text: "a,b\n" + "1,2\n" * 300, ("a.jsonl", "no JSON object")),
}
DOCUMENTS: Mapping[str, tuple[Callable[[str], str], tuple[str, ...]]] = {
    "cut": (lambda text: text[:-200], ("a.json", "character", "cut off")),
    "a comma at the end": (lambda text: f"{text[:-1]},]", ("a.json", "character", "comma")),
    "a comment": (lambda text: f"// export\n{text}", ("a.json", "line 1", "comment")),
    "two arrays": (lambda text: f"{text}\n{text}", ("a.json", "line 2", "another value")),
    "rows in a member": (lambda text: f'{{"records": {text}}}', ("a.json", "records", "each line")),
    "no rows": (lambda text: "[]", ("a.json", "no JSON object")),
}


UNREADABLE: dict[str, Unreadable] = {}


def register_unreadable(name: str, *words: str) -> Callable[[Writer], Writer]:
    """Decorator that enters files with the words of their refusal."""

    def enter(writer: Writer) -> Writer:
        UNREADABLE[name] = Unreadable(writer, words)
        return writer

    return enter


@register_unreadable("a CSV in a zip", "a.csv", "zip")
def write_a_csv_in_a_zip(folder, columns):
    return write_zip(folder / "a.csv", "a.csv", format_csv(columns))


@register_unreadable("a workbook", "a.xlsx", "workbook")
def write_a_workbook(folder, columns):
    return write_zip(folder / "a.xlsx", "xl/workbook.xml", "<a/>")


@register_unreadable("an old workbook", "a.xls", "workbook")
def write_an_old_workbook(folder, columns):
    return write_bytes(folder / "a.xls", b"\xd0\xcf\x11\xe0" + bytes(900))


@register_unreadable("Parquet without its end", "a.parquet", "damaged")
def write_parquet_without_its_end(folder, columns):
    return write_bytes(folder / "a.parquet", read_parquet_bytes(folder, columns)[:-300])


@register_unreadable("Parquet without its beginning", "a.parquet", "damaged")
def write_parquet_without_its_beginning(folder, columns):
    return write_bytes(folder / "a.parquet", read_parquet_bytes(folder, columns)[100:])


@register_unreadable("a CSV called Parquet", "a.parquet", "Parquet")
def write_a_csv_called_parquet(folder, columns):
    return write_bytes(folder / "a.parquet", format_csv(columns))


@register_unreadable("Parquet called CSV", "a.csv", "Parquet")
def write_parquet_called_csv(folder, columns):
    return save_parquet(folder / "a.csv", make_table(columns))


@register_unreadable("JSON called CSV", "a.csv", "JSON")
def write_json_called_csv(folder, columns):
    return write_bytes(folder / "a.csv", format_lines(list_records(columns)))


@register_unreadable("a CSV called JSON", "a.json", "line 1")
def write_a_csv_called_json(folder, columns):
    return write_bytes(folder / "a.json", format_csv(columns))


@register_unreadable("a cut gzip", "a.csv.gz", "cut")
def write_a_cut_gzip(folder, columns):
    return write_bytes(folder / "a.csv.gz", gzip.compress(format_csv(columns).encode())[:-500])


@register_unreadable("no gzip", "a.csv.gz", "gzip")
def write_no_gzip(folder, columns):
    return write_bytes(folder / "a.csv.gz", format_csv(columns))


@register_unreadable("a cut bzip2", "a.csv.bz2", "cut")
def write_a_cut_bzip2(folder, columns):
    return write_bytes(folder / "a.csv.bz2", bz2.compress(format_csv(columns).encode())[:-500])


@register_unreadable("a feather", "a.feather", "Parquet")
def write_a_feather(folder, columns):
    return write_feather(folder / "a.feather", columns)


@register_unreadable("a pickle", "a.pkl", "pickle")
def write_a_pickle(folder, columns):
    return write_pickle(folder / "a.pkl", columns)


@register_unreadable("a database", "a.db", "SQLite")
def write_a_database(folder, columns):
    return write_bytes(folder / "a.db", b"SQLite format 3\0" + bytes(4000))


@register_unreadable("other columns", "b.csv", "city")
def write_other_columns(folder, columns):
    return write_two(
        folder, format_csv(columns), format_csv({name: columns[name] for name in columns if name != "city"})
    )


@register_unreadable("another order", "b.csv", "order")
def write_another_order(folder, columns):
    return write_two(folder, format_csv(columns), format_csv(dict(reversed(columns.items()))))


@register_unreadable("other columns of Parquet", "b.parquet", "city")
def write_other_columns_of_parquet(folder, columns):
    return write_two_tables(folder, make_table(columns), make_table(columns).drop_columns(["city"]))


@register_unreadable("two types", "b.parquet", "items")
def write_two_types(folder, columns):
    return write_two_tables(
        folder, make_table(columns), make_table({**columns, "items": ["many"] * len(columns["items"])})
    )


@register_unreadable("a time of day", "a.parquet", "clock", "time of day")
def write_a_time_of_day(folder, columns):
    return save_parquet(
        folder / "a.parquet", pa.table({"clock": pa.array([1] * 300, pa.time64("us")), "x": [1.0] * 300})
    )


@register_unreadable("no file", "absent.csv")
def write_no_file(folder, columns):
    return folder / "absent.csv"


@register_unreadable("an empty folder", "no file")
def write_an_empty_folder(folder, columns):
    return folder


@register_unreadable("no rows of Parquet", "a.parquet", "no record")
def write_no_rows_of_parquet(folder, columns):
    return save_parquet(folder / "a.parquet", make_table(columns).slice(0, 0))


@register_unreadable("values of several types", "odd", "astype")
def write_values_of_several_types(folder, columns):
    return pd.DataFrame({"odd": [1, "x", 2.5] * 100})


@register_unreadable("one name twice in a frame", "twice")
def write_one_name_twice_in_a_frame(folder, columns):
    return pd.DataFrame([[1, 2]] * 300, columns=["twice", "twice"])


@register_unreadable("numbers for names", "astype(str)")
def write_numbers_for_names(folder, columns):
    return pd.DataFrame([[1, 2]] * 300)


@register_unreadable("names of two levels", "2 levels")
def write_names_of_two_levels(folder, columns):
    return make_frame(columns).pivot_table("amount", "items", ["country", "channel"])


@register_unreadable("no rows of a frame", "no record")
def write_no_rows_of_a_frame(folder, columns):
    return make_frame(slice_rows(columns, 0, 0))


@register_unreadable("captures without data", "line 1", "captures.jsonl", "captureData")
def write_captures_without_data(folder, columns):
    return write_records(folder, remove_data, columns)


@register_unreadable("rows for captures", "line 1", "captures.jsonl", "captureData")
def write_rows_for_captures(folder, columns):
    return write_bytes(folder / "captures" / "captures.jsonl", format_lines(list_records(columns))).parent


@register_unreadable("another encoding of captures", "line 1", "captures.jsonl", "XML")
def write_another_encoding_of_captures(folder, columns):
    return write_records(folder, set_encoding, columns)


register_unreadable("cut captures", "line 1", "captures.jsonl", "cut off")(cut_lines)


register_unreadable("captures over several lines", "line 1", "captures.jsonl", "several lines")(spread_lines)


# Tables as pandas writes them, but for records
for orient in ("split", "columns", "index", "values", "table"):
    UNREADABLE[f"orient={orient}"] = Unreadable(
        lambda folder, columns, orient=orient: write_oriented(folder / "a.json", columns, orient),
        ("a.json", "records"),
    )
# Texts that aren't CSV, JSON Lines or JSON any more
for name, (change, words) in CSV_TEXTS.items():
    UNREADABLE[f"CSV: {name}"] = Unreadable(
        lambda folder, columns, change=change: write_bytes(folder / "a.csv", change(format_csv(columns))), words
    )
for name, (change, words) in JSON_TEXTS.items():
    UNREADABLE[f"JSON Lines: {name}"] = Unreadable(
        lambda folder, columns, change=change: write_bytes(
            folder / "a.jsonl", change(format_lines(list_records(columns)))
        ),
        words,
    )
for name, (change_document, words) in DOCUMENTS.items():
    UNREADABLE[f"JSON: {name}"] = Unreadable(
        lambda folder, columns, change=change_document: write_bytes(
            folder / "a.json", change(json.dumps(list_records(columns)))
        ),
        words,
    )
