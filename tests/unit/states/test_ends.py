"""Ends of numbers and measures of texts, beside those of plain Python."""

import numpy as np
import pyarrow as pa
import pytest

from spark_model_monitor.statistics.states import Ends, TextLengths, TextShapes

MOST = 64  # at each end
TEXTS = ["", "two  words", "\tThree of\nthem\x1f", "Straße 12", "日本", "x9" * 150, "A", "z{@[`", "007:/"]


def test_the_64_smallest_and_largest_numbers_are_kept():
    values = np.random.default_rng(1).permutation(200.0 * np.arange(200))

    ends = Ends()
    for block in np.array_split(values, 9):
        ends = ends.add_values(block)

    ordered = np.sort(values)
    assert ends == Ends.of(values)
    assert ends.smallest.tolist() == ordered[:MOST].tolist()
    assert ends.largest.tolist() == ordered[-MOST:].tolist()
    assert ends.is_consistent()


def test_few_numbers_are_at_both_ends():
    ends = Ends.of(np.array([2.0, 1.0])).add_values(np.array([-0.0]))

    assert ends.smallest.tolist() == ends.largest.tolist() == [0, 1, 2]
    assert not np.signbit(ends.smallest).any()


def test_numbers_beyond_are_counted_exactly_while_fewer_than_64_are():
    ends = Ends.of(np.arange(200.0))

    assert ends.count_beyond(3, 195) == (7, True)
    assert ends.count_beyond(63, 199) == (63, True)
    assert ends.count_beyond(64, 199) == (64, False)
    assert ends.count_beyond(0, 135) == (64, False)


@pytest.mark.parametrize(
    ("smallest", "largest", "is_consistent"),
    [
        ([1, 2], [1, 2], True),
        ([1, 2], [1, 3], False),
        ([2, 1], [2, 1], False),
        ([1, np.inf], [1, np.inf], False),
        (range(64), range(64), True),
        (range(64), range(1, 65), True),
        (range(1, 65), range(64), False),
        (range(65), range(65), False),
    ],
)
def test_ends_that_nobody_has_are_found(smallest, largest, is_consistent):
    ends = Ends(np.array(smallest, float), np.array(largest, float))

    assert ends.is_consistent() is is_consistent


@pytest.mark.parametrize("texts", [TEXTS, TEXTS[:2], []], ids=["all alphabets", "ASCII", "none"])
def test_lengths_are_counted_in_characters_up_to_61(texts):
    counts = np.arange(1, len(texts) + 1)
    expected = {}
    for text, count in zip(texts, counts.tolist(), strict=True):
        length = min(len(text), 61)
        expected[length] = expected.get(length, 0) + count

    column = pa.array(["left out", *texts], pa.string())[1:]
    assert TextLengths.of(column, counts).counts == expected
    assert sum(TextLengths.of(column).counts.values()) == len(texts)


def test_lengths_add_up_in_their_order():
    total = TextLengths({3: 1, 61: 2}) + TextLengths({3: 4, 0: 1})

    assert [*total.counts.items()] == [(0, 1), (3, 5), (61, 2)]


def test_lengths_that_no_text_has_are_found():
    assert TextLengths({0: 1, 61: 1}).is_consistent()
    assert not TextLengths({62: 1}).is_consistent()
    assert not TextLengths({-1: 1}).is_consistent()
    assert not TextLengths({3: 0}).is_consistent()


def test_a_length_that_comes_twice_is_found():
    twice = np.array([[3, 1], [3, 2]], "<i8")

    assert not TextLengths.from_payload({}, twice.tobytes()).is_consistent()


def measure_text(text):
    """Characters, words, and letters and digits in thousandths of the bytes, those of other alphabets among the letters."""
    content = text.encode()
    size = max(len(content), 1)
    letters = sum(byte >= 128 or chr(byte).isalpha() for byte in content)
    digits = sum(chr(byte) in "0123456789" for byte in content)
    return len(text), len(text.split()), 1000 * letters // size, 1000 * digits // size


@pytest.mark.parametrize("texts", [TEXTS, TEXTS[:2], [""], []], ids=["all alphabets", "ASCII", "empty", "none"])
def test_shapes_are_sums_of_measures_and_of_their_squares(texts):
    counts = np.arange(1, len(texts) + 1)
    are_long = np.arange(len(texts)) == 1
    short_counts = np.where(are_long, 0, counts)
    measures = np.array([measure_text(text) for text in texts]).reshape(-1, 4)
    sums = short_counts @ measures
    squares = short_counts @ measures**2

    shapes = TextShapes.of(pa.array(["left out", *texts], pa.string())[1:], are_long, counts)

    assert shapes.texts == short_counts.sum()
    assert shapes.long == counts[are_long].sum()
    assert [shapes.characters, shapes.words, shapes.letters, shapes.digits] == sums.tolist()
    assert [shapes.characters_squared, shapes.words_squared] == squares[:2].tolist()
    assert [shapes.letters_squared, shapes.digits_squared] == squares[2:].tolist()
