"""Ground truth as a frame with one row for each id: its last label, or, with a period, its last label of each hour.

Lines that are alike are cut by executors, and others that hold one plain record are read by Spark; arrays of records and all
other lines by `label_lines` in Python, which says what it repaired.

Source: C6.1, C11.14.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame, SparkSession, Window

from model_monitor.engine.text_lines import file_key, without_globs
from model_monitor.merging.captured import COMPLETE, KEY, RECORD, cut_plain, is_malformed, opened, parsed_object
from model_monitor.merging.label_lines import DECODED, ENCODINGS, Repair, decode_files, decode_lines
from model_monitor.merging.plain_lines import DATA, ENCODING, EVENT_ID, plain_labels
from model_monitor.merging.sources import HOUR, RANK, HourlySource
from model_monitor.reading.heads import head_of
from model_monitor.records.line_bytes import REPLACED
from model_monitor.records.places import BLOCK_START, FILE_KEY, LINE
from model_monitor.records.refusals import REASON, Refusal
from model_monitor.storage import storage_of

TRUTH, LABEL, SEVERAL, COUNT, CANDIDATES = "__truth", "__label", "__several", "__count", "__candidates"
"""The JSON text of `groundTruthData`; its hash; whether the id's labels differ; how many there are; with a period, the last
label of each hour as an array, in order."""

REPAIR, POSITION, CONTENT, ROW = "__repair", "__position", "__content", "__row"

MEMBERS = "groundTruthData struct<data:string,encoding:string>, eventMetadata struct<eventId:string>"
IRREGULAR = -1
"""In `REASON`: the line is not for Spark to judge."""

ARRAY_BEGINNING = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[")

PLACES = (HOUR, RANK, BLOCK_START, ROW)
ORDER = (RANK, BLOCK_START, ROW, POSITION)
"""By the hour of the file, its path, then its lines (C11.14)."""


@dataclass(frozen=True, slots=True)
class LabelAccount:
    """What became of the labels that were read, before they met a capture.

    read = outside_window + ids + repeated + contradicted + the refused ones. ids: how many different ones there are, each
    with a last label; repeated, contradicted: labels that are not the last of their id, by whether all labels of the id say
    the same. irregular: lines that are left to Python, which then are accounted for. repaired: by what was.
    """

    read: int = 0
    ids: int = 0
    repeated: int = 0
    contradicted: int = 0
    outside_window: int = 0
    refused: Mapping[Refusal, int] = field(default_factory=dict)
    irregular: int = 0
    repaired: Mapping[Repair, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Period:
    """How far a label may be from its capture, in hours, and which hours' labels the run accounts for."""

    hours: int
    first: int
    last: int

    def holds(self, hour: Column) -> Column:
        """Whether a label's hour is one that the run accounts for; one without an hour is."""
        return hour.isNull() | hour.between(self.first, self.last)


@dataclass(frozen=True)
class Labels:
    """Ground truth that was read: one row for each id, with `REASON` 0, and for each refused record.

    records: all of them as they were read. period: None if a label counts for all captures of its id.
    """

    frame: DataFrame
    records: DataFrame
    account: LabelAccount
    period: Period | None = None

    @property
    def by_id(self) -> DataFrame:
        """The rows that can be joined, without the refused ones."""
        kept = self.frame.where(F.col(REASON) == 0)
        return kept.select(KEY, TRUTH, LABEL) if self.period is None else kept.select(KEY, CANDIDATES)

    def of_hour(self, hour: Column) -> tuple[Column, Column]:
        """`TRUTH` and `LABEL` for a capture of that hour, from a joined row of `by_id`; null without one."""
        if self.period is None:
            return F.col(TRUTH), F.col(LABEL)
        hours = self.period.hours
        near = F.filter(CANDIDATES, lambda label: _is_near(label.getField(HOUR), hour, hours))
        last = F.try_element_at(near, F.lit(-1))
        return last.getField(TRUTH), last.getField(LABEL)

    @property
    def refused(self) -> DataFrame:
        """The refused records with their places, for the quarantine."""
        return self.records.where(F.col(REASON) > 0)


@contextmanager
def read_labels(
    spark: SparkSession,
    source: HourlySource,
    *,
    period: Period | None = None,
    repairing: bool = True,
    partitions: int = 1,
) -> Iterator[Labels]:
    """The listed ground truth, kept in memory or on disk until the block is left.

    repairing: what isn't JSON but can be read all the same is. partitions: how many the frame gets, by its ids.
    One scan; three more where a line is no plain record.
    """
    records = _records_by_spark(source.placed(_cut_lines(spark, source)))
    frame = _last_of(records, period, partitions).persist()
    kept = [frame]
    try:
        account = _account_of(frame, period)
        if account.irregular:
            frame.unpersist()
            records = _with_decoded(spark, source, records, repairing=repairing).persist()
            frame = _last_of(records, period, partitions).persist()
            kept = [frame, records]
            account = replace(_account_of(frame, period), repaired=_repairs_of(records))
        yield Labels(frame, records, account, period)
    finally:
        for persisted in kept:
            persisted.unpersist()


def no_labels(spark: SparkSession, period: Period | None = None) -> Labels:
    """Ground truth without a record."""
    told = f"{plain_labels().ddl}, {LINE} string, {BLOCK_START} bigint, {ROW} bigint, {HOUR} bigint, {RANK} int"
    records = _records_by_spark(spark.createDataFrame([], told))
    return Labels(_last_of(records, period, 1), records, LabelAccount(), period)


def _cut_lines(spark: SparkSession, source: HourlySource) -> DataFrame:
    """The lines with their places in their files, and the texts of the plain ones."""
    lines = source.lines(spark, BLOCK_START).withColumn(ROW, F.monotonically_increasing_id())
    return cut_plain(lines, plain_labels())


def _records_by_spark(told: DataFrame) -> DataFrame:
    """A row for each line that is one record, and for each other line one whose `REASON` is `IRREGULAR`."""
    is_cut = F.col(LINE).isNull()
    parsed = told.withColumn(RECORD, F.when(~is_cut, parsed_object(opened(F.col(LINE)), MEMBERS)))
    data = F.coalesce(F.col(DATA), F.col(f"{RECORD}.groundTruthData.data"))
    event = F.coalesce(F.col(EVENT_ID), F.col(f"{RECORD}.eventMetadata.eventId"))
    encoding = F.coalesce(F.col(ENCODING), F.col(f"{RECORD}.groundTruthData.encoding"), F.lit("CSV"))
    sound = (F.trim(data) != "") & (event != "") & F.upper(encoding).isin(*ENCODINGS)
    whole = F.col(f"{RECORD}.{COMPLETE}").isNotNull() & ~is_malformed(F.col(RECORD))
    plain = F.coalesce(whole & sound & ~F.concat(data, event).contains(REPLACED), F.lit(False))
    judged = parsed.withColumn(REASON, F.when(is_cut, 0).when(plain, 0).otherwise(IRREGULAR))
    written = F.to_json(F.struct(data.alias("data"), encoding.alias("encoding")))
    # of texts that were cut JSON escapes no letter (`plain_lines.has_truth_and_id`)
    cut = F.concat(F.lit('{"data":"'), F.col(DATA), F.lit('","encoding":"'), encoding, F.lit('"}'))
    truth = F.when(is_cut, cut).otherwise(written)
    kept = F.col(REASON) == 0
    return judged.select(
        F.when(kept, event).alias(KEY),
        F.when(kept, truth).alias(TRUTH),
        REASON,
        F.lit(0).alias(REPAIR),
        F.lit(0).alias(POSITION),
        F.lit(None).cast("string").alias(CONTENT),
        *PLACES,
        LINE,
    )


def _is_near(label: Column, capture: Column, hours: int) -> Column:
    return label.isNull() | (F.abs(label - capture) <= hours)


def _with_decoded(spark: SparkSession, source: HourlySource, plain: DataFrame, *, repairing: bool) -> DataFrame:
    """The records with those that Python makes of irregular lines, and of files that begin as arrays. One scan."""
    irregular = F.col(REASON) == IRREGULAR
    affected = plain.where(irregular).select(RANK).distinct().collect()  # as many as files at most
    arrays = _beginning_as_arrays(spark, source, [row[RANK] for row in affected])
    rest = plain.where(~F.col(RANK).isin(*arrays)) if arrays else plain
    lines = rest.where(irregular).select(LINE, F.lit(repairing).alias("__repairing"), *PLACES)
    found = rest.where(~irregular).unionByName(_decoded(lines, decode_lines))
    if not arrays:
        return found
    paths = [without_globs(source.files[rank].file.path) for rank in arrays]
    files = spark.read.text(paths, wholetext=True).select(
        "value", F.lit(repairing).alias("__repairing"), file_key().alias(FILE_KEY)
    )
    placed = source.placed(files).withColumns({BLOCK_START: F.lit(0).cast("bigint"), ROW: F.lit(0).cast("bigint")})
    return found.unionByName(_decoded(placed.select("value", "__repairing", *PLACES), decode_files))


def _decoded(texts: DataFrame, decode: Callable[..., Any]) -> DataFrame:
    kinds = {field.name: field.dataType.simpleString() for field in texts.schema.fields}
    places = ", ".join(f"{name} {kinds[name]}" for name in PLACES)
    return texts.mapInArrow(decode, f"{DECODED}, {places}").withColumn(LINE, F.col(LINE).cast("string"))


def _beginning_as_arrays(spark: SparkSession, source: HourlySource, ranks: Collection[int]) -> list[int]:
    """The ranks of those of these files that may be one array over several lines."""
    storage = storage_of(source.path, spark)
    heads = {rank: head_of(storage, source.files[rank].file, refuse_nul=False) for rank in sorted(ranks)}
    return [rank for rank, head in heads.items() if ARRAY_BEGINNING.match(head)]


def _last_of(records: DataFrame, period: Period | None, partitions: int) -> DataFrame:
    """One row for each id, and for each refused record; with a period the id's last labels of all hours are in one row."""
    labelled = records.select(KEY, TRUTH, F.xxhash64(TRUTH).alias(LABEL), REASON, HOUR, *ORDER)
    labelled = labelled.repartition(partitions, KEY)
    of_id = Window.partitionBy(KEY, *([] if period is None else [HOUR])).orderBy(*ORDER)
    so_far = of_id.rowsBetween(Window.unboundedPreceding, Window.currentRow)  # of the last one: all of the id
    good = F.col(REASON) == 0
    ranked = labelled.select(
        "*",
        F.lead(F.lit(True)).over(of_id).alias("__followed"),
        F.when(good, F.row_number().over(of_id)).otherwise(1).alias(COUNT),
        (F.min(LABEL).over(so_far) != F.max(LABEL).over(so_far)).alias(SEVERAL),
    ).where(~good | F.col("__followed").isNull())
    if period is None:
        return ranked.select(KEY, TRUTH, LABEL, REASON, COUNT, SEVERAL)
    candidate = F.struct(*ORDER, HOUR, TRUTH, LABEL, COUNT, SEVERAL)
    apart = F.when(~good, F.col(ROW))
    grouped = ranked.groupBy(KEY, REASON, apart.alias("__apart"))
    return grouped.agg(F.sort_array(F.collect_list(candidate)).alias(CANDIDATES)).drop("__apart")


def _account_of(frame: DataFrame, period: Period | None) -> LabelAccount:
    """The counts of all labels; with a period those of the labels within its window, the others apart."""
    if period is not None:
        inside = F.filter(CANDIDATES, lambda label: period.holds(label.getField(HOUR)))
        counts = F.transform(inside, lambda label: label.getField(COUNT))
        total = F.aggregate(CANDIDATES, F.lit(0).cast("bigint"), lambda sum_, label: sum_ + label.getField(COUNT))
        values = F.array_distinct(F.transform(inside, lambda label: label.getField(LABEL)))
        frame = frame.select(
            REASON,
            F.aggregate(counts, F.lit(0).cast("bigint"), lambda sum_, count: sum_ + count).alias(COUNT),
            (F.exists(inside, lambda label: label.getField(SEVERAL)) | (F.size(values) > 1)).alias(SEVERAL),
            total.alias("__total"),
        )
    else:
        frame = frame.select(REASON, COUNT, SEVERAL, F.col(COUNT).alias("__total"))
    before_the_last = F.greatest(F.col(COUNT) - 1, F.lit(0))
    rows = {
        row[REASON]: row
        for row in frame.groupBy(REASON)
        .agg(
            F.sum("__total").alias("total"),
            F.sum(COUNT).alias("inside"),
            F.count(F.when(F.col(COUNT) > 0, 1)).alias("ids"),
            F.sum(F.when(~F.col(SEVERAL), before_the_last).otherwise(0)).alias("repeated"),
            F.sum(F.when(F.col(SEVERAL), before_the_last).otherwise(0)).alias("contradicted"),
        )
        .collect()  # as many as there are reasons
    }
    good = rows.get(0)
    refused = {Refusal(reason): row["total"] for reason, row in rows.items() if reason > 0}
    return LabelAccount(
        read=sum(row["total"] for row in rows.values()),
        ids=good["ids"] if good else 0,
        repeated=good["repeated"] if good else 0,
        contradicted=good["contradicted"] if good else 0,
        outside_window=good["total"] - good["inside"] if good else 0,
        refused=refused,
        irregular=rows[IRREGULAR]["total"] if IRREGULAR in rows else 0,
    )


def _repairs_of(records: DataFrame) -> dict[Repair, int]:
    counted = records.where((F.col(REPAIR) > 0) & (F.col(REASON) == 0)).groupBy(REPAIR).count()
    return {Repair(row[REPAIR]): row["count"] for row in counted.collect()}
