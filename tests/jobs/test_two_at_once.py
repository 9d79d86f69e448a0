"""Pairs of jobs at one output: it ends in the bytes of one after the other."""

from __future__ import annotations

import importlib
import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.jobs.customers import PEOPLE, capture_hour, run_command, write_captures, write_schedule
from tests.running_jobs import JobProcesses, JobsHere, logged
from tests.spark.merging import records

pytestmark = pytest.mark.nightly

ROOT = Path(__file__).resolve().parents[2]
PAIRS = 7
"""Of each kind, of processes, which start Spark each; threads of the tests' session are tried too."""


def tree(folder):
    """Every file below a folder; the empty files and folders of others are none of ours."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@dataclass(frozen=True)
class Pair:
    """Two jobs, called alike, that differ in their flags."""

    job: str
    flags: tuple[str, ...]
    one: tuple[str, ...]
    other: tuple[str, ...]


MONITORS = Pair(
    "monitor",
    ("--dataset-format", "capture", "--baseline", "baseline", "--set", "publish_cloudwatch_metrics=Enabled"),
    (
        *("--dataset-source", "captures-of-22", "--start-time", "2026-01-31T22:00:00Z"),
        *("--end-time", "2026-01-31T23:00:00Z"),
    ),
    (
        *("--dataset-source", "captures-of-23", "--start-time", "2026-01-31T23:00:00Z"),
        *("--end-time", "2026-02-01T00:00:00Z"),
    ),
)
MERGES = Pair(
    "merge",
    ("--dataset-source", "captures", "--ground-truth-source", "labels", "--late-labels", "P7D"),
    ("--start-time", "2024-03-04T00:00:00Z", "--end-time", "2024-03-04T01:00:00Z"),
    ("--start-time", "2024-03-04T00:00:00Z", "--end-time", "2024-03-04T02:00:00Z"),
)


@pytest.fixture(scope="module")
def folder(spark, tmp_path_factory):
    """A baseline with captures of two hours, of which one lacks a plan and the other has refused records; captures and labels
    to be merged."""
    top = tmp_path_factory.mktemp("two")
    (top / "people.csv").write_text(PEOPLE)
    flags = ("--dataset-source", "people.csv", "--dataset-format", "csv", "--output-path", "baseline")
    assert JobsHere(top)("baseline", *flags).status == 0
    for hour, plan, damaged in ((22, "gold", ""), (23, "basic", '{"captureData": \n')):
        text = capture_hour(plan, f"2026-01-31T{hour}:10:00Z")
        write_captures(top / f"captures-of-{hour}", text + damaged, f"2026/01/31/{hour}")
    for hour in (0, 1):
        captures = [records.make_capture(10 * hour + number, hour=hour) for number in range(5)]
        records.write_captures(top, hour, captures)
        records.write_labels(top, hour, [records.make_label(f"event-{10 * hour + number}") for number in range(3)])
    return top


def run_one_after_the_other(folder, pair):
    """What the output is after both orders."""
    trees = []
    for order in ((pair.one, pair.other), (pair.other, pair.one)):
        shutil.rmtree(folder / "out", ignore_errors=True)
        for flags in order:
            ended = JobsHere(folder)(pair.job, *pair.flags, *flags, "--output-path", "out")
            assert ended.status == 0, ended.said
        trees.append(tree(folder / "out"))
    return trees


def run_as_threads(folder, calls):
    """Two jobs in the tests' session: their exit statuses, and what they said together."""
    barrier = threading.Barrier(2)

    def run(job, *flags):
        barrier.wait()
        return importlib.import_module(f"jobs.{job}").main(list(flags))

    with pytest.MonkeyPatch.context() as patch, logged() as log_text, ThreadPoolExecutor(2) as threads:
        patch.chdir(folder)
        statuses = list(threads.map(lambda call: run(*call), calls))
    return statuses, log_text.getvalue()


def run_as_processes(folder, calls):
    """The same as users start them."""
    with ThreadPoolExecutor(2) as threads:
        ended = list(threads.map(lambda call: JobProcesses(folder)(*call), calls))
    return [process.status for process in ended], "\n".join(process.said for process in ended)


@pytest.mark.parametrize(
    ("run", "pairs"),
    [
        pytest.param(run_as_threads, 3, id="threads"),
        pytest.param(run_as_processes, PAIRS, id="processes", marks=(pytest.mark.slow, pytest.mark.timeout(3600))),
    ],
)
@pytest.mark.parametrize("pair", [MONITORS, MERGES], ids=["monitors", "merges"])
def test_two_at_once_end_as_one_after_the_other(folder, pair, run, pairs):
    orders = run_one_after_the_other(folder, pair)
    assert orders[0] != orders[1], "else nothing would show"
    calls = [(pair.job, *pair.flags, *flags, "--output-path", "out") for flags in (pair.one, pair.other)]
    waited = 0
    ends = [0, 0]
    for _ in range(pairs):
        shutil.rmtree(folder / "out")
        statuses, log_text = run(folder, calls)
        assert statuses == [0, 0], log_text
        contents = tree(folder / "out")
        assert contents in orders, [set(contents.items()) ^ set(order.items()) for order in orders]
        waited += "waiting for another run to end" in log_text
        ends[orders.index(contents)] += 1
    sys.stdout.write(f"{pairs} pairs, of which {waited} waited; ends of the two orders: {ends}\n")
    assert waited > pairs // 2, "else they were not at it at once"


def run_due(folder, state):
    return run_command(folder, "run-due", "--schedule", "churn.json", "--state", state, "--json")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_machines_that_run_what_is_due_end_as_one_after_the_other(folder):
    """Each has a record of its own, so that no lock of a schedule holds them apart."""
    write_schedule(folder, source="captures-of-22", reports="due", baseline="baseline")
    for state in ("first", "second"):
        assert run_due(folder, f"state/{state}").returncode == 0
    twice = tree(folder / "due")
    waited = 0
    for number in range(PAIRS):
        shutil.rmtree(folder / "due")
        with ThreadPoolExecutor(2) as threads:
            ended = list(threads.map(lambda state: run_due(folder, state), (f"state/a{number}", f"state/b{number}")))
        assert [process.returncode for process in ended] == [0, 0], "\n".join(
            process.stdout + process.stderr for process in ended
        )
        waited += any("waiting for another run to end" in process.stdout + process.stderr for process in ended)
        assert tree(folder / "due") == twice
    sys.stdout.write(f"{PAIRS} pairs, of which {waited} waited\n")
    assert waited > PAIRS // 2, "else they were not at it at once"
