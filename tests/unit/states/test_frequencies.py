"""Frequencies: exact up to the limit, bounded above it, the same bytes whatever the order of values."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_model_monitor.statistics.states import Frequencies, FrequenciesBuilder
from spark_model_monitor.statistics.states.frequencies import HASH_SLOTS
from spark_model_monitor.statistics.states.hashing import hash_texts


def build_frequencies(*blocks: dict[str, int], limit: int = 4096) -> Frequencies:
    builder = FrequenciesBuilder(limit)
    for block in blocks:
        builder.update(list(block), np.array(list(block.values()), dtype=np.int64))
    return builder.state()


def test_counts_of_calls_add_up():
    frequencies = build_frequencies({"a": 2, "": 1}, {"b": 5}, {"a": 1, "ключ": 1})

    assert frequencies == Frequencies({"a": 3, "": 1, "b": 5, "ключ": 1}, total=10)
    assert (frequencies.exact, frequencies.dropped) == (True, 0)


def test_arrow_texts_do_as_well():
    builder = FrequenciesBuilder()
    for texts in (pa.array(["a", "b"]), pa.array(["b", "c"], pa.large_string())):
        builder.update(texts, np.array([1, 2]))

    assert builder.state() == Frequencies({"a": 1, "b": 3, "c": 2}, total=6)


def test_values_that_come_uncounted_may_repeat():
    builder = FrequenciesBuilder(limit=3)
    builder.update(["b", "a", "b", "b"])
    builder.update(["a", "c"], np.array([5, 1]))

    assert builder.exact
    assert builder.state() == Frequencies({"a": 6, "b": 3, "c": 1}, total=10, limit=3)


def test_above_the_limit_the_next_count_is_taken_from_all():
    """Five values and room for three: the fourth largest count, 2, goes off every count."""
    frequencies = build_frequencies({"a": 9, "b": 4, "c": 3, "d": 2, "e": 1}, limit=3)

    assert frequencies == Frequencies({"a": 7, "b": 2, "c": 1}, total=19, limit=3, bound=2)
    assert (frequencies.exact, frequencies.dropped) == (False, 9)


def test_a_sum_above_the_limit_is_cut_in_the_same_way():
    left = build_frequencies({"a": 9, "b": 4}, limit=3)
    right = build_frequencies({"c": 3, "d": 2, "a": 1}, limit=3)

    assert left + right == Frequencies({"a": 8, "b": 2, "c": 1}, total=19, limit=3, bound=2)


def test_equal_counts_at_the_limit_go_together():
    assert build_frequencies({"a": 1, "b": 1, "c": 1}, limit=2) == Frequencies({}, total=3, limit=2, bound=1)


blocks = st.lists(
    st.dictionaries(st.text("abcdefgh", min_size=1, max_size=2), st.integers(1, 50), max_size=30), max_size=8
)


@pytest.mark.long
@settings(deadline=None)
@given(blocks, blocks, st.integers(1, 12))
def test_true_counts_lie_within_the_bound_however_states_were_made(left, right, limit):
    """Source: Misra and Gries 1982, whose guarantee, total / (limit + 1), adding keeps."""
    truth = Counter()
    for block in left + right:
        truth.update(block)

    frequencies = build_frequencies(*left, limit=limit) + build_frequencies(*right, limit=limit)

    assert frequencies.total == truth.total()
    assert len(frequencies.counts) <= limit
    assert frequencies.bound <= frequencies.total / (limit + 1)
    assert frequencies.exact == (frequencies.counts == truth)
    for value, count in truth.items():
        assert count - frequencies.bound <= frequencies.counts.get(value, 0) <= count


def test_the_order_of_values_does_not_change_the_bytes():
    counts = {f"value {number}": 1 + number % 7 for number in range(300)}
    backwards = dict(reversed(counts.items()))

    for limit in (4096, 100):
        forward = build_frequencies(counts, limit=limit)
        backward = build_frequencies(backwards, limit=limit)
        assert forward.to_bytes() == backward.to_bytes()
        assert (forward + forward).to_bytes() == (backward + backward).to_bytes()


def test_many_small_calls_are_as_exact_as_one():
    frequencies = build_frequencies(*({f"value {number % 90}": 1} for number in range(900)), limit=90)

    assert frequencies == Frequencies({f"value {number}": 10 for number in range(90)}, total=900, limit=90)


@pytest.mark.long
@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, HASH_SLOTS // 4), max_size=9), st.sampled_from([1, 3, 4096, HASH_SLOTS]))
def test_hashes_change_nothing_but_the_time(repeated, limit):
    """Many values once and a few more often: with their hashes, which share slots here and there, as without."""
    with_hashes = FrequenciesBuilder(limit)
    without = FrequenciesBuilder(limit)
    for numbers in (
        [*range(HASH_SLOTS // 4), *repeated],
        [*repeated, *range(HASH_SLOTS // 4, HASH_SLOTS // 2)],
        repeated,
    ):
        texts = pa.array([f"id {number}" for number in numbers], pa.string())
        with_hashes.update(texts, hashes=hash_texts(texts))
        without.update(texts)

    assert with_hashes.state() == without.state()


def test_values_of_one_slot_are_distinguished():
    """Hashes that agree in their lowest bits: none of the values may pass for one that occurred once, or for another."""
    texts = [f"id {number}" for number in range(HASH_SLOTS // 4)]
    builder = FrequenciesBuilder(limit=2)
    builder.update([*texts, "id 7", "id 7", "id 9"], hashes=np.zeros(len(texts) + 3, np.uint64))

    assert builder.state() == Frequencies({"id 7": 2, "id 9": 1}, total=len(texts) + 3, limit=2, bound=1)


def test_a_long_value_is_kept_as_its_beginning_and_a_hash():
    long = "x" * 300
    another = "x" * 299 + "y"

    keys = build_frequencies({long: 1, another: 2, "x" * 256: 4}).counts

    assert sorted(keys.values()) == [1, 2, 4]
    assert keys["x" * 256] == 4
    assert all(len(key.encode()) <= 276 and key.startswith("x" * 256) for key in keys)


def test_a_long_value_is_cut_between_characters_and_only_once():
    key = next(iter(build_frequencies({"a" + "я" * 400: 1}).counts))

    assert key.startswith("a" + "я" * 127 + "…#")
    assert build_frequencies({key: 1}).counts == {key: 1}


def test_counts_that_were_given_up_leave_a_bound_that_holds():
    builder = FrequenciesBuilder(limit=10)
    builder.update(["a", "b"], np.array([3, 4]))
    builder.give_up()
    builder.skip(5)
    builder.update(["c"], np.array([8]))

    assert builder.given_up
    assert builder.state() == Frequencies({}, total=20, limit=10, bound=20)


def test_exact_turns_false_while_values_come():
    builder = FrequenciesBuilder(limit=10)
    for start in range(0, 100, 5):
        builder.update([str(number) for number in range(start, start + 5)], np.ones(5, dtype=np.int64))

    assert not builder.exact


def test_state_may_be_asked_for_at_any_time():
    builder = FrequenciesBuilder(limit=5)
    interrupted = FrequenciesBuilder(limit=5)
    for number in range(40):
        keys = [f"{number % 9}", f"{number % 4} and more"]
        counts = np.array([number, 1])
        builder.update(keys, counts)
        interrupted.update(keys, counts)
        interrupted.state()

    assert interrupted.state() == builder.state()
