"""The README's two commands in a fresh clone of this repository's HEAD, with nothing in it but what git has.

`make demo` as it stands; of `make test` the unit tests, since the whole of it is what runs this very test.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from model_monitor.demo.traffic import FAULT

ROOT = Path(__file__).resolve().parents[2]
INSIDE = "INSIDE_A_FRESH_CLONE"
"""Set for what runs in the clone, so that its tests don't clone again."""

SECONDS = 900  # most of it for the libraries, where nothing is in pip's cache

pytestmark = [
    pytest.mark.skipif(INSIDE in os.environ, reason="this is the fresh clone"),
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="there is no repository to clone"),
    pytest.mark.timeout(2 * SECONDS),
]


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """`make("demo")` in the clone, with an environment in which no other make and no virtual environment shows.

    Nor does CI: like a user's, the clone has no golden cases beside it.
    """
    clone = tmp_path_factory.mktemp("fresh") / "clone"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone)], check=True, timeout=120)
    hidden = ("CI", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "VIRTUAL_ENV", "PYTHONPATH", "SPARK_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in hidden} | {INSIDE: "1"}

    def making(*words: str) -> str:
        done = subprocess.run(
            ["make", *words],
            env=environment,
            cwd=clone,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-8000:]
        return done.stdout

    yield making
    shutil.rmtree(clone, ignore_errors=True)  # 700 MB


def test_the_readme_has_these_two_commands():
    blocks = re.findall(r"^```sh\nmake (\w+)\n```", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)

    assert blocks == ["demo", "test"]


def test_make_demo_ends_with_what_was_found_and_where_it_is(make):
    shown = make("demo")

    assert "20,000 rows, 16 features" in shown
    assert "model-monitor-demo/baseline/statistics.json" in shown
    assert f"the largest: {FAULT.feature} drifted" in shown.splitlines()[-1]


def test_make_test_passes_the_unit_tests(make):
    shown = make("test", "ARGS=tests/unit")

    assert re.search(r"\d+ passed", shown)
    assert "failed" not in shown.splitlines()[-1]
