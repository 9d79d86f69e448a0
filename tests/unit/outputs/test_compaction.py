"""The folder of `--results-table`: wherever a compaction is killed, no row is lost or there twice, and the order is no matter."""

from __future__ import annotations

import itertools
import os
import shutil
from collections import Counter
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.faults import Disk, Fault, Killed, end_the_process, watched

from spark_model_monitor.errors import BadInput, OutputFailed
from spark_model_monitor.reports.outputs.sql_tables import NEW, PendingRun, compact

RUNS = {
    "a1": ("2026-03-30T10:00:00Z", 2, None),
    "b2": ("2026-03-31T23:00:00Z", 0, None),
    "c3": ("2026-03-31T10:00:00Z", 1, None),
    "d4": ("2026-03-31T10:00:00Z", 1, "c3"),
    "e5": ("2026-04-01T00:00:00Z", 3, None),
}
"""Runs of result tables: the start of the window of each, its violations, and the run that it replaces."""

EXPECTED = {("a1", 2), ("b2", 0), ("d4", 1), ("e5", 3)}
"""c3 was replaced by d4; the ids with the violations of each."""


def write_pending(folder, run_id, superseded=None):
    """Let the rows of one of those runs wait to be added to the tables of a folder."""
    start, violations, replaced = RUNS[run_id]
    time = datetime.strptime(start, "%Y-%m-%dT%H:%M:%SZ")
    starts = pa.array([time], pa.timestamp("us"))
    violated = {
        "window_start": pa.repeat(starts[0], violations),
        "check": pa.array([f"check_{number}" for number in range(violations)], pa.string()),
    }
    rows = {
        "runs": pa.table({"window_start": starts, "violations": pa.array([violations], pa.int64())}),
        "violations": pa.table(violated),
    }
    PendingRun(run_id, superseded or replaced, rows).write(str(folder))


def read_table(folder):
    files = sorted(folder.glob("*.parquet"))
    if not files:
        return []
    return pa.concat_tables([pq.read_table(file) for file in files]).to_pylist()


def count_rows(folder):
    """The runs that a reader sees, each with its violations: those of the run's own row and those there are."""
    violations = Counter(row["run_id"] for row in read_table(folder / "violations_by_month"))
    rows = [(row["run_id"], row["violations"]) for row in read_table(folder / "runs_by_month")]
    runs = dict(rows)
    assert len(rows) == len(runs), "a run is there twice"
    # The tables are written one after the other: of a window that is replaced, the violations may be the new run's already
    if runs.get("c3") and violations["d4"]:
        assert "c3" not in violations
        runs["d4"] = runs.pop("c3")
    for run_id, count in runs.items():
        assert violations[run_id] == count, run_id
    return set(rows)


def read_tree(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    """A folder of tables with two runs, and three that wait; the same when they were added; and the calls that did it."""
    top = tmp_path_factory.mktemp("compaction")
    before = top / "before" / "results"
    write_pending(before, "a1")
    write_pending(before, "c3")
    compact(str(before))
    for name in ("b2", "d4", "e5"):
        write_pending(before, name)
    work = top / "work"
    shutil.copytree(top / "before", work)
    with watched(Disk(str(work))) as disk:
        compact(str(work / "results"))
    return top, read_tree(work / "results"), disk.calls


def test_what_waits_is_seen_only_when_it_is_added(trial):
    top, after, _ = trial
    assert count_rows(top / "before" / "results") == {("a1", 2), ("c3", 1)}
    assert count_rows(top / "work" / "results") == EXPECTED
    tables = ("runs_by_month", "violations_by_month")
    assert sorted(after) == [f"{table}/{month}.parquet" for table in tables for month in ("2026-03", "2026-04")]


@pytest.mark.parametrize("fault", Fault)
def test_a_compaction_that_ends_at_any_call_loses_nothing_and_doubles_nothing(trial, tmp_path, fault):
    top, after, calls = trial
    points = [index for index, call in enumerate(calls) if fault is not Fault.TORN or call.startswith("os.rename ")]
    assert len(points) >= 5
    for index in points:
        work = tmp_path / str(index)
        shutil.copytree(top / "before", work)
        with watched(Disk(str(work), fault, index)), suppress(Killed, OutputFailed, BadInput):
            compact(str(work / "results"))
        visible_runs = count_rows(work / "results")
        # A run is there, or it waits, or, once d4 is there, c3 is not
        waiting = {path.stem for path in (work / "results" / NEW).glob("*.parquet")}
        assert visible_runs <= {*EXPECTED, ("c3", 1)}, calls[index]
        assert not {("c3", 1), ("d4", 1)} <= visible_runs, calls[index]
        assert {run_id for run_id, _ in EXPECTED} <= {run_id for run_id, _ in visible_runs} | waiting, calls[index]
        end_the_process(work)
        compact(str(work / "results"))
        assert read_tree(work / "results") == after, calls[index]


def test_runs_added_in_any_order_and_any_number_of_steps_are_the_same_bytes(trial, tmp_path):
    _, after, _ = trial
    for number, names in enumerate(itertools.permutations(["a1", "b2", "d4", "e5"])):
        folder = tmp_path / str(number)
        write_pending(folder, "c3")
        for name in names:
            write_pending(folder, name)
            if number % 2:
                compact(str(folder))
        compact(str(folder))
        assert read_tree(folder) == after


def test_a_run_that_comes_back_takes_the_place_of_the_one_that_replaced_it(tmp_path):
    write_pending(tmp_path, "c3")
    write_pending(tmp_path, "d4")
    write_pending(tmp_path, "c3", superseded="d4")
    os.utime(tmp_path / NEW / "d4.parquet", (1, 1))
    compact(str(tmp_path))
    assert count_rows(tmp_path) == {("c3", 1)}


def test_a_draft_of_a_killed_job_goes_after_an_hour(tmp_path):
    write_pending(tmp_path, "a1")
    drafts = [tmp_path / NEW / f".a1.parquet.{digit * 12}4{digit * 3}8{digit * 15}" for digit in "ab"]
    for draft in drafts:
        draft.write_bytes(b"PAR1")
    os.utime(drafts[0], (1, 1))
    compact(str(tmp_path))
    assert [draft.exists() for draft in drafts] == [False, True]
    assert count_rows(tmp_path) == {("a1", 2)}


def test_a_file_that_is_no_table_is_named_and_nothing_that_waits_is_lost(tmp_path):
    write_pending(tmp_path, "a1")
    month = tmp_path / "runs_by_month" / "2026-03.parquet"
    month.parent.mkdir()
    month.write_bytes(b"run_id,model\n")
    with pytest.raises(BadInput, match=r"runs_by_month/2026-03\.parquet: is no Parquet file .*; move it away"):
        compact(str(tmp_path))
    month.unlink()
    compact(str(tmp_path))
    assert count_rows(tmp_path) == {("a1", 2)}


def test_a_folder_without_tables_is_left_alone(tmp_path: Path):
    compact(str(tmp_path / "nothing"))
    assert list(tmp_path.iterdir()) == []
