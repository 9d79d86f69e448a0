"""Classes of values as `dataclass` makes them, at a third of its cost when a module is loaded: a command loads hundreds.

A dataclass compiles six methods for each class; these share all but `__init__`. Nothing keeps the members of a frozen one from
being assigned at run time: mypy does, which takes a value class for a dataclass. What users are given is a dataclass.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as value_class

    from _typeshed import DataclassInstance
else:

    def value_class(
        *, frozen: bool, slots: bool = False, eq: bool = True, kw_only: bool = False
    ) -> Callable[[type], type]:
        """The decorator of a class of values. frozen: always, since equal values have the same hash."""

        def add_methods(value_type: type) -> type:
            # With slots this is another class than the given one
            value_type = dataclass(value_type, slots=slots, kw_only=kw_only, eq=False, repr=False)
            value_type.__repr__ = _describe
            if eq:
                value_type.__eq__ = _is_equal
                value_type.__hash__ = _hash
            return value_type

        return add_methods


__all__ = ["value_class"]


def _list_members(value: DataclassInstance) -> tuple[Hashable, ...]:
    return tuple(getattr(value, member.name) for member in fields(value) if member.compare)


def _is_equal(value: DataclassInstance, other_value: DataclassInstance) -> bool:
    if type(value) is not type(other_value):
        return False
    return _list_members(value) == _list_members(other_value)


def _hash(value: DataclassInstance) -> int:
    return hash(_list_members(value))


def _describe(value: DataclassInstance) -> str:
    members = []
    for member in fields(value):
        if member.repr:
            members.append(f"{member.name}={getattr(value, member.name)!r}")
    return f"{type(value).__qualname__}({', '.join(members)})"
