"""A file of rules in AWS Glue's Data Quality Definition Language (DQDL), as `dqdl_parser` reads it. Pure.

    Rules = [ IsComplete "id", (Mean "age" > 20) and (ColumnValues "age" <= 120 with threshold > 0.99) ]

Source: "Data Quality Definition Language", the grammar of awslabs/dqdl 1.0.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import Enum
from typing import TypeAlias

from spark_model_monitor.documents.row_rules import Tree
from spark_model_monitor.value_class import value_class

ANOMALIES = "DetectAnomalies"
MAX_ANOMALY_RUNS = 100  # earlier runs that DetectAnomalies learns from


class OperandKind(Enum):
    """What a rule compares with; the values are words for errors."""

    NUMBER = "a number"
    TEXT = "a text"
    NULL = "NULL"
    EMPTY = "EMPTY"
    WHITESPACE = "WHITESPACES_ONLY"
    MOMENT = "a time from now"
    DURATION = "a duration"
    SIZE = "a file size"


@value_class
class Operand:
    """What a condition compares with.

    number: the formula of a number: `("number", 3.0)`, `("+", formula, formula)`, `("call", name, formulas)`.
    text: the text itself.
    seconds: the length of a duration; for a moment, the time from now.
    """

    kind: OperandKind
    number: Tree = ()
    text: str = ""
    seconds: float = 0.0


@value_class
class Condition:
    """A comparison.

    operator: as in the language, such as `>=`, `between`, `not in`.
    operands: what follows it.
    """

    operator: str
    operands: tuple[Operand, ...]

    @property
    def past_runs(self) -> int:
        """How many earlier runs it compares with; 0 if it doesn't depend on them."""
        return max((count_runs(operand.number) for operand in self.operands), default=0)


def count_runs(formula: Tree) -> int:
    """How many earlier runs a formula needs."""
    if not formula or formula[0] == "number":
        return 0
    arguments = formula[2] if formula[0] == "call" else formula[1:]
    if formula[:2] == ("call", "last"):
        return int(arguments[0][1]) if arguments else 1
    return max(map(count_runs, arguments), default=0)


@value_class
class DataRule:
    """One rule.

    parameters: names of columns, or what its type takes instead.
    line: the line of the file where it begins.
    text: as written, on one line.
    where: the parsed condition of the rows that it is about.
    threshold: what the fraction of rows that meet it is compared with.
    labels: those of the file, its own, and its tags.
    """

    type: str
    parameters: tuple[str, ...]
    line: int
    text: str
    condition: Condition | None = None
    where: Tree | None = None
    where_text: str = ""
    threshold: Condition | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def past_runs(self) -> int:
        """How many earlier runs it compares with at most."""
        if self.type == ANOMALIES:
            return MAX_ANOMALY_RUNS
        if self.condition is None:
            return 0
        return self.condition.past_runs


@value_class
class CompositeRule:
    """Rules joined by `and` or `or`."""

    operator: str
    parts: tuple[DataRule | CompositeRule, ...]
    text: str
    labels: Mapping[str, str] = field(default_factory=dict)


AnyRule: TypeAlias = "DataRule | CompositeRule"


@value_class
class SkippedRule:
    """A rule that is not evaluated, and why. text: as results name it."""

    text: str
    reason: str


@value_class
class RuleSet:
    """The rules of a file.

    analyzers: what is only measured.
    skipped: what a run can't evaluate.
    digest: the sha256 of the file.
    past_metrics: by metric, its values in earlier runs, the newest last.
    past_alarms: for each of them the name of its window, if that had violations that nobody accepted, else an empty
        text.
    """

    rules: tuple[AnyRule, ...]
    analyzers: tuple[DataRule, ...]
    skipped: tuple[SkippedRule, ...] = ()
    digest: str = ""
    past_metrics: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    past_alarms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def data_rules(self) -> list[DataRule]:
        """All rules and analyzers, parts of composite rules included."""
        return [rule for top_rule in (*self.rules, *self.analyzers) for rule in list_parts(top_rule)]

    @property
    def past_runs(self) -> int:
        """How many earlier runs its rules compare with."""
        return max((rule.past_runs for rule in self.data_rules), default=0)


def list_parts(rule: AnyRule) -> list[DataRule]:
    """The rules that a rule consists of."""
    if isinstance(rule, DataRule):
        return [rule]
    return [part for direct_part in rule.parts for part in list_parts(direct_part)]


def quote_text(text: str) -> str:
    """A text as the language has it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
