"""Once a run is published, its alert is sent, and whichever other output fails keeps none of the others."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.faults import Disk, Fault, Killed, end_the_process, watched
from tests.s3 import traffic
from tests.servers import http_server

from jobs import monitor as monitor_job
from spark_model_monitor.documents.run_description import RunDescription
from spark_model_monitor.errors import OutputFailed
from spark_model_monitor.reports.history.baselines import create_reference_to_run, read_run_baseline
from spark_model_monitor.reports.history.history_file import read_history
from spark_model_monitor.reports.history.maintenance import rebuild_history
from spark_model_monitor.reports.outputs.run_files import (
    DESCRIPTION,
    find_output_path,
    note_unfinished,
    read_baseline_reference,
    read_current_run,
    read_run_file,
    set_current_run,
)
from spark_model_monitor.reports.outputs.sql_tables import DAMAGED, NEW
from spark_model_monitor.reports.sinks import Environment
from spark_model_monitor.running.configuration.command_line import write_flag
from spark_model_monitor.running.replay import replay_command
from spark_model_monitor.running.scheduling.schedule_command import Request, run_due
from spark_model_monitor.serverless import RunFailed, handle
from spark_model_monitor.storage import LocalStorage, holding

from .local_jobs import LocalJobs, list_warnings

OUT = "out/2026/01/31/23"
"""Where the run of the hour is published."""

OUTPUTS = {
    "results_table": "results",
    "publish_cloudwatch_metrics": f"{OUT}/metrics",
    "junit": "junit/today.xml",
}
"""The outputs that are files, and where they lie."""

NUMBERS = "numbers/run.prom"  # of a sink
NOW = traffic.START + timedelta(hours=1, minutes=5)


class Run:
    """An hour with a violation, and what one run of it is to send and to write. sent: the alerts, one for each message."""

    def __init__(self, folder, server):
        self.jobs = LocalJobs(folder)
        self.folder = folder
        self.server = server
        for name, content in traffic.objects().items():
            self.jobs.write(name, content)
        self.jobs.run("baseline", *traffic.baseline_flags(".", "baseline"))
        (folder / "junit").mkdir()
        (folder / "numbers").mkdir()
        self.variables = {
            "dataset_source": "captures/churn/AllTraffic",
            "dataset_format": "capture",
            "baseline": "baseline",
            "sink": f"prometheus:{NUMBERS},webhook:{server.url}",
            "results_table": "./results",
            "junit": OUTPUTS["junit"],
            "publish_cloudwatch_metrics": "Enabled",
            "engine": "local",
        }
        self.flags = [write_flag(name, text) for name, text in self.variables.items()]

    def monitor(self, *flags, status=4, **variables):
        words = [*self.flags, "--output-path", OUT, *traffic.WINDOW, "--fail-on-violations", *flags]
        return self.jobs.run("monitor", *words, status=status, **variables)

    def write_schedule(self):
        self.jobs.write(
            "churn.schedule.json",
            {
                "name": "churn",
                "monitoring_type": "DataQuality",
                "cron": "0 * * * *",
                "starts": "2026-01-31T23:00:00Z",
                "jobs": [
                    {
                        "job": "monitor",
                        "output_folder": "%Y/%m/%d/%H",
                        "variables": {**self.variables, "output_path": "out"},
                    }
                ],
            },
        )
        return self.folder / "churn.schedule.json"

    def call_run_due(self, now):
        request = Request((self.write_schedule(),), retry_failed=True)
        return run_due(request, io.StringIO(), launch=launch_here, now=lambda: now, environment=Environment({}))

    @property
    def sent(self):
        return len(self.server.requests)

    @property
    def described(self):
        """run.json of the run, whose files are those that its commit names."""
        run = read_current_run(str(self.folder / OUT))
        for name, digest in run.digests.items():
            assert sha256((self.folder / OUT / name).read_bytes()).hexdigest() == digest, name
        return self.jobs.read(f"{OUT}/run.json")

    @property
    def message(self):
        return (self.folder / OUT / "message").read_text()

    def read_tree(self, *but):
        """The bytes of all that a run leaves, without names that begin with one of these."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        names = {path.relative_to(self.folder).as_posix(): path for path in files}
        return {name: path.read_bytes() for name, path in names.items() if not name.startswith((*but, NUMBERS))}


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with http_server(200) as server:
        yield Run(tmp_path, server)


CHANGED = (f"{OUT}/run.json", f"{OUT}/_current.json", f"{OUT}/message")
"""The files of a run that say that an output failed."""


@pytest.mark.parametrize("option", OUTPUTS)
def test_an_output_that_fails_keeps_neither_the_alert_nor_another_output(run, option, tmp_path):
    path = tmp_path / OUTPUTS[option]
    # A file stands where the output has to make a folder
    if option == "junit":
        path = path.parent
        path.rmdir()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("in the way")
    # All else is as without the fault
    log_text = run.monitor(status=255)
    after_the_fault = run.read_tree(*CHANGED, path.relative_to(tmp_path).as_posix())

    assert run.sent == 1
    assert (tmp_path / NUMBERS).exists()
    assert list(run.described["outputs"]) == [option]
    assert any(line.startswith(f"{option} failed: ") for line in list_warnings(log_text))
    assert run.message.startswith(f"Error: published without {option}; CompletedWithViolations: ")

    # A run without the fault leaves the bytes of one that never had it, and nobody hears of it again
    path.unlink()
    if option == "junit":
        path.mkdir()
    run.monitor()
    rerun_files = run.read_tree()
    assert run.sent == 1
    assert "outputs" not in run.described
    other_files = {name: content for name, content in rerun_files.items() if name in after_the_fault}
    assert other_files == after_the_fault
    shutil.rmtree(tmp_path / "out")
    shutil.rmtree(tmp_path / "results")
    run.monitor()
    assert run.read_tree() == rerun_files


def test_a_required_sink_keeps_nothing_else_and_a_retry_reaches_it(run, tmp_path):
    with http_server(404, 200) as away:
        run.variables |= {"sink": f"webhook:{away.url},webhook:{run.server.url}", "sink_required": "true"}
        assert run.call_run_due(NOW) == 255
        assert read_execution(run)["status"] == "Failed"
        assert run.message.startswith("Error: the sink webhook was not notified: 127.0.0.1 answered 404")
        assert run.message.endswith("; the documents of the run are in place\n")
        assert list(run.described["outputs"]) == ["alerts"]
        assert run.call_run_due(NOW + timedelta(minutes=1)) == 0
        assert len(away.requests) == 2

    assert run.sent == 1
    assert read_execution(run)["status"] == "CompletedWithViolations"
    assert all((tmp_path / path).exists() for path in OUTPUTS.values())


@pytest.mark.parametrize(
    ("function", "failed_outputs"),
    [("publishing.write_alerts", ["alerts"]), ("publishing.write_history", ["history"]), ("status.write_message", [])],
)
def test_a_file_of_the_next_windows_or_of_run_due_keeps_nothing_else_and_a_retry_writes_it(
    run, tmp_path, monkeypatch, function, failed_outputs
):
    def raise_error(*words):
        raise OutputFailed("can't be written (Input/output error)")

    # All else is there
    with monkeypatch.context() as patch:
        patch.setattr(f"spark_model_monitor.running.runtime.{function}", raise_error)
        assert run.call_run_due(NOW) == 255
    assert read_execution(run)["status"] == "Failed"
    ends = ("; the documents of the run are in place", "the job's log says more")
    assert read_execution(run)["exit_message"].endswith(ends[function == "status.write_message"])
    assert run.sent == 1
    assert list(run.described.get("outputs", ())) == failed_outputs
    assert all((tmp_path / path).exists() for path in OUTPUTS.values())

    # The retry leaves what a run without the fault does
    assert run.call_run_due(NOW + timedelta(minutes=1)) == 0
    assert read_execution(run)["status"] == "CompletedWithViolations"
    assert run.message.startswith("CompletedWithViolations: ")
    assert "outputs" not in run.described
    assert [window["violations"] for window in run.jobs.read("out/_alerts.json")["windows"]] == [1]
    assert len(read_history(OUT).entries) == 1


def test_a_summary_that_can_not_be_printed_keeps_nothing_else(run, monkeypatch):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stdout", Full())
    run.monitor(status=255, GITHUB_ACTIONS="true")

    assert run.sent == 1
    assert list(run.described["outputs"]) == ["stdout"]


def test_series_of_numbers_wait_for_the_message(run, tmp_path):
    file_exists = []

    def answer(handler):
        file_exists.append((tmp_path / NUMBERS).exists())
        handler.send_response(200)
        handler.end_headers()

    run.server.answers = (answer,)
    run.monitor()

    assert file_exists == [False]
    assert (tmp_path / NUMBERS).exists()


def test_a_script_that_fails_comes_after_all_outputs(run, tmp_path):
    (tmp_path / "after.py").write_text("def postprocess_handler():\n    raise ValueError\n")
    (tmp_path / "results").write_text("in the way")
    run.monitor("--post-analytics-processor-script", "after.py", status=1)

    assert run.sent == 1
    assert list(run.described["outputs"]) == ["results_table"]
    assert (tmp_path / OUTPUTS["junit"]).exists()


@pytest.mark.parametrize(
    "foreign",
    [
        pytest.param(lambda path: path.write_bytes(b"PAR1" + b"x" * 90), id="half"),
        pytest.param(lambda path: path.write_bytes(b""), id="empty"),
        pytest.param(lambda path: path.write_text("a,b\n1,2\n"), id="csv"),
        pytest.param(lambda path: pq.write_table(pa.table({"a": [1]}), path), id="another table"),
        pytest.param(
            lambda path: pq.write_table(pa.table({"run_id": [1], "superseded": [None], "runs": [[{"a": 1}]]}), path),
            id="nearly ours",
        ),
    ],
)
def test_a_foreign_file_in_a_table_is_set_aside_by_name(run, tmp_path, foreign):
    path = tmp_path / "results" / NEW / "theirs.parquet"
    path.parent.mkdir(parents=True)
    foreign(path)
    content = path.read_bytes()
    log_text = run.monitor()

    assert run.sent == 1
    assert (tmp_path / "results" / DAMAGED / "theirs.parquet").read_bytes() == content
    assert list(path.parent.iterdir()) == []
    assert any("theirs.parquet" in line and DAMAGED in line for line in list_warnings(log_text))
    assert pq.read_table(tmp_path / "results" / "runs_by_month").num_rows == 1


def test_what_is_no_file_in_a_table_keeps_no_row_waiting(run, tmp_path):
    new = tmp_path / "results" / NEW
    (new / "folder").mkdir(parents=True)
    os.mkfifo(new / "pipe.parquet")
    (new / "link.parquet").symlink_to("nowhere")
    (new / ".hidden.parquet").write_text("theirs")
    run.monitor()

    assert pq.read_table(tmp_path / "results" / "runs_by_month").num_rows == 1
    assert len(list(new.iterdir())) == 4


def leave_moved(folder):
    """What a kill leaves while a run in place is replaced by the same run. Returns the run, where it lies then."""
    published = read_current_run(folder)
    moved = replace(published, folder=f"{folder}/_runs/{published.run_id}")
    for name in moved.digests:
        LocalStorage().copy(f"{folder}/{name}", f"{moved.folder}/{name}")
    with holding(LocalStorage(), folder):
        note_unfinished(published, folder)
        set_current_run(moved, folder)
    return moved


def test_what_was_recorded_of_a_run_that_a_kill_left_moved_is_found_after_its_rerun(run, tmp_path):
    run.monitor()
    moved = leave_moved(OUT)
    later = replace(moved, folder="later")
    rebuild_history("out")
    reference = create_reference_to_run(OUT)
    description = RunDescription.from_json(read_run_file(moved, DESCRIPTION), DESCRIPTION)
    run.jobs.write("later/run.json", description.model_copy(update={"baseline": reference}).to_json())
    run.monitor()

    assert not [*(tmp_path / OUT / "_runs").iterdir()]
    [window] = read_history(OUT).entries
    assert (tmp_path / "out" / window.folder / "states" / "profile.parquet").exists()
    named = read_baseline_reference(later)
    assert find_output_path(named.folder) == named.folder
    assert read_run_baseline(named.folder).names == read_run_baseline(OUT).names
    assert read_run_file(moved, "statistics.json") == (tmp_path / OUT / "statistics.json").read_bytes()


def test_a_baseline_writes_each_output_by_itself(run, tmp_path):
    (tmp_path / "results").write_text("in the way")
    flags = (
        *traffic.baseline_flags(".", "other"),
        "--results-table",
        "./results",
        "--suggest-expectations",
        "rules.json",
    )
    run.jobs.run("baseline", *flags, status=255)

    described = run.jobs.read("other/run.json")
    current = read_current_run(str(tmp_path / "other"))
    assert list(described["outputs"]) == ["results_table"]
    # The run's own folder never changes
    published = tmp_path / "other" / "_runs" / current.run_id / "run.json"
    assert sha256(published.read_bytes()).hexdigest() == current.digests["run.json"]
    assert {**json.loads(published.read_bytes()), "outputs": described["outputs"]} == described
    assert (tmp_path / "rules.json").exists()
    assert (
        (tmp_path / "other" / "message").read_text().startswith("Error: published without results_table; Completed: ")
    )


def test_a_merge_says_in_its_ledger_which_output_failed(run, tmp_path):
    (tmp_path / "merged").mkdir()
    (tmp_path / "merged" / "metrics").write_text("in the way")
    flags = (*traffic.merge_flags(".", "merged"), "--set", "publish_cloudwatch_metrics=Enabled")
    run.jobs.run("merge", *flags, status=255)

    assert list(run.jobs.read("merged/ledger.json")["outputs"]) == ["publish_cloudwatch_metrics"]
    (tmp_path / "merged" / "metrics").unlink()
    run.jobs.run("merge", *flags)
    assert "outputs" not in run.jobs.read("merged/ledger.json")


def launch_here(command, note):
    """Stands for the process of a job."""
    note(process_id=os.getpid())
    before = dict(os.environ)
    os.environ.update(command.variables)
    try:
        return monitor_job.main(list(command.words[1:]))
    finally:
        os.environ.clear()
        os.environ.update(before)


def read_execution(run):
    [execution] = run.jobs.read("churn.executions.json")["executions"]
    return execution


def test_a_window_whose_output_failed_is_done_and_run_due_says_so(run, tmp_path):
    (tmp_path / "junit").rmdir()
    (tmp_path / "junit").write_text("in the way")

    assert run.call_run_due(NOW) == 255
    execution = read_execution(run)
    assert execution["status"] == "CompletedWithViolations"
    assert execution["outputs"] == ["junit"]
    assert run.sent == 1
    assert pq.read_table(tmp_path / "results" / "runs_by_month").num_rows == 1
    assert run.call_run_due(NOW + timedelta(minutes=1)) == 0
    assert read_execution(run) == execution


def test_a_function_service_hears_of_an_output_that_failed(run, tmp_path):
    schedule = run.write_schedule()
    (tmp_path / "results").write_text("in the way")
    with pytest.raises(RunFailed, match="churn: Error: published without results_table; CompletedWithViolations"):
        handle({}, schedule, tmp_path, now=lambda: NOW)

    assert run.sent == 1
    assert read_execution(run)["status"] == "CompletedWithViolations"
    assert handle({}, schedule, tmp_path, now=lambda: NOW) == {"runs": []}


def test_a_backfill_goes_on_with_the_next_window_and_has_a_page(run, tmp_path):
    (tmp_path / "results").write_text("in the way")
    words = [
        "captures/churn/AllTraffic",
        *(flag for flag in run.flags if "dataset-source" not in flag),
        "--output-path",
        "out",
    ]
    status, has_runs = replay_command.backfill(replay_command.read_backfill(words), io.StringIO())

    assert (status, has_runs) == (255, True)
    assert run.sent == 1
    assert list(run.described["outputs"]) == ["results_table"]


@pytest.mark.parametrize("path", ["index.html", "taken/index.html"])
def test_the_page_of_a_fleet_keeps_no_message(run, tmp_path, path):
    """A folder stands where the page has to be, or a file where its folder has to be."""
    members = {"cron": "0 * * * *", "starts": "2026-01-31T23:00:00Z"}
    churn = {**members, "name": "churn", "variables": {**run.variables, "output_path": "out"}}
    run.jobs.write("shop.fleet.json", {"sinks": f"webhook:{run.server.url}/all", "entries": [churn]})
    (tmp_path / "index.html").mkdir()
    (tmp_path / "taken").write_text("in the way")
    request = Request((tmp_path / "shop.fleet.json",), page=tmp_path / path)
    status = run_due(request, io.StringIO(), launch=launch_here, now=lambda: NOW, environment=Environment({}))

    assert status == 255
    assert sorted(path for path, _, _ in run.server.requests) == ["/", "/all"]


def test_a_month_that_can_not_be_read_keeps_no_alert_of_a_pass_and_its_rows_wait(run, tmp_path):
    schedule = run.write_schedule()
    month = tmp_path / "results" / "runs_by_month" / "2026-01.parquet"
    month.parent.mkdir(parents=True)
    month.write_bytes(b"theirs")

    def call():
        return run_due(Request((schedule,)), io.StringIO(), launch=launch_here, now=lambda: NOW)

    assert call() == 255
    assert run.sent == 1
    assert read_execution(run)["status"] == "CompletedWithViolations"
    month.unlink()
    assert call() == 0
    assert pq.read_table(month).num_rows == 1


def keep_files(folder, tmp_path_factory):
    """A function that brings back all files as they are now, with their times, which the ledger names."""
    before = tmp_path_factory.mktemp("before")
    shutil.copytree(folder, before, dirs_exist_ok=True)

    def restore():
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(before, folder, dirs_exist_ok=True)

    return restore


@pytest.mark.nightly
@pytest.mark.long
@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.FULL])
def test_a_fault_at_any_call_after_the_commit_keeps_no_alert(run, tmp_path, tmp_path_factory, fault):
    restore = keep_files(tmp_path, tmp_path_factory)
    words = [*run.flags, "--output-path", OUT, *traffic.WINDOW, "--fail-on-violations"]
    with watched(Disk(str(tmp_path))) as disk:
        assert monitor_job.main(words) == 4
    quiet = run.read_tree()
    calls = disk.calls
    commit = max(index for index, call in enumerate(calls) if call.startswith(f"os.rename {OUT}/._current.json"))
    assert len(calls) - commit > 30
    for index in range(commit + 1, len(calls)):
        restore()
        run.server.requests.clear()
        with watched(Disk(str(tmp_path), fault, index)):
            status = monitor_job.main(words)
        assert run.sent == 1, calls[index]
        assert status in (4, 255), calls[index]
        files = run.read_tree()
        # One call is of one output: the others are there
        missing = [name for name, path in OUTPUTS.items() if not any(file.startswith(path) for file in files)]
        if missing:
            assert status == 255, calls[index]
        if fault is Fault.ERROR:
            # Rows of a table that could not be compacted wait there
            failed_outputs = run.described.get("outputs", {})
            assert set(missing) <= set(failed_outputs), calls[index]
            assert status == 255 or not failed_outputs, calls[index]
        assert monitor_job.main(words) == 4
        assert run.read_tree() == quiet, calls[index]


@pytest.mark.nightly
@pytest.mark.long
def test_a_run_without_an_output_that_is_killed_at_any_call_after_the_commit_is_whole(run, tmp_path, tmp_path_factory):
    words = [*run.flags, "--output-path", OUT, *traffic.WINDOW, "--fail-on-violations"]
    restore = keep_files(tmp_path, tmp_path_factory)
    assert monitor_job.main(words) == 4
    quiet = run.read_tree()
    restore()
    (tmp_path / "results").write_text("in the way")
    restore = keep_files(tmp_path, tmp_path_factory)
    with watched(Disk(str(tmp_path))) as disk:
        assert monitor_job.main(words) == 255
    calls = disk.calls
    commit = next(index for index, call in enumerate(calls) if call.startswith(f"os.rename {OUT}/._current.json"))
    for index in range(commit + 1, len(calls)):
        restore()
        with watched(Disk(str(tmp_path), Fault.KILL, index)) as disk, suppress(Killed):
            monitor_job.main(words)
        assert disk.is_dead
        end_the_process(tmp_path)
        current = read_current_run(str(tmp_path / OUT))
        for name, digest in current.digests.items():
            content = (tmp_path / current.folder / name).read_bytes()
            assert sha256(content).hexdigest() == digest, f"{name} after {calls[index]}"
        (tmp_path / "results").unlink()
        assert monitor_job.main(words) == 4
        # No lease is on the folders of files that a person names
        assert run.read_tree("junit/.", "numbers/.") == quiet, calls[index]
