"""The record of a schedule's runs."""

from __future__ import annotations

from tests.unit.scheduling.conftest import make_time

from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.running.scheduling.record import Record


def read_times(folder):
    return [execution.scheduled_time for execution in Record.read(folder, "churn").executions.executions]


def test_a_run_that_is_forgotten_is_in_no_record_and_others_stay(tmp_path):
    record = Record.read(tmp_path, "churn", lambda: make_time(4, 21))
    executions = [
        record.begin(make_time(4, hour), Window(make_time(4, hour - 1), make_time(4, hour))) for hour in (19, 20, 21)
    ]
    record.forget(executions[1])

    assert read_times(tmp_path) == ["2024-03-04T19:00:00Z", "2024-03-04T21:00:00Z"]
