"""docs/capabilities.md is of this tree."""

from __future__ import annotations

import pytest
from tests.capabilities import ABOUT, PACKAGE, PAGE, ROOT, TESTS, format_table, read_capabilities

NUMBER_COLUMNS = slice(3, 5)  # of a row that is cut at each bar: lines and tests


def list_paths(folder):
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*.py")]


def test_each_capability_has_rooms_tests_and_a_page():
    modules = list_paths(PACKAGE)
    tests = list_paths(TESTS)
    gone = []
    for capability in read_capabilities():
        gone += [room for room in capability.rooms if not any(module.startswith(room) for module in modules)]
        gone += [folder for folder in capability.tests if not any(test.startswith(folder) for test in tests)]
        gone += [capability.page] * (not (ROOT / "docs" / f"{capability.page}.md").is_file())

    assert gone == []


def read_rows(table):
    """The cells of each line, by its capability."""
    rows = [line.split("|") for line in table.splitlines() if line.startswith("|[")]
    return {row[1]: row for row in rows}


def test_the_page_is_what_the_program_writes():
    """Its numbers may be a tenth off: they change with each commit."""
    page = PAGE.read_text(encoding="utf-8")
    written = read_rows(page)
    computed = read_rows(format_table())

    assert page.startswith(ABOUT)
    assert written.keys() == computed.keys(), "run `python -m tests.capabilities`"
    for name, cells in computed.items():
        numbers = [int(cell.replace(",", "")) for cell in written[name][NUMBER_COLUMNS]]
        expected = [int(cell.replace(",", "")) for cell in cells[NUMBER_COLUMNS]]
        assert numbers == pytest.approx(expected, rel=0.1, abs=5), "run `python -m tests.capabilities`"
        del cells[NUMBER_COLUMNS], written[name][NUMBER_COLUMNS]
        assert written[name] == cells
