"""The rules of a file in AWS Glue's Data Quality Definition Language (DQDL); `dqdl_parser` reads the file. Pure.

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
MAX_ANOMALY_RUNS = 100  # maximum number of earlier runs from which DetectAnomalies learns


class OperandKind(Enum):
    """The kinds of operands in a comparison. The values are used in errors."""

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
    """An operand of a comparison.

    number: the formula of a number: `("number", 3.0)`, `("+", formula, formula)`, `("call", name, formulas)`.
    text: the text of an operand that is a text.
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
    operands: the values after the operator.
    """

    operator: str
    operands: tuple[Operand, ...]

    @property
    def past_runs(self) -> int:
        """The number of earlier runs that it needs; 0 if it doesn't depend on earlier runs."""
        return max((count_runs(operand.number) for operand in self.operands), default=0)


def count_runs(formula: Tree) -> int:
    """The number of earlier runs that a formula needs."""
    if not formula or formula[0] == "number":
        return 0
    arguments = formula[2] if formula[0] == "call" else formula[1:]
    if formula[:2] == ("call", "last"):
        return int(arguments[0][1]) if arguments else 1
    return max(map(count_runs, arguments), default=0)


@value_class
class DataRule:
    """One rule.

    parameters: names of columns, or other parameters of the rule's type.
    line: the line of the file in which the rule begins.
    text: the rule as written, on one line.
    where: the parsed condition that selects rows.
    threshold: the comparison for the fraction of rows that meet the rule.
    labels: the default labels of the file, the rule's labels, and its tags.
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
        """The maximum number of earlier runs that it needs."""
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
    """A rule that is not evaluated, and the reason. text: the rule's name in results."""

    text: str
    reason: str


@value_class
class RuleSet:
    """The rules of a file.

    analyzers: rules that are measured but not judged.
    skipped: rules that a run can't evaluate.
    digest: the SHA-256 of the file.
    past_metrics: for each metric its values in earlier runs, the newest last.
    past_alarms: for each of these values the name of its window if the window had violations that nobody accepted, else an
        empty text.
    """

    rules: tuple[AnyRule, ...]
    analyzers: tuple[DataRule, ...]
    skipped: tuple[SkippedRule, ...] = ()
    digest: str = ""
    past_metrics: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    past_alarms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def data_rules(self) -> list[DataRule]:
        """All rules and analyzers, including parts of composite rules."""
        data_rules: list[DataRule] = []
        for rule in (*self.rules, *self.analyzers):
            data_rules += list_parts(rule)
        return data_rules

    @property
    def past_runs(self) -> int:
        """The maximum number of earlier runs that the rules need."""
        return max((rule.past_runs for rule in self.data_rules), default=0)


def list_parts(rule: AnyRule) -> list[DataRule]:
    """The simple rules that a rule consists of."""
    if isinstance(rule, DataRule):
        return [rule]
    # A part may consist of parts itself
    simple_rules: list[DataRule] = []
    for part in rule.parts:
        simple_rules += list_parts(part)
    return simple_rules


def quote_text(text: str) -> str:
    """A text quoted for DQDL."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
