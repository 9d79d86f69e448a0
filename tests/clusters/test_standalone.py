"""Jobs on a standalone cluster whose nodes have nothing of ours: what they need is sent, and what dies changes no byte."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.both_engines import files_below
from tests.clusters.conftest import SECONDS, Submitter, on_standalone
from tests.clusters.data_sets import COLUMNS, FILES, captures_and_labels, contents, wide_table
from tests.clusters.live import EventLog, LiveApplication, Stage
from tests.clusters.standalone import Standalone, end_whole_group, standalone_cluster
from tests.ports import reserved_port
from tests.spark.merging.records import read_merged_files
from tests.unit.runs.local_jobs import LocalJobs
from tests.waiting import wait_for

from spark_model_monitor.data.engine import partitions
from spark_model_monitor.reports.outputs.run_files import publish


@dataclass(frozen=True)
class Case:
    """A job with its input. stages: what tells a stage of it, by what the stage does. after: whose output it reads."""

    job: str
    flags: tuple[str, ...]
    stages: Mapping[str, Callable[[Stage], bool]]
    after: Case | None = None


BASELINE = Case(
    "baseline",
    ("--dataset-source", "table", "--dataset-format", "csv"),
    {"scan": lambda stage: stage.reads_files, "fold": lambda stage: stage.reads_shuffle},
)
MONITOR = Case(
    "monitor",
    (*BASELINE.flags, "--baseline", "baseline-undisturbed"),
    BASELINE.stages,
    after=BASELINE,
)
MERGE = Case(
    "merge",
    ("--dataset-source", "captures", "--ground-truth-source", "labels"),
    {
        "read": lambda stage: stage.reads_files,
        "join": lambda stage: stage.reads_shuffle and stage.writes_shuffle,
        "write": lambda stage: stage.writes_files,
    },
)


@dataclass(frozen=True)
class Undisturbed:
    """A run on one machine in which nothing died: the folder that it wrote, and its stages."""

    output: Path
    stages: list[Stage]

    def find_stage_number(self, case: Case, stage_name: str) -> int:
        """The number on the cluster of the first stage that does this: the same plan, behind one stage that tries the workers,
        which a job on this machine starts itself.
        """
        return 1 + next(stage.number for stage in self.stages if case.stages[stage_name](stage))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """The folder with the input of all cases."""
    folder = tmp_path_factory.mktemp("inputs")
    wide_table(folder / "table")
    return captures_and_labels(folder)


@pytest.fixture(scope="module")
def undisturbed(inputs):
    """`undisturbed(case)` runs a case's job on this machine, once."""
    done: dict[str, Undisturbed] = {}

    def running(case: Case) -> Undisturbed:
        if case.after:
            running(case.after)
        if case.job not in done:
            output = inputs / f"{case.job}-undisturbed"
            events = EventLog(inputs / f"{case.job}-events")
            jobs = Submitter(inputs, (*on_standalone("local[2]"), *events.options))
            jobs.run(case.job, *case.flags, "--output-path", str(output))
            done[case.job] = Undisturbed(output, events.stages())
        return done[case.job]

    return running


@pytest.fixture
def live():
    """The interface of a test's jobs, one after the other."""
    with reserved_port() as port:
        yield LiveApplication(port)


@pytest.mark.everyday
def test_an_executor_that_is_killed_leaves_the_bytes_of_a_run_without_spark(
    submitter, cluster, live, tmp_path, monkeypatch
):
    """A narrow table, since the cluster is the point."""
    words = "baseline --dataset-source table --dataset-format csv --output-path out"
    wide_table(tmp_path / "table", columns=COLUMNS // 10)
    # A file is a partition, as on_standalone has it: sketches depend on where rows are cut
    monkeypatch.setattr(partitions, "OPEN_COST_BYTES", partitions.MIN_PARTITION_BYTES)
    LocalJobs(tmp_path).run(words)
    (tmp_path / "out").rename(tmp_path / "expected")

    events = EventLog(tmp_path / "events")
    job, *flags = words.split()
    process = submitter.start(job, *live.options, *events.options, *flags)
    scan = wait_for(lambda: live.find_running_stage(FILES), "the scan, which has a task for each file", process)
    [victim, *_] = wait_for(lambda: live.running_in(scan), "a task of the scan", process)
    cluster.kill_executor(victim)
    process.wait(SECONDS)

    assert process.returncode == 0, submitter.read_log()
    assert scan in events.lost_in()
    assert files_below(tmp_path / "out") == files_below(tmp_path / "expected")


@pytest.mark.parametrize(
    ("case", "stage"),
    [
        pytest.param(BASELINE, "scan", id="scan of a baseline"),
        pytest.param(BASELINE, "fold", id="addition of its states"),
        pytest.param(MONITOR, "scan", id="scan of a monitoring run"),
        pytest.param(MONITOR, "fold", id="addition of its states, monitored"),
        pytest.param(MERGE, "write", id="write of a merge"),
        pytest.param(MERGE, "read", id="read of a merge"),
        pytest.param(MERGE, "join", id="join of a merge"),
    ],
)
def test_an_executor_that_is_killed_changes_no_byte(
    case, stage, submitter, cluster, inputs, undisturbed, live, tmp_path
):
    expected = undisturbed(case)
    events = EventLog(tmp_path / "events")
    number = expected.find_stage_number(case, stage)
    process = submitter.start(
        *(case.job, *live.options, *events.options, *case.flags, "--output-path", str(tmp_path / "out")),
        folder=inputs,
    )
    [victim, *_] = wait_for(lambda: live.running_in(number), f"a task in stage {number}", process)
    cluster.kill_executor(victim)
    process.wait(SECONDS)

    assert process.returncode == 0, submitter.read_log()
    assert number in events.lost_in()
    contents_after_kill = contents(tmp_path / "out")
    quiet = contents(expected.output)
    assert (contents_after_kill.pop("_alerts.json", None) is None) == (
        quiet.pop("_alerts.json", None) is None
    )  # it says when it was
    assert contents_after_kill == quiet


def test_a_driver_that_is_killed_publishes_nothing_or_a_whole_run_and_its_rerun_is_clean(
    submitter, cluster, inputs, undisturbed, live, tmp_path
):
    """An earlier run is published in the same place; it counts until another takes its place."""
    expected = contents(undisturbed(BASELINE).output)
    scan = undisturbed(BASELINE).find_stage_number(BASELINE, "scan")
    out = tmp_path / "out"
    publish({"statistics.json": b"{}", "constraints.json": b"{}"}, str(out))
    before = contents(out)
    arguments = ("baseline", *live.options, *BASELINE.flags, "--output-path", str(out))

    process = submitter.start(*arguments, folder=inputs)
    [running, *_] = wait_for(lambda: live.running_in(scan), "a task of the scan", process)
    end_whole_group(process)
    assert {name: content for name, content in contents(out).items() if not name.startswith("_lease-")} == before
    application = running.partition("/")[0]
    wait_for(lambda: not any(name.startswith(application) for name in cluster.executors()), "the executors' end")

    process = submitter.start(*arguments, folder=inputs)
    wait_for(lambda: len(list(out.glob("_runs/*"))) > 1, "the folder of the run", pause_seconds=0.001)
    end_whole_group(process)
    commit = json.loads((out / "_current.json").read_text())
    digests = {
        name: hashlib.sha256((out / commit["folder"] / name).read_bytes()).hexdigest() for name in commit["sha256"]
    }
    assert digests == commit["sha256"]

    submitter.run(*arguments, folder=inputs)
    after = contents(out)
    assert {name: after[name] for name in expected} == expected
    assert set(after) - set(expected) == {name for name in before if name.startswith("_runs/")}


@pytest.mark.nightly
def test_a_merge_that_is_killed_while_it_writes_has_published_no_hour_and_its_rerun_is_clean(
    submitter, inputs, undisturbed, live, tmp_path
):
    expected = contents(undisturbed(MERGE).output)
    write = undisturbed(MERGE).find_stage_number(MERGE, "write")
    arguments = ("merge", *live.options, *MERGE.flags, "--output-path", str(tmp_path / "out"))
    process = submitter.start(*arguments, folder=inputs)
    wait_for(lambda: live.running_in(write), "a task that writes", process)
    end_whole_group(process)

    assert read_merged_files(tmp_path / "out") == {}
    submitter.run(*arguments, folder=inputs)
    assert contents(tmp_path / "out") == expected


def small_job(submitter: Submitter, tmp_path: Path) -> str:
    """The sentence that a job on two rows fails with, before its scan."""
    (tmp_path / "small.csv").write_text("a,b\n1,x\n2,y\n")
    flags = ("--dataset-source", "small.csv", "--dataset-format", "csv", "--output-path", "out")
    printed = submitter.run("baseline", "--conf", "spark.task.maxFailures=1", *flags, status=2)
    sentence = (tmp_path / "out" / "message").read_text()
    assert "Traceback" not in printed
    return sentence


def other_python() -> str:
    """A Python of this machine of another minor version than this one: on the PATH, or one of pyenv's."""
    of_pyenv = sorted(Path.home().glob(".pyenv/versions/*/bin"))
    path = os.pathsep.join([*map(str, of_pyenv), os.environ["PATH"]])
    for minor in (10, 11, 12, 13, 9):
        program = shutil.which(f"python3.{minor}", path=path)
        if program and minor != sys.version_info.minor:
            return program
    pytest.skip("there is one Python here only")


def test_executors_with_another_python_than_the_drivers_are_a_sentence(cluster, tmp_path):
    sentence = small_job(Submitter(tmp_path, on_standalone(cluster.master), Path(other_python())), tmp_path)

    assert "they have to be of one minor version: name the executors' in PYSPARK_PYTHON" in sentence
    assert f"the driver has {sys.version_info.major}.{sys.version_info.minor};" in sentence


def test_executors_without_a_library_are_a_sentence(cluster, tmp_path):
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    sentence = small_job(Submitter(tmp_path, on_standalone(cluster.master), bare / "bin" / "python"), tmp_path)

    assert "Python has no " in sentence
    assert "send one along by --environment" in sentence


@pytest.mark.nightly
def test_an_environment_for_another_processor_is_a_sentence(cluster, tmp_path):
    """Its Python is a program of this system whose header (ELF, e_machine) names a processor that Linux has none of."""
    python = tmp_path / "python"
    program = bytearray(Path(shutil.which("true") or "").read_bytes())
    program[18:20] = b"\xf9\x00"
    python.write_bytes(program)
    python.chmod(0o755)
    sentence = small_job(Submitter(tmp_path, on_standalone(cluster.master), python), tmp_path)

    assert "was built for another system than theirs" in sentence


@pytest.mark.nightly
def test_an_environment_whose_python_is_not_on_the_nodes_is_a_sentence(cluster, tmp_path):
    python = tmp_path / "python"
    python.symlink_to("/opt/no-such-place/bin/python3.11")
    sentence = small_job(Submitter(tmp_path, on_standalone(cluster.master), python), tmp_path)

    assert f"the executors have no Python at {python}" in sentence


@pytest.mark.nightly
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("dies", "status", "message"),
    [
        pytest.param(Standalone.kill_master, 0, "Completed: ", id="the master"),
        pytest.param(Standalone.kill, 255, "Error: the cluster went away while the job ran", id="all of it"),
    ],
)
def test_a_cluster_that_goes_away_ends_no_job_that_can_end_and_lets_none_wait(
    dies, status, message, executors_environment, inputs, undisturbed, live, tmp_path
):
    scan = undisturbed(BASELINE).find_stage_number(BASELINE, "scan")
    with standalone_cluster(tmp_path / "cluster") as cluster:
        jobs = Submitter(tmp_path, on_standalone(cluster.master), executors_environment / "bin" / "python")
        flags = (*BASELINE.flags, "--output-path", str(tmp_path / "out"))
        process = jobs.start("baseline", *live.options, *flags, folder=inputs)
        wait_for(lambda: live.running_in(scan), "a task of the scan", process)
        dies(cluster)
        try:
            process.wait(SECONDS)
        finally:
            jobs.end()

    assert process.returncode == status, jobs.read_log()
    assert (tmp_path / "out" / "message").read_text().startswith(message)
    assert (tmp_path / "out" / "_current.json").exists() is (status == 0)
