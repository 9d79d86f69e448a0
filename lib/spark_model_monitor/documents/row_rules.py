"""Parses rules about one row, such as `start <= end` or `total = price * count ± .01`, into trees. Pure.

Python's own parser reads the text, and nothing is executed. Only columns, constants, arithmetic, comparisons and logic are
accepted. `data/profiling/rule_scan.py` evaluates the tree on columns.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

Tree: TypeAlias = tuple[Any, ...]
"""`("column", name)`, `("constant", value)`, or an operation followed by the trees of its operands. Picklable.

Rules in files may also contain `("in", column, texts, numbers)`, `("match", column, pattern)`, `("cast", column, type)`, and
the values `("length", column)` and `("time", column)`.
"""

MAX_RULE_LENGTH = 2000  # characters; the tree of a longer rule could be too deep for recursive functions

NULL = "null"

_TOKEN = re.compile(r"(?P<text>'[^']*'|\"[^\"]*\")|`(?P<name>[^`]+)`|(?P<sign>(?<![<>=!])=(?!=)|[≤≥≠±]|\+-)")
# >> has the precedence that a tolerance needs: weaker than + and -, stronger than comparisons
_SIGNS = {"=": "==", "≤": "<=", "≥": ">=", "≠": "!=", "±": ">>", "+-": ">>"}
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
LOGIC = frozenset(
    {"and", "or", "not", "null", "in", "near", "<", "<=", ">", ">=", "==", "!=", "match", "cast"}
)  # operations whose result is true or false
_TAKES = (
    "write columns (`Day Mins` between back quotes), numbers, texts, + - * /, comparisons, in, is null, and, or, not"
)


class BadRule(ValueError):
    """A text that isn't a rule about a row; the message says why, and what to write."""


def parse_rule(text: str) -> Tree:
    """The tree of a rule. Raises BadRule."""
    if len(text) > MAX_RULE_LENGTH:
        raise BadRule(f"it has {len(text):,} characters; write at most {MAX_RULE_LENGTH:,}, or several rules")
    names: list[str] = []

    def replace_token(token: re.Match[str]) -> str:
        # A quoted name is replaced by an identifier with the name's index
        if token["name"]:
            names.append(token["name"])
            return f" __{len(names) - 1}__ "
        return token["text"] or _SIGNS[token["sign"]]

    # Refuse texts that Python doesn't parse, and all kinds of nodes that `_build_tree` doesn't know
    try:
        tree = ast.parse(_TOKEN.sub(replace_token, text).strip(), mode="eval").body
        num_tolerances = sum(isinstance(node, ast.RShift) for node in ast.walk(tree))
        if num_tolerances > 1 or ">>" in _TOKEN.sub(" ", text):
            raise BadRule("it has >>, or ± twice; write one ± and a number behind an equation")
        rule = _build_tree(tree, names)
    except BadRule:
        raise
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise BadRule(f"it is no rule; {_TAKES}") from None
    if not is_logic(rule):
        raise BadRule("it is neither true nor false; compare something, as in a <= b")
    return rule


_SQL_TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<quoted>'[^']*'|\"[^\"]*\"|`[^`]+`)|(?P<differs><>)"
    r"|(?i:\b(?P<word>and|or|not|in|is|null|true|false|between|like|rlike|case)\b)"
)
_BETWEEN_EXPRESSION = re.compile(r"(`[^`]+`|(?<![\w.])[\w.]+) (not )?between ('[^']*'|[\w.+-]+) and ('[^']*'|[\w.+-]+)")


def parse_sql_condition(text: str) -> Tree:
    """The tree of a condition in SQL, if it can be written as a rule. Raises BadRule if not."""

    def translate(token: re.Match[str]) -> str:
        if token["quoted"]:
            return token[0]
        if token["space"]:
            return " "
        word = (token["word"] or "!=").lower()
        return word.capitalize() if word in ("true", "false") else word

    words = _SQL_TOKEN.sub(translate, text)

    def expand(match: re.Match[str]) -> str:
        return f"{match[2] or ''}({match[3]} <= {match[1]} and {match[1]} <= {match[4]})"

    rule = _BETWEEN_EXPRESSION.sub(expand, words)
    for token in _SQL_TOKEN.finditer(rule):
        if token["word"] in ("between", "like", "rlike", "case"):
            raise BadRule(f"it has {token['word']}, which is not evaluated; {_TAKES}, between two constants")
    return parse_rule(rule)


def is_logic(tree: Tree) -> bool:
    """Whether the result of a tree is true or false."""
    return tree[0] in LOGIC


def list_columns(tree: Tree) -> Iterator[str]:
    """Yield the columns that a rule uses, with repetitions."""
    if tree[0] == "column":
        yield tree[1]
    elif tree[0] != "constant":
        for part in tree[1:]:
            if isinstance(part, tuple):
                yield from list_columns(part)


def _build_tree(node: ast.AST, names: list[str]) -> Tree:
    if isinstance(node, ast.Name):
        quoted = re.fullmatch(r"__(\d+)__", node.id)
        return ("column", names[int(quoted[1])] if quoted and int(quoted[1]) < len(names) else node.id)
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int | float):
        return ("constant", node.value)
    # Arithmetic needs numbers
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        return (_OPERATIONS[type(node.op)], *_build_values([node.left, node.right], names))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return ("-", ("constant", 0), *_build_values([node.operand], names))
    # Logic needs operands that are true or false
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return ("not", _build_logic(node.operand, names))
    if isinstance(node, ast.BoolOp):
        return (_OPERATIONS[type(node.op)], *(_build_logic(value, names) for value in node.values))
    # a < b <= c is two comparisons, joined by and
    if isinstance(node, ast.Compare):
        operands = [node.left, *node.comparators]
        comparisons = zip(node.ops, operands, operands[1:], strict=False)
        trees = [_build_comparison(operator, left, right, names) for operator, left, right in comparisons]
        if len(trees) == 1:
            return trees[0]
        return ("and", *trees)
    raise BadRule(f"it has {_describe_node(node)}; {_TAKES}")


def _build_comparison(operator: ast.cmpop, left: ast.AST, right: ast.AST, names: list[str]) -> Tree:
    if isinstance(operator, ast.Is | ast.IsNot):
        if not (isinstance(right, ast.Name) and right.id == NULL):
            raise BadRule("it has `is` before something else than null; write `is null`, or ==")
        return _negate_if(isinstance(operator, ast.IsNot), ("null", *_build_values([left], names)))
    # `in` becomes one comparison per element, joined by or
    if isinstance(operator, ast.In | ast.NotIn):
        constants = getattr(right, "elts", ())
        if not constants or not all(isinstance(constant, ast.Constant) for constant in constants):
            raise BadRule("it has `in` before something else than a list; write in ('a', 'b')")
        equalities = [("==", *_build_values([left, constant], names)) for constant in constants]
        return _negate_if(isinstance(operator, ast.NotIn), ("or", *equalities))
    # ± was replaced by >>, which binds less than + and -: a = b + c ± d is a = (b + c) >> d
    if isinstance(operator, ast.Eq) and isinstance(right, ast.BinOp) and isinstance(right.op, ast.RShift):
        tolerance = right.right
        if not isinstance(tolerance, ast.Constant) or type(tolerance.value) not in (int, float):
            raise BadRule("behind ± stands no number; write one, as in total = price * count ± .01")
        return ("near", *_build_values([left, right.left], names), tolerance.value)
    return (_OPERATIONS[type(operator)], *_build_values([left, right], names))


def _negate_if(is_negated: bool, condition: Tree) -> Tree:
    if is_negated:
        return ("not", condition)
    return condition


def _build_values(nodes: Sequence[ast.AST], names: list[str]) -> list[Tree]:
    trees = [_build_tree(node, names) for node in nodes]
    if any(map(is_logic, trees)):
        raise BadRule("it calculates with something that is true or false; join conditions by and, or, not")
    return trees


def _build_logic(node: ast.AST, names: list[str]) -> Tree:
    tree = _build_tree(node, names)
    if not is_logic(tree):
        raise BadRule("and, or, not stand next to something that is neither true nor false; compare it, as in a <= b")
    return tree


def _describe_node(node: ast.AST) -> str:
    if isinstance(node, ast.Call):
        return f"a call of {ast.unparse(node.func)!r}"
    return {ast.Attribute: "a dot in a name", ast.Subscript: "brackets"}.get(type(node), type(node).__name__)
