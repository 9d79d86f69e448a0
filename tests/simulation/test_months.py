"""Months with mistakes end as quiet ones do (`law.py`); those that did not once are kept here."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
from pathlib import Path

import pytest
from tests.simulation.__main__ import SECONDS
from tests.simulation.stored import BUCKET, settings, store
from tests.storage_law import EVERY_CLAUSE

from spark_model_monitor.storage import get_storage
from spark_model_monitor.storage.s3_storage import _client

ROOT = Path(__file__).resolve().parents[2]


def months(*words: object) -> subprocess.CompletedProcess[str]:
    """Months in a process of their own, where no session of Spark is at hand."""
    command = [sys.executable, "-m", "tests.simulation", *map(str, words)]
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "MONTHS_SECONDS": str(SECONDS)},
        stdout=subprocess.PIPE,  # what is played now goes to this test's own output
        text=True,
        check=False,
    )


@pytest.mark.timeout(3600)
def test_a_month_with_faults_ends_as_a_quiet_one():
    """Known seeds of two plans, both with labels, one by `run-due` and with an upgrade, so that a change is judged by what it
    changed; `python -m tests.simulation` plays new ones.
    """
    tried = months("--first", 1244, "--most", 12, "--seconds", "inf")
    print(tried.stdout)

    assert tried.returncode == 0, tried.stdout
    assert "12 months" in tried.stdout


REAL = int(os.environ.get("MONTHS_COUNT", "200"))
FIRST = int(os.environ.get("MONTHS_FIRST", "0"))
"""Added to the seeds of months that a night plays; `make nightly` says which."""


@pytest.mark.timeout(SECONDS + 3600)
@pytest.mark.parametrize("words", [(), ("--real",)], ids=["in one process", "real"])
def test_months_of_other_seeds_end_as_quiet_ones(words):
    """As many as there is time for (MONTHS_SECONDS); a night has ten minutes of each, by its own seeds."""
    tried = months(*words, "--first", FIRST + 200)
    print(tried.stdout)

    assert tried.returncode == 0, tried.stdout
    assert re.search(r"[1-9]\d* months in", tried.stdout)


@pytest.mark.timeout(3600)
def test_months_whose_processes_are_really_killed_end_as_quiet_ones():
    """What strikes depends on the machine, so they are five: each time some of them are killed, half a file written or none."""
    tried = months("--real", "--first", FIRST + 100, "--most", 5, "--seconds", "inf")

    assert tried.returncode == 0, tried.stdout
    assert "5 months" in tried.stdout
    assert re.search(r"\d (KILL|TORN)\b", tried.stdout), "else none was killed"


@pytest.mark.slow
@pytest.mark.timeout(400 * REAL)
@pytest.mark.parametrize(("kind", "first", "seconds"), [("--real", 2000, 50), ("--s3", 3000, 300)], ids=["real", "s3"])
def test_many_months_whose_processes_are_really_killed_end_as_quiet_ones(kind, first, seconds):
    """MONTHS_COUNT of them, else 200; on S3 requests fail, too."""
    tried = months(kind, "--first", first, "--most", REAL, "--seconds", seconds * REAL)
    print(tried.stdout)

    assert tried.returncode == 0, tried.stdout


@pytest.fixture(scope="module")
def store_of_months(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings(store(tmp_path_factory.mktemp("bucket"))).items():
            patch.setenv(name, value)
        _client.cache_clear()
        yield f"s3://{BUCKET}"
    _client.cache_clear()


@EVERY_CLAUSE
def test_the_store_of_months_keeps_the_law_of_storages(clause, store_of_months):
    folder = f"{store_of_months}/{clause.__name__}"
    clause(get_storage(folder), folder)


def test_a_store_keeps_no_pipe_of_its_parent_open(tmp_path):
    reading, writing = os.pipe()
    store(tmp_path)
    os.close(writing)

    assert select.select([reading], [], [], 5)[0], "who reads it is told of its end"
    os.close(reading)


FOUND = {
    "an hour is run while the job of the one before goes on without its run-due": (
        (200, "--fault", 7, 70, "ORPHAN"),
        "1 ORPHAN",
    ),
    "a run counts that couldn't read the baseline's rows again": ((95202, "--fault", 30, 83, "ERROR"), "1 ERROR"),
}
"""Months that broke the law: how each is played, and what strikes in it."""
SHORTEST, *LONGER = FOUND


# One by day, which shows that months can be played at all
@pytest.mark.parametrize("case_name", [pytest.param(SHORTEST, marks=pytest.mark.everyday), *LONGER])
def test_what_was_found_once_is_right(case_name):
    words, struck = FOUND[case_name]
    tried = months(*words)

    assert tried.returncode == 0, tried.stdout
    assert struck in tried.stdout, "else it did not strike"
