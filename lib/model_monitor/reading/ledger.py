"""The ledger of a run: every file, and every record of it, accounted for.

The law: read = kept + dropped by script + the refused ones of all reasons. It is written as `ledger.json` beside the
documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from model_monitor.storage import StoredFile


@dataclass(frozen=True, slots=True)
class Ledger:
    """What was read and what became of it. refused: records by the reason's text, only those that occurred."""

    files: tuple[StoredFile, ...]
    read: int
    kept: int
    dropped_by_script: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)

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
            "records": {
                "read": self.read,
                "kept": self.kept,
                "dropped_by_script": self.dropped_by_script,
                "quarantined": dict(sorted(self.refused.items())),
            },
        }
