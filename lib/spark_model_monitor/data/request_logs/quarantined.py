"""Quarantined records of a request log. Driver only."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from spark_model_monitor.data.records import REQUEST_LOG

LINE_IN_LOG = 0  # the number of a line that isn't counted


QuarantinedRecord: TypeAlias = Mapping[str, Any]  # as a line of the quarantine has it, by member


def trace_to_log(record: QuarantinedRecord) -> QuarantinedRecord:
    """A refused capture that was made of a request log, with the log's file, and the text of a record that couldn't be read."""
    try:
        request_log = json.loads(str(record["line"]))[REQUEST_LOG]
        logged = {**record, "file": request_log["file"], "line_number": LINE_IN_LOG, "block_start": 0}
    except (ValueError, KeyError, TypeError, RecursionError):
        return record  # a label, beside captures that are merged
    text = request_log.get("line", request_log.get("line_base64"))
    if text is None:
        return logged
    del logged["line"]
    member = "line"
    content = text.encode()
    if "line" not in request_log:
        member = "line_base64"
        content = base64.b64decode(text)
    return {**logged, "sha256": hashlib.sha256(content).hexdigest(), member: text}
