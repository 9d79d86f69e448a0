"""When the newest of some records came, for all of them at once. Pure; runs on executors."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pyarrow as pa
import pyarrow.compute as pc

from model_monitor.records.windows import parse_time

_TIME = r'"inferenceTime"\s*:\s*"(?P<time>[^"\\]*)"'
_WITH_ZONE = r"[+-]\d\d:\d\d$"

LAST_BYTES = 192
"""Of a captured line, where its metadata mostly stand; the whole of one is searched if they don't."""

_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=timezone.utc), timedelta(microseconds=1)


def newest_of_lines(lines: pa.Array) -> int:
    """The newest `inferenceTime` of captured lines, as `newest_time` has it."""
    lines = lines.cast(pa.binary())
    found = _times(pc.binary_slice(lines, -LAST_BYTES, None))
    others = _times(lines.filter(found.is_null()))
    return max(newest_time(found.cast(pa.string())), newest_time(others.cast(pa.string())))


def newest_time(texts: pa.Array) -> int:
    """The newest time in microseconds since 1970; 0 if there is none, or if the last one by the alphabet is no time."""
    texts = pc.utf8_rtrim(texts.drop_null(), "Z")  # without zones times come in the order of their texts
    if pc.any(pc.match_substring_regex(texts, _WITH_ZONE), min_count=0).as_py():
        times = [time for time in map(parse_time, texts.unique().to_pylist()) if time is not None]
    else:
        last = pc.max(texts).as_py()
        times = [time for time in [last and parse_time(last)] if time]
    return max(0, (max(times) - _EPOCH) // _MICROSECOND) if times else 0


def moment_of(microseconds: int) -> datetime:
    """The time that `newest_time` tells."""
    return _EPOCH + microseconds * _MICROSECOND


def _times(texts: pa.BinaryArray) -> pa.BinaryArray:
    return pc.struct_field(pc.extract_regex(texts, _TIME), "time")
