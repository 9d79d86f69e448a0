"""Rows of CSV are what Spark's own parser makes of them, for every short row there is."""

from __future__ import annotations

from itertools import product

import pyspark.sql.functions as F
import pytest

from spark_model_monitor.data.records.csv_rows import split_row

LETTERS = 'a," \\'
LONGEST = 5


@pytest.fixture(scope="module")
def rows_of_spark(spark):
    """`rows_of_spark(rows)` gives for each row the cells of Spark's from_csv with RFC 4180's quotes."""

    def read_by_spark(rows):
        frame = spark.createDataFrame([(row,) for row in rows], "row string").coalesce(1)
        cells = {}
        for columns in range(1, LONGEST + 2):
            names = [f"c{position}" for position in range(columns)]
            schema = ", ".join(f"{name} string" for name in [*names, "bad"])
            options = {"columnNameOfCorruptRecord": "bad", "mode": "PERMISSIVE", "escape": '"'}
            parsed = frame.select("row", F.inline(F.array(F.from_csv("row", schema, options))))
            for row in parsed.where("bad is null").collect():
                cells[row["row"]] = tuple(row[name] for name in names)
        return cells

    return read_by_spark


def test_every_row_of_up_to_five_letters_is_read_as_spark_reads_it(rows_of_spark):
    rows = ["".join(letters) for length in range(1, LONGEST + 1) for letters in product(LETTERS, repeat=length)]
    rows = [row for row in rows if row.count('"') % 2 == 0]  # others are refused: their cell goes on in the next line

    assert {row: split_row(row) for row in rows} == rows_of_spark(rows)
