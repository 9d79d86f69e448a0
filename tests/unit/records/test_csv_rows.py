"""Rows of CSV: by hand, and Arrow's way against one row after the other. Spark's parser is asked in tests/spark."""

from __future__ import annotations

import csv
import io

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_model_monitor.data.records.csv_rows import SPARK_ESCAPE, parse_rows, split_row

ESCAPES = st.sampled_from(['"', "\\"])
SEPARATORS = st.sampled_from([",", ";", "\t"])
ROWS = st.lists(st.text(alphabet='a,"\\ é\0', max_size=8), max_size=20)


def cells(rows, columns, **options):
    parsed = parse_rows(pa.array(rows, pa.string()), columns, **options)
    return list(zip(*(column.to_pylist() for column in parsed.columns), strict=True)), parsed.widths.tolist()


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param("1,x,2.5", ("1", "x", "2.5"), id="plain"),
        pytest.param(",,", (None, None, None), id="nothing but commas"),
        pytest.param('"a, b","",c', ("a, b", None, "c"), id="quoted"),
        pytest.param('"say ""so""",x,y', ('say "so"', "x", "y"), id="doubled quotes"),
        pytest.param('5" pipe,x,6"', ('5" pipe', "x", '6"'), id="quotes within a cell"),
        pytest.param('"a"  ,x,y', ("a", "x", "y"), id="blanks behind a quoted cell"),
        pytest.param('"a"b,x,"y"', ('"a"b', "x", "y"), id="letters behind a quoted cell"),
        pytest.param(" a , b,c ", (" a ", " b", "c "), id="blanks are kept"),
        pytest.param("a\tb,x\0,y", ("a\tb", "x\0", "y"), id="control characters"),
    ],
)
def test_the_cells_of_a_row(row, expected):
    assert split_row(row) == expected
    assert cells([row, "1,2,3"], 3) == ([expected, ("1", "2", "3")], [3, 3])


def test_the_services_escape_stands_before_a_quote():
    row = '"say \\"so\\"","x",a\\b'

    assert cells([row], 3, escape=SPARK_ESCAPE) == ([('say "so"', "x", "a\\b")], [3])


def test_rows_with_another_number_of_cells_are_counted_and_leave_the_others_in_place():
    rows = ["1,2", "3", "4,5,6", '"7,8",9', '"a"b', "x,y"]

    assert cells(rows, 2) == (
        [("1", "2"), (None, None), (None, None), ("7,8", "9"), (None, None), ("x", "y")],
        [2, 1, 3, 2, 1, 2],
    )


def test_no_rows_have_no_cells():
    assert cells([], 2) == ([], [])


@given(rows=ROWS, columns=st.integers(1, 3), escape=ESCAPES, separator=SEPARATORS)
def test_all_rows_together_are_what_each_is_alone(rows, columns, escape, separator):
    rows = [row.replace(",", separator) for row in rows]
    alone = [split_row(row, escape, separator) for row in rows]
    nothing = (None,) * columns

    assert cells(rows, columns, escape=escape, separator=separator) == (
        [row_cells if len(row_cells) == columns else nothing for row_cells in alone],
        [len(row_cells) for row_cells in alone],
    )


@given(table=st.lists(st.tuples(*[st.text(alphabet='a,"\\ é', max_size=6)] * 3), min_size=1, max_size=9))
def test_what_pythons_csv_writes_is_read(table):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(table)
    rows = text.getvalue().removesuffix("\n").split("\n")

    assert cells(rows, 3)[0] == [tuple(cell or None for cell in row) for row in table]
