"""Counts of a scan's rows as a whole: accepted and refused rows, requests, and samples of neighbouring rows (runs)."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import field
from operator import add
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_model_monitor.statistics import Doubles, Flags, Integers
from spark_model_monitor.statistics.states.encoding import (
    Parameters,
    State,
    join_parts,
    register_state,
    require_equal,
    split_parts,
)
from spark_model_monitor.statistics.states.kll import KllBuilder, KllSketch
from spark_model_monitor.statistics.states.moments import Moments, MomentsBuilder
from spark_model_monitor.value_class import value_class


@register_state
@value_class
class RowCounts(State):
    """Rows of one scan.

    refused: number of rows that were not accepted, by reason.
    matches: for each predicate the number of accepted rows that meet it.
    widths: pairs (number of cells, records with this number), ascending; empty unless the scan requested them.
    newest: the latest time of an accepted row, in microseconds since 1970; 0 if unknown.
    """

    KIND = "rows"
    VERSION = 2

    kept: int = 0
    refused: tuple[int, ...] = ()
    matches: tuple[int, ...] = ()
    widths: tuple[tuple[int, int], ...] = ()
    newest: int = 0

    @classmethod
    def zero(cls, *, reasons: int, predicates: int) -> RowCounts:
        """The counts of no rows, for these numbers of reasons and predicates."""
        return cls(0, (0,) * reasons, (0,) * predicates)

    @classmethod
    def from_reasons(cls, reasons: NDArray[np.int32], count: int, widths: tuple[tuple[int, int], ...]) -> RowCounts:
        """The counts of rows, from the reason of each; 0 for accepted rows. count: number of reasons."""
        rows = np.bincount(reasons, minlength=count + 1).tolist()
        return cls(rows[0], tuple(rows[1:]), (), widths)

    @property
    def total(self) -> int:
        """All rows, kept or refused."""
        return self.kept + sum(self.refused)

    def count_refused(self, reason: int) -> int:
        """The number of rows refused for a reason, by its number from 1; 0 if there were not so many reasons."""
        # A slice, because it may be empty
        return sum(self.refused[reason - 1 : reason])

    def __add__(self, addend: RowCounts) -> RowCounts:
        """Raises BadState if the numbers of reasons or of predicates differ."""
        require_equal(self.KIND, "the number of reasons", len(self.refused), len(addend.refused))
        require_equal(self.KIND, "the number of predicates", len(self.matches), len(addend.matches))
        return RowCounts(
            self.kept + addend.kept,
            tuple(map(add, self.refused, addend.refused)),
            tuple(map(add, self.matches, addend.matches)),
            tuple(sorted(self.sum_of_counts(dict(self.widths), dict(addend.widths)).items())),
            max(self.newest, addend.newest),
        )

    def payload(self) -> tuple[Parameters, bytes]:
        """64-bit integers, accepted rows first, pairs of widths last."""
        parameters = {"reasons": len(self.refused), "predicates": len(self.matches), "widths": len(self.widths)}
        if self.newest:
            parameters["newest"] = self.newest
        pairs = [number for pair in self.widths for number in pair]
        numbers = np.array([self.kept, *self.refused, *self.matches, *pairs], dtype="<i8")
        return parameters, numbers.tobytes()

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> RowCounts:
        reasons, predicates, widths = (parameters.get(name, 0) for name in ("reasons", "predicates", "widths"))
        cls.require_size(payload, 8 * (1 + reasons + predicates + 2 * widths))  # kept rows first, pairs of widths last
        accepted_rows, *counts = np.frombuffer(payload, "<i8").tolist()
        matches = counts[reasons : reasons + predicates]
        pairs = counts[reasons + predicates :]
        by_width = tuple(zip(pairs[::2], pairs[1::2], strict=True))
        return cls(accepted_rows, tuple(counts[:reasons]), tuple(matches), by_width, parameters.get("newest", 0))


def count_widths(cells: pa.Array) -> tuple[tuple[int, int], ...]:
    """The `widths` of `RowCounts`, from each row's number of cells; 0 for a row that doesn't begin a record."""
    numbers, counts = np.unique(cells.to_numpy(zero_copy_only=False), return_counts=True)
    return tuple((int(number), int(count)) for number, count in zip(numbers, counts, strict=True) if number > 0)


_HEAD = struct.Struct("<dqq")
_STATUS_COUNT = struct.Struct("<2q")


@register_state
@value_class(eq=False)
class Requests(State):
    """Requests whose records have a status.

    statuses: number of requests by HTTP status, in order of status.
    estimated: the number of all requests, from the capture percentage of each.
    moments, latencies: of their latencies in milliseconds.
    """

    KIND = "requests"

    statuses: Mapping[int, int] = field(default_factory=dict)
    estimated: float = 0.0
    moments: Moments = field(default_factory=Moments)
    latencies: KllSketch = field(default_factory=KllSketch)

    @property
    def count(self) -> int:
        """The number of captured requests."""
        return sum(self.statuses.values())

    def __add__(self, addend: Requests) -> Requests:
        """Exact for counts, up to rounding for the estimate; the sketch depends on the order of addition."""
        return self.add_members(addend, statuses=_sort_statuses(Counter(self.statuses) + Counter(addend.statuses)))

    def payload(self) -> tuple[Parameters, bytes]:
        """The estimate, two lengths, pairs of status and number, then moments and sketch."""
        moments = self.moments.to_bytes()
        latencies = self.latencies.to_bytes()
        pairs = b"".join(_STATUS_COUNT.pack(*pair) for pair in self.statuses.items())
        head = _HEAD.pack(self.estimated, len(self.statuses), len(moments))
        return {}, head + pairs + moments + latencies

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> Requests:
        estimated, statuses, moments_bytes = _HEAD.unpack_from(payload)
        pairs_end = _HEAD.size + statuses * _STATUS_COUNT.size  # a status and its number, 16 bytes
        moments_end = pairs_end + moments_bytes
        if moments_end > len(payload):
            raise ValueError("the moments are truncated")
        return cls(
            dict(_STATUS_COUNT.iter_unpack(payload[_HEAD.size : pairs_end])),
            estimated,
            Moments.from_bytes(payload[pairs_end:moments_end]),
            KllSketch.from_bytes(payload[moments_end:]),
        )


class RequestsBuilder:
    """Counts requests block by block. The result does not depend on how requests are split into blocks."""

    def __init__(self) -> None:
        self._statuses: Counter[int] = Counter()
        self._percentages: Counter[float] = Counter()
        self._moments = MomentsBuilder()
        self._latencies = KllBuilder()

    def update(self, statuses: pa.Array, latencies: pa.Array, percentages: pa.Array) -> None:
        """Take requests: HTTP status, milliseconds, capture percentage. A null status is not a request.

        A latency that is null, not finite or negative counts as missing; a percentage outside (0, 100] counts as 100.
        """
        has_status = statuses.is_valid()
        if not has_status.true_count:
            return
        self._statuses.update(
            {int(status): count for status, count in _count_values(statuses.filter(has_status)).items()}
        )
        # An impossible percentage counts as if everything had been captured
        percentages_of_requests = percentages.filter(has_status)
        is_possible = pc.and_(pc.greater(percentages_of_requests, 0.0), pc.less_equal(percentages_of_requests, 100.0))
        self._percentages.update(
            _count_values(pc.if_else(pc.fill_null(is_possible, False), percentages_of_requests, 100.0))
        )
        milliseconds = latencies.filter(has_status)
        is_valid = pc.fill_null(pc.and_(pc.is_finite(milliseconds), pc.greater_equal(milliseconds, 0.0)), False)
        values = milliseconds.filter(is_valid).to_numpy().astype(np.float64)
        self._latencies.update(self._moments.update(values, missing=len(milliseconds) - len(values)))

    def state(self) -> Requests:
        """The counts of all requests so far."""
        estimated = sum(
            count * 100.0 / percentages_of_requests
            for percentages_of_requests, count in sorted(self._percentages.items())
        )
        return Requests(_sort_statuses(self._statuses), estimated, self._moments.state(), self._latencies.state())


def _sort_statuses(statuses: Mapping[int, int]) -> dict[int, int]:
    return dict(sorted(statuses.items()))


def _count_values(values: pa.Array) -> dict[float, int]:
    return {row["values"]: row["counts"] for row in values.value_counts().to_pylist()}


MAX_RUNS = 32  # runs kept of a data set. Source: D4.8.
MIN_ROWS = 8  # rows of the shortest run. Source: D4.8.
# Rows of each of a window's runs; so many that a run contains whole groups of rows. Source: D4.16.
WINDOW_RUN_ROWS = 128
# If a column names groups: groups kept, and rows kept of each group. Source: D4.21.
MAX_GROUPS = 128
MAX_GROUP_ROWS = 512

# The number of bits of each part of a lot's fraction, in this order
_LOT_BITS = 16
_PARTITION_BITS = 12
_ROW_BITS = 18
MAX_DISTINCT_PIECES = 1 << _PARTITION_BITS  # partitions, or pieces of files, that a lot can distinguish


def encode_lot(lot: float, partition: int, row: int) -> float:
    """A random number from 0 to 1 whose last digits encode where its run begins.

    partition: if there are several files, the index of the piece of a file among all pieces. row: the row's index in the
        piece.
    """
    position = (partition % MAX_DISTINCT_PIECES << _ROW_BITS) + min(row // MIN_ROWS, (1 << _ROW_BITS) - 1)
    return (int(lot * (1 << _LOT_BITS)) + position / (1 << (_PARTITION_BITS + _ROW_BITS))) / (1 << _LOT_BITS)


class RowRun(NamedTuple):
    """Neighbouring rows.

    lot: a random number; the runs with the smallest lots are kept.
    rows: number of rows.
    numbers: the present cells as doubles, NaN for a text that isn't a number; empty if fewer than half are numbers.
    hashes: hashes of the present cells of a text column.
    present: one bit per row, 1 if the row has a cell; empty if all rows have one.
    """

    lot: float
    rows: int
    numbers: bytes = b""
    hashes: bytes = b""
    present: bytes = b""

    @property
    def place(self) -> float:
        """Where the run begins in the data, from 0 to 1: in the order of the files, or of the partitions if the files are
        unknown.
        """
        return self.lot * (1 << _LOT_BITS) % 1

    @property
    def first_row(self) -> int:
        """The index of the run's first row, if partitions are in order and far apart. It is a multiple of `MIN_ROWS` unless
        the run is the first of a later block.
        """
        return MIN_ROWS * round(self.place * (1 << (_PARTITION_BITS + _ROW_BITS)))

    def join_rows(self, following: RowRun) -> RowRun:
        """The rows of both, up to the maximum; they keep numbers only if both runs have numbers."""
        is_present = np.concatenate((self.read_presence(), following.read_presence()))[:MAX_GROUP_ROWS]
        end = 8 * int(is_present.sum())
        # A group with texts in one run and numbers in another is a group of texts
        are_numbers = all(run.numbers or not run.hashes for run in (self, following))
        numbers = b""
        if are_numbers:
            numbers = (self.numbers + following.numbers)[:end]
        present = b""
        if not is_present.all():
            present = np.packbits(is_present).tobytes()
        return RowRun(self.lot, len(is_present), numbers, (self.hashes + following.hashes)[:end], present)

    def read_presence(self) -> Flags:
        """Whether each row has a cell."""
        if not self.present:
            return np.ones(self.rows, bool)
        return np.unpackbits(np.frombuffer(self.present, np.uint8), count=self.rows).astype(bool)


def build_first_runs(numbers: Doubles, partition: int = 0) -> RowRuns:
    """Runs of a partition's first rows, from one number per row. Earlier partitions give more runs, as there may be no
    later ones.
    """
    numbers = numbers[: WINDOW_RUN_ROWS * (MAX_RUNS >> min(partition, 4))]
    parts = np.split(numbers, range(WINDOW_RUN_ROWS, len(numbers), WINDOW_RUN_ROWS))
    return RowRuns(
        tuple(RowRun(rank + partition / 2**31, len(part), part.tobytes()) for rank, part in enumerate(parts))
    )


def read_values(runs: Sequence[RowRun], *, numeric: bool) -> tuple[NDArray[Any], Integers]:
    """The present cells of all runs in order, and the number of cells in each run. numeric: whether as numbers, without the
    texts that aren't numbers, or as hashes of texts.
    """
    cells = [run.numbers if numeric else run.hashes for run in runs]
    sizes = np.array([len(cell) // 8 for cell in cells], np.int64)
    if not numeric:
        return np.frombuffer(b"".join(cells), np.uint64), sizes
    numbers = np.frombuffer(b"".join(cells), np.float64)
    is_number = ~np.isnan(numbers)
    if is_number.all():
        return numbers, sizes
    # The number of cells in each run that are numbers
    numbers_before = np.concatenate(([0], np.cumsum(is_number)))
    ends = np.concatenate(([0], np.cumsum(sizes)))
    return numbers[is_number], np.diff(numbers_before[ends])


def count_value_rows(runs: Sequence[RowRun], *, numeric: bool) -> Doubles:
    """The number of rows in each run that count for a statistic of its values: rows with a missing cell or a value. numeric:
    whether values are numbers; rows with other texts are then not counted."""
    rows = np.array([run.rows for run in runs], dtype=float)
    if not numeric or not any(run.hashes for run in runs):
        return rows
    texts = np.array([np.count_nonzero(np.isnan(np.frombuffer(run.numbers))) for run in runs], dtype=float)
    rows -= texts
    return rows


@register_state
@value_class
class RowRuns(State):
    """The runs of a column, in order of their lots."""

    KIND = "row_runs"

    runs: tuple[RowRun, ...] = ()

    def __add__(self, addend: RowRuns) -> RowRuns:
        """The runs with the smallest lots of both sides."""
        runs = sorted({*self.runs, *addend.runs}, key=lambda run: (run.lot, run.rows, run.numbers, run.hashes))
        return RowRuns(tuple(runs[:MAX_RUNS]))

    def payload(self) -> tuple[Parameters, bytes]:
        """For each run its lot, its number of rows, its number of numbers, numbers and hashes; then the presence bits of
        each run.
        """
        parts = (_HEAD.pack(run.lot, run.rows, len(run.numbers) // 8) + run.numbers + run.hashes for run in self.runs)
        return {}, join_parts((*parts, *(run.present for run in self.runs)))

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> RowRuns:
        runs = []
        parts = split_parts(payload)
        half = len(parts) // 2
        for part, bits in zip(parts[:half], parts[half:], strict=True):
            lot, rows, numbers = _HEAD.unpack_from(part)
            end = _HEAD.size + 8 * numbers
            runs.append(RowRun(lot, rows, part[_HEAD.size : end], part[end:], bits))
        return cls(tuple(runs))

    def is_consistent(self) -> bool:
        for run in self.runs:
            sizes = range(0, 8 * run.rows + 1, 8)
            has_values = len(run.numbers) in sizes and len(run.hashes) in sizes
            if not has_values or len(run.present) not in (0, -(-run.rows // 8)):
                return False
        return True


@register_state
@value_class(eq=False)
class RowGroups(RowRuns):
    """A sample of the groups that a column names, one run per group. The lot is computed from the name; the smallest lots
    are kept.
    """

    KIND = "row_groups"

    def __add__(self, addend: RowRuns) -> RowGroups:
        """The groups of both sides with the smallest lots; rows of the same group are joined."""
        groups = {run.lot: run for run in self.runs}
        for run in addend.runs:
            groups[run.lot] = groups[run.lot].join_rows(run) if run.lot in groups else run
        return RowGroups(tuple(groups[lot] for lot in sorted(groups)[:MAX_GROUPS]))
