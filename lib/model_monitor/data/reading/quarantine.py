"""The records that were refused, with their reason and their place: `quarantine/00000.jsonl`, …."""

from __future__ import annotations

import base64
import hashlib
import heapq
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from model_monitor.data.engine.protocol import Engine
from model_monitor.data.reading.dataset import Dataset
from model_monitor.data.reading.lines import LongLine
from model_monitor.data.records.locations import BLOCK_START, FILE, LINE, PLACES, uri_of
from model_monitor.data.records.refusals import LEFT_OUT, REASON, Refusal
from model_monitor.storage import join

NUMBER = "__number"
"""The column with a line's number in its file, from 1."""

FAULT_SCHEMA = pa.schema([(FILE, pa.string()), (LINE, pa.binary()), (REASON, pa.int32())])
LINE_SCHEMA = pa.schema([(FILE, pa.string()), (NUMBER, pa.int64()), (BLOCK_START, pa.int64()), (LINE, pa.binary())])

Refusing: TypeAlias = Callable[[Dataset], Iterator[Mapping[str, Any]]]
"""What gives the refused records of a data set as the quarantine keeps them, by file and line number."""

Refused: TypeAlias = dict[tuple[str, bytes], list[int]]
"""The reasons for refusing each line of each file."""


def refused_lines(dataset: Dataset) -> Iterator[Mapping[str, Any]]:
    """One row for each refused line, by file and line number. A file's first line, its header, is none of them.

    A record that is a whole file is no line of it; it stands under line 1.
    """
    refused: Refused = {}
    for fault in _rows(dataset.table.mapped(_faults, FAULT_SCHEMA).batches()):
        reasons = refused.setdefault((fault[FILE], fault[LINE]), [])
        if fault[REASON] not in reasons:
            reasons.append(fault[REASON])
    lines = dataset.engine.lines(dataset.listing.places, in_order=True, with_blank=True).partitions(*PLACES)
    found = list(_rows(lines.mapped(partial(_numbered, refused), LINE_SCHEMA).batches()))
    whole = refused.keys() - {(row[FILE], row[LINE]) for row in found}
    found += [{FILE: file, NUMBER: 1, BLOCK_START: 0, LINE: line} for file, line in whole]
    for row in sorted(found, key=lambda row: (row[FILE], row[NUMBER])):
        for reason in refused[row[FILE], row[LINE]]:
            if reason != Refusal.REPEATED_HEADER or row[NUMBER] != 1:
                yield _as_kept(row, reason)


def _faults(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Which lines are refused, and why."""
    left_out = [0, *map(int, LEFT_OUT)]
    for batch in batches:
        faulty = batch.filter(pa.array(~np.isin(batch.column(REASON).to_numpy(zero_copy_only=False), left_out)))
        columns = [faulty.column(FILE), faulty.column(LINE).view(pa.binary()), faulty.column(REASON)]
        yield pa.RecordBatch.from_arrays(columns, schema=FAULT_SCHEMA)


def _numbered(refused: Refused, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Those lines with their numbers. batches: all lines, in the order of their files."""
    files = {file for file, _ in refused}
    numbers = Counter[str]()
    for batch in batches:
        lines, of_file, starts = batch.columns
        rows = (of_file.to_pylist(), lines.view(pa.binary()).to_pylist(), starts.to_pylist())
        found = []
        for file, line, start in zip(*rows, strict=True):
            if file in files:
                numbers[file] += 1
                if (file, line) in refused:
                    found.append({FILE: file, NUMBER: numbers[file], BLOCK_START: start, LINE: line})
        yield pa.RecordBatch.from_pylist(found, LINE_SCHEMA)


def _as_kept(row: Mapping[str, Any], reason: int) -> Mapping[str, Any]:
    content: bytes = row[LINE]
    kept = {FILE: row[FILE], NUMBER: row[NUMBER], BLOCK_START: row[BLOCK_START], REASON: reason}
    try:
        texts = {"line": content.decode(), "line_base64": None}
    except UnicodeDecodeError:
        texts = {"line": None, "line_base64": base64.b64encode(content).decode()}
    return {**kept, "sha256": hashlib.sha256(content).hexdigest(), **texts}


def _rows(batches: Iterable[pa.RecordBatch]) -> Iterator[dict[str, Any]]:
    for batch in batches:
        yield from batch.to_pylist()


# The records that were refused, as they were, with their reason and their place: `quarantine/00000.jsonl`, ….


QUARANTINE = "quarantine"
CHUNK_BYTES = 16 * 2**20
"""Size of one file of the quarantine, so that the driver never holds more than that."""


def write_quarantine(
    dataset: Dataset, output_path: str, refused: Refusing | None = None, *, only_long_lines: bool = False
) -> str:
    """Put the refused records below `output_path`, in place of those of an earlier run, and give their folder's path.

    Only the owner of the files may read them: they are data that nobody has looked at.
    refused: what gives the refused records, by default `refused_lines`. only_long_lines: whether nothing else was refused,
    so that nothing is read. Else two Spark jobs and a shuffle, over the affected files only.
    Raises OutputFailed if they can't be written.
    """
    folder = join(output_path, QUARANTINE)
    storage = dataset.engine.storage(output_path)
    storage.delete(folder)
    refused = refused or dataset.engine.way(refused_lines)
    found = _as_dicts(() if only_long_lines else refused(dataset), dataset.long_lines)
    for index, chunk in enumerate(_chunks(map(_as_line, found))):
        storage.write(join(folder, f"{index:05d}.jsonl"), chunk, private=True)
    return folder


def clear_quarantine(engine: Engine, output_path: str) -> None:
    """Remove what an earlier run left there, when this one refused nothing."""
    engine.storage(output_path).delete(join(output_path, QUARANTINE))


def _as_line(record: Mapping[str, object]) -> bytes:
    return (json.dumps(record, ensure_ascii=False) + "\n").encode()


def _as_dicts(rows: Iterable[Mapping[str, Any]], passed_over: Sequence[LongLine]) -> Iterator[dict[str, Any]]:
    """What the quarantine says of the records and of the lines that no reader has seen, by file and line number."""
    long_lines = [_of_long_line(line) for line in passed_over]
    numbers = defaultdict(list)
    for line in long_lines:
        numbers[line["file"]].append(line["line_number"])
    seen = map(_as_json, rows)
    counted = ({**row, "line_number": _with_those(numbers[row["file"]], row["line_number"])} for row in seen)
    return heapq.merge(sorted(long_lines, key=_place), counted, key=_place)


def _place(record: Mapping[str, Any]) -> tuple[str, int]:
    return record["file"], record["line_number"]


def _with_those(passed_over: Sequence[int], number: int) -> int:
    """A line's number in its file, from its number without the lines that were passed over."""
    for other in passed_over:
        if other > number:
            break
        number += 1
    return number


def _of_long_line(line: LongLine) -> dict[str, Any]:
    return {
        "reason": Refusal.TOO_LONG.text,
        "file": uri_of(line.path),
        "line_number": line.number,
        "line_start": line.start,
        "size_bytes": line.size_bytes,
    }


def _as_json(row: Mapping[str, Any]) -> dict[str, Any]:
    content = {"line": row["line"]} if row["line_base64"] is None else {"line_base64": row["line_base64"]}
    return {
        "reason": Refusal(row[REASON]).text,
        "file": row[FILE],
        "line_number": row[NUMBER],
        "block_start": row[BLOCK_START],
        "sha256": row["sha256"],
        **content,
    }


def _chunks(lines: Iterable[bytes]) -> Iterator[bytes]:
    held: list[bytes] = []
    size = 0
    for line in lines:
        held.append(line)
        size += len(line)
        if size >= CHUNK_BYTES:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)
