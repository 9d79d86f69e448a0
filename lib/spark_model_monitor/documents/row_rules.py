"""Parses rules about one row, such as `start <= end` or `total = price * count ± .01`, into trees. Pure.

Python's own parser reads the text and nothing is executed: anything but columns, constants, arithmetic, comparisons and
logic is refused. `data/profiling/expectations.py` evaluates the tree over columns.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

Tree: TypeAlias = tuple[Any, ...]
"""`("column", name)`, `("constant", value)`, or an operation with its operands' trees. Picklable."""

LONGEST = 2000  # characters of a rule, because its tree is walked recursively

NULL = "null"

_TOKEN = re.compile(
    r"(?P<text>'[^']*'|\"[^\"]*\")|`(?P<name>[^`]+)`|(?P<near>±|\+-)|(?P<equal>(?<![<>=!])=(?!=))|(?P<sign>[≤≥≠])"
)
_SIGNS = {"≤": "<=", "≥": ">=", "≠": "!="}
_OPERATIONS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.And: "and",
    ast.Or: "or",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.In: "in",
}
LOGIC = frozenset({"and", "or", "not", "null", "in", "near", "<", "<=", ">", ">=", "==", "!="})  # true or false
_TAKES = (
    "write columns (`Day Mins` between back quotes), numbers, texts, + - * /, comparisons, in, is null, and, or, not"
)


class BadRule(ValueError):
    """A text that is not a rule about a row; the message says why, and what to write."""


def rule_of(text: str) -> Tree:
    """The tree of a rule. Raises BadRule."""
    if len(text) > LONGEST:
        raise BadRule(f"it has {len(text):,} characters; write at most {LONGEST:,}, or several rules")
    names: list[str] = []
    tolerances: list[None] = []

    def plain(token: re.Match[str]) -> str:
        if token["name"]:
            names.append(token["name"])
            return f" __{len(names) - 1}__ "
        if token["near"]:
            tolerances.append(None)
            return ">>"  # precedence: below + and -, above comparisons
        return token["text"] or _SIGNS.get(token["sign"] or "", "==")

    try:
        tree = ast.parse(_TOKEN.sub(plain, text).strip(), mode="eval").body
        if text.count(">>") or len(tolerances) > 1:
            raise BadRule("it has >>, or ± twice; write one ± and a number behind an equation")
        rule = _tree(tree, names)
    except BadRule:
        raise
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise BadRule(f"it is no rule; {_TAKES}") from None
    if not is_logic(rule):
        raise BadRule("it is neither true nor false; compare something, as in a <= b")
    return rule


def is_logic(tree: Tree) -> bool:
    """Whether a tree is true or false for a row."""
    return tree[0] in LOGIC


def columns_of(tree: Tree) -> Iterator[str]:
    """The columns that a rule uses."""
    if tree[0] == "column":
        yield tree[1]
    elif tree[0] != "constant":
        for part in tree[1:]:
            if isinstance(part, tuple):
                yield from columns_of(part)


def _tree(node: ast.AST, names: list[str]) -> Tree:
    if isinstance(node, ast.Name):
        quoted = re.fullmatch(r"__(\d+)__", node.id)
        return ("column", names[int(quoted[1])] if quoted and int(quoted[1]) < len(names) else node.id)
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int | float):
        return ("constant", node.value)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        return (_OPERATIONS[type(node.op)], *_values([node.left, node.right], names))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return ("-", ("constant", 0), *_values([node.operand], names))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return ("not", _logic(node.operand, names))
    if isinstance(node, ast.BoolOp):
        return (_OPERATIONS[type(node.op)], *(_logic(value, names) for value in node.values))
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        each = zip(node.ops, sides, sides[1:], strict=False)
        compared = [_compared(operator, left, right, names) for operator, left, right in each]
        if len(compared) == 1:
            return compared[0]
        return ("and", *compared)
    raise BadRule(f"it has {_called(node)}; {_TAKES}")


def _compared(operator: ast.cmpop, left: ast.AST, right: ast.AST, names: list[str]) -> Tree:
    if isinstance(operator, ast.Is | ast.IsNot):
        if not (isinstance(right, ast.Name) and right.id == NULL):
            raise BadRule("it has `is` before something else than null; write `is null`, or ==")
        is_null: Tree = ("null", *_values([left], names))
        if isinstance(operator, ast.Is):
            return is_null
        return ("not", is_null)
    if isinstance(operator, ast.In | ast.NotIn):
        if isinstance(right, ast.Tuple | ast.List):
            items = right.elts
        else:
            items = []
        if not items or not all(isinstance(item, ast.Constant) for item in items):
            raise BadRule("it has `in` before something else than a list; write in ('a', 'b')")
        each = [("==", *_values([left, item], names)) for item in items]
        listed: Tree = ("or", *each)
        if isinstance(operator, ast.In):
            return listed
        return ("not", listed)
    if isinstance(operator, ast.Eq) and isinstance(right, ast.BinOp) and isinstance(right.op, ast.RShift):
        tolerance = right.right
        if not isinstance(tolerance, ast.Constant) or type(tolerance.value) not in (int, float):
            raise BadRule("behind ± stands no number; write one, as in total = price * count ± .01")
        return ("near", *_values([left, right.left], names), tolerance.value)
    return (_OPERATIONS[type(operator)], *_values([left, right], names))


def _values(nodes: list[Any], names: list[str]) -> list[Tree]:
    trees = [_tree(node, names) for node in nodes]
    if any(map(is_logic, trees)):
        raise BadRule("it calculates with something that is true or false; join conditions by and, or, not")
    return trees


def _logic(node: ast.AST, names: list[str]) -> Tree:
    tree = _tree(node, names)
    if not is_logic(tree):
        raise BadRule("and, or, not stand beside something that is neither true nor false; compare it, as in a <= b")
    return tree


def _called(node: ast.AST) -> str:
    if isinstance(node, ast.Call):
        return f"a call of {ast.unparse(node.func)!r}"
    return {ast.Attribute: "a dot in a name", ast.Subscript: "brackets"}.get(type(node), type(node).__name__)
