"""Checks of arguments that Python callers pass, as the flags of jobs are checked. Standard library only.

Each function raises BadConfiguration with the name of the argument, its value, and what to write instead.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from numbers import Integral, Real
from types import UnionType

from spark_model_monitor.errors import BadConfiguration


def require_instance(argument: str, value: object, expected_type: type | UnionType, example: str) -> None:
    """Require an instance of a type. Of another value only the type is named, because it may be data."""
    if not isinstance(value, expected_type):
        # A class has a name of its own; it is often given in place of an instance
        kind = getattr(value, "__name__", type(value).__name__)
        raise BadConfiguration(f"{argument} is {kind}; write {example}")


def require_names(argument: str, names: Iterable[str]) -> None:
    """Require a collection of texts. A single text is refused, because iterating over it would give its letters."""
    if isinstance(names, str):
        raise BadConfiguration(f"{argument} is {names!r}, a text; write a tuple of names, ({names!r},)")
    # Without this check a number or None among the names would show up late, as a column that doesn't exist
    for name in names:
        require_instance(f"{argument}: one of the names", name, str, "all of them as texts")


def require_count(argument: str, count: int) -> None:
    """Require a whole number of 0 or more. Booleans are refused."""
    # Python's True is the integer 1
    if isinstance(count, bool) or not isinstance(count, Integral) or count < 0:
        raise BadConfiguration(f"{argument} is {count!r}; it has to be a whole number, 0 or more")


def require_share(argument: str, share: float) -> None:
    """Require a number from 0 to 1. NaN and booleans are refused."""
    # Every comparison with NaN is false, so this condition refuses NaN, too
    if isinstance(share, bool) or not isinstance(share, Real) or not 0 <= share <= 1:
        raise BadConfiguration(f"{argument} is {share!r}; it has to be a number from 0 to 1 (95 % is 0.95)")


def require_choice(argument: str, choice: str, choices: Collection[str]) -> None:
    """Require one of these values."""
    if choice not in choices:
        raise BadConfiguration(f"{argument} is {choice!r}; write one of: {', '.join(map(repr, choices))}")
