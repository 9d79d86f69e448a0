"""How many of the captures behind merged records have a label: `_coverage.json` beside the records of each hour.

The merge writes it; readers of data skip it by its name. Whoever judges merged records says by it how much of the traffic the
verdict rests on. Pure, but for the storage.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any

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
