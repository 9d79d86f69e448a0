"""Rows at hand as frames: what went in comes out."""

from __future__ import annotations

import pytest

from model_monitor.merging.small_tables import small_table


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([("file:/a%20b/ä'\"\\.jsonl", 2**40, None), ("", -1, 7)], id="names of all kinds"),
        pytest.param([], id="none at all"),
    ],
)
def test_rows_come_out_as_they_went_in(spark, rows):
    frame = small_table(spark, rows, "path: string, hour: bigint, rank: int")

    assert [tuple(row) for row in frame.collect()] == rows
    assert frame.dtypes == [("path", "string"), ("hour", "bigint"), ("rank", "int")]


def test_no_python_worker_reads_them_back(spark):
    plan = small_table(spark, [("a", 1)], "path: string, rank: int")._jdf.queryExecution().executedPlan().toString()

    assert "Scan ExistingRDD" not in plan
