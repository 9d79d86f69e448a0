"""What the tests of capturing share: clocks that stand still, a destination that refuses, and the files that came out."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

from spark_model_monitor.capture import CaptureOptions, CaptureWriter
from spark_model_monitor.capture.account import Clock

NOON = datetime(2024, 3, 4, 12, 5, 6, 789000, tzinfo=timezone.utc)


class HandClock:
    """A clock that a test sets: `time` on the wall, `seconds` since any start."""

    def __init__(self, time: datetime = NOON) -> None:
        self.time = time
        self.seconds = 100.0

    def pass_seconds(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        self.seconds += seconds

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.time, lambda: self.seconds)


class RefusingFolder:
    """A destination that takes nothing, as a bucket without permission."""

    def __init__(self, spool: Path) -> None:
        self.spool = spool

    def deliver(self, file: Path, key: str) -> None:
        raise PermissionError(13, "Permission denied")


def options(**members) -> CaptureOptions:
    return CaptureOptions(endpoint="churn", **members)


def files_below(folder: Path) -> list[str]:
    """The delivered files relative to `folder`; the spool is hidden, as it is for the jobs."""
    paths = [path.relative_to(folder).as_posix() for path in folder.rglob("*.jsonl")]
    return sorted(path for path in paths if not path.startswith("."))


def records_below(folder: Path) -> list[dict]:
    return [json.loads(line) for path in files_below(folder) for line in (folder / path).read_bytes().splitlines()]


def read_only_record(writer: CaptureWriter, folder: Path) -> dict:
    """The one record that a writer delivers."""
    writer.close()
    [record] = records_below(folder)
    return record


def inputs_below(folder: Path) -> list[str]:
    return [record["captureData"]["endpointInput"]["data"] for record in records_below(folder)]


def require_whole_record(record: dict) -> None:
    """It has the request `1,2` of inference 7 and tenant 3, and the answer `0.5`."""
    assert record["captureData"] == {
        "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": "1,2", "encoding": "CSV"},
        "endpointOutput": {"observedContentType": "text/csv", "mode": "OUTPUT", "data": "0.5", "encoding": "CSV"},
    }
    assert record["eventMetadata"]["inferenceId"] == "7"
    assert record["eventMetadata"]["customAttributes"] == ["tenant=3"]
