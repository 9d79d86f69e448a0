"""The remembered hours of merges: the ids of their captures, which are stored until no more labels are expected."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property

import numpy as np
import pyarrow as pa

from spark_model_monitor.data.engine.engine_protocol import Batches, Engine
from spark_model_monitor.data.records.json_lines import parse_json_table
from spark_model_monitor.data.records.locations import FILE_KEY, LINE
from spark_model_monitor.running.merging.hourly_sources import FileLocations, HourFolder, HourlyFile, HourlySource
from spark_model_monitor.running.merging.merge_rows import KEY, Role, make_rows
from spark_model_monitor.statistics.states.encoding import DECODING_ERRORS
from spark_model_monitor.storage import StoredFile, join
from spark_model_monitor.value_class import value_class

PENDING_FOLDER = "pending"  # the folder of remembered hours, below the output

ID_SCHEMA = pa.schema([("id", pa.string()), ("label", pa.int64()), ("absent", pa.bool_()), ("score", pa.string())])
"""What is stored of a capture: its join key; the hash of its label, null if it has no label; true if that is the absent label;
the text of its score, if scores are requested."""


class PendingHours:
    """The remembered hours of a merge's output: the ids of their captures, stored until no more labels are expected."""

    def __init__(self, engine: Engine, output_path: str) -> None:
        self._storage = engine.storage(output_path)
        self.folder = join(output_path, PENDING_FOLDER)

    @property
    def hours(self) -> Collection[HourFolder]:
        """The remembered hours."""
        return self._files.keys()

    def source(self, hours: Iterable[HourFolder]) -> HourlySource:
        """The files of the given hours that are remembered."""
        files = [HourlyFile(self._files[hour], hour.branch, hour.hour) for hour in sorted(hours) if hour in self._files]
        return HourlySource(self.folder, tuple(files), tuple(file.file.path for file in files))

    def remember(self, ids: Mapping[HourFolder, list[str]]) -> None:
        """Store the files as the ids of these hours.

        Raises OutputFailed if they can't be written.
        """
        for hour, files in ids.items():
            self._storage.assemble(files, join(self.folder, hour.id_path))

    def forget(self, hours: Collection[HourFolder]) -> None:
        """Delete the ids of these hours, for which no more labels are expected."""
        for hour in hours:
            self._storage.delete(join(self.folder, hour.id_path))

    @cached_property
    def _files(self) -> Mapping[HourFolder, StoredFile]:
        if not self._storage.exists(self.folder):
            return {}
        top = self._storage.resolved(self.folder)
        files = self._storage.list_files(self.folder)
        files_by_hour = {}
        for file in files:
            hour = HourFolder.parse_id_path(file.path.removeprefix(top).lstrip("/"))
            # Files with other names are not ours
            if hour is not None:
                files_by_hour[hour] = file
        return files_by_hour


@value_class
class RememberedIds:
    """The task that turns lines of remembered hours into rows of `merge_rows.SCHEMA`. role: EARLIER or BEFORE."""

    locations: FileLocations
    role: Role

    inputs = (LINE, FILE_KEY)

    def __call__(self, batches: Batches) -> Batches:
        for batch in batches:
            lines, ranks = self.locations.keep_listed(batch)
            remembered = _parse_ids(lines.column(LINE))
            columns = {
                KEY: remembered.column("id"),
                "branch": self.locations.branches.take(ranks),
                "hour": self.locations.hours.take(ranks),
                "label": remembered.column("label"),
                "absent": remembered.column("absent"),
            }
            yield make_rows(self.role, columns, np.asarray(remembered.column("id").is_valid()))


def parse_id_lines(batches: Batches) -> Batches:
    """The task that turns lines of ids into rows of `ID_SCHEMA`."""
    for batch in batches:
        rows = _parse_ids(batch.column(0))
        yield rows.filter(rows.column("id").is_valid())


def _parse_ids(texts: pa.StringArray) -> pa.RecordBatch:
    """The ids on some lines, one row each; all null for an invalid line."""
    lines = texts.cast(pa.binary()).to_pylist()
    table = parse_json_table(b"\n".join(lines), ID_SCHEMA)
    # If a line is damaged, lines are parsed one by one, so that only its id is lost
    if table is None or table.num_rows != len(lines):
        table = pa.Table.from_pylist([_parse_id(line) for line in lines], ID_SCHEMA)
    if lines:
        return table.combine_chunks().to_batches()[0]
    return pa.RecordBatch.from_pylist([], ID_SCHEMA)


def _parse_id(line: bytes) -> Mapping[str, str | None]:
    try:
        row: Mapping[str, str | None] = pa.Table.from_pylist([json.loads(line)], ID_SCHEMA).to_pylist()[0]
    except (pa.ArrowException, *DECODING_ERRORS):
        return {}
    return row
