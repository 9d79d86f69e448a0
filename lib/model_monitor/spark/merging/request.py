"""What a merge is asked to do, captures for people to label among it. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyspark.sql.functions as F
from pyspark.sql import Window

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
from model_monitor.data.engine import engine_of
from model_monitor.data.engine.protocol import Engine
from model_monitor.data.reading.formats import CaptureFormat, CsvFormat, JsonFormat
from model_monitor.data.records.locations import LINE
from model_monitor.errors import BadConfiguration
from model_monitor.spark.merging.hours import HourFolder, Score
from model_monitor.spark.merging.joining import AbsentLabel
from model_monitor.spark.merging.labels import Period

TO_LABEL = "to_label.jsonl"

STRATA = 10
"""Ranges of scores, each of as many captures as the others as far as equal scores allow."""

NO_SCORE = 0
"""The stratum of captures whose reply has no number where the score should be."""

DIGITS = "%.3e"
"""Scores are put in order by four digits of theirs, which bounds how many different ones there can be."""


@dataclass(frozen=True, slots=True)
class ToLabel:
    """How many captures are wanted, where their score is, and the seed of the choice."""

    count: int
    score: Score
    seed: int = 0


def chosen_ids(session: SparkSession | Engine, files: Sequence[str], wanted: ToLabel) -> list[dict[str, object]]:
    """The ids to label, by stratum. Two scans of the ids.

    files: with the captures that wait, as `joining` writes them; one id counts once.
    """
    if not files:
        return []
    lines = engine_of(session).lines(files).partitions(LINE).frame
    known = lines.select(F.from_json(LINE, "id string, score string").alias("known")).select("known.*")
    waiting = known.groupBy("id").agg(F.max("score").alias("score"))
    scored = waiting.select("id", F.expr("try_cast(score as double)").alias("score"))
    binned = scored.withColumn("bin", F.when(F.isnotnull("score"), F.format_string(DIGITS, "score").cast("double")))
    counts = {row["bin"]: row["count"] for row in binned.groupBy("bin").count().collect()}  # bounded by the digits
    if not counts:
        return []
    table = known.sparkSession.createDataFrame(list(_strata(counts).items()), "upTo double, stratum int")
    order = Window.partitionBy("stratum").orderBy(F.xxhash64(F.lit(wanted.seed), "id"), "id")
    ranked = (
        binned.join(F.broadcast(table), F.col("bin").eqNullSafe(F.col("upTo")))
        .withColumn("number", F.row_number().over(order))
        .where(F.col("number") <= wanted.count)
    )
    rows = ranked.select("stratum", "number", "id", "score").collect()  # at most so many of each stratum as are wanted
    taken = sorted(rows, key=lambda row: (row["number"], row["stratum"]))[: wanted.count]  # the strata take turns
    return [
        {"id": row["id"], "stratum": row["stratum"], "score": row["score"]}
        for row in sorted(taken, key=lambda row: (row["stratum"], row["number"]))
    ]


def _strata(counts: Mapping[float | None, int]) -> dict[float | None, int]:
    """The stratum of each score, from 1 for the lowest: equal shares of the captures, as far as equal scores allow."""
    scores = sorted(score for score in counts if score is not None)
    total = sum(counts[score] for score in scores)
    strata: dict[float | None, int] = {None: NO_SCORE} if None in counts else {}
    below = 0
    for score in scores:
        strata[score] = 1 + min(STRATA - 1, (2 * below + counts[score] - 1) * STRATA // (2 * total))
        below += counts[score]
    return strata


def to_label_json(chosen: list[dict[str, object]]) -> bytes:
    """The bytes of `to_label.jsonl`."""
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in chosen).encode()


# What a merge is asked to do. Hours are counted since 1970 (`hours.hour_of`).


MAX_QUARANTINED_SHARE = 0.01
"""Most records of either side, as a share of those read, that may be refused before a merge fails."""


@dataclass(frozen=True, slots=True)
class MergeRequest:
    """One run of the merge.

    captures, labels, output_path: where things lie. dataset_format: what the captures are; None: their first file tells.
    first, last: the first and the last hour of the window; None for all there are. as_of: the hour that the run is for, to
    which ages are counted; None for the one after the window. late_hours: how far a label may be from its capture, and how
    long it is waited for; None: labels of the window count for its captures, and nothing is waited for. absent_label,
    after_hours: what captures are labelled with that got nothing in so many hours. to_label: captures to be listed for people.
    repairing: whether labels are read that are not JSON but nearly.
    """

    captures: str
    labels: str
    output_path: str
    dataset_format: CaptureFormat | CsvFormat | JsonFormat | None = None
    first: int | None = None
    last: int | None = None
    as_of: int | None = None
    late_hours: int | None = None
    absent_label: str | None = None
    after_hours: int = 0
    to_label: ToLabel | None = None
    repairing: bool = True
    max_quarantined_share: float = MAX_QUARANTINED_SHARE

    @property
    def hours(self) -> Collection[int] | None:
        """The hours of the window."""
        return None if self.first is None or self.last is None else range(self.first, self.last + 1)

    @property
    def absent(self) -> AbsentLabel | None:
        """The label of captures that got none in time, None if it is not asked for."""
        if self.absent_label is None or self.as_of is None:
            return None
        return AbsentLabel(self.absent_label, self.after_hours, self.as_of)

    @property
    def period(self) -> Period | None:
        """How far labels may be from captures, None if that does not matter."""
        if self.late_hours is None or self.first is None or self.last is None:
            return None
        return Period(self.late_hours, self.first, self.last)

    def label_hours(self, hours: Collection[int] | None) -> Collection[int] | None:
        """The hours whose labels may be those of captures of some hours."""
        if hours is None or self.late_hours is None:
            return hours
        return range(min(hours) - self.late_hours, max(hours) + self.late_hours + 1)

    def is_over(self, hour: HourFolder) -> bool:
        """Whether no label of the window, or of a later one, counts for an hour."""
        return self.late_hours is None or self.first is None or hour.hour + self.late_hours < self.first

    def of_hours(self, hours: Collection[int]) -> MergeRequest:
        """The request with its window, taken from the hours of the captures if it has none.

        Raises BadConfiguration if there are none, and something is asked for that needs them.
        """
        if self.first is None and (self.late_hours is not None or self.absent_label is not None):
            if not hours:
                raise BadConfiguration(
                    f"{self.captures}: no folder names an hour, so that --late-labels and --absent-label need a window; write "
                    "--start-time and --end-time, or --scheduled-time"
                )
            return replace(self, first=min(hours), last=max(hours)).of_hours(hours)
        return self if self.last is None or self.as_of is not None else replace(self, as_of=self.last + 1)
