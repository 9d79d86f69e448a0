"""Every block of the pages for users runs as written, in an empty folder, in its order, without a JVM and the network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from tests.history_picture import OF_A_PAGE, SOURCES, skeleton
from tests.page_blocks import ROOT, BlockError, require_json, require_text, split_commands

FIVE = ("first-data-set", "alarm", "gates", "schedules", "when-does-it-alarm")
"""The pages that a user reads."""

WORDS_OF_FIVE = 6_000
SECONDS = 900
"""A page takes 10 s on an idle machine."""


def run_page(page, folder, environment):
    """Run the blocks of a page in a folder, in a Python that finds no Java."""
    words = [sys.executable, "-m", "tests.page_blocks", str(folder), str(page)]
    ended = subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Variables of a process that finds this package, the programs of a shell, and neither Java nor our command."""
    programs = tmp_path_factory.mktemp("programs")
    for name in ("bash", "cat", "cp", "echo", "ls", "mkdir", "mv", "sleep", "touch"):
        (programs / name).symlink_to(str(shutil.which(name)))
    path = os.pathsep.join([str(ROOT / "lib"), str(ROOT)])
    return {"PATH": str(programs), "PYTHONPATH": path, "HOME": str(programs), "JAVA_HOME": str(programs)}


@pytest.mark.parametrize("name", FIVE)
def test_every_block_of_a_page_runs(name, environment, tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()

    run_page(ROOT / "docs" / f"{name}.md", folder, environment)

    if name in OF_A_PAGE:
        assert (SOURCES / f"{name}.txt").read_text() == skeleton((folder / OF_A_PAGE[name]).read_text()), (
            "make docs draws it again"
        )


def test_every_block_of_the_readme_runs(environment, tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()

    run_page(ROOT / "README.md", folder, environment)


def test_the_five_pages_are_read_in_half_an_hour():
    words = [len((ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8").split()) for name in FIVE]

    assert sum(words) <= WORDS_OF_FIVE


def test_the_five_pages_come_first_in_the_index():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    links = [line.partition("](")[2].partition(")")[0] for line in index.splitlines() if line.startswith("- [")]

    assert links[:5] == [f"{name}.md" for name in FIVE]


@pytest.mark.parametrize("shown", ["violated: amount", "violated:\n…\n2 violations", "violated: … drifted"])
def test_what_was_printed_may_be_shown_in_parts(shown):
    require_text(shown, "INFO violated: amount drifted\nINFO another line\nINFO 2 violations\n")


@pytest.mark.parametrize("shown", ["violated: items", "2 violations\nviolated: amount"])
def test_what_was_not_printed_or_in_another_order_is_a_fault(shown):
    with pytest.raises(BlockError, match="was not printed"):
        require_text(shown, "INFO violated: amount drifted\nINFO 2 violations\n")


def test_an_excerpt_of_json_is_in_a_file_with_its_numbers(tmp_path, monkeypatch):
    (tmp_path / "a.json").write_text('{"features": [{"name": "amount", "mean": 30.123456789, "sum": 5}]}')
    monkeypatch.chdir(tmp_path)

    require_json({"name": "amount", "mean": 30.1234567})
    with pytest.raises(BlockError, match="in no file"):
        require_json({"name": "amount", "mean": 30.12})
    with pytest.raises(BlockError, match="in no file"):
        require_json({"name": "amount", "min": 1})


def test_commands_are_told_from_what_is_for_a_shell_and_the_network_is_left_out():
    script = (
        "pip install x\ncat > a <<'END'\nspark-model-monitor no\nEND\nspark-model-monitor demo \\\n  --rows 5\nls\n"
    )

    assert [" ".join(part.split()) for part in split_commands(script)] == [
        "cat > a <<'END' spark-model-monitor no END",
        "spark-model-monitor demo --rows 5",
        "ls",
    ]
