"""Classes of values as `dataclass` makes them, at a third of its cost when a module is loaded: a command loads hundreds.

A dataclass compiles six methods for each class; these share all but `__init__`. All are frozen, since equal values have the same
hash: nothing keeps members from being assigned at run time, but mypy does. What users are given is a dataclass.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, TypeVar, overload

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from typing_extensions import dataclass_transform

    Value = TypeVar("Value")

    # Type checkers take a value class for a frozen dataclass
    @overload
    @dataclass_transform(frozen_default=True, field_specifiers=(field,))
    def value_class(value_type: type[Value], /) -> type[Value]: ...

    @overload
    def value_class(
        *, slots: bool = ..., eq: bool = ..., kw_only: bool = ...
    ) -> Callable[[type[Value]], type[Value]]: ...

    def value_class(*_: type, **options: bool) -> type | Callable[..., type]: ...

else:

    def value_class(value_type=None, /, *, slots=True, eq=True, kw_only=False):
        """The decorator of a class of values, by itself or with options. slots: none for a class with cached properties."""

        def add_methods(value_type):
            # With slots this is another class than the given one
            value_type = dataclass(value_type, slots=slots, kw_only=kw_only, eq=False, repr=False)
            value_type.__repr__ = _describe
            if eq:
                value_type.__eq__ = _is_equal
                value_type.__hash__ = _hash
            return value_type

        # With options, which is a call of its own, the class comes later
        decorated = add_methods
        if value_type is not None:
            decorated = add_methods(value_type)
        return decorated


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
    members = [f"{member.name}={getattr(value, member.name)!r}" for member in fields(value) if member.repr]
    return f"{type(value).__qualname__}({', '.join(members)})"
