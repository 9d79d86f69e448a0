"""Every block of a page runs as written, in an empty folder, in its order, without a JVM and the network.

A block that can't says so above it: `*Needs a cluster.*`.
"""

import os
import shutil
import subprocess
import sys
from collections import Counter

import pytest
from tests.at_hand import defer_to_night
from tests.history_picture import OF_A_PAGE, SOURCES, skeleton
from tests.page_blocks import ROOT, BlockError, read_blocks, require_json, require_text, split_commands

FIVE = ("first-data-set", "alarm", "gates", "schedules", "when-does-it-alarm")
"""The pages that a user reads."""

TUTORIALS = ("captures-to-alarm", "late-labels")
README = ROOT / "README.md"
PAGES = [
    README,
    *(page for page in sorted((ROOT / "docs").glob("*.md")) if "```" in page.read_text(encoding="utf-8")),
    *(ROOT / "examples" / "churn" / f"{name}.md" for name in TUTORIALS),
]
NEEDS = {
    "Airflow": 3,
    "Deequ's JAR": 1,
    "Delta": 1,
    "Docker": 1,
    "Java": 1,
    "Java and a network": 1,
    "Spark": 4,
    "Spark Connect": 2,
    "a catalog": 2,
    "a clone": 1,
    "a cluster": 6,
    "an AWS account": 9,
    "captures": 7,
    "polars": 1,
}
"""What blocks need that isn't here, and how many need it; those that need Spark are run apart."""

SECONDS = 900
"""All pages take 60 s on an idle machine."""

pytestmark = pytest.mark.timeout(2 * SECONDS)


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Variables of a process that finds this package, the programs of a shell, and neither Java nor our command."""
    programs = tmp_path_factory.mktemp("programs")
    for name in ("cat", "cp", "echo", "ls", "mkdir", "mv", "sed", "seq", "sh", "sleep", "touch"):
        (programs / name).symlink_to(str(shutil.which(name)))
    python = programs / "python"
    python.write_text(f'#!{programs}/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    path = os.pathsep.join([str(ROOT / "lib"), str(ROOT)])
    return {"PATH": str(programs), "PYTHONPATH": path, "HOME": str(programs), "JAVA_HOME": str(programs)}


@pytest.fixture(scope="module")
def pages_folder(request, environment, tmp_path_factory):
    """A folder for the README and each page that is chosen, in which its blocks were run, by one process; beside it what went
    wrong.
    """
    folder = tmp_path_factory.mktemp("pages")
    tests = [test for test in request.session.items if test.path == request.path and hasattr(test, "callspec")]
    pages = {str(test.callspec.params["page"]) for test in tests if "page" in test.callspec.params}
    words = [sys.executable, "-m", "tests.page_blocks", str(folder), *sorted({str(README), *pages})]
    subprocess.run(words, cwd=ROOT, env=environment, timeout=SECONDS, check=False)
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_of_a_page_runs(page, pages_folder):
    folder = pages_folder / page.stem

    assert folder.with_name(f"{page.stem}.status").read_text() == "0", folder.with_name(f"{page.stem}.out").read_text()
    if page.stem in OF_A_PAGE:
        assert (SOURCES / f"{page.stem}.txt").read_text() == skeleton((folder / OF_A_PAGE[page.stem]).read_text()), (
            "make docs draws it again"
        )


def test_the_readmes_last_page_says_what_changed(pages_folder):
    """Its steps in the shell that Debian calls sh; their last one is a gate, which fails."""
    html = (pages_folder / "README" / "tomorrow-report" / "report.html").read_text()
    headline = html.partition("<h1>")[2].partition("</h1>")[0]

    assert "1 of 2 features changed: country" in headline
    assert "33.3 %" in headline


@pytest.mark.parametrize("name", [defer_to_night("checks"), defer_to_night("data"), "operations"])
def test_blocks_that_need_spark_run_where_it_is(name, environment, tmp_path):
    path = os.pathsep.join([environment["PATH"], os.environ["PATH"]])
    variables = {**os.environ, "PATH": path, "PYTHONPATH": environment["PYTHONPATH"]}
    words = [sys.executable, "-m", "tests.page_blocks", "--having", "Spark", str(tmp_path), f"docs/{name}.md"]
    subprocess.run(words, cwd=ROOT, env=variables, timeout=SECONDS, check=False)

    assert (tmp_path / f"{name}.status").read_text() == "0", (tmp_path / f"{name}.out").read_text()


def test_few_blocks_need_what_is_not_here():
    needs = Counter(block.need for page in PAGES for block in read_blocks(page) if block.need)

    assert needs == NEEDS


def test_the_five_pages_come_first_in_the_index():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    links = [line.partition("](")[2].partition(")")[0] for line in index.splitlines() if line.startswith("- [")]

    assert links[:5] == [f"{name}.md" for name in FIVE]


@pytest.mark.parametrize("text", ["- a list:\n\n  ```sh\n  ls\n  ```\n", "```sh\nls\n", "An example:\n\n    ls\n"])
def test_a_block_that_would_be_passed_over_is_a_fault(text, tmp_path):
    (tmp_path / "page.md").write_text(text)

    with pytest.raises(BlockError, match="indented"):
        read_blocks(tmp_path / "page.md")


def test_a_block_says_what_it_needs_and_where_it_is_saved(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("*Needs a cluster.*\n\n```sh\nls\n```\n\nA list. Save this as `a.json`:\n\n```json\n[]\n```\n")

    assert [(block.need, block.saved_as) for block in read_blocks(page)] == [("a cluster", ""), ("", "a.json")]


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
