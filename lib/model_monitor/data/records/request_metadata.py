"""Latency and status that captured records may carry beside their data, as columns. Pure; runs on executors.

    {"captureData": {…}, "eventMetadata": {…}, "requestMetadata": {"latencyMs": 12.3, "status": 200, "samplingPercentage": 100}}

Read from the line itself, whatever its data is: a request was served also if its payload is refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model_monitor.data.records.json_values import table_of_json
from model_monitor.data.records.refusals import Refusal, parts_of

MEMBER = "requestMetadata"
"""Ours; docs/capture.md."""

NAMED = f'"{MEMBER}"'

STATUS, LATENCY, PERCENTAGE = "status", "latencyMs", "samplingPercentage"

TYPES = {STATUS: pa.int64(), LATENCY: pa.float64(), PERCENTAGE: pa.float64()}
SCHEMA = pa.schema([(MEMBER, pa.struct(list(TYPES.items())))])

UNKNOWN_REQUESTS = np.array(
    [
        Refusal.NOT_UTF_8,
        Refusal.NOT_A_JSON_OBJECT,
        Refusal.SEVERAL_JSON_OBJECTS,
        Refusal.NOT_A_CAPTURE,
        Refusal.UNREADABLE_TIME,
        Refusal.OUTSIDE_WINDOW,
        Refusal.SAMPLED_OUT,
    ]
)
"""Reasons of lines that can't be read, or are not of the window."""

Columns: TypeAlias = tuple[pa.Array, pa.Array, pa.Array]


def request_metadata(lines: pa.Array, reasons: NDArray[np.int32]) -> Columns:
    """HTTP status, milliseconds and percentage of the sample of the requests among some captured lines.

    reasons: of each line, 0 or the `Refusal` of its record. Lines without the member, or of no request of the window, are left
    out; a member that is no number is null.
    """
    is_request = pa.array(~np.isin(reasons, UNKNOWN_REQUESTS))
    known = lines.filter(is_request).cast(pa.binary())
    known = known.filter(pc.match_substring(known, NAMED))
    found = parts_of(0, len(known), lambda start, end: _parsed(known[start:end]), lambda *_: _empty())
    statuses, latencies, percentages = (pa.concat_arrays(list(found)) if len(known) else _empty()).flatten()
    return statuses, latencies, percentages


def carries_metadata(line: bytes) -> bool:
    """Whether a captured line has the member, told at a glance."""
    return NAMED.encode() in line


def _parsed(lines: pa.BinaryArray) -> pa.StructArray:
    """The member of each line; Arrow's parser wants every line to be of the schema, and where one is not they go one by one."""
    table = table_of_json(b"\n".join(lines.to_pylist()), SCHEMA)
    if table is None:
        return pa.array([_member(line) for line in lines.to_pylist()], SCHEMA.field(MEMBER).type)
    return table.column(MEMBER).combine_chunks() if table.num_rows else _empty()


def _empty() -> pa.StructArray:
    return pa.array([], SCHEMA.field(MEMBER).type)


def _member(line: bytes) -> dict[str, int | float] | None:
    try:
        record = json.loads(line.decode("utf-8-sig", "replace"), parse_int=_whole)
    except ValueError:
        return None
    except RecursionError:  # whose bound is nearer the deeper this is called
        table = table_of_json(line, SCHEMA)
        return None if table is None else table.column(MEMBER)[0].as_py()
    member = record.get(MEMBER) if isinstance(record, dict) else None
    if not isinstance(member, Mapping):
        return None
    numbers = {name: member.get(name) for name in TYPES}
    return {
        name: int(value) if name == STATUS else float(value)
        for name, value in numbers.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < BOUNDS[name]
    }


BOUNDS = {STATUS: 2.0**63, LATENCY: math.inf, PERCENTAGE: math.inf}
"""What a member has to be less than, whatever its sign, to be a number of its type."""

FEW_DIGITS = 20


def _whole(digits: str) -> int | float:
    """A number without a fraction; Python reads no more than 4,300 digits of an integer."""
    return int(digits) if len(digits) <= FEW_DIGITS else float(digits)
