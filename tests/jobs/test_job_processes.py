"""A baseline by ./spark-submit.sh, as test_no_values.py has a monitoring job, and what its number of cores and a worker that
dies leave as it is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.entries import read_checks
from tests.jobs.customers import PEOPLE, capture_hour, write_captures
from tests.running_jobs import JobProcesses, JobsHere
from tests.spark.merging import records
from tests.unit.runs.local_jobs import LocalJobs


@pytest.fixture(scope="module")
def numbers(tmp_path_factory) -> Path:
    """Twelve files that Spark would pack by the number of cores, with more numbers than a sketch keeps, and checks of Python."""
    folder = tmp_path_factory.mktemp("numbers")
    (folder / "data").mkdir()
    rng = np.random.default_rng(4)
    for number in range(12):
        table = pd.DataFrame(rng.lognormal(size=(2_000, 3)), columns=["amount", "score", "balance"])
        table.assign(plan=rng.choice(["basic", "gold"], 2_000)).to_csv(folder / "data" / f"{number}.csv", index=False)
    (folder / "my_checks.py").write_text(
        "from pydeequ.checks import Check, CheckLevel\n"
        "def sizes(spark):\n"
        "    return [Check(spark, CheckLevel.Error, 'sizes').hasSize(lambda rows: rows == 24_000).isUnique('plan')]\n"
    )
    return folder


BASELINE = ("baseline", "--dataset-source", "data", "--dataset-format", "csv", "--checks", "my_checks:sizes")


@pytest.fixture(scope="module")
def on_one_core(numbers):
    """A baselining job over them as a process on one core, and its output."""
    return JobProcesses(numbers)(*BASELINE, "--master", "local[1]", "--output-path", "one"), numbers / "one"


def read_run_id(output):
    return json.loads((output / "_current.json").read_text())["run_id"]


def test_a_good_run_leaves_every_file_and_says_what_it_did(on_one_core):
    finished, output = on_one_core
    names = {path.relative_to(output).as_posix() for path in output.rglob("*") if path.is_file()}

    assert finished.status == 0, finished.said
    assert (output / "message").read_text() == "Completed: Job completed successfully with no violations.\n"
    assert {"statistics.json", "constraints.json", "ledger.json", "states/profile.parquet", "_current.json"} <= names
    assert "scanned 24,000 rows x 4 columns" in finished.said
    assert "Traceback" not in finished.said
    [warning] = [line for line in finished.said.splitlines() if "WARN" in line]
    assert "UniquenessConstraint(Uniqueness(List(plan),None,None)): Value: 0.0" in warning  # the check that fails


def test_checks_with_python_assertions_run_and_the_job_ends(on_one_core):
    """A lambda is called back by the JVM; the threads for that must not keep the process (awslabs/python-deequ#7)."""
    report = json.loads((on_one_core[1] / "checks_deequ.json").read_text())

    assert [result["constraint_status"] for result in report["constraints"]] == ["Success", "Failure"]


def test_the_bytes_do_not_depend_on_the_number_of_cores(spark, on_one_core, numbers):
    """One, and two in the session of the tests; so they don't depend on whose Spark it is, either."""
    JobsHere(numbers)(*BASELINE, "--output-path", "two")

    assert read_run_id(numbers / "two") == read_run_id(numbers / "one")


def test_users_checks_run_on_the_same_states(jobs_here, tmp_path):
    checks = [
        {"analyzer": "Completeness", "column": "age", "assertion": ">= 0.95"},
        {"analyzer": "Compliance", "instance": "adults", "expression": "age >= 30", "assertion": "== 1.0"},
    ]
    (tmp_path / "checks.json").write_text(json.dumps(checks))
    (tmp_path / "people.csv").write_text(PEOPLE)
    finished = jobs_here(
        "baseline", "--dataset-source", "people.csv", "--output-path", "out", "--checks", "checks.json"
    )
    report = json.loads((tmp_path / "out" / "checks_deequ.json").read_text())

    assert finished.status == 0, finished.said
    outcomes = [(result["constraint_status"], result["metric"]) for result in report["constraints"]]
    assert outcomes == [("Success", 1.0), ("Failure", 0.8)]


@pytest.mark.nightly
def test_a_task_that_is_tried_again_gives_the_same_bytes(job_processes, tmp_path):
    """A worker that dies in the middle of its partition; the script is what lets a test kill it."""
    (tmp_path / "people.csv").write_text(PEOPLE)
    (tmp_path / "dies_once.py").write_text(
        "import os, signal\n"
        "def preprocess_handler(line):\n"
        "    if line.startswith('score'):\n"
        "        return []\n"
        "    if os.environ.get('DIES') and ',45,' in line and not os.path.exists(os.environ['DIES']):\n"
        "        open(os.environ['DIES'], 'w').close()\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return dict(zip(('score', 'age', 'plan'), line.split(',')))\n"
    )
    words = "baseline --dataset-source people.csv --dataset-format csv --record-preprocessor-script dies_once.py"
    LocalJobs(tmp_path).run(f"{words} --output-path undisturbed")
    flags = ("--master", "local[2,4]", "--output-path", "disturbed")
    disturbed = job_processes(*words.split(), *flags, DIES=str(tmp_path / "died"))

    assert disturbed.status == 0, disturbed.said
    assert (tmp_path / "died").exists()
    assert read_run_id(tmp_path / "undisturbed") == read_run_id(tmp_path / "disturbed")


def test_violations_are_a_success_unless_they_are_to_fail(jobs_here, tmp_path):
    (tmp_path / "people.csv").write_text(PEOPLE)
    write_captures(tmp_path / "captures", capture_hour())
    LocalJobs(tmp_path).run("baseline --dataset-source people.csv --output-path baseline")
    finished = jobs_here(
        *("monitor", "--dataset-source", "captures", "--dataset-format", "capture", "--baseline", "baseline"),
        *("--start-time", "2026-01-31T22:00:00Z", "--end-time", "2026-01-31T23:00:00Z"),
        *("--output-path", "report", "--fail-on-violations"),
    )
    report = tmp_path / "report"

    assert finished.status == 4, finished.said
    message = (report / "message").read_text()
    assert message == "CompletedWithViolations: Job completed successfully with 1 violations.\n"
    [violation] = json.loads((report / "constraint_violations.json").read_text())["violations"]
    assert violation == {
        "feature_name": "plan",
        "constraint_check_type": "categorical_values_check",
        "description": "Value: 0.9 does not meet the constraint requirement! ",
    }
    assert {check["feature"] for check in read_checks(report / "checks.json")["checks"]} >= {"score", "age", "plan"}
    assert json.loads((report / "ledger.json").read_text())["records"]["kept"] == 400


@pytest.mark.nightly
def test_a_merge_needs_no_deequ(job_processes, tmp_path):
    records.write_captures(tmp_path, 0, [records.make_capture(1)])
    records.write_labels(tmp_path, 0, [records.make_label("event-1")])
    flags = ("--dataset-source", "captures", "--ground-truth-source", "labels", "--output-path", "merged")
    finished = job_processes("merge", *flags, MODEL_MONITOR_DEEQU_JAR="absent.jar")

    assert finished.status == 0, finished.said
    assert records.read_truths(tmp_path / "merged") == {"event-1": "1"}
