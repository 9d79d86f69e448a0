"""What the captures are, where nobody says: an endpoint's records, or outputs of a batch transform in CSV or JSON."""

from __future__ import annotations

import json

from model_monitor.data.engine import Session, engine_of
from model_monitor.data.reading.formats import CaptureFormat, CsvFormat, JsonFormat
from model_monitor.data.reading.headers import first_line, head_of
from model_monitor.data.records.windows import parse_time
from model_monitor.merging.sources import HourlySource
from model_monitor.merging.transform_lines import INFERENCE_ID, transform_output

CapturedFormat = CaptureFormat | CsvFormat | JsonFormat
"""What can be merged."""


def format_of(session: Session, source: HourlySource) -> CapturedFormat:
    """The format of the first file. What is nothing that can be merged counts as captures, whose lines are then refused.

    Raises BadInput if the file is no text.
    """
    if not source.files:
        return CaptureFormat()
    head = head_of(engine_of(session).storage(source.path), source.files[0].file, refuse_nul=False).decode(
        "utf-8-sig", "replace"
    )
    line = (first_line(head) or "").strip()
    if line.startswith("{"):
        if transform_output(line).inference_id is not None:
            return JsonFormat(lines=True)
        begins_document = not _is_json(line) and f'"{INFERENCE_ID}"' in head
        return JsonFormat(lines=False) if begins_document else CaptureFormat()
    *_, identifier, time = ["", "", *(cell.strip(' "') for cell in line.split(","))]
    return CsvFormat() if identifier and parse_time(time) else CaptureFormat()


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True
