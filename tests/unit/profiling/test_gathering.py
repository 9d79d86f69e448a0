"""What is gathered of texts that mostly differ, whose blocks are not sorted out one by one, is what they are."""

from __future__ import annotations

from collections import Counter
from functools import reduce
from operator import add

import numpy as np
import pyarrow as pa
import pytest

from spark_model_monitor.data.profiling.gathering import SAMPLED_TEXTS, TextGatherer
from spark_model_monitor.data.profiling.scan_plan import (
    HASH,
    TRANSPOSED_COLUMNS,
    VALUE,
    Block,
    ColumnPlan,
    ScanPlan,
    hash_keys,
)
from spark_model_monitor.statistics.states import (
    ColumnType,
    DataTypeCounts,
    DistinctBuilder,
    DistinctRegisters,
    Frequencies,
    Words,
)
from spark_model_monitor.statistics.states.frequencies import HASH_SLOTS

LIMIT = 100
ROWS = 1_000
COLUMN = ColumnPlan(0, ColumnType.TEXT, hashed_by_spark=False)
IDS = [f"id {number}" for number in range(ROWS)]
HALF_COMMON = [text if row % 2 else "common" for row, text in enumerate(f"later {number}" for number in range(ROWS))]
WITH_NUMBERS = [str(row) if row % 4 == 0 else None if row % 4 == 1 else f"text {row}" for row in range(ROWS)]


@pytest.fixture(scope="module")
def states():
    gatherer = TextGatherer(COLUMN, ScanPlan((COLUMN,), frequency_limit=LIMIT))
    for cells in (IDS, HALF_COMMON, WITH_NUMBERS):
        gatherer.update(Block([pa.RecordBatch.from_arrays([pa.array(cells)], names=[f"{VALUE}0"])]))
    return {type(state): state for state in gatherer.states()}


def test_kinds_are_counted_cell_by_cell(states):
    quarter = ROWS // 4
    assert states[DataTypeCounts] == DataTypeCounts(missing=quarter, integral=quarter, text=2 * ROWS + 2 * quarter)


def test_a_text_that_becomes_common_later_is_counted_within_the_bound(states):
    frequencies = states[Frequencies]
    true = Counter(IDS) + Counter(HALF_COMMON) + Counter(cell for cell in WITH_NUMBERS if cell)

    assert frequencies.total == true.total()
    assert 0 < frequencies.bound <= frequencies.total / (LIMIT + 1)
    assert "common" in frequencies.counts
    assert all(count <= true[text] <= count + frequencies.bound for text, count in frequencies.counts.items())


def test_distinct_values_are_those_of_all_cells(states):
    builder = DistinctBuilder()
    for cells in (IDS, HALF_COMMON, WITH_NUMBERS):
        builder.update(hash_keys(pa.array([cell for cell in cells if cell is not None])))
    assert states[DistinctRegisters] == builder.state()
    assert np.count_nonzero(builder.state().registers)


def gathered(*blocks: list[str]):
    gatherer = TextGatherer(COLUMN, ScanPlan((COLUMN,), frequency_limit=LIMIT))
    for cells in blocks:
        gatherer.update(Block([pa.RecordBatch.from_arrays([pa.array(cells)], names=[f"{VALUE}0"])]))
    return {type(state): state for state in gatherer.states()}


def test_a_text_behind_many_numbers_keeps_their_counts():
    """What the first cells of a block look like must not decide for its last one."""
    numbers = [f"{number}.25" for number in range(SAMPLED_TEXTS)]
    alone, with_text = (gathered([*numbers, last])[Frequencies] for last in ("0.5", "n/a"))

    assert (alone.counts, alone.bound) == ({}, alone.total)
    assert with_text.total == alone.total == SAMPLED_TEXTS + 1
    assert with_text.bound <= with_text.total / (LIMIT + 1)


@pytest.mark.parametrize("often", [1, 2, 500])
def test_texts_that_repeat_behind_the_first_ones_are_counted_as_they_are(often):
    texts = [*(f"id {number}" for number in range(SAMPLED_TEXTS)), *["id 0"] * (often - 1)]
    frequencies = gathered(texts, texts)[Frequencies]

    assert frequencies.total == 2 * len(texts)
    assert frequencies.bound <= frequencies.total / (LIMIT + 1)
    assert frequencies.counts.get("id 0", 0) <= 2 * often <= frequencies.counts.get("id 0", 0) + frequencies.bound


def test_two_times_that_have_one_text_are_counted_together():
    """An hour that comes twice when the clocks go back: Spark hashes the times, which differ."""
    column = ColumnPlan(0, ColumnType.TIMESTAMP, hashed_by_spark=True)
    gatherer = TextGatherer(column, ScanPlan((column,), frequency_limit=10_000))
    times = [f"time {number}" for number in range(HASH_SLOTS // 4)]
    for first in (0, len(times)):
        if first:
            texts = [*times[:-2], "02:30", "02:30"]
        else:
            texts = times
        hashes = np.arange(first, first + len(times))
        columns = [pa.array(texts), pa.array(hashes)]
        gatherer.update(Block([pa.RecordBatch.from_arrays(columns, names=[f"{VALUE}0", f"{HASH}0"])]))
    frequencies = next(state for state in gatherer.states() if isinstance(state, Frequencies))

    assert frequencies.counts.get("02:30", 0) + frequencies.bound >= 2


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("cell", [pytest.param(float, id="doubles"), pytest.param(str, id="texts")])
def test_cells_of_a_list_are_those_of_its_columns(cell: type, start: int):
    columns = 2 * TRANSPOSED_COLUMNS + 3
    missing = {(1, 0), (1, 1), (3, 1), (3, columns - 1), *((row, 2) for row in range(5))}
    rows = [
        [None if (row, slot) in missing else cell(columns * row - slot) for slot in range(columns)] for row in range(5)
    ]
    plans = [ColumnPlan(slot, ColumnType.TEXT, False, listed="l", slot=slot) for slot in range(columns)]
    lists = pa.array(rows, pa.list_(pa.array([cell(0)]).type))
    batch = pa.RecordBatch.from_arrays([lists], names=["l"])

    block = Block([batch.slice(start, 2), batch.slice(start + 2)])

    assert [block.cells(plan).to_pylist() for plan in plans] == [
        list(column_cells) for column_cells in zip(*rows[start:], strict=True)
    ]


@pytest.mark.parametrize("another_text", ["Füchse, füchse", "one two\x1cthree", "alone"])
def test_words_are_those_of_texts_with_several_whatever_stands_beside_them(another_text: str):
    texts = ["Red fox, (red) FOX", "red  hen", "a fox\tden.", another_text]
    words = [word.strip(",.()") for text in texts if " " in text for word in text.lower().split()]

    word_counts = gathered(texts)[Words]

    often = Counter(words)
    hashes = (hash_keys(pa.array([*often])) >> np.uint64(11)).tolist()
    assert dict(zip(word_counts.hashes.tolist(), word_counts.counts.tolist(), strict=True)) == dict(
        zip(hashes, often.values(), strict=True)
    )


def test_words_of_texts_that_end_with_blanks_add_up():
    """Arrow 25 makes as many words of them as lie behind the last one in memory."""
    plain = ["red fox  ", "a hen "] * 3
    accented = ["Füchse und", "é und "] * 3

    all_words = gathered([*plain, *accented])[Words]

    assert gathered(plain)[Words] + gathered(accented)[Words] == all_words
    assert gathered([text.rstrip() for text in (*plain, *accented)])[Words] == all_words


def test_small_partitions_and_a_large_one_have_words_of_one_share_of_new_ones():
    """Both are samples; a rare text is chosen for each of its rows by itself."""
    rng = np.random.default_rng(8)
    parts = [[f"order {number}" for number in rng.integers(0, 20_000, 2_000)] for _ in range(10)]
    window = [f"order {number}" for number in rng.integers(0, 20_000, 20_000)]

    words = reduce(add, [gathered(part)[Words] for part in parts])
    (rare, occurrences), (new, window_occurrences) = words.count_new_words(gathered(window)[Words])
    assert new / window_occurrences == pytest.approx(rare / occurrences, abs=0.05)
