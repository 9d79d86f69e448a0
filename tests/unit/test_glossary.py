"""docs/glossary.md names what is there, and types of ours that others use have words of the field for names."""

from __future__ import annotations

import ast
import re
from functools import cache

from tests.floors import FLOORS, PACKAGE, modules

ROOT = PACKAGE.parents[1]
ROW = re.compile(r"^\| ([a-z -]+) \| [^|]+ \| `(\w+)` in `(\w+)` \|$", re.MULTILINE)
PAGE = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")

INSTEAD = {
    "Alike": "Templated",
    "Asked": "Requested",
    "Chance": "Noise",
    "Facts": "Metadata",
    "Fault": "Error",
    "Found": "Result",
    "Half": "Input, Output",
    "Heads": "Prefix",
    "Kept": "Accepted",
    "Known": "Baseline",
    "Nobody": "Default",
    "Place": "Location",
    "Places": "Locations",
    "Remedy": "Hint",
    "Room": "Margin",
    "Sent": "Broadcast",
    "Share": "Fraction",
    "Somebody": "User",
    "Told": "Notified",
}
"""Words of a dialect, and the field's."""

PUBLIC = {"ViolationsFound"}
"""Names that users write, which stay."""


@cache
def defined() -> dict[str, set[str]]:
    """The floors that define each name at the top of a module."""
    names: dict[str, set[str]] = {}
    for module, path in modules().items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            targets = getattr(node, "targets", [getattr(node, "target", None)])
            found = [getattr(node, "name", None), *(getattr(target, "id", None) for target in targets)]
            for name in filter(None, found):
                names.setdefault(name, set()).add(module.split("/")[0])
    return names


@cache
def types() -> dict[str, str]:
    """The classes at the top of modules whose names have no underscore, each with its module."""
    return {
        node.name: module
        for module, path in modules().items()
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    }


def test_the_glossary_fits_on_a_page_and_is_in_order():
    terms = [term for term, _, _ in ROW.findall(PAGE)]

    assert len(PAGE.splitlines()) <= 60
    assert len(terms) > 30
    assert len(terms) == PAGE.count("\n| ") - 1, "a row of docs/glossary.md has another form"
    assert terms == sorted(terms)


def test_what_a_term_is_called_in_code_is_there():
    gone = [
        f"{term}: {name} in {floor}"
        for term, name, floor in ROW.findall(PAGE)
        if floor not in FLOORS or floor not in defined().get(name, ())
    ]

    assert gone == [], "docs/glossary.md: write what these are called now, and on which floor"


def test_types_have_no_words_of_a_dialect_in_their_names():
    against = [
        f"{module}: {name} (instead of {word}: {INSTEAD[word]})"
        for name, module in types().items()
        for word in re.findall(r"[A-Z][a-z]*", name)
        if word in INSTEAD and name not in PUBLIC
    ]

    assert against == []
