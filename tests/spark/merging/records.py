"""Captured records and labels for tests of the merge, and the files that they lie in."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

from spark_model_monitor.running.merging.merge_request import MergeRequest
from spark_model_monitor.running.merging.merge_run import merge

START = datetime(2024, 3, 4, tzinfo=timezone.utc)
FIRST = int(START.timestamp()) // 3600
"""The hour that the tests begin in: 2024-03-04T00:00:00Z."""

BRANCH = "churn/AllTraffic"


def make_capture(number, *, inference_id=None, hour=0, minute=0, output="0.25", **members):
    """A captured record as a dict; its event id is `event-<number>`."""
    time = START + timedelta(hours=hour, minutes=minute)
    metadata = {"eventId": f"event-{number}", "inferenceTime": time.strftime("%Y-%m-%dT%H:%M:%SZ")}
    if inference_id is not None:
        metadata["inferenceId"] = inference_id
    halves = {
        "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": "31,5", "encoding": "CSV"},
        "endpointOutput": {"observedContentType": "text/csv", "mode": "OUTPUT", "data": output, "encoding": "CSV"},
    }
    return {"captureData": halves, "eventMetadata": metadata, "eventVersion": "0", **members}


def make_label(event_id, data="1", encoding="CSV"):
    """A ground-truth record as a dict."""
    return {
        "groundTruthData": {"data": data, "encoding": encoding},
        "eventMetadata": {"eventId": event_id},
        "eventVersion": "0",
    }


def format_folder(hour):
    """`2024/03/04/00` of hour 0."""
    return (START + timedelta(hours=hour)).strftime("%Y/%m/%d/%H")


def write_lines(path: Path, records) -> Path:
    """A file of JSON Lines; records that are texts are lines already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def write_captures(root: Path, hour, records, name="10-00-000-a.jsonl") -> Path:
    """Captures in the folder of their hour."""
    return write_lines(root / "captures" / BRANCH / format_folder(hour) / name, records)


def write_labels(root: Path, hour, records, name="labels.jsonl") -> Path:
    """Labels in the folder of the hour that they came in."""
    return write_lines(root / "labels" / format_folder(hour) / name, records)


def read_merged_files(output: Path) -> dict[str, bytes]:
    """The merged hours below an output path: relative path -> content."""
    return {
        path.relative_to(output).as_posix(): path.read_bytes()
        for path in sorted(output.rglob("*.jsonl"))
        if path.name.startswith("part-") and "_staging" not in path.parts
    }


def read_merged_records(output: Path) -> list[dict]:
    """All merged records, in the order of their hours and lines."""
    return [json.loads(line) for content in read_merged_files(output).values() for line in content.splitlines()]


def read_truths(output: Path) -> dict[str, str]:
    """Event id -> the label's data, of all merged records."""
    return {
        record["eventMetadata"]["eventId"]: record["groundTruthData"]["data"] for record in read_merged_records(output)
    }


def read_ledger(output: Path) -> dict:
    return json.loads((output / "ledger.json").read_text())


def make_merge(engine, folder: Path):
    """`merge(…)` merges the captures and labels below a folder, hours counted from the tests' first."""

    def merge_hours(first=None, last=None, *, output="merged", captures="captures", labels="labels", **options):
        hours = {}
        if first is not None:
            hours["first"] = FIRST + first
            hours["last"] = hours["first"]
        # Without a last hour it is one
        if last is not None:
            hours["last"] = FIRST + last
        if "as_of" in options:
            options["as_of"] += FIRST
        paths = (str(folder / captures), str(folder / labels), str(folder / output))
        return merge(engine, MergeRequest(*paths, **hours, **options))

    return merge_hours
