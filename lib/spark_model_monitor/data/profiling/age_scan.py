"""States of a column's times, and of their ages relative to the time of the row, which comes from a time column or from the
captured record. Runs on executors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.engine.casts import convert_to_doubles
from spark_model_monitor.data.profiling.scan_plan import Block, ColumnPlan, ScanPlan, compute_once_per_block
from spark_model_monitor.statistics import Doubles, Integers
from spark_model_monitor.statistics.date_forms import find_time_formats
from spark_model_monitor.statistics.states import State
from spark_model_monitor.statistics.states.data_types import FIRST_SECOND, LAST_SECOND, UNITS_OF_SECONDS, parse_numbers
from spark_model_monitor.statistics.states.time_counts import DAY, DAY_UNKNOWN, Ages, TimeCounts
from spark_model_monitor.statistics.states.vectors import VectorMomentsBuilder

Seconds = Doubles  # shape (rows,): seconds since 1970, NaN for cells that aren't times

EXAMINED_CELLS = 8  # number of cells of a block that are tested first
FRACTION = r"(?P<second>:\d\d|\.\d\d\.\d\d|T\d{6})[.,](?P<digits>\d{1,9})| ?(?:GMT|UTC|z)$"
"""A fraction of a second, or a name of UTC: strptime reads neither."""

DATE_LENGTH = 10


def parse_times(cells: pa.Array) -> Seconds | None:
    """Numbers or texts as times; None if none of the first few cells is a time."""
    first_cells = cells.slice(0, EXAMINED_CELLS)
    # Most texts have no digit, and so no time
    if pa.types.is_string(cells.type) and not pc.any(pc.match_substring_regex(first_cells, "[0-9]")).as_py():
        return None
    if np.isfinite(parse_seconds(first_cells)).any():
        return parse_seconds(cells)
    return None


def parse_seconds(cells: pa.Array) -> Seconds:
    """Numbers or texts as times. If the order of day and month isn't known, a time is at its hour of DAY_UNKNOWN."""
    if not pa.types.is_string(cells.type):
        return _convert_numbers(convert_to_doubles(cells))
    micros = _cast_to_micros(cells)
    if micros is not None:
        return micros / 1e6
    seconds = _convert_numbers(parse_numbers(cells))
    fractions = pc.struct_field(pc.extract_regex(cells, FRACTION), "digits")
    texts = pc.replace_substring_regex(cells, FRACTION, r"\1")
    # The formats of the first texts that aren't read yet, until none of them has another format
    tried: set[tuple[str, ...]] = {()}
    while True:
        unread_texts = texts.filter(pa.array(np.isnan(seconds))).drop_null()
        first_texts = unread_texts.slice(0, EXAMINED_CELLS).to_pylist()
        formats = set(map(find_time_formats, first_texts)) - tried
        if not formats:
            break
        tried |= formats
        for alternatives in sorted(formats):
            seconds = np.where(np.isnan(seconds), _parse_by_formats(texts, alternatives), seconds)
    decimals = pc.binary_join_element_wise("0.", fractions, "0", "").cast(pa.float64())
    return np.asarray(seconds + np.asarray(decimals.fill_null(0)))


def _parse_by_formats(texts: pa.Array, formats: Sequence[str]) -> Seconds:
    """The times of texts in one of these formats of strptime; several if the order of day and month isn't known."""
    readings = [pc.strptime(texts, format, "s", error_is_null=True).cast(pa.int64()) for format in formats]
    seconds = np.asarray(pc.coalesce(*readings).cast(pa.float64()).fill_null(np.nan))
    if len(formats) > 1:
        return seconds % DAY + DAY_UNKNOWN
    return seconds


def drop_unknown_days(seconds: Seconds) -> Seconds:
    """The times whose day is known, and NaN for the others."""
    return np.where(seconds < DAY_UNKNOWN, seconds, np.nan)


def _cast_to_micros(texts: pa.Array) -> Seconds | None:
    """Texts as times; None if Arrow can't parse one of them, either with a time zone or without."""
    for zone in ("UTC", None):
        with suppress(pa.ArrowInvalid):
            time_type = pa.timestamp("us", zone)
            texts.slice(0, EXAMINED_CELLS).cast(time_type)  # a few first, because Arrow takes long to fail on many
            micros = texts.cast(time_type).cast(pa.int64()).cast(pa.float64(), safe=False)
            return np.asarray(micros.fill_null(np.nan))
    return None


def _convert_numbers(numbers: Seconds) -> Seconds:
    """Numbers as times. The magnitude of a number shows its unit."""
    seconds = np.full(len(numbers), np.nan)
    for unit in UNITS_OF_SECONDS:
        is_time = (numbers >= FIRST_SECOND * unit) & (numbers < LAST_SECOND * unit)
        seconds[is_time] = numbers[is_time] / unit
    return seconds


def _compute_logarithms(ages: Seconds) -> Seconds:
    """sign(age) * log2(1 + |age|), interpolated linearly between powers of 2, so that it is the same on every machine, unlike a
    library's logarithm.
    """
    mantissas, exponents = np.frexp(1 + np.abs(ages))
    return np.asarray(np.copysign(exponents + 2 * mantissas - 2, ages))


class RowTimes:
    """The times of a block's rows. They are computed once for all columns, and only if a column has times."""

    def __init__(self, plan: ScanPlan) -> None:
        self._column = plan.time_column

    @compute_once_per_block
    def read(self, block: Block) -> Seconds | None:
        """The time of each row; None if the rows have no times."""
        if self._column is None:
            cells = block.record_times()
        else:
            cells = block.cells(self._column)
        if cells is None:
            return None
        times = parse_times(cells)
        return None if times is None else drop_unknown_days(times)

    def find_newest(self, block: Block) -> int:
        """The newest time in microseconds since 1970; 0 if there are no times, or if all are days without hours."""
        times = self.read(block)
        if times is None or not np.nan_to_num(times % DAY).any():
            return 0
        return round(1e6 * float(np.nanmax(times)))


class TimesGatherer:
    """Counts a column's times, and their ages if rows have times. Runs after the gatherer of the column."""

    def __init__(self, column: ColumnPlan, row_times: RowTimes | None) -> None:
        self._column = column
        self._row_times = row_times
        self._counts = TimeCounts()
        self._ages = Ages()
        self._moments = VectorMomentsBuilder()

    def update(self, block: Block) -> None:
        has_days_only = False
        codes = None
        if self._column.is_text:
            texts = block.texts_by_position[self._column.position]
            seconds = parse_times(texts.dictionary)
            has_days_only = texts.numbers is None and pc.max(pc.binary_length(texts.dictionary)).as_py() == DATE_LENGTH
            codes = texts.codes
        else:
            seconds = parse_times(block.cells(self._column).drop_null())
        if seconds is None:
            return
        occurrences: Integers = np.ones(len(seconds), np.int64)
        if codes is not None:
            occurrences = np.bincount(codes, minlength=len(seconds))
        are_times = np.isfinite(seconds) & (occurrences > 0)
        self._counts += TimeCounts.of(seconds[are_times], occurrences[are_times])
        times = None
        if self._row_times is not None:
            times = self._row_times.read(block)
        if times is None:
            return
        # A day has no hour, so its age counts from the beginning of the row's day
        if codes is not None:
            seconds = seconds[codes]
        times = times[np.asarray(block.cells(self._column).is_valid())]
        ages = (np.floor(times / DAY) * DAY if has_days_only else times) - drop_unknown_days(seconds)
        # Sorted by time, so that sums of doubles don't depend on the order of the files
        ages = ages[np.argsort(times, kind="stable")]
        ages = ages[~np.isnan(ages)]
        self._ages += Ages.of(ages)
        self._moments.update(_compute_logarithms(ages / 60), np.ones(len(ages), np.int32))

    def states(self) -> Iterator[State]:
        if self._counts.total:
            yield self._counts
        if self._ages.total:
            yield from (self._ages, self._moments.state())
