"""Confusion counts: how often each label met each prediction.

Labels are kept as the texts that were read; which texts are one class is settled when all are known
(model_quality/labels.py). Runs on executors; pyarrow and numpy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pyarrow as pa

from model_monitor.errors import BadState
from model_monitor.states.encoding import pack, require_equal, unpack
from model_monitor.states.kinds import registered

CLASS_LIMIT = 1000
"""Most different labels and predictions together; more are no classes but numbers or names."""

_LENGTH = np.dtype("<i8")


@registered
@dataclass(frozen=True, slots=True)
class ConfusionCounts:
    """Rows by label and prediction, those that occurred.

    total: all rows. overflowed: whether there were more than `limit` texts; then `counts` is empty, and nothing but `total` is
    known.
    """

    KIND: ClassVar[str] = "confusion"
    VERSION: ClassVar[int] = 1

    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    total: int = 0
    limit: int = CLASS_LIMIT
    overflowed: bool = False

    @classmethod
    def of(cls, labels: pa.Array, predictions: pa.Array, limit: int = CLASS_LIMIT) -> ConfusionCounts:
        """The counts of rows, from a text each for label and prediction, neither null."""
        left, right = labels.dictionary_encode(), predictions.dictionary_encode()
        width = len(right.dictionary)
        if max(len(left.dictionary), width) > limit:
            return cls({}, len(left), limit, overflowed=True)
        codes = left.indices.to_numpy().astype(np.int64) * width + right.indices.to_numpy()
        cells, occurrences = np.unique(codes, return_counts=True)
        texts, others = left.dictionary.to_pylist(), right.dictionary.to_pylist()
        counts = {
            (texts[cell // width], others[cell % width]): count
            for cell, count in zip(cells.tolist(), occurrences.tolist(), strict=True)
        }
        return cls._limited(counts, len(codes), limit)

    @property
    def labels(self) -> frozenset[str]:
        """The texts that were labels."""
        return frozenset(label for label, _ in self.counts)

    @property
    def predictions(self) -> frozenset[str]:
        """The texts that were predictions."""
        return frozenset(prediction for _, prediction in self.counts)

    def __add__(self, other: ConfusionCounts) -> ConfusionCounts:
        """Raises BadState if the limits differ."""
        require_equal(self.KIND, "limit", self.limit, other.limit)
        if self.overflowed or other.overflowed:
            return ConfusionCounts({}, self.total + other.total, self.limit, overflowed=True)
        counts = Counter(dict(self.counts))
        counts.update(dict(other.counts))
        return self._limited(dict(counts), self.total + other.total, self.limit)

    def to_bytes(self) -> bytes:
        """The state's bytes: total, whether it overflowed, number of cells, counts, lengths of the texts, texts; sorted."""
        cells = sorted(self.counts)
        texts = [text.encode() for cell in cells for text in cell]
        numbers = [self.total, int(self.overflowed), len(cells)]
        numbers += [self.counts[cell] for cell in cells]
        numbers += [len(text) for text in texts]
        payload = np.array(numbers, dtype=_LENGTH).tobytes() + b"".join(texts)
        return pack(self.KIND, self.VERSION, {"limit": self.limit}, payload)

    @classmethod
    def from_bytes(cls, blob: bytes) -> ConfusionCounts:
        """The counts that `to_bytes` wrote.

        Raises BadState naming what is wrong with the bytes.
        """
        parameters, payload = unpack(blob, cls.KIND, cls.VERSION)
        total, overflowed, cells = np.frombuffer(payload, _LENGTH, 3).tolist() if len(payload) >= 24 else (0, 0, -1)
        texts_at = 24 + 24 * cells
        if cells < 0 or len(payload) < texts_at:
            raise BadState(f"state bytes: a {cls.KIND!r} of {cells} cells does not fit in {len(payload)} bytes")
        numbers = np.frombuffer(payload, _LENGTH, 3 * cells, offset=24)
        ends = texts_at + np.cumsum(numbers[cells:], dtype=np.int64)
        if (int(ends[-1]) if cells else texts_at) != len(payload):
            raise BadState(f"state bytes: the texts of a {cls.KIND!r} do not end with its {len(payload)} bytes")
        starts = [texts_at, *ends.tolist()]
        texts = [payload[start:end].decode() for start, end in zip(starts, ends.tolist(), strict=False)]
        pairs = zip(texts[::2], texts[1::2], strict=True)
        counts = dict(zip(pairs, numbers[:cells].tolist(), strict=True))
        return cls(counts, total, parameters["limit"], bool(overflowed))

    def fault(self) -> str | None:
        """What keeps bytes from being counts, beyond their members' types."""
        if self.overflowed:
            return "there are counts beside an overflow" if self.counts else None
        told = sum(self.counts.values()) == self.total and 0 not in self.counts.values()
        return None if told else "its counts are not those of its rows"

    @classmethod
    def _limited(cls, counts: Mapping[tuple[str, str], int], total: int, limit: int) -> ConfusionCounts:
        if len({text for cell in counts for text in cell}) > limit:
            return cls({}, total, limit, overflowed=True)
        return cls(counts, total, limit)
