"""The request logs in `request_logs/`: samples of servers' documents, and some made by the schemas that these name.

Each has its files in `log/` and, in `expected.json`, its source, the rows of its captures (the output's columns first) and the
records that are none. A file such as `part.parquet.rows` stands for Parquet with these rows.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = Path(__file__).parent / "request_logs"
ROWS_SUFFIX = ".rows"
WAITING = "a request without its answer yet, or an answer without its request"


@dataclass(frozen=True)
class SampleLog:
    """A log. failed: records of requests that failed."""

    name: str
    source: str
    request_log: str
    rows: list[list[str | None]]
    not_in_log: dict[str, int]
    quarantined: dict[str, int]
    failed: int

    @classmethod
    def read(cls, folder: Path) -> SampleLog:
        """The log in a folder."""
        expected = json.loads((folder / "expected.json").read_text())
        return cls(folder.name, **expected)

    def write(self, folder: Path) -> Path:
        """A folder with the log, and the mapping files above it."""
        target = folder / self.name
        shutil.copytree(FOLDER / self.name / "log", target)
        for mapping_file in FOLDER.glob("*.yaml"):
            shutil.copy(mapping_file, folder)
        # Tables stand there as text
        for path in [*target.rglob(f"*{ROWS_SUFFIX}")]:
            rows = [json.loads(line, object_hook=read_value) for line in path.read_text().splitlines()]
            pq.write_table(pa.Table.from_pylist(rows), path.with_suffix(""))
            path.unlink()
        return target


def read_value(members: dict[str, str]) -> dict[str, str] | bytes | datetime:
    """What JSON has no word for: bytes and times."""
    if members.keys() == {"bytes"}:
        return members["bytes"].encode()
    if members.keys() == {"time"}:
        return datetime.fromisoformat(members["time"])
    return members


def write_inference_table(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Write three rows of an inference table of Databricks, with something changed, as Parquet or JSON Lines."""
    rows = [
        {
            "databricks_request_id": f"r{number}",
            "request_time": "2026-11-01T10:00:00Z",
            "request": json.dumps({"instances": [[number, 1]]}),
            "response": '{"predictions": [0]}',
        }
        for number in range(3)
    ]
    table = change(pa.Table.from_pylist(rows))
    path.parent.mkdir(parents=True)
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))


LOGS = [SampleLog.read(path.parent) for path in sorted(FOLDER.glob("*/expected.json"))]
