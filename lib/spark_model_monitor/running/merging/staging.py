"""The merged hours: staged as text files, then published as one object per hour."""

from __future__ import annotations

import json
import logging
import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import field, replace

import pyarrow as pa

from spark_model_monitor.data.engine.engine_protocol import Engine, Lines, Partitions, Task
from spark_model_monitor.data.reading.ledger import COVERAGE, MERGED_PART, Coverage
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.running.merging.captured import REFUSED_CAPTURES, Captures
from spark_model_monitor.running.merging.hourly_sources import (
    ID_KINDS,
    PART_COLUMN,
    FileNumbers,
    HourFolder,
    HourlySource,
    LineKind,
)
from spark_model_monitor.running.merging.joining import LINE_SCHEMA, Join
from spark_model_monitor.running.merging.labels import GroundTruth
from spark_model_monitor.running.merging.merge_rows import KEY, ROLE, SCHEMA, TEXT, Counts
from spark_model_monitor.running.merging.pending_hours import RememberedIds
from spark_model_monitor.storage import Storage, join
from spark_model_monitor.value_class import value_class

# A large hour is sorted in slices by time, which are concatenated afterwards
SLICE_BYTES = 128 * 2**20
MAX_SLICES = 60

NO_FILE_NUMBERS = FileNumbers(("",), 1)


@value_class
class JoinInput:
    """Lines, and the task that turns them into rows of `merge_rows.SCHEMA`."""

    lines: Lines
    task: Captures | GroundTruth | RememberedIds

    def map_batches(self, task: Task, schema: pa.Schema) -> Partitions:
        """The lines mapped by a task."""
        return self.lines.partitions(*self.task.inputs).map_batches(task, schema)


@value_class
class StagedHours:
    """The content of a staging folder, and its counts.

    hours: counts of the readable captures of each hour. files: paths by kind and hour, in order of time. parts: the numbering
    of the files.
    """

    folder: str
    hours: Mapping[HourFolder, Coverage] = field(default_factory=dict)
    files: Mapping[tuple[LineKind, HourFolder], list[str]] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    parts: FileNumbers = NO_FILE_NUMBERS

    @property
    def total(self) -> Coverage:
        """The counts of all hours."""
        return sum(self.hours.values(), Coverage())

    @property
    def refused(self) -> Mapping[Refusal, int]:
        """Refused captures by reason, including those outside the window."""
        return {Refusal(reason): count for (reason,), count in self.counts.select(REFUSED_CAPTURES).items()}

    @property
    def ids(self) -> Mapping[HourFolder, list[str]]:
        """The files of ids, by hour."""
        files_by_hour: dict[HourFolder, list[str]] = {hour: [] for hour in self.hours}
        for hour, files in files_by_hour.items():
            for kind in ID_KINDS:
                files.extend(self.files.get((kind, hour), []))
        return files_by_hour

    @property
    def waiting(self) -> list[str]:
        """The files of ids of captures that wait for a label."""
        paths = []
        for (kind, _), files in self.files.items():
            if kind is LineKind.WAITING:
                paths += files
        return paths

    def select_hours(self, hours: Collection[HourFolder]) -> StagedHours:
        """The staged hours, limited to these."""
        return replace(self, hours={hour: counts for hour, counts in self.hours.items() if hour in hours})

    def counts_by_hour(self, name: str) -> dict[HourFolder, int]:
        """The counts of a name, by hour."""
        counts = self.counts.select(name).items()
        return {HourFolder(self.parts.branches[branch], hour): count for (branch, hour), count in counts}


def plan_file_numbers(captures: HourlySource, remembered: Collection[HourFolder]) -> FileNumbers:
    """The numbering of the lines of these captures, and of remembered hours."""
    branches = {*captures.branches}
    branches.update(hour.branch for hour in remembered)
    # Rounded up; an hour without bytes is one slice, too
    num_slices = max(1, math.ceil(captures.largest_hour_bytes / SLICE_BYTES))
    return FileNumbers(tuple(sorted(branches)) or ("",), min(MAX_SLICES, num_slices))


def stage(
    engine: Engine, join_inputs: Sequence[JoinInput], join: Join, folder: str, partitions: int, min_partitions: int = 1
) -> StagedHours:
    """Join the rows that the tasks make from the lines, and write the result to `folder`. One scan of the lines.

    partitions: the number of buckets for the join, by id. min_partitions: the number of buckets that the labels need.
    """
    if not join_inputs:
        return StagedHours(folder, parts=join.parts)
    # Captures come last, because a bucket processes them when it has all labels
    captures_last = sorted(join_inputs, key=lambda join_input: isinstance(join_input.task, Captures))
    rows = captures_last[0].map_batches(captures_last[0].task, SCHEMA)
    for join_input in captures_last[1:]:
        rows = rows.concat(join_input.map_batches(join_input.task, SCHEMA))
    # The first shuffle groups labels and captures by id, the second one groups lines by hour
    lines = rows.repartition_by(KEY, [ROLE], partitions, min_partitions).map_batches(join, LINE_SCHEMA)
    lines.repartition_by(PART_COLUMN, [PART_COLUMN, "time", "event", TEXT], partitions).write_texts(
        folder, PART_COLUMN, TEXT
    )
    return _read_staged(engine.storage(folder), folder, join.parts)


def _read_staged(storage: Storage, folder: str, parts: FileNumbers) -> StagedHours:
    """The files that were written, by kind and hour, in the order of the slices."""
    # Each file is a slice of one kind of one hour, or has counts, which are read right here
    slices: dict[tuple[LineKind, HourFolder], list[tuple[int, str]]] = defaultdict(list)
    counts = Counts()
    for file in storage.list_files(folder):
        # The folder is called `part=7`
        folder_name = file.path.split("/")[-2]
        kind, hour, slice_number = parts.read(int(folder_name.partition("=")[2]))
        if kind is LineKind.COUNTS:  # one line per bucket
            for line in storage.read(file.path).decode().splitlines():
                counts.update(Counts.parse_text(line))
        else:
            slices[kind, hour].append((slice_number, file.path))
    files = {key: [path for _, path in sorted(numbered_paths)] for key, numbered_paths in slices.items()}

    # The coverage of each hour that has captures
    staged = StagedHours(folder, {}, files, counts, parts)
    labelled_counts = staged.counts_by_hour("labelled")
    absent_counts = staged.counts_by_hour("absent")
    waiting_counts = staged.counts_by_hour("waiting")
    hours = {}
    for hour in sorted({*labelled_counts, *absent_counts, *waiting_counts}):
        num_labelled = labelled_counts.get(hour, 0)
        num_absent = absent_counts.get(hour, 0)
        num_captures = num_labelled + num_absent + waiting_counts.get(hour, 0)
        hours[hour] = Coverage(num_captures, num_labelled, num_absent)
    return replace(staged, hours=hours)


log = logging.getLogger(__name__)


def publish_hours(staged: StagedHours, output_path: str, storage: Storage) -> None:
    """Publish the merged records of all hours.

    Raises OutputFailed if an hour can't be written; the hours before it stay published, and a rerun continues.
    """
    for hour in sorted(staged.hours):
        _publish_hour(staged, hour, output_path, storage)


def _publish_hour(staged: StagedHours, hour: HourFolder, output_path: str, storage: Storage) -> None:
    folder = join(output_path, hour.path)
    files = staged.files.get((LineKind.MERGED, hour))
    # The slices of an hour become one file; an unchanged file is not written again
    if files:
        storage.assemble(files, join(folder, hour.part))
    # Files of an earlier merge with other settings are removed: a monitor would read their records twice
    for path in _list_merged_files(folder, storage):
        name = path.rpartition("/")[2]
        if name != hour.part or not files:
            log.info("removing %s: the hour's records are in %s", path, hour.part if files else "none any more")
            storage.delete(path)
    path = join(folder, COVERAGE)
    content = (json.dumps(staged.hours[hour].to_json_dict()) + "\n").encode()
    if not storage.exists(path) or storage.read(path) != content:
        storage.write(path, content)


def _list_merged_files(folder: str, storage: Storage) -> list[str]:
    """The merged files in an hour's folder, also those that the service wrote."""
    if not storage.exists(folder):
        return []
    paths = [file.path for file in storage.list_files(folder)]
    return [path for path in paths if MERGED_PART.fullmatch(path.rpartition("/")[2])]
