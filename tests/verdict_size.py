"""How much a verdict consists of: `python -m tests.verdict_size [--list]`.

It prints:
  numbers       that decide: module-level constants with a numeric value, and numbers other than 0, 1, 2 and -1 elsewhere
  withholding   places that withhold a verdict: calls of a finding's `without_verdict`, `not_judged` and `as_cannot_tell`, other
                uses of such a status, and calls of functions that are given the reason
  members       of `CheckResult` and its parts
  rows          files that define something for rows in groups
  tokens        of each room, as `tests.plain` counts them

`--list` also names each place.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from tests.plain_measures import count_tokens

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "lib/spark_model_monitor"
ROOMS = ("statistics/verdicts", "statistics/drift", "monitors/data_quality")
HISTORY = ("reports/history/history_file.py", "reports/history/baseline_extension.py")
PAGES = tuple(f"monitors/data_quality/{folder}/" for folder in ("hints", "causes", "report", "baseline"))
"""Of a room, but they decide nothing."""
WITHHOLDING_ROOMS = ("statistics/verdicts", "monitors/data_quality")
ORDINARY_NUMBERS = (0, 1, 2, -1)
WITHHOLDING_CALLS = frozenset({"without_verdict", "not_judged", "as_cannot_tell"})
WITHHOLDING_STATUSES = frozenset({"CANNOT_TELL", "NOT_JUDGED"})
GROUP_WORDS = ("design_effect", "designeffect", "intra_class", "intraclass", "group_column", "rows_in_group")
RECORD = ("documents/check_results.py", "CheckResult")


class CodeLocation(NamedTuple):
    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


Finder: TypeAlias = Callable[[str, ast.Module], Iterator[CodeLocation]]


def main(words: Sequence[str], root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.verdict_size", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--list", action="store_true", help="name each place, too")
    options = parser.parse_args(words)
    package = root / PACKAGE
    occurrences = {
        "numbers that decide, named": list_occurrences(package, find_named_numbers),
        "numbers that decide, literal": list_occurrences(package, find_literal_numbers),
        "calls that withhold a verdict": list_occurrences(package, find_withholding_calls),
        "places that withhold a verdict": list_withholding(package),
        "members of CheckResult": list_members(package),
        "files for rows in groups": list_group_files(package),
    }
    for title, occurrences_of_title in occurrences.items():
        print(f"{title:32} {len(occurrences_of_title):7,}   {describe_rooms(occurrences_of_title)}")
        for occurrence in occurrences_of_title if options.list else ():
            print(f"    {occurrence}")
    tokens = {room: count_tokens_below(package / room) for room in ROOMS}
    rooms = ", ".join(f"{room} {count:,}" for room, count in tokens.items())
    print(f"{'tokens of the rooms':32} {sum(tokens.values()):7,}   {rooms}")
    return 0


def describe_rooms(occurrences: Sequence[CodeLocation]) -> str:
    counts = Counter("/".join(occurrence.path.split("/")[:2]) for occurrence in occurrences)
    return ", ".join(f"{room} {count}" for room, count in counts.items())


def read_trees(package: Path, rooms: Sequence[str]) -> dict[str, ast.Module]:
    """The syntax trees of the rooms, by the path below the package."""
    files: list[Path] = []
    for room in rooms:
        files += [package / room] if room.endswith(".py") else sorted((package / room).rglob("*.py"))
    return {file.relative_to(package).as_posix(): ast.parse(file.read_text(encoding="utf-8")) for file in files}


def count_tokens_below(folder: Path) -> int:
    counts: Counter[str] = Counter()
    for file in folder.rglob("*.py"):
        count_tokens(file.read_text(encoding="utf-8"), counts)
    return counts["tokens"]


def list_occurrences(package: Path, find: Finder) -> list[CodeLocation]:
    """What is found in the modules that decide."""
    trees = read_trees(package, (*ROOMS, *HISTORY))
    occurrences: list[CodeLocation] = []
    for path, tree in trees.items():
        if not path.startswith(PAGES):
            occurrences += find(path, tree)
    return occurrences


# Numbers


def find_named_numbers(path: str, tree: ast.Module) -> Iterator[CodeLocation]:
    """Constants of a module whose value is a number, or computed of numbers alone."""
    for statement in tree.body:
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and is_number(statement.value):
            yield CodeLocation(path, statement.lineno, ast.unparse(statement))


def is_number(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Constant):
        return isinstance(value.value, (int, float)) and not isinstance(value.value, bool)
    if isinstance(value, ast.UnaryOp):
        return is_number(value.operand)
    return isinstance(value, ast.BinOp) and is_number(value.left) and is_number(value.right)


def find_literal_numbers(path: str, tree: ast.Module) -> Iterator[CodeLocation]:
    """Numbers in functions, classes and tables, but for those that stand everywhere."""
    for statement in tree.body:
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and is_number(statement.value):
            continue
        for node in ast.walk(statement):
            if isinstance(node, ast.Constant) and is_number(node) and node.value not in ORDINARY_NUMBERS:
                yield CodeLocation(path, node.lineno, repr(node.value))


# Verdicts that are withheld


def find_withholding_calls(path: str, tree: ast.Module) -> Iterator[CodeLocation]:
    """Calls of a finding's methods alone."""
    for node in ast.walk(tree):
        if not path.startswith(WITHHOLDING_ROOMS) or not isinstance(node, ast.Call):
            continue
        if name_function(node) in WITHHOLDING_CALLS:
            yield CodeLocation(path, node.lineno, ast.unparse(node))


def list_withholding(package: Path) -> list[CodeLocation]:
    """Those calls, other uses of such a status, and calls of functions that pass a reason on instead of these functions'."""
    trees = read_trees(package, WITHHOLDING_ROOMS)
    functions: list[ast.FunctionDef] = []
    for tree in trees.values():
        functions += [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    names = set(WITHHOLDING_CALLS) | {"undecided"}
    inner_calls: set[ast.AST] = set()
    # A helper may call another
    while True:
        helpers = {
            function.name: call
            for function in functions
            for call in ast.walk(function)
            if is_withholding(call, names) and passes_reason_on(function, call)
        }
        inner_calls.update(helpers.values())
        if helpers.keys() <= names:
            break
        names |= helpers.keys()
    locations: list[CodeLocation] = []
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if node not in inner_calls and is_withholding(node, names):
                locations.append(CodeLocation(path, node.lineno, ast.unparse(node)))
    return locations


def is_withholding(node: ast.AST, names: set[str]) -> bool:
    """Whether a verdict is withheld: by a call, or by a status that is given or assigned rather than compared."""
    if isinstance(node, ast.Call):
        values = [*node.args, *(keyword.value for keyword in node.keywords)]
        return name_function(node) in names or any(map(is_withholding_status, values))
    if isinstance(node, (ast.Assign, ast.Return)):
        return is_withholding_status(node.value)
    return False


def is_withholding_status(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Attribute) and value.attr in WITHHOLDING_STATUSES


def passes_reason_on(function: ast.FunctionDef, call: ast.AST) -> bool:
    """Whether the reason of a call is an argument of the function around it, whose callers then say why."""
    if not isinstance(call, ast.Call):
        return False
    arguments = {argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)}
    reasons = [keyword.value for keyword in call.keywords if keyword.arg == "reason"] or call.args
    return any(isinstance(reason, ast.Name) and reason.id in arguments and "reason" in reason.id for reason in reasons)


def name_function(call: ast.Call) -> str:
    return ast.unparse(call.func).rsplit(".")[-1]


# The record, and rows in groups


def list_members(package: Path) -> list[CodeLocation]:
    path, name = RECORD
    tree = ast.parse((package / path).read_text(encoding="utf-8"))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    # Its own members, and those of its parts
    parts = [classes[name], *(classes[base.id] for base in classes[name].bases if getattr(base, "id", "") in classes)]
    members = [member for part in parts for member in part.body if isinstance(member, ast.AnnAssign)]
    return [CodeLocation(path, member.lineno, ast.unparse(member)) for member in members]


def list_group_files(package: Path) -> list[CodeLocation]:
    """The files of verdicts that define a function or a class for rows in groups, each with the first one."""
    occurrences: dict[str, CodeLocation] = {}
    for path, tree in read_trees(package, WITHHOLDING_ROOMS).items():
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and any(
                word in node.name.lower() for word in GROUP_WORDS
            ):
                occurrences.setdefault(path, CodeLocation(path, node.lineno, node.name))
    return [*occurrences.values()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
