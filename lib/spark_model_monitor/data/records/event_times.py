"""Times of captured records: the times in captured lines, the newest one, and conversion to microseconds. Pure."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.records.windows import parse_time

_TIME = r'"inferenceTime"\s*:\s*"(?P<time>[ !#-\[\]-~]*)"'  # ASCII only: a line's bytes need not be text

METADATA_BYTES = (
    192  # last bytes of a captured line, which usually contain the metadata; if not, the whole line is searched
)


def extract_times(lines: pa.Array) -> pa.StringArray:
    """The `inferenceTime` of captured lines; null for lines without one."""
    lines = lines.cast(pa.binary())
    times = _extract_times(pc.binary_slice(lines, -METADATA_BYTES, None))
    if times.null_count:
        times = pc.replace_with_mask(times, times.is_null(), _extract_times(lines.filter(times.is_null())))
    return times.cast(pa.string())


def find_newest_time(texts: pa.StringArray) -> int:
    """The newest time in microseconds since 1970; 0 without times."""
    return max(0, pc.max(parse_microseconds(texts)).as_py() or 0)


def parse_microseconds(texts: pa.StringArray) -> pa.Int64Array:
    """The texts as times in microseconds since 1970; null for other texts. Parses every distinct text once."""
    micros = _parse_usual_times(texts)
    if micros is not None:
        return micros
    encoded = texts.dictionary_encode()
    times = [parse_time(text) for text in encoded.dictionary.to_pylist()]
    return pa.array(times, pa.timestamp("us", "UTC")).cast(pa.int64()).take(encoded.indices)


def _parse_usual_times(texts: pa.StringArray) -> pa.Int64Array | None:
    """The texts as times; None unless all have the service's time format."""
    is_usual = pc.match_substring_regex(texts, r"^[1-9]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
    if not pc.all(is_usual).as_py():
        return None
    try:
        return texts.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    except pa.ArrowInvalid:
        return None


def _extract_times(texts: pa.BinaryArray) -> pa.BinaryArray:
    return pc.struct_field(pc.extract_regex(texts, _TIME), "time")
