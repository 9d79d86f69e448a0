"""Contingency: counts of each kind of row, from which all bias metrics but one are computed, and the plan of what is
counted.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from enum import IntEnum, IntFlag
from typing import TypeAlias

from spark_model_monitor.errors import BadState
from spark_model_monitor.statistics.states.blocks import BLOCKS
from spark_model_monitor.statistics.states.encoding import (
    MALFORMED,
    Parameters,
    State,
    is_count,
    register_state,
    require_equal,
)
from spark_model_monitor.statistics.user_choices import ValueKind
from spark_model_monitor.value_class import value_class

Scalar: TypeAlias = str | int | float | bool

TRUTHS = ("true", "True", "TRUE")
FALSEHOODS = ("false", "False", "FALSE")  # texts that pandas reads as booleans


@value_class
class ValuedColumn:
    """A column and the values it is compared with. values: empty if every value of the column is its own case.

    taken_as: how to interpret it; None to infer it from the values.
    """

    name: str
    values: tuple[Scalar, ...] = ()
    taken_as: ValueKind | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """The values as texts, in every spelling of the same code."""
        texts: list[str] = []
        for value in self.values:
            texts += [str(value), *list_spellings(value)]
        return tuple(dict.fromkeys(texts))

    @property
    def numbers(self) -> tuple[float, ...]:
        """The values that are numbers, truths or texts of either."""
        numbers = (parse_number(normalize_code(value)) for value in self.values if not has_leading_zeros(value))
        return tuple(number for number in numbers if number is not None)

    @property
    def truths(self) -> tuple[bool, ...]:
        """The values that are booleans, or 0 and 1, however they are written."""
        codes = map(normalize_code, self.values)
        return tuple(code == TRUE_CODE for code in codes if code in (TRUE_CODE, FALSE_CODE))

    @property
    def threshold(self) -> float | None:
        """The only value if it is a number, else None."""
        if len(self.values) == 1:
            return parse_number(self.values[0])
        return None


@value_class
class Interval:
    """Numbers between two ends. Infinite ends are open."""

    low: float
    high: float
    with_low: bool
    with_high: bool


@value_class
class Segmentation:
    """A column whose values divide the rows into segments; the remaining rows are one more, the last.

    segments: the values and intervals of each; empty if every value of the column is its own segment, by its text.
    names: of all segments, including the last; empty for segments by value.
    """

    title: str
    column: str
    segments: tuple[tuple[Scalar | Interval, ...], ...]
    names: tuple[str, ...]


@value_class
class ContingencyPlan:
    """What is counted.

    prediction: None to count labels only.
    group: the column of subgroups, None without one.
    group_column: the column that tells which rows belong together, None if unknown.
    untyped_texts: whether texts in the data stand for the type they appear to have (CSV), not for texts (Parquet).
    with_flip_test: whether to search for neighbours, by all columns that are neither facet, label, prediction nor in
        not_features.
    flip_rows: the most rows to search for neighbours.
    """

    facets: tuple[ValuedColumn, ...]
    label: ValuedColumn
    prediction: ValuedColumn | None = None
    group: str | None = None
    segmentations: tuple[Segmentation, ...] = ()
    untyped_texts: bool = False
    with_flip_test: bool = False
    not_features: tuple[str, ...] = ()
    flip_rows: int = 200_000
    group_column: str | None = None

    @property
    def valued(self) -> tuple[ValuedColumn, ...]:
        """The facets, the label and the prediction, in the order in which an `Extent` of each is kept."""
        return (*self.facets, self.label, *([self.prediction] if self.prediction else []))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is counted, once."""
        group_columns = [name for name in (self.group, self.group_column) if name is not None]
        named = [
            *(column.name for column in self.valued),
            *group_columns,
            *(part.column for part in self.segmentations),
        ]
        return tuple(dict.fromkeys(named))

    @property
    def text(self) -> str:
        """What counts must share to be added. The flip test's settings don't matter, because it is not a count."""
        # What is no count may differ
        counted = asdict(self)
        for name in ("with_flip_test", "not_features", "flip_rows"):
            del counted[name]
        if self.group_column is None:
            del counted["group_column"]
        return json.dumps(counted, ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> ContingencyPlan:
        """The plan with this text, without a flip test. Raises BadState if it is not the text of a plan."""
        try:
            plan = json.loads(text)
            prediction = plan.pop("prediction")
            return cls(
                facets=tuple(map(_parse_column, plan.pop("facets"))),
                label=_parse_column(plan.pop("label")),
                prediction=None if prediction is None else _parse_column(prediction),
                segmentations=tuple(map(_parse_segmentation, plan.pop("segmentations"))),
                **plan,
            )
        except MALFORMED as error:
            problem = f"the plan can't be read ({type(error).__name__}); scan the data again"
            raise BadState(f"contingency: {problem}") from error


def parse_number(value: Scalar) -> float | None:
    """The finite number that a configured value is or spells; a boolean counts as 0 or 1."""
    try:
        number = float(value)
    except ValueError:
        return None
    if math.isfinite(number):
        return number
    return None


def make_exact(number: float) -> int | float:
    """A whole number as an integer: a column of integers is then compared without conversion."""
    # From 2^53 on a double no longer tells neighbouring integers apart
    if number.is_integer() and abs(number) < 2**53:
        return int(number)
    return number


def join_texts(values: Sequence[Scalar]) -> str:
    """Values joined as the files have them: `F,X`, `0`, `True`."""
    return ",".join(map(str, values))


TRUE_CODE = "1"
FALSE_CODE = "0"


def has_leading_zeros(value: Scalar) -> bool:
    """Whether a text of digits is a code such as `01`, which is not the number 1."""
    return isinstance(value, str) and re.fullmatch(r"0[0-9]+", value) is not None


def normalize_code(value: Scalar) -> str:
    """The text that all spellings of a code share: `1` for 1, 1.0, true and `1.0`. `01` is another code."""
    text = str(value)
    if text in TRUTHS:
        return TRUE_CODE
    if text in FALSEHOODS:
        return FALSE_CODE
    number = parse_number(text)
    if number is None or has_leading_zeros(text) or text != text.strip():
        return text
    return str(make_exact(number))


def list_spellings(value: Scalar) -> tuple[str, ...]:
    """The texts in which files write the same code: the integer, the double that it became, and truths of 1 and 0."""
    code = normalize_code(value)
    number = parse_number(code)
    if number is None or has_leading_zeros(code):
        return (code,)
    truths = {TRUE_CODE: TRUTHS, FALSE_CODE: FALSEHOODS}.get(code, ())
    return (code, str(number), *truths)


def _parse_column(column: Parameters) -> ValuedColumn:
    taken_as = column["taken_as"]
    return ValuedColumn(column["name"], tuple(column["values"]), None if taken_as is None else ValueKind(taken_as))


def _parse_segmentation(members: Parameters) -> Segmentation:
    segments = tuple(
        tuple(Interval(**item) if isinstance(item, dict) else item for item in segment)
        for segment in members["segments"]
    )
    return Segmentation(members["title"], members["column"], segments, tuple(members["names"]))


Key: TypeAlias = int | str | None
"""The key of a row in one column: a `CellMatch`, a text, or None for a missing cell or an absent column."""

Cell: TypeAlias = tuple[Key, ...]
"""The keys of one kind of row: facet, label, prediction, group, then its place in each of the segmentations, or its text in those
by value; last, where a column names groups of rows, the block of its group, None without a name."""

FACET, LABEL, PREDICTION, GROUP, SEGMENTS = range(5)  # places in a `Cell`; segmentations begin at the last


def number_keys(cells: Iterable[Cell], column: int) -> dict[Key, int]:
    """The index of each key of a column, in the order of their texts."""
    return {key: index for index, key in enumerate(sorted({cell[column] for cell in cells}, key=str))}


LARGEST = sys.float_info.max


class CellKind(IntEnum):
    """What a cell is or, where texts stand for whatever they look like, looks like."""

    MISSING = 0
    INTEGRAL = 1
    FRACTIONAL = 2
    BOOLEAN = 3
    TEXT = 4
    INTEGER_TEXT = 5  # a text by its type that reads as an integer
    OTHER = 6


class CellMatch(IntFlag):
    """How a cell stands to the configured values: whether it is one of them, as a text or as a number, and whether it is a
    number above the only one."""

    SAME_TEXT = 1
    SAME_NUMBER = 2
    ABOVE = 4


@value_class
class ColumnMetadata:
    """Facts about one column besides its keys.

    kinds: how many cells there are of each kind.
    minimum, maximum: of its numbers, None if there are none.
    at_least, at_most: bounds of the number of distinct present values, equal where they were counted; at_most is None
        if there is none.
    """

    kinds: Mapping[CellKind, int]
    minimum: int | float | None = None
    maximum: int | float | None = None
    at_least: int = 0
    at_most: int | None = 0

    @property
    def present(self) -> int:
        return sum(count for kind, count in self.kinds.items() if kind is not CellKind.MISSING)

    @property
    def missing(self) -> int:
        return self.kinds.get(CellKind.MISSING, 0)

    def __add__(self, addend: ColumnMetadata) -> ColumnMetadata:
        lows = [metadata.minimum for metadata in (self, addend) if metadata.minimum is not None]
        highs = [metadata.maximum for metadata in (self, addend) if metadata.maximum is not None]
        # Without an upper bound on either side the sum has none
        bounded = self.at_most is not None and addend.at_most is not None
        return ColumnMetadata(
            State.sum_of_counts(self.kinds, addend.kinds),
            min(lows, default=None),
            max(highs, default=None),
            max(self.at_least, addend.at_least),
            (self.at_most or 0) + (addend.at_most or 0) if bounded else None,
        )


@register_state
@value_class
class Contingency(State):
    """The rows of one data set by kind.

    tables: one for each facet, each counting every row once.
    metadata: of the facets' columns, the label's and the prediction's.
    plan: what was counted, as a text (`ContingencyPlan.text`); only counts of one plan add up.
    """

    KIND = "contingency"

    tables: tuple[Mapping[Cell, int], ...] = ()
    metadata: tuple[ColumnMetadata, ...] = ()
    plan: str = ""

    @property
    def rows(self) -> int:
        if self.tables:
            return sum(self.tables[0].values())
        return 0

    def __add__(self, addend: Contingency) -> Contingency:
        """Raises BadState if the plans differ."""
        if not addend.tables:
            return self
        if not self.tables:
            return addend
        plan = _merge_plans(self.plan, addend.plan)
        return Contingency(
            tuple(self.sum_of_counts(first, second) for first, second in zip(self.tables, addend.tables, strict=True)),
            tuple(first + second for first, second in zip(self.metadata, addend.metadata, strict=True)),
            plan,
        )

    def payload(self) -> tuple[Parameters, bytes]:
        """Its tables and metadata as JSON, cells in the order of their texts."""
        tables = [[[*cell, rows] for cell, rows in table.items()] for table in self.tables]
        metadata = [
            [sorted(column.kinds.items()), column.minimum, column.maximum, column.at_least, column.at_most]
            for column in self.metadata
        ]
        content = {"tables": [sorted(table, key=json.dumps) for table in tables], "facts": metadata}
        payload = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        return {"plan": self.plan}, payload

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> Contingency:
        content = json.loads(payload.decode("utf-8", "surrogatepass"))
        tables = tuple({tuple(cell): rows for *cell, rows in table} for table in content["tables"])
        metadata = tuple(
            ColumnMetadata({CellKind(kind): count for kind, count in kinds}, *numbers)
            for kinds, *numbers in content["facts"]
        )
        return cls(tables, metadata, parameters["plan"])

    def is_consistent(self) -> bool:
        cells = [cell for table in self.tables for cell in table]
        if any(len(cell) < SEGMENTS or not {type(key) for key in cell} <= {int, str, type(None)} for cell in cells):
            return False
        counted = [count for table in self.tables for count in table.values()]
        for metadata in self.metadata:
            counted += [*metadata.kinds.values(), metadata.at_least, metadata.at_most or 0]
            numbers = [number for number in (metadata.minimum, metadata.maximum) if number is not None]
            if not all(type(number) in (int, float) and abs(number) <= LARGEST for number in numbers):
                return False
        return all(map(is_count, counted))

    def require_plan(self, plan: ContingencyPlan) -> None:
        """Raise BadState if the counts were made with a different plan."""
        sizes = (len(plan.facets), len(plan.valued))
        in_blocks = plan.group_column is not None
        cell_sizes = {len(cell) for table in self.tables for cell in table}
        planned_sizes = {SEGMENTS + len(plan.segmentations) + in_blocks}
        # Tables, metadata and keys as many as the plan has; the last key of a row is its block
        fits = (len(self.tables), len(self.metadata)) == sizes and cell_sizes <= planned_sizes
        if fits and in_blocks:
            blocks = {cell[-1] for table in self.tables for cell in table}
        else:
            blocks = set()
        if not fits or not blocks <= {None, *range(BLOCKS)}:
            raise BadState(
                f"{self.KIND}: the counts are not those of their plan; restore the file or scan the data again"
            )


def _merge_plans(text: str, other_text: str) -> str:
    """The plan of two counts. A window in which a column has another type than in the baseline keeps the baseline's
    kind of the column, which the plan of other windows leaves open.

    Raises BadState if the plans differ in anything else.
    """
    if text == other_text:
        return text
    try:
        members = json.loads(text)
        other_members = json.loads(other_text)
    except ValueError:  # texts that are no plans have nothing in common
        require_equal(Contingency.KIND, "the plan", text, other_text)
        raise
    # A kind that one plan leaves open is the other's
    columns = [*members["facets"], members["label"], members["prediction"]]
    other_columns = [*other_members["facets"], other_members["label"], other_members["prediction"]]
    for column, other_column in zip(columns, other_columns, strict=False):
        if column is not None and other_column is not None:
            column["taken_as"] = column["taken_as"] or other_column["taken_as"]
            other_column["taken_as"] = other_column["taken_as"] or column["taken_as"]
    common = json.dumps(members, ensure_ascii=False, sort_keys=True)
    require_equal(Contingency.KIND, "the plan", common, json.dumps(other_members, ensure_ascii=False, sort_keys=True))
    return common
