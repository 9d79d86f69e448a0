"""Computes the states of a column on executors, block by block, with a `Gatherer` for each kind of column.

A gatherer takes the blocks of one partition in order and returns the states of its column at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_model_monitor.data.engine.casts import convert_to_doubles
from spark_model_monitor.data.profiling.scan_plan import (
    TEXT_TYPES,
    Block,
    ColumnPlan,
    ScanPlan,
    Texts,
    find_cut_hashes,
    hash_keys,
)
from spark_model_monitor.data.records.arrays import are_missing, drop_nulls, view_text_bytes
from spark_model_monitor.statistics import Doubles, Flags, Hashes, Integers
from spark_model_monitor.statistics.states import (
    ColumnType,
    DataType,
    DataTypeCounts,
    DateTextsBuilder,
    DistinctBuilder,
    Ends,
    FrequenciesBuilder,
    KllBuilder,
    Moments,
    MomentsBuilder,
    RepeatsBuilder,
    RowRepeats,
    State,
    TextLengths,
    TextShapes,
    Words,
)
from spark_model_monitor.statistics.states.data_types import classify, parse_numbers
from spark_model_monitor.statistics.states.distinct import MAX_BUFFERED_HASHES
from spark_model_monitor.statistics.states.hashing import (
    PRIME_1,
    PRIME_2,
    hash_arrays,
    hash_texts,
    mix_bits,
)

PUNCTUATION = ".,;:!?()[]\"'"  # signs that are removed at both ends of a word

MAX_EXAMINED_TEXTS = 2048  # most texts of a block that are examined one by one

SAMPLED_TEXTS = 2**13
"""The number of first texts of a block from which to decide whether deduplicating the block pays off."""

MAX_DISTINCT_SHARE = 0.5
"""The share of distinct texts in a block up to which later blocks are deduplicated: with more it saves too little."""

HASHED_VALUES = 2**15
"""The number of values of neighbouring columns that are hashed at once: enough to make numpy's overhead per call small,
and few enough to stay in a core's cache."""


class Gatherer(Protocol):
    """Computes the states of a column."""

    def update(self, block: Block) -> None:
        """Add the next rows of the partition, which are all accepted."""

    def states(self) -> Iterable[State]:
        """The states of all rows so far."""


def build_gatherers(plan: ScanPlan) -> tuple[NumbersGatherer, list[tuple[int, Gatherer]]]:
    """The gatherer of all numeric columns; and for each other column its position and its gatherer."""
    gatherer_types: Mapping[ColumnType, Callable[[ColumnPlan, ScanPlan], Gatherer]] = {
        **dict.fromkeys(TEXT_TYPES, TextGatherer),
        ColumnType.NESTED: PresenceGatherer,
        ColumnType.VECTOR: _make_vector_gatherer,
    }
    numeric = []
    gatherers = []
    for column in plan.columns:
        if column.column_type in gatherer_types:
            gatherers.append((column.position, gatherer_types[column.column_type](column, plan)))
        else:
            numeric.append(column)
    return NumbersGatherer(numeric, plan), gatherers


def _make_vector_gatherer(column: ColumnPlan, plan: ScanPlan) -> Gatherer:
    from spark_model_monitor.data.profiling.vector_scan import VectorGatherer

    return VectorGatherer(column, plan)


class NumbersGatherer:
    """The gatherers of all numeric columns. Hashes are computed for several columns together."""

    def __init__(self, columns: Iterable[ColumnPlan], plan: ScanPlan) -> None:
        self._gatherers = [NumberGatherer(column, plan) for column in columns]

    def update(self, block: Block) -> None:
        for group in self._group_neighbours(block.rows):
            hashes_by_column = hash_arrays([gatherer.update(block) for gatherer in group])
            for gatherer, hashes in zip(group, hashes_by_column, strict=True):
                if gatherer.column.hashed_by_spark:
                    hashes = block.hashes(gatherer.column)
                gatherer.add_hashes(hashes)

    def states(self) -> Iterator[tuple[int, State]]:
        """The states of all columns, each with the column's position."""
        for group in self._group_neighbours(MAX_BUFFERED_HASHES):
            registers_by_column = DistinctBuilder.states([gatherer.distinct for gatherer in group])
            for gatherer, registers in zip(group, registers_by_column, strict=True):
                for state in (*gatherer.states(), registers):
                    yield gatherer.column.position, state

    def _group_neighbours(self, values: int) -> Iterator[list[NumberGatherer]]:
        """Groups of neighbouring columns whose hashes are computed together. values: number of values per column."""
        group_size = max(1, HASHED_VALUES // values)
        for first in range(0, len(self._gatherers), group_size):
            yield self._gatherers[first : first + group_size]


class NumberGatherer:
    """Counts, moments, quantiles and distinct values of a numeric column, and the metrics that the plan requests."""

    def __init__(self, column: ColumnPlan, plan: ScanPlan) -> None:
        self.column = column
        self.distinct = DistinctBuilder()
        self._moments = MomentsBuilder(value_by_value=plan.value_by_value)
        self._ends = Ends()
        self._sketch = KllBuilder()
        self._repeats = None
        if column.column_type is ColumnType.INTEGRAL:
            self._repeats = RepeatsBuilder()
        self._frequencies = None
        if column.counted:
            self._frequencies = FrequenciesBuilder(plan.frequency_limit)

    def update(self, block: Block) -> NDArray[Any]:
        """Add the next rows of the partition without their hashes. Returns the numbers to hash; none if Spark has hashed them."""
        # The moments count both missing cells, which are nulls, and absent numbers, which are NaN
        cells = block.cells(self.column)
        numbers = np.asarray(drop_nulls(cells))
        doubles = np.asarray(numbers, np.float64)
        finite = self._moments.update(doubles, missing=cells.null_count)
        self._ends = self._ends.add_values(finite)
        self._sketch.update(finite)
        present: NDArray[Any] = numbers
        if len(finite) < len(numbers):
            present = numbers[~np.isnan(doubles)]
        # Numbers are counted by their texts, as in a categorical column
        if self._frequencies is not None:
            encoded = pa.array(present).cast(pa.string()).dictionary_encode()
            counts = np.bincount(encoded.indices.to_numpy(), minlength=len(encoded.dictionary))
            self._frequencies.update(encoded.dictionary, counts)
        if self.column.hashed_by_spark:
            return present[:0]
        return present

    def add_hashes(self, hashes: Hashes) -> None:
        """Add the hashes of the rows of the last `update`."""
        self.distinct.update(hashes)
        if self._repeats is not None:
            self._repeats.update(hashes)

    def states(self) -> Iterator[State]:
        """The states of all rows so far, without the registers of distinct values."""
        moments = self._moments.state()
        yield count_number_types(self.column, moments)
        yield from (moments, self._ends, self._sketch.state())
        if self._repeats is not None:
            yield self._repeats.state()
        if self._frequencies is not None:
            yield self._frequencies.state()


def count_number_types(column: ColumnPlan, moments: Moments) -> DataTypeCounts:
    """The types of the cells of a numeric column."""
    if column.column_type is ColumnType.INTEGRAL:
        return DataTypeCounts(missing=moments.absent, integral=moments.present)
    return DataTypeCounts(missing=moments.absent, fractional=moments.present)


class TextGatherer:
    """Types, shapes and counts by value of a text column's cells, and moments of the cells that are numbers.

    Whether a column is numeric is known only after all partitions, so the states for numbers and for texts are both computed.
    If a partition has many distinct numbers, counting by value ends: these counts matter only for a categorical column.
    """

    def __init__(self, column: ColumnPlan, plan: ScanPlan) -> None:
        self._column = column
        self._accept_exponents = plan.accept_exponents
        self._data_types = DataTypeCounts()
        self._lengths = TextLengths()
        self._shapes = TextShapes()
        self._words = Words()
        self._repeats = RepeatsBuilder()
        self._frequencies = FrequenciesBuilder(plan.frequency_limit)
        self._limit = plan.frequency_limit
        self._keeps_frequencies = column.counted
        self._has_mostly_distinct = False
        self._moments = MomentsBuilder(value_by_value=plan.value_by_value)
        self._ends = Ends()
        self._sketch = KllBuilder()
        self._distinct = DistinctBuilder()
        self._date_texts = None
        if column.column_type is not ColumnType.BOOLEAN:
            self._date_texts = DateTextsBuilder()

    def update(self, block: Block) -> None:
        cells = block.cells(self._column)
        missing = cells.null_count
        present = drop_nulls(cells)
        # Parse, hash and count the texts: if most of them differ, each cell, otherwise each distinct text
        first_hashes = self._examine_first_texts(present)
        counts = None
        if self._frequencies.given_up or self._has_mostly_distinct:
            examined = self._examine_cells(block, present, missing, first_hashes)
        else:
            encoded = present.dictionary_encode()
            counts = np.bincount(encoded.indices.to_numpy(), minlength=len(encoded.dictionary))
            examined = self._examine_distinct_texts(block, encoded, counts, missing)
        # Later gatherers of this block reuse the examined texts
        block.texts_by_position[self._column.position] = examined
        if self._column.column_type is ColumnType.TEXT and (examined.kinds == DataType.TEXT).any():
            self._count_shapes_and_words(examined, counts)
        # Other partitions may show that the column is numeric
        if (numbers := examined.cell_numbers) is None:
            self._moments.count_absent(missing=missing, nan=len(present))
        else:
            finite = self._moments.update(numbers, missing=missing)
            self._ends = self._ends.add_values(finite)
            self._sketch.update(finite)
        self._distinct.update(examined.hashes)
        if self._date_texts is not None:
            self._date_texts.update(examined.dictionary, self._select_text_hashes(examined.hashes), counts)

    def _examine_cells(self, block: Block, present: pa.Array, missing: int, hashes: Hashes | None) -> Texts:
        """The cells, each as its own text. hashes: the hashes of the cells; None if they aren't computed yet."""
        numbers = self._parse_and_count(present, None, missing)
        if hashes is None and self._column.hashed_by_spark:
            hashes = block.hashes(self._column)
        elif hashes is None:
            hashes = hash_keys(present)
        self._frequencies.update(present, hashes=self._select_text_hashes(hashes))
        self._repeats.update(hashes)
        return Texts(present, None, self._kinds, numbers, hashes)

    def _examine_distinct_texts(
        self, block: Block, encoded: pa.DictionaryArray, counts: Integers, missing: int
    ) -> Texts:
        """The distinct texts of a block. encoded: its present cells. counts: occurrences of each text."""
        texts = encoded.dictionary
        codes = encoded.indices.to_numpy()
        numbers = self._parse_and_count(texts, counts, missing)
        if not self._column.hashed_by_spark:
            hashes = hash_keys(texts)
        else:
            # Spark has hashed the cells, so any cell with a text gives the text's hash
            hashes = np.empty(len(texts), dtype=np.uint64)
            hashes[codes] = block.hashes(self._column)
        self._frequencies.update(texts, counts, self._select_text_hashes(hashes))
        self._repeats.update(hashes, counts)
        # This decides how the next block is examined
        self._has_mostly_distinct = len(texts) > MAX_DISTINCT_SHARE * len(encoded)
        if not self._frequencies.exact and not self._data_types.text and not self._keeps_frequencies:
            self._frequencies.give_up()
        return Texts(texts, codes, self._kinds, numbers, hashes)

    def _count_shapes_and_words(self, examined: Texts, counts: Integers | None) -> None:
        """Count shapes and words in a sample. Words of long texts aren't counted, because only the texts' beginnings are here."""
        texts, are_long, occurrences, sampled = _sample_texts(examined, counts)
        self._shapes += TextShapes.of(texts, are_long, occurrences)
        are_sampled = (sampled > 0) & ~are_long
        texts = texts.filter(pa.array(are_sampled))
        # One search for a blank in all bytes is cheaper than a search in each text
        if (view_text_bytes(texts) == ord(" ")).any():
            have_blanks = np.asarray(pc.match_substring(texts, " "))
            texts = texts.filter(pa.array(have_blanks))
            self._words = self._words.add_values(*_count_words(texts, sampled[are_sampled][have_blanks]))

    def _examine_first_texts(self, present: pa.Array) -> Hashes | None:
        """Examine the first texts of the partition. The block isn't deduplicated if they are numbers and too many to count by
        value, or if all texts differ. Returns the hashes of the texts if they were computed for this.
        """
        if self._data_types.present or self._column.hashed_by_spark or len(present) < SAMPLED_TEXTS:
            return None
        distinct_count = len(present.slice(0, SAMPLED_TEXTS).unique())
        if distinct_count <= max(self._limit, SAMPLED_TEXTS // 2):
            return None
        # Both kinds of columns make deduplication useless, but only numbers make counts by value useless
        if not (self._keeps_frequencies or DataType.TEXT in self._classify(present)):
            self._frequencies.give_up()
        elif distinct_count == SAMPLED_TEXTS:
            hashes = hash_keys(present)
            ordered = np.sort(hashes)
            self._has_mostly_distinct = bool((ordered[1:] != ordered[:-1]).all())
            if self._has_mostly_distinct:
                return hashes
        return None

    def _classify(self, texts: pa.Array) -> NDArray[np.int8]:
        return classify(texts, accept_exponents=self._accept_exponents)

    def _select_text_hashes(self, hashes: Hashes) -> Hashes | None:
        """The hashes; None if they aren't hashes of the texts. Spark hashes values, and when clocks are set back, two different
        times have the same text."""
        if self._column.hashed_by_spark:
            return None
        return hashes

    def _parse_and_count(self, texts: pa.Array, counts: Integers | None, missing: int) -> Doubles | None:
        """The texts as numbers; NaN for a text that isn't a number; None if no text is a number.

        Also counts their kinds and lengths. counts: occurrences of each text; None: each text occurs once.
        """
        kinds = self._kinds = self._classify(texts)
        types = DataTypeCounts.from_kinds(kinds, counts, missing=missing)
        self._data_types += types
        self._lengths += TextLengths.of(texts, counts)
        if types.fractional > types.text + types.integral:  # measured numbers; ids have no fractions
            self._repeats.give_up()
        if not types.integral and not types.fractional and not (kinds == DataType.OTHER_NUMBER).any():
            return None
        return parse_numbers(texts, kinds)

    def states(self) -> Iterator[State]:
        yield self._data_types
        if self._column.column_type is ColumnType.TEXT:
            yield from (self._lengths, self._shapes, self._words, self._repeats.state())
        yield from (self._moments.state(), self._ends, self._sketch.state())
        yield from (self._distinct.state(), self._frequencies.state())
        if self._date_texts is not None:
            yield self._date_texts.state()


def _sample_texts(examined: Texts, counts: Integers | None) -> tuple[pa.Array, Flags, Integers, Integers]:
    """The distinct texts of a block, or of a fourth of the rows if there are many; flags of the texts that were cut; for each
    text, its number of rows, and its number of rows in a further sample of a fourth. counts: occurrences of all distinct texts;
    None: each text occurs once.
    """
    if counts is None:
        counts = np.ones(len(examined.hashes), np.int64)
    # Chosen by place, too: other partitions have to choose a rare text by themselves, or all of its rows would be in the sample
    hashes = mix_bits(examined.hashes + np.arange(len(counts), dtype=np.uint64))
    buckets = (hashes % 16).astype(np.int64)
    # A fourth of the rows of each text, rounded up or down by the text's hash
    occurrences = np.where(examined.kinds == DataType.TEXT, counts, 0)
    if occurrences.sum() > MAX_EXAMINED_TEXTS:
        occurrences = (occurrences + buckets % 4) // 4
    indices = np.flatnonzero(occurrences)
    texts = examined.dictionary.take(indices)
    sampled = occurrences = occurrences[indices]
    if occurrences.sum() > MAX_EXAMINED_TEXTS // 2:
        sampled = (occurrences + buckets[indices] // 4) // 4
    are_long = np.zeros(len(texts), bool)
    are_long[[*find_cut_hashes(texts)]] = True
    return texts, are_long, occurrences, sampled


def _count_words(texts: pa.Array, counts: Integers) -> tuple[Hashes, Integers]:
    """The hashes and counts of the words in texts of several words, without surrounding punctuation."""
    # Plain texts are ASCII and have none of the separators at which only one of Arrow's two functions splits
    octets = view_text_bytes(texts)
    is_plain = octets.max(initial=0) < 0x80 and not (octets - np.uint8(0x1C) <= 0x1F - 0x1C).any()
    # Arrow's two functions also differ for texts that end with a blank
    if is_plain:
        is_plain = len(view_text_bytes(pc.ascii_rtrim_whitespace(texts))) == len(octets)
    # For plain texts, the ASCII function gives the same result in half the time
    if is_plain:
        words = pc.ascii_split_whitespace(pc.ascii_lower(texts))
    else:
        # Blanks at the end are removed, because Arrow 25 would read memory behind the last text
        words = pc.utf8_split_whitespace(pc.utf8_lower(pc.utf8_rtrim_whitespace(texts)))
    lengths = pc.list_value_length(words).to_numpy()
    # A text of one word is left out, because its word would be counted exactly as the text is
    has_several = lengths > 1
    if not has_several.all():
        words = words.filter(pa.array(has_several))
        counts = counts[has_several]
        lengths = lengths[has_several]
    encoded = words.flatten().dictionary_encode()
    occurrences = np.bincount(encoded.indices.to_numpy(), np.repeat(counts, lengths))
    return hash_texts(pc.utf8_trim(encoded.dictionary, PUNCTUATION)), occurrences.astype(np.int64)


class RowRepeatsGatherer:
    """Counts the rows that repeat in all columns. Runs after the gatherers of the columns."""

    def __init__(self, plan: ScanPlan) -> None:
        self._columns = plan.columns
        self._builder = RepeatsBuilder(RowRepeats)

    def update(self, block: Block) -> None:
        hashes = np.zeros(block.rows, np.uint64)
        shifted = np.empty_like(hashes)
        for column in self._columns:
            hashes ^= self._identify_cells(block, column)
            hashes *= PRIME_1
            hashes ^= np.right_shift(hashes, np.uint64(32), out=shifted)
        self._builder.update(mix_bits(hashes))

    def states(self) -> Iterator[State]:
        yield self._builder.state()

    def _identify_cells(self, block: Block, column: ColumnPlan) -> Hashes:
        """Numbers that distinguish a column's cells: hashes, values, or the norms of vectors."""
        cells = block.cells(column)
        if column.column_type is ColumnType.VECTOR:
            from spark_model_monitor.data.profiling.vector_scan import compute_norms

            return block.compute_once(("norms", column.position), lambda: compute_norms(cells)).view(np.uint64)
        if not column.is_text:
            return (convert_to_doubles(cells) + 0.0).view(np.uint64)
        present_hashes = block.texts_by_position[column.position].cell_hashes
        if not cells.null_count:
            return present_hashes
        identifiers = np.full(block.rows, PRIME_2, np.uint64)
        identifiers[~are_missing(cells)] = present_hashes
        return identifiers


class PresenceGatherer:
    """Counts the present and missing cells of a column whose values aren't examined."""

    def __init__(self, column: ColumnPlan, _: ScanPlan) -> None:
        self._column = column
        self._data_types = DataTypeCounts()

    def update(self, block: Block) -> None:
        cells = block.cells(self._column)
        self._data_types += DataTypeCounts(missing=cells.null_count, unknown=len(cells) - cells.null_count)

    def states(self) -> Iterator[State]:
        yield self._data_types
