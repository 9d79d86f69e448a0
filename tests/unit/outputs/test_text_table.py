"""Tables for the terminal: aligned, no wider than asked, and no number that has lost its meaning."""

import math

import pytest

from spark_model_monitor.reports.outputs.printable import format_table


def test_columns_are_as_wide_as_their_content_and_numbers_stand_to_the_right():
    table = format_table(["feature", "mean", "n"], [["age", 41.5, 7], ["a long name", None, 12_345]])

    assert table.splitlines() == [
        "feature      mean      n",
        "-----------  ----  -----",
        "age          41.5      7",
        "a long name     -  12345",
    ]


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        pytest.param(0.0, "0", id="zero"),
        pytest.param(123456, "123456", id="a count keeps its digits"),
        pytest.param(0.91987, "0.9199", id="a share"),
        pytest.param(-12.3456, "-12.35", id="negative"),
        pytest.param(7738.96, "7739.0", id="thousands"),
        pytest.param(1_000_000.0, "1.000e+06", id="large"),
        pytest.param(0.00012, "1.200e-04", id="small"),
        pytest.param(math.nan, "-", id="not computable"),
        pytest.param(math.inf, "inf", id="infinite"),
    ],
)
def test_numbers_are_short_and_keep_four_digits(number, shown):
    assert format_table(["n"], [[number]]).splitlines()[-1].strip() == shown


def test_a_table_that_is_too_wide_shortens_its_first_column_only():
    table = format_table(["feature", "value"], [["x" * 90, "y" * 30]], width=60)

    assert max(map(len, table.splitlines())) == 60
    assert table.splitlines()[-1] == "x" * 27 + "…  " + "y" * 30


def test_a_table_without_rows_is_its_header():
    assert format_table(["feature", "n"], []) == "feature  n\n-------  -\n"
