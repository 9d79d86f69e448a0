"""Segments: assigns a block's rows to segments, and computes a column's states in each segment. Runs on executors.

`parse_cuts` parses the user's cuts: `plan` by value, `age:30:50` by range, `plan*has_roaming` by both.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spark_model_monitor.data.engine.casts import convert_to_doubles
from spark_model_monitor.data.profiling.gathering import RunStarts, extract_runs, keep_lowest_lots, rank_runs
from spark_model_monitor.data.profiling.scan_plan import Block, ColumnPlan, ScanPlan, Texts, compute_once_a_block
from spark_model_monitor.data.records.arrays import drop_nulls
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
    RowRun,
    State,
)
from spark_model_monitor.statistics.states.data_types import parse_numbers
from spark_model_monitor.statistics.states.frequencies import decode_texts
from spark_model_monitor.statistics.states.row_counts import FEWEST_ROWS
from spark_model_monitor.statistics.states.segments import MISSING, MOST_SEGMENTS, Segmented, format_rest_label

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
        return format_rest_label(self.name)


def parse_cuts(
    written: Sequence[str], names: Sequence[str], labels: Mapping[str, Sequence[str]] | None = None
) -> list[Cut]:
    """The cuts that the user wrote, for columns with these names. labels: the baseline's segments, by cut.

    Raises BadConfiguration for an absent column, and for bounds that are not ascending numbers.
    """
    return [
        Cut(fromkey, _parse_parts(fromkey, names), tuple((labels or {}).get(fromkey, ())))
        for fromkey in dict.fromkeys(written)
    ]


def _parse_parts(written: str, names: Sequence[str]) -> tuple[Part, ...]:
    parts = []
    for part in [written] if written in names else written.split("*"):
        # A column may have `*` or `:` in its own name
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
        # Many segments have smaller sketches, so that all of them fit into memory
        num_segments = sum(len(cut.labels) or MOST_SEGMENTS for cut in plan.cuts)
        max_items = ITEMS_OF_ALL // max(1, 3 * plan.all_columns * num_segments)
        self.size = max(FEWEST_ITEMS, min(SKETCH_SIZE, max_items))
        run_plan = replace(plan, time_position=None, all_columns=plan.all_columns * num_segments)
        self._new_places = partial(RunStarts, run_plan, partition, MOST_RUNS)
        self.places: dict[tuple[int, int], RunStarts] = {}  # positions of each segment's kept runs

    def labels(self, cut: int) -> list[str]:
        """The names of a cut's segments, by number."""
        return [self.cuts[cut].rest, *self._numbers[cut]]

    @compute_once_a_block
    def codes(self, block: Block) -> list[Codes]:
        """The segment of each row, by cut."""
        return [self._number_segments(number, block) for number in range(len(self.cuts))]

    @compute_once_a_block
    def runs(self, block: Block) -> RunsOfBlock:
        """The runs of neighbouring rows kept so far in each segment."""
        # Neighbours are so by time, else by file, else in the data
        ranks = None
        in_order = None
        if self._time is not None:
            in_order = block.order_by(self._time).to_numpy().astype(np.int64)
        elif (ranks := block.rank_by_file(self._file_order)) is not None:
            in_order = np.argsort(ranks, kind="stable")
        # The rows of each segment, in this order
        runs: RunsOfBlock = ([], [], [])
        for cut, codes in enumerate(self.codes(block)):
            if in_order is None:
                order = np.argsort(codes, kind="stable")
            else:
                order = in_order[np.argsort(codes[in_order], kind="stable")]
            ends = np.cumsum(np.bincount(codes)).tolist()
            for number, (start, end) in enumerate(itertools.pairwise([0, *ends])):
                if end > start:
                    if (cut, number) not in self.places:
                        self.places[cut, number] = self._new_places()
                    ranks_of_segment = None
                    if ranks is not None:
                        ranks_of_segment = ranks[order[start:end]]
                    lots, positions = self.places[cut, number].draw_runs(end - start, ranks_of_segment)
                    runs[0].extend([(cut, number)] * len(lots))
                    runs[1].extend(lots)
                    runs[2].extend(order[start:end][run_positions] for run_positions in positions)
        return runs

    def _number_segments(self, number: int, block: Block) -> Codes:
        cut = self.cuts[number]
        numbers = self._numbers[number]
        labels, codes = reduce(_combine_labels, (self._label_part(part, block) for part in cut.parts))
        counts = np.bincount(codes, minlength=len(labels))
        present_indices = np.flatnonzero(counts).tolist()
        # The largest get a segment of their own, if there are too many; equally large ones by name
        if len(present_indices) > MOST_SEGMENTS:
            present_indices.sort(key=lambda index: (-counts[index], labels[index]))
        number_of_label = np.zeros(len(labels), np.uint8)
        for index in present_indices:
            label = labels[index]
            if label not in numbers and not cut.labels and len(numbers) < MOST_SEGMENTS and label != cut.rest:
                numbers[label] = len(numbers) + 1
            number_of_label[index] = numbers.get(label, 0)
        return number_of_label[codes]

    def _label_part(self, part: Part, block: Block) -> tuple[list[str], NDArray[np.int64]]:
        """The names of a column's values or ranges, and the index of each row's."""
        column = self._columns[part.position]
        missing = f"{part.name}={MISSING}"
        cells = block.cells(column)
        if part.cuts:
            numbers = _parse_numbers(cells, column)
            codes = np.searchsorted(np.array(part.cuts), numbers, side="right").astype(np.int64)
            codes[np.isnan(numbers)] = len(part.cuts) + 1
            return [*part.ranges(), missing], codes
        # NaN is a missing value, too
        if column.column_type is ColumnType.FRACTIONAL:
            numbers = _parse_numbers(cells, column)
            cells = pa.array(numbers, mask=np.isnan(numbers))
        # The column's gatherer has found its distinct texts already
        if column.is_text and (texts := block.texts(column, self._accept_exponents)).codes is not None:
            dictionary = texts.dictionary
            of_present = texts.codes
            codes = np.full(len(cells), len(dictionary))
            codes[cells.is_valid().to_numpy(zero_copy_only=False) if cells.null_count else slice(None)] = of_present
            return [*(f"{part.name}={text}" for text in decode_texts(dictionary)), missing], codes
        encoded = (cells if column.is_text else cells.cast(pa.string())).dictionary_encode()
        values = [f"{part.name}={text}" for text in decode_texts(encoded.dictionary)]
        codes = encoded.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)
        return [*values, missing], codes.astype(np.int64)


_Labelled = tuple[list[str], NDArray[np.int64]]


def _combine_labels(first: _Labelled, second: _Labelled) -> _Labelled:
    (left, codes), (right, second_codes) = first, second
    pairs, pair_codes = np.unique(codes * len(right) + second_codes, return_inverse=True)
    return [f"{left[pair // len(right)]}{AND}{right[pair % len(right)]}" for pair in pairs.tolist()], pair_codes


def _parse_numbers(cells: pa.Array, column: ColumnPlan) -> NDArray[np.float64]:
    """The number of each row, NaN if missing."""
    if column.is_text:
        return parse_numbers(cells)
    return convert_to_doubles(cells)


class SegmentsGatherer:
    """Computes a column's states in every segment: cell types, numbers, and counts by value if there are few values.

    Runs after the gatherers of all columns, and reuses their results.
    """

    def __init__(self, column: ColumnPlan, plan: ScanPlan, segments: Segments) -> None:
        self._column = column
        self._plan = plan
        self._segments = segments
        self._keeps_runs = column in plan.run_columns and plan.run_rows == FEWEST_ROWS  # for a baseline
        self._runs: dict[tuple[int, int], list[RowRun]] = {}
        self._values: dict[str, int] | None = {}  # indices in the tables; None if there are too many values
        self._tables: list[Counts] = [np.zeros((0, 0), np.int64) for _ in plan.cuts]
        self._found: list[list[_SegmentStates]] = [[] for _ in plan.cuts]
        self._counts = [*self._tables]

    def update(self, block: Block) -> None:
        cells = block.cells(self._column)
        valid = None
        if cells.null_count:
            valid = cells.is_valid().to_numpy(zero_copy_only=False)
        numbers = texts = None
        if self._column.is_text:
            texts = block.texts(self._column, self._plan.accept_exponents)
            numbers = texts.cell_numbers
        elif self._column.column_type not in (ColumnType.VECTOR, ColumnType.NESTED):
            numbers = drop_nulls(cells).to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
        # Sorted once for all cuts
        if numbers is not None:
            numbers = numbers + 0.0  # removes negative zeros
            order = sort_indices(numbers)
        in_tables = None
        if texts is not None:
            in_tables = self._index_texts(texts)
        for cut, codes in enumerate(self._segments.codes(block)):
            # A block may bring new segments
            segments = self._found[cut]
            while len(segments) < len(self._segments.labels(cut)):
                segments.append(_SegmentStates(self._segments.size))
            rows = present = np.bincount(codes, minlength=len(segments))
            if valid is not None:
                codes = codes[valid]
                present = np.bincount(codes, minlength=len(segments))
            # Cells by data type; those of a typed column count as texts, which `_SegmentStates.states` undoes
            if texts is None:
                counts: Counts = np.zeros((len(segments), len(DataType)), np.int64)
                counts[:, DataType.TEXT] = present
            else:
                kinds = texts.kinds if texts.codes is None else texts.kinds[texts.codes]
                counts = _count_kinds(codes, len(segments), kinds, len(DataType))
                if in_tables is not None and texts.codes is not None and self._values is not None:
                    table = _grow(self._tables[cut], (len(segments), len(self._values)))
                    table[:, in_tables] += _count_kinds(codes, len(segments), texts.codes, len(in_tables))
                    self._tables[cut] = table
            # Numbers by segment, still sorted within each
            if numbers is not None:
                by_segment = order.take(np.argsort(codes.take(order), kind="stable"))
                _add_numbers(numbers.take(by_segment), segments, present)
            counts[:, DataType.MISSING] = rows - present
            self._counts[cut] = counts + _grow(self._counts[cut], counts.shape)
        if self._keeps_runs:
            run_segments, lots, positions = self._segments.runs(block)
            if run_segments:
                runs = extract_runs(self._column, block, lots, positions)
                for segment, run in zip(run_segments, runs, strict=True):
                    self._runs.setdefault(segment, []).append(run)

    def _index_texts(self, texts: Texts) -> NDArray[np.int64] | None:
        """The indices of a block's distinct texts in the tables; None if there are too many."""
        if self._values is None or texts.codes is None or len(texts.dictionary) > MOST_VALUES:
            self._values = None
            return None
        values = self._values
        indices = np.array([values.setdefault(text, len(values)) for text in decode_texts(texts.dictionary)], np.int64)
        if len(values) > 4 * MOST_VALUES:
            self._values = None
        return indices

    def states(self) -> Iterator[State]:
        """The feature by segment, without empty segments, except for requested ones."""
        by_cut = {}
        for number, (cut, segments, counts) in enumerate(zip(self._plan.cuts, self._found, self._counts, strict=True)):
            labels = self._segments.labels(number)
            counts_by_segment = [*zip(segments, counts.tolist(), strict=True)]
            # Segments that only later blocks would have had, for requested ones
            empty = (_SegmentStates(self._segments.size), [0] * len(DataType))
            counts_by_segment += [empty] * (len(labels) - len(counts_by_segment))
            profiles: dict[str, FeatureProfile] = {}
            for segment_number, (label, (segment, row)) in enumerate(zip(labels, counts_by_segment, strict=True)):
                if any(row) or label in cut.labels:
                    states = [*self._build_further_states(number, segment_number, row)]
                    states += segment.states(self._column, row)
                    profiles[label] = FeatureProfile.of(label, self._column.column_type, states)
            by_cut[cut.name] = dict(sorted(profiles.items()))
        yield Segmented(dict(sorted(by_cut.items())))

    def _build_further_states(self, cut: int, number: int, counts: list[int]) -> Iterator[State]:
        """The runs of rows in a segment, and its counts by value. counts: number of its cells by DataType."""
        if runs := self._runs.get((cut, number)):
            yield rank_runs(keep_lowest_lots(runs, self._segments.places[cut, number].most))
        if self._column.is_text:
            frequencies_builder = FrequenciesBuilder(MOST_VALUES)
            if self._values is None:
                frequencies_builder.give_up()
                frequencies_builder.skip(sum(counts) - counts[DataType.MISSING])
            elif number < len(table := self._tables[cut]):
                value_indices = np.flatnonzero(table[number])
                texts = [*self._values]
                present_texts = [texts[value_index] for value_index in value_indices]
                frequencies_builder.update(present_texts, table[number, value_indices])
            yield frequencies_builder.state()


def _count_kinds(codes: Codes, segments: int, kinds: NDArray[np.integer], num_kinds: int) -> Counts:
    """The number of rows of each kind in each segment."""
    counts: Counts = np.bincount(codes.astype(np.int64) * num_kinds + kinds, minlength=segments * num_kinds)
    return counts.reshape(segments, num_kinds)


def _grow(counts: Counts, shape: tuple[int, ...]) -> Counts:
    grown: Counts = np.zeros(shape, np.int64)
    grown[: counts.shape[0], : counts.shape[1]] = counts
    return grown


def sort_indices(numbers: Numbers) -> NDArray[np.int64]:
    """The indices that sort the numbers by about the first 32 of the bits in which they differ; stable.

    16-bit numbers are sorted by counting, several times as fast as numpy sorts doubles.
    """
    # The bits of doubles sort like integers, if those of negative ones are inverted
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


def _add_numbers(numbers: Numbers, segments: list[_SegmentStates], present: NDArray[np.int64]) -> None:
    """numbers: sorted, segment by segment. Sums need not equal the service's here, which take longer."""
    filled_segments = np.flatnonzero(present)
    if not len(filled_segments):
        return
    rows = present[filled_segments]
    ends = np.cumsum(rows)
    starts = ends - rows
    # Sums of all segments at once; infinite numbers have a NaN among their moments, and are added below
    with np.errstate(over="ignore", invalid="ignore"):
        sums = np.add.reduceat(numbers, starts)
        means = sums / rows
        deviations = numbers - np.repeat(means, rows)
        squares = np.add.reduceat(deviations * deviations, starts)
    # The extremes, and all of it as Python's numbers, one row for each segment
    low = np.minimum.reduceat(numbers, starts)
    high = np.maximum.reduceat(numbers, starts)
    moments = zip(*(values.tolist() for values in (rows, sums, means, squares, low, high)), strict=True)
    for number, start, end, (count, total, mean, m2, minimum, maximum) in zip(
        filled_segments.tolist(), starts.tolist(), ends.tolist(), moments, strict=True
    ):
        segment_numbers = numbers[start:end]
        # Sorted, so its ends show whether all numbers are finite
        if math.isfinite(minimum) and math.isfinite(maximum):
            segments[number].moments += Moments(count, sum=total, mean=mean, m2=m2, minimum=minimum, maximum=maximum)
        else:
            builder = MomentsBuilder()
            segment_numbers = builder.update(segment_numbers)
            segments[number].moments += builder.state()
        segments[number].take(segment_numbers)


class _SegmentStates:
    """The states of a column's numbers in one segment."""

    __slots__ = ("held", "holds", "moments", "size", "sketch")

    def __init__(self, size: int) -> None:
        self.moments, self.sketch, self.size = Moments(), KllBuilder(size), size
        self.held: dict[int, list[Numbers]] = {0: []}
        self.holds = 0

    def take(self, numbers: Numbers) -> None:
        """Add sorted finite numbers; of many, the sketch gets every second one, or every fourth, …"""
        height = max(0, (len(numbers) // (self.size // 2)).bit_length() - 1)
        # The numbers that don't fill a step weigh as much as themselves
        remainder = len(numbers) % (1 << height) if height else len(numbers)
        self.held[0].append(numbers[:remainder].copy())
        if height:
            self.held.setdefault(height, []).append(numbers[remainder + (1 << height) // 2 :: 1 << height].copy())
        self.holds += remainder + ((len(numbers) - remainder) >> height)
        if self.holds >= HELD * self.size:
            self.flush()

    def flush(self) -> None:
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
        present = counts[DataType.TEXT]
        if column.column_type in (ColumnType.VECTOR, ColumnType.NESTED):
            yield DataTypeCounts(missing=missing, unknown=present)
            return
        self.flush()
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
