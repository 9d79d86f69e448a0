"""Segments: assigns a block's rows to segments, and computes a column's states in each segment. Runs on executors.

`cuts_of` parses the user's cuts: `plan` by value, `age:30:50` by range, `plan*has_roaming` by both.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spark_model_monitor.data.engine.casts import numbers_of
from spark_model_monitor.data.profiling.gathering import RunStarts, kept_of, ranked, runs_of
from spark_model_monitor.data.profiling.plan import Block, ColumnPlan, ScanPlan, Texts, once_a_block
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.statistics.states import (
    ColumnType,
    DataType,
    DataTypeCounts,
    FeatureProfile,
    FrequenciesBuilder,
    KllBuilder,
    KllSketch,
    Moments,
    MomentsBuilder,
    Run,
    State,
)
from spark_model_monitor.statistics.states.data_types import parse_numbers
from spark_model_monitor.statistics.states.frequencies import texts_of
from spark_model_monitor.statistics.states.rows import FEWEST_ROWS
from spark_model_monitor.statistics.states.segments import MISSING, MOST_SEGMENTS, Segmented, rest_of

Codes = NDArray[np.uint8]  # shape (rows,): the segment of each row
Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]  # shape (segments, kinds of cells or values)

AND = " & "  # separates the values of a combination

SKETCH_SIZE = 1024
FEWEST_ITEMS = 128
ITEMS_OF_ALL = 2**22
"""The size of a column's sketch in a segment, and the maximum items over all columns and segments: 32 MiB."""

MOST_RUNS = 12  # runs of a segment in the first partition; each takes as long as a run of all rows
HELD = 2  # the buffer of a sketch, in multiples of its size
MOST_VALUES = 512  # values of a text column that are counted individually in a segment


@dataclass(frozen=True, slots=True)
class Part:
    """A column that cuts the rows. cuts: ascending bounds; empty to cut by value."""

    position: int
    name: str
    cuts: tuple[float, ...] = ()

    def ranges(self) -> list[str]:
        """The names of the ranges between the cuts: `age<30`, `30<=age<50`, `age>=50`."""
        ends = [f"{cut:.15g}" for cut in self.cuts]
        between = [f"{low}<={self.name}<{high}" for low, high in itertools.pairwise(ends)]
        return [f"{self.name}<{ends[0]}", *between, f"{self.name}>={ends[-1]}"]


@dataclass(frozen=True, slots=True)
class Cut:
    """A way to cut the rows. name: as the user wrote it. labels: segments of the baseline; all others are merged."""

    name: str
    parts: tuple[Part, ...]
    labels: tuple[str, ...] = ()

    @property
    def rest(self) -> str:
        return rest_of(self.name)


def cuts_of(
    written: Sequence[str], names: Sequence[str], labels: Mapping[str, Sequence[str]] | None = None
) -> list[Cut]:
    """The cuts that the user wrote, for columns with these names. labels: the baseline's segments, by cut.

    Raises BadConfiguration for an absent column, and for bounds that are not ascending numbers.
    """
    return [
        Cut(fromkey, _parts(fromkey, names), tuple((labels or {}).get(fromkey, ())))
        for fromkey in dict.fromkeys(written)
    ]


def _parts(written: str, names: Sequence[str]) -> tuple[Part, ...]:
    parts = []
    for part in [written] if written in names else written.split("*"):
        name, *bounds = [part] if part in names else part.split(":")
        if name not in names:
            raise BadConfiguration(
                f"segments: {name!r} of {written!r} is no column of the data; they are {', '.join(names[:20])}; write a column, "
                "COLUMN:30:50 for ranges, or COLUMN*COLUMN for combinations"
            )
        try:
            cuts = tuple(map(float, bounds))
        except ValueError:
            cuts = (np.nan,)
        if not all(a < b for a, b in zip((-np.inf, *cuts), (*cuts, np.inf), strict=True)):
            raise BadConfiguration(f"segments: the bounds of {part!r} are no rising numbers; write {name}:30:50")
        parts.append(Part(names.index(name), name, cuts))
    return tuple(parts)


RunsOfBlock = tuple[list[tuple[int, int]], list[float], list[NDArray[np.int64]]]
"""For runs of rows: the cut and the segment's number, the lot, and the positions of the rows."""


class Segments:
    """The segments of one partition's rows, numbered by first occurrence: 0 is for all others."""

    def __init__(self, plan: ScanPlan, partition: int) -> None:
        self.cuts: Sequence[Cut] = plan.cuts
        self._accept_exponents = plan.accept_exponents
        self._columns = {column.position: column for column in plan.columns}
        self._time = plan.time_column
        self._file_order = plan.file_order
        self._numbers: list[dict[str, int]] = [
            {label: number for number, label in enumerate(filter(cut.rest.__ne__, cut.labels), start=1)}
            for cut in self.cuts
        ]
        many = sum(len(cut.labels) or MOST_SEGMENTS for cut in plan.cuts)
        fitting = ITEMS_OF_ALL // max(1, 3 * plan.all_columns * many)
        self.size = max(FEWEST_ITEMS, min(SKETCH_SIZE, fitting))
        run_plan = replace(plan, time_position=None, all_columns=plan.all_columns * many)
        self._new_places = partial(RunStarts, run_plan, partition, MOST_RUNS)
        self.places: dict[tuple[int, int], RunStarts] = {}  # positions of each segment's kept runs

    def labels(self, cut: int) -> list[str]:
        """The names of a cut's segments, by number."""
        return [self.cuts[cut].rest, *self._numbers[cut]]

    @once_a_block
    def codes(self, block: Block) -> list[Codes]:
        """The segment of each row, by cut."""
        return [self._numbered(number, block) for number in range(len(self.cuts))]

    @once_a_block
    def runs(self, block: Block) -> RunsOfBlock:
        """The runs of neighbouring rows kept so far in each segment."""
        ranks = None
        if self._time is None:
            ranks = block.file_ranks(self._file_order)
        in_order = None
        if ranks is not None:
            in_order = np.argsort(ranks, kind="stable")
        if self._time is not None:
            in_order = block.order_by(self._time).to_numpy().astype(np.int64)
        # The rows of each segment, in this order
        found: RunsOfBlock = ([], [], [])
        for cut, codes in enumerate(self.codes(block)):
            order = np.argsort(codes if in_order is None else codes[in_order], kind="stable")
            order = order if in_order is None else in_order[order]
            ends = np.cumsum(np.bincount(codes)).tolist()
            for number, (start, end) in enumerate(itertools.pairwise([0, *ends])):
                if end > start:
                    if (cut, number) not in self.places:
                        self.places[cut, number] = self._new_places()
                    ranks_of_segment = None if ranks is None else ranks[order[start:end]]
                    lots, places = self.places[cut, number].among(end - start, ranks_of_segment)
                    found[0].extend([(cut, number)] * len(lots))
                    found[1].extend(lots)
                    found[2].extend(order[start:end][each] for each in places)
        return found

    def _numbered(self, number: int, block: Block) -> Codes:
        cut = self.cuts[number]
        known = self._numbers[number]
        labels, codes = reduce(_combined, (self._of_part(part, block) for part in cut.parts))
        counts = np.bincount(codes, minlength=len(labels))
        there = np.flatnonzero(counts).tolist()
        if len(there) > MOST_SEGMENTS:
            there.sort(key=lambda place: (-counts[place], labels[place]))
        table = np.zeros(len(labels), np.uint8)
        for place in there:
            label = labels[place]
            if label not in known and not cut.labels and len(known) < MOST_SEGMENTS and label != cut.rest:
                known[label] = len(known) + 1
            table[place] = known.get(label, 0)
        return table[codes]

    def _of_part(self, part: Part, block: Block) -> tuple[list[str], NDArray[np.int64]]:
        """The names of a column's values or ranges, and the index of each row's."""
        column = self._columns[part.position]
        missing = f"{part.name}={MISSING}"
        cells = block.cells(column)
        if part.cuts:
            numbers = _numbers(cells, column)
            codes = np.searchsorted(np.array(part.cuts), numbers, side="right").astype(np.int64)
            codes[np.isnan(numbers)] = len(part.cuts) + 1
            return [*part.ranges(), missing], codes
        if column.column_type is ColumnType.FRACTIONAL:
            numbers = _numbers(cells, column)
            cells = pa.array(numbers, mask=np.isnan(numbers))
        if column.is_text and (known := block.texts(column, self._accept_exponents)).codes is not None:
            dictionary = known.dictionary
            of_present = known.codes
            codes = np.full(len(cells), len(dictionary))
            codes[cells.is_valid().to_numpy(zero_copy_only=False) if cells.null_count else slice(None)] = of_present
            return [*(f"{part.name}={text}" for text in texts_of(dictionary)), missing], codes
        encoded = (cells if column.is_text else cells.cast(pa.string())).dictionary_encode()
        values = [f"{part.name}={text}" for text in texts_of(encoded.dictionary)]
        codes = encoded.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)
        return [*values, missing], codes.astype(np.int64)


_Labelled = tuple[list[str], NDArray[np.int64]]


def _combined(some: _Labelled, others: _Labelled) -> _Labelled:
    (left, codes), (right, further) = some, others
    pairs, places = np.unique(codes * len(right) + further, return_inverse=True)
    return [f"{left[pair // len(right)]}{AND}{right[pair % len(right)]}" for pair in pairs.tolist()], places


def _numbers(cells: pa.Array, column: ColumnPlan) -> NDArray[np.float64]:
    """The number of each row, NaN if missing."""
    if column.is_text:
        return parse_numbers(cells)
    return numbers_of(cells)


class SegmentsGatherer:
    """Computes a column's states in every segment: cell types, numbers, and counts by value if there are few values.

    Runs after the gatherers of all columns, and reuses their results.
    """

    def __init__(self, column: ColumnPlan, plan: ScanPlan, segments: Segments) -> None:
        self._column = column
        self._plan = plan
        self._segments = segments
        self._keeps_runs = column in plan.run_columns and plan.run_rows == FEWEST_ROWS  # for a baseline
        self._runs: dict[tuple[int, int], list[Run]] = {}
        self._values: dict[str, int] | None = {}  # indices in the tables; None if there are too many values
        self._tables: list[Counts] = [np.zeros((0, 0), np.int64) for _ in plan.cuts]
        self._found: list[list[_InSegment]] = [[] for _ in plan.cuts]
        self._counts = [*self._tables]

    def update(self, block: Block) -> None:
        cells = block.cells(self._column)
        valid = None
        if cells.null_count:
            valid = cells.is_valid().to_numpy(zero_copy_only=False)
        numbers = texts = None
        if self._column.is_text:
            texts = block.texts(self._column, self._plan.accept_exponents)
            numbers = texts.numbers_of_cells
        elif self._column.column_type not in (ColumnType.VECTOR, ColumnType.NESTED):
            values = cells.drop_null() if valid is not None else cells
            numbers = values.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
        if numbers is not None:
            numbers = numbers + 0.0  # removes negative zeros
            order = order_of(numbers)
        in_tables = None if texts is None else self._in_tables(texts)
        for cut, codes in enumerate(self._segments.codes(block)):
            found = self._found[cut]
            found += [_InSegment(self._segments.size) for _ in range(len(self._segments.labels(cut)) - len(found))]
            rows = present = np.bincount(codes, minlength=len(found))
            if valid is not None:
                codes = codes[valid]
                present = np.bincount(codes, minlength=len(found))
            if texts is None:
                counts = _grown(np.zeros((0, 0), np.int64), (len(found), len(DataType)))
                counts[:, DataType.TEXT] = present
            else:
                if texts.codes is None:
                    of_rows = texts.kinds
                else:
                    of_rows = texts.kinds[texts.codes]
                counts = _counted(codes, len(found), of_rows, len(DataType))
                if in_tables is not None and texts.codes is not None and self._values is not None:
                    table = _grown(self._tables[cut], (len(found), len(self._values)))
                    table[:, in_tables] += _counted(codes, len(found), texts.codes, len(in_tables))
                    self._tables[cut] = table
            if numbers is not None:
                by_segment = order.take(np.argsort(codes.take(order), kind="stable"))
                _take_numbers(numbers.take(by_segment), found, present)
            counts[:, DataType.MISSING] = rows - present
            self._counts[cut] = counts + _grown(self._counts[cut], counts.shape)
        if self._keeps_runs and (kept := self._segments.runs(block))[0]:
            for segment, run in zip(kept[0], runs_of(self._column, block, *kept[1:]), strict=True):
                self._runs.setdefault(segment, []).append(run)

    def _in_tables(self, texts: Texts) -> NDArray[np.int64] | None:
        """The indices of a block's distinct texts in the tables; None if there are too many."""
        if self._values is None or texts.codes is None or len(texts.dictionary) > MOST_VALUES:
            self._values = None
            return None
        values = self._values
        places = np.array([values.setdefault(text, len(values)) for text in texts_of(texts.dictionary)], np.int64)
        self._values = values if len(values) <= 4 * MOST_VALUES else None
        return places

    def states(self) -> Iterator[State]:
        """The feature by segment, without empty segments, except for requested ones."""
        by_cut = {}
        for number, (cut, found, counts) in enumerate(zip(self._plan.cuts, self._found, self._counts, strict=True)):
            labels = self._segments.labels(number)
            of_each = [*zip(found, counts.tolist(), strict=True)]
            of_each += [(_InSegment(self._segments.size), [0] * len(DataType))] * (len(labels) - len(of_each))
            kept: dict[str, FeatureProfile] = {}
            for place, (label, (segment, row)) in enumerate(zip(labels, of_each, strict=True)):
                if any(row) or label in cut.labels:
                    states = [*self._further(number, place, row), *segment.states(self._column, row)]
                    kept[label] = FeatureProfile.of(label, self._column.column_type, states)
            by_cut[cut.name] = dict(sorted(kept.items()))
        yield Segmented(dict(sorted(by_cut.items())))

    def _further(self, cut: int, number: int, counts: list[int]) -> Iterator[State]:
        """The runs of rows in a segment, and its counts by value. counts: number of its cells by DataType."""
        if runs := self._runs.get((cut, number)):
            yield ranked(kept_of(runs, self._segments.places[cut, number].most))
        if self._column.is_text:
            frequencies_builder = FrequenciesBuilder(MOST_VALUES)
            if self._values is None:
                frequencies_builder.give_up()
                frequencies_builder.skip(sum(counts) - counts[DataType.MISSING])
            elif number < len(table := self._tables[cut]):
                places = np.flatnonzero(table[number])
                texts = [*self._values]
                frequencies_builder.update([texts[place] for place in places], table[number, places])
            yield frequencies_builder.state()


def _counted(codes: Codes, segments: int, kinds: NDArray[np.integer[Any]], most: int) -> Counts:
    """The number of rows of each kind in each segment."""
    found: Counts = np.bincount(codes.astype(np.int64) * most + kinds, minlength=segments * most)
    return found.reshape(segments, most)


def _grown(counts: Counts, shape: tuple[int, ...]) -> Counts:
    found: Counts = np.zeros(shape, np.int64)
    found[: counts.shape[0], : counts.shape[1]] = counts
    return found


def order_of(numbers: Numbers) -> NDArray[np.int64]:
    """The indices that sort the numbers by about the first 32 of the bits in which they differ; stable.

    16-bit numbers are sorted by counting, several times as fast as numpy sorts doubles.
    """
    bits = numbers.view(np.int64)
    keys = (bits ^ ((bits >> 63) | np.int64(-(2**63)))).view(np.uint64)  # sorts like the numbers
    keys -= keys.min(initial=2**64 - 1)
    differing = int(np.bitwise_or.reduce(keys))
    lowest = max((differing & -differing).bit_length() - 1, differing.bit_length() - 32, 0)
    keys >>= np.uint64(lowest)
    order = np.argsort(keys.astype(np.uint16), kind="stable")
    if differing >> lowest >> 16:
        order = order.take(np.argsort((keys >> np.uint64(16)).astype(np.uint16).take(order), kind="stable"))
    return order


def _take_numbers(numbers: Numbers, found: list[_InSegment], present: NDArray[np.int64]) -> None:
    """numbers: sorted, segment by segment. Sums need not equal the service's here, which take longer."""
    there = np.flatnonzero(present)
    if not len(there):
        return
    rows = present[there]
    ends = np.cumsum(present[there])
    starts = ends - rows
    with np.errstate(over="ignore", invalid="ignore"):
        sums = np.add.reduceat(numbers, starts)
        means = sums / rows
        apart = numbers - np.repeat(means, rows)
        squares = np.add.reduceat(apart * apart, starts)
    low = np.minimum.reduceat(numbers, starts)
    high = np.maximum.reduceat(numbers, starts)
    moments = zip(*(each.tolist() for each in (rows, sums, means, squares, low, high)), strict=True)
    for number, start, end, (count, total, mean, m2, least, most) in zip(
        there.tolist(), starts.tolist(), ends.tolist(), moments, strict=True
    ):
        of_segment = numbers[start:end]
        if math.isfinite(least) and math.isfinite(most):
            found[number].moments += Moments(count, sum=total, mean=mean, m2=m2, minimum=least, maximum=most)
        else:
            builder = MomentsBuilder()
            of_segment = builder.update(of_segment)
            found[number].moments += builder.state()
        found[number].take(of_segment)


class _InSegment:
    """The states of a column's numbers in one segment."""

    __slots__ = ("held", "holds", "moments", "size", "sketch")

    def __init__(self, size: int) -> None:
        self.moments, self.sketch, self.size = Moments(), KllBuilder(size), size
        self.held: dict[int, list[Numbers]] = {0: []}
        self.holds = 0

    def take(self, numbers: Numbers) -> None:
        """Add sorted finite numbers; of many, the sketch gets every second one, or every fourth, …"""
        height = max(0, (len(numbers) // (self.size // 2)).bit_length() - 1)
        if height:
            rest = len(numbers) % (1 << height)
        else:
            rest = len(numbers)
        self.held[0].append(numbers[:rest].copy())
        if height:
            self.held.setdefault(height, []).append(numbers[rest + (1 << height) // 2 :: 1 << height].copy())
        self.holds += rest + ((len(numbers) - rest) >> height)
        if self.holds >= HELD * self.size:
            self.look()

    def look(self) -> None:
        """Move the buffered numbers into the sketch."""
        if not self.holds:
            return
        heights = range(max(self.held) + 1)
        levels = tuple(np.concatenate([np.empty(0), *self.held.get(height, ())]) for height in heights)
        self.held = {0: []}
        self.holds = 0
        self.sketch.merge(KllSketch(levels, (0,) * len(levels), (0,) * len(levels), self.size))

    def states(self, column: ColumnPlan, counts: list[int]) -> Iterator[State]:
        """The states, of the same kinds as the column's own. counts: number of cells by DataType, with numbers of a
        typed column as texts."""
        missing = counts[DataType.MISSING]
        there = counts[DataType.TEXT]
        if column.column_type in (ColumnType.VECTOR, ColumnType.NESTED):
            yield DataTypeCounts(missing=missing, unknown=there)
            return
        self.look()
        moments = self.moments + Moments(missing=missing)
        if column.is_text:
            yield DataTypeCounts.from_counts(counts)
            moments = moments + Moments(nan=sum(counts) - missing - moments.nan - moments.present)
        else:
            if column.column_type is ColumnType.INTEGRAL:
                yield DataTypeCounts(missing=moments.absent, integral=moments.present)
            else:
                yield DataTypeCounts(missing=moments.absent, fractional=moments.present)
        yield from (moments, self.sketch.state())
