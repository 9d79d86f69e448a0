"""What bytes have to hold to be a state, whoever wrote them: a checksum that is right says nothing of that.

Every number of a state is a count or a measurement, so one look at its members tells whether it adds and can be shown. What a
type of state asks beyond that, its own `fault` says. Bounds come first: a number that is no size of ours allocates nothing.
Runs on executors and driver.
"""

from __future__ import annotations

import functools
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from model_monitor.errors import BadState

MOST = 2**53
"""No count is larger: a thousand of them still add up within 64 bits, and a double is exact up to here."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

MALFORMED = (
    *(ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError),
    struct.error,
)
"""What reading crafted bytes ends with."""


def guarded(read: Callable[[Any, bytes], Any]) -> Callable[[Any, bytes], Any]:
    """A state's `from_bytes` that raises BadState for whatever its bytes are."""

    @functools.wraps(read)
    def from_bytes(cls: Any, blob: bytes) -> Any:
        try:
            state = read(cls, blob)
            fault = fault_of(state)
        except MALFORMED as error:
            fault = f"it can't be read ({type(error).__name__})"
        if fault:
            raise BadState(f"state bytes: they hold no {cls.KIND!r} of ours: {fault}; restore the file or scan again")
        return state

    return from_bytes


def is_count(value: object, most: int = MOST) -> bool:
    """Whether a value is a whole number from 0 to `most`; true and false are none."""
    return type(value) is int and 0 <= value <= most


def fault_of(state: Any) -> str | None:
    """Why something that was read is no state of ours; None if it is one."""
    for name, like in _members(state):
        if not _is_sound(getattr(state, name), like):
            return f"{name} is none"
    own: Callable[[], str | None] | None = getattr(state, "fault", None)
    return own() if own else None


_MEMBERS: dict[type, tuple[tuple[str, Any], ...]] = {}


def _members(state: Any) -> tuple[tuple[str, Any], ...]:
    """The members of a state, each with what it is where there are no rows."""
    kind = type(state)
    if kind not in _MEMBERS:
        none = kind()
        _MEMBERS[kind] = tuple((member.name, getattr(none, member.name)) for member in fields(none) if member.init)
    return _MEMBERS[kind]


def _is_sound(value: Any, like: Any) -> bool:
    if isinstance(like, Mapping):
        return isinstance(value, Mapping) and _are_sound(value.keys(), keys=True) and _are_sound(value.values())
    return type(value) is type(like) and _are_sound([value])


def _are_sound(values: Any, *, keys: bool = False) -> bool:
    kinds = set(map(type, values))
    if kinds == {str}:
        return all(map(_is_text, values))
    if keys:
        return True
    if kinds == {int}:
        return bool(min(values) >= 0 and max(values) <= MOST)
    return all(_is_whole(value) for value in values)


def _is_whole(value: Any) -> bool:
    if isinstance(value, tuple):
        return _are_sound(value)
    if isinstance(value, np.ndarray):
        return bool(value.dtype.kind == "f" or not value.size or (value.min() >= 0 and value.max() <= MOST))
    if isinstance(value, str):
        return _is_text(value)
    return is_count(value) if type(value) is int else value is not None


def _is_text(text: str) -> bool:
    """Whether a text can be written: half a surrogate pair, which JSON can spell, is none."""
    return text.isascii() or not _LONE_SURROGATE.search(text)
