"""The words of docs/concepts.md name what is there."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest
from tests.floors import FLOORS, PACKAGE, modules

ROOT = PACKAGE.parents[1]
ROW = re.compile(r"^\| ([a-z -]+) \| [^|]+ \| `(\w+)` in `(\w+)` \|$", re.MULTILINE)
PAGE = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8").partition("## Words")[2]


@cache
def defined() -> dict[str, set[str]]:
    """The floors that define each name at the top of a module."""
    names: dict[str, set[str]] = {}
    for module, path in modules().items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            targets = getattr(node, "targets", [getattr(node, "target", None)])
            assigned = [getattr(node, "name", None), *(getattr(target, "id", None) for target in targets)]
            for name in filter(None, assigned):
                names.setdefault(name, set()).add(module.split("/")[0])
    return names


def test_the_glossary_fits_on_a_page_and_is_in_order():
    terms = [term for term, _, _ in ROW.findall(PAGE)]

    assert len(PAGE.splitlines()) <= 60
    assert len(terms) > 30
    assert len(terms) == PAGE.count("\n| ") - 1, "a row of docs/concepts.md has another form"
    assert terms == sorted(terms)


@pytest.mark.long
def test_what_a_term_is_called_in_code_is_there():
    gone = [
        f"{term}: {name} in {floor}"
        for term, name, floor in ROW.findall(PAGE)
        if floor not in FLOORS or floor not in defined().get(name, ())
    ]

    assert gone == [], "docs/concepts.md: write what these are called now, and on which floor"
