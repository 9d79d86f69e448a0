"""The merge on one page: captures and ground truth give the merged records of a window's hours.

    from spark_model_monitor.data.engine.local_engine import LocalEngine
    from spark_model_monitor.running.merging.merge_request import MergeRequest
    from spark_model_monitor.running.merging.merge_run import merge

    merge(LocalEngine(), MergeRequest("captures/", "labels/", "merged/"))

With `late_hours`, ids are stored between runs, and an hour is merged again when new labels arrive for it. The output of an
hour depends only on the captures and labels that exist: after the last label it is the same, byte for byte, as the output
of a single run with all labels.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from hashlib import sha256

from spark_model_monitor.data.engine.engine_protocol import Engine
from spark_model_monitor.data.reading.file_heads import (
    find_first_line,
    measure_longest_line,
    read_first_lines,
    read_head,
)
from spark_model_monitor.data.reading.formats import CaptureFormat, CsvFormat, JsonFormat, find_request_log
from spark_model_monitor.data.reading.ledger import LongLine, clear_quarantine
from spark_model_monitor.data.reading.listing import report_faulty_files, require_unchanged
from spark_model_monitor.data.records import CSV, JSON
from spark_model_monitor.data.records.refusals import Refusal, describe_remedy
from spark_model_monitor.errors import NO_DATA, BadInput, NoData
from spark_model_monitor.reports.outputs.run_files import LEDGER, find_unfinished, has_digest, publish, read_intact_run
from spark_model_monitor.running.merging.captured import (
    REFUSED_CAPTURES,
    Captures,
    RequestDecoder,
    TransformDecoder,
    detect_format,
    parse_captured_record,
)
from spark_model_monitor.running.merging.hourly_sources import (
    LABEL_BYTES,
    FileLocations,
    HourFolder,
    HourlySource,
    count_partitions,
    format_hour,
    list_hours,
    list_hours_of_log,
    select_manifest_outputs,
)
from spark_model_monitor.running.merging.joining import Join, LabelHours
from spark_model_monitor.running.merging.labelling_sample import TO_LABEL, choose_ids, format_to_label
from spark_model_monitor.running.merging.labels import (
    ARRAY_FILES,
    REFUSED_LABELS,
    GroundTruth,
    LabelAccount,
    parse_label_line,
)
from spark_model_monitor.running.merging.merge_ledger import (
    RESTATEMENT,
    MergeLedger,
    RestatedHour,
    format_restatement,
    is_for_window,
    list_restated_hours,
    quarantine_records,
)
from spark_model_monitor.running.merging.merge_request import MergeRequest
from spark_model_monitor.running.merging.merge_rows import Role
from spark_model_monitor.running.merging.pending_hours import PendingHours, RememberedIds
from spark_model_monitor.running.merging.staging import JoinInput, StagedHours, plan_file_numbers, publish_hours, stage
from spark_model_monitor.statistics.spellings import describe_difference, match_spellings
from spark_model_monitor.storage import Storage, holding, join
from spark_model_monitor.value_class import value_class

log = logging.getLogger(__name__)

STAGING = "_staging"  # the folder below the output for the files of a run in progress; removed at its end


@value_class
class MergeResult:
    """The result of a run: the account of its window, and the hours it restated."""

    ledger: MergeLedger
    restated: tuple[RestatedHour, ...] = ()


def merge(
    engine: Engine,
    request: MergeRequest,
    *,
    before_publishing: Callable[[], None] = lambda: None,
) -> MergeResult:
    """Join the captures of the window with their labels and publish the merged hours, all or none.

    before_publishing: called before the first file is published.
    Raises OutputHeld if another run holds the output; NoData without captures or, unless late labels are expected,
    without labels; BadInput if no label matches a capture, or if too many records of a side were refused.
    """
    storage = engine.storage(request.output_path)
    with holding(storage, request.output_path) as lease:
        captures = _list_captures(engine, request, request.hours)
        request = request.with_hours(captures.hours)
        # Hours that are merged already, of which labels may still come
        pending = None
        if request.late_hours is not None:
            pending = PendingHours(engine, request.output_path)
        # Late labels alone are enough for a run, if earlier hours still wait for them
        if not captures.files and not (pending and pending.hours):
            raise NoData(
                f"{NO_DATA}: {request.captures} has no file{_format_window(request)} that is neither hidden nor empty"
            )
        with _staging(storage, request.output_path, lease.run) as folder:
            # Merge the window's hours into a working folder; it is an error if too few records could be joined
            window = _HourMerge(engine, request, captures, request.hours, pending)
            staged = window.stage_hours(
                join(folder, "window"),
                remerged_hours=window.remembered_hours,
                earlier_hours=_list_earlier_hours(request, pending),
            )
            ledger = _make_ledger(request, window, staged)
            _require_enough(request, ledger, window)

            # Merge earlier hours again if their labels came or changed since they were merged
            remerged = _merge_changed_hours(engine, request, staged, pending, join(folder, "earlier"))
            restated = _list_restated_hours(pending, remerged, staged)
            _log_merge(ledger, restated)

            # From here on, files at the output change
            before_publishing()
            publish_hours(staged, request.output_path, storage)
            publish_hours(remerged, request.output_path, storage)
            _publish(window, request, ledger, restated, staged)
            if pending is not None:
                pending.remember({**remerged.ids, **staged.ids})
                # A clock that is ahead gives a window without captures; ids must not be forgotten because of it
                if captures.files:
                    pending.forget([hour for hour in pending.hours if request.is_over(hour)])
    return MergeResult(ledger, tuple(restated))


def _list_captures(engine: Engine, request: MergeRequest, hours: Collection[int] | None) -> HourlySource:
    request_log = find_request_log(request.dataset_format)
    if request_log is not None:
        return list_hours_of_log(engine, request.captures, request_log, hours, request.output_path)
    return select_manifest_outputs(engine, list_hours(engine, request.captures, hours), request.manifest_root)


class _HourMerge:
    """The captures of some hours, the labels that may belong to them, and how to join them."""

    def __init__(
        self,
        engine: Engine,
        request: MergeRequest,
        captures: HourlySource,
        hours: Collection[int] | None,
        pending: PendingHours | None,
    ) -> None:
        self.engine = engine
        self.request = request
        self.captures = captures
        self._hours = hours
        self._pending = pending
        self.labels = self._list_labels()
        self._parts = plan_file_numbers(captures, pending.hours if pending else ())
        self._arrays: Collection[int] = ()

    @property
    def partitions(self) -> int:
        """The number of buckets for the join."""
        return count_partitions(self.captures, self.labels)

    @property
    def remembered_hours(self) -> list[HourFolder]:
        """The remembered hours among these."""
        if self._pending is None or self._hours is None:
            return []
        return [hour for hour in self._pending.hours if hour.hour in self._hours]

    @property
    def join_inputs(self) -> list[JoinInput]:
        """The captures, and the labels: line by line, and whole files that are a JSON array."""
        join_inputs = [self._create_capture_input()] if self.captures.files else []
        if self.labels.files:
            truth = GroundTruth(FileLocations.of(self.labels.files, ()), self.request.repairing, self._arrays)
            join_inputs.append(JoinInput(self.labels.lines(self.engine), truth))
            # Two inputs for ground truth: all other files by line, and files with an array as a whole
            if self._arrays:
                files = self.labels.select_files(self._arrays).lines(self.engine, whole_files=True)
                join_inputs.append(JoinInput(files, replace(truth, whole_files=True)))
        return join_inputs

    def stage_hours(
        self, folder: str, *, remerged_hours: Collection[HourFolder], earlier_hours: Collection[HourFolder] = ()
    ) -> StagedHours:
        """The hours, merged into a working folder. remerged_hours: remembered hours that are merged again.
        earlier_hours: remembered hours whose labels may have changed.

        One scan of the lines, and another one if a file of labels begins with an array.
        """
        request = self.request
        join_task = Join(self._parts, request.label_hours, request.absent, request.first or 0)
        remembered = [
            *self._create_remembered_input(remerged_hours, Role.BEFORE),
            *self._create_remembered_input(earlier_hours, Role.EARLIER),
        ]
        label_sources = [self.labels]
        if self._pending is not None:
            label_sources.append(self._pending.source([*remerged_hours, *earlier_hours]))
        min_partitions = count_partitions(*label_sources, size_bytes=LABEL_BYTES)
        files = (*self.captures.stored_files, *self.labels.stored_files)
        # Spark holds several lines of a partition at once, so its partitions are smaller if lines are long
        self.engine.set_line_sizes(sum(file.size_bytes for file in files), self._measure_longest_line())
        listings = self.captures.listing, self.labels.listing

        def stage_rows() -> StagedHours:
            inputs = [*self.join_inputs, *remembered]
            return stage(self.engine, inputs, join_task, folder, self.partitions, min_partitions)

        with report_faulty_files(self.engine, *listings):
            staged = stage_rows()
            # Only the scan shows which label files are arrays
            self._arrays = [rank for (rank,) in staged.counts.select(ARRAY_FILES)]
            if self._arrays:
                staged = stage_rows()
            # Readers skip lines that are too long, so they are counted here
            for name, lines in ((REFUSED_CAPTURES, self.long_captures), (REFUSED_LABELS, self.long_labels)):
                if lines:
                    staged.counts.update({(name, int(Refusal.TOO_LONG)): len(lines)})
        require_unchanged(self.engine, *listings)
        return staged

    @cached_property
    def long_captures(self) -> tuple[LongLine, ...]:
        """The captures that are too long to read."""
        if self.captures.files and _is_document(self._captured_format):
            return ()
        return self.captures.long_lines(self.engine)

    @cached_property
    def long_labels(self) -> tuple[LongLine, ...]:
        return self.labels.long_lines(self.engine)

    @cached_property
    def _captured_format(self) -> CaptureFormat | CsvFormat | JsonFormat:
        return self.request.dataset_format or detect_format(self.engine, self.captures)

    def _list_labels(self) -> HourlySource:
        request = self.request
        storage = self.engine.storage(self.request.labels)
        # If labels may be late, there may be no folder yet
        if request.late_hours is not None and not storage.exists(request.labels):
            return HourlySource(storage.resolved(request.labels), (), ())
        source = list_hours(self.engine, request.labels, request.list_label_hours(self._hours))
        if source.files or request.late_hours is not None:
            return source
        raise NoData(
            f"{NO_DATA}: {request.labels} has no file{_format_window(request)} that is neither hidden nor empty"
        )

    def _create_capture_input(self) -> JoinInput:
        """The captured lines, and the decoder for their format."""
        captured_format = self._captured_format
        score = None
        if self.request.to_label:
            score = self.request.to_label.score
        encoding = CSV if isinstance(captured_format, CsvFormat) else JSON
        decoder = (
            RequestDecoder(score) if isinstance(captured_format, CaptureFormat) else TransformDecoder(encoding, score)
        )
        locations = FileLocations.of(self.captures.files, self._parts.branches)
        # The first file's header; the same line is dropped in all files
        header = None
        if isinstance(captured_format, CsvFormat) and captured_format.header:
            header = self._read_header()
        lines = self.captures.lines(self.engine, whole_files=_is_document(captured_format))
        return JoinInput(lines, Captures(decoder, locations, self._hours, header))

    def _measure_longest_line(self) -> int:
        """The length of a long captured line, in bytes, from the first file."""
        files = self.captures.files
        if files:
            return measure_longest_line(self.engine.storage(self.captures.path), files[0].file)
        return 0

    def _read_header(self) -> str:
        head = read_head(self.engine.storage(self.captures.path), self.captures.files[0].file)
        return find_first_line(head.decode("utf-8", "replace")) or ""

    def _create_remembered_input(self, hours: Collection[HourFolder], role: Role) -> list[JoinInput]:
        if self._pending is None:
            return []
        source = self._pending.source(hours)
        if not source.files:
            return []
        locations = FileLocations.of(source.files, self._parts.branches)
        return [JoinInput(source.lines(self.engine), RememberedIds(locations, role))]


def _is_document(captured_format: CaptureFormat | CsvFormat | JsonFormat) -> bool:
    """Whether each file is a single record."""
    return isinstance(captured_format, JsonFormat) and not captured_format.lines


@contextmanager
def _staging(storage: Storage, output_path: str, run: str) -> Iterator[str]:
    """A folder for the run's files. Other folders there are deleted: their runs are dead, since this run holds the output."""
    staging_folder = join(storage.resolved(output_path), STAGING)  # Spark may have a different working directory
    storage.delete(staging_folder)
    try:
        yield join(staging_folder, run)
    finally:
        storage.delete(staging_folder)


def _make_ledger(request: MergeRequest, window: _HourMerge, staged: StagedHours) -> MergeLedger:
    last = request.last
    if last is None:
        last = max((hour.hour for hour in staged.hours), default=0)
    return MergeLedger(
        staged,
        LabelAccount.of(staged.counts),
        staged.counts.get_total("labels matched"),
        staged.counts.get_total("labels matched earlier"),
        as_of=request.as_of or last + 1,
        files=window.captures.listing.sources,
        label_files=window.labels.stored_files,
        first=request.first,
        last=request.last,
    )


def _list_earlier_hours(request: MergeRequest, pending: PendingHours | None) -> list[HourFolder]:
    """The hours outside the window to which labels of the window may belong."""
    hours = request.hours
    if pending is None or hours is None:
        return []
    # A label may come before or after its capture, by as many hours as the request waits
    label_hours = request.list_label_hours(hours) or ()
    return sorted(hour for hour in pending.hours if hour.hour not in hours and hour.hour in label_hours)


def _merge_changed_hours(
    engine: Engine, request: MergeRequest, staged: StagedHours, pending: PendingHours | None, folder: str
) -> StagedHours:
    """The changed hours, merged from their captures and all labels that may belong to them."""
    changed_hours = staged.counts_by_hour("news").keys()
    if pending is None or not changed_hours:
        return StagedHours(folder)
    hours = {hour.hour for hour in changed_hours}
    remerged = _HourMerge(engine, request, _list_captures(engine, request, hours), hours, pending).stage_hours(
        folder, remerged_hours=changed_hours
    )
    # Captures are often deleted after some days; an hour must not lose records because of that
    remembered_captures = remerged.counts_by_hour("remembered")
    incomplete_hours = {
        hour
        for hour in changed_hours
        if hour not in remerged.hours or remerged.hours[hour].captures < remembered_captures[hour]
    }
    for hour in sorted(incomplete_hours):
        log.warning("%s is left unchanged: captures that were merged into it are gone", hour.path)
    return remerged.select_hours(changed_hours - incomplete_hours)


def _list_restated_hours(pending: PendingHours | None, *merged: StagedHours) -> list[RestatedHour]:
    """The changes since these hours were last merged."""
    if pending is None:
        return []
    restated: list[RestatedHour] = []
    for hours in merged:
        restated += list_restated_hours(hours.counts, hours.parts.branches, hours.hours)
    return sorted(restated, key=lambda changed: changed.hour)


def _require_enough(request: MergeRequest, ledger: MergeLedger, window: _HourMerge) -> None:
    """Quarantines the refused records of the window; then raises BadInput or NoData if too few are left to be joined."""
    quarantine = None
    # Refused records are written first, so that errors can say where they are
    if ledger.quarantined or ledger.labels.refused:
        long_lines = (*window.long_captures, *window.long_labels)
        quarantine = quarantine_records(
            window.engine, window.captures, window.labels, window.join_inputs, request.output_path, long_lines
        )
    else:
        clear_quarantine(window.engine, request.output_path)
    accounts = (
        ("captures", ledger.quarantined, ledger.captures_read),
        ("labels", ledger.labels.refused, ledger.labels.read),
    )
    for reason, left_out in ledger.not_in_log.items():
        log.warning(f"left out {left_out:,} of {ledger.captures_read:,} records of the log: {reason}")
    for name, reasons, read in accounts:
        count = sum(reasons.values())
        texts = ", ".join(f"{number:,} {reason.text}" for reason, number in reasons.items())
        if count:
            log.warning(f"refused {count:,} of {read:,} {name}: {texts}; they are in {quarantine}")
        if count > request.max_quarantined_share * read:
            remedy = describe_remedy([reason.text for reason in reasons])
            if name == "captures" and Refusal.NOT_A_JSON_OBJECT in reasons:
                remedy += ", have a batch transform append ids to its outputs (generate_inference_id=True)"
            # Labels that are no JSON at all, such as a CSV table, need the whole format explained
            elif Refusal.NOT_A_JSON_OBJECT in reasons:
                remedy = describe_remedy([Refusal.NOT_GROUND_TRUTH.text])
            raise BadInput(
                f"{count:,} of {read:,} {name} were refused ({texts}), more than the allowed share of "
                f"{request.max_quarantined_share}; they are in {quarantine}; {remedy}, or allow more with "
                "--max-quarantined-share"
            )
    counts = ledger.counts
    are_apart = counts.captures and not (counts.labelled or counts.absent)
    difference = ""
    if are_apart and ledger.labels.ids:
        difference = _compare_spellings(window)
    # While labels may still come, an hour without any is no error
    if request.late_hours is not None:
        if difference:
            log.warning("no label has the id of a capture: %s", difference)
        return
    if not counts.captures:
        raise NoData(f"{NO_DATA}: no capture is left of {ledger.captures_read:,}{_format_window(request)}")
    if are_apart:
        unknown_ids = (
            "the eventId of a label has to be the capture's inferenceId, or its eventId where it has none; write "
            "--late-labels P7D to wait for labels"
        )
        raise BadInput(
            f"none of {ledger.labels.ids:,} labels has the id of one of {counts.captures:,} captures{_format_window(request)}; "
            + (difference or unknown_ids)
        )


def _compare_spellings(window: _HourMerge) -> str:
    """How the ids of the first files of labels and captures differ if they are spelt otherwise; else empty."""
    label_ids: set[str | None] = set()
    for line in read_first_lines(window.engine, window.labels.stored_files[0]):
        label_ids.update(label.event_id for label in parse_label_line(line))
    capture_lines = read_first_lines(window.engine, window.captures.stored_files[0])
    capture_ids = {parse_captured_record(line).key for line in capture_lines}
    spellings = match_spellings(set(filter(None, label_ids)), set(filter(None, capture_ids)))
    if not spellings:
        return ""
    return f"ids differ in {describe_difference(spellings)} alone; write them alike"


def _publish(
    window: _HourMerge,
    request: MergeRequest,
    ledger: MergeLedger,
    restated: list[RestatedHour],
    staged: StagedHours,
) -> None:
    """Publish the run's documents, unless identical ones are there already."""
    files = {LEDGER: ledger.to_json()}
    if request.label_hours is not None:
        files[RESTATEMENT] = _format_restatement(window.engine, request, restated, request.label_hours)
    if request.to_label is not None:
        files[TO_LABEL] = format_to_label(
            choose_ids(window.engine, staged.waiting, request.to_label, window.partitions)
        )
    previous_run = read_intact_run(request.output_path)
    # A rerun that changes nothing leaves the published run as it is, unless publishing it was interrupted
    digests = {name: sha256(content).hexdigest() for name, content in files.items()}
    is_published = previous_run is not None and previous_run.digests == digests
    is_whole = is_published and has_digest(join(request.output_path, LEDGER), digests[LEDGER])
    if not is_whole or find_unfinished(request.output_path):
        publish(files, request.output_path)


def _format_restatement(
    engine: Engine, request: MergeRequest, restated: list[RestatedHour], label_hours: LabelHours
) -> bytes:
    """restatement.json of this run; if this run found no changes, the file of an earlier run for the same window."""
    storage = engine.storage(request.output_path)
    path = join(request.output_path, RESTATEMENT)
    if not restated and storage.exists(path):
        content = storage.read(path)
        if is_for_window(content, label_hours.first_hour, label_hours.last_hour):
            return content
    return format_restatement(restated, label_hours.first_hour, label_hours.last_hour)


def _format_window(request: MergeRequest) -> str:
    if not request.hours:
        return ""
    return f" for {format_hour(min(request.hours))} to {format_hour(max(request.hours) + 1)}"


def _log_merge(ledger: MergeLedger, restated: list[RestatedHour]) -> None:
    counts = ledger.counts
    labels = ledger.labels
    log.info(
        f"matched {counts.labelled:,} of {counts.captures:,} captures (coverage {counts.share:.4f}); "
        f"{labels.read:,} labels read, {ledger.labels_without_capture:,} without capture, "
        f"{labels.repeated + labels.contradicted:,} duplicates"
    )
    if labels.contradicted:
        log.warning(f"{labels.contradicted:,} labels contradict another of the same id; the last one of each id counts")
    for repair, count in labels.repaired.items():
        log.warning(f"repaired {count:,} labels {repair.text}")
    if restated:
        log.info("restated %d hours, the first is %s", len(restated), restated[0].hour.path)
