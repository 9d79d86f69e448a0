"""A disk that fills up while Spark shuffles, records or states, is a sentence; the run before stands, and a rerun leaves what a
quiet run does."""

import base64
import random
import shutil
import subprocess

import pytest
from tests.clusters.data_sets import wide_table
from tests.jobs.test_faults import tree
from tests.spark.merging.records import make_capture, make_label, write_captures, write_labels

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(900)]

ROOM = "8m"
"""For the files that Spark is started with, and for less than what the jobs shuffle."""

RECORDS = 16_000
OUTPUT_BYTES = 1_000
"""Of outputs that can't be compressed."""

ROWS_OF_A_FILE = 400
A_FILE_IS_A_PARTITION = ("--conf", "spark.sql.files.openCostInBytes=33554432")

MERGE = ("merge", "--dataset-source", "captures", "--ground-truth-source", "labels", "--late-labels", "P7D")
BASELINE = ("baseline", *A_FILE_IS_A_PARTITION, "--dataset-source", "table", "--dataset-format", "csv")


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "small-disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", folder], check=False)
    if mounted.returncode:
        pytest.skip("only root can mount a disk")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def captures_and_labels(folder):
    chance = random.Random(22)
    outputs = (base64.b64encode(chance.randbytes(OUTPUT_BYTES)).decode() for _ in range(RECORDS))
    write_captures(folder, 0, [make_capture(number, output=output) for number, output in enumerate(outputs)])
    write_labels(folder, 0, [make_label(f"event-{number}") for number in range(RECORDS)])


def fewer_labels(folder):
    captures_and_labels(folder)
    write_labels(folder, 0, [make_label(f"event-{number}") for number in range(20)])


def table(folder):
    shutil.rmtree(folder / "table", ignore_errors=True)
    wide_table(folder / "table", ROWS_OF_A_FILE)


def fewer_rows(folder):
    table(folder)
    (folder / "table" / "part-00.csv").unlink()


@pytest.mark.parametrize(
    ("job", "write_fewer", "write_all"),
    [
        pytest.param(MERGE, fewer_labels, captures_and_labels, id="records of a merge"),
        pytest.param(BASELINE, fewer_rows, table, id="states of a baseline"),
    ],
)
def test_a_disk_that_is_full_in_a_shuffle(job, write_fewer, write_all, job_processes, small_disk):
    def run(*options, status=0):
        ended = job_processes(*job, *options, "--output-path", "out")
        assert ended.status == status, ended.said
        return ended

    folder = job_processes.folder
    out = folder / "out"
    write_fewer(folder)
    run()
    before = tree(out)
    shutil.copytree(out, folder / "before")
    write_all(folder)
    run()
    quiet = tree(out)
    assert quiet != before
    shutil.rmtree(out)
    (folder / "before").rename(out)

    full = run("--conf", f"spark.local.dir={small_disk}", status=255)

    assert "Traceback" not in full.said
    left = tree(out)
    assert left.pop("message").startswith(b"Error: the disk is full; free space, or name other directories")
    assert left == {name: content for name, content in before.items() if name != "message"}
    run()
    assert tree(out) == quiet
