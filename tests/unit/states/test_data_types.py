"""What cells look like, by Deequ's rules; the same cells go through the JAR in tests/spark."""

import io
import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from spark_model_monitor.statistics.states.data_types import DataType, DataTypeCounts, classify, parse_numbers

# patterns of StatefulDataType of Deequ 2.1.0, read with one's own eyes
CELLS = [
    ("0", DataType.INTEGRAL, 0.0),
    ("-7", DataType.INTEGRAL, -7.0),
    ("+5", DataType.INTEGRAL, 5.0),
    ("- 5", DataType.INTEGRAL, -5.0),
    (" 5", DataType.INTEGRAL, 5.0),
    ("007", DataType.INTEGRAL, 7.0),
    ("9223372036854775808", DataType.INTEGRAL, 9223372036854775808.0),
    ("9" * 400, DataType.INTEGRAL, math.inf),
    ("3.0", DataType.FRACTIONAL, 3.0),
    ("-0.5", DataType.FRACTIONAL, -0.5),
    ("+ 0.25", DataType.FRACTIONAL, 0.25),
    ("1e5", DataType.FRACTIONAL, 100_000.0),
    ("1E-05", DataType.FRACTIONAL, 1e-5),
    ("-2.5e+3", DataType.FRACTIONAL, -2500.0),
    ("-1e400", DataType.FRACTIONAL, -math.inf),
    ("true", DataType.BOOLEAN, None),
    ("false", DataType.BOOLEAN, None),
    ("True", DataType.TEXT, None),
    ("", DataType.TEXT, None),
    ("  5", DataType.OTHER_NUMBER, 5.0),
    ("5 ", DataType.OTHER_NUMBER, 5.0),
    ("5\n", DataType.TEXT, None),
    ("1.", DataType.OTHER_NUMBER, 1.0),
    (".5", DataType.OTHER_NUMBER, 0.5),
    ("1,5", DataType.TEXT, None),
    ("1_000", DataType.TEXT, None),
    ("0x10", DataType.TEXT, None),
    ("NaN", DataType.TEXT, None),
    ("inf", DataType.OTHER_NUMBER, math.inf),
    ("1e", DataType.TEXT, None),
    ("-Infinity", DataType.OTHER_NUMBER, -math.inf),
    ("+.5e-3", DataType.OTHER_NUMBER, 0.0005),
    ("  -2.e1 ", DataType.OTHER_NUMBER, -20.0),
    ("+iNf", DataType.OTHER_NUMBER, math.inf),
    ("int", DataType.TEXT, None),
    ("-info", DataType.TEXT, None),
    ("internal", DataType.TEXT, None),
    (" inf", DataType.TEXT, None),
    ("in", DataType.TEXT, None),
    ("-x", DataType.TEXT, None),
    ("1 2", DataType.TEXT, None),
    ("--1", DataType.TEXT, None),
    ("٣", DataType.TEXT, None),  # a digit, but not to \d
    ("abc", DataType.TEXT, None),
]
TEXTS = [text for text, _, _ in CELLS]


@pytest.mark.parametrize(("text", "kind", "number"), CELLS, ids=[repr(text[:20]) for text in TEXTS])
def test_a_cell_is_classified_and_read(text, kind, number):
    cell = pa.array([text])

    assert classify(cell).tolist() == [kind]
    assert parse_numbers(cell).tolist() == pytest.approx([math.nan if number is None else number], nan_ok=True)


@pytest.mark.parametrize("text", [text for text, _, _ in CELLS if text and "\n" not in text], ids=repr)
def test_a_number_is_what_pandas_or_deequ_takes_for_one(text):
    """pandas reads a column of numbers with this cell. Deequ allows a blank after the sign, and any number of digits."""
    table = f"cell\n{text}\n0.5\n"
    column = pd.read_csv(io.StringIO(table), keep_default_na=False, skip_blank_lines=False)["cell"]
    is_of_deequ = text in ("- 5", "+ 0.25", "9" * 400, "-1e400")

    is_number = classify(pa.array([text]))[0] not in (DataType.TEXT, DataType.BOOLEAN)
    assert is_number == (is_of_deequ or column.dtype == float)
    if column.dtype == float:
        assert parse_numbers(pa.array([text]))[0] == pytest.approx(column[0], rel=1e-15)


def test_cells_in_company_are_what_they_are_alone():
    cells = pa.array([None, *TEXTS, None])

    kinds = classify(cells)

    assert kinds.tolist() == [DataType.MISSING, *(kind for _, kind, _ in CELLS), DataType.MISSING]
    expected = [math.nan, *(math.nan if number is None else number for _, _, number in CELLS), math.nan]
    assert np.array_equal(parse_numbers(cells), expected, equal_nan=True)
    assert np.array_equal(parse_numbers(cells, kinds), expected, equal_nan=True)
    assert np.array_equal(parse_numbers(cells[3:], kinds[3:]), expected[3:], equal_nan=True)


def test_a_cell_among_many_others_is_what_it_is_alone():
    """Of many texts most are told by a few of their letters."""
    ids = [f"{number * 0x9E3779B1 % 2**32:08x}{number:04d}" for number in range(2_000)]
    cells = pa.array([*ids, *TEXTS])
    alone = [classify(pa.array([text]))[0] for text in ids[:300]]

    kinds = classify(cells)

    assert kinds[len(ids) :].tolist() == [kind for _, kind, _ in CELLS]
    assert kinds[:300].tolist() == alone
    assert {DataType.INTEGRAL, DataType.FRACTIONAL, DataType.TEXT} <= {*alone}


@pytest.mark.parametrize(
    "text", ["-.5", "5.", "-5.", "+1.5", "-12.25", "--1.5", "- 1.5", "1.5e3", "x.5", "1.x", "٣.5", "."]
)
def test_a_cell_among_plain_fractions_is_what_it_is_alone(text):
    """Columns of fractions take a faster way than the patterns."""
    cells = pa.array(["9", "0.5", text, "-3.25"])

    for slice_of_cells in (cells, cells[1:], cells[2:]):
        assert classify(slice_of_cells)[-2] == classify(pa.array(["no dot", text]))[-1]
        assert classify(slice_of_cells)[-1] == DataType.FRACTIONAL


def test_without_exponents_scientific_numbers_are_text():
    """Deequ 2.0, which the service runs, does not know them."""
    cells = pa.array(["1e5", "-2.5E-3", "2.5", "2"])

    kinds = classify(cells, accept_exponents=False)

    assert kinds.tolist() == [DataType.TEXT, DataType.TEXT, DataType.FRACTIONAL, DataType.INTEGRAL]
    assert np.isnan(parse_numbers(cells, classify(cells, accept_exponents=False))).tolist() == [
        True,
        True,
        False,
        False,
    ]
    without_digit_before = pa.array([".5", ".5e1"])
    kinds = classify(without_digit_before, accept_exponents=False)
    assert kinds.tolist() == [DataType.OTHER_NUMBER, DataType.TEXT]


@pytest.mark.parametrize("values", [[], [None], [None, None]], ids=len)
def test_columns_without_values(values):
    cells = pa.array(values, pa.string())

    assert classify(cells).tolist() == [DataType.MISSING] * len(values)
    assert np.isnan(parse_numbers(cells)).all()
    assert DataTypeCounts.of(cells) == DataTypeCounts(missing=len(values))


def test_doubles_are_read_to_the_last_bit():
    values = np.random.default_rng(8).normal(size=1000) * np.logspace(-300, 300, 1000)

    assert parse_numbers(pa.array([repr(value) for value in values.tolist()])).tolist() == values.tolist()


def test_counts_of_some_cells():
    cells = pa.array(["1", "2.5", None, "true", ".5", "7", ""])

    counts = DataTypeCounts.of(cells)

    assert counts == DataTypeCounts(missing=1, integral=2, fractional=1, boolean=1, text=2)
    assert (counts.present, counts.total) == (6, 7)


def test_counts_of_distinct_cells_weigh_by_their_occurrences():
    cells = pa.array(["1", "2.5", "x"])

    assert DataTypeCounts.of(cells, np.array([10, 1, 3])) == DataTypeCounts(integral=10, fractional=1, text=3)
    weighed = DataTypeCounts.from_kinds(classify(cells), np.array([10, 1, 3]), missing=4)
    assert weighed == DataTypeCounts(missing=4, integral=10, fractional=1, text=3)


@pytest.mark.parametrize(
    ("counts", "inferred"),
    [
        pytest.param(DataTypeCounts(), "Unknown", id="no rows"),
        pytest.param(DataTypeCounts(missing=9), "Unknown", id="all missing"),
        pytest.param(DataTypeCounts(missing=9, integral=1), "Integral", id="integers and nulls"),
        pytest.param(DataTypeCounts(integral=99, fractional=1), "Fractional", id="one fraction"),
        pytest.param(DataTypeCounts(integral=99, fractional=1, text=1), "String", id="one text"),
        pytest.param(DataTypeCounts(boolean=5), "String", id="booleans"),
        pytest.param(DataTypeCounts(boolean=5, integral=5), "String", id="booleans among integers"),
        pytest.param(DataTypeCounts(unknown=5, missing=1), "Unknown", id="arrays"),
    ],
)
def test_the_inferred_type_is_what_all_present_cells_have_in_common(counts, inferred):
    assert counts.inferred_type() == inferred
