"""The sample of a run is the same in every run, and as large as asked for."""

from __future__ import annotations

import uuid

import pytest

from spark_model_monitor.data.records.windows import is_sampled


def test_known_ids():
    # CRC-32 of "123456789" is 0xCBF43926, the check value of its definition: 0.7967 of 2**32
    assert is_sampled(b"123456789", 0.797)
    assert not is_sampled(b"123456789", 0.796)


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.5])
def test_the_share_is_the_one_asked_for(fraction):
    ids = [
        str(uuid.UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC834 % 2**128)).encode() for number in range(20_000)
    ]
    share = sum(is_sampled(event_id, fraction) for event_id in ids) / len(ids)

    assert share == pytest.approx(fraction, abs=0.012)  # four standard deviations of 20,000 draws at most


def test_all_and_nothing():
    assert is_sampled(b"x", 1.0)
    assert not is_sampled(b"x", 0.0)


def test_a_larger_sample_holds_the_smaller_one():
    ids = [str(number).encode() for number in range(2_000)]

    assert {i for i in ids if is_sampled(i, 0.1)} <= {i for i in ids if is_sampled(i, 0.3)}
