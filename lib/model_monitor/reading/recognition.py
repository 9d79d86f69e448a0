"""What files hold, where nobody says: by the ends of their names, and by how the first of them begins."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import islice, pairwise
from pathlib import PurePosixPath
from typing import Any

from model_monitor.engine import Session, engine_of
from model_monitor.errors import BadConfiguration
from model_monitor.reading.heads import FOREIGN_BEGINNINGS, LINE_END, first_cells, first_with_a_line
from model_monitor.reading.listing import list_dataset
from model_monitor.records.csv_rows import cells_of
from model_monitor.storage import Storage, StoredFile, join

WORDS_BY_SUFFIX = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".orc": '{"spark": {"format": "orc"}}',
}
COMPRESSED = frozenset({".gz", ".bz2"})

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
MAGIC_BYTES = 4


def format_word_of(session: Session, path: str) -> str:
    """The format of the files at or below `path`, as `--dataset-format` takes it.

    Raises BadConfiguration if they don't tell it, or are of several.
    """
    storage = engine_of(session).storage(path)
    if storage.exists(join(path, "_delta_log")):  # the files beside it hold deleted rows as well
        return "delta"
    listing = list_dataset(session, path)
    suffixes = sorted({_suffix(file.path) for file in listing.files})
    words = {WORDS_BY_SUFFIX.get(suffix, "") for suffix in suffixes}
    word = words.pop()
    if not words and word not in ("", "csv", "json", "jsonl"):
        return word
    found = None if words else _word_by_beginning(storage, listing.files, word)
    if found is None:
        ends = ", ".join(suffix or "nothing" for suffix in suffixes)
        raise BadConfiguration(
            f"{path}: names of files end in {ends}, which doesn't tell their format; write dataset_format=, such as 'csv', "
            "'jsonl', 'parquet' or 'capture'"
        )
    return found


def _suffix(path: str) -> str:
    suffixes = [suffix.lower() for suffix in PurePosixPath(path).suffixes]
    while suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _word_by_beginning(storage: Storage, files: Sequence[StoredFile], by_name: str) -> str | None:
    """by_name: the format of text that the name ends in, or nothing."""
    magic = b"" if by_name else storage.read(files[0].path, MAGIC_BYTES)
    for beginning, _, written in FOREIGN_BEGINNINGS:
        if magic.startswith(beginning):
            return written
    file, head = first_with_a_line(storage, files)
    lines = (line for line in LINE_END.split(head.decode("utf-8", "replace")) if line.strip())
    first, second = [*islice(lines, 2), "", ""][:2]
    if by_name != "csv" and (by_name or first.lstrip().startswith(("{", "["))):
        return _word_of_json(first, by_name)
    if not by_name and "," not in first:
        return None
    return "csv" if _names_columns(first_cells(file, head), cells_of(second)) else "csv-without-header"


def _word_of_json(line: str, by_name: str) -> str:
    try:
        record: Any = json.loads(line)
    except (ValueError, RecursionError):
        record = None
    if isinstance(record, dict) and "captureData" in record:
        return "merged" if "groundTruthData" in record else "capture"
    return "jsonl" if by_name == "jsonl" or isinstance(record, dict) else "json"


def _names_columns(first: Sequence[str], second: Sequence[str | None]) -> bool:
    """Whether the first line of a CSV is a header: it has texts above numbers, or no numbers
    but some that count columns or years."""
    are_numbers = [NUMBER.fullmatch(cell.strip()) is not None for cell in first]
    below = [NUMBER.fullmatch((cell or "").strip()) is not None for cell in second]
    if any(now and not before for before, now in zip(are_numbers, below, strict=False)):
        return True
    numbers = [cell.strip() for cell, is_number in zip(first, are_numbers, strict=True) if is_number]
    counts = [int(number) for number in numbers if number.isdigit()]
    return len(counts) == len(numbers) != 1 and all(one < next_ for one, next_ in pairwise(counts))
