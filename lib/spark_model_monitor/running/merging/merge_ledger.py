"""The account of a merge: every capture and label of its window, refused records, and restated hours."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from spark_model_monitor.data.engine.engine_protocol import Engine, Partitions
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.reading.ledger import Coverage, LongLine, find_rejected_lines, write_quarantine
from spark_model_monitor.data.reading.listing import Listing
from spark_model_monitor.data.records.refusals import NOT_IN_LOG, NOT_QUARANTINED, Refusal
from spark_model_monitor.documents.json_text import dump_indented
from spark_model_monitor.running.merging.captured import REFUSED_SCHEMA
from spark_model_monitor.running.merging.hourly_sources import HourFolder, HourlySource, format_hour
from spark_model_monitor.running.merging.labels import ELEMENT_SCHEMA, GroundTruth, LabelAccount
from spark_model_monitor.running.merging.merge_rows import Counts
from spark_model_monitor.running.merging.pending_hours import RememberedIds
from spark_model_monitor.running.merging.staging import JoinInput, StagedHours
from spark_model_monitor.storage import StoredFile
from spark_model_monitor.value_class import value_class

AGE_LIMITS = ((1, "up to PT1H"), (6, "up to PT6H"), (24, "up to P1D"), (168, "up to P7D"))
"""Hours from a capture's hour to the hour that the run is for, and their names in the ledger."""
OLDEST_AGE = "over P7D"


@value_class
class MergeLedger:
    """The account of a merge: what was read, and what was done with it.

    Attributes
    ----------
    captures: The merged hours.
    labels: The labels, before they were matched.
    matched: Labels that matched captures of the window.
    matched_earlier: Labels whose captures are in hours before the window.
    as_of: The hour up to which ages are counted.
    files, label_files: The files of captures and labels.
    first, last: The hours of the window; None for all.
    """

    captures: StagedHours
    labels: LabelAccount
    matched: int
    matched_earlier: int
    as_of: int
    files: Sequence[StoredFile] = ()
    label_files: Sequence[StoredFile] = ()
    first: int | None = None
    last: int | None = None

    @property
    def counts(self) -> Coverage:
        """The readable captures."""
        return self.captures.total

    @property
    def captures_read(self) -> int:
        """The number of captures that were read, refused or not."""
        return self.counts.captures + sum(self.captures.refused.values())

    @property
    def quarantined(self) -> Mapping[Refusal, int]:
        """Captures in the quarantine, by error."""
        return {reason: count for reason, count in self.captures.refused.items() if reason not in NOT_QUARANTINED}

    @property
    def not_in_log(self) -> Mapping[str, int]:
        """Records of a request log that lack what makes them captures, by the reason's text."""
        refused = self.captures.refused
        return {reason.text: refused[reason] for reason in NOT_IN_LOG if reason in refused}

    @property
    def labels_without_capture(self) -> int:
        """The number of ids with a label whose capture is neither in the window nor in an earlier hour."""
        return self.labels.ids - self.matched - self.matched_earlier

    @property
    def without_label(self) -> dict[str, int]:
        """Captures without a label, by the age of their hour."""
        count_by_age = dict.fromkeys([name for _, name in AGE_LIMITS] + [OLDEST_AGE], 0)
        # The age in hours up to as_of has the name of the first limit that it doesn't exceed
        for hour, coverage in self.captures.hours.items():
            hours = self.as_of - hour.hour
            age = next((name for limit, name in AGE_LIMITS if hours <= limit), OLDEST_AGE)
            count_by_age[age] += coverage.waiting
        return count_by_age

    def to_json(self) -> bytes:
        """The bytes of `ledger.json`."""
        counts = self.counts
        window = None
        if self.first is not None and self.last is not None:
            window = _format_window(self.first, self.last)
        document: dict[str, Any] = {
            "version": 1,
            "window": window,
            "coverage": counts.share,
            "captures": {
                "read": self.captures_read,
                "matched": counts.labelled,
                "labelled_as_absent": counts.absent,
                "without_label": self.without_label,
                "outside_window": self.captures.refused.get(Refusal.OUTSIDE_WINDOW, 0),
                "without_data": self.captures.refused.get(Refusal.WITHOUT_DATA, 0),
                **({"not_in_log": dict(self.not_in_log)} if self.not_in_log else {}),
                "quarantined": _count_by_text(self.quarantined),
                "with_the_id_of_another": self.captures.counts.get_total("with the id of another"),
            },
            "labels": {
                "read": self.labels.read,
                "matched": self.matched,
                "matched_in_earlier_hours": self.matched_earlier,
                "without_capture": self.labels_without_capture,
                "duplicates": {"same_label": self.labels.repeated, "another_label": self.labels.contradicted},
                "outside_window": self.labels.outside_window,
                "quarantined": _count_by_text(self.labels.refused),
                "repaired": {repair.text: count for repair, count in sorted(self.labels.repaired.items())},
            },
            "hours": [
                {
                    "folder": hour.path,
                    "captures": coverage.captures,
                    "matched": coverage.labelled,
                    "coverage": coverage.share,
                }
                for hour, coverage in self.captures.hours.items()
            ],
            "files": {"captures": list(map(asdict, self.files)), "labels": list(map(asdict, self.label_files))},
        }
        return dump_indented(document).encode()


def _format_window(first: int, last: int) -> dict[str, str]:
    return {"start": format_hour(first), "end": format_hour(last + 1)}


def _count_by_text(refused: Mapping[Refusal, int]) -> dict[str, int]:
    return {reason.text: count for reason, count in sorted(refused.items())}


RESTATEMENT = "restatement.json"


@value_class
class RestatedHour:
    """One hour, and how many of its ids got a label, a different label, or the absent label.

    before, after: the share of its captures with a label of their own, before and after this run.
    """

    hour: HourFolder
    added: int
    changed: int
    absent: int
    before: float
    after: float


def list_restated_hours(
    counts: Counts, branches: Sequence[str], hours: Mapping[HourFolder, Coverage]
) -> list[RestatedHour]:
    """The hours with ids whose labels have changed. counts: the sum of the buckets' counts. hours: each with its coverage."""
    restated_hours = []
    for branch, hour_number in {*counts.select("added"), *counts.select("changed"), *counts.select("came absent")}:
        hour = HourFolder(branches[branch], hour_number)
        if hour in hours:
            added, changed, absent, captures, labelled = (
                counts[name, branch, hour_number]
                for name in ("added", "changed", "came absent", "captures before", "labelled before")
            )
            restated_hours.append(RestatedHour(hour, added, changed, absent, labelled / captures, hours[hour].share))
    return restated_hours


def format_restatement(hours: Sequence[RestatedHour], first: int, last: int) -> bytes:
    """The bytes of `restatement.json`. first, last: the hours of the run's window."""
    document = {
        "version": 1,
        "window": _format_window(first, last),
        "hours": [
            {
                "folder": hour.hour.path,
                "labels": hour.added + hour.changed + hour.absent,
                "added": hour.added,
                "changed": hour.changed,
                "labelled_as_absent": hour.absent,
                "coverage_before": hour.before,
                "coverage": hour.after,
            }
            for hour in hours
        ],
    }
    return dump_indented(document).encode()


def is_for_window(content: bytes, first: int, last: int) -> bool:
    """Whether a `restatement.json` is from a run for the same window."""
    try:
        window = json.loads(content)["window"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    return bool(window == _format_window(first, last))


def quarantine_records(
    engine: Engine,
    captures: HourlySource,
    labels: HourlySource,
    join_inputs: Sequence[JoinInput],
    output_path: str,
    long_lines: Sequence[LongLine],
) -> str:
    """Write the refused captures and labels below `output_path`, and return their folder. Reads both sides once more.

    Raises OutputFailed if they can't be written.
    """
    refused_lines: Partitions | None = None
    refused_elements: Partitions | None = None  # None if there is no ground truth yet
    for join_input in join_inputs:
        task = join_input.task
        # Remembered ids are in files of our own, in which nothing is refused
        if not isinstance(task, RememberedIds):
            refused_lines = _concat(refused_lines, join_input.map_batches(task.refused, REFUSED_SCHEMA))
        if isinstance(task, GroundTruth):
            elements = join_input.map_batches(task.refused_elements, ELEMENT_SCHEMA)
            refused_elements = _concat(refused_elements, elements)
    assert refused_lines is not None  # the caller has counted refused records
    paths = (*captures.read_paths, *labels.read_paths)
    listing = Listing(captures.path, (), paths, request_log=captures.request_log)
    dataset = Dataset(refused_lines, (), listing, refusable=True, long_lines=tuple(sorted(long_lines)))
    find_lines = partial(engine.find_implementation(find_rejected_lines), other_records=refused_elements)
    return write_quarantine(dataset, output_path, find_lines)


def _concat(partitions: Partitions | None, further_partitions: Partitions) -> Partitions:
    if partitions is None:
        return further_partitions
    return partitions.concat(further_partitions)
