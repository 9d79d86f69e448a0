"""Rows brought together: the same ones in the same order, whether they were kept in memory or left in files."""

import pickle
import random
from functools import partial

import pyarrow as pa
import pytest

from spark_model_monitor.data.engine import local_exchange
from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.engine.local_exchange import repartition

SCHEMA = pa.schema([("key", pa.string()), ("role", pa.int8()), ("text", pa.string())])


def make_partitions(numbers):
    """Partitions of batches of so many rows each, of a few keys and roles."""
    chosen = random.Random(1)
    return [
        [
            pa.record_batch(
                [
                    pa.array([f"key {chosen.randrange(9)}" for _ in range(count)]),
                    pa.array([chosen.randrange(3) for _ in range(count)], pa.int8()),
                    pa.array([f"{chosen.random():.9f}" for _ in range(count)]),
                ],
                schema=SCHEMA,
            )
            for count in counts
        ]
        for counts in numbers
    ]


def read_partitions(parts, order, count, processes=None):
    partitions = repartition([partial(iter, part) for part in parts], SCHEMA, "key", order, count, processes)
    return [pa.Table.from_batches(list(part()), SCHEMA).to_pylist() for part in partitions]


PARTS = make_partitions([[30, 0, 7], [], [200], [1, 1, 50]])
ROWS = [row for part in PARTS for batch in part for row in batch.to_pylist()]


@pytest.mark.parametrize("kept_bytes", [0, 2_000, 2**20], ids=["in files", "some in files", "in memory"])
@pytest.mark.parametrize("count", [1, 4])
def test_a_partition_has_all_rows_of_its_keys_in_order(monkeypatch, kept_bytes, count):
    monkeypatch.setattr(local_exchange, "MAX_MEMORY_BYTES", kept_bytes)

    by_text = read_partitions(PARTS, ["key", "text"], count)
    by_role = read_partitions(PARTS, ["role"], count)

    assert by_text == [sorted(part, key=lambda row: (row["key"], row["text"])) for part in by_text]
    for parts in (by_text, by_role):
        assert sorted(ROWS, key=str) == sorted((row for part in parts for row in part), key=str)
        keys = [{row["key"] for row in part} for part in parts]
        assert sum(map(len, keys)) == len(set().union(*keys))
    assert all([row["role"] for row in part] == sorted(row["role"] for row in part) for part in by_role)


def test_what_one_partition_may_have_in_turn_is_made_as_it_is_taken():
    batches_taken = []
    taken = []

    def part(number):
        for batch in PARTS[number]:
            batches_taken.append(batch)
            yield batch

    parts = [partial(part, number) for number in range(len(PARTS))]
    [partition] = repartition(parts, SCHEMA, "key", [], 1, 1)
    for batch in partition():
        taken.append(batch)
        assert len(batches_taken) == len(taken)

    assert [row for batch in taken for row in batch.to_pylist()] == ROWS


def test_rows_that_others_take_are_in_files():
    """What another process is sent says where rows are, and has none of them."""
    partitions = repartition([lambda: iter([batch for part in PARTS for batch in part])], SCHEMA, "key", ["role"], 2, 2)

    sent = [pickle.dumps(part) for part in partitions]

    assert all(len(sent_partition) < 2_000 for sent_partition in sent)
    rows = [row for sent_partition in sent for batch in pickle.loads(sent_partition)() for row in batch.to_pylist()]
    assert sorted(rows, key=str) == sorted(ROWS, key=str)


def test_an_engine_brings_together_what_it_made():
    engine = LocalEngine(processes=1)
    rows = engine.make_partitions(SCHEMA, PARTS).repartition_by("key", ["key", "text"], 3)

    assert sorted(ROWS, key=str) == sorted((row for batch in rows.batches() for row in batch.to_pylist()), key=str)
