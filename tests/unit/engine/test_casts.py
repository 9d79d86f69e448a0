"""Cells as texts and as doubles, as Java and Spark's casts have them."""

import math
from datetime import date, datetime, timezone
from decimal import Decimal

import pyarrow as pa
import pytest

from spark_model_monitor.data.engine.casts import (
    cast_batch,
    convert_decimals,
    format_texts,
    is_number,
    parse_doubles,
    replace_nan,
)
from spark_model_monitor.data.engine.local_files import File, split_file
from spark_model_monitor.data.engine.local_tables import read_table_schema, split_orc_file
from spark_model_monitor.errors import BadInput, NeedsSpark


@pytest.mark.parametrize(
    ("value", "text"),
    [
        # Double.toString of Java: plain from 0.001 to below ten millions
        *(
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (0.001, "0.001"),
            (0.0009, "9.0E-4"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
        ),
        *(
            (1e300, "1.0E300"),
            (-2.5e-10, "-2.5E-10"),
            (math.nan, "NaN"),
            (math.inf, "Infinity"),
            (-math.inf, "-Infinity"),
        ),
    ],
)
def test_a_double_has_javas_text(value, text):
    assert format_texts(pa.array([value, None])).to_pylist() == [text, None]


@pytest.mark.parametrize(("value", "text"), [(0.1, "0.1"), (1e7, "1.0E7"), (0.001, "0.001"), (3e38, "3.0E38")])
def test_a_float_has_the_digits_of_32_bits(value, text):
    assert format_texts(pa.array([value], pa.float32())).to_pylist() == [text]


@pytest.mark.parametrize(
    ("cells", "text"),
    [
        (pa.array([True, False, None]), ["true", "false", None]),
        (pa.array([7, -1], pa.int16()), ["7", "-1"]),
        (pa.array([Decimal(7), None], pa.decimal128(20, 0)), ["7", None]),
        (pa.array([Decimal("1.5")], pa.decimal128(9, 2)), ["1.50"]),
        (pa.array([date(2026, 3, 4)]), ["2026-03-04"]),
        (pa.array([datetime(2026, 3, 4, 5, 6, 7, 500_000)]), ["2026-03-04 05:06:07.5"]),
        (pa.array([datetime(2026, 3, 4, 5, 6, 10)], pa.timestamp("us")), ["2026-03-04 05:06:10"]),
        (pa.array([datetime(2026, 3, 4, 5, tzinfo=timezone.utc)], pa.timestamp("us", "UTC")), ["2026-03-04 05:00:00"]),
        (pa.array([2_932_897], pa.date32()), ["+10000-01-01"]),  # days since 1970, by Java's LocalDate
    ],
)
def test_other_cells_have_sparks_texts(cells, text):
    assert format_texts(cells).to_pylist() == text


def test_a_type_without_a_text_needs_spark():
    with pytest.raises(NeedsSpark, match=r"a column of time64\[us\], whose texts are wanted, needs Spark"):
        format_texts(pa.array([1], pa.time64("us")))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(
            ("1", 1.0),
            (" \t-2.5e3\n", -2500.0),
            ("1d", 1.0),
            ("2.F", 2.0),
            ("1e5D", 1e5),
            (".5f", 0.5),
            ("inf", math.inf),
        ),
        *(
            ("d", None),
            ("1dd", None),
            ("1_0", None),
            ("\uff11", None),
            ("0x1", None),
            ("", None),
            ("n/a", None),
            ("1e999", math.inf),
        ),
        *(("\xa01", None), ("2g", None), ("infd", None), ("1 d", None)),
    ],
)
def test_a_text_is_the_double_that_java_parses(text, number):
    assert parse_doubles(pa.array([text, None])).to_pylist() == [number, None]


def test_decimals_are_the_nearest_doubles_and_whole_numbers_stay():
    assert parse_doubles(pa.array([Decimal("0.10"), None])).to_pylist() == [0.1, None]
    assert convert_decimals(pa.array([Decimal("12345678901234567890")])).to_pylist() == [12345678901234567890.0]
    assert convert_decimals(pa.array([2**62])).to_pylist() == [2**62]
    assert parse_doubles(pa.array([3], pa.int8())).type == pa.float64()


def test_nan_is_missing_among_numbers_and_nothing_else_is():
    assert replace_nan(pa.array([1.0, math.nan, math.inf, None])).to_pylist() == [1.0, None, math.inf, None]
    assert replace_nan(pa.array(["NaN"])).to_pylist() == ["NaN"]
    assert [is_number(kind) for kind in (pa.int8(), pa.float16(), pa.decimal128(3, 1), pa.string(), pa.bool_())] == [
        *(True, True, True, False, False)
    ]


def test_a_parquet_file_is_cut_into_pieces_that_cover_it_once_and_an_orc_file_is_not():
    file = File("file:/x", 25)

    assert [(piece.start, piece.size_bytes) for piece in split_file(file, 10)] == [
        (0, 10),
        (10, 10),
        (20, 5),
    ]
    assert [(piece.start, piece.size_bytes) for piece in split_orc_file(file, 25)] == [(0, 25)]
    with pytest.raises(NeedsSpark, match="an ORC file of more than 24 bytes"):
        split_orc_file(file, 24)


def test_digits_that_a_wider_type_has_beyond_are_cut_off():
    schema = pa.schema([("c0", pa.timestamp("us"))])
    batch = pa.RecordBatch.from_pydict({"c0": pa.array([1_999], pa.timestamp("ns"))})

    assert cast_batch(batch, schema).column(0).cast(pa.int64()).to_pylist() == [1]


def test_a_file_that_is_no_table_is_named_with_the_first_line_of_what_is_wrong(tmp_path):
    (tmp_path / "x.parquet").write_text("no table")

    with pytest.raises(BadInput, match=r"x\.parquet: can't be read as parquet \([^)\n]*Parquet magic bytes not found"):
        read_table_schema([File(f"file:{tmp_path}/x.parquet", 8)], "parquet")
