"""Registers of distinct counts by hand; that estimates are Spark's is tested in tests/spark."""

from __future__ import annotations

import numpy as np
import pytest

from spark_model_monitor.statistics.states import DistinctBuilder, DistinctRegisters
from spark_model_monitor.statistics.states.distinct import BIASES, RAW_ESTIMATES
from spark_model_monitor.statistics.states.hash_samples import Words, unique_with_inverse


def build_registers(*hashes: int) -> DistinctRegisters:
    builder = DistinctBuilder()
    builder.update(np.array(hashes, dtype=np.uint64))
    return builder.state()


@pytest.mark.parametrize(
    ("hashed", "register", "rank"),
    [
        pytest.param(0, 0, 56, id="all zeros: 55 and the padding bit"),
        pytest.param(2**64 - 1, 511, 1, id="all ones"),
        pytest.param(1 << 63, 256, 56, id="the top bit chooses the register"),
        pytest.param(1 << 55, 1, 56, id="the ninth bit too"),
        pytest.param(1 << 54, 0, 1, id="the tenth bit does not"),
        pytest.param((1 << 54) - 1, 0, 2, id="one zero, then ones that would round up"),
        pytest.param((3 << 55) + 1, 3, 55, id="only the last bit is set"),
        pytest.param(0b101 << 40, 0, 13, id="bit 42 leads"),
        pytest.param(1 << 24, 0, 31, id="the last of the 31 bits that are looked at first"),
        pytest.param(0b11 << 22, 0, 32, id="the one behind them"),
    ],
)
def test_a_hash_sets_one_register(hashed, register, rank):
    registers = build_registers(hashed).registers

    assert registers[register] == rank
    assert np.count_nonzero(registers) == 1


def test_a_register_keeps_its_largest_rank():
    assert build_registers(1 << 54, 1 << 50, 1 << 53).registers[0] == 5
    assert (build_registers(1 << 50) + build_registers(1 << 54)).registers[0] == 5


def test_words_hold_ten_registers_of_six_bits_each():
    registers = np.zeros(512, dtype=np.uint8)
    registers[[0, 1, 9, 10, 511]] = [1, 2, 63, 3, 5]

    words = DistinctRegisters(registers).words()

    assert len(words) == 52
    assert words[0] == 1 + (2 << 6) + (63 << 54)
    assert words[1] == 3
    assert words[51] == 5 << 6  # register 511 is the second of the last word
    assert set(words[2:51]) == {0}


def test_order_blocks_and_repetitions_do_not_matter():
    hashes = np.random.default_rng(4).integers(0, 2**64, size=5000, dtype=np.uint64)
    builder = DistinctBuilder()
    for block in np.array_split(np.concatenate([hashes[::-1], hashes[:100]]), 7):
        builder.update(block)

    assert builder.state() == build_registers(*hashes.tolist())


@pytest.mark.parametrize("values", [[], [2.0], [3.0, -1.0, 3.0, np.inf, -1.0, 3.0], [*range(50), *range(40)]])
def test_values_are_distinguished_as_by_numpy(values):
    values = np.array(values)
    for mine, theirs in zip(unique_with_inverse(values), np.unique(values, return_inverse=True), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_mean_raw_estimates_rise_by_about_as_much_as_their_counts():
    """From one value per register on a raw estimate counts half of what is new, from five on all of it (Heule 2013, figure 5)."""
    counts = np.linspace(1, 5 * 512, 201)
    slopes = np.diff(RAW_ESTIMATES) / np.diff(counts)

    first_slopes = slopes[:20]
    last_slopes = slopes[-20:]
    assert first_slopes.mean() == pytest.approx(0.5, abs=0.05)
    assert last_slopes.mean() == pytest.approx(1, abs=0.05)
    assert slopes.min() > 0.4
    assert slopes.max() < 1.4


def estimate_by_definition(registers, linear_up_to):
    """Heule 2013, "HyperLogLog in practice", figure 6, with Spark's threshold of linear counting; beside how it is found."""
    raw = 0.7213 / (1 + 1.079 / 512) * 512**2 / sum(2.0**-rank for rank in registers)
    unused = registers.count(0)
    if unused:
        counted = 512 * np.log(512 / unused)
        if counted <= 400 or raw <= linear_up_to:
            return round(counted)
    if raw >= 2560:
        return round(raw)
    nearest = np.argsort(np.abs(RAW_ESTIMATES - raw))[:6]
    return round(raw - BIASES[nearest].mean())


@pytest.mark.parametrize("count", [0, 2, 10, 100, 300, 450, 700, 800, 1500, 2000, 2540, 2600, 9000])
def test_estimates_are_those_of_the_definition(count):
    """Of few values by linear counting, up to another count for Deequ; then less the nearest biases, and of many as they are."""
    hashes = np.random.default_rng(count).integers(0, 2**64, size=count, dtype=np.uint64)
    registers = build_registers(*hashes.tolist())

    assert registers.estimate() == estimate_by_definition(registers.registers.tolist(), 2.5 * 512)
    assert registers.estimate_of_deequ() == estimate_by_definition(registers.registers.tolist(), 0)


@pytest.mark.parametrize(("level", "window_level"), [(51, 0), (0, 51)])
def test_words_are_counted_that_both_sides_would_have_kept(level, window_level):
    """Those below 2^53 / 2^51 of the one with the higher level: only 1 and 3 are."""
    baseline = Words(level, np.array([1, 3, 9]), np.array([1, 3, 5]))
    window = Words(window_level, np.array([2, 3, 4]), np.array([4, 4, 2]))

    assert baseline.count_new_words(window) == ((1, 4), (4, 8))
    assert baseline.count_new_words(window, rare=3) == ((4, 4), (4, 8))
