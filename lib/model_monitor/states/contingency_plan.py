"""What a contingency scan counts: the columns, and the values that each is held against. Pure.

A plan names columns by their features' names. Its text is kept with the counts, which only add up if it is the same.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any, TypeAlias

from model_monitor.errors import BadState
from model_monitor.states.soundness import MALFORMED

Scalar: TypeAlias = str | int | float | bool

TRUTHS = ("true", "True", "TRUE")
FALSEHOODS = ("false", "False", "FALSE")
"""Texts that pandas reads as booleans."""


class ValueKind(str, Enum):
    """How a column is taken where that is said, and not told from its values."""

    CATEGORICAL = "categorical"
    CONTINUOUS = "continuous"


@dataclass(frozen=True, slots=True)
class ValuedColumn:
    """A column and the values it is held against. values: none if every value of the column is a case of its own.

    taken_as: how it has to be taken; None to tell it from the values.
    """

    name: str
    values: tuple[Scalar, ...] = ()
    taken_as: ValueKind | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """The values as texts, as Python writes them."""
        return tuple(str(value) for value in self.values)

    @property
    def numbers(self) -> tuple[float, ...]:
        """The values that are numbers, or texts of numbers."""
        return tuple(number for number in map(number_of, self.values) if number is not None)

    @property
    def truths(self) -> tuple[bool, ...]:
        """The values that are booleans, texts of booleans, or 0 and 1."""
        return tuple(truth for truth in map(_truth_of, self.values) if truth is not None)

    @property
    def threshold(self) -> float | None:
        """The only value if it is a number, else None."""
        return number_of(self.values[0]) if len(self.values) == 1 else None


@dataclass(frozen=True, slots=True)
class Interval:
    """Numbers between two ends. Infinite ends are open."""

    low: float
    high: float
    with_low: bool
    with_high: bool


@dataclass(frozen=True, slots=True)
class Segmentation:
    """A column whose values part the rows into segments; what is in none of them is one more, the last.

    segments: the values and intervals of each. names: of all segments, the last one's included.
    """

    title: str
    column: str
    segments: tuple[tuple[Scalar | Interval, ...], ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ContingencyPlan:
    """What is counted. prediction: None to count labels only. group: the column of subgroups, None without one.

    untyped_texts: whether the texts of the data stand for whatever they look like (CSV), and not for texts (Parquet).
    with_flip_test: whether neighbours are looked for, by all columns that are neither facet, label, prediction nor in
    not_features. flip_rows: most rows that neighbours are looked for among.
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

    @property
    def valued(self) -> tuple[ValuedColumn, ...]:
        """The facets, the label and the prediction: what an `Extent` is kept of, in that order."""
        return (*self.facets, self.label, *([self.prediction] if self.prediction else []))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is counted, once."""
        of_groups = [self.group] if self.group is not None else []
        named = [*(column.name for column in self.valued), *of_groups, *(part.column for part in self.segmentations)]
        return tuple(dict.fromkeys(named))

    @property
    def text(self) -> str:
        """What has to be the same for counts to add up. How the flip test is made does not matter: it is no count."""
        counted = asdict(self)
        for name in ("with_flip_test", "not_features", "flip_rows"):
            del counted[name]
        return json.dumps(counted, ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> ContingencyPlan:
        """The plan whose text it is, without a flip test.

        Raises BadState if it is none's.
        """
        try:
            plan = json.loads(text)
            prediction = plan.pop("prediction")
            return cls(
                facets=tuple(map(_valued, plan.pop("facets"))),
                label=_valued(plan.pop("label")),
                prediction=None if prediction is None else _valued(prediction),
                segmentations=tuple(map(_segmentation, plan.pop("segmentations"))),
                **plan,
            )
        except MALFORMED as fault:
            raise BadState(
                f"contingency: the plan can't be read ({type(fault).__name__}); scan the data again"
            ) from fault


def number_of(value: Scalar) -> float | None:
    """The finite number that a configured value is, or is the text of; a boolean counts as 0 or 1."""
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def texts_of(values: Sequence[Scalar]) -> str:
    """Values joined as the files have them: `F,X`, `0`, `True`."""
    return ",".join(map(str, values))


def _truth_of(value: Scalar) -> bool | None:
    if isinstance(value, bool) or value in (0, 1):
        return bool(value)
    if str(value) in (*TRUTHS, "1"):
        return True
    return False if str(value) in (*FALSEHOODS, "0") else None


def _valued(column: dict[str, Any]) -> ValuedColumn:
    taken_as = column["taken_as"]
    return ValuedColumn(column["name"], tuple(column["values"]), None if taken_as is None else ValueKind(taken_as))


def _segmentation(found: dict[str, Any]) -> Segmentation:
    segments = tuple(
        tuple(Interval(**item) if isinstance(item, dict) else item for item in segment) for segment in found["segments"]
    )
    return Segmentation(found["title"], found["column"], segments, tuple(found["names"]))
