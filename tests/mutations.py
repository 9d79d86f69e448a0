"""Damages of one line that a developer could make, drawn from the syntax trees of modules.

A damage changes an operator, a comparison, a constant, a condition, an argument order or a returned value, or drops a
call. Left out is what rarely changes what the package does: annotations, decorators, default values, texts, log lines,
messages of errors, and sizes that only decide how fast something is.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

OPERATORS: dict[type[ast.AST], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.Lt: ("<", ">"),
    ast.LtE: ("<=", ">="),
    ast.Gt: (">", "<"),
    ast.GtE: (">=", "<="),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.In: (" in ", " not in "),
    ast.NotIn: (" not in ", " in "),
    ast.Is: (" is ", " is not "),
    ast.IsNot: (" is not ", " is "),
    ast.And: (" and ", " or "),
    ast.Or: (" or ", " and "),
}
"""An operator as it is written, and what stands in its place."""
BOUNDARIES: dict[type[ast.AST], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
}
"""The same of whole numbers. Fractions are hardly ever equal, so that their boundary may belong to either side."""
MEASURED_WORDS = ("bytes", "seconds")
"""What a name contains whose value is hardly ever equal to another, whole or not."""

OPPOSITES = {"min": "max", "max": "min", "any": "all", "all": "any", "minimum": "maximum", "maximum": "minimum"}
SYMMETRIC = {*OPPOSITES, "isclose", "isinstance", "getattr", "hypot", "union1d", "equal", "not_equal", "and_", "or_"}
"""Functions that return the same with their arguments swapped, or that raise at once."""

EMPTY_VALUES = {"bool": "False", "int": "0", "float": "0.0", "str": '""', "list": "[]", "tuple": "()", "dict": "{}"}
"""What a function returns instead, by the type that it is annotated with."""

SPEED_WORDS = ("BYTES", "SIZE", "SECONDS", "WORKERS", "PIECES", "CACHE", "BLOCK", "CHUNK")
"""Words in the name of a constant that decides how fast something is."""
FLAGS_OF_SPEED = ("strict", "exist_ok", "copy", "zero_copy_only", "missing_ok", "key", "stacklevel", "indent")
FUNCTIONS_OF_TEXT = ("__repr__", "__str__")
SILENT_CALLS = ("log", "logging", "warnings", "gc")

SMALL_NUMBER = 10
"""Up to here a whole number becomes the next one; a larger one doubles."""


@dataclass(frozen=True)
class Damage:
    """A damaged line. kind: what is damaged. line: its number, from 1 on. old, new: the whole line."""

    file: Path
    kind: str
    line: int
    old: str
    new: str

    def apply_to(self, text: str) -> str:
        """The file's text with the damage."""
        lines = text.splitlines(keepends=True)
        lines[self.line - 1] = lines[self.line - 1].replace(self.old, self.new)
        return "".join(lines)


@dataclass(frozen=True)
class Replacement:
    """What stands between two columns of a line, in bytes as syntax trees count them, and what is put there instead."""

    kind: str
    line: int
    start: int
    end: int
    new: str


def draw_damages(files: Sequence[Path], seed: int, count: int) -> list[Damage]:
    """Damages of so many different lines: the kinds take turns, and within a kind each site has the same chance."""
    rng = random.Random(seed)
    sites: dict[str, list[Damage]] = {}
    for file in files:
        for damage in find_damages(file):
            sites.setdefault(damage.kind, []).append(damage)
    for damages in sites.values():
        rng.shuffle(damages)
    drawn: dict[tuple[Path, int], Damage] = {}
    while len(drawn) < count and any(sites.values()):
        for kind in sorted(sites):
            if sites[kind] and len(drawn) < count:
                damage = sites[kind].pop()
                if is_program(damage.apply_to(damage.file.read_text(encoding="utf-8"))):
                    drawn.setdefault((damage.file, damage.line), damage)
    return list(drawn.values())


def find_damages(file: Path) -> Iterator[Damage]:
    """Every damage of a file, of which a few are no programs."""
    text = file.read_text(encoding="utf-8")
    lines = text.splitlines()
    for replacement in propose_replacements(ast.parse(text), lines):
        old_line = lines[replacement.line - 1]
        old_bytes = old_line.encode()
        new_line = (old_bytes[: replacement.start] + replacement.new.encode() + old_bytes[replacement.end :]).decode()
        if new_line != old_line:
            yield Damage(file, replacement.kind, replacement.line, old_line, new_line)


def is_program(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def propose_replacements(tree: ast.Module, lines: Sequence[str]) -> Iterator[Replacement]:
    whole_constants = find_whole_constants(tree)
    least_divisors = find_least_divisors(tree)
    for function_type, node in walk_code(tree, ""):
        if isinstance(node, ast.BinOp):
            if not (is_text(node.left) or is_text(node.right)):
                yield from replace_operator(node.left, node.op, node.right, lines, OPERATORS)
        elif isinstance(node, ast.Compare):
            if len(node.ops) == 1:
                right = node.comparators[0]
                are_whole = is_whole(node.left, whole_constants) or is_whole(right, whole_constants)
                are_whole &= not (is_measured(node.left) or is_measured(right))
                operators = OPERATORS | BOUNDARIES if are_whole else OPERATORS
                yield from replace_operator(node.left, node.ops[0], right, lines, operators)
        elif isinstance(node, ast.BoolOp):
            yield from replace_operator(node.values[0], node.op, node.values[1], lines, OPERATORS)
        elif isinstance(node, ast.UnaryOp):
            if isinstance(node.op, (ast.Not, ast.USub)) and node.lineno == node.operand.lineno:
                yield Replacement("dropped sign", node.lineno, node.col_offset, node.operand.col_offset, "")
        elif isinstance(node, ast.Constant):
            if node not in least_divisors:
                yield from replace_constant(node)
        elif isinstance(node, (ast.If, ast.IfExp, ast.While)):
            if isinstance(node.test, (ast.Name, ast.Attribute, ast.Call)):
                yield from replace_node("negated condition", node.test, lines, "not {}")
        elif isinstance(node, ast.Call):
            yield from replace_call(node, lines)
        elif isinstance(node, ast.Expr):
            if isinstance(node.value, ast.Call):
                yield from replace_node("dropped call", node.value, lines, "pass")
        elif isinstance(node, ast.Return) and node.value is not None and function_type in EMPTY_VALUES:
            yield from replace_node("returned default", node.value, lines, EMPTY_VALUES[function_type])


def walk_code(node: ast.AST, function_type: str) -> Iterator[tuple[str, ast.AST]]:
    """Every node that may be damaged, with the type that its function returns."""
    for child in ast.iter_child_nodes(node):
        if is_left_out(child):
            continue
        if isinstance(child, ast.FunctionDef):
            if child.returns is None:
                returned = ""
            else:
                returned = ast.unparse(child.returns)
            for statement in child.body:
                yield from walk_statement(statement, returned.partition("[")[0])
        elif isinstance(child, ast.AnnAssign):
            if child.value is not None:
                yield from walk_statement(child.value, function_type)
        elif isinstance(child, ast.ClassDef):
            # The default of a field is often overridden by everyone
            for statement in child.body:
                if not isinstance(statement, ast.AnnAssign):
                    yield from walk_statement(statement, "")
        else:
            yield function_type, child
            yield from walk_code(child, function_type)


def walk_statement(statement: ast.AST, function_type: str) -> Iterator[tuple[str, ast.AST]]:
    return walk_code(ast.Module([statement], []), function_type)


def is_left_out(node: ast.AST) -> bool:
    """Whether a damage of the node is seldom one of what the package does."""
    if isinstance(node, (ast.Raise, ast.Assert, ast.JoinedStr, ast.arguments)):
        return True
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING"
    if isinstance(node, ast.FunctionDef):
        return node.name in FUNCTIONS_OF_TEXT
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return ast.unparse(node.value.func).partition(".")[0] in SILENT_CALLS
    if isinstance(node, ast.Assign):
        target = ast.unparse(node.targets[0])
        return target.isupper() and any(word in target for word in SPEED_WORDS)
    return isinstance(node, ast.keyword) and node.arg in FLAGS_OF_SPEED


def is_text(node: ast.AST) -> bool:
    """Whether an operand is a text, a list or a type, so that another operator fails at once."""
    if isinstance(node, ast.Constant):
        return not isinstance(node.value, (int, float))
    if isinstance(node, ast.Name):
        return node.id.istitle() or not (node.id.isupper() or node.id.islower())
    return isinstance(node, (ast.JoinedStr, ast.List, ast.Dict, ast.Tuple))


def find_whole_constants(tree: ast.Module) -> set[str]:
    """The names that a module gives to whole numbers."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and type(node.value.value) is int:
            names.update(ast.unparse(target) for target in node.targets)
    return names


def find_least_divisors(tree: ast.Module) -> set[ast.expr]:
    """The constants of divisors such as `max(rows, 1)`: they only matter where there is nothing to divide."""
    constants: set[ast.expr] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Div, ast.FloorDiv)):
            divisor = node.right
            if isinstance(divisor, ast.Call) and ast.unparse(divisor.func) == "max":
                constants.update(argument for argument in divisor.args if isinstance(argument, ast.Constant))
    return constants


def is_measured(node: ast.expr) -> bool:
    """Whether an operand is a size or a time, by its name."""
    return isinstance(node, (ast.Name, ast.Attribute)) and any(word in ast.unparse(node) for word in MEASURED_WORDS)


def is_whole(node: ast.expr, whole_constants: Collection[str]) -> bool:
    """Whether an operand is a whole number, by its looks."""
    if isinstance(node, ast.Constant):
        return type(node.value) is int
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) == "len"
    return isinstance(node, ast.Name) and node.id in whole_constants


def replace_operator(
    left: ast.expr,
    operator: ast.AST,
    right: ast.expr,
    lines: Sequence[str],
    operators: Mapping[type[ast.AST], tuple[str, str]],
) -> Iterator[Replacement]:
    if type(operator) not in operators or left.end_lineno != right.lineno:
        return
    start = left.end_col_offset or 0
    written, replaced = operators[type(operator)]
    between = lines[right.lineno - 1].encode()[start : right.col_offset].decode()
    if between.count(written) == 1:
        new = between.replace(written, replaced)
        yield Replacement(type(operator).__name__, right.lineno, start, right.col_offset, new)


def replace_constant(node: ast.Constant) -> Iterator[Replacement]:
    if isinstance(node.value, bool):
        new = str(not node.value)
    elif isinstance(node.value, int):
        new = str(node.value + 1 if node.value <= SMALL_NUMBER else node.value * 2)
    elif isinstance(node.value, float):
        new = str(node.value * 2 or 1.0)
    else:
        return
    kind = f"{type(node.value).__name__} constant"
    yield Replacement(kind, node.lineno, node.col_offset, node.end_col_offset or 0, new)


def replace_call(node: ast.Call, lines: Sequence[str]) -> Iterator[Replacement]:
    function = node.func
    if isinstance(function, ast.Attribute):
        name = function.attr
    else:
        name = ast.unparse(function)
    if name in OPPOSITES and function.end_lineno is not None:
        end = function.end_col_offset or 0
        yield Replacement("opposite function", function.end_lineno, end - len(name), end, OPPOSITES[name])
    arguments = node.args[:2]
    are_names = all(isinstance(argument, (ast.Name, ast.Attribute)) for argument in arguments)
    if len(arguments) == 2 and are_names and name not in SYMMETRIC and arguments[0].lineno == arguments[1].lineno:
        first, second = arguments
        swapped = f"{ast.unparse(second)}, {ast.unparse(first)}"
        yield Replacement("swapped arguments", first.lineno, first.col_offset, second.end_col_offset or 0, swapped)


def replace_node(kind: str, node: ast.expr, lines: Sequence[str], new: str) -> Iterator[Replacement]:
    """new: with {} where the node's text goes."""
    if node.lineno == node.end_lineno:
        end = node.end_col_offset or 0
        old = lines[node.lineno - 1].encode()[node.col_offset : end].decode()
        yield Replacement(kind, node.lineno, node.col_offset, end, new.format(old))
