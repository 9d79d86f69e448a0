"""What is wrong where a tree has more than its ceilings, in sentences that say what to write instead."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath

from tests.plain_ceilings import (
    RATES,
    SIZE,
    TABLE,
    Figures,
    Key,
    Use,
    find_area,
    find_folder,
    find_old_lines,
    find_rate_ceiling,
    format_table,
    read_table,
)
from tests.plain_measures import MAXIMUM_LOCALS
from tests.plain_terms import propose_class_name, propose_function_name, propose_local_name

GLOSSARY_ROW = re.compile(r"^\| ([a-z -]+) \| [^|]+ \| `(\w+)` in `(\w+)` \|$", re.MULTILINE)
SHOWN = 3
"""How many places or examples a sentence names at most."""

Line = tuple[str, int]
"""The path of a file, and the number of a line."""


def find_problems(figures: Figures, table: str, added_lines: Collection[Line] = (), glossary: str = "") -> list[str]:
    """A sentence for each figure above its ceiling, and one if the table is above today's figures.

    added_lines: those that are new. What stands there is named rather than what was there already.
    """
    ceilings = read_table(table)
    problems = []
    for key, uses in sorted(figures.uses.items()):
        ceiling = int(ceilings.get(key, 0))
        if len(uses) > ceiling:
            problems += _describe_uses(key, sorted(uses), ceiling, added_lines, glossary)
    for folder in sorted(figures.totals):
        problems += _describe_rates(folder, figures, ceilings, added_lines)
    for room, tokens in sorted(figures.sizes.items()):
        ceiling = int(ceilings.get(Key(room, SIZE, "-"), tokens))
        if tokens > ceiling:
            problems.append(
                f"{room} has {tokens:,} tokens, at most {ceiling:,}. Take out what your change replaces, "
                "or call what does the job already."
            )
    old_lines = find_old_lines(ceilings, figures)
    if old_lines or table != format_table(ceilings):
        examples = ", ".join(" ".join(key) for key in old_lines[:SHOWN]) or "their order"
        problems.append(
            f"{TABLE}: {len(old_lines)} of its lines are not today's ({examples}). "
            "Run `python -m tests.plain --lower`, and commit the table with your change."
        )
    return problems


def _describe_uses(key: Key, uses: list[Use], ceiling: int, added_lines: Collection[Line], glossary: str) -> list[str]:
    """A sentence for each new use. If none is known to be new, one that names some of all."""
    limit = f"({key.folder} has {len(uses)}, at most {ceiling})"
    new_uses = [use for use in uses if (use.path, use.line) in added_lines]
    if new_uses:
        return [f"{use.path}:{use.line}: {_describe_use(key, use, uses, glossary)} {limit}" for use in new_uses[:SHOWN]]
    locations = ", ".join(f"{use.path}:{use.line}" for use in uses[:SHOWN])
    more = " or elsewhere" if len(uses) > SHOWN else ""
    return [f"{locations}{more}: {_describe_use(key, uses[0], uses, glossary)} {limit}"]


def _describe_use(key: Key, use: Use, uses: list[Use], glossary: str) -> str:
    """What is wrong with a name, and what to write."""
    if key.measure == "function":
        return f"The function `{use.name}` doesn't say what it does. {propose_function_name(use.name)}"
    if key.measure == "class":
        return f"The class `{use.name}` doesn't say what it is. {propose_class_name(use.name)}"
    if key.measure == "local":
        return f"`{use.name}` doesn't say what it holds. {propose_local_name(use.name)}"
    if key.measure == "generic":
        return f"`{use.name}` would fit anything. {propose_local_name(use.name)}"
    if key.measure == "dense":
        return (
            f"`{use.name}` has more than {MAXIMUM_LOCALS} locals in a row without a comment. "
            "Put a comment above each step, or make a dataclass of what travels together."
        )
    if key.measure == "loose":
        return f"`{use.name}` has `Any` or `object` in its signature. Write the type."
    other_paths = ", ".join(sorted({path for path, _, _ in uses if path != use.path})[:SHOWN])
    if key.measure == "same file":
        folder = PurePosixPath(use.path).parent.name
        return f"`{use.name}` is also the name of {other_paths}. Say of what in the file's name, such as `{folder}_{use.name}`."
    definition = _quote_glossary(use.name, glossary)
    return f"`{use.name}` is also a class in {other_paths}. Say of what in its name.{definition}"


def _quote_glossary(name: str, glossary: str) -> str:
    for term, code_name, floor in GLOSSARY_ROW.findall(glossary):
        if code_name == name:
            return f" In docs/concepts.md it is the {term} in `{floor}`."
    return ""


def _describe_rates(
    folder: str, figures: Figures, ceilings: Mapping[Key, float], added_lines: Collection[Line]
) -> list[str]:
    totals = figures.totals[folder]
    changed_files = sorted({path for path, _ in added_lines if folder in (find_folder(path), find_area(path))})
    location = ", ".join(changed_files[:SHOWN]) or folder
    problems = []
    for rate in RATES.values():
        figure = rate.compute(totals)
        ceiling = find_rate_ceiling(ceilings, Key(folder, rate.measure, "-"), figure)
        if totals[rate.denominator] and rate.is_exceeded(ceiling, totals):
            limit = "at least" if rate.is_floor else "at most"
            problems.append(
                f"{location}: {rate.description} are {figure:.4g}, {limit} {ceiling:.4g} in {folder}. {rate.advice}"
            )
    return problems
