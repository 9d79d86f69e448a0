"""What is known of requests beside their data: how many there were, how they ended, how long they took.

Made of the metadata that captured records may carry. Runs on executors; pure.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from model_monitor.errors import BadState
from model_monitor.states.encoding import pack, unpack
from model_monitor.states.kinds import registered
from model_monitor.states.kll import KllBuilder, KllSketch
from model_monitor.states.moments import Moments, MomentsBuilder

_HEAD = struct.Struct("<dqq")
_STATUS = struct.Struct("<2q")


@registered
@dataclass(frozen=True, slots=True, eq=False)
class Requests:
    """Requests whose records say how they ended.

    statuses: number of requests by HTTP status, in the order of the statuses. estimated: how many there were in all, from
    the percentage of the sample that each was captured in. moments, latencies: of the milliseconds that they took.
    """

    KIND: ClassVar[str] = "requests"
    VERSION: ClassVar[int] = 1

    statuses: Mapping[int, int] = field(default_factory=dict)
    estimated: float = 0.0
    moments: Moments = field(default_factory=Moments)
    latencies: KllSketch = field(default_factory=KllSketch)

    @property
    def count(self) -> int:
        """Requests that were captured."""
        return sum(self.statuses.values())

    def __add__(self, other: Requests) -> Requests:
        """Exact for counts, up to rounding for the estimate; the sketch depends on the order."""
        return Requests(
            _sorted(Counter(self.statuses) + Counter(other.statuses)),
            self.estimated + other.estimated,
            self.moments + other.moments,
            self.latencies + other.latencies,
        )

    def __eq__(self, other: object) -> bool:
        """Equal to the bit, as the bytes are."""
        return isinstance(other, Requests) and self.to_bytes() == other.to_bytes()

    def to_bytes(self) -> bytes:
        """The state's bytes: the estimate, two lengths, pairs of status and number, then moments and sketch."""
        moments, latencies = self.moments.to_bytes(), self.latencies.to_bytes()
        pairs = b"".join(_STATUS.pack(*pair) for pair in self.statuses.items())
        head = _HEAD.pack(self.estimated, len(self.statuses), len(moments))
        return pack(self.KIND, self.VERSION, {}, head + pairs + moments + latencies)

    @classmethod
    def from_bytes(cls, blob: bytes) -> Requests:
        """The state that `to_bytes` wrote.

        Raises BadState naming what is wrong with the bytes.
        """
        _, payload = unpack(blob, cls.KIND, cls.VERSION)
        if len(payload) < _HEAD.size:
            raise BadState(f"state bytes: the payload of {cls.KIND!r} has {len(payload)} bytes; its head is longer")
        estimated, statuses, moments_bytes = _HEAD.unpack_from(payload)
        pairs_end = _HEAD.size + statuses * _STATUS.size
        moments_end = pairs_end + moments_bytes
        if statuses < 0 or moments_bytes < 0 or len(payload) < moments_end:
            raise BadState(f"state bytes: a {cls.KIND!r} of {statuses} statuses does not fit in {len(payload)} bytes")
        return cls(
            dict(_STATUS.iter_unpack(payload[_HEAD.size : pairs_end])),
            estimated,
            Moments.from_bytes(payload[pairs_end:moments_end]),
            KllSketch.from_bytes(payload[moments_end:]),
        )


class RequestsBuilder:
    """Requests block by block. The result does not depend on how they are cut into blocks."""

    def __init__(self) -> None:
        self._statuses: Counter[int] = Counter()
        self._percentages: Counter[float] = Counter()
        self._moments = MomentsBuilder()
        self._latencies = KllBuilder()

    def update(self, statuses: pa.Array, latencies: pa.Array, percentages: pa.Array) -> None:
        """Take requests: HTTP status, milliseconds, percentage of the sample. Where the status is null there is none.

        A latency that is null, not finite or negative counts as missing, a percentage outside of (0, 100] as 100.
        """
        known = statuses.is_valid()
        if not known.true_count:
            return
        self._statuses.update({int(status): count for status, count in _counted(statuses.filter(known)).items()})
        percent = percentages.filter(known)
        within = pc.and_(pc.greater(percent, 0.0), pc.less_equal(percent, 100.0))
        self._percentages.update(_counted(pc.if_else(pc.fill_null(within, False), percent, 100.0)))
        milliseconds = latencies.filter(known)
        valid = pc.fill_null(pc.and_(pc.is_finite(milliseconds), pc.greater_equal(milliseconds, 0.0)), False)
        values = milliseconds.filter(valid).to_numpy().astype(np.float64)
        self._latencies.update(self._moments.update(values, missing=len(milliseconds) - len(values)))

    def state(self) -> Requests:
        """What is known of all requests so far."""
        estimated = sum(count * 100.0 / percent for percent, count in sorted(self._percentages.items()))
        return Requests(_sorted(self._statuses), estimated, self._moments.state(), self._latencies.state())


def _sorted(statuses: Mapping[int, int]) -> dict[int, int]:
    return dict(sorted(statuses.items()))


def _counted(values: pa.Array) -> dict[float, int]:
    return {row["values"]: row["counts"] for row in values.value_counts().to_pylist()}
