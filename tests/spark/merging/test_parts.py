"""The numbers of staged folders: what Spark writes is what the driver reads."""

from __future__ import annotations

import itertools

import pyspark.sql.functions as F

from model_monitor.merging.hours import HourFolder
from model_monitor.merging.parts import PART, Kind, Parts

PARTS = Parts(("churn/A", "churn/B", "spam/A"), slices=4)
HOURS = (0, 474000, 500001)


def test_every_line_is_found_again_by_its_folder(spark):
    lines = list(itertools.product(Kind, range(3), HOURS, range(4)))
    frame = spark.createDataFrame(
        [tuple(map(int, line)) for line in lines], "kind int, branch int, hour long, slice long"
    )
    numbered = frame.withColumn(PART, PARTS.number(*map(F.col, ("kind", "branch", "hour", "slice"))))
    found = numbered.select(
        PART, *PARTS.branch_and_hour, PARTS.kind_is([Kind.WAITING, Kind.LONE])
    ).collect()  # in the order of the lines

    assert [PARTS.read(row[0]) for row in found] == [
        (kind, HourFolder(PARTS.branches[branch], hour), slice_) for kind, branch, hour, slice_ in lines
    ]
    assert [(row[1], row[2]) for row in found] == [(branch, hour) for _, branch, hour, _ in lines]
    assert [row[3] for row in found] == [kind in (Kind.WAITING, Kind.LONE) for kind, *_ in lines]


def test_an_hours_seconds_fall_into_slices_and_others_into_the_first_or_last(spark):
    seconds = [-1, 0, 899, 900, 3599, 3600, 10_000]
    frame = spark.createDataFrame([(second,) for second in seconds], "second long")

    assert [row[0] for row in frame.select(PARTS.slice_of(F.col("second"))).collect()] == [0, 0, 0, 1, 3, 3, 3]
