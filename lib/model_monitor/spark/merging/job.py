"""What a merge job is asked to do, from its configuration, and what it publishes of its outcome."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from pyspark.sql import SparkSession

from model_monitor.data.reading.formats import CaptureFormat, CsvFormat, JsonFormat
from model_monitor.errors import BadConfiguration
from model_monitor.monitors.protocol import PublishedMetric
from model_monitor.running.configuration.contract import JobConfig
from model_monitor.running.inputs.run_inputs import scheduled_hour, window_of
from model_monitor.running.runtime.publishing import write_published
from model_monitor.spark.merging.hours import Score, hour_of, hours_of, moment_of
from model_monitor.spark.merging.ledger import MergeLedger
from model_monitor.spark.merging.request import MergeRequest, ToLabel

A_MOMENT = timedelta(microseconds=1)


def merge_request(config: JobConfig) -> MergeRequest:
    """The request that the flags and variables add up to. A merge works in whole hours: windows are widened to them.

    Raises BadConfiguration if they contradict each other.
    """
    window = window_of(config)
    first = last = as_of = None
    if window is not None:
        first = hour_of(window.start)
        # the service took the folder whole in which the window ends (C6.2c)
        last = hour_of(window.end if config.replays_service else window.end - A_MOMENT)
        as_of = hour_of(scheduled_hour(config.scheduled_time) if config.scheduled_time else _hour_after(window.end))
    _require_sense(config)
    return MergeRequest(
        config.dataset_source,
        config.ground_truth_source or "",
        config.output_path,
        dataset_format=_format_of(config),
        first=first,
        last=last,
        as_of=as_of,
        late_hours=None if config.late_labels is None else hours_of(config.late_labels),
        absent_label=config.absent_label,
        after_hours=0 if config.after is None else hours_of(config.after),
        to_label=ToLabel(config.to_label, Score(config.score_attribute), config.to_label_seed)
        if config.to_label
        else None,
        repairing=not config.replays_service,
        max_quarantined_share=config.max_quarantined_share,
    )


def publish_coverage(ledger: MergeLedger, config: JobConfig, spark: SparkSession) -> None:
    """Write the merge's metrics, if `publish_cloudwatch_metrics` is Enabled.

    Raises OutputFailed if they can't be written.
    """
    counts = ledger.counts
    metrics = [
        PublishedMetric("ground_truth_coverage", counts.share, "None"),
        PublishedMetric("captures_read", ledger.captures_read, "Count"),
        PublishedMetric("captures_matched", counts.labelled, "Count"),
        PublishedMetric("captures_without_label", counts.waiting, "Count"),
        PublishedMetric("labels_read", ledger.labels.read, "Count"),
        PublishedMetric("labels_without_capture", ledger.labels_without_capture, "Count"),
    ]
    hours = [hour.hour for hour in ledger.captures.hours] if ledger.first is None else [ledger.first]
    time = config.metric_time or (moment_of(min(hours)) if hours else datetime.now(timezone.utc))
    write_published(metrics, config, spark, time)


def _hour_after(end: datetime) -> datetime:
    """The first full hour that is not before the end of a window."""
    return moment_of(hour_of(end - A_MOMENT) + 1)


def _format_of(config: JobConfig) -> CsvFormat | JsonFormat | None:
    """The format of transform outputs; None for captures, whose first file tells what they are."""
    if isinstance(config.dataset_format, (CsvFormat, JsonFormat)):
        return config.dataset_format
    if isinstance(config.dataset_format, CaptureFormat):
        return None
    raise BadConfiguration(
        "dataset_format: captures that can be merged are capture, or csv, csv-without-header, jsonl or json of a batch transform"
    )


def _require_sense(config: JobConfig) -> None:
    faults = []
    if (config.absent_label is None) != (config.after is None):
        given, missing = ("absent_label", "after") if config.after is None else ("after", "absent_label")
        faults.append(f"{given} is given and {missing} is not; write --absent-label 0 --after PT24H, or neither")
    if config.after is not None and config.late_labels is not None and config.after > config.late_labels:
        faults.append(
            f"after is {config.after} and late_labels {config.late_labels}: labels are not waited for that long; write a "
            "shorter --after, or longer --late-labels"
        )
    if faults:
        raise BadConfiguration.gathered(faults)
