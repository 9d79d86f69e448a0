"""The merged hours as files of text, not yet in their places: one Spark job joins, sorts and writes them.

Beside the merged records stand the ids of the captures that have no label, with late labels of all, and what was refused. All
counts are taken from these files, so that a retried task counts nothing twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame, SparkSession

from model_monitor.engine.text_lines import without_globs
from model_monitor.merging.absent import AbsentLabel
from model_monitor.merging.captured import EVENT, KEY, MICROSECONDS, SCORE, TIME
from model_monitor.merging.hours import SECONDS, HourFolder
from model_monitor.merging.labels import Labels
from model_monitor.merging.parts import ID_KINDS, PART, Kind, Parts
from model_monitor.merging.plain_lines import OPENED
from model_monitor.merging.sources import BRANCH, HOUR, HourlySource
from model_monitor.reading.coverage import Coverage
from model_monitor.records.refusals import REASON, Refusal
from model_monitor.storage import storage_of

TEXT = "text"

ID_SCHEMA = "id string, label bigint, absent boolean, score string"
"""What is kept of a capture: the id that it is joined by; the hash of its label, null without one; true if its label says
that none came; the text of its score, if it is asked for."""

NO_PARTS = Parts((), 1)

SLICE_BYTES = 128 * 2**20
MOST_SLICES = 60
"""A large hour is sorted in slices of its time, which are put together afterwards."""


@dataclass(frozen=True)
class StagedHours:
    """What was written to a folder, and what it says of the captures.

    merged, ids: the files of each hour, in order. refused: records by reason, those outside the window included.
    again: captures whose id another one has. lone: labels that met no capture, counted if labels count for all captures.
    parts: how the folders are numbered.
    """

    folder: str
    hours: Mapping[HourFolder, Coverage] = field(default_factory=dict)
    merged: Mapping[HourFolder, list[str]] = field(default_factory=dict)
    ids: Mapping[HourFolder, list[str]] = field(default_factory=dict)
    refused: Mapping[Refusal, int] = field(default_factory=dict)
    again: int = 0
    lone: int = 0
    parts: Parts = NO_PARTS

    @property
    def total(self) -> Coverage:
        """The counts of all hours."""
        return reduce(Coverage.__add__, self.hours.values(), Coverage())

    def of(self, hours: Collection[HourFolder]) -> StagedHours:
        """Some of the hours alone."""
        kept = {hour: counts for hour, counts in self.hours.items() if hour in hours}
        merged = {hour: files for hour, files in self.merged.items() if hour in hours}
        return replace(self, hours=kept, merged=merged, ids={hour: self.ids[hour] for hour in kept})

    def read_ids(self, spark: SparkSession) -> DataFrame:
        """The ids that were written, as `ID_SCHEMA` with the name of their `branch` and their `hour`."""
        if not self.ids:
            return spark.createDataFrame([], f"{ID_SCHEMA}, branch string, hour bigint")
        number, hour = self.parts.branch_and_hour
        lines = spark.read.text(without_globs(self.folder)).where(self.parts.kind_is(ID_KINDS))
        branch = F.element_at(F.array(*map(F.lit, self.parts.branches)), number + 1)
        known = F.from_json("value", ID_SCHEMA)
        return lines.select(known.alias("known"), branch.alias("branch"), hour.alias("hour")).select(
            "known.*", "branch", "hour"
        )


def stage(
    spark: SparkSession,
    records: DataFrame,
    labels: Labels,
    source: HourlySource,
    folder: str,
    *,
    absent: AbsentLabel | None = None,
) -> StagedHours:
    """Join captured records with their labels and write them to `folder`. One scan, and a count of what it has written.

    records: rows with `captured.COLUMNS`. source: where they are from. With a period the ids of all captures are written, else
    of those without a label of their own.
    """
    parts = Parts(source.branches, min(MOST_SLICES, -(-source.largest_hour_bytes // SLICE_BYTES) or 1))
    # a hash table of the labels: each id has one row, and the captures need not be sorted by it
    joined = records.join(labels.by_id.hint("shuffle_hash"), KEY, "full_outer" if labels.period is None else "left")
    rows = _lines(joined, labels, absent, parts)
    ordered = rows.repartition(PART).sortWithinPartitions(PART, TIME, EVENT, TEXT)
    ordered.select(TEXT, PART).write.mode("overwrite").partitionBy(PART).text(folder)
    return _counted(spark, folder, parts, labels)


def _lines(joined: DataFrame, labels: Labels, absent: AbsentLabel | None, parts: Parts) -> DataFrame:
    truth, label = labels.of_hour(F.col(HOUR))
    found = joined.withColumns({"truth": truth, "label": label})
    none_came = F.col("truth").isNull() & (F.lit(False) if absent is None else absent.is_due(F.col(HOUR)))
    written = F.when(none_came, F.lit(None if absent is None else absent.truth)).otherwise(F.col("truth"))
    merged = F.concat(OPENED, F.lit(',"groundTruthData":'), written, F.lit("}"))
    known = F.to_json(
        F.struct(
            F.col(KEY).alias("id"), F.col("label"), F.when(none_came, True).alias("absent"), F.col(SCORE).alias("score")
        )
    )
    second = F.floor(F.col(TIME) / MICROSECONDS) - F.col(HOUR) * SECONDS
    row = _Row(parts, F.col(BRANCH), F.col(HOUR), parts.slice_of(second))
    record, remembered = row.of(Kind.MERGED, merged, ordered=True), row.of(Kind.LABELLED, known)
    cases = [
        (F.col(REASON).isNull(), [row.apart(Kind.LONE, F.lit("1"))]),
        (F.col(REASON) > 0, [row.apart(Kind.REFUSED, F.col(REASON).cast("string"))]),
        *([] if absent is None else [(none_came, [record, row.of(Kind.ABSENT, known)])]),
        (F.col("truth").isNull(), [row.of(Kind.WAITING, known)]),
        (F.lit(True), [record] if labels.period is None else [record, remembered]),
    ]
    return _written(found, cases)


def _written(rows: DataFrame, cases: Sequence[tuple[Column, Sequence[Column]]]) -> DataFrame:
    """The lines of the first case that holds for a row. Where each case has one, texts need not go through arrays."""
    alone = all(len(lines) == 1 for _, lines in cases)
    holding = [(holds, lines[0] if alone else F.array(*lines)) for holds, lines in cases]
    first = F.coalesce(*(F.when(holds, lines) for holds, lines in holding))
    return rows.select(first.alias("line")).select("line.*") if alone else rows.select(F.inline(first))


@dataclass(frozen=True)
class _Row:
    """Where the lines of a joined row go."""

    parts: Parts
    branch: Column
    hour: Column
    slice_: Column

    def of(self, kind: Kind, text: Column, *, ordered: bool = False) -> Column:
        """A line in its hour. ordered: by the record's time; else by its text alone."""
        number = self.parts.number(F.lit(int(kind)), self.branch, self.hour, self.slice_)
        return _line(number, text, F.col(TIME) if ordered else None, F.col(EVENT) if ordered else None)

    def apart(self, kind: Kind, text: Column) -> Column:
        """A line that is in no hour."""
        none = F.lit(0)
        return _line(self.parts.number(F.lit(int(kind)), none, none, none), text, None, None)


def _line(number: Column, text: Column, time: Column | None, event: Column | None) -> Column:
    return F.struct(
        number.cast("bigint").alias(PART),
        (F.lit(None).cast("bigint") if time is None else time).alias(TIME),
        (F.lit(None).cast("string") if event is None else event).alias(EVENT),
        text.alias(TEXT),
    )


def _counted(spark: SparkSession, folder: str, parts: Parts, labels: Labels) -> StagedHours:
    files = _files_of(spark, folder, parts)
    if not files:
        return StagedHours(folder, parts=parts)
    lines = spark.read.text(without_globs(folder))
    counts: dict[tuple[Kind, HourFolder], int] = defaultdict(int)
    for row in lines.groupBy(PART).count().collect():  # as many as there are hours, times kinds and slices
        kind, hour, _ = parts.read(int(row[PART]))
        counts[kind, hour] += row["count"]
    hours = {
        hour: Coverage(
            counts[Kind.MERGED, hour] + counts[Kind.WAITING, hour],
            counts[Kind.MERGED, hour] - counts[Kind.ABSENT, hour],
            counts[Kind.ABSENT, hour],
        )
        for hour in sorted({hour for kind, hour in counts if kind in (Kind.MERGED, Kind.WAITING)})
    }
    staged = StagedHours(
        folder,
        hours,
        {hour: files[Kind.MERGED, hour] for hour in hours if (Kind.MERGED, hour) in files},
        {hour: [path for kind in ID_KINDS for path in files.get((kind, hour), [])] for hour in hours},
        _refused(lines, parts) if any(kind is Kind.REFUSED for kind, _ in counts) else {},
        lone=sum(count for (kind, _), count in counts.items() if kind is Kind.LONE),
        parts=parts,
    )
    return replace(staged, again=_again(spark, staged, counts, labels))


def _again(
    spark: SparkSession, staged: StagedHours, counts: Mapping[tuple[Kind, HourFolder], int], labels: Labels
) -> int:
    """Captures whose id another one has: those whose ids were written, and, as labels are counted by id, the labelled ones."""
    written = sum(count for (kind, _), count in counts.items() if kind in ID_KINDS)
    different = staged.read_ids(spark).select("id").distinct().count() if written else 0
    labelled = staged.total.labelled - (labels.account.ids - staged.lone) if labels.period is None else 0
    return written - different + labelled


def _refused(lines: DataFrame, parts: Parts) -> dict[Refusal, int]:
    counted = lines.where(parts.kind_is([Kind.REFUSED])).groupBy("value").count().collect()
    return {Refusal(int(row["value"])): row["count"] for row in counted}


def _files_of(spark: SparkSession, folder: str, parts: Parts) -> dict[tuple[Kind, HourFolder], list[str]]:
    """The written files by kind and hour, in the order of their slices."""
    found: dict[tuple[Kind, HourFolder], list[tuple[int, str]]] = defaultdict(list)
    for file in storage_of(folder, spark).list_files(folder):
        kind, hour, slice_ = parts.read(int(file.path.split("/")[-2].partition("=")[2]))
        found[kind, hour].append((slice_, file.path))
    return {key: [path for _, path in sorted(files)] for key, files in found.items()}
