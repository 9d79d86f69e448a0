"""A run without Spark: whatever happens inside, one line in the message file and an exit status."""

import logging
import os
import signal

import pytest

from spark_model_monitor.errors import NoData
from spark_model_monitor.running.runtime.job import Job, started
from spark_model_monitor.running.runtime.status import ExitStatus, completed


@pytest.fixture(autouse=True)
def own_logging(monkeypatch):
    """Leaves pytest's log handlers alone."""
    monkeypatch.setattr("spark_model_monitor.running.runtime.job.start_logging", lambda flags: None)
    logging.getLogger("spark_model_monitor").setLevel(logging.INFO)


@pytest.fixture
def run(tmp_path):
    """`run(body)` is a baselining run of `body`; gives its exit status and its message."""

    def running(body, *more):
        flags = ["--dataset-source", "in", "--dataset-format", "csv", "--output-path", str(tmp_path), *more]
        with Job("baseline", [*flags, "--set", f"container_root={tmp_path}"], {}) as job:
            body(job)
        return job.exit_status, (tmp_path / "message").read_text()

    return running


def test_a_run_that_finishes(run):
    assert run(lambda job: job.finish(completed(2))) == (
        0,
        "CompletedWithViolations: Job completed successfully with 2 violations.\n",
    )


def test_a_run_that_raises_an_error_on_purpose_logs_no_trace(run, caplog):
    def body(job):
        raise NoData("Job inputs had no data")

    assert run(body) == (3, "Error: Job inputs had no data\n")
    assert not any(record.exc_info for record in caplog.records)


def test_a_run_with_a_defect_logs_its_trace_once(run, caplog):
    def body(job):
        job.finish(completed())
        raise ZeroDivisionError

    status, message = run(body)

    assert status == 255
    assert message.startswith("Error: unexpected ZeroDivisionError at test_job.py, line ")
    assert caplog.text.count("Traceback (most recent call last):") == 1
    assert f'File "{__file__}", line ' in caplog.text


def test_a_trace_has_no_value_unless_it_is_asked_for(run, caplog):
    def body(job):
        float("Jane Doe")

    run(body)
    assert "ValueError" in caplog.text
    assert "Jane" not in caplog.text

    run(body, "--set=log_values=yes")
    assert "could not convert string to float: 'Jane Doe'" in caplog.text


def test_the_message_of_the_run_before_goes_when_a_run_begins(run, tmp_path):
    """A run that is killed by SIGKILL says nothing: there has to be no message then."""
    messages = []
    run(lambda job: job.finish(completed()))
    run(lambda job: messages.append(list(tmp_path.rglob("message"))))

    assert messages == [[]]


def test_a_run_with_violations_that_fail_it_has_not_failed_in_the_log(run, caplog):
    caplog.set_level("INFO")

    assert run(lambda job: job.finish(completed(3), ExitStatus.VIOLATIONS))[0] == 4
    assert "CompletedWithViolations: Job completed successfully with 3 violations. (exit status 4, " in caplog.text
    assert "failed" not in caplog.text


def test_a_run_that_says_nothing_has_failed(run):
    assert run(lambda job: None) == (255, "Error: the job ended without saying what came of it\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_terminated_leaves_a_message(run, number):
    def body(job):
        os.kill(os.getpid(), number)
        signal.pause()

    # What nohup has started ignores a terminal that hangs up
    handler = signal.signal(number, signal.SIG_DFL)
    try:
        assert run(body) == (143, "Error: stopped from outside (SIGTERM)\n")
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, handler)


def test_a_run_that_takes_too_long_is_stopped_even_where_what_it_did_caught_errors(run):
    def body(job):
        assert job.config.max_runtime is not None
        try:
            signal.pause()
        except Exception:
            job.finish(completed())
        finally:
            raise ConnectionError("torn off while it was cleared away")

    assert run(body, "--max-runtime", "PT0.2S") == (
        143,
        "Error: stopped after 0:00:00.200000, as --max-runtime says; nothing was published\n",
    )


def test_a_run_that_publishes_is_not_stopped_any_more(run):
    def body(job):
        assert job.config.max_runtime is not None
        job.lift_time_limit()
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
        job.finish(completed())

    assert run(body, "--max-runtime", "PT1H")[0] == 0


def test_a_wrong_configuration_ends_the_run_with_all_faults_in_one_line(tmp_path):
    flags = ["--dataset-format", "csv", "--output-path", str(tmp_path), "--max-domain-size", "x"]
    with Job("baseline", [*flags, "--set", f"container_root={tmp_path}"], {}) as job:
        job.finish(str(job.config))

    assert job.exit_status == 2
    assert (tmp_path / "message").read_text() == (
        "Error: --max-domain-size is 'x'; it has to be a whole number above 0; "
        "dataset_source is missing; write --dataset-source PATH, or set the variable dataset_source\n"
    )


def test_a_message_that_can_not_be_written_is_a_failure(tmp_path):
    (tmp_path / "file").touch()
    flags = ["--output-path", str(tmp_path / "file"), "--set", f"container_root={tmp_path}"]
    with Job("baseline", flags, {}) as job:
        job.finish(completed())

    assert job.exit_status == 255


def test_variables_without_effect_are_reported_in_one_line(tmp_path, caplog):
    flags = ["--dataset-source", "in", "--dataset-format", "csv", "--output-path", str(tmp_path)]
    with Job("baseline", flags, {"start_time": "2021-05-06T22:00:00Z", "HOME": "/root"}) as job:
        job.finish(job.config.output_path)

    assert caplog.messages[0] == "without effect on this job: variable start_time"


def test_help_starts_no_run(capsys):
    with pytest.raises(SystemExit) as caught:
        started("baseline", ["--help"], {})

    assert caught.value.code == 0
    assert "--dataset-source" in capsys.readouterr().out


def run_refused(folder, *flags):
    with Job("monitor", [*flags, "--set", f"container_root={folder}"], {}) as job:
        job.finish(str(job.config))
    return job.exit_status


@pytest.mark.parametrize(
    ("output_path", "more"),
    [("data", ()), ("data/reports", ()), ("data", ("--no-such-flag",)), ("baseline", ()), ("labels/merged", ())],
)
def test_a_run_whose_output_path_is_refused_leaves_everything_as_it_was(tmp_path, monkeypatch, output_path, more):
    """A message in the data would be a record of the next run; one at the baseline would replace the baseline's."""
    monkeypatch.chdir(tmp_path)
    for folder in ("data", "baseline", "labels"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.csv").write_text("a\n1\n")
        (tmp_path / folder / "message").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    flags = ["--dataset-source", "data", "--ground-truth-source", "labels", "--dataset-format", "csv"]
    flags += ["--baseline", "baseline"]
    flags += ["--output-path", output_path]
    flags += more

    assert run_refused(tmp_path, *flags) == 2
    assert sorted(tmp_path.rglob("*")) == before
    messages = {path.read_text() for path in tmp_path.rglob("message")}
    assert messages == {"mine"}


def test_a_container_has_the_message_of_a_refused_output_where_it_always_is(tmp_path):
    (tmp_path / "opt/ml/output").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    data = str(tmp_path / "data")
    flags = ["--dataset-source", data, "--dataset-format", "csv"]

    assert run_refused(tmp_path, *flags, "--output-path", data) == 2
    message = (tmp_path / "opt/ml/output/message").read_text()
    assert "which lies in the data" in message
    assert not any((tmp_path / "data").iterdir())


def test_another_mistake_leaves_its_message_at_the_output(tmp_path):
    folder = tmp_path / "out"
    flags = ["--dataset-source", "data", "--no-flag"]

    assert run_refused(tmp_path, *flags, "--output-path", str(folder)) == 2
    message = (folder / "message").read_text()
    assert "--no-flag is no flag of this job" in message
