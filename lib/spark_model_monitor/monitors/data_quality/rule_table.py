"""What a user's rules need from the data: rows that don't meet a condition, moments of numbers, occurrences of values.

`RuleTable` lists it before the scan, for rules of any grammar; `Measurements` has the numbers after the scan.
Driver only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from spark_model_monitor.data.profiling.rule_scan import RowFormula, Rules
from spark_model_monitor.data.profiling.uniqueness import ValueCountRequest, ValueCounts
from spark_model_monitor.data.reading.transform_outputs import INFERENCE_ID
from spark_model_monitor.data.records.windows import parse_time
from spark_model_monitor.documents.row_rules import Tree
from spark_model_monitor.statistics.states.rule_counts import RuleCounts
from spark_model_monitor.value_class import value_class

Counted = TypeVar("Counted")


def parse_moment(text: str) -> datetime | None:
    """The time that a text in a rule means; a day means its beginning. None if the text isn't a time."""
    if "T" not in text and " " not in text:
        text = f"{text}T00:00:00Z"
    return parse_time(text)


def is_present(value: Tree) -> Tree:
    """The condition that a value is not missing."""
    return ("not", ("null", value))


def _add_once(formulas: dict[str, Counted], formula: Counted) -> int:
    """The position of a formula, which is added unless it is already there."""
    # Formulas are compared by their text, since True equals 1 but is another constant
    text = repr(formula)
    formulas.setdefault(text, formula)
    return [*formulas].index(text)


class RuleTable:
    """What has to be counted for the rules of a run; a count that several rules need is made once.

    Each method takes formulas with the names of columns, and returns the position of the count in `Measurements`.
    value_requests: what the pass over values counts.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.positions = {name: position for position, name in reversed(list(enumerate(names)))}
        self._conditions: dict[str, RowFormula] = {}
        self._numbers: dict[str, RowFormula] = {}
        self.value_requests: dict[str, ValueCountRequest] = {}

    def count_rows(self, condition: Tree, where: Tree | None = None) -> int:
        """Requests the number of rows that don't meet `condition`, among rows that meet `where`."""
        return _add_once(self._conditions, RowFormula(self._locate_columns(condition), self._locate(where)))

    def sum_up_numbers(self, value: Tree, where: Tree | None = None, second: Tree | None = None) -> int:
        """Requests the moments of a number of each row, and of a second number for a correlation."""
        formula = RowFormula(self._locate_columns(value), self._locate(where), self._locate(second))
        return _add_once(self._numbers, formula)

    def count_values(self, columns: Sequence[str], where: Tree | None = None) -> int:
        """Requests how often each combination of values of the columns occurs."""
        request = ValueCountRequest(tuple(self.positions[column] for column in columns), self._locate(where))
        return _add_once(self.value_requests, request)

    def _locate(self, tree: Tree | None) -> Tree | None:
        if tree is None:
            return None
        return self._locate_columns(tree)

    def _locate_columns(self, tree: Tree) -> Tree:
        """A formula with the positions of columns in place of their names."""
        if tree[0] == "column":
            return ("column", self.positions[tree[1]])
        return tuple(self._locate_columns(part) if isinstance(part, tuple) else part for part in tree)

    @property
    def rules(self) -> Rules:
        """What the scan counts."""
        formulas = [*self._conditions.values(), *self._numbers.values()]
        compared_columns = {column for formula in formulas for column in formula.compared_columns}
        return Rules(
            tuple(self._conditions.values()),
            tuple(self._numbers.values()),
            ids=self.positions.get(INFERENCE_ID),
            whole_texts=frozenset(compared_columns),
        )


@value_class
class Measurements:
    """What the scan and the pass over values counted. rows: the number of the data's rows."""

    rows: int
    counts: RuleCounts
    values: Sequence[ValueCounts]

    def get_offences(self, condition: int) -> tuple[int, int, tuple[str, ...]]:
        """The number of rows that don't meet a condition of the table, the number of judged rows, and ids of the former."""
        return self.counts.offending[condition], self.counts.judged[condition], self.counts.ids[condition]
