"""All that one scan knows of a data set: a `Profile` of `FeatureProfile`s, themselves states that add.

statistics.json is a projection of a profile, and can be made from a stored one without the data. Runs on the driver.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar, TypeVar

from model_monitor.errors import BadState
from model_monitor.states.data_types import DataTypeCounts, InferredType
from model_monitor.states.distinct import DistinctRegisters
from model_monitor.states.encoding import pack, require_equal, unpack
from model_monitor.states.frequencies import Frequencies
from model_monitor.states.kll import KllSketch
from model_monitor.states.moments import Moments
from model_monitor.states.state import State
from model_monitor.states.vectors import VectorCounts

S = TypeVar("S", bound=State)

_LENGTH = struct.Struct("<Q")
_STATES: tuple[type[State], ...] = (
    DataTypeCounts,
    Moments,
    KllSketch,
    DistinctRegisters,
    Frequencies,
    VectorCounts,
)


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


@dataclass(frozen=True, slots=True)
class FeatureProfile:
    """The states of one feature; None where a column of this type has no such state.

    data_types counts every cell, and NaN as missing. A text column has moments, kll and frequencies: its numbers count
    if it `is_numeric`, and then they are those of all its present cells.
    """

    KIND: ClassVar[str] = "feature"
    VERSION: ClassVar[int] = 1

    name: str = ""
    column_type: ColumnType = ColumnType.TEXT
    data_types: DataTypeCounts = field(default_factory=DataTypeCounts)
    moments: Moments | None = None
    kll: KllSketch | None = None
    distinct: DistinctRegisters | None = None
    frequencies: Frequencies | None = None
    vectors: VectorCounts | None = None

    @classmethod
    def of(cls, name: str, column_type: ColumnType, states: Iterable[State]) -> FeatureProfile:
        """The profile that has these states, at most one of each kind; of no rows if there are none."""
        found = {type(state): state for state in states}
        return cls(
            name,
            column_type,
            _of_type(DataTypeCounts, found) or DataTypeCounts(),
            _of_type(Moments, found),
            _of_type(KllSketch, found),
            _of_type(DistinctRegisters, found),
            _of_type(Frequencies, found),
            _of_type(VectorCounts, found),
        )

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
        """State by state. A profile of no rows may lack the states that the other one has.

        Raises BadState if the names or types differ, or if only one of them has some state.
        """
        require_equal(self.KIND, "name", self.name, other.name)
        require_equal(f"feature {self.name!r}", "column_type", self.column_type.value, other.column_type.value)
        if other._is_zero():
            return self
        if self._is_zero():
            return other
        return FeatureProfile(
            self.name,
            self.column_type,
            self.data_types + other.data_types,
            self._sum(self.moments, other.moments),
            self._sum(self.kll, other.kll),
            self._sum(self.distinct, other.distinct),
            self._sum(self.frequencies, other.frequencies),
            self._sum(self.vectors, other.vectors),
        )

    def to_bytes(self) -> bytes:
        """The state's bytes: those of its states, each after its length, which is 0 where there is none."""
        blobs = (b"" if state is None else state.to_bytes() for state in self._every_state())
        parameters = {"name": self.name, "column_type": self.column_type.value}
        return pack(self.KIND, self.VERSION, parameters, _joined(blobs))

    @classmethod
    def from_bytes(cls, blob: bytes) -> FeatureProfile:
        """The profile that `to_bytes` wrote.

        Raises BadState naming what is wrong with the bytes.
        """
        parameters, payload = unpack(blob, cls.KIND, cls.VERSION)
        blobs = _split(cls.KIND, payload)
        if len(blobs) != len(_STATES):
            raise BadState(f"state bytes: a {cls.KIND!r} of {len(blobs)} states; it has to have {len(_STATES)}")
        states = [kind.from_bytes(part) for kind, part in zip(_STATES, blobs, strict=True) if part]
        return cls.of(parameters["name"], ColumnType(parameters["column_type"]), states)

    @property
    def states(self) -> tuple[State, ...]:
        """The states that the feature has."""
        return tuple(state for state in self._every_state() if state is not None)

    def _every_state(self) -> tuple[State | None, ...]:
        return (self.data_types, self.moments, self.kll, self.distinct, self.frequencies, self.vectors)

    def _is_zero(self) -> bool:
        return self.data_types.total == 0 and len(self.states) == 1

    def _sum(self, mine: S | None, theirs: S | None) -> S | None:
        if mine is not None and theirs is not None:
            total: S = mine + theirs
            return total
        if mine is not None or theirs is not None:
            kind = (mine or theirs).KIND  # type: ignore[union-attr]
            raise BadState(f"feature {self.name!r}: only one of two profiles has {kind!r}; make both by the same scan")
        return None


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
        return pack(self.KIND, self.VERSION, parameters, _joined(feature.to_bytes() for feature in self.features))

    @classmethod
    def from_bytes(cls, blob: bytes) -> Profile:
        """The profile that `to_bytes` wrote.

        Raises BadState naming what is wrong with the bytes.
        """
        parameters, payload = unpack(blob, cls.KIND, cls.VERSION)
        header = {key.removeprefix("header."): value for key, value in parameters.items() if key != "item_count"}
        features = tuple(FeatureProfile.from_bytes(part) for part in _split(cls.KIND, payload))
        return cls(parameters["item_count"], features, header)


def _of_type(kind: type[S], states: Mapping[type, State]) -> S | None:
    state = states.get(kind)
    return state if isinstance(state, kind) else None


def _joined(blobs: Iterable[bytes]) -> bytes:
    return b"".join(part for blob in blobs for part in (_LENGTH.pack(len(blob)), blob))


def _split(kind: str, payload: bytes) -> list[bytes]:
    blobs = []
    start = 0
    while start < len(payload):
        place = start + _LENGTH.size
        end = place + _LENGTH.unpack_from(payload, start)[0] if place <= len(payload) else place
        if end > len(payload):
            raise BadState(f"state bytes: a part of {kind!r} ends at byte {end} of {len(payload)}")
        blobs.append(payload[place:end])
        start = end
    return blobs
