"""What programs do to a column on the way: the column, and a function of its cells. Each has to be found, and no other column."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, timezone
from typing import TypeAlias

from tests.unit.data_quality.written_forms import Cell

Cells: TypeAlias = list[Cell]
COUNTRIES = ("DE", "FR", "PL", "ES")


def change_each(change: Callable[..., Cell]) -> Callable[[Cells], Cells]:
    return lambda cells: [None if cell is None else change(cell) for cell in cells]


def change_every(step: int, value: Cell) -> Callable[[Cells], Cells]:
    return lambda cells: [value if row % step == 0 else cell for row, cell in enumerate(cells)]


def fill_missing(value: Cell) -> Callable[[Cells], Cells]:
    return lambda cells: [value if cell is None else cell for cell in cells]


DAMAGES: Mapping[str, tuple[str, Callable[[Cells], Cells]]] = {
    "leading zeros": ("postcode", change_each(lambda text: str(int(text)))),
    "leading zeros of numbers": ("postcode", change_each(int)),
    "cents for euros": ("amount", change_each(lambda number: round(number * 100, 2))),
    "thousands": ("debt", change_each(lambda number: number / 1000)),
    "cents for decimals": ("decimal", change_each(lambda number: number * 100)),
    "percent for shares": ("score", change_each(lambda number: number * 100)),
    "one decimal": ("amount", change_each(lambda number: round(number, 1))),
    "two decimals": ("score", change_each(lambda number: round(number, 2))),
    "no decimals": ("amount", change_each(lambda number: float(int(number)))),
    "no tenths": ("debt", change_each(lambda number: float(int(number)))),
    "units": ("items", change_each(lambda number: f"{number} pcs")),
    "currency": ("amount", change_each(lambda number: f"{number:.2f} EUR")),
    "commas between thousands": ("debt", change_each(lambda number: f"{number * 10:,.1f}")),
    "codes for categories": ("country", change_each(COUNTRIES.index)),
    "lengths for texts": ("city", change_each(lambda text: str(len(text)))),
    "cut codes": ("postcode", change_each(lambda text: text[:3])),
    "cut texts": ("note", change_each(lambda text: text[:8])),
    "day and month in each other's place": ("day", change_each(lambda day: f"{day:%Y-%d-%m}")),
    "days first": ("day", change_each(lambda day: f"{day:%d.%m.%Y}")),
    "no clock": ("seen", change_each(lambda time: time.replace(hour=0, minute=0, second=0))),
    "seconds since 1970": ("seen", change_each(lambda time: int(time.replace(tzinfo=timezone.utc).timestamp()))),
    "milliseconds since 1970": (
        "seen",
        change_each(lambda time: 1000 * int(time.replace(tzinfo=timezone.utc).timestamp())),
    ),
    "another year": ("day", change_each(lambda day: day.replace(year=1970))),
    "a day for none": ("day", change_every(3, date(1900, 1, 1))),
    "the opposite": ("flag", change_each(lambda flag: not flag)),
    "one flag": ("flag", change_each(lambda flag: False)),
    "yes and no": ("flag", change_each(lambda flag: "yes" if flag else "no")),
    "Y and N": ("flag", change_each(lambda flag: "Y" if flag else "N")),
    "UTF-8 read as Latin-1": ("city", change_each(lambda text: text.encode().decode("latin-1"))),
    "question marks": ("city", change_each(lambda text: text.encode("ascii", "replace").decode())),
    "no accents": (
        "city",
        change_each(lambda text: unicodedata.normalize("NFD", text).encode("ascii", "ignore").decode()),
    ),
    "accents apart": ("city", change_each(lambda text: unicodedata.normalize("NFD", text))),
    "small letters": ("country", change_each(str.lower)),
    "a blank behind": ("country", change_each(lambda text: f"{text} ")),
    "another name": ("channel", change_each(lambda text: "mobile" if text == "app" else text)),
    "-1 for missing": ("debt", fill_missing(-1.0)),
    "0 for missing": ("visits", fill_missing(0)),
    "unknown for missing": ("channel", fill_missing("unknown")),
    "null for missing": ("channel", fill_missing("null")),
    "NA for missing": ("visits", fill_missing("NA")),
    "NaN for missing": ("channel", fill_missing("NaN")),
    "#N/A for missing": ("debt", fill_missing("#N/A")),
    "- for missing": ("debt", fill_missing("-")),
    "None for missing": ("visits", fill_missing("None")),
    "NULL for missing": ("debt", fill_missing("NULL")),
    "\\N for missing": ("visits", fill_missing("\\N")),
    "blanks for missing": ("visits", fill_missing(" ")),
    "9999": ("debt", change_every(5, 9999.0)),
    "a third missing": ("amount", change_every(3, None)),
    "all missing": ("country", change_every(1, None)),
    "negative": ("amount", change_each(lambda number: -number)),
    "one cent": ("price", change_each(lambda number: round(number + 0.01, 2))),
    "one value": ("items", change_each(lambda number: 7)),
    "halves": ("items", change_each(lambda number: number + 0.5)),
    "at most 20": ("items", change_each(lambda number: min(number, 20))),
    "JSON for texts": ("note", change_each(lambda text: json.dumps({"text": text}))),
    "HTML for texts": ("note", change_each(lambda text: text.replace('"', "&quot;"))),
    "a list for a number": ("score", change_each(lambda number: f"[{number}]")),
}
