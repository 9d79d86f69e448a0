"""CSV lines: which are records, and why the others are not."""

from __future__ import annotations

import pyarrow as pa
import pytest

from spark_model_monitor.data.reading.csv_lines import CsvLines
from spark_model_monitor.data.records.csv_rows import SPARK_ESCAPE
from spark_model_monitor.data.records.locations import LINE
from spark_model_monitor.data.records.refusals import Refusal, describe_remedy

AGE_AND_PLAN = CsvLines(("age", "plan"), header=True)


def decoded(lines, decoder=AGE_AND_PLAN):
    column = pa.array([line.encode() if isinstance(line, str) else line for line in lines], pa.binary()).view(
        pa.string()
    )
    return decoder.rows(pa.RecordBatch.from_arrays([column], names=[LINE]))


def reasons(*lines, decoder=AGE_AND_PLAN):
    return [Refusal(number) if number else None for number in decoded(lines, decoder).reasons.tolist()]


def test_every_line_is_a_row_in_its_place():
    rows = decoded(["31,basic", "45", '7,"a, b"', ",gold"])

    assert rows.lines.tolist() == [0, 1, 2, 3]
    assert [column.to_pylist() for column in rows.columns] == [["31", None, "7", None], ["basic", None, "a, b", "gold"]]
    assert rows.reasons.tolist() == [0, Refusal.WRONG_NUMBER_OF_CELLS, 0, 0]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param("31", Refusal.WRONG_NUMBER_OF_CELLS, id="a cell less"),
        pytest.param("31,basic,x", Refusal.WRONG_NUMBER_OF_CELLS, id="a cell more"),
        pytest.param("31,Z\xfcrich".encode("latin-1"), Refusal.NOT_UTF_8, id="latin-1"),
        pytest.param(b"31,\xed\xa0\x80", Refusal.NOT_UTF_8, id="half of a surrogate pair"),
        pytest.param('31,"basic', Refusal.UNFINISHED_QUOTE, id="a quote that goes on in the next line"),
        pytest.param('31,5" pipe', Refusal.UNFINISHED_QUOTE, id="one quote within a cell"),
        pytest.param("age,plan", Refusal.REPEATED_HEADER, id="the header again"),
        pytest.param('"age","plan"', Refusal.REPEATED_HEADER, id="the header in quotes"),
        pytest.param("plan,age", Refusal.COLUMNS_IN_ANOTHER_ORDER, id="another order"),
        pytest.param("age,basic", None, id="a name among the values"),
        pytest.param("age,age", None, id="a name twice"),
        pytest.param("31,Zürich", None, id="UTF-8"),
        pytest.param('31,5" by 6"', None, id="two quotes within a cell"),
        pytest.param('31,"say ""so"""', None, id="doubled quotes"),
    ],
)
def test_a_line_has_its_reason_and_its_neighbours_have_none(line, reason):
    assert reasons("1,a", line, "2,b") == [None, reason, None]


def test_without_a_header_a_line_of_names_is_a_record():
    assert reasons("age,plan", decoder=CsvLines(("age", "plan"), header=False)) == [None]


def test_a_column_without_a_name_is_empty_in_the_header_line():
    assert reasons(",plan", "_c0,plan", decoder=CsvLines(("_c0", "plan"), header=True)) == [
        Refusal.REPEATED_HEADER,
        None,
    ]


def test_the_services_escape_leaves_single_quotes_alone():
    assert reasons('31,5" pipe', decoder=CsvLines(("age", "plan"), header=True, escape=SPARK_ESCAPE)) == [None]


def test_no_lines_are_no_rows():
    assert reasons() == []


def test_files_of_another_encoding_are_reported_with_what_to_write():
    assert describe_remedy({Refusal.NOT_UTF_8.text: 20}).startswith("write the files as UTF-8, as iconv")
    assert describe_remedy({Refusal.NO_PAYLOAD.text: 20}) == "correct them"
