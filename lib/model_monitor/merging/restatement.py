"""Which hours a run has changed that an earlier run had written, and by how many labels: `restatement.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyspark.sql.functions as F
from pyspark.sql import DataFrame

from model_monitor.merging.hours import HourFolder, text_of
from model_monitor.reading.coverage import Coverage

RESTATEMENT = "restatement.json"


@dataclass(frozen=True, slots=True)
class RestatedHour:
    """One hour: ids that have got a label, another label than before, or the label that says that none came.

    before, after: the share of its captures that have a label of their own.
    """

    hour: HourFolder
    added: int
    changed: int
    absent: int
    before: float
    after: float


def restated_hours(old: DataFrame, new: DataFrame, counts: Mapping[HourFolder, Coverage]) -> list[RestatedHour]:
    """The hours whose ids have other labels in `new` than in `old`. One scan of the ids.

    old, new: ids with `branch`, a text, `hour`, `label` and `absent`. counts: of the hours as they are now.
    """
    keys = ["branch", "hour", "id"]
    before = old.groupBy(*keys).agg(
        F.count("*").alias("captures"), F.max("label").alias("was"), F.max("absent").alias("was_absent")
    )
    after = new.groupBy(*keys).agg(F.max("label").alias("label"), F.max("absent").alias("absent"))
    both = before.join(after, keys)
    added = F.col("was").isNull() & F.col("label").isNotNull()
    changed = F.col("was") != F.col("label")
    came_absent = F.col("was_absent").isNull() & F.col("absent").isNotNull() & F.col("was").isNull()
    found = both.groupBy("branch", "hour").agg(
        F.count_if(added).alias("added"),
        F.count_if(changed).alias("changed"),
        F.count_if(came_absent).alias("absent"),
        (F.sum(F.when(F.col("was").isNotNull(), F.col("captures")).otherwise(0)) / F.sum("captures")).alias("before"),
    )
    rows = found.where("added + changed + absent > 0").collect()  # as many as hours at most
    hours = [(HourFolder(row["branch"], row["hour"]), row) for row in rows]
    return [
        RestatedHour(hour, row["added"], row["changed"], row["absent"], row["before"], counts[hour].share)
        for hour, row in sorted(hours, key=lambda pair: pair[0])
    ]


def restatement_json(hours: Sequence[RestatedHour], first: int, last: int) -> bytes:
    """The bytes of `restatement.json`. first, last: the hours of the window whose run it is."""
    document = {
        "version": 1,
        "window": {"start": text_of(first), "end": text_of(last + 1)},
        "hours": [
            {
                "folder": found.hour.path,
                "labels": found.added + found.changed + found.absent,
                "added": found.added,
                "changed": found.changed,
                "labelled_as_absent": found.absent,
                "coverage_before": found.before,
                "coverage": found.after,
            }
            for found in hours
        ],
    }
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def is_of_window(content: bytes, first: int, last: int) -> bool:
    """Whether a `restatement.json` is that of a run for the same window."""
    try:
        window = json.loads(content)["window"]
    except (ValueError, KeyError, TypeError):
        return False
    return bool(window == {"start": text_of(first), "end": text_of(last + 1)})
