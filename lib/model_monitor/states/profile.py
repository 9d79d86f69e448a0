"""All that one scan knows of a data set: a `Profile` of `FeatureProfile`s, themselves states that add.

A feature has states by kind, whatever kinds its scan gathered. Profiles of unequal scans add: the sum has the kinds that both
sides have and names those that it lacks. statistics.json is a projection of a profile, and can be made from a stored one
without the data. Runs on the driver.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar, TypeVar

from model_monitor.states.data_types import DataTypeCounts, InferredType
from model_monitor.states.distinct import DistinctRegisters
from model_monitor.states.encoding import kind_and_version, pack, require_equal, unpack
from model_monitor.states.frequencies import Frequencies
from model_monitor.states.kinds import decode, decode_if_known, registered
from model_monitor.states.kll import KllSketch
from model_monitor.states.moments import Moments
from model_monitor.states.parts import joined, split
from model_monitor.states.state import State
from model_monitor.states.vectors import VectorCounts

S = TypeVar("S", bound=State)


class ColumnType(Enum):
    """What a column is in the frame that was scanned, before anyone looks at its cells."""

    TEXT = "text"
    INTEGRAL = "integral"
    FRACTIONAL = "fractional"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    VECTOR = "vector"
    NESTED = "nested"


_TYPES_OF_NUMBERS: Mapping[ColumnType, InferredType] = {
    ColumnType.INTEGRAL: "Integral",
    ColumnType.FRACTIONAL: "Fractional",
}


def _nothing_counted() -> dict[str, State]:
    return {DataTypeCounts.KIND: DataTypeCounts()}


@registered
@dataclass(frozen=True, slots=True)
class FeatureProfile:
    """The states of one feature.

    states: by kind, those that a column of its type has and its scan gathered; data_types always. lacking: kinds that the
    feature can't have any more, since not all of its rows were counted by them.

    data_types counts every cell, and NaN as missing. A text column has moments, kll and frequencies: its numbers count
    if it `is_numeric`, and then they are those of all its present cells.
    """

    KIND: ClassVar[str] = "feature"
    VERSION: ClassVar[int] = 2

    name: str = ""
    column_type: ColumnType = ColumnType.TEXT
    states: Mapping[str, State] = field(default_factory=_nothing_counted)
    lacking: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, name: str, column_type: ColumnType, states: Iterable[State], lacking: Iterable[str] = ()
    ) -> FeatureProfile:
        """The profile that has these states, at most one of each kind; of no rows if there are none."""
        found = _nothing_counted() | {state.KIND: state for state in states}
        return cls(name, column_type, dict(sorted(found.items())), frozenset(lacking))

    @classmethod
    def decoded(
        cls, name: str, column_type: ColumnType, blobs: Iterable[bytes], lacking: Iterable[str] = ()
    ) -> FeatureProfile:
        """The profile that has the states in these bytes, and lacks those that only a later release can read.

        Raises BadState if bytes are damaged, or its data_types can't be read, without which nothing is known of it.
        """
        states, lacked = [], set(lacking)
        for blob in blobs:
            kind, _ = kind_and_version(blob)
            state = decode(blob) if kind == DataTypeCounts.KIND else decode_if_known(blob)
            if state is None:
                lacked.add(kind)
            else:
                states.append(state)
        return cls.of(name, column_type, states, lacked)

    def state(self, kind: type[S]) -> S | None:
        """The state of this type; None if a column of the feature's type has none, or it is lacking."""
        found = self.states.get(kind.KIND)
        return found if isinstance(found, kind) else None

    @property
    def data_types(self) -> DataTypeCounts:
        return self.state(DataTypeCounts) or DataTypeCounts()

    @property
    def moments(self) -> Moments | None:
        return self.state(Moments)

    @property
    def kll(self) -> KllSketch | None:
        return self.state(KllSketch)

    @property
    def distinct(self) -> DistinctRegisters | None:
        return self.state(DistinctRegisters)

    @property
    def frequencies(self) -> Frequencies | None:
        return self.state(Frequencies)

    @property
    def vectors(self) -> VectorCounts | None:
        return self.state(VectorCounts)

    @property
    def inferred_type(self) -> InferredType:
        """The type of the documents: a numeric column's own, else what the cells look like.

        "Unknown" if no cell of a text column is present, or cells are arrays or maps.
        """
        return _TYPES_OF_NUMBERS.get(self.column_type) or self.data_types.inferred_type()

    @property
    def is_numeric(self) -> bool:
        """Whether all present cells are numbers."""
        return self.inferred_type in ("Integral", "Fractional")

    @property
    def num_present(self) -> int:
        """Cells that are neither null nor NaN."""
        return self.data_types.present

    @property
    def num_missing(self) -> int:
        """Cells that are null or NaN."""
        return self.data_types.missing

    @property
    def completeness(self) -> float:
        """Share of the cells that are present; NaN if there are no rows."""
        return self.num_present / self.data_types.total if self.data_types.total else math.nan

    @property
    def exact_domain(self) -> dict[str, int] | None:
        """The counts of all values, or None if they were not counted or some were dropped."""
        if self.frequencies is None or not self.frequencies.exact:
            return None
        return dict(self.frequencies.counts)

    def __add__(self, other: FeatureProfile) -> FeatureProfile:
        """Kind by kind. What only one side has the sum lacks; a profile of no rows takes nothing away.

        Raises BadState if the names or types differ, or the parameters of a kind that both have.
        """
        require_equal(self.KIND, "name", self.name, other.name)
        require_equal(f"feature {self.name!r}", "column_type", self.column_type.value, other.column_type.value)
        if other._is_zero():
            return self
        if self._is_zero():
            return other
        both = self.states.keys() & other.states.keys()
        return FeatureProfile(
            self.name,
            self.column_type,
            {kind: state + other.states[kind] for kind, state in self.states.items() if kind in both},
            frozenset((self._kinds | other._kinds) - both),
        )

    def to_bytes(self) -> bytes:
        """The state's bytes: those of its states in the order of their kinds, each after its length."""
        parameters = {"name": self.name, "column_type": self.column_type.value}
        if self.lacking:
            parameters["lacking"] = ",".join(sorted(self.lacking))
        return pack(self.KIND, self.VERSION, parameters, joined(state.to_bytes() for state in self.states.values()))

    @classmethod
    def from_bytes(cls, blob: bytes) -> FeatureProfile:
        """The profile that `to_bytes` wrote, without the states that only a later release can read.

        Raises BadState naming what is wrong with the bytes.
        """
        parameters, payload = unpack(blob, cls.KIND, cls.VERSION)
        lacking = filter(None, parameters.get("lacking", "").split(","))
        column_type = ColumnType(parameters["column_type"])
        return cls.decoded(parameters["name"], column_type, split(cls.KIND, payload), lacking)

    def fault(self) -> str | None:
        """What keeps bytes from being a profile, beyond their members' types."""
        of_vectors = self.vectors or VectorCounts()
        counted = of_vectors.vectors + of_vectors.missing
        return "it has more vectors than cells" if counted > self.data_types.total else None

    @property
    def _kinds(self) -> frozenset[str]:
        """The kinds of state that at least some of its rows were counted by."""
        return self.lacking.union(self.states)

    def _is_zero(self) -> bool:
        return self.data_types.total == 0 and len(self.states) == 1


@registered
@dataclass(frozen=True, slots=True)
class Profile:
    """The profiles of all features of a data set, in the order of its columns.

    item_count: rows. header: what was scanned and how, for the reader; adding keeps what both sides say alike.
    """

    KIND: ClassVar[str] = "profile"
    VERSION: ClassVar[int] = 1

    item_count: int = 0
    features: tuple[FeatureProfile, ...] = ()
    header: Mapping[str, str] = field(default_factory=dict)

    def feature(self, name: str) -> FeatureProfile:
        """The profile of the feature called `name`.

        Raises KeyError if there is none.
        """
        for feature in self.features:
            if feature.name == name:
                return feature
        raise KeyError(name)

    def __add__(self, other: Profile) -> Profile:
        """Feature by feature.

        Raises BadState naming the first feature that differs.
        """
        if not other.item_count and not other.features:
            return self
        if not self.item_count and not self.features:
            return other
        for position, (mine, theirs) in enumerate(zip(self.features, other.features, strict=False)):
            require_equal(self.KIND, f"the name of feature {position}", mine.name, theirs.name)
        require_equal(self.KIND, "the number of features", len(self.features), len(other.features))
        return Profile(
            self.item_count + other.item_count,
            tuple(mine + theirs for mine, theirs in zip(self.features, other.features, strict=True)),
            {key: value for key, value in self.header.items() if other.header.get(key) == value},
        )

    def to_bytes(self) -> bytes:
        """The state's bytes: those of its features, each after its length."""
        parameters: dict[str, int | float | str] = {f"header.{key}": value for key, value in self.header.items()}
        parameters["item_count"] = self.item_count
        return pack(self.KIND, self.VERSION, parameters, joined(feature.to_bytes() for feature in self.features))

    @classmethod
    def from_bytes(cls, blob: bytes) -> Profile:
        """The profile that `to_bytes` wrote.

        Raises BadState naming what is wrong with the bytes.
        """
        parameters, payload = unpack(blob, cls.KIND, cls.VERSION)
        header = {key.removeprefix("header."): value for key, value in parameters.items() if key != "item_count"}
        features = tuple(FeatureProfile.from_bytes(part) for part in split(cls.KIND, payload))
        return cls(parameters["item_count"], features, header)
