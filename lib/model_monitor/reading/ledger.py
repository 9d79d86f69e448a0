"""The ledger of a run: every file, and every record of it, accounted for.

The law: read = kept + dropped by script + outside the window + sampled out + without data + the refused ones of all
reasons. It is written as `ledger.json` beside the documents. A captured record may hold several rows; records are counted
here, and the rows that the kept ones gave beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from model_monitor.engine.table_versions import TableVersion
from model_monitor.reading.coverage import Coverage
from model_monitor.records.matching import Matching
from model_monitor.storage import StoredFile


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
