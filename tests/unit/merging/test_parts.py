"""The numbers of staged folders: what executors write is what the driver reads."""

from __future__ import annotations

import itertools

import numpy as np

from spark_model_monitor.running.merging.hourly_sources import FileNumbers, HourFolder, LineKind

PARTS = FileNumbers(("churn/A", "churn/B", "spam/A"), slices=4)
HOURS = (0, 474000, 500001)


def numbers(kind, branch, hour, second):
    return PARTS.numbers(kind, *(np.array(column) for column in (branch, hour, second)))


def test_every_line_is_found_again_by_its_folder():
    lines = list(itertools.product(range(3), HOURS, (0, 900, 1800, 3599)))
    branches, hours, seconds = zip(*lines, strict=True)

    for kind in LineKind:
        parts = [PARTS.read(number) for number in numbers(kind, branches, hours, seconds).tolist()]
        assert parts == [
            (kind, HourFolder(PARTS.branches[branch], hour), second // 900) for branch, hour, second in lines
        ]
    assert PARTS.read(PARTS.counts_number)[0] is LineKind.COUNTS


def test_an_hours_seconds_fall_into_slices_and_others_into_the_first_or_last():
    seconds = [-1, 0, 899, 900, 3599, 3600, 10_000]
    part_numbers = numbers(LineKind.MERGED, [0] * 7, [0] * 7, seconds)

    assert [PARTS.read(number)[2] for number in part_numbers.tolist()] == [0, 0, 0, 1, 3, 3, 3]
