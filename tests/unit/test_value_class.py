"""A value class behaves as the dataclass with the same members does."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass, field, replace

import pytest

from spark_model_monitor.value_class import value_class


@dataclass(frozen=True, slots=True)
class Dataclass:
    name: str
    rows: int = 3
    note: str = field(default="", repr=False, compare=False)


@value_class
class ValueClass:
    name: str
    rows: int = 3
    note: str = field(default="", repr=False, compare=False)


@value_class(slots=False, eq=False)
class Unequal:
    name: str


def test_it_is_shown_as_a_dataclass_is():
    assert repr(ValueClass("a", note="b")) == repr(Dataclass("a", note="b")).replace("Dataclass", "ValueClass")


@pytest.mark.parametrize("members", [("a",), ("a", 3), ("a", 3, "other"), ("b",), ("a", 4)])
def test_it_equals_what_a_dataclass_equals(members):
    is_equal = Dataclass("a") == Dataclass(*members)

    assert (ValueClass("a") == ValueClass(*members)) is is_equal
    assert (hash(ValueClass("a")) == hash(ValueClass(*members))) is is_equal
    assert ValueClass("a") != Dataclass("a")


def test_alone_it_has_slots_as_when_it_is_told():
    assert ValueClass.__slots__ == Dataclass.__slots__
    assert not hasattr(Unequal, "__slots__")


def test_without_equality_it_is_itself_alone():
    assert Unequal("a") != Unequal("a")
    assert len({Unequal("a"), Unequal("a")}) == 2


@pytest.mark.parametrize(
    "copy_of", [copy.copy, copy.deepcopy, replace, lambda value: pickle.loads(pickle.dumps(value))]
)
def test_it_can_be_copied_and_sent(copy_of):
    assert copy_of(ValueClass("a", 5)) == ValueClass("a", 5)


def test_it_has_slots_unless_it_says_otherwise():
    with pytest.raises(AttributeError):
        ValueClass("a").further_member = 1
    Unequal("a").further_member = 1
