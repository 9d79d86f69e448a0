"""The documentation stays short, and says once what holds everywhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

FIVE_PAGES = ("first-data-set", "alarm", "gates", "schedules", "when-does-it-alarm")
"""The pages that are enough for a user."""

MAX_WORDS = {
    "README.md": 600,
    "docs/*.md": 40_000,
    "docs/reference/*.md": 22_000,
    "docs/decisions/*.md": 12_000,
    "CHANGELOG.md": 1_500,
    "CONTRIBUTING.md": 2_500,
    "benchmarks/README.md": 6_000,
}
MAX_WORDS_OF_THE_FIVE_PAGES = 6_000
WORDS_OF_A_FILE = 80
"""What a row of docs/files.md may have at most."""

STATUSES = re.compile(r"^\| 0 \| completed", re.MULTILINE)
SAME_BYTES = re.compile(r"^(?!\|).*(same bytes|byte for byte|to the byte)", re.IGNORECASE | re.MULTILINE)
"""Not in rows of tables: docs/engines.md has a table, made by a program, of where the bytes are the same."""
ONCE = {"the table of exit statuses": (STATUSES, "docs/jobs.md"), "same bytes": (SAME_BYTES, "docs/guarantees.md")}


def find_pages(pattern: str) -> list[Path]:
    return sorted(ROOT.glob(pattern))


def count_words(page: Path) -> int:
    """Words as `wc -w` counts them, signs of tables and code included."""
    return len(page.read_text(encoding="utf-8").split())


@pytest.mark.parametrize("pattern", MAX_WORDS)
def test_the_documentation_stays_short(pattern):
    pages = find_pages(pattern)
    words = sum(map(count_words, pages))
    longest = sorted(pages, key=count_words)[-3:]

    assert pages
    assert words <= MAX_WORDS[pattern], f"{pattern}: cut {words - MAX_WORDS[pattern]} words, as of {longest}"


def test_the_five_pages_take_an_hour():
    words = sum(count_words(ROOT / "docs" / f"{page}.md") for page in FIVE_PAGES)

    assert words <= MAX_WORDS_OF_THE_FIVE_PAGES, f"cut {words - MAX_WORDS_OF_THE_FIVE_PAGES} words of {FIVE_PAGES}"


def test_a_file_has_a_row_of_few_words():
    page = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
    rows = [row for row in page.splitlines() if row.startswith(("| `", "| of "))]

    assert len(rows) > 25
    assert [row for row in rows if len(row.split()) > WORDS_OF_A_FILE] == []
    assert [row for row in rows if row.count(" | ") != 3] == [], "each row says who writes a file, and who reads it"


@pytest.mark.parametrize("name", ONCE)
def test_what_holds_everywhere_is_said_once(name):
    pattern, page = ONCE[name]
    pages = [str(path.relative_to(ROOT)) for path in find_pages("docs/*.md") if pattern.search(path.read_text("utf-8"))]

    assert pages == [page], f"link to {page} instead"
