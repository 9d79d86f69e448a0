"""A data set of 500 customers, and captured requests about them: the model's score, then the customer's age and plan."""

from __future__ import annotations

import json
from pathlib import Path

PEOPLE = "score,age,plan\n" + "".join(f"0.25,{20 + row % 50},basic\n" for row in range(500))


def capture(number: int, age: int, plan: str = "basic", time: str = "2026-01-31T22:10:00Z", score: float = 0.25) -> str:
    halves = {
        "endpointInput": {
            "observedContentType": "text/csv",
            "mode": "INPUT",
            "data": f"{age},{plan}",
            "encoding": "CSV",
        },
        "endpointOutput": {
            "observedContentType": "text/csv",
            "mode": "OUTPUT",
            "data": f"{score}\n",
            "encoding": "CSV",
        },
    }
    metadata = {"eventId": f"event-{number}", "inferenceTime": time}
    return json.dumps({"captureData": halves, "eventMetadata": metadata, "eventVersion": "0"}) + "\n"


def capture_hour(plan: str = "gold", time: str = "2026-01-31T22:10:00Z") -> str:
    """400 requests of which one in ten is about this plan."""
    plans = [plan, *["basic"] * 9]
    return "".join(capture(row, 20 + row % 50, plans[row % 10], time) for row in range(400))


def write_captures(folder: Path, text: str, hour: str = "2026/01/31/22") -> None:
    file = folder / "endpoint" / "AllTraffic" / hour / "10-00-000-a.jsonl"
    file.parent.mkdir(parents=True)
    file.write_text(text)
