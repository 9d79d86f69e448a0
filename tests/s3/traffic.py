"""A model's data for tests: a table for its baseline, captured requests with their labels, as they lie on S3."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

from tests.spark.merging.records import make_label
from tests.unit.records.captured_lines import format_capture

START = datetime(2026, 1, 31, 22, tzinfo=timezone.utc)
"""The hour that the tests look at."""

WINDOW = ("--start-time", "2026-01-31T22:00:00Z", "--end-time", "2026-01-31T23:00:00Z")

PEOPLE = "score,age,plan\n" + "".join(f"0.25,{20 + row % 50},basic\n" for row in range(500))
"""500 customers, whose plan is the same for all."""

BRANCH = "churn/AllTraffic"


def captured(number: int, *, plan: str = "basic", hour: int = 0) -> str:
    """One captured request as a line: the model's score, then the customer's age and plan."""
    time = START + timedelta(hours=hour, minutes=10)
    return format_capture(f"{20 + number % 50},{plan}", "0.25\n", f"event-{number}", time)


def label(number: int) -> str:
    """The ground truth of a captured request as a line."""
    return json.dumps(make_label(f"event-{number}", str(number % 2))) + "\n"


def format_folder(hour: int) -> str:
    """`2026/01/31/22` of hour 0."""
    return (START + timedelta(hours=hour)).strftime("%Y/%m/%d/%H")


def objects(*, files: int = 2, unreadable: int = 0) -> dict[str, bytes | str]:
    """A baseline's table, an hour of 400 captures in so many files, and their labels.

    One customer in ten has a plan that the baseline has not seen; `unreadable` lines are no records at all.
    """
    lines = [captured(number, plan="basic" if number % 10 else "gold") for number in range(400)]
    lines += ['{"captureData": \n'] * unreadable
    parts = {
        f"captures/{BRANCH}/{format_folder(0)}/{part:02d}-00-000-a.jsonl": "".join(lines[part::files])
        for part in range(files)
    }
    labels = {f"labels/{format_folder(1)}/labels.jsonl": "".join(label(number) for number in range(0, 400, 2))}
    return {"people.csv": PEOPLE, **parts, **labels}


def baseline_flags(bucket: str, output: str) -> tuple[str, ...]:
    """The flags of a baselining job over the table."""
    return (
        *("--dataset-source", f"{bucket}/people.csv"),
        *("--dataset-format", "csv"),
        *("--output-path", f"{bucket}/{output}"),
    )


def monitor_flags(bucket: str, output: str, baseline: str) -> tuple[str, ...]:
    """The flags of a monitoring job over the hour."""
    return (
        *("--dataset-source", f"{bucket}/captures"),
        *("--dataset-format", "capture"),
        *("--baseline", f"{bucket}/{baseline}"),
        *("--output-path", f"{bucket}/{output}"),
        *WINDOW,
    )


def merge_flags(bucket: str, output: str) -> tuple[str, ...]:
    """The flags of a merge of the hour."""
    return (
        *("--dataset-source", f"{bucket}/captures"),
        *("--ground-truth-source", f"{bucket}/labels"),
        *("--output-path", f"{bucket}/{output}"),
    )
