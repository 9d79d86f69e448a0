"""Assigns a block's rows to segments, and computes a column's states in each segment. Runs on executors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import field, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spark_model_monitor.data.engine.casts import convert_to_doubles
from spark_model_monitor.data.profiling.age_scan import parse_seconds
from spark_model_monitor.data.profiling.gathering import count_number_types
from spark_model_monitor.data.profiling.row_runs import RunSampler, extract_runs, keep_lowest_lots, rank_runs
from spark_model_monitor.data.profiling.scan_plan import Block, ColumnPlan, ScanPlan, Texts, compute_once_per_block
from spark_model_monitor.data.profiling.segment_cuts import AND, Cut, CutColumn
from spark_model_monitor.data.records.arrays import are_missing, drop_nulls
from spark_model_monitor.statistics import Bytes, Doubles, Integers
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
from spark_model_monitor.statistics.states.row_counts import MIN_ROWS
from spark_model_monitor.statistics.states.segments import (
    MAX_SEGMENTS,
    MISSING,
    O_CLOCK,
    SegmentProfiles,
)
from spark_model_monitor.statistics.states.time_counts import DAY, HOUR, HOURS_OF_DAY
from spark_model_monitor.value_class import value_class

Codes = Bytes  # shape (rows,): the segment of each row
Counts = Integers  # shape (segments, kinds of cells or values)


SKETCH_SIZE = 1024
MIN_SKETCH_SIZE = 128
MAX_SKETCH_ITEMS = 2**22
"""The usual and the minimum size of a column's sketch in a segment, and the maximum items of all sketches: 32 MiB."""

# Most runs of a segment in the first partition; a run of a segment takes as long as a run of all rows
MAX_SEGMENT_RUNS = 12
BUFFER_FACTOR = 2  # size of a sketch's buffer, as a multiple of the sketch's size
MAX_COUNTED_VALUES = 512  # most values of a text column that are counted individually in a segment


@value_class
class BlockRuns:
    """Sampled runs of a block's rows.

    segments: for each run, the cut and the number of its segment.
    lots: for each run, its lot; the runs with the lowest lots are sampled.
    positions: for each run, the positions of its rows in the block.
    """

    segments: list[tuple[int, int]] = field(default_factory=list)
    lots: list[float] = field(default_factory=list)
    positions: list[Integers] = field(default_factory=list)


class Segments:
    """The segments of a partition's rows, numbered by first occurrence from 1 on; 0 is for all other segments."""

    def __init__(self, plan: ScanPlan, partition: int) -> None:
        self.cuts: Sequence[Cut] = plan.cuts
        self._columns = {column.position: column for column in plan.columns}
        self._time = plan.time_column
        self._file_order = plan.file_order
        self._numbers_by_label = [_number_baseline_labels(cut) for cut in self.cuts]
        # If there are many segments, their sketches are smaller, so that all of them fit into memory
        num_segments = sum(len(cut.labels) or MAX_SEGMENTS for cut in plan.cuts)
        max_items = MAX_SKETCH_ITEMS // max(1, 3 * plan.all_columns * num_segments)
        self.size = max(MIN_SKETCH_SIZE, min(SKETCH_SIZE, max_items))
        self._run_plan = replace(plan, time_position=None, all_columns=plan.all_columns * num_segments)
        self._partition = partition
        self.run_samplers: dict[tuple[int, int], RunSampler] = {}  # by cut and number of the segment

    def list_labels(self, cut: int) -> list[str]:
        """The names of a cut's segments, in order of their numbers."""
        return [self.cuts[cut].rest, *self._numbers_by_label[cut]]

    @compute_once_per_block
    def assign_rows(self, block: Block) -> list[Codes]:
        """For each cut: the segment of each row."""
        return [self._number_segments(cut_index, block) for cut_index in range(len(self.cuts))]

    @compute_once_per_block
    def draw_block_runs(self, block: Block) -> BlockRuns:
        """The runs of neighbouring rows in each segment that may be in the sample."""
        # The order in which rows are neighbours: by time, otherwise by the files, otherwise as in the data
        in_order, ranks = block.find_row_order(self._time, self._file_order)
        runs = BlockRuns()
        for cut, codes in enumerate(self.assign_rows(block)):
            if in_order is None:
                order = np.argsort(codes, kind="stable")
            else:
                order = in_order[np.argsort(codes[in_order], kind="stable")]
            start = 0
            for number, count in enumerate(np.bincount(codes).tolist()):
                if count:
                    self._draw_runs(runs, (cut, number), order[start : start + count], ranks)
                start += count
        return runs

    def _draw_runs(
        self, runs: BlockRuns, segment: tuple[int, int], segment_rows: Integers, ranks: Integers | None
    ) -> None:
        """Add the runs among a segment's rows. ranks: the rank of each of the block's rows in the order of the files."""
        if segment not in self.run_samplers:
            self.run_samplers[segment] = RunSampler(self._run_plan, self._partition, MAX_SEGMENT_RUNS)
        segment_ranks = None
        if ranks is not None:
            segment_ranks = ranks[segment_rows]
        lots, positions = self.run_samplers[segment].draw_runs(len(segment_rows), segment_ranks)
        runs.segments.extend([segment] * len(lots))
        runs.lots.extend(lots)
        runs.positions.extend(segment_rows[run_positions] for run_positions in positions)

    def _number_segments(self, cut_index: int, block: Block) -> Codes:
        cut = self.cuts[cut_index]
        numbers = self._numbers_by_label[cut_index]
        labels, codes = self._label_column(cut.columns[0], block)
        for cut_column in cut.columns[1:]:
            column_labels, column_codes = self._label_column(cut_column, block)
            labels, codes = _combine_labels(labels, codes, column_labels, column_codes)
        counts = np.bincount(codes, minlength=len(labels))
        present_indices = np.flatnonzero(counts).tolist()
        # If there are too many labels, the largest get their own segment; labels of the same size are chosen by name
        if len(present_indices) > MAX_SEGMENTS:
            present_indices.sort(key=lambda index: (-counts[index], labels[index]))
        label_numbers = np.zeros(len(labels), np.uint8)
        for index in present_indices:
            label = labels[index]
            if label not in numbers and not cut.labels and len(numbers) < MAX_SEGMENTS and label != cut.rest:
                numbers[label] = len(numbers) + 1
            label_numbers[index] = numbers.get(label, 0)
        return label_numbers[codes]

    def _label_column(self, cut_column: CutColumn, block: Block) -> tuple[list[str], Integers]:
        """The names of a column's values or ranges, and for each row the index of its name."""
        column = self._columns[cut_column.position]
        missing = f"{cut_column.name}={MISSING}"
        cells = block.cells(column)
        if cut_column.by_hour:
            hours = np.floor(parse_seconds(cells) % DAY / HOUR)
            hours[np.isnan(hours)] = HOURS_OF_DAY
            return [
                *(f"{cut_column.name} at {hour:02}{O_CLOCK}" for hour in range(HOURS_OF_DAY)),
                missing,
            ], hours.astype(np.int64)
        if cut_column.cuts:
            numbers = _parse_numbers(cells, column)
            codes = np.searchsorted(np.array(cut_column.cuts), numbers, side="right").astype(np.int64)
            codes[np.isnan(numbers)] = len(cut_column.cuts) + 1
            return [*cut_column.list_ranges(), missing], codes
        # NaN counts as missing, too
        if column.column_type is ColumnType.FRACTIONAL:
            numbers = _parse_numbers(cells, column)
            cells = pa.array(numbers, mask=np.isnan(numbers))
        encoded = cells.cast(pa.string()).dictionary_encode()
        labels = [f"{cut_column.name}={text}" for text in decode_texts(encoded.dictionary)]
        return [*labels, missing], np.asarray(encoded.indices.fill_null(len(labels)), np.int64)


def _number_baseline_labels(cut: Cut) -> dict[str, int]:
    """By label: the number of the baseline's segment, from 1 on; 0 is for all other segments."""
    labels = [label for label in cut.labels if label != cut.rest]
    return {label: number for number, label in enumerate(labels, start=1)}


def _combine_labels(
    first_labels: list[str], first_codes: Integers, second_labels: list[str], second_codes: Integers
) -> tuple[list[str], Integers]:
    """The labels of the pairs that occur, and for each row the index of its pair."""
    # A pair of codes as one number: first * number of second labels + second
    pairs, codes = np.unique(first_codes * len(second_labels) + second_codes, return_inverse=True)
    labels = []
    for pair in pairs.tolist():
        first, second = divmod(pair, len(second_labels))
        labels.append(f"{first_labels[first]}{AND}{second_labels[second]}")
    return labels, codes


def _parse_numbers(cells: pa.Array, column: ColumnPlan) -> Doubles:
    """One number per row; NaN for a missing cell."""
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
        self._keeps_runs = column in plan.run_columns and plan.run_rows == MIN_ROWS  # True for a baseline
        self._runs: dict[tuple[int, int], list[RowRun]] = {}
        # By value: its column in `_value_counts`; None if there are too many values
        self._values: dict[str, int] | None = {}
        # For each cut: a matrix with a row for each segment and a column for each value or type of cells
        self._value_counts: list[Counts] = [np.zeros((0, 0), np.int64) for _ in plan.cuts]
        self._type_counts: list[Counts] = [np.zeros((0, 0), np.int64) for _ in plan.cuts]
        self._segment_states: list[list[_SegmentStates]] = [[] for _ in plan.cuts]

    def update(self, block: Block) -> None:
        cells = block.cells(self._column)
        valid = None
        if cells.null_count:
            valid = ~are_missing(cells)
        numbers = None
        texts = None
        if self._column.is_text:
            texts = block.texts_by_position[self._column.position]
            numbers = texts.cell_numbers
        elif self._column.column_type not in (ColumnType.VECTOR, ColumnType.NESTED):
            numbers = np.asarray(drop_nulls(cells), np.float64)
        # The numbers are sorted once for all cuts
        if numbers is not None:
            numbers = numbers + 0.0  # turns -0 into 0
            order = sort_indices(numbers)
        value_indices = None
        if texts is not None:
            value_indices = self._index_texts(texts)
        for cut, codes in enumerate(self._segments.assign_rows(block)):
            # A block may have new segments
            segments = self._segment_states[cut]
            while len(segments) < len(self._segments.list_labels(cut)):
                segments.append(_SegmentStates(self._segments.size))
            rows = np.bincount(codes, minlength=len(segments))
            present = rows
            if valid is not None:
                codes = codes[valid]
                present = np.bincount(codes, minlength=len(segments))
            # Counts of cells by data type. Cells of a typed column count as texts at first; `_SegmentStates.states` corrects this
            if texts is None:
                counts: Counts = np.zeros((len(segments), len(DataType)), np.int64)
                counts[:, DataType.TEXT] = present
            else:
                counts = _count_types(texts, codes, len(segments))
                if value_indices is not None:
                    self._count_values(cut, texts, codes, value_indices)
            counts[:, DataType.MISSING] = rows - present
            self._type_counts[cut] = counts + _enlarge(self._type_counts[cut], counts.shape)
            # The numbers grouped by segment; within a segment they stay sorted
            if numbers is not None:
                by_segment = order.take(np.argsort(codes.take(order), kind="stable"))
                _add_numbers(numbers.take(by_segment), segments, present)
        if self._keeps_runs:
            self._collect_runs(block)

    def _count_values(self, cut: int, texts: Texts, codes: Codes, value_indices: Integers) -> None:
        """Count the values of a block in each segment. value_indices: for each distinct text, its column in the counts."""
        if texts.codes is None or self._values is None:
            return
        num_segments = len(self._segment_states[cut])
        value_counts = _enlarge(self._value_counts[cut], (num_segments, len(self._values)))
        value_counts[:, value_indices] += _count_by_segment(codes, num_segments, texts.codes, len(value_indices))
        self._value_counts[cut] = value_counts

    def _collect_runs(self, block: Block) -> None:
        block_runs = self._segments.draw_block_runs(block)
        if not block_runs.segments:
            return
        runs = extract_runs(self._column, block, block_runs.lots, block_runs.positions)
        for segment, run in zip(block_runs.segments, runs, strict=True):
            self._runs.setdefault(segment, []).append(run)

    def _index_texts(self, texts: Texts) -> Integers | None:
        """For each distinct text of a block, its column in the counts by value; None if there are too many values."""
        if self._values is None or texts.codes is None or len(texts.dictionary) > MAX_COUNTED_VALUES:
            self._values = None
            return None
        values = self._values
        indices = np.array([values.setdefault(text, len(values)) for text in decode_texts(texts.dictionary)], np.int64)
        if len(values) > 4 * MAX_COUNTED_VALUES:
            self._values = None
        return indices

    def states(self) -> Iterator[State]:
        """The states of the feature in its segments. Empty segments are left out unless they were requested."""
        segments_by_cut = {}
        for cut_index, cut in enumerate(self._plan.cuts):
            segments = self._segment_states[cut_index]
            type_counts = self._type_counts[cut_index].tolist()
            profiles: dict[str, FeatureProfile] = {}
            for number, label in enumerate(self._segments.list_labels(cut_index)):
                if number < len(segments):
                    segment = segments[number]
                    counts = type_counts[number]
                # No block of this column had rows of the segment
                else:
                    segment = _SegmentStates(self._segments.size)
                    counts = [0] * len(DataType)
                if any(counts) or label in cut.labels:
                    states = [*self._build_other_states(cut_index, number, counts)]
                    states += segment.states(self._column, counts)
                    profiles[label] = FeatureProfile.of(label, self._column.column_type, states)
            segments_by_cut[cut.name] = dict(sorted(profiles.items()))
        yield SegmentProfiles(dict(sorted(segments_by_cut.items())))

    def _build_other_states(self, cut: int, number: int, counts: list[int]) -> Iterator[State]:
        """The runs of rows in a segment, and its counts by value. counts: by DataType, the number of its cells."""
        runs = self._runs.get((cut, number))
        if runs:
            yield rank_runs(keep_lowest_lots(runs, self._segments.run_samplers[cut, number].max_runs))
        if self._column.is_text:
            frequencies_builder = FrequenciesBuilder(MAX_COUNTED_VALUES)
            if self._values is None:
                frequencies_builder.give_up()
                frequencies_builder.skip(sum(counts) - counts[DataType.MISSING])
            elif number < len(self._value_counts[cut]):
                value_counts = self._value_counts[cut][number]
                value_indices = np.flatnonzero(value_counts)
                texts = [*self._values]
                present_texts = [texts[value_index] for value_index in value_indices]
                frequencies_builder.update(present_texts, value_counts[value_indices])
            yield frequencies_builder.state()


def _count_types(texts: Texts, codes: Codes, num_segments: int) -> Counts:
    """The number of cells of each data type in each segment."""
    types = texts.kinds
    if texts.codes is not None:
        types = texts.kinds[texts.codes]
    return _count_by_segment(codes, num_segments, types, len(DataType))


def _count_by_segment(codes: Codes, segments: int, kinds: NDArray[np.integer], num_kinds: int) -> Counts:
    """The number of rows of each kind in each segment."""
    counts: Counts = np.bincount(codes.astype(np.int64) * num_kinds + kinds, minlength=segments * num_kinds)
    return counts.reshape(segments, num_kinds)


def _enlarge(counts: Counts, shape: tuple[int, ...]) -> Counts:
    """The counts with further rows and columns of zeros."""
    enlarged: Counts = np.zeros(shape, np.int64)
    enlarged[: counts.shape[0], : counts.shape[1]] = counts
    return enlarged


def sort_indices(numbers: Doubles) -> Integers:
    """The indices that sort the numbers by about the first 32 of the bits in which they differ. The sort is stable.

    numpy sorts 16-bit numbers by counting, which is several times as fast as sorting doubles.
    """
    # The bits of doubles sort like integers if the bits of negative doubles are inverted
    bits = numbers.view(np.int64)
    keys = (bits ^ ((bits >> 63) | np.int64(-(2**63)))).view(np.uint64)  # has the same order as the numbers
    keys -= keys.min(initial=2**64 - 1)
    differing_bits = int(np.bitwise_or.reduce(keys))
    lowest_bit = max((differing_bits & -differing_bits).bit_length() - 1, differing_bits.bit_length() - 32, 0)
    keys >>= np.uint64(lowest_bit)
    order = np.argsort(keys.astype(np.uint16), kind="stable")
    if differing_bits >> lowest_bit >> 16:
        order = order.take(np.argsort((keys >> np.uint64(16)).astype(np.uint16).take(order), kind="stable"))
    return order


def _add_numbers(numbers: Doubles, segments: list[_SegmentStates], present: Integers) -> None:
    """Add numbers to their segments. numbers: segment by segment, sorted within each. present: by segment, how many there are.

    Sums needn't equal those of the service, which would take longer.
    """
    filled_segments = np.flatnonzero(present)
    if not len(filled_segments):
        return
    rows = present[filled_segments]
    ends = np.cumsum(rows)
    starts = ends - rows
    # The sums of all segments are computed together; infinite numbers give a NaN among the moments, and are added below
    with np.errstate(over="ignore", invalid="ignore"):
        sums = np.add.reduceat(numbers, starts)
        means = sums / rows
        deviations = numbers - np.repeat(means, rows)
        squares = np.add.reduceat(deviations * deviations, starts)
    # The moments and the extremes as Python's numbers
    columns = {
        "count": rows.tolist(),
        "sum": sums.tolist(),
        "mean": means.tolist(),
        "m2": squares.tolist(),
        "minimum": np.minimum.reduceat(numbers, starts).tolist(),
        "maximum": np.maximum.reduceat(numbers, starts).tolist(),
    }
    for index, number in enumerate(filled_segments.tolist()):
        segment = segments[number]
        segment_numbers = numbers[starts[index] : ends[index]]
        moments = Moments(**{name: values[index] for name, values in columns.items()})
        # The numbers are sorted, so the extremes show whether all are finite
        if not (math.isfinite(moments.minimum) and math.isfinite(moments.maximum)):
            builder = MomentsBuilder()
            segment_numbers = builder.update(segment_numbers)
            moments = builder.state()
        segment.moments += moments
        segment.add_numbers(segment_numbers)


class _SegmentStates:
    """The states of a column's numbers in one segment."""

    __slots__ = ("buffer", "buffered_items", "moments", "size", "sketch")

    def __init__(self, size: int) -> None:
        self.moments = Moments()
        self.sketch = KllBuilder(size)
        self.size = size
        self.buffer: dict[int, list[Doubles]] = {0: []}  # by height: numbers that each count 2**height times
        self.buffered_items = 0

    def add_numbers(self, numbers: Doubles) -> None:
        """Add sorted finite numbers. If there are many, the sketch gets only every second, every fourth, … number."""
        height = max(0, (len(numbers) // (self.size // 2)).bit_length() - 1)
        # Numbers that don't fill a step are added one by one, with weight 1
        step = 2**height
        remainder = len(numbers)
        if height:
            remainder = len(numbers) % step
            middles = numbers[remainder + step // 2 :: step]  # the middle number of each step
            self.buffer.setdefault(height, []).append(middles.copy())
            self.buffered_items += len(middles)
        self.buffer[0].append(numbers[:remainder].copy())
        self.buffered_items += remainder
        if self.buffered_items >= BUFFER_FACTOR * self.size:
            self.merge_buffer()

    def merge_buffer(self) -> None:
        """Move the buffered numbers into the sketch."""
        if not self.buffered_items:
            return
        heights = range(max(self.buffer) + 1)
        levels = tuple(np.concatenate([np.empty(0), *self.buffer.get(height, ())]) for height in heights)
        self.buffer = {0: []}
        self.buffered_items = 0
        self.sketch.merge(KllSketch(levels, (0,) * len(levels), (0,) * len(levels), self.size))

    def states(self, column: ColumnPlan, counts: list[int]) -> Iterator[State]:
        """The states in the segment, of the same kinds as the column's states. counts: by DataType, the number of cells, in which
        numbers of a typed column count as texts."""
        missing = counts[DataType.MISSING]
        present = counts[DataType.TEXT]
        if column.column_type in (ColumnType.VECTOR, ColumnType.NESTED):
            yield DataTypeCounts(missing=missing, unknown=present)
            return
        self.merge_buffer()
        moments = self.moments + Moments(missing=missing)
        if column.is_text:
            yield DataTypeCounts.from_counts(counts)
            moments = moments + Moments(nan=sum(counts) - missing - moments.nan - moments.present)
        else:
            yield count_number_types(column, moments)
        yield from (moments, self.sketch.state())
