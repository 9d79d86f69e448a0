"""Merged records for tests."""

from __future__ import annotations

import json

IN_THE_WINDOW = "2022-04-18T00:10:00Z"


def merged(
    label="1", output="0.3", *, label_encoding="CSV", encoding="CSV", time=IN_THE_WINDOW, half="endpointOutput", **more
):
    """A merged record as a dict: an observed label beside what the model answered; None leaves a part out."""
    record = {
        "eventVersion": "0",
        "groundTruthData": {"data": label, "encoding": label_encoding},
        "captureData": {
            "endpointInput": {"data": "31,basic", "encoding": "CSV", "mode": "INPUT"},
            half: {"data": output, "encoding": encoding, "mode": "OUTPUT"},
        },
        "eventMetadata": {"eventId": "a", "inferenceTime": time},
    }
    if label is None:
        del record["groundTruthData"]
    if output is None:
        del record["captureData"][half]
    if time is None:
        del record["eventMetadata"]["inferenceTime"]
    return {**record, **more}


def encode_line(record) -> str:
    return json.dumps(record, ensure_ascii=False)
