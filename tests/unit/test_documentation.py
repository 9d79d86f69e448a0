"""The documentation's links lead somewhere, and the commands it names exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    page for pattern in ("*.md", "docs/**/*.md", "benchmarks/*.md", "examples/**/*.md") for page in ROOT.glob(pattern)
]
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")
TARGET = re.compile(r"^([a-z]+):.*## ", re.MULTILINE)
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)


@pytest.mark.parametrize("page", sorted(PAGES), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(page):
    missing = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]

    assert missing == []


@pytest.mark.parametrize("page", sorted(PAGES), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_and_job_in_a_command_exists(page):
    targets = set(TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    code = "\n".join(CODE.findall(page.read_text(encoding="utf-8")))

    assert set(re.findall(r"\bmake ([a-z]+)\b", code)) <= targets
    assert all((ROOT / job).is_file() for job in re.findall(r"\bjobs/\w+\.py\b", code))
