"""A user's preprocessing script over captured records, on an executor. No pyspark in here.

Window and sample come first: a script gets only the records that the run looks at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa

from model_monitor.reading.handlers import KEPT, Script, ScriptResult, batch_of, handler_of, outcomes_of
from model_monitor.records.decoding import CSV, JSON, Decoded, Reading, decode, opened
from model_monitor.records.inference_records import InferenceRecord, has_known_types
from model_monitor.records.refusals import Refusal


def run_capture_handler(
    script: Script, reading: Reading, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """The rows that a script makes of captured records; batches as `handlers.run_handler` has them."""
    handler = handler_of(script)
    for batch in batches:
        lines, files, _ = batch.columns
        outcomes = [
            outcomes_of_line(handler, line, path, script, reading)
            for line, path in zip(lines.to_pylist(), files.to_pylist(), strict=True)
        ]
        yield batch_of(batch, outcomes)


def outcomes_of_line(
    handler: Callable[[Any], Any], line: bytes, path: str, script: Script, reading: Reading
) -> list[ScriptResult]:
    """What a handler makes of one captured line. path: its file's."""
    document = opened(line, reading, path)
    if isinstance(document, Refusal):
        return [ScriptResult(None, document)]
    if not has_known_types(document):
        return [ScriptResult(None, Refusal.NOT_A_CAPTURE)]
    record = InferenceRecord(document)
    returned: list[object] = []

    def handle(given: InferenceRecord) -> Any:
        answer = handler(given)
        returned.append(answer)
        return [] if answer is given else answer

    outcomes = outcomes_of(handle, record, script)
    return _as_they_are(line, reading) if returned and returned[0] is record else outcomes


def _as_they_are(line: bytes, reading: Reading) -> list[ScriptResult]:
    """A script that returns the record itself wants it read as without a script."""
    anything = replace(reading, window=None, sample=None, columns=None)
    found = Decoded(Refusal.NO_PAYLOAD)
    for encoding in (CSV, JSON):
        found = decode(line, replace(anything, encoding=encoding))
        if found.reason is not Refusal.ANOTHER_ENCODING:
            break
    if found.reason is not None:
        return [ScriptResult(None, found.reason)]
    names = _names(found, reading)
    return [ScriptResult(dict(zip(names, row, strict=True)), KEPT) for row in found.rows]


def _names(found: Decoded, reading: Reading) -> tuple[str, ...]:
    if len(reading.names) == found.cells:
        return reading.names
    keys = found.keys if len(set(found.keys)) == found.cells else ()
    return keys or tuple(f"_c{position:05d}" for position in range(found.cells))
