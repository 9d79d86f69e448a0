from __future__ import annotations

from zlib import crc32

import pytest

from spark_model_monitor.capture.selection import is_sampled

KEYS = [f"request-{number}" for number in range(20_000)]


def sampled(percentage: float, seed: int = 0) -> set[str]:
    return {key for key in KEYS if is_sampled(key, percentage, seed)}


@pytest.mark.parametrize("percentage", [0.5, 20, 50, 99])
def test_a_sample_has_about_its_percentage(percentage):
    share = percentage / 100
    four_deviations = 4 * (share * (1 - share) / len(KEYS)) ** 0.5  # of a binomial distribution

    assert len(sampled(percentage)) / len(KEYS) == pytest.approx(share, abs=four_deviations)


def test_nothing_and_everything_are_exact():
    assert sampled(0) == set()
    assert sampled(100) == set(KEYS)


def test_the_same_seed_takes_the_same_requests_and_another_seed_others():
    assert sampled(20, seed=1) == sampled(20, seed=1)
    assert 0.03 < len(sampled(20, seed=1) & sampled(20, seed=2)) / len(KEYS) < 0.05  # 20 % of 20 %


def test_a_larger_percentage_takes_all_of_a_smaller_one():
    assert sampled(5) < sampled(20)


def test_what_is_captured_is_not_what_the_jobs_would_sample():
    captured = sampled(20)
    by_the_job = {key for key in captured if crc32(key.encode()) < 0.2 * 2**32}  # data/records/windows.py's rule

    assert 0.17 < len(by_the_job) / len(captured) < 0.23
