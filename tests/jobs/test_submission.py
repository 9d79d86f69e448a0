"""Jobs started for real by ./spark-submit.sh: exit status, end, company on one machine, and a clean log."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.jvms import SHORT_LIVED, class_archive_options
from tests.ports import reserved_port
from tests.programs import run_program
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120
"""A job of a few rows takes 5 s on an idle machine; a gateway thread that hangs would take forever."""

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (INFO|WARNING|ERROR) ")

DRIVER = """
import sys, time
from spark_model_monitor.errors import BadInput
from spark_model_monitor.running.runtime.job import started
from spark_model_monitor.running.runtime.status import completed


def refuse(batches):
    for batch in batches:
        raise BadInput("a.csv is no CSV; write jsonl")
    yield from ()


def main(argv):
    with started("baseline", argv) as job:
        what = job.config.sagemaker_endpoint_name
        frame = job.engine.spark.range(100, numPartitions=2)
        assert frame.mapInArrow(lambda batches: batches, "id long").count() == 100
        if what == "worker":
            frame.mapInArrow(refuse, "id long").count()
        if what == "sleep":
            print("sleeping", flush=True)
            time.sleep(300)
        job.finish(completed(2))
    return job.exit_status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
"""


def build_starter(root: Path) -> Callable[..., subprocess.Popen[str]]:
    """`start("what")` starts a job that does so, in a folder with a blank in its name, and gives the running process."""
    folder = root / "my jobs"
    folder.mkdir()
    (folder / "small.py").write_text(DRIVER)

    def start(endpoint_name: str = "nothing", number: int = 1, **variables: str) -> subprocess.Popen[str]:
        flags = ["--dataset-source", "in", "--dataset-format", "csv", "--output-path", f"out {number}"]
        options = ["small.py", "--master", "local[2]", *flags, "--set", f"container_root={root}"]
        return subprocess.Popen(
            [str(ROOT / "spark-submit.sh"), *options],
            env={**os.environ, "sagemaker_endpoint_name": endpoint_name, **variables},
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    return start


@pytest.fixture
def submit(tmp_path):
    return build_starter(tmp_path)


@dataclass(frozen=True)
class Ended:
    status: int
    output: str
    message: str


@pytest.fixture(
    scope="module",
    params=[("worker",), pytest.param(("worker", "nothing"), marks=pytest.mark.nightly)],
    ids=" and ".join,
)
def side_by_side(request, tmp_path_factory):
    """Jobs that ran at the same time; the first one, which a worker refuses, has to start its JVM from the archive.

    By day it runs alone; test_job_processes.py has one that ends well.
    """
    root = tmp_path_factory.mktemp("jobs")
    start = build_starter(root)
    if class_archive_options():
        from_archive = {"SPARK_SUBMIT_OPTS": f"{SHORT_LIVED} -Xshare:on"}
    else:
        from_archive = {}
    variables = {"worker": from_archive, "nothing": {}}
    running = [start(name, number, **variables[name]) for number, name in enumerate(request.param, start=1)]
    outputs = [process.communicate(timeout=SECONDS)[0] for process in running]
    return {
        name: Ended(process.returncode, output, read_message(root, number))
        for number, (name, process, output) in enumerate(zip(request.param, running, outputs, strict=True), start=1)
    }


def read_message(tmp_path: Path, number: int = 1) -> str:
    return (tmp_path / "my jobs" / f"out {number}" / "message").read_text()


ENDS = {
    "worker": ("Error: a.csv is no CSV; write jsonl\n", 2),
    "nothing": ("CompletedWithViolations: Job completed successfully with 2 violations.\n", 0),
}


def test_jobs_run_side_by_side_and_log_nothing_but_their_own_lines(side_by_side):
    for name, job in side_by_side.items():
        assert (job.message, job.status) == ENDS[name]
        assert all(LINE.match(line) for line in job.output.splitlines()), job.output
        assert "without effect on this job: variable sagemaker_endpoint_name" in job.output
    if "nothing" in side_by_side:
        assert "WARNING" not in side_by_side["nothing"].output


def test_a_job_is_started_from_the_archive_of_sparks_classes(side_by_side):
    """With -Xshare:on a JVM that can't map its archive does not start, and no worker refuses anything."""
    if not class_archive_options():
        assert os.environ.get("CI") != "true", "make test has to make the archive"
        pytest.skip("there is no archive of Spark's classes; `make setup` makes it")

    assert side_by_side["worker"].status == 2, side_by_side["worker"].output


def test_a_terminated_job_ends_and_leaves_its_message(submit, tmp_path):
    process = submit("sleep")
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("sleeping"):
            break

    os.killpg(process.pid, signal.SIGTERM)
    process.communicate(timeout=SECONDS)

    assert process.returncode != 0
    # The driver's Python may end after spark-submit
    wait_for((tmp_path / "my jobs" / "out 1" / "message").exists, "the message")
    assert read_message(tmp_path) == "Error: stopped from outside (SIGTERM)\n"


@pytest.mark.nightly
def test_a_cluster_that_is_not_there_is_one_sentence(tmp_path):
    with reserved_port() as port:
        master = f"spark://127.0.0.1:{port}"
        flags = ["--dataset-source", str(tmp_path), "--dataset-format", "csv", "--output-path", str(tmp_path / "_out")]
        answer = run_program(
            [ROOT / "spark-submit.sh", "jobs/baseline.py", "--master", master, *flags], timeout=SECONDS
        )

    assert answer.returncode == 255
    assert (tmp_path / "_out" / "message").read_text() == (
        f"Error: --master is '{master}', where no master answers; check the address, or start the cluster\n"
    )
    assert "Exception" not in answer.stdout + answer.stderr


def test_a_wrong_configuration_starts_no_spark(tmp_path):
    answer = run_program(
        [ROOT / "spark-submit.sh", "jobs/baseline.py", "--output-path", str(tmp_path), "--dataset-format", "cvs"],
        cwd=tmp_path,
        timeout=SECONDS,
    )

    assert answer.returncode == 2
    assert "started Spark" not in answer.stdout + answer.stderr
    assert (tmp_path / "message").read_text().startswith("Error: --dataset-format is 'cvs'")


def test_the_commands_that_start_no_jvm_need_none(tmp_path):
    """A PATH with a shell and a Python, and no Java."""
    for tool in ("bash", "dirname", "env"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or "")
    environment = {"PATH": str(tmp_path), "HOME": str(tmp_path)}

    for words, text in [
        (["--help"], "usage: ./spark-submit.sh"),
        (["baseline", "--help"], "--max-quarantined-share"),
    ]:
        answer = run_program([ROOT / "spark-submit.sh", *words], env=environment)
        assert answer.returncode == 0, answer.stderr
        assert text in answer.stdout
