"""The plan of what bias metrics count, and the different spellings of a configured value."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import TypeAlias

from spark_model_monitor.errors import BadState
from spark_model_monitor.statistics.states.encoding import DECODING_ERRORS, Parameters
from spark_model_monitor.statistics.user_choices import ValueKind
from spark_model_monitor.value_class import value_class

Scalar: TypeAlias = str | int | float | bool

TRUTHS = ("true", "True", "TRUE")
FALSEHOODS = ("false", "False", "FALSE")  # the texts that pandas reads as booleans


@value_class
class ValuedColumn:
    """A column and the values it is compared with. values: empty if every value of the column is its own case.

    taken_as: how to interpret the column; None to infer it from the values.
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
        """The values that are numbers or booleans, or texts of these, as numbers."""
        numbers = (parse_number(normalize_code(value)) for value in self.values if not has_leading_zeros(value))
        return tuple(number for number in numbers if number is not None)

    @property
    def truths(self) -> tuple[bool, ...]:
        """The values that are booleans, 0 or 1, in any spelling, as booleans."""
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
    """Numbers between two ends. An infinite end means that there is no bound on this side. with_low, with_high: whether
    an end belongs to the interval.
    """

    low: float
    high: float
    with_low: bool
    with_high: bool


@value_class
class Segmentation:
    """A column whose values divide the rows into segments; the remaining rows are one more, the last.

    segments: the values and intervals of each segment; empty if every value of the column is its own segment, by its text.
    names: the names of all segments, including the last; empty if every value is a segment.
    """

    title: str
    column: str
    segments: tuple[tuple[Scalar | Interval, ...], ...]
    names: tuple[str, ...]


@value_class
class ContingencyPlan:
    """What is counted.

    prediction: None to count labels only.
    group: the column of subgroups, None without subgroups.
    group_column: the column that says which rows belong together, None if unknown.
    untyped_texts: whether texts in the data stand for the type that they look like (CSV), not for texts (Parquet).
    with_flip_test: whether to search for neighbours, by all columns that are neither facet, label, prediction nor in
        not_features.
    flip_rows: the maximum number of rows in which neighbours are searched.
    model_features: the columns from which a model made the predictions, in the model's order; empty without a model.
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
    model_features: tuple[str, ...] = ()

    @property
    def valued(self) -> tuple[ValuedColumn, ...]:
        """The facets, the label and the prediction, in the order of the `ColumnMetadata` of each."""
        return (*self.facets, self.label, *([self.prediction] if self.prediction else []))

    def may_have_integers(self, name: str) -> bool:
        """Whether it matters that texts of a column are integers. A configured text that is no number makes it categorical."""
        return any(not column.values or column.threshold is not None for column in self.valued if column.name == name)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that are counted, without repetition."""
        group_columns = [name for name in (self.group, self.group_column) if name is not None]
        names = [
            *(column.name for column in self.valued),
            *group_columns,
            *(part.column for part in self.segmentations),
        ]
        return tuple(dict.fromkeys(names))

    @property
    def text(self) -> str:
        """The plan as JSON. Counts can be added only if these texts are equal. The settings of the flip test are left
        out, since it isn't a count.
        """
        # The settings of the flip test may differ between counts that are added
        members = asdict(self)
        for name in ("with_flip_test", "not_features", "flip_rows"):
            del members[name]
        for name in ("group_column", "model_features"):
            if not members[name]:
                del members[name]
        return json.dumps(members, ensure_ascii=False, sort_keys=True)

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
                model_features=tuple(plan.pop("model_features", ())),
                **plan,
            )
        except DECODING_ERRORS as error:
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
    """A whole number as an integer, so that a column of integers is compared without conversion; other numbers are
    unchanged.
    """
    # From 2^53 on, a double can't represent every integer
    if number.is_integer() and abs(number) < 2**53:
        return int(number)
    return number


def join_texts(values: Sequence[Scalar]) -> str:
    """The values joined by commas, in the form of the service's files: `F,X`, `0`, `True`."""
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
    """The texts in which files write the same code: the integer, the double, and for 1 and 0 the booleans."""
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
