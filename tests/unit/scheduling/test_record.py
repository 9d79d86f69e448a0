"""The record of a schedule's runs."""

from datetime import timedelta

import pytest
from tests.unit.scheduling.conftest import make_time

from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.documents.run_description import format_moment
from spark_model_monitor.documents.schedule import Execution, Executions, ExecutionStatus
from spark_model_monitor.errors import BadDocument
from spark_model_monitor.running.scheduling.record import EARLIER_FILE, MAX_RECENT_RUNS, Record

WINDOW = dict.fromkeys(("start_time", "end_time", "creation_time", "last_modified_time"), "2024-03-04T00:00:00Z")


def read_times(folder):
    return [execution.scheduled_time for execution in Record.read(folder, "churn").executions.executions]


def test_a_run_that_is_forgotten_is_in_no_record_and_others_stay(tmp_path):
    record = Record.read(tmp_path, "churn", lambda: make_time(4, 21))
    executions = [
        record.begin(make_time(4, hour), Window(make_time(4, hour - 1), make_time(4, hour))) for hour in (19, 20, 21)
    ]
    record.forget(executions[1])

    assert read_times(tmp_path) == ["2024-03-04T19:00:00Z", "2024-03-04T21:00:00Z"]


def run_hours(folder, count, status=ExecutionStatus.COMPLETED, first=0):
    """Record so many hourly runs of one status. Returns their times."""
    record = Record.read(folder, "churn", lambda: make_time(4, 21))
    times = [make_time(4, 0) + timedelta(hours=first + number) for number in range(count)]
    for time in times:
        record.put(record.begin(time, Window(time - timedelta(hours=1), time)), status=status)
    return [format_moment(time) for time in times]


def read_all_times(folder):
    return [run.scheduled_time for run in Record.read(folder, "churn").read_all()]


def test_a_record_stays_small_and_no_run_is_lost(tmp_path):
    times = run_hours(tmp_path, 5 * MAX_RECENT_RUNS + 3)

    assert MAX_RECENT_RUNS <= len(read_times(tmp_path)) <= 2 * MAX_RECENT_RUNS
    assert read_all_times(tmp_path) == times
    assert [run.scheduled_time for run in Record.read(tmp_path, "churn").read_latest(100)] == times[:-101:-1]


def test_the_latest_thousand_runs_are_kept(tmp_path):
    record = Record.read(tmp_path, "churn", lambda: make_time(4, 21))
    times = [make_time(4, 0) + timedelta(hours=number) for number in range(1_100)]
    runs = [Execution(scheduled_time=format_moment(time), status=ExecutionStatus.COMPLETED, **WINDOW) for time in times]
    record.executions = record.executions.model_copy(update={"executions": tuple(runs[:-1])})
    record.put(runs[-1])

    assert read_all_times(tmp_path) == [run.scheduled_time for run in runs[-1_000:]]


def test_all_runs_since_the_last_whole_one_stay_in_the_record(tmp_path):
    completed = run_hours(tmp_path, MAX_RECENT_RUNS)
    failed = run_hours(tmp_path, 3 * MAX_RECENT_RUNS, ExecutionStatus.FAILED, first=MAX_RECENT_RUNS)

    assert read_times(tmp_path) == [completed[-1], *failed]
    assert read_all_times(tmp_path) == [*completed, *failed]


def test_a_run_that_stands_in_both_files_after_a_kill_is_one_run_and_that_of_the_record(tmp_path):
    times = run_hours(tmp_path, 2 * MAX_RECENT_RUNS)
    path = tmp_path / f"churn.{Executions.FILE_NAME}"
    before = path.read_bytes().replace(b'"Completed"', b'"CompletedWithViolations"')
    times += run_hours(tmp_path, 1, first=2 * MAX_RECENT_RUNS)
    assert (tmp_path / f"churn.{EARLIER_FILE}").exists()
    path.write_bytes(before)

    assert read_all_times(tmp_path) == times[:-1]
    statuses = {run.status for run in Record.read(tmp_path, "churn").read_all()}
    assert statuses == {ExecutionStatus.COMPLETED_WITH_VIOLATIONS}
    run_hours(tmp_path, 1, first=2 * MAX_RECENT_RUNS)
    assert read_all_times(tmp_path) == times


def test_earlier_runs_that_cannot_be_read_are_put_aside_and_later_ones_are_recorded(tmp_path):
    times = run_hours(tmp_path, 2 * MAX_RECENT_RUNS + 1)
    earlier = tmp_path / f"churn.{EARLIER_FILE}"
    earlier.write_bytes(b"{")
    with pytest.raises(BadDocument, match=r"churn\.earlier-executions\.json"):
        read_all_times(tmp_path)
    more = run_hours(tmp_path, 2 * MAX_RECENT_RUNS, first=2 * MAX_RECENT_RUNS + 1)

    assert (tmp_path / f"churn.{EARLIER_FILE}.damaged").read_bytes() == b"{"
    assert read_all_times(tmp_path) == [*times[MAX_RECENT_RUNS + 1 :], *more]
