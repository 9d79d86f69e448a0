"""The ledger of a run: every file, every record of it accounted for, and how many captures have a label yet."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import reduce
from typing import Any, TypeAlias

from model_monitor.data.records.decoded_rows import Matching
from model_monitor.errors import BadDocument
from model_monitor.storage import Storage, StoredFile, join

COVERAGE = "_coverage.json"

MERGED_PART = re.compile(r"part-\d{5}-[0-9a-f-]{36}\.c000\.jsonl")
"""What the service and we call files of merged records."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many captures there are, how many of them have a label, and how many one that says that none came."""

    captures: int = 0
    labelled: int = 0
    absent: int = 0

    @property
    def waiting(self) -> int:
        """Captures without any label."""
        return self.captures - self.labelled - self.absent

    @property
    def share(self) -> float:
        """The share of the captures that have a label of their own; 0 of none."""
        return self.labelled / self.captures if self.captures else 0.0

    def __add__(self, other: Coverage) -> Coverage:
        return Coverage(self.captures + other.captures, self.labelled + other.labelled, self.absent + other.absent)

    def to_json_dict(self) -> dict[str, Any]:
        """The content of `_coverage.json`."""
        return {
            "captures": self.captures,
            "labelled": self.labelled,
            "labelled_as_absent": self.absent,
            "coverage": self.share,
        }


def read_coverage(content: bytes, where: str) -> Coverage:
    """What such a file says. where: its path.

    Raises BadDocument if it says something else.
    """
    try:
        document = json.loads(content)
        return Coverage(int(document["captures"]), int(document["labelled"]), int(document["labelled_as_absent"]))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as fault:
        raise BadDocument(
            f"{where}: is not the coverage of an hour ({type(fault).__name__}); merge its hour again"
        ) from fault


def coverage_of(storage: Storage, files: Iterable[StoredFile], places: Iterable[str]) -> Coverage | None:
    """The coverage of all hours in some places; None if none of the files there are merged records, or no hour has one.

    An hour without a label has no records, but a coverage.
    """
    if not any(MERGED_PART.fullmatch(file.path.rpartition("/")[2]) for file in files):
        return None
    found = [coverage for place in places for coverage in _below(storage, place)]
    return reduce(Coverage.__add__, found) if found else None


def _below(storage: Storage, folder: str) -> list[Coverage]:
    path = join(folder, COVERAGE)
    if storage.exists(path):
        return [read_coverage(storage.read(path), path)]
    return [coverage for name in storage.list_folders(folder) for coverage in _below(storage, join(folder, name))]


# The ledger of a run: every file, and every record of it, accounted for.


@dataclass(frozen=True, slots=True)
class Ledger:
    """What was read and what became of it. refused: records by the reason's text, only those that occurred.

    without_data: records of requests that failed, which were captured for their metadata alone. rows: rows of the kept
    records, None where each of them is one row. coverage: of merged records, how many of their captures have a label.
    matched_by: how the columns of the kept records were found among the baseline's; None where they were not matched.
    table: what was read in place of files, if it keeps versions. newest: when the latest kept record came, if they say so.
    """

    files: tuple[StoredFile, ...]
    read: int
    kept: int
    dropped_by_script: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    outside_window: int = 0
    sampled_out: int = 0
    without_data: int = 0
    rows: int | None = None
    coverage: Coverage | None = None
    matched_by: Matching | None = None
    table: TableVersion | None = None
    newest: datetime | None = None

    @property
    def kept_rows(self) -> int:
        return self.kept if self.rows is None else self.rows

    @property
    def quarantined(self) -> int:
        return sum(self.refused.values())

    @property
    def quarantined_share(self) -> float:
        return self.quarantined / self.read if self.read else 0.0

    def to_json_dict(self) -> dict[str, Any]:
        """The content of `ledger.json`."""
        return {
            "version": 1,
            "files": [
                {"path": file.path, "size_bytes": file.size_bytes, "modified_ms": file.modified_ms}
                for file in self.files
            ],
            **({} if self.table is None else {"table": self.table.to_json_dict()}),
            "records": {
                "read": self.read,
                "kept": self.kept,
                "dropped_by_script": self.dropped_by_script,
                "outside_window": self.outside_window,
                "sampled_out": self.sampled_out,
                "without_data": self.without_data,
                "quarantined": dict(sorted(self.refused.items())),
            },
            "rows": self.kept_rows,
            **({} if self.newest is None else {"newest": self.newest.isoformat().replace("+00:00", "Z")}),
            **({} if self.matched_by is None else {"columns_matched_by": self.matched_by.value}),
            **({} if self.coverage is None else {"ground_truth": self.coverage.to_json_dict()}),
        }


Version: TypeAlias = int | datetime
"""A version's number, or a moment: the version that was current then."""


@dataclass(frozen=True, slots=True)
class TableVersion:
    """The version of a table that a run looked at. since: only what was appended after this one."""

    name: str
    version: int
    since: int | None = None

    def to_json_dict(self) -> dict[str, Any]:
        """The member `table` of `ledger.json`."""
        return {name: value for name, value in asdict(self).items() if value is not None}
