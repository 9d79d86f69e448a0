"""The records that were refused, as they were, with their reason and their place: `quarantine/00000.jsonl`, ….

Written only if there are any: the affected files are read once more, because a split read has no line numbers (P10).
The names and bytes of the files depend on the records alone.
"""

from __future__ import annotations

import heapq
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from model_monitor.engine import Session, engine_of, is_of_spark
from model_monitor.reading.dataset import Dataset
from model_monitor.reading.long_lines import LongLine
from model_monitor.reading.refused_lines import NUMBER, refused_lines
from model_monitor.records.files_by_key import uri_of
from model_monitor.records.places import BLOCK_START, FILE
from model_monitor.records.refusals import REASON, Refusal
from model_monitor.storage import join

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

QUARANTINE = "quarantine"
CHUNK_BYTES = 16 * 2**20
"""Size of one file of the quarantine, so that the driver never holds more than that."""


def write_quarantine(
    dataset: Dataset, output_path: str, also: DataFrame | None = None, *, only_long_lines: bool = False
) -> str:
    """Put the refused records below `output_path`, in place of those of an earlier run, and give their folder's path.

    Only the owner of the files may read them: they are data that nobody has looked at.
    also: rows of `refused_texts`, for records that are no lines. only_long_lines: whether nothing else was refused, so that
    nothing is read. Else two Spark jobs and a shuffle, over the affected files only.
    Raises OutputFailed if they can't be written.
    """
    folder = join(output_path, QUARANTINE)
    storage = dataset.engine.storage(output_path)
    storage.delete(folder)
    found = _as_dicts(() if only_long_lines else _refused(dataset, also), dataset.long_lines)
    for index, chunk in enumerate(_chunks(map(_as_line, found))):
        storage.write(join(folder, f"{index:05d}.jsonl"), chunk, private=True)
    return folder


def clear_quarantine(session: Session, output_path: str) -> None:
    """Remove what an earlier run left there, when this one refused nothing."""
    engine_of(session).storage(output_path).delete(join(output_path, QUARANTINE))


def _refused(dataset: Dataset, also: DataFrame | None) -> Iterator[Mapping[str, Any]]:
    """The refused records as the quarantine keeps them, by file and line number."""
    if not is_of_spark(dataset.table):
        return refused_lines(dataset)
    from model_monitor.reading.refused_frames import refused_rows

    return refused_rows(dataset, also)


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
