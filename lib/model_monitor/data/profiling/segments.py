"""Columns by segment: which segment each row of a block is in, and what is gathered of a column there. Runs on executors.

`segments_of` reads how somebody wrote to cut the rows: `plan` by value, `age:30:50` by range, `plan*has_roaming` by both.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from model_monitor.data.profiling.gathering import RowRunsGatherer, RunPlaces
from model_monitor.data.profiling.plan import Block, ColumnPlan, ScanPlan
from model_monitor.errors import BadConfiguration
from model_monitor.statistics.states import (
    ColumnType,
    DataType,
    DataTypeCounts,
    FeatureProfile,
    FrequenciesBuilder,
    KllBuilder,
    KllSketch,
    Moments,
    MomentsBuilder,
    State,
)
from model_monitor.statistics.states.data_types import parse_numbers
from model_monitor.statistics.states.frequencies import texts_of
from model_monitor.statistics.states.rows import FEWEST_ROWS
from model_monitor.statistics.states.segments import MISSING, MOST_SEGMENTS, Segmented, rest_of

Codes = NDArray[np.int64]  # shape (rows,): of each row which segment it is in

AND = " & "  # between the values of a combination

SKETCH_SIZE, FEWEST_ITEMS, ITEMS_OF_ALL = 1024, 128, 2**22
"""The sketch of a column in a segment, and how many items those of all columns and segments may have together: 32 MiB."""

MOST_RUNS = 12  # of rows in a segment, of the first partition's; each takes as long as one of the whole
MOST_VALUES = 512  # of a text that are counted one by one in a segment


@dataclass(frozen=True, slots=True)
class Part:
    """A column that rows are cut by. cuts: ascending; none to cut by value."""

    position: int
    name: str
    cuts: tuple[float, ...] = ()

    def ranges(self) -> list[str]:
        """What the ranges between the cuts are called: `age<30`, `30<=age<50`, `age>=50`."""
        ends = [f"{cut:.15g}" for cut in self.cuts]
        between = [f"{low}<={self.name}<{high}" for low, high in itertools.pairwise(ends)]
        return [f"{self.name}<{ends[0]}", *between, f"{self.name}>={ends[-1]}"]


@dataclass(frozen=True, slots=True)
class Cut:
    """A way to cut the rows. name: as somebody wrote it. labels: segments of the baseline, beside which all are others."""

    name: str
    parts: tuple[Part, ...]
    labels: tuple[str, ...] = ()

    @property
    def rest(self) -> str:
        return rest_of(self.name)


def cuts_of(
    written: Sequence[str], names: Sequence[str], labels: Mapping[str, Sequence[str]] | None = None
) -> list[Cut]:
    """The cuts that somebody wrote, of columns with these names. labels: of the baseline, by cut.

    Raises BadConfiguration for a column that is not there, and for bounds that are no rising numbers.
    """
    return [Cut(each, _parts(each, names), tuple((labels or {}).get(each, ()))) for each in dict.fromkeys(written)]


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


class Segments:
    """The segments of one partition's rows, numbered as they come: 0 is the one of all others."""

    def __init__(self, plan: ScanPlan) -> None:
        self.cuts: Sequence[Cut] = plan.cuts
        self._columns = {column.position: column for column in plan.columns}
        self._time = plan.time_column
        self._numbers: list[dict[str, int]] = [
            {label: number for number, label in enumerate(filter(cut.rest.__ne__, cut.labels), start=1)}
            for cut in self.cuts
        ]
        self._block: Block | None = None
        self._codes: list[Codes] = []
        self._order: list[NDArray[np.int64]] = []

    def labels(self, cut: int) -> list[str]:
        """What the segments of a cut are called, by number."""
        return [self.cuts[cut].rest, *self._numbers[cut]]

    def codes(self, block: Block) -> list[Codes]:
        """By cut the segment of each row; found once for all columns."""
        if self._block is not block:
            self._block, self._order = block, []
            self._codes = [self._numbered(number, block) for number in range(len(self.cuts))]
        return self._codes

    def rows_in_order(self, block: Block, cut: int) -> NDArray[np.int64]:
        """The places of the rows, segment by segment, in each as they stand."""
        codes = self.codes(block)
        if not self._order:
            self._order = [np.argsort(each, kind="stable") for each in codes]
        return self._order[cut]

    def neighbours(self, block: Block) -> NDArray[np.int64] | None:
        """The places of the rows in the order of time; None for the order in which they stand."""
        order = None if self._time is None else block.order_by(self._time)
        return None if order is None else np.asarray(order.to_numpy(zero_copy_only=False)).astype(np.int64)

    def _numbered(self, number: int, block: Block) -> Codes:
        cut, known = self.cuts[number], self._numbers[number]
        labels, codes = reduce(_combined, (self._of_part(part, block) for part in cut.parts))
        counts = np.bincount(codes, minlength=len(labels))
        there = np.flatnonzero(counts).tolist()
        if len(there) > MOST_SEGMENTS:
            there.sort(key=lambda place: (-counts[place], labels[place]))
        table = np.zeros(len(labels), np.int64)
        for place in there:
            label = labels[place]
            if label not in known and not cut.labels and len(known) < MOST_SEGMENTS and label != cut.rest:
                known[label] = len(known) + 1
            table[place] = known.get(label, 0)
        found: Codes = table[codes]
        return found

    def _of_part(self, part: Part, block: Block) -> tuple[list[str], Codes]:
        """What the values, or ranges, of a column are called, and which of them each row has."""
        column, missing = self._columns[part.position], f"{part.name}={MISSING}"
        cells = block.cells(column)
        if part.cuts:
            numbers = _numbers(cells, column)
            codes = np.searchsorted(np.array(part.cuts), numbers, side="right").astype(np.int64)
            codes[np.isnan(numbers)] = len(part.cuts) + 1
            return [*part.ranges(), missing], codes
        if column.column_type is ColumnType.FRACTIONAL:
            numbers = _numbers(cells, column)
            cells = pa.array(numbers, mask=np.isnan(numbers))
        encoded = (cells if column.is_text else cells.cast(pa.string())).dictionary_encode()
        values = [f"{part.name}={text}" for text in texts_of(encoded.dictionary)]
        return [*values, missing], encoded.indices.fill_null(len(values)).to_numpy(zero_copy_only=False).astype(
            np.int64
        )


def _combined(some: tuple[list[str], Codes], others: tuple[list[str], Codes]) -> tuple[list[str], Codes]:
    (left, codes), (right, further) = some, others
    pairs, places = np.unique(codes * len(right) + further, return_inverse=True)
    return [f"{left[pair // len(right)]}{AND}{right[pair % len(right)]}" for pair in pairs.tolist()], places


def _numbers(cells: pa.Array, column: ColumnPlan) -> NDArray[np.float64]:
    """Of each row, NaN where there is none."""
    if column.is_text:
        return parse_numbers(cells)
    numbers = cells.cast(pa.float64(), safe=False)
    return np.asarray((numbers.fill_null(np.nan) if numbers.null_count else numbers).to_numpy(zero_copy_only=False))


def sketch_size(columns: int, segments: int) -> int:
    """Of each of so many columns in each of so many segments."""
    return max(FEWEST_ITEMS, min(SKETCH_SIZE, ITEMS_OF_ALL // max(1, 3 * columns * segments)))


class SegmentsGatherer:
    """Gathers a column in every segment: the types of its cells, its numbers, its counts by value as long as they are few."""

    def __init__(self, column: ColumnPlan, plan: ScanPlan, segments: Segments, partition: int) -> None:
        self._column, self._plan, self._segments, self._partition = column, plan, segments, partition
        many = sum(len(cut.labels) or MOST_SEGMENTS for cut in plan.cuts)
        self.size = sketch_size(plan.all_columns, many)
        self.held_at_most = 16 * self.size
        self._keeps_runs = column in plan.run_columns and plan.run_rows == FEWEST_ROWS  # of a baseline
        self._run_plan = replace(plan, time_position=None, all_columns=plan.all_columns * many)
        self._too_many = False
        self._found: list[list[_InSegment]] = [[] for _ in plan.cuts]
        self._counts = [np.zeros((0, len(DataType)), np.int64) for _ in plan.cuts]

    def update(self, block: Block) -> None:
        """Take the next rows of the partition."""
        cells = block.cells(self._column)
        valid = cells.is_valid().to_numpy(zero_copy_only=False) if cells.null_count else None
        numbers = None
        if not self._column.is_text and self._column.column_type not in (ColumnType.VECTOR, ColumnType.NESTED):
            values = cells.drop_null() if valid is not None else cells
            numbers = values.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
        for cut, codes in enumerate(self._segments.codes(block)):
            found = self._found[cut]
            found += [_InSegment(self) for _ in range(len(self._segments.labels(cut)) - len(found))]
            counts = np.zeros((len(found), len(DataType)), np.int64)
            rows = np.bincount(codes, minlength=len(found))
            order, present = self._segments.rows_in_order(block, cut), rows
            if valid is not None:
                codes = codes[valid]
                present = np.bincount(codes, minlength=len(found))
                order = np.argsort(codes, kind="stable")
            if self._column.is_text:
                self._take_texts(block, found, codes, order, present, counts)
            else:
                counts[:, DataType.TEXT] = present
            if numbers is not None:
                _take_numbers(numbers, found, order, present)
            counts[:, DataType.MISSING] = rows - present
            counts[: len(self._counts[cut])] += self._counts[cut]
            self._counts[cut] = counts
            if self._keeps_runs:
                self._take_runs(block, found, cut)

    def _take_texts(
        self,
        block: Block,
        found: list[_InSegment],
        codes: Codes,
        order: NDArray[np.int64],
        present: Codes,
        counts: NDArray[np.int64],
    ) -> None:
        texts = block.texts(self._column, self._plan.accept_exponents)
        kinds = len(DataType)
        if len(texts.kinds) and texts.kinds.min() == texts.kinds.max():
            counts[:, int(texts.kinds[0])] = present
        else:
            of_rows = texts.kinds if texts.codes is None else texts.kinds[texts.codes]
            counts += np.bincount(codes * kinds + of_rows, minlength=len(found) * kinds).reshape(-1, kinds)
        if (numbers := texts.numbers_of_cells) is not None:
            _take_numbers(numbers, found, order, present)
        different = None if texts.codes is None else len(texts.dictionary)
        self._too_many |= different is None or different > MOST_VALUES
        if self._too_many or texts.codes is None or different is None:
            for segment, there in zip(found, present.tolist(), strict=True):
                segment.skip(there)
            return
        table = np.bincount(codes * different + texts.codes, minlength=len(found) * different).reshape(len(found), -1)
        for segment, row in zip(found, table, strict=True):
            if len(places := np.flatnonzero(row)):
                every = len(places) == different
                segment.frequencies.update(
                    texts.dictionary if every else texts.dictionary.take(pa.array(places)),
                    row if every else row[places],
                )

    def _take_runs(self, block: Block, found: list[_InSegment], cut: int) -> None:
        codes, order = self._segments.codes(block)[cut], self._segments.neighbours(block)
        places = (
            self._segments.rows_in_order(block, cut)
            if order is None
            else order[np.argsort(codes[order], kind="stable")]
        )
        ends = np.cumsum(np.bincount(codes, minlength=len(found))).tolist()
        for segment, start, end in zip(found, [0, *ends], ends, strict=False):
            if end > start:
                if segment.runs is None:
                    lots = RunPlaces(self._run_plan, self._partition, MOST_RUNS)
                    segment.runs = RowRunsGatherer(self._column, self._run_plan, lots)
                segment.runs.update(block, places[start:end])

    def states(self) -> Iterator[State]:
        """The feature by segment; without segments that no row was in, but for those that were asked for."""
        by_cut = {}
        for number, (cut, found, counts) in enumerate(zip(self._plan.cuts, self._found, self._counts, strict=True)):
            labels = self._segments.labels(number)
            of_each = [*zip(found, counts.tolist(), strict=True)]
            of_each += [(_InSegment(self), [0] * len(DataType))] * (len(labels) - len(of_each))
            kept = {
                label: FeatureProfile.of(
                    label, self._column.column_type, segment.states(self._column, row) if any(row) else ()
                )
                for label, (segment, row) in zip(labels, of_each, strict=True)
                if any(row) or label in cut.labels
            }
            by_cut[cut.name] = dict(sorted(kept.items()))
        yield Segmented(dict(sorted(by_cut.items())))


def _take_numbers(
    numbers: NDArray[np.float64], found: list[_InSegment], order: NDArray[np.int64], present: Codes
) -> None:
    numbers = numbers[order]
    ends = np.cumsum(present).tolist()
    for segment, start, end in zip(found, [0, *ends], ends, strict=False):
        if end > start:
            segment.take(numbers[start:end])


def _moments_of(numbers: NDArray[np.float64]) -> tuple[Moments, NDArray[np.float64]]:
    """The moments of some numbers, and the finite ones. Sums need not be those of the service here, which take longer."""
    low, high = float(numbers.min()), float(numbers.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        builder = MomentsBuilder()
        finite = builder.update(numbers)
        return builder.state(), finite
    with np.errstate(over="ignore", invalid="ignore"):
        total = float(numbers.sum())
        mean = total / len(numbers)
        apart = numbers - mean
        squares = float((apart * apart).sum())
    return Moments(len(numbers), sum=total, mean=mean, m2=squares, minimum=low + 0.0, maximum=high + 0.0), numbers


class _InSegment:
    """What is gathered of a column in one segment."""

    __slots__ = ("frequencies", "held", "holds", "moments", "most", "runs", "size", "sketch")

    def __init__(self, gatherer: SegmentsGatherer) -> None:
        self.moments, self.holds = Moments(), 0
        self.size, self.most = gatherer.size, gatherer.held_at_most
        self.held: list[NDArray[np.float64]] = []
        self.sketch, self.frequencies = KllBuilder(self.size), FrequenciesBuilder(MOST_VALUES)
        self.runs: RowRunsGatherer | None = None

    def take(self, numbers: NDArray[np.float64]) -> None:
        """Take numbers, which are looked at when there are many of them."""
        self.held.append(numbers.copy())
        self.holds += len(numbers)
        if self.holds >= self.most:
            self.look()

    def look(self) -> None:
        """Of many numbers the sketch gets every second one in their order, or every fourth, … at once."""
        if not self.held:
            return
        moments, finite = _moments_of(np.concatenate(self.held))
        self.held, self.holds, self.moments = [], 0, self.moments + moments
        height = max(0, (len(finite) // (self.size // 2)).bit_length() - 1)
        if not height:
            self.sketch.update(finite)
            return
        rest = len(finite) % (1 << height)
        chosen = np.sort(finite[rest:] + 0.0)[(1 << height) // 2 :: 1 << height]
        levels = (finite[:rest], *[np.empty(0)] * (height - 1), chosen)
        self.sketch.merge(KllSketch(levels, (0,) * len(levels), (0,) * len(levels), self.size))

    def skip(self, values: int) -> None:
        """Count so many values that are not counted one by one."""
        if not self.frequencies.given_up:
            self.frequencies.give_up()
        self.frequencies.skip(values)

    def states(self, column: ColumnPlan, counts: list[int]) -> Iterator[State]:
        """The states; kinds are those that the column itself has. counts: of its cells by DataType, numbers of a typed column as
        texts."""
        if self.runs is not None:
            yield from self.runs.states()
        missing, there = counts[DataType.MISSING], counts[DataType.TEXT]
        if column.column_type in (ColumnType.VECTOR, ColumnType.NESTED):
            yield DataTypeCounts(missing=missing, unknown=there)
            return
        self.look()
        moments = self.moments + Moments(missing=missing)
        if column.is_text:
            yield DataTypeCounts(*counts)
            yield self.frequencies.state()
            moments = moments + Moments(nan=sum(counts) - missing - moments.nan - moments.present)
        else:
            is_whole = column.column_type is ColumnType.INTEGRAL
            whole, fractional = (moments.present, 0) if is_whole else (0, moments.present)
            yield DataTypeCounts(missing=moments.absent, integral=whole, fractional=fractional)
        yield from (moments, self.sketch.state())
