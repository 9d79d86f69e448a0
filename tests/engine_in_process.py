"""An engine without Spark, as small as can be: local files of text, one partition after the other, in this process.

It shows that the seam is all that readers of lines and scans ask for. Files are cut as Hadoop cuts text: a line belongs to the
piece in which its first byte lies, or right behind it (org.apache.hadoop.mapred.LineRecordReader). Lines hold whatever bytes
there are, without the mark at the beginning of a file; a compressed file is one piece.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from types import SimpleNamespace

import numpy as np
import pyarrow as pa

from model_monitor.engine.partitions import partition_bytes
from model_monitor.engine.protocol import LINE_KEY, PARTITION
from model_monitor.engine.state_rows import batch_of_states, fold, rows_of_states
from model_monitor.records.files_by_key import FilesByKey, keys_of
from model_monitor.records.places import BLOCK_START, FILE, FILE_KEY, LINE, MAX_RECORD_BYTES
from model_monitor.states.text_hashing import xxhash64_of_texts
from model_monitor.storage import LocalStorage, local_path

BATCH_ROWS = 1000
BYTE_ORDER_MARK = "\ufeff".encode()


@dataclass(frozen=True)
class InProcess:
    """piece_bytes: how large a piece of a file is at most, whatever its size; None to choose by size as a job does."""

    piece_bytes: int | None = None
    max_line_bytes: int = MAX_RECORD_BYTES

    def storage(self, path):
        return LocalStorage()

    def lines(self, places, *, in_order=False, with_blank=False, whole_files=False):
        assert not whole_files
        files = sorted({file.path for place in places for file in LocalStorage().list_files(place)})
        total = sum(len(LocalStorage().read(file)) for file in files)
        return TextLines(self, files, self.piece_bytes or partition_bytes(total), in_order, with_blank)

    def is_readable(self, path):
        return bool(LocalStorage().read(path))

    def partitions_at_most(self, file_bytes, partition_bytes):
        return sum(-(-size // (self.piece_bytes or partition_bytes)) for size in file_bytes)

    def partition_by_size(self, total_bytes, groups=1):
        return partition_bytes(total_bytes, groups)


@dataclass(frozen=True)
class TextLines:
    engine: InProcess
    files: list[str]
    piece_bytes: int
    in_order: bool
    with_blank: bool

    def partitions(self, *names):
        parts = [self._reader(names, file, start) for file, start in self._pieces()]
        return Batches(self.engine, names, [lambda: chain(*(part() for part in parts))] if self.in_order else parts)

    def files_by_key(self):
        return FilesByKey.of([_name(file) for file in self.files])

    def _pieces(self):
        for file in self.files:
            size = len(LocalStorage().read(file))
            starts = range(0, size, size if file.endswith(".gz") else self.piece_bytes)
            yield from ((file, start) for start in starts)

    def _reader(self, names, file: str, start: int):
        def read():
            lines = [line for line in self._lines(file, start) if self.with_blank or line.strip(b" ")]
            known = {
                LINE: lambda some: pa.array(some, pa.binary()).view(pa.string()),
                FILE: lambda some: pa.repeat(f"file:{local_path(file)}", len(some)),
                BLOCK_START: lambda some: pa.repeat(start, len(some)),
                FILE_KEY: lambda some: pa.repeat(keys_of([_name(file)])[0], len(some)),
                LINE_KEY: lambda some: pa.array(keys_of_lines(some), pa.int64()),
            }
            for first in range(0, len(lines), BATCH_ROWS):
                some = lines[first : first + BATCH_ROWS]
                yield pa.RecordBatch.from_arrays([known[name](some) for name in names], names=list(names))

        return read

    def _lines(self, file: str, start: int) -> Iterator[bytes]:
        content = LocalStorage().read(file)
        if file.endswith(".gz"):
            yield from gzip.decompress(content).removeprefix(BYTE_ORDER_MARK).splitlines()
            return
        place = 0
        for line in content.splitlines(keepends=True):
            if place == start == 0:
                yield line.removeprefix(BYTE_ORDER_MARK).rstrip(b"\r\n")
            elif start < place <= start + self.piece_bytes:
                yield line.rstrip(b"\r\n")
            place += len(line)


@dataclass(frozen=True)
class Batches:
    """Partitions, each a function that gives its batches."""

    engine: InProcess
    columns: tuple[str, ...]
    parts: list[Callable[[], Iterable[pa.RecordBatch]]]

    def numbered(self):
        def with_number(number, part):
            for batch in part():
                column = pa.array([number] * batch.num_rows, pa.int32())
                yield pa.RecordBatch.from_arrays([column, *batch.columns], names=[PARTITION, *batch.schema.names])

        numbered = [
            lambda number=number, part=part: with_number(number, part) for number, part in enumerate(self.parts)
        ]
        return Batches(self.engine, (PARTITION, *self.columns), numbered)

    def mapped(self, task, schema):
        return Batches(self.engine, tuple(schema.names), [lambda part=part: task(iter(part())) for part in self.parts])

    def states(self, task):
        return States([lambda part=part: task(iter(part())) for part in self.parts])

    def batches(self):
        return [batch for part in self.parts for batch in part()]

    @contextmanager
    def sent(self, value):
        yield SimpleNamespace(value=value)


@dataclass(frozen=True)
class States:
    parts: list[Callable[[], Iterable[pa.RecordBatch]]]

    def beside(self, other):
        return States([*self.parts, *other.parts])

    def rows(self, adders=0):
        found = sorted(rows_of_states(batch for part in self.parts for batch in part()), key=_place)
        if not adders:
            return found
        return list(rows_of_states(fold([batch_of_states(found)])))


def keys_of_lines(lines: list[bytes]) -> list[int]:
    """Spark's xxhash64 of lines, whatever bytes they hold."""
    column = pa.array(lines, pa.binary()).view(pa.string())
    return xxhash64_of_texts(column).view(np.int64).tolist()


def _name(file: str) -> str:
    """A file as Spark's input_file_name calls it."""
    return f"file://{local_path(file)}"


def _place(row):
    return row.feature, row.kind, row.partition
