"""Data sets of the engine in this process alone, and what they hold."""

from __future__ import annotations

import gzip
import json

import pytest

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.profiling.scan import RowSource, scan
from spark_model_monitor.data.profiling.scan_plan import RowPlan, ScanPlan
from spark_model_monitor.data.reading.formats import CsvFormat, JsonFormat
from spark_model_monitor.data.reading.scripts import Script
from spark_model_monitor.data.records.refusals import REASON, Refusal

ENGINE = LocalEngine(processes=1)
SCRIPT = Script("s.py", "def preprocess_handler(line): return {'a': 1}")
READ_BEFORE_THE_SCAN = [
    pytest.param(JsonFormat(), {}, id="JSON Lines, whose features are looked for first"),
    pytest.param(JsonFormat(lines=False), {}, id="JSON documents"),
    pytest.param(JsonFormat(), {"script": SCRIPT}, id="script"),
]
"""Formats with the options of reading, for which a file is opened twice."""


def read_account(dataset):
    """The profile, the ledger and the counts of a data set."""
    scan_findings = scan(
        RowSource(
            dataset.table,
            dataset.names,
            counts_cells=dataset.record_cells is not None,
            max_partition_count=dataset.max_partition_count,
        ),
        ScanPlan(rows=RowPlan(reasons=dataset.refusable * len(Refusal))),
    )
    dataset.require_one_layout(scan_findings.rows)
    return scan_findings.profile, dataset.ledger(scan_findings.rows), scan_findings.rows


def list_rows(dataset):
    """The cells of the rows that are not refused, as they come."""
    names = [f"c{position}" for position in range(len(dataset.names))]
    accepted_rows = []
    for batch in dataset.table.batches():
        cells = batch.select(names).to_pydict().values()
        reasons = [0] * batch.num_rows
        if dataset.refusable:
            reasons = batch.column(REASON).to_pylist()
        rows_with_reasons = zip(zip(*cells, strict=True), reasons, strict=True)
        accepted_rows += [row for row, reason in rows_with_reasons if not reason]
    return accepted_rows


def sort_rows(dataset):
    return sorted(list_rows(dataset), key=str)


def write_cut_gzip(path, dataset_format):
    """Half of a file's compressed bytes: many numbers in lines, or objects as JSON has them."""
    objects = [json.dumps({"age": row * row}) for row in range(20_000)]
    if isinstance(dataset_format, CsvFormat):
        text = "\n".join(map(str, range(40_000)))
    elif dataset_format.lines:
        text = "\n".join(objects)
    else:
        text = f"[{','.join(objects)}]"
    compressed = gzip.compress(text.encode())
    path.write_bytes(compressed[: len(compressed) // 2])


def read_quarantine(folder):
    """The refused records below the folder of a run's output."""
    lines = [line for file in sorted((folder / "quarantine").glob("*")) for line in file.read_text().splitlines()]
    return [json.loads(line) for line in lines]
