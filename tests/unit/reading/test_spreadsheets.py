"""What spreadsheets call CSV where numbers have a decimal comma: recognised where it is certain, and read as the same numbers."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from tests.unit.configuration.test_defaults import monitored, orders  # noqa: F401 - fixtures

from spark_model_monitor import DataQualityMonitor, run_baseline
from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.reading.csv_lines import CsvLines
from spark_model_monitor.data.reading.data_reader import read_data
from spark_model_monitor.data.reading.format_detection import detect_format
from spark_model_monitor.data.reading.formats import CsvFormat, parse_dataset_format
from spark_model_monitor.data.records.locations import LINE
from spark_model_monitor.data.records.refusals import REASON
from spark_model_monitor.errors import BadInput

TEXTS = st.text(st.sampled_from('aZé ;,."€'), max_size=6).filter(lambda text: text.strip() and not text.isdigit())
FRACTIONS = st.floats(-1e9, 1e9, allow_nan=False).map(lambda number: round(number, 3))
GERMAN = CsvFormat(header=True, separator=";", decimal=",")


def detect_format_word(content: str | bytes, name: str = "data.csv") -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return detect_format(LocalEngine(), str(path))


def read_cells(content: str, csv_format: CsvFormat) -> list[list[str | None]]:
    header, *rows = content.splitlines()
    names = tuple(header.split(csv_format.separator))
    lines = CsvLines(names, header=True, separator=csv_format.separator, decimal=csv_format.decimal)
    decoded = lines.rows(pa.RecordBatch.from_pydict({LINE: rows}))
    assert not decoded.reasons.any()
    return [column.to_pylist() for column in decoded.columns]


@given(
    prices=st.lists(FRACTIONS, min_size=2, max_size=8),
    notes=st.lists(TEXTS, min_size=8, max_size=8),
    counts=st.lists(st.integers(-(10**9), 10**9), min_size=8, max_size=8),
)
@example(prices=[1.5, -2.25], notes=['say "x; y"', "a;b", "1,5 and 2", ";", ",", '"', "a,b;c", "é"], counts=[*range(8)])
def test_what_a_spreadsheet_wrote_has_the_cells_of_any_other_csv(prices, notes, counts):
    """pandas writes both files; one as Excel does where numbers have a decimal comma."""
    frame = pd.DataFrame({"Preis": prices, "Notiz": notes[: len(prices)], "Zahl": counts[: len(prices)]})
    german = frame.to_csv(sep=";", decimal=",", index=False, lineterminator="\r\n")

    assert read_cells(german, GERMAN) == read_cells(frame.to_csv(index=False), CsvFormat(header=True))


@settings(max_examples=20)
@given(st.lists(st.lists(TEXTS | FRACTIONS.map(str), min_size=1, max_size=4), min_size=1, max_size=5), st.booleans())
def test_a_csv_whose_first_line_has_a_comma_is_what_it_was(rows, quoted):
    """Whatever its texts hold: semicolons, decimal commas, as many of them in each line."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL).writerows(rows)
    content = text.getvalue()
    assume(len(next(csv.reader([content.splitlines()[0]]))) > 1)

    assert detect_format_word(content) in ("csv", "csv-without-header")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("note\na;b\nc;d\n", id="one column of texts with semicolons"),
        pytest.param("a,b;c\n1,5;2\n3,5;4\n", id="a comma in the first line"),
        pytest.param('"a;b"\n"1;2"\n', id="semicolons in quotes"),
    ],
)
def test_semicolons_that_separate_no_cells_are_letters(content):
    assert detect_format_word(content) == "csv"


@pytest.mark.parametrize(
    "content", ["a;b\n1;2\n1;2;3\n", "a;b\n", "a;b\n1\n"], ids=["a cell more", "no row", "a cell less"]
)
def test_what_is_not_certain_is_asked_for(content):
    with pytest.raises(
        BadInput, match=r"has no comma but ';'.*write --dataset-format '\{\"csv\": .*\"separator\": \";\""
    ):
        detect_format_word(content)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a;b\n1,5;x\n2;y\n", GERMAN),
        ("\ufeffa;b\r\n1,5;x\r\n2;y\r\n", GERMAN),
        ('"Preis, EUR";b\n1,5;"x, y; z"\n', GERMAN),
        ("a;b\n1.5;x\n2,5;y\n", CsvFormat(header=True, separator=";")),  # who knows what 2,5 is
        ("a;b\n1.5;x\n2.5;y\n", CsvFormat(header=True, separator=";")),
        ("a;b\n1;x\n1,234,567;y\n", CsvFormat(header=True, separator=";")),
        ("1,5;x\n2,5;y\n", None),
        ("1;1,5\n2;2,5\n", None),
        ("7;1\n2;2,5\n", CsvFormat(header=False, separator=";", decimal=",")),
    ],
)
def test_a_decimal_comma_is_one_if_no_number_has_a_point(content, expected):
    """None: its first line has a comma, so it is what it always was."""
    parsed_format = parse_dataset_format(detect_format_word(content))

    assert parsed_format == (expected or CsvFormat(header=False))


def test_a_file_that_does_not_say_that_it_is_csv_is_not_taken_for_one():
    with pytest.raises(Exception, match="doesn't show their format"):
        detect_format_word("a;b\n1,5;x\n", name="data")


def test_its_numbers_have_the_statistics_of_numbers_and_the_log_says_how_they_were_read(tmp_path, caplog):
    caplog.set_level("INFO")
    frame = pd.DataFrame({"Stadt": ["Wien", "Graz"] * 10, "Preis": [1.5, 2.25] * 10})
    frame.to_csv(tmp_path / "german.csv", sep=";", decimal=",", index=False, encoding="utf-8-sig")
    frame.to_csv(tmp_path / "plain.csv", index=False)

    files = [run_baseline(str(tmp_path / f"{name}.csv"), DataQualityMonitor()).files() for name in ("german", "plain")]

    assert [files[0][name] == files[1][name] for name in ("statistics.json", "constraints.json")] == [True, True]
    assert "german.csv: ';' separates cells, numbers have a decimal comma" in caplog.text
    assert "plain.csv: '" not in caplog.text


def test_a_window_without_fractions_is_read_as_its_baseline_was(monitored, orders):  # noqa: F811
    Path(orders).write_text("country;items\nDE;3\nFR;4\n")
    text = json.dumps({"csv": {"header": True, "separator": ";", "decimal": ","}})

    sources, config = monitored({"dataset_format": text})

    assert config.dataset_format == GERMAN
    assert f"format: {text}, as the baseline has it" in sources.chosen


def test_a_window_with_another_separator_than_its_baseline_is_read_as_it_is(monitored, orders):  # noqa: F811
    assert monitored({"dataset_format": '{"csv": {"separator": ";"}}'})[1].dataset_format == CsvFormat(header=True)
    Path(orders).write_text("country;items\nDE;3,5\nFR;4,5\n")
    assert monitored({"dataset_format": "csv"})[1].dataset_format == GERMAN


@pytest.mark.parametrize("separator", [";", "\t", "|", ","])
def test_any_separator_can_be_stated(tmp_path, separator):
    frame = pd.DataFrame({"a": [1.5, 2.5], "b": [f"x{separator}y", "1,2,3"]})
    frame.to_csv(tmp_path / "data", sep=separator, decimal=",", index=False)
    text = json.dumps({"csv": {"header": True, "separator": separator, "decimal": ","}})

    with read_data(str(tmp_path / "data"), text, engine="local") as data:
        [batch] = data.table.batches()
        accepted_rows = [row for row in batch.to_pylist() if not row[REASON]]

    assert [(row["c0"], row["c1"]) for row in accepted_rows] == [("1.5", f"x{separator}y"), ("2.5", "1,2,3")]
