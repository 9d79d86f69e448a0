"""The request to a merge job, and what the job publishes about its result."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timezone

from spark_model_monitor.data.reading.formats import CaptureFormat, CsvFormat, JsonFormat
from spark_model_monitor.data.records.refusals import MAX_QUARANTINED_SHARE
from spark_model_monitor.data.records.windows import A_MOMENT
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.protocol import PublishedMetric
from spark_model_monitor.running.configuration.contract import JobConfig
from spark_model_monitor.running.configuration.offsets import full_hour
from spark_model_monitor.running.merging.hourly_sources import HourFolder, containing_hour, count_hours, hour_start
from spark_model_monitor.running.merging.joining import AbsentLabel, LabelHours
from spark_model_monitor.running.merging.labelling_sample import LabellingRequest, Score
from spark_model_monitor.running.merging.merge_ledger import MergeLedger
from spark_model_monitor.running.runtime.publishing import write_metrics
from spark_model_monitor.value_class import value_class


@value_class
class MergeRequest:
    """One run of the merge.

    Attributes
    ----------
    captures, labels, output_path: Paths.
    dataset_format: The format of the captures; None if their first file decides.
    first, last: The first and the last hour of the window, since 1970; None for all hours.
    as_of: The hour that the run is for, up to which ages are counted; None for the hour after the window.
    late_hours: How far a label may be from its capture, and how long to wait for it. None: labels of the window count for
        its captures, without waiting.
    absent_label, after_hours: The label for captures that have none after this many hours.
    to_label: Captures to list for labelling.
    repairing: Whether to repair labels that aren't valid JSON.
    max_quarantined_share: Share of refused records, of captures or labels, above which the job fails.
    manifest_root: As in `ReadOptions`.
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
    to_label: LabellingRequest | None = None
    repairing: bool = True
    max_quarantined_share: float = MAX_QUARANTINED_SHARE
    manifest_root: str | None = None

    @property
    def hours(self) -> Collection[int] | None:
        """The hours of the window."""
        if self.first is None or self.last is None:
            return None
        return range(self.first, self.last + 1)

    @property
    def absent(self) -> AbsentLabel | None:
        """The absent label of captures without a label in time; None if it isn't requested."""
        if self.absent_label is None or self.as_of is None:
            return None
        return AbsentLabel(self.absent_label, self.after_hours, self.as_of)

    @property
    def label_hours(self) -> LabelHours | None:
        """How far labels may be from captures, None if any distance is allowed."""
        if self.late_hours is None or self.first is None or self.last is None:
            return None
        return LabelHours(self.late_hours, self.first, self.last)

    def list_label_hours(self, hours: Collection[int] | None) -> Collection[int] | None:
        """The hours whose labels may belong to captures of these hours."""
        if hours is None or self.late_hours is None:
            return hours
        return range(min(hours) - self.late_hours, max(hours) + self.late_hours + 1)

    def is_over(self, hour: HourFolder) -> bool:
        """Whether no label of the window, or of a later one, can count for an hour."""
        return self.late_hours is None or self.first is None or hour.hour + self.late_hours < self.first

    def with_hours(self, hours: Collection[int]) -> MergeRequest:
        """The request with a window; if an option needs a window and there is none, it covers the hours of the captures.

        Raises BadConfiguration if these captures have no hours.
        """
        # Late and absent labels are counted from the end of a window; without one, from the end of all captures
        if self.first is None and (self.late_hours is not None or self.absent_label is not None):
            if not hours:
                raise BadConfiguration(
                    f"{self.captures}: no folder names an hour, so that --late-labels and --absent-label need a window; write "
                    "--start-time and --end-time, or --scheduled-time"
                )
            return replace(self, first=min(hours), last=max(hours)).with_hours(hours)
        if self.last is None or self.as_of is not None:
            return self
        # Ages are counted to the end of the window, so that a rerun waits as long as the first run
        return replace(self, as_of=self.last + 1)


def merge_request(config: JobConfig) -> MergeRequest:
    """The request from the flags and variables. A merge works on whole hours, so windows are widened to them.

    Raises BadConfiguration if the options contradict each other.
    """
    window = config.find_window()
    # Hours since 1970, both ends included
    first = None
    last = None
    as_of = None
    if window is not None:
        first = containing_hour(window.start)
        # The service reads the whole folder of the hour in which the window ends (C6.2c)
        if config.replays_service:
            last = containing_hour(window.end)
        else:
            last = containing_hour(window.end - A_MOMENT)
        if config.scheduled_time:
            as_of = containing_hour(full_hour(config.scheduled_time))
        else:
            as_of = containing_hour(window.end - A_MOMENT) + 1
    _require_consistent(config)
    # How many captures to list for people to label
    to_label = None
    if config.to_label:
        to_label = LabellingRequest(config.to_label, Score(config.score_attribute), config.to_label_seed)
    return MergeRequest(
        config.dataset_source,
        config.ground_truth_source or "",
        config.output_path,
        dataset_format=_read_dataset_format(config),
        first=first,
        last=last,
        as_of=as_of,
        late_hours=None if config.late_labels is None else count_hours(config.late_labels),
        absent_label=config.absent_label,
        after_hours=0 if config.after is None else count_hours(config.after),
        to_label=to_label,
        repairing=not config.replays_service,
        max_quarantined_share=config.max_quarantined_share,
        manifest_root=config.manifest_root,
    )


def publish_coverage(ledger: MergeLedger, config: JobConfig) -> None:
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
    write_metrics(metrics, config, _first_hour(ledger))


def _first_hour(ledger: MergeLedger) -> datetime:
    """The start of the window, otherwise of the first hour with captures; without captures, the present time."""
    if ledger.first is not None:
        return hour_start(ledger.first)
    hours = [hour.hour for hour in ledger.captures.hours]
    if hours:
        return hour_start(min(hours))
    return datetime.now(timezone.utc)


def _read_dataset_format(config: JobConfig) -> CaptureFormat | CsvFormat | JsonFormat | None:
    """The format of transform outputs, or the server of a request log; None for captures, whose first file shows their format."""
    if isinstance(config.dataset_format, (CsvFormat, JsonFormat)):
        return config.dataset_format
    if isinstance(config.dataset_format, CaptureFormat):
        if config.dataset_format.request_log is not None:
            return config.dataset_format
        return None
    raise BadConfiguration(
        "dataset_format: captures that can be merged are capture, or csv, csv-without-header, jsonl or json of a batch transform"
    )


def _require_consistent(config: JobConfig) -> None:
    """Raise BadConfiguration if options for absent or late labels contradict each other."""
    faults = []
    advice = "write --absent-label 0 --after PT24H, or neither"
    if config.absent_label is not None and config.after is None:
        faults.append(f"absent_label is given and after is not; {advice}")
    if config.after is not None and config.absent_label is None:
        faults.append(f"after is given and absent_label is not; {advice}")
    # After late_labels an hour is not merged again, so no capture could get its absent label
    if config.after is not None and config.late_labels is not None and config.after > config.late_labels:
        faults.append(
            f"after is {config.after} and late_labels {config.late_labels}: labels are not waited for that long; write a "
            "shorter --after, or longer --late-labels"
        )
    BadConfiguration.raise_for(faults)
