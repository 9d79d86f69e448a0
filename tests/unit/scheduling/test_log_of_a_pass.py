"""What a pass logs: a line for each model that had runs, nothing of healthy ones if it is to be quiet, JSON for collectors."""

import json
import logging

import pytest
from tests.running_jobs import restoring_log
from tests.unit.scheduling.conftest import make_time

from spark_model_monitor.running.runtime.logs import JSON_MEMBERS, LOG_VARIABLE, SUMMARY_LOGGER, Detail, LogStyle


@pytest.fixture
def log(capsys):
    """The lines that a body logs in a style."""

    def run(style, body):
        style.start()
        body()
        return capsys.readouterr().err.splitlines()

    with restoring_log():
        yield run


def say():
    logging.getLogger("spark_model_monitor.running.runtime.job").info("scanned")
    logging.getLogger("spark_model_monitor.running.runs.monitoring_run").warning("refused 1 of 20 records")
    logging.getLogger("spark_model_monitor.running.runtime.publishing").warning("webhook: can't be reached\nat all")
    logging.getLogger(SUMMARY_LOGGER).info("churn: the run is Completed", extra={JSON_MEMBERS: {"status": "Completed"}})


@pytest.mark.parametrize(("detail", "num_lines"), [(Detail.STEPS, 5), (Detail.SUMMARY, 3), (Detail.QUIET, 2)])
def test_a_style_leaves_out_what_stands_elsewhere(log, detail, num_lines):
    lines = log(LogStyle(detail), say)

    assert len(lines) == num_lines
    assert lines[-1].endswith("churn: the run is Completed" if detail is not Detail.QUIET else "  at all")
    assert all(line[21:].startswith(("INFO", "WARNING")) or line.startswith("  ") for line in lines)


def test_the_jobs_of_a_schedule_name_it_and_log_like_their_command(log):
    variables = LogStyle(Detail.QUIET).variables("churn, hourly")
    lines = log(LogStyle.read(variables), say)

    assert list(variables) == [LOG_VARIABLE]
    assert lines[0].endswith("WARNING churn, hourly: webhook: can't be reached")


@pytest.mark.parametrize("text", ["", "loud,json,churn", ","])
def test_a_variable_of_others_changes_nothing(text):
    assert LogStyle.read({LOG_VARIABLE: text}) == LogStyle() == LogStyle.read({})


def test_collectors_get_an_object_a_line(log):
    style = LogStyle.read(LogStyle(Detail.SUMMARY, as_json=True).variables("churn"))
    sink, healthy = map(json.loads, log(style, say))

    assert sink["message"] == "webhook: can't be reached\nat all"
    assert (sink["level"], sink["schedule"]) == ("WARNING", "churn")
    assert healthy["status"] == "Completed"
    assert healthy["time"].endswith("Z")


def test_a_pass_has_one_line_of_a_model_however_many_runs_it_had(schedule, caplog):
    caplog.set_level(logging.INFO, SUMMARY_LOGGER)
    schedule.run(make_time(4, 20, 5))
    schedule.run(make_time(4, 20, 6))
    schedule.run(make_time(4, 23, 5))
    lines = [(record.levelname, record.getMessage()) for record in caplog.records if record.name == SUMMARY_LOGGER]

    completed = "Completed: Job completed successfully with no violations."
    assert lines == [
        ("INFO", f"churn-hourly: the run of 2024-03-04T20:00:00Z is {completed}"),
        ("INFO", f"churn-hourly: 3 runs; that of 2024-03-04T23:00:00Z is {completed}"),
    ]


def test_the_line_is_about_the_run_that_failed(schedule, caplog):
    schedule.run(make_time(4, 20, 5))
    schedule.jobs.statuses[:] = [0, 3, 0]
    schedule.run(make_time(4, 23, 5))
    [record] = [record for record in caplog.records if record.name == SUMMARY_LOGGER and record.levelname == "WARNING"]

    assert record.getMessage().startswith("churn-hourly: 3 runs; that of 2024-03-04T22:00:00Z is Failed: ")
    assert getattr(record, JSON_MEMBERS)["scheduled_time"] == "2024-03-04T22:00:00Z"
