"""What is remembered between runs that wait for late labels: the ids of an hour's captures, and which labels they have.

`<output>/pending/<branch>/yyyy-mm-ddThh.jsonl` has a line for each capture, `{"id": "7"}` for one that still waits,
`{"id": "8", "label": 4711}` with the hash of its label for one that has it. New labels are held against these ids, and so a
run reads only the hours again that have news. An hour is forgotten when the period of late labels is over.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from model_monitor.data.engine import Session, engine_of
from model_monitor.data.records.json_values import table_of_json
from model_monitor.data.records.locations import FILE_KEY, LINE
from model_monitor.merging.file_places import FilePlaces
from model_monitor.merging.hours import HourFolder
from model_monitor.merging.rows import KEY, Role, rows_of
from model_monitor.merging.sources import HourlyFile, HourlySource
from model_monitor.statistics.states.encoding import MALFORMED
from model_monitor.storage import StoredFile, join

PENDING = "pending"


ID_SCHEMA = pa.schema([("id", pa.string()), ("label", pa.int64()), ("absent", pa.bool_()), ("score", pa.string())])
"""What is kept of a capture: the id that it is joined by; the hash of its label, null without one; true if its label says
that none came; the text of its score, if it is asked for."""


class Pending:
    """The remembered hours of a merge's output."""

    def __init__(self, session: Session, output_path: str) -> None:
        self._storage = engine_of(session).storage(output_path)
        self.folder = join(output_path, PENDING)

    @property
    def hours(self) -> Collection[HourFolder]:
        """The remembered hours."""
        return self._files.keys()

    def source(self, hours: Iterable[HourFolder]) -> HourlySource:
        """The files of those of the hours that are remembered."""
        files = [HourlyFile(self._files[hour], hour.branch, hour.hour) for hour in sorted(hours) if hour in self._files]
        return HourlySource(self.folder, tuple(files), tuple(file.file.path for file in files))

    def remember(self, ids: Mapping[HourFolder, list[str]]) -> None:
        """Take the files as the ids of these hours.

        Raises OutputFailed if they can't be written.
        """
        for hour, files in ids.items():
            self._storage.assemble(files, join(self.folder, hour.state))

    def forget(self, hours: Collection[HourFolder]) -> None:
        """Drop these hours: no label of theirs is waited for any more."""
        for hour in hours:
            self._storage.delete(join(self.folder, hour.state))

    @cached_property
    def _files(self) -> Mapping[HourFolder, StoredFile]:
        if not self._storage.exists(self.folder):
            return {}
        top = self._storage.resolved(self.folder)
        files = self._storage.list_files(self.folder)
        found = [(HourFolder.of_state(file.path.removeprefix(top).lstrip("/")), file) for file in files]
        return {hour: file for hour, file in found if hour is not None}


@dataclass(frozen=True, slots=True)
class Remembered:
    """The task that makes rows of `rows.SCHEMA` of the lines of remembered hours. role: EARLIER or BEFORE."""

    places: FilePlaces
    role: Role

    inputs = (LINE, FILE_KEY)

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            lines, ranks = self.places.listed(batch)
            known = _parsed(lines.column(LINE).cast(pa.binary()).to_pylist())
            columns = {
                KEY: known.column("id"),
                "branch": self.places.branches.take(ranks),
                "hour": self.places.hours.take(ranks),
                "label": known.column("label"),
                "absent": known.column("absent"),
            }
            yield rows_of(self.role, columns).filter(known.column("id").is_valid())


def _parsed(lines: Sequence[bytes]) -> pa.RecordBatch:
    """The ids on some lines, one row each; all null where a line is none."""
    table = table_of_json(b"\n".join(lines), ID_SCHEMA)
    if table is None or table.num_rows != len(lines):
        table = pa.Table.from_pylist([_id(line) for line in lines], ID_SCHEMA)
    return table.combine_chunks().to_batches()[0] if lines else pa.RecordBatch.from_pylist([], ID_SCHEMA)


def _id(line: bytes) -> Mapping[str, object]:
    try:
        found: Mapping[str, object] = pa.Table.from_pylist([json.loads(line)], ID_SCHEMA).to_pylist()[0]
    except (pa.ArrowException, *MALFORMED):
        return {}
    return found
