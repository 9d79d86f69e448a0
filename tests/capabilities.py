"""What the package can do, as a table: `python -m tests.capabilities` writes docs/capabilities.md.

tests/capabilities.tsv names each with its page of docs/, its rooms (beginnings of paths below the package), its tests (of
paths below tests/) and a public thread that asks for it. A module belongs to the capability with the longest beginning of
its path; tests likewise.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "capabilities.md"
TABLE = ROOT / "tests" / "capabilities.tsv"
PACKAGE = ROOT / "lib" / "spark_model_monitor"
TESTS = ROOT / "tests"
ABOUT = "# Capabilities\n\n`python -m tests.capabilities` writes it.\n\n"
TITLES = ("capability", "rooms", "lines", "tests", "in tests/", "request")


class Capability(NamedTuple):
    """A line of the table. request: as `owner/name#number`; empty if none is known."""

    name: str
    page: str
    rooms: tuple[str, ...]
    tests: tuple[str, ...]
    request: str


def read_capabilities() -> list[Capability]:
    """Those of the table, a line each."""
    with TABLE.open(encoding="utf-8", newline="") as lines:
        return [
            Capability(
                line["capability"],
                line["page"],
                tuple(line["rooms"].split(",")),
                tuple(line["tests"].split(",")),
                line["request"],
            )
            for line in csv.DictReader(lines, delimiter="\t", restval="")
        ]


def find_name(path: str, names_by_beginning: Mapping[str, str]) -> str:
    """The capability with the longest beginning of a path; the one of all paths has an empty one."""
    beginnings = [beginning for beginning in names_by_beginning if path.startswith(beginning)]
    return names_by_beginning[max(beginnings, key=len)]


def count_lines(capabilities: Sequence[Capability]) -> Counter[str]:
    """The lines of the package by capability."""
    names = {room: capability.name for capability in capabilities for room in capability.rooms}
    lines: Counter[str] = Counter()
    for file in sorted(PACKAGE.rglob("*.py")):
        name = find_name(file.relative_to(PACKAGE).as_posix(), names)
        lines[name] += len(file.read_text(encoding="utf-8").splitlines())
    return lines


def count_tests(capabilities: Sequence[Capability]) -> Counter[str]:
    """The functions that test, by capability."""
    names = {folder: capability.name for capability in capabilities for folder in capability.tests}
    tests: Counter[str] = Counter()
    for file in sorted(TESTS.rglob("test_*.py")):
        name = find_name(file.relative_to(TESTS).as_posix(), names)
        text = file.read_text(encoding="utf-8")
        tests[name] += len(re.findall(r"^def test_", text, re.MULTILINE))
    return tests


def format_table() -> str:
    """A line for each capability, the largest first."""
    capabilities = read_capabilities()
    lines = count_lines(capabilities)
    tests = count_tests(capabilities)
    rows = [TITLES, ("---", "---", "---:", "---:", "---", "---")]
    for capability in sorted(capabilities, key=lambda capability: -lines[capability.name]):
        request = "–"
        if capability.request:
            repository, _, number = capability.request.partition("#")
            request = f"[{capability.request}](https://github.com/{repository}/issues/{number})"
        rooms = ",".join(capability.rooms) or "others"
        counts = (f"{lines[capability.name]:,}", f"{tests[capability.name]:,}")
        # Beginnings of paths, without blanks between them
        folders = ",".join(capability.tests) or "others"
        rows.append((f"[{capability.name}]({capability.page}.md)", rooms, *counts, folders, request))
    return "".join(f"|{'|'.join(row)}|\n" for row in rows)


if __name__ == "__main__":
    PAGE.write_text(ABOUT + format_table(), encoding="utf-8")
