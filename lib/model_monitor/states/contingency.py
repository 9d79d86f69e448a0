"""Contingency: how many rows there are of each kind, which is all that every bias metric but one is made from.

A row's kind is its facet, label, prediction, group and segments. A column that the configuration names values for is
counted by how its cells stand to them (`Standing`), so that what a cell means can still be decided when all parts have been
added; a column without values is counted by its texts. There is a table for each facet, and the facts about its columns
beside them. Spark counts the rows; the driver makes this state of the counts.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import ClassVar, TypeAlias

from model_monitor.errors import BadState
from model_monitor.states.encoding import pack, require_equal, unpack
from model_monitor.states.kinds import registered
from model_monitor.states.soundness import is_count

Key: TypeAlias = int | str | None
"""What a row is counted by in one column: a standing, a text, None for a missing text or a column that isn't there."""

Cell: TypeAlias = tuple[Key, ...]
"""The keys of one kind of row: facet, label, prediction, group, then its place in each of the segmentations."""

FACET, LABEL, PREDICTION, GROUP, SEGMENTS = range(5)
"""Places in a `Cell`; segmentations begin at the last."""


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


class Standing(IntFlag):
    """How a cell stands to the configured values: whether it is one of them, as a text or as a number, and whether it is a
    number above the only one. 0 for a missing cell."""

    SAME_TEXT = 1
    SAME_NUMBER = 2
    ABOVE = 4


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """What is known of one column beside its keys.

    kinds: how many cells there are of each kind. minimum, maximum: of its numbers, None if there are none. at_least, at_most:
    bounds of the number of distinct present values, equal where they were counted; at_most is None if there is none.
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

    def __add__(self, other: ColumnFacts) -> ColumnFacts:
        lows = [facts.minimum for facts in (self, other) if facts.minimum is not None]
        highs = [facts.maximum for facts in (self, other) if facts.maximum is not None]
        bounded = self.at_most is not None and other.at_most is not None
        kinds = Counter(self.kinds)
        kinds.update(other.kinds)
        return ColumnFacts(
            dict(kinds),
            min(lows, default=None),
            max(highs, default=None),
            max(self.at_least, other.at_least),
            (self.at_most or 0) + (other.at_most or 0) if bounded else None,
        )


@registered
@dataclass(frozen=True, slots=True)
class Contingency:
    """The rows of one data set by their kinds.

    tables: one for each facet, each counting every row once. facts: of the facets' columns, the label's and the
    prediction's. plan: what was counted, as a text (`ContingencyPlan.text`); only counts of one plan add up.
    """

    KIND: ClassVar[str] = "contingency"
    VERSION: ClassVar[int] = 1

    tables: tuple[Mapping[Cell, int], ...] = ()
    facts: tuple[ColumnFacts, ...] = ()
    plan: str = ""

    @property
    def rows(self) -> int:
        return sum(self.tables[0].values()) if self.tables else 0

    def __add__(self, other: Contingency) -> Contingency:
        """Raises BadState if the two were counted by different plans."""
        if not other.tables:
            return self
        if not self.tables:
            return other
        require_equal(self.KIND, "the plan", self.plan, other.plan)
        return Contingency(
            tuple(_added(mine, theirs) for mine, theirs in zip(self.tables, other.tables, strict=True)),
            tuple(mine + theirs for mine, theirs in zip(self.facts, other.facts, strict=True)),
            self.plan,
        )

    def to_bytes(self) -> bytes:
        """The state's bytes: its tables and facts as JSON, cells in the order of their texts."""
        content = {
            "tables": [
                sorted(([*cell, rows] for cell, rows in table.items()), key=json.dumps) for table in self.tables
            ],
            "facts": [
                [sorted(facts.kinds.items()), facts.minimum, facts.maximum, facts.at_least, facts.at_most]
                for facts in self.facts
            ],
        }
        payload = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        return pack(self.KIND, self.VERSION, {"plan": self.plan}, payload)

    @classmethod
    def from_bytes(cls, blob: bytes) -> Contingency:
        """The counts that `to_bytes` wrote.

        Raises BadState naming what is wrong with the bytes.
        """
        parameters, payload = unpack(blob, cls.KIND, cls.VERSION)
        try:
            content = json.loads(payload.decode("utf-8", "surrogatepass"))
            tables = tuple({tuple(cell): rows for *cell, rows in table} for table in content["tables"])
            facts = tuple(
                ColumnFacts({CellKind(kind): count for kind, count in kinds}, *rest)
                for kinds, *rest in content["facts"]
            )
            return cls(tables, facts, parameters["plan"])
        except (ValueError, KeyError, TypeError) as fault:
            raise BadState(
                f"state bytes: the payload of {cls.KIND!r} can't be read ({type(fault).__name__})"
            ) from fault

    def fault(self) -> str | None:
        """What keeps bytes from being counts, beyond their members' types."""
        cells = [cell for table in self.tables for cell in table]
        if any(len(cell) < SEGMENTS or not {type(key) for key in cell} <= {int, str, type(None)} for cell in cells):
            return "a cell is none"
        counted = [count for table in self.tables for count in table.values()]
        for facts in self.facts:
            counted += [*facts.kinds.values(), facts.at_least, facts.at_most or 0]
            numbers = [number for number in (facts.minimum, facts.maximum) if number is not None]
            if not all(type(number) in (int, float) and abs(number) <= LARGEST for number in numbers):
                return "minimum and maximum are no numbers"
        return None if all(map(is_count, counted)) else "a count is none"

    def require_of(self, *, facets: int, columns: int, segmentations: int) -> None:
        """Raises BadState if they were not counted by a plan of so many."""
        places = {len(cell) for table in self.tables for cell in table}
        if (len(self.tables), len(self.facts)) != (facets, columns) or places - {SEGMENTS + segmentations}:
            raise BadState(
                f"{self.KIND}: the counts are not those of their plan; restore the file or scan the data again"
            )


def _added(mine: Mapping[Cell, int], theirs: Mapping[Cell, int]) -> dict[Cell, int]:
    total = Counter(mine)
    total.update(theirs)
    return dict(total)
