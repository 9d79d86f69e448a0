"""`spark-model-monitor run-due`: what it runs when, what it notes, and whom it tells. spark-submit is stood in for."""

import gc
import io
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.faults import identify_ended_process
from tests.servers import http_server
from tests.unit.scheduling.conftest import make_time
from tests.waiting import wait_for

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.errors import BadInput, OutputFailed
from spark_model_monitor.machine import ProcessIdentity, current_machine
from spark_model_monitor.reports.history.baselines import read_attribution_shares
from spark_model_monitor.reports.history.decisions import promote
from spark_model_monitor.reports.outputs.sql_tables import NEW, PendingRun
from spark_model_monitor.running.runtime.status import IN_PASS, ExitStatus
from spark_model_monitor.running.scheduling import job_processes
from spark_model_monitor.running.scheduling.job_processes import KILLED_STATUS, end_idle_processes, run_in_own_process
from spark_model_monitor.running.scheduling.record import schedule_lock
from spark_model_monitor.running.scheduling.schedule_command import Action, Request, run_due
from spark_model_monitor.running.scheduling.schedule_plan import JobCommand
from spark_model_monitor.storage import LocalStorage

SHAP = json.dumps(
    {"explanations": {"kernel_shap": {"label0": {"global_shap_values": {"age": -1, "plan": 3}, "expected_value": 0}}}}
)


TOO_LONG = "Error: stopped after 1:00:00, as --max-runtime says; nothing was published"


def test_the_first_call_runs_the_window_that_is_over(schedule):
    """C10b and C1.5: the run of 22:00 looks at 21:00 to 22:00, in the folder of its own hour."""
    status, printed = schedule.run(make_time(4, 22, 7))

    [job] = schedule.jobs.commands
    assert status == 0
    assert job.command.words[0] == "monitor"
    assert job.flags["--scheduled-time"] == "2024-03-04T22:00:00Z"
    assert job.flags["--start-time-offset"] == "-PT3600S"
    assert job.flags["--end-time-offset"] == "PT0S"
    assert job.flags["--output-path"] == "reports/2024/03/04/22"
    assert job.flags["--dataset-source"] == "captures"
    assert job.command.folder == schedule.folder
    assert " ".join(printed.splitlines()[3].split()) == (
        "2024-03-04T22:00:00Z Completed 2024-03-04T21:00/2024-03-04T22:00 "
        "Completed: Job completed successfully with no violations."
    )


def test_nothing_runs_twice_and_nothing_is_said_of_nothing(schedule):
    schedule.run(make_time(4, 22, 7))

    assert schedule.run(make_time(4, 22, 59)) == (0, "")
    assert schedule.jobs.times == ["2024-03-04T22:00:00Z"]


def test_missed_runs_are_made_up_for_the_oldest_first(schedule):
    schedule.run(make_time(4, 20, 5))
    schedule.run(make_time(4, 23, 5))

    assert [time[11:13] for time in schedule.jobs.times] == ["20", "21", "22", "23"]


def test_more_missed_runs_than_are_made_up_for_are_given_up_with_a_word(schedule, caplog):
    schedule.write(catch_up=2)
    schedule.run(make_time(4, 20, 5))
    schedule.run(make_time(5, 1, 5))

    assert [time[11:13] for time in schedule.jobs.times] == ["20", "00", "01"]
    assert "churn-hourly: 3 past runs are skipped; catch_up is 2" in caplog.text


def test_a_schedule_with_a_start_begins_there(schedule):
    schedule.write(starts="2024-03-04T20:30:00Z")
    schedule.run(make_time(4, 22, 5))

    assert [time[11:13] for time in schedule.jobs.times] == ["21", "22"]


def test_a_delay_is_waited_for(schedule):
    schedule.write(delay="PT10M", starts="2024-03-04T22:00:00Z")

    assert schedule.run(make_time(4, 22, 9)) == (0, "")
    schedule.run(make_time(4, 22, 10))
    assert schedule.jobs.times == ["2024-03-04T22:00:00Z"]


def test_now_runs_once(schedule):
    schedule.write(cron=None, schedule_expression="NOW", window={"start_offset": "-PT5H", "end_offset": "-PT0H"})
    schedule.run(make_time(4, 22, 7))
    schedule.run(make_time(5, 22, 7))

    [job] = schedule.jobs.commands
    assert job.flags["--scheduled-time"] == "2024-03-04T22:07:00Z"
    assert job.flags["--start-time-offset"] == "-PT18000S"


def test_a_stopped_schedule_runs_nothing(schedule):
    schedule.write(status="Stopped")

    assert schedule.run(make_time(4, 22, 7)) == (0, "")
    assert schedule.jobs.commands == []


@pytest.mark.parametrize(
    ("ended", "status", "exit_status"),
    [
        pytest.param(0, "Completed", 0, id="no violations"),
        pytest.param(4, "CompletedWithViolations", 0, id="violations"),
        pytest.param(3, "Failed", 3, id="no data"),
        pytest.param(143, "Pending", 143, id="stopped from outside"),
        pytest.param(KILLED_STATUS, "Pending", 137, id="killed"),
        pytest.param(255, "Failed", 255, id="a failure"),
    ],
)
def test_an_execution_has_the_services_status(schedule, ended, status, exit_status):
    schedule.jobs.statuses = [0, ended]
    schedule.run(make_time(4, 21, 7))

    assert schedule.run(make_time(4, 22, 7))[0] == exit_status
    assert schedule.executions == {"2024-03-04T21:00:00Z": "Completed", "2024-03-04T22:00:00Z": status}


@pytest.mark.parametrize("status", [143, KILLED_STATUS])
@pytest.mark.parametrize(
    ("retries_failed", "hours"),
    [
        pytest.param(True, ["20", "21", "21", "22"], id="the next call repeats it, before later ones"),
        pytest.param(False, ["20", "21", "22"], id="nobody repeats it, so later ones go on"),
    ],
)
def test_later_windows_wait_for_a_run_that_took_too_long_if_it_is_repeated(schedule, status, retries_failed, hours):
    schedule.jobs.statuses = [0, status]
    schedule.jobs.message = TOO_LONG
    schedule.run(make_time(4, 20, 7))
    stopped_time = make_time(4, 22, 7)
    later_time = make_time(4, 22, 17)
    for call_time in (stopped_time, later_time):
        schedule.run(call_time, retry_failed=retries_failed)

    run_hours = [time[11:13] for time in schedule.jobs.times]
    assert run_hours == hours


def test_nothing_is_due_before_there_was_data(schedule):
    schedule.jobs.statuses = [3, 3, 0, 3]

    assert schedule.run(make_time(4, 20, 7)) == (
        0,
        "churn-hourly: no run yet, since there was no data until 2024-03-04T20:00:00Z\n",
    )
    assert schedule.run(make_time(4, 20, 17)) == (0, "")
    assert schedule.run(make_time(4, 21, 7))[0] == 0
    assert schedule.executions == {}
    assert schedule.run(make_time(4, 22, 7))[0] == 0
    assert schedule.run(make_time(4, 23, 7))[0] == 3
    assert schedule.executions == {"2024-03-04T22:00:00Z": "Completed", "2024-03-04T23:00:00Z": "Failed"}
    assert [time[11:13] for time in schedule.jobs.times] == ["20", "21", "22", "23"]


def test_a_schedule_whose_data_never_comes_is_overdue(schedule, caplog):
    schedule.jobs.statuses = [3, 3, 3, 3]
    for hour in (19, 20, 21, 22):
        schedule.run(make_time(4, hour, 7))

    assert "no run has completed since that of 2024-03-04T19:00:00Z" in caplog.text


def test_a_run_at_once_that_finds_no_data_has_failed(schedule):
    schedule.write(cron=None, schedule_expression="NOW", window={"start_offset": "-PT5H", "end_offset": "-PT0H"})
    schedule.jobs.statuses = [3]

    assert schedule.run(make_time(4, 22, 7))[0] == 3
    assert list(schedule.executions.values()) == ["Failed"]


def test_the_jobs_of_a_run_follow_each_other_until_one_fails(schedule):
    schedule.env_file("merge.env", dataset_source="captures", ground_truth_source="labels", output_path="merged")
    monitor = {"job": "monitor", "env_file": "churn.env", "output_folder": "%Y/%m/%d/%H"}
    schedule.write(jobs=[{"job": "merge", "env_file": "merge.env"}, monitor])
    schedule.jobs.statuses = [0, 4, 3]
    schedule.run(make_time(4, 21, 5))
    schedule.run(make_time(4, 22, 5))

    assert [job.command.words[0] for job in schedule.jobs.commands] == ["merge", "monitor", "merge"]
    assert schedule.jobs.commands[0].flags["--output-path"] == "merged"
    assert list(schedule.executions.values()) == ["CompletedWithViolations", "Failed"]


def test_what_failed_runs_again_only_if_asked_for(schedule):
    schedule.jobs.statuses = [255]
    schedule.run(make_time(4, 22, 7))
    schedule.run(make_time(4, 22, 8))
    assert len(schedule.jobs.commands) == 1

    schedule.run(make_time(4, 22, 9), retry_failed=True)
    assert schedule.executions == {"2024-03-04T22:00:00Z": "Completed"}


def test_a_run_that_was_torn_off_runs_again_and_is_given_up_after_three_times(schedule):
    schedule.run(make_time(4, 22, 7))
    for _ in range(3):
        schedule.change_run(status="InProgress", process="a-pod-that-is-gone 1 1")
        schedule.run(make_time(4, 22, 8))

    assert schedule.executions == {"2024-03-04T22:00:00Z": "Failed"}
    assert len(schedule.jobs.commands) == 3


def test_a_job_that_outlived_its_run_due_is_left_alone(schedule):
    schedule.run(make_time(4, 22, 7))
    schedule.change_run(status="InProgress", process=str(current_machine().process()))
    schedule.run(make_time(4, 22, 8))

    assert schedule.executions == {"2024-03-04T22:00:00Z": "InProgress"}
    assert len(schedule.jobs.commands) == 1


def test_later_hours_wait_for_a_job_that_outlived_its_run_due(schedule):
    """They are judged by what it leaves: the history of windows, the alarms that go on."""
    schedule.run(make_time(4, 22, 7))
    schedule.change_run(status="InProgress", process=str(current_machine().process()))
    schedule.run(make_time(4, 23, 7))
    assert schedule.jobs.times == ["2024-03-04T22:00:00Z"]

    schedule.change_run(process=identify_ended_process())
    schedule.run(make_time(4, 23, 8))
    assert schedule.jobs.times == ["2024-03-04T22:00:00Z", "2024-03-04T22:00:00Z", "2024-03-04T23:00:00Z"]


@pytest.mark.parametrize(
    "change",
    [{"number": 0}, {"number": -1}, {"number": 2**70}, {"machine": "another"}, {"machine": ""}, {"start": 1}, None],
)
def test_a_process_that_is_not_the_jobs_keeps_no_run_under_way(schedule, change):
    """As that of a container that started again under the same host name; or one that can't be."""
    schedule.run(make_time(4, 22, 7))
    process = "" if change is None else str(replace(current_machine().process(), **change))
    schedule.change_run(status="InProgress", process=process)
    schedule.run(make_time(4, 22, 8))

    assert schedule.executions == {"2024-03-04T22:00:00Z": "Completed"}
    assert len(schedule.jobs.commands) == 2


@pytest.mark.parametrize("time", ["soon", "", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
@pytest.mark.parametrize("member", ["since", "scheduled_time"])
def test_a_record_with_a_time_that_is_none_is_a_sentence_that_says_what_to_do(schedule, caplog, member, time):
    record = schedule.record
    schedule.run(make_time(4, 22, 7))
    damaged = json.loads(record.read_text())
    (damaged if member == "since" else damaged["executions"][0])[member] = time
    record.write_text(json.dumps(damaged))

    assert schedule.run(make_time(4, 23, 7))[0] == 255
    assert f"{record}: has the time {time!r}; it has to be one such as 2026-01-31T22:00:00Z; restore" in caplog.text
    assert len(schedule.jobs.commands) == 1

    record.unlink()
    assert schedule.run(make_time(4, 23, 7))[0] == 0


@pytest.mark.parametrize("content", ["", "{", "[]", '{"since": 4}', "[" * 100_000, "\xff"], ids=range(6))
def test_a_record_that_is_none_is_a_sentence_and_the_next_call_goes_on(schedule, caplog, content):
    record = schedule.record
    schedule.run(make_time(4, 22, 7))
    record.write_bytes(content.encode("latin-1"))

    assert schedule.run(make_time(4, 22, 8))[0] == 255
    warned = [line for line in caplog.records if line.levelname != "INFO"]
    assert [line.levelname for line in warned] == ["WARNING", "ERROR"]
    assert str(record) in warned[1].message
    assert record.with_name("churn-hourly.executions.json.damaged").read_bytes() == content.encode("latin-1")
    assert len(schedule.jobs.commands) == 1

    assert schedule.run(make_time(4, 23, 7))[0] == 0
    assert schedule.jobs.times[1:] == ["2024-03-04T22:00:00Z", "2024-03-04T23:00:00Z"], "as of a new schedule"


def test_who_only_lists_leaves_a_record_that_is_none_where_it_is(schedule):
    record = schedule.record
    record.write_text("{")

    assert schedule.run(make_time(4, 22, 8), action=Action.LIST)[0] == 255
    assert record.read_text() == "{"


def test_the_message_of_an_earlier_run_is_not_that_of_a_killed_one(schedule):
    def end_without_message(command, note):
        return 255

    schedule.write(jobs=[{"job": "monitor", "env_file": "churn.env"}])  # all hours have one output path
    schedule.run(make_time(4, 20, 5))
    schedule.jobs = end_without_message
    schedule.run(make_time(4, 21, 5))

    record = json.loads(schedule.record.read_text())
    assert {run["exit_message"] for run in record["executions"]} == {
        "Completed: Job completed successfully with no violations.",
        "exit status 255; the job's log says more",
    }


@pytest.mark.parametrize(("call", "error"), [("delete", OutputFailed), ("read", BadInput)])
def test_a_message_that_can_not_be_removed_or_read_fails_the_run_and_a_retry_repeats_it(
    schedule, monkeypatch, call, error
):
    schedule.write(jobs=[{"job": "monitor", "env_file": "churn.env"}])  # all hours have one output path
    without_fault = getattr(LocalStorage, call)

    def fail(storage, path, *further):
        if path.endswith("/message"):
            raise error(f"{path}: Input/output error")
        return without_fault(storage, path, *further)

    schedule.run(make_time(4, 21, 7))
    with monkeypatch.context() as patch:
        patch.setattr(LocalStorage, call, fail)
        assert schedule.run(make_time(4, 22, 7))[0] == error.exit_status
    assert schedule.executions == {"2024-03-04T21:00:00Z": "Completed", "2024-03-04T22:00:00Z": "Failed"}

    assert schedule.run(make_time(4, 22, 8), retry_failed=True)[0] == 0
    executions = json.loads(schedule.record.read_text())["executions"]
    assert executions[1]["exit_message"] == "Completed: Job completed successfully with no violations."


def test_who_may_remove_nothing_runs_where_there_is_no_message_yet(schedule, monkeypatch):
    def raise_error(storage, path):
        raise OutputFailed(f"{path}: Permission denied")

    monkeypatch.setattr(LocalStorage, "delete", raise_error)
    assert schedule.run(make_time(4, 22, 7))[0] == 0
    assert schedule.executions == {"2024-03-04T22:00:00Z": "Completed"}


def test_run_due_that_is_stopped_notes_so(schedule):
    schedule.jobs.statuses = [SystemExit(143)]
    with pytest.raises(SystemExit):
        schedule.run(make_time(4, 22, 7))

    assert schedule.executions == {"2024-03-04T22:00:00Z": "Pending"}
    _, listed = schedule.run(make_time(4, 22, 8), action=Action.LIST)
    assert "Error: run-due was stopped from outside" in listed


def test_one_process_at_a_time_runs_a_schedule(schedule):
    with schedule_lock(schedule.folder, "churn-hourly") as is_valid_name:
        assert is_valid_name
        assert schedule.run(make_time(4, 22, 7)) == (0, "")
    assert schedule.jobs.commands == []

    schedule.run(make_time(4, 22, 8))
    assert len(schedule.jobs.commands) == 1


def test_the_state_may_lie_elsewhere(schedule, tmp_path):
    schedule.run(make_time(4, 22, 7), state=tmp_path / "volume")

    assert (tmp_path / "volume" / "churn-hourly.executions.json").is_file()
    assert not schedule.record.exists()


def test_runs_are_listed_latest_first_as_the_services_api_does(schedule):
    """C10d and C1.6; the members of botocore's MonitoringExecutionSummary."""
    schedule.jobs.statuses = [0, 3]
    schedule.run(make_time(4, 21, 5))
    schedule.run(make_time(4, 22, 5))

    status, printed = schedule.run(make_time(4, 22, 6), action=Action.LIST, as_json=True)
    [latest, first] = json.loads(printed)["MonitoringExecutionSummaries"]
    assert status == 0
    assert (latest["ScheduledTime"], latest["MonitoringExecutionStatus"]) == ("2024-03-04T22:00:00Z", "Failed")
    assert latest["FailureReason"] == latest["ExitMessage"]
    assert (first["MonitoringScheduleName"], first["MonitoringType"]) == ("churn-hourly", "DataQuality")
    assert "FailureReason" not in first


@pytest.mark.parametrize("length", [59, 60, 61, 500])
def test_a_listing_shows_the_beginning_of_a_long_message(schedule, length):
    schedule.jobs.message = "Completed: " + "m" * (length - len("Completed: "))
    _, printed = schedule.run(make_time(4, 22, 7))

    shown = printed.splitlines()[3].partition("2024-03-04T22:00 ")[2].strip()
    assert len(shown) == min(length, 60)
    assert (shown == schedule.jobs.message) == (length <= 60)


def test_a_listing_has_at_most_as_many_runs_as_asked_for(schedule):
    schedule.write(starts="2024-03-04T00:00:00Z")
    schedule.run(make_time(4, 12, 5))
    printed = schedule.run(make_time(4, 12, 6), action=Action.LIST, max_results=3)[1]

    assert [line[11:13] for line in printed.splitlines()[3:]] == ["12", "11", "10"]


def test_secrets_of_an_env_file_are_no_arguments(schedule):
    secret = "webhook:https://hooks.example/T123"
    schedule.write_variables(MODEL_MONITOR_SINK=secret)
    schedule.run(make_time(4, 22, 7))

    [job] = schedule.jobs.commands
    assert "T123" not in " ".join(job.command.words)
    assert job.command.variables["MODEL_MONITOR_SINK"] == secret


def test_options_of_spark_and_the_longest_run_time_are_passed_on(schedule):
    schedule.write(spark_options=["--master", "yarn"], max_runtime_seconds=1800)
    schedule.run(make_time(4, 22, 7))

    [job] = schedule.jobs.commands
    assert job.command.words[:3] == ("--master", "yarn", "monitor")
    assert job.flags["--max-runtime"] == "PT1800S"
    assert job.command.longest_seconds == 1800 + 300


def test_a_schedule_that_cannot_be_run_keeps_none_of_the_others_from_it(schedule, caplog):
    broken = schedule.folder / "broken.json"
    broken.write_text("{}")
    status, _ = schedule.run(make_time(4, 22, 7))
    assert status == 0

    two_schedules = Request((broken, schedule.file))
    status = run_due(two_schedules, io.StringIO(), launch=schedule.jobs, now=lambda: make_time(4, 23, 7))
    assert status == 2
    assert f"{broken}: name is missing" in caplog.text
    assert len(schedule.jobs.commands) == 2


def test_runs_that_do_not_come_are_reported_once_and_again_when_they_are_back(schedule):
    """Overdue: no run in two periods, so of an hourly schedule more than two hours."""
    with http_server(200) as server:
        schedule.write(sinks=f"webhook:{server.url}")
        schedule.jobs.statuses = [0, 255, 255, 255, 255]
        for hour in (10, 11, 12, 13, 14, 15):
            schedule.run(make_time(4, hour, 5))

    messages = [json.loads(body) for _, _, body in server.requests]
    assert [[notice["kind"] for notice in message["notices"]] for message in messages] == [["Overdue"], ["OnTime"]]
    assert messages[0]["text"] == (
        "Overdue: DATA_QUALITY of churn-hourly, no run has completed since that of 2024-03-04T10:00:00Z, which is more than "
        "2 periods ago"
    )
    assert (messages[0]["status"], messages[0]["run_id"], messages[0]["schedule"]) == (None, None, "churn-hourly")


def test_a_dead_cron_is_seen_by_a_check_that_runs_nothing(schedule):
    schedule.run(make_time(4, 10, 5))
    with http_server(200) as server:
        schedule.write(sinks=f"webhook:{server.url}")
        assert schedule.run(make_time(4, 12, 0), action=Action.CHECK)[0] == 0
        assert schedule.run(make_time(4, 12, 1), action=Action.CHECK)[0] == 1
        assert schedule.run(make_time(4, 13, 1), action=Action.CHECK)[0] == 1

    assert len(server.requests) == 1
    assert len(schedule.jobs.commands) == 1


def test_what_could_not_be_distinguished_is_reported_by_the_next_call(schedule):
    schedule.run(make_time(4, 10, 5))
    with http_server(404, 200) as server:
        schedule.write(sinks=f"webhook:{server.url}")
        for minute in (1, 2, 3):
            schedule.run(make_time(4, 13, minute), action=Action.CHECK)

    assert len(server.requests) == 2


SLEEPS = "import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(60)\n"


def sleeping_submission(folder, monkeypatch, program=SLEEPS):
    sleeper = folder / "sleeps"
    sleeper.write_text(f"#!{sys.executable}\n{program}")
    sleeper.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(sleeper))
    return "--master", "local", "monitor"


def sleeping_baseline(folder, monkeypatch):
    (folder / "sleeps.py").write_text(SLEEPS)
    (folder / "data.jsonl").write_text('{"age": 1}\n')
    return ("baseline", "--dataset-source=data.jsonl", "--output-path=out", "--record-preprocessor-script=sleeps.py")


@pytest.mark.parametrize("sleeping", [sleeping_submission, sleeping_baseline])
def test_a_job_is_a_process_that_ends_with_its_run_due(tmp_path, monkeypatch, sleeping):
    notes = []
    words = sleeping(tmp_path, monkeypatch)
    command = JobCommand(words, {}, tmp_path, "out", longest_seconds=2.0)

    assert run_in_own_process(command, lambda **members: notes.append(members)) == KILLED_STATUS
    process_id = int((tmp_path / "pid").read_text())
    assert ProcessIdentity.read(notes[0]["process"]).number == process_id
    assert notes[1]["status"].value == "Stopping"
    assert (tmp_path / "out" / "message").read_text() == "Error: stopped after 0:00:02, as --max-runtime says\n"
    with pytest.raises(ProcessLookupError):
        os.kill(process_id, signal.SIGCONT)


def test_the_driver_of_a_jvm_that_is_stopped_is_told_so_and_awaited(tmp_path, monkeypatch):
    end = "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(open('message', 'w').write('stopped')))\n"
    jvm = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {end + SLEEPS!r}])\n"
    command = JobCommand(sleeping_submission(tmp_path, monkeypatch, jvm), {}, tmp_path, "out")

    def stop_jvm(**members):
        wait_for((tmp_path / "pid").exists, "the driver")
        os.kill(read_number(members), signal.SIGTERM)

    assert run_in_own_process(command, stop_jvm) == -signal.SIGTERM
    assert (tmp_path / "message").read_text() == "stopped"


def test_a_job_forked_off_has_the_status_folder_and_variables_of_its_own(tmp_path):
    (tmp_path / "data.csv").write_text("age\n1\n2\n")
    words = ("baseline", "--dataset-source", "data.csv")
    command = JobCommand(words, {"output_path": "made"}, tmp_path, "made")
    missing = JobCommand(("monitor", "--dataset-source", "none.csv", "--baseline", "made"), {}, tmp_path, "out")

    assert run_in_own_process(command, lambda **members: None) == 0
    assert (tmp_path / "made/constraints.json").is_file()
    assert run_in_own_process(missing, lambda **members: None) == ExitStatus.BAD_CONFIGURATION


def test_jobs_of_a_process_follow_each_other_until_one_fails_or_runs_code_of_others(tmp_path):
    (tmp_path / "data.csv").write_text("age\n1\n2\n")
    (tmp_path / "data.jsonl").write_text('{"age": 1}\n')
    (tmp_path / "theirs.py").write_text("def preprocess_handler(record):\n    return {'age': 1}\n")
    made = JobCommand(("baseline", "--dataset-source", "data.csv"), {"output_path": "made"}, tmp_path, "made")
    elsewhere = replace(made, variables={})  # those of the job before are forgotten
    missing = replace(made, words=("baseline", "--dataset-source=none.csv"))
    script = replace(made, words=("baseline", "--dataset-source=data.jsonl", "--record-preprocessor-script=theirs.py"))
    numbers = []
    statuses = []
    end_idle_processes()  # those that other tests left
    for command in (made, elsewhere, missing, made, script, made):
        statuses.append(run_in_own_process(command, lambda **members: numbers.append(read_number(members))))

    assert statuses == [0, 0, ExitStatus.BAD_CONFIGURATION, 0, 0, 0]
    assert (tmp_path / "data-baseline").is_dir()
    assert [numbers.index(number) for number in numbers] == [0, 0, 0, 3, 3, 5]


def send_process_id(connection):
    connection.send({"process": str(os.getpid())})
    with suppress(EOFError):
        connection.recv()


def test_jobs_share_one_spark_and_get_another_when_it_has_ended(monkeypatch):
    spark = SimpleNamespace(shared_application=send_process_id)
    monkeypatch.setattr(job_processes, "plugin", lambda name: spark)
    application = job_processes._SharedSpark()
    first = application.variables()
    assert application.variables() == first

    os.kill(int(first["process"]), signal.SIGKILL)
    wait_for_end(int(first["process"]))
    assert application.variables() != first


def read_number(members):
    return ProcessIdentity.read(members["process"]).number


def wait_for_end(process_id):
    wait_for(lambda: not Path(f"/proc/{process_id}").exists(), f"the end of process {process_id}")


def test_an_idle_process_that_was_killed_keeps_nobody_from_a_job(tmp_path):
    (tmp_path / "data.csv").write_text("age\n1\n2\n")
    command = JobCommand(("baseline", "--dataset-source", "data.csv"), {"output_path": "made"}, tmp_path, "made")
    numbers = []
    end_idle_processes()  # those that other tests left
    for _ in range(2):
        assert run_in_own_process(command, lambda **members: numbers.append(read_number(members))) == 0
        os.kill(numbers[-1], signal.SIGKILL)
        wait_for_end(numbers[-1])

    assert len(set(numbers)) == 2


def test_a_job_whose_number_was_not_noted_does_not_begin(tmp_path):
    """Its run-due is killed before: whoever runs it again would not wait for it."""
    (tmp_path / "data.csv").write_text("age\n1\n2\n")
    command = JobCommand(("baseline", "--dataset-source", "data.csv"), {"output_path": "made"}, tmp_path, "made")
    numbers = []

    def killed(**members):
        numbers.append(read_number(members))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_in_own_process(command, killed)
    gc.collect()  # a process that is killed has nothing open
    wait_for_end(numbers[0])

    assert not (tmp_path / "made").exists()


def test_a_job_is_reported_the_schedule_that_its_notices_are_of(schedule):
    schedule.run(make_time(4, 22, 7))

    assert schedule.jobs.commands[0].flags["--sagemaker-monitoring-schedule-name"] == "churn-hourly"


def test_an_env_file_that_names_a_schedule_is_right(schedule):
    schedule.write_variables(sagemaker_monitoring_schedule_name="the-service's", sagemaker_endpoint_name="churn")
    schedule.run(make_time(4, 22, 7))

    assert schedule.jobs.commands[0].flags["--sagemaker-monitoring-schedule-name"] == "the-service's"


def test_a_notice_of_runs_that_do_not_come_names_the_model(schedule):
    schedule.write_variables(sagemaker_endpoint_name="churn")
    with http_server(200) as server:
        schedule.write(sinks=f"webhook:{server.url}")
        schedule.jobs.statuses = [255] * 9
        schedule.run(make_time(4, 22, 7))
        schedule.run(make_time(5, 1, 7))

    [(_, _, body)] = server.requests
    assert (json.loads(body)["model"], json.loads(body)["schedule"]) == ("churn", "churn-hourly")


def a_run(output):
    orders = pd.DataFrame({"items": [1.0, 2.0, 3.0] * 20})
    monitor = DataQualityMonitor()
    baseline = run_baseline(orders, monitor, engine="local")
    run_monitoring(orders + 90, monitor, baseline, engine="local").write(output)


def test_the_page_of_all_runs_lies_above_them_after_each_run(schedule):
    schedule.jobs.leaves = a_run
    page = schedule.folder / "reports" / "history.html"
    schedule.run(make_time(4, 21, 7))
    assert not page.exists()
    schedule.run(make_time(4, 22, 7), history=True)
    of_two = page.read_text()
    assert "2024-03-04 21:00" in of_two
    assert "2024-03-04 22:00" in of_two
    schedule.run(make_time(4, 23, 7), history=True)
    assert "2024-03-04 23:00" in page.read_text()


def test_a_page_that_cant_be_written_is_a_warning(schedule, caplog):
    status, _ = schedule.run(make_time(4, 22, 7), history=True)  # whose job leaves a message and no run
    assert status == 255
    assert schedule.executions == {"2024-03-04T22:00:00Z": "Completed"}
    assert "churn-hourly: the history of runs: " in caplog.text


def test_a_clock_that_was_ahead_keeps_no_later_run_back_and_none_from_being_overdue(schedule):
    schedule.run(make_time(4, 22, 7))
    schedule.run(make_time(14, 22, 7))
    schedule.run(make_time(4, 23, 7))

    assert schedule.executions["2024-03-04T23:00:00Z"] == "Completed"
    assert "2024-03-14T22:00:00Z" in schedule.executions
    status, _ = schedule.run(make_time(5, 2, 7), action=Action.CHECK)
    assert status == 1


def explained(schedule, name="churn-shap", model="churn", baseline="shap-baseline"):
    """An explainability schedule beside the other one, and the attributions of its baseline."""
    named = {"sagemaker_endpoint_name": model, "MODEL_MONITOR_BASELINE": baseline}
    schedule.env_file(f"{name}.env", dataset_source="c", dataset_format="capture", output_path="shap", **named)
    explainability = {
        "name": name,
        "monitoring_type": "ModelExplainability",
        "jobs": [{"job": "monitor", "env_file": f"{name}.env"}],
    }
    (schedule.folder / f"{name}.schedule.json").write_text(json.dumps(explainability))
    (schedule.folder / baseline).mkdir()
    (schedule.folder / baseline / "analysis.json").write_text(SHAP)


def test_impact_is_by_the_baseline_of_the_models_explainability_schedule(schedule, caplog):
    caplog.set_level("INFO")
    schedule.write_variables(sagemaker_endpoint_name="churn")
    explained(schedule)
    explained(schedule, "other-shap", model="other", baseline="other-baseline")
    schedule.run(make_time(4, 22, 7))

    assert schedule.jobs.commands[0].flags["--attributions"] == "shap-baseline"
    assert "by shap-baseline, the baseline of churn-shap" in caplog.text


def test_impact_is_by_the_version_of_the_baseline_that_counts(schedule):
    schedule.write_variables(sagemaker_endpoint_name="churn")
    explained(schedule)
    promote(str(schedule.folder / "shap-baseline"), "7", str(schedule.folder / "versions"), make_time(4, 20))
    schedule.env_file("churn-shap.env", sagemaker_endpoint_name="churn", MODEL_MONITOR_BASELINE="versions")
    schedule.run(make_time(4, 22, 7))

    assert schedule.jobs.commands[0].flags["--attributions"] == "versions"
    assert read_attribution_shares(str(schedule.folder / "versions")) == {"age": 0.25, "plan": 0.75}


def test_the_env_files_own_attributions_count(schedule):
    schedule.write_variables(sagemaker_endpoint_name="churn", MODEL_MONITOR_ATTRIBUTIONS="mine.json")
    explained(schedule)
    schedule.run(make_time(4, 22, 7))

    assert schedule.jobs.commands[0].flags["--attributions"] == "mine.json"


def test_attributions_that_are_not_there_or_not_the_only_ones_keep_no_job_from_running(schedule, caplog):
    caplog.set_level("INFO")
    schedule.write_variables(sagemaker_endpoint_name="churn")
    explained(schedule, baseline="gone")
    (schedule.folder / "gone" / "analysis.json").unlink()
    (schedule.folder / "damaged.schedule.json").write_text("{")
    schedule.run(make_time(4, 22, 7))
    explained(schedule, "one")
    explained(schedule, "two", baseline="another-baseline")
    schedule.run(make_time(4, 23, 7))

    assert not any("--attributions" in job.flags for job in schedule.jobs.commands)
    assert "one and two explain churn; write attributions=PATH" in caplog.text


def test_a_clock_that_was_ahead_at_the_first_look_puts_off_no_run(schedule):
    schedule.run(make_time(14, 22, 7))
    schedule.run(make_time(4, 23, 7))

    assert schedule.executions["2024-03-04T23:00:00Z"] == "Completed"


def test_a_schedule_s_kind_is_its_jobs_analysis_unless_their_variables_say_another(schedule):
    schedule.write(monitoring_type="ModelQuality")
    schedule.run(make_time(4, 22, 7))
    schedule.write_variables(sagemaker_endpoint_name="churn", analysis_type="ESTIMATED_QUALITY")
    schedule.run(make_time(4, 23, 7))

    analysis_types = [job.flags["--analysis-type"] for job in schedule.jobs.commands]
    assert analysis_types == ["MODEL_QUALITY", "ESTIMATED_QUALITY"]


def test_a_baseline_of_ours_counts_in_an_imported_file_and_those_of_the_container_don_t(schedule):
    schedule.write_variables(
        sagemaker_endpoint_name="churn",
        baseline_constraints="c.json",
        baseline_statistics="s.json",
        MODEL_MONITOR_BASELINE="churn",
    )
    schedule.run(make_time(4, 22, 7))

    flags = schedule.jobs.commands[0].flags
    assert flags["--baseline"] == "churn"
    assert not {"--baseline-constraints", "--baseline-statistics"} & flags.keys()


def test_only_data_quality_is_reported_what_moves_the_model(schedule):
    schedule.write_variables(sagemaker_endpoint_name="churn")
    explained(schedule)
    schedule.write(monitoring_type="ModelQuality")
    schedule.run(make_time(4, 22, 7))

    assert "--attributions" not in schedule.jobs.commands[0].flags


def test_an_hour_without_captures_starts_no_job_once_a_run_was_whole(schedule):
    schedule.jobs.statuses[:] = [3]
    for hour in (10, 11):
        (schedule.folder / "captures" / "2024" / "03" / "04" / f"{hour}").mkdir(parents=True)
    (schedule.folder / "captures" / "2024" / "03" / "04" / "11" / "a.jsonl").write_text("{}\n")
    for hour in (11, 12, 13, 14):
        schedule.run(make_time(4, hour, 5))

    # Before the first whole run a job is started; that of 14:00 has no captures of its hour or the one after it
    assert schedule.jobs.times == ["2024-03-04T11:00:00Z", "2024-03-04T12:00:00Z"]
    assert schedule.executions["2024-03-04T13:00:00Z"] == "Failed"
    message = (schedule.folder / "reports" / "2024" / "03" / "04" / "14" / "message").read_text()
    assert message == (
        "Error: Job inputs had no data: captures has no file for 2024-03-04T13:00:00+00:00 to 2024-03-04T14:00:00+00:00 "
        "that is neither hidden nor empty\n"
    )


@pytest.mark.parametrize(
    "variables",
    [{"dataset_format": "csv"}, {"dataset_source": "elsewhere"}, {"output_path": "hdfs://namenode/reports"}],
    ids=["no-captures", "no-folder", "elsewhere"],
)
def test_what_only_a_job_can_tell_is_left_to_it(schedule, variables):
    (schedule.folder / "captures" / "2024").mkdir(parents=True)
    schedule.write_variables(**variables)
    for hour in (11, 12):
        schedule.run(make_time(4, hour, 5))

    assert schedule.jobs.times == ["2024-03-04T11:00:00Z", "2024-03-04T12:00:00Z"]


def test_a_pass_adds_the_rows_of_all_its_runs_to_the_tables_at_its_end(schedule):
    waiting = []

    def leave_rows(output):
        start = pa.array([make_time(4, int(output.name)).replace(tzinfo=None)], pa.timestamp("us"))
        rows = {"runs": pa.table({"window_start": start, "violations": pa.array([0], pa.int64())})}
        PendingRun(f"run{output.name}", None, rows).write(str(schedule.folder / "results"))
        waiting.append(len(list((schedule.folder / "results" / NEW).iterdir())))

    schedule.write_variables(MODEL_MONITOR_RESULTS_TABLE="./results")
    schedule.write(starts="2024-03-04T10:00:00Z")
    schedule.jobs.leaves = leave_rows
    schedule.run(make_time(4, 12, 5))

    assert waiting == [1, 2, 3]
    assert [IN_PASS in command.command.variables for command in schedule.jobs.commands] == [True] * 3
    rows = pq.read_table(schedule.folder / "results" / "runs_by_month" / "2024-03.parquet").to_pylist()
    assert [row["run_id"] for row in rows] == ["run10", "run11", "run12"]
    assert list((schedule.folder / "results" / NEW).iterdir()) == []


@pytest.mark.parametrize(
    "variables",
    [
        {"MODEL_MONITOR_RESULTS_TABLE": "quality"},
        {"MODEL_MONITOR_RESULTS_TABLE": "hdfs://namenode/results"},
        {"MODEL_MONITOR_RESULTS_TABLE": "./r", "MODEL_MONITOR_S3_ENCRYPTION": "AES256"},
    ],
    ids=["catalog", "elsewhere", "encrypted"],
)
def test_tables_that_only_a_job_can_write_are_left_to_it(schedule, variables):
    schedule.write_variables(**variables)
    schedule.run(make_time(4, 12, 5))

    [command] = schedule.jobs.commands
    assert IN_PASS not in command.command.variables
