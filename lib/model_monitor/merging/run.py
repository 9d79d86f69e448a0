"""The merge on one page: captures and ground truth give the merged records of a window's hours.

    from model_monitor.merging.request import MergeRequest
    from model_monitor.merging.run import merge

    merge(spark, MergeRequest("captures/", "labels/", "merged/"))

With `late_hours` ids are remembered between runs, and hours that were merged before are merged again when labels of theirs
have come. What is written of an hour depends on nothing but the captures and labels that are there: after the last label it
is the same, to the byte, as what one run writes that has all labels at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256

import pyspark.sql.functions as F
from pyspark.sql import DataFrame, SparkSession

from model_monitor.errors import NO_DATA, BadInput, NoData
from model_monitor.merging.captured import KEY, captured_records
from model_monitor.merging.detection import format_of
from model_monitor.merging.hours import HourFolder, text_of
from model_monitor.merging.labels import CANDIDATES, Labels, Period, no_labels, read_labels
from model_monitor.merging.ledger import LEDGER, MergeLedger
from model_monitor.merging.pending import Pending
from model_monitor.merging.placing import place_hours
from model_monitor.merging.quarantine import put_aside
from model_monitor.merging.request import MergeRequest
from model_monitor.merging.restatement import RESTATEMENT, RestatedHour, is_of_window, restated_hours, restatement_json
from model_monitor.merging.sources import HOUR, HourlySource, list_hours, partitions_of
from model_monitor.merging.staging import StagedHours, stage
from model_monitor.merging.to_label import TO_LABEL, chosen_ids, to_label_json
from model_monitor.merging.transformed import outputs_of_manifests, transformed_records
from model_monitor.outputs.files import current_run, publish
from model_monitor.reading.damaged_files import damaged_files_named
from model_monitor.reading.formats import CaptureFormat
from model_monitor.reading.heads import longest_line
from model_monitor.storage import join, storage_of

log = logging.getLogger(__name__)

STAGING = "_staging"
"""Folder below the output in which a run works; gone when it ends."""


@dataclass(frozen=True)
class Merged:
    """What a run did: the account of its window, the hours that it restated, and how many hours it wrote or changed."""

    ledger: MergeLedger
    restated: tuple[RestatedHour, ...] = ()
    changed: int = 0


def merge(
    spark: SparkSession,
    request: MergeRequest,
    *,
    before_reading: Callable[[int], object] = lambda line_bytes: None,
    before_publishing: Callable[[], None] = lambda: None,
) -> Merged:
    """Join the captures of the window with their labels and put the merged hours in place, whole.

    before_reading: called with the bytes of a long captured line, before lines are read. before_publishing: called before the
    first file is put in place.
    Raises NoData without captures or, unless late labels are waited for, without labels; BadInput if no label meets a
    capture, or if too many records of a side had to be refused.
    """
    captures = _list_captures(spark, request, request.hours)
    request = request.of_hours(captures.hours)
    pending = None if request.late_hours is None else Pending(spark, request.output_path)
    if not captures.files and not (pending and pending.hours):
        raise NoData(f"{NO_DATA}: {request.captures} has no file{_in_window(request)} that is neither hidden nor empty")
    if captures.files:
        before_reading(longest_line(storage_of(captures.path, spark), captures.files[0].file))
    with _staging(spark, request) as folder:
        with (
            damaged_files_named(spark, captures.stored_files),
            _labels_for(spark, request, captures, request.hours) as (labels, label_source),
        ):
            records = _records_of(spark, request, captures, request.hours)
            staged = stage(spark, records, labels, captures, join(folder, "window"), absent=request.absent)
            ledger = _account(spark, request, captures, label_source, staged, labels, pending)
            _require_enough(request, ledger, records, captures, labels, label_source)
            known = _remembered(request, pending)
            news = pending.with_news(known, labels, request.first or 0, request.absent) if pending else set()
        again = _merged_again(spark, request, news, pending, join(folder, "earlier"))
        restated = _restated(spark, request, pending, staged, again)
        _log(ledger, restated)
        storage = storage_of(request.output_path, spark)
        before_publishing()
        changed = place_hours(staged, staged.hours, request.output_path, storage)
        changed += place_hours(again, again.hours, request.output_path, storage)
        _publish(spark, request, ledger, restated, staged)
        if pending is not None:
            pending.remember({**again.ids, **staged.ids})
            pending.forget([hour for hour in pending.hours if request.is_over(hour)])
    return Merged(ledger, tuple(restated), changed)


def _list_captures(spark: SparkSession, request: MergeRequest, hours: Collection[int] | None) -> HourlySource:
    return outputs_of_manifests(spark, list_hours(spark, request.captures, hours))


def _records_of(
    spark: SparkSession, request: MergeRequest, captures: HourlySource, hours: Collection[int] | None
) -> DataFrame:
    """The captured records, whatever they are, as rows with `captured.COLUMNS`."""
    dataset_format = request.dataset_format or format_of(spark, captures)
    score = request.to_label.score if request.to_label else None
    if isinstance(dataset_format, CaptureFormat):
        return captured_records(spark, captures, hours=hours, score=score)
    return transformed_records(spark, captures, dataset_format, hours=hours, score=score)


@contextmanager
def _labels_for(
    spark: SparkSession, request: MergeRequest, captures: HourlySource, hours: Collection[int] | None
) -> Iterator[tuple[Labels, HourlySource]]:
    """The labels that may be those of the captures of these hours, and where they are from."""
    waits = request.late_hours is not None
    storage = storage_of(request.labels, spark)
    if waits and not storage.exists(request.labels):
        source = HourlySource(storage.resolved(request.labels), (), ())
    else:
        source = list_hours(spark, request.labels, request.label_hours(hours))
    if source.files:
        count = partitions_of(captures, source)
        with (
            damaged_files_named(spark, source.stored_files),
            read_labels(spark, source, period=request.period, repairing=request.repairing, partitions=count) as labels,
        ):
            yield labels, source
    elif waits:
        yield no_labels(spark, request.period), source
    else:
        raise NoData(f"{NO_DATA}: {request.labels} has no file{_in_window(request)} that is neither hidden nor empty")


@contextmanager
def _staging(spark: SparkSession, request: MergeRequest) -> Iterator[str]:
    """A folder for the run's files; a run that died left one of the same name."""
    window = sha256(f"{request.captures}\0{request.first}\0{request.last}".encode()).hexdigest()[:16]
    storage = storage_of(request.output_path, spark)
    folder = join(storage.resolved(request.output_path), STAGING, window)  # Spark's working directory may be another
    storage.delete(folder)
    try:
        yield folder
    finally:
        storage.delete(folder)
        above = join(request.output_path, STAGING)
        if storage.exists(above) and not storage.list_folders(above):
            storage.delete(above)


def _account(
    spark: SparkSession,
    request: MergeRequest,
    captures: HourlySource,
    label_source: HourlySource,
    staged: StagedHours,
    labels: Labels,
    pending: Pending | None,
) -> MergeLedger:
    matched, earlier = labels.account.ids - staged.lone, 0
    if labels.period is not None and pending is not None:
        remembered = pending.ids(_remembered(request, pending))
        matched, earlier = _met(spark, labels, labels.period, staged, remembered)
    last = request.last if request.last is not None else max((hour.hour for hour in staged.hours), default=0)
    return MergeLedger(
        staged,
        labels.account,
        matched,
        earlier,
        as_of=request.as_of or last + 1,
        files=[file.file for file in captures.files],
        label_files=[file.file for file in label_source.files],
        first=request.first,
        last=request.last,
    )


def _met(
    spark: SparkSession, labels: Labels, period: Period, staged: StagedHours, remembered: DataFrame
) -> tuple[int, int]:
    """How many ids with labels of the window have a labelled capture in it, and how many of the others in an earlier hour.

    One scan of the ids.
    """
    inside = labels.by_id.where(F.exists(CANDIDATES, lambda label: period.holds(label.getField(HOUR)))).select(
        F.col(KEY).alias("id")
    )
    here = staged.read_ids(spark).where("label is not null").select("id").distinct().withColumn("here", F.lit(True))
    earlier = remembered.select("id").distinct().withColumn("earlier", F.lit(True))
    joined = inside.join(here, "id", "left").join(earlier, "id", "left")
    [row] = joined.agg(
        F.count("here").alias("here"),
        F.count_if(F.col("here").isNull() & F.col("earlier").isNotNull()).alias("earlier"),
    ).collect()
    return row["here"], row["earlier"]


def _remembered(request: MergeRequest, pending: Pending | None) -> list[HourFolder]:
    """The hours outside the window that labels of the window may belong to."""
    if pending is None or request.first is None or request.last is None:
        return []
    window = range(request.first, request.last + 1)
    reached = request.label_hours(window) or ()
    return sorted(hour for hour in pending.hours if hour.hour not in window and hour.hour in reached)


def _merged_again(
    spark: SparkSession, request: MergeRequest, news: set[HourFolder], pending: Pending | None, folder: str
) -> StagedHours:
    """The hours that have news, merged from their captures and all labels that may be theirs."""
    hours = {hour.hour for hour in news}
    captures = _list_captures(spark, request, hours) if hours else None
    if captures is None or pending is None:
        return StagedHours(folder)
    with (
        damaged_files_named(spark, captures.stored_files),
        _labels_for(spark, request, captures, hours) as (labels, _),
    ):
        records = _records_of(spark, request, captures, hours)
        staged = stage(spark, records, labels, captures, folder, absent=request.absent)
    had = pending.counts(news)
    gone = {hour for hour in news if hour not in staged.hours or staged.hours[hour].captures < had[hour]}
    for hour in sorted(gone):
        log.warning("%s stays as it is: captures of it that were merged before are gone", hour.path)
    return staged.of(news - gone)


def _restated(
    spark: SparkSession, request: MergeRequest, pending: Pending | None, staged: StagedHours, again: StagedHours
) -> list[RestatedHour]:
    """What has changed since these hours were merged before."""
    if pending is None:
        return []
    restated: list[RestatedHour] = []
    for found in (again, staged):
        before = [hour for hour in found.hours if hour in pending.hours]
        if before:
            restated += restated_hours(pending.ids(before), found.read_ids(spark), found.hours)
    return sorted(restated, key=lambda one: one.hour)


def _require_enough(
    request: MergeRequest,
    ledger: MergeLedger,
    records: DataFrame,
    captures: HourlySource,
    labels: Labels,
    label_source: HourlySource,
) -> None:
    refused = sum(ledger.quarantined.values()) + sum(ledger.labels.refused.values())
    quarantine = put_aside(records, captures, labels, label_source, request.output_path, any_refused=refused > 0)
    sides = (
        ("captures", ledger.quarantined, ledger.captures_read),
        ("labels", ledger.labels.refused, ledger.labels.read),
    )
    for name, reasons, read in sides:
        count = sum(reasons.values())
        texts = ", ".join(f"{number:,} {reason.text}" for reason, number in reasons.items())
        if count:
            log.warning("refused %s of %s %s: %s; they are in %s", f"{count:,}", f"{read:,}", name, texts, quarantine)
        if count > request.max_quarantined_share * read:
            raise BadInput(
                f"{count:,} of {read:,} {name} were refused ({texts}), more than the allowed share of "
                f"{request.max_quarantined_share}; they are in {quarantine}; mend them, or allow more with "
                "--max-quarantined-share"
            )
    if request.late_hours is not None:
        return
    if not ledger.counts.captures:
        raise NoData(f"{NO_DATA}: no capture is left of {ledger.captures_read:,}{_in_window(request)}")
    if not ledger.counts.labelled and not ledger.counts.absent:
        raise BadInput(
            f"none of {ledger.labels.ids:,} labels has the id of one of {ledger.counts.captures:,} captures"
            f"{_in_window(request)}; the eventId of a label has to be the capture's inferenceId, or its eventId where it has "
            "none; write --late-labels P7D to wait for labels"
        )


def _publish(
    spark: SparkSession,
    request: MergeRequest,
    ledger: MergeLedger,
    restated: list[RestatedHour],
    staged: StagedHours,
) -> None:
    """Publish the run's documents, unless they are those that are there already."""
    files = {LEDGER: ledger.to_json()}
    if request.late_hours is not None and request.first is not None and request.last is not None:
        files[RESTATEMENT] = _restatement(spark, request, restated, request.first, request.last)
    if request.to_label is not None:
        files[TO_LABEL] = to_label_json(chosen_ids(staged.read_ids(spark), request.to_label))
    before = current_run(request.output_path, spark)
    if before is None or before.digests != {name: sha256(content).hexdigest() for name, content in files.items()}:
        publish(files, request.output_path, spark)


def _restatement(
    spark: SparkSession, request: MergeRequest, restated: list[RestatedHour], first: int, last: int
) -> bytes:
    """What this run restated; what an earlier run for the same window did, if this one found nothing to change."""
    storage, path = storage_of(request.output_path, spark), join(request.output_path, RESTATEMENT)
    if not restated and storage.exists(path):
        content = storage.read(path)
        if is_of_window(content, first, last):
            return content
    return restatement_json(restated, first, last)


def _in_window(request: MergeRequest) -> str:
    if request.first is None or request.last is None:
        return ""
    return f" for {text_of(request.first)} to {text_of(request.last + 1)}"


def _log(ledger: MergeLedger, restated: list[RestatedHour]) -> None:
    counts, labels = ledger.counts, ledger.labels
    log.info(
        "matched %s of %s captures (coverage %.4f); %s labels read, %s without capture, %s duplicates",
        f"{counts.labelled:,}",
        f"{counts.captures:,}",
        counts.share,
        f"{labels.read:,}",
        f"{ledger.labels_without_capture:,}",
        f"{labels.repeated + labels.contradicted:,}",
    )
    for repair, count in labels.repaired.items():
        log.warning("repaired %s labels %s", f"{count:,}", repair.text)
    if restated:
        log.info("restated %d hours, the first is %s", len(restated), restated[0].hour.path)
