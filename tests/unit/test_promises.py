"""Each promise of three pages names the test that shows it: a comment at the end of its paragraph, list or table.

`<!-- tested by: tests/x/test_y.py::test_z, tests/a.py -->`, or `<!-- not tested: what -->`, or `<!-- no promise -->`.
A table may have a column with its tests instead.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("docs/guarantees.md", "docs/operations.md", "SECURITY.md")
COMMENT = re.compile(r"<!-- (tested by: |not tested: |no promise)(.*?) -->", re.DOTALL)
TEST_COLUMN = re.compile(r"\| tests \|$")
REFERENCE = re.compile(r"\btests(?:/[\w.]+)+(?:::\w+)?")


def read_blocks(text):
    """The paragraphs, lists and tables, each with the comments at its end; neither headings nor code, nor what a block needs."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    blocks = []
    for block in re.split(r"\n{2,}", text.strip()):
        if block.startswith("<!--") and blocks:
            blocks[-1] += f"\n{block}"
        elif not block.startswith(("#", "    ", "*Needs ")):
            blocks.append(block)
    return blocks


def find_unmarked(text):
    """The beginnings of the blocks that end without a comment, and without a column of tests."""
    unmarked = []
    for block in read_blocks(text):
        first_line = block.partition("\n")[0]
        ends_with_comment = block.rstrip().endswith("-->") and COMMENT.search(block) is not None
        if not ends_with_comment and TEST_COLUMN.search(first_line) is None:
            unmarked.append(first_line)
    return unmarked


def find_missing(text, root):
    """The references to tests that aren't there."""
    missing = []
    for reference in REFERENCE.findall(text):
        name, _, function = reference.partition("::")
        path = root / name
        if not path.exists():
            missing.append(reference)
        elif function:
            names = {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}
            if function not in names:
                missing.append(reference)
    return missing


@pytest.mark.parametrize("page", PAGES)
def test_each_promise_names_its_test(page):
    assert find_unmarked((ROOT / page).read_text()) == []


@pytest.mark.parametrize("page", PAGES)
def test_each_named_test_is_there(page):
    text = (ROOT / page).read_text()

    assert find_missing(text, ROOT) == []
    for kind, references in COMMENT.findall(text):
        if kind == "tested by: ":
            assert all(REFERENCE.fullmatch(reference) for reference in references.split(", ")), references


@pytest.mark.parametrize("page", PAGES)
def test_each_row_of_a_table_with_a_column_of_tests_names_one(page):
    for block in read_blocks((ROOT / page).read_text()):
        header, *rows = block.splitlines()
        if TEST_COLUMN.search(header):
            assert all(REFERENCE.search(row.rpartition(" | ")[2]) for row in rows[1:]), header


def test_a_sentence_without_a_comment_and_a_test_that_is_gone_are_found(tmp_path):
    text = "# Title\n\nA promise.\n<!-- tested by: tests/test_a.py::test_b -->\n\nAnother.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text("def test_c():\n    pass\n")

    assert find_unmarked(text) == ["Another.", "| a | b |"]
    assert find_missing(text, tmp_path) == ["tests/test_a.py::test_b"]
