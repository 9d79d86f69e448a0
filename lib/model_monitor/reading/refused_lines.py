"""The refused records of an engine without Spark, with their places in their files."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from model_monitor.reading.dataset import Dataset
from model_monitor.records.places import BLOCK_START, FILE, LINE, PLACES
from model_monitor.records.refusals import LEFT_OUT, REASON, Refusal

NUMBER = "__number"
"""The column with a line's number in its file, from 1."""

FAULT_SCHEMA = pa.schema([(FILE, pa.string()), (LINE, pa.binary()), (REASON, pa.int32())])
LINE_SCHEMA = pa.schema([(FILE, pa.string()), (NUMBER, pa.int64()), (BLOCK_START, pa.int64()), (LINE, pa.binary())])

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
