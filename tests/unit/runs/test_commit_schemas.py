"""Commits of a table whose columns differ: the baseline has the columns that most of them have."""

import os

import deltalake
import pyarrow.parquet as pq
import pytest

from .test_commits import AT_FIRST, DAY, find_violated, make_commits, run_monitor


@pytest.mark.parametrize("kind", ["delta", "parquet"])
@pytest.mark.parametrize("gone", [1, 3])
def test_the_commits_with_a_new_schema_are_in_alert_and_not_all_the_others(kind, gone, tmp_path):
    """A column is dropped in the last of 12 commits: the schema of most of them is the baseline's."""
    table = tmp_path / "sales" / "orders"
    reports = tmp_path / "out"
    tables = make_commits(5, 12, {}, rows=200)
    for number, rows in enumerate(tables):
        if number >= 12 - gone:
            rows = rows.drop_columns(["discount"])
        if kind == "delta":
            deltalake.write_deltalake(table, rows, mode="append", schema_mode="merge")
            continue
        file = table / f"day={number}" / "part.parquet"
        file.parent.mkdir(parents=True)
        pq.write_table(rows, file)
        os.utime(file, (AT_FIRST + number * DAY,) * 2)

    run_monitor(f"{kind}.`{table}`", reports)

    assert sorted(find_violated(reports)) == list(range(12 - gone, 12))
