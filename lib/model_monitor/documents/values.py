"""The kinds of value that members of the documents have, each with the words an error uses for it.

A kind is a type for pydantic plus one `Expected`, from which `document.py` makes "it has to be …". Booleans are never
numbers here, and no text is one. Driver only, pure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field, Strict


@dataclass(frozen=True)
class Expected:
    """What a value has to be, as the end of "it has to be …".

    of_data: the value comes from the monitored data, so an error tells its type and never shows it. choices: the allowed
    texts, if there are only some.
    """

    text: str
    of_data: bool = False
    choices: tuple[str, ...] = ()

    @classmethod
    def one_of(cls, names: Collection[str]) -> Expected:
        """One of these texts."""
        return cls(f"one of {', '.join(map(json.dumps, names))}", choices=tuple(names))


_PLAIN = (float, int)
"""Most numbers are; to ask whether something is a Real takes longer."""


def _number(value: Any) -> float:
    if type(value) not in _PLAIN and (isinstance(value, bool) or not isinstance(value, Real)):
        raise ValueError("not a number")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError("beyond a double") from None
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


def _number_or_undefined(value: Any) -> float | None:
    if value is None or value == "NaN" or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return _number(value)


def named_in(names: Collection[str]) -> AfterValidator:
    """A text that is one of `names`."""

    def require(name: str) -> str:
        if name not in names:
            raise ValueError("not one of the names")
        return name

    return AfterValidator(require)


def _encodable(text: str) -> str:
    text.encode()  # half a surrogate pair has no bytes
    return text


def _count(value: Any) -> int:
    number = _number(value)
    if number < 0 or number != math.floor(number):
        raise ValueError("not a count")
    return int(value) if type(value) is int or isinstance(value, Integral) else int(number)


Number = Annotated[float, BeforeValidator(_number), Expected("a number", of_data=True)]

UndefinableNumber = Annotated[
    float | None,
    BeforeValidator(_number_or_undefined),
    Expected("a number, or null if it is not defined", of_data=True),
]
"""None means not computable. NaN, infinities and the text "NaN" are read as None (C11e)."""

SketchLevel = Annotated[
    tuple[Annotated[float, Strict(), Field(allow_inf_nan=False), Expected("a number", of_data=True)], ...],
    BeforeValidator(lambda level: level.tolist() if isinstance(level, np.ndarray) else level),
]
"""Thousands of numbers, so they are looked at by pydantic's own strict float and not one by one in Python."""

Share = Annotated[float, BeforeValidator(_number), Field(ge=0, le=1), Expected("a number from 0 to 1 (95 % is 0.95)")]

Chance = Annotated[
    float, BeforeValidator(_number), Field(gt=0, lt=1), Expected("a number above 0 and below 1 (1 in 720 is 0.0014)")
]

Threshold = Annotated[float, BeforeValidator(_number), Field(ge=0), Expected("a number, 0 or more")]

Count = Annotated[int, BeforeValidator(_count), Expected("a whole number, 0 or more")]

Flag = Annotated[bool, Strict(), Expected("true or false")]

Name = Annotated[str, Strict(), AfterValidator(_encodable), Expected("a text")]

DataText = Annotated[str, Strict(), Expected("a text", of_data=True)]
"""A text that stood in the monitored data."""
