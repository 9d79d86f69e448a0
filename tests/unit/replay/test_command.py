"""The command line of a replay, with a job that does as the test says."""

from __future__ import annotations

import io

import pytest

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.running.replay.replay_command import main, read_request
from spark_model_monitor.running.scheduling.schedules import Recurrence

TOLD = ["--windows", "captures", "--baseline", "baseline", "--output-path", "out"]


def flag(words, name):
    return words[words.index(name) + 1]


def test_captures_are_read_as_a_monitoring_job_reads_them():
    request = read_request([*TOLD, "--reports", "reports", "--sample", "0.5"], {})

    assert (request.reports, request.output_path, request.recurrence) == ("reports", "out", Recurrence(0, 1))
    assert flag(request.monitor_flags, "--dataset-source") == "captures"
    assert flag(request.monitor_flags, "--dataset-format") == "capture"
    assert flag(request.monitor_flags, "--baseline") == "baseline"
    assert flag(request.monitor_flags, "--sample") == "0.5"


def test_what_an_env_file_says_need_not_be_said_again(tmp_path):
    file = tmp_path / "churn.env"
    file.write_text("dataset_source=captures\ndataset_format=merged\noutput_path=elsewhere\n")

    request = read_request(["--env-file", str(file), "--output-path", "out"], {})

    assert "--dataset-format" not in request.monitor_flags
    assert "--dataset-source" not in request.monitor_flags
    assert flag(request.monitor_flags, "--output-path") == "out"


def test_without_an_output_path_the_journal_lies_in_the_cache(tmp_path):
    request = read_request(["--windows", "captures"], {"MODEL_MONITOR_CACHE": str(tmp_path)})

    assert request.output_path == str(tmp_path / "replays")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--baseline", "b"], "--windows is missing; write --windows CAPTURES"),
        ([*TOLD, "--compat", "service"], "--compat is no flag of a replay"),
        ([*TOLD, "--dataset-source=x"], "--dataset-source is no flag of a replay"),
        ([*TOLD, "--schedule", "NOW"], "--schedule is 'NOW', which runs once"),
        ([*TOLD, "--schedule", "hourly"], "the schedule expression is 'hourly'"),
    ],
)
def test_faults_show_before_a_job_is_started(words, sentence):
    with pytest.raises(BadConfiguration, match=sentence):
        main(words, start_job=lambda job, flags: pytest.fail("a job was started"))


@pytest.mark.parametrize(("extra", "printed"), [([], "table"), (["--json"], "{}")])
def test_the_result_of_the_job_is_printed_and_its_status_given(tmp_path, extra, printed):
    out = io.StringIO()
    started = []

    def job(name, flags):
        started.append((name, flags))
        (tmp_path / "replay.json").write_text("{}")
        (tmp_path / "replay.txt").write_text("table")
        return 1

    status = main(["--windows", "w", "--output-path", str(tmp_path), *extra], out=out, start_job=job)

    assert (status, out.getvalue()) == (1, printed)
    assert started == [
        ("replay", ["--windows", "w", "--output-path", str(tmp_path), *extra, "--output-path", str(tmp_path)])
    ]


def test_a_failed_job_prints_no_result_of_an_earlier_one(tmp_path):
    (tmp_path / "replay.txt").write_text("old")
    out = io.StringIO()

    assert main(["--windows", "w", "--output-path", str(tmp_path)], out=out, start_job=lambda job, flags: 1) == 1
    assert out.getvalue() == ""
