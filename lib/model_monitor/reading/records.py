"""Captured lines as records: parsed once by Spark with a fixed schema, and judged as far as a record as a whole can be.

What comes out is one row for each line: the halves' payloads and encodings, and the reason for refusing the record, if there
is one. `decoding` says the same of one line in plain Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame

from model_monitor.reading.decoding import BASE64, CSV, JSON, Reading
from model_monitor.reading.refusals import REASON, Refusal
from model_monitor.reading.sampling import limit_of
from model_monitor.reading.text_lines import BLOCK_START, FILE, LINE, is_utf_8
from model_monitor.reading.windows import HOUR_FOLDER, TIME, Window

RECORD, COMPLETE, MALFORMED = "__record", "__complete", "__malformed"
OPTIONS = {"allowSingleQuotes": "false", "columnNameOfCorruptRecord": MALFORMED, "mode": "PERMISSIVE"}

REPLACED = "\ufffd"
"""What Spark's JSON parser makes of bytes that are not UTF-8."""

HOURS_BY_LETTERS = 24
"""A pattern of more hours would be slower than reading the time."""

DATA, ENCODING = "__data{}", "__encoding{}"
"""The payload of the first half, without the line ends behind its last row, and its encoding in capitals; of the second, …"""


def parsed_records(lines: DataFrame, reading: Reading) -> DataFrame:
    """`lines` with `REASON` and, for each of the reading's halves in the order of their columns, payload and encoding."""
    schema = f"{RECORD} {_record_type(reading)}, {COMPLETE} boolean, {MALFORMED} string"
    # a generator keeps Spark from parsing the line once for every use
    parsed = lines.select("*", F.inline(F.array(F.from_json(_wrapped(), schema, OPTIONS))))
    halves = [F.col(f"{RECORD}.captureData.{half}") for half in reading.ordered_halves]
    members = [F.struct(_reason(halves, reading).alias(REASON), *_payloads(halves))]
    return parsed.select(LINE, FILE, BLOCK_START, F.inline(F.array(*members)))


def _wrapped() -> Column:
    """The line with a member behind it: Spark stops reading at the end of the first value, so that only this member proves
    that the line was one value to its end."""
    return F.concat(F.lit(f'{{"{RECORD}":'), F.col(LINE), F.lit(f',"{COMPLETE}":true}}'))


def _is_json() -> Column:
    """Whether the line is one JSON value. After a fault within a member that is asked for Spark may read on regardless."""
    return F.from_json(_wrapped(), f"{COMPLETE} boolean", OPTIONS).getField(COMPLETE).isNotNull()


def _record_type(reading: Reading) -> str:
    """Only what is used: each member more costs a tenth of the time, and a fault in it would not matter."""
    halves = ",".join(f"{half}:struct<data:string,encoding:string>" for half in reading.ordered_halves)
    metadata = ["inferenceTime:string"] * (reading.window is not None) + ["eventId:string"] * (
        reading.sample is not None
    )
    event = [f"eventMetadata:struct<{','.join(metadata)}>"] if metadata else []
    return f"struct<{','.join([f'captureData:struct<{halves}>', *event])}>"


def _payloads(halves: Sequence[Column]) -> list[Column]:
    """Null where there is none."""
    columns = []
    for index, half in enumerate(halves):
        data = half.getField("data")
        without_end = F.call_function("rtrim", F.lit("\r\n"), data)
        columns.append(F.when(data.endswith("\n"), without_end).otherwise(data).alias(DATA.format(index)))
        columns.append(F.upper(half.getField("encoding")).alias(ENCODING.format(index)))
    return columns


def _reason(halves: Sequence[Column], reading: Reading) -> Column:
    """The first of the reasons for which `decoding.decode` refuses a record before it looks at its rows."""
    payloads = [half.getField("data") for half in halves]
    encodings = [half.getField("encoding") for half in halves]
    reason = F.when(
        F.col(COMPLETE).isNull() | (F.col(MALFORMED).isNotNull() & ~_is_json()),
        F.when(is_utf_8(F.col(LINE)), Refusal.NOT_A_JSON_OBJECT).otherwise(Refusal.NOT_UTF_8),
    ).when(F.col(MALFORMED).isNotNull() | F.col(f"{RECORD}.captureData").isNull(), Refusal.NOT_A_CAPTURE)
    plain = F.col(COMPLETE).isNotNull() & F.col(MALFORMED).isNull() & _is_plain(payloads, encodings, reading)
    if reading.window is not None:
        text = F.col(f"{RECORD}.eventMetadata.inferenceTime")
        time, start, end = time_of(text), F.lit(reading.window.start), F.lit(reading.window.end)
        plain = plain & _is_plainly_within(text, reading.window)
        reason = reason.when(time.isNull(), Refusal.UNREADABLE_TIME)
        reason = reason.when((time < start) | (time >= end), Refusal.OUTSIDE_WINDOW)
    if reading.sample is not None:
        event_id = F.coalesce(F.col(f"{RECORD}.eventMetadata.eventId"), F.col(LINE))
        sampled = F.crc32(event_id.cast("binary")) < limit_of(reading.sample)
        plain = plain & sampled
        reason = reason.when(~sampled, Refusal.SAMPLED_OUT)
    # one condition settles most records; the reasons are looked for only when it fails
    return F.when(plain, 0).otherwise(reason.otherwise(_fault_of_encodings(payloads, encodings, reading)))


def _is_plain(payloads: Sequence[Column], encodings: Sequence[Column], reading: Reading) -> Column:
    """Whether there is data in every half, with the encoding that is expected and nothing that looks like a bad byte."""
    plain = F.lit(True)
    for data, encoding in zip(payloads, encodings, strict=True):
        expected = encoding == reading.encoding if reading.encoding else encoding.isin(CSV, JSON)
        plain = plain & expected & ~data.contains(REPLACED)
    return plain


def _is_plainly_within(text: Column, window: Window) -> Column:
    """Whether a time as the service writes it is in one of the window's whole hours: told from its letters alone, which
    takes a third of the time that reading it would."""
    hours = [hour.strftime("%Y-%m-%dT%H") for hour in islice(window.whole_hours(), HOURS_BY_LETTERS)]
    return text.rlike(f"^(?:{'|'.join(hours)}):[0-5][0-9]:[0-5][0-9]Z$") if hours else F.lit(False)


def _fault_of_encodings(payloads: Sequence[Column], written: Sequence[Column], reading: Reading) -> Column:
    """Why data and encodings of the halves are refused, null if they aren't; a half without data does not count."""
    encodings = [
        F.when(data.isNotNull(), F.coalesce(F.upper(encoding), F.lit("")))
        for data, encoding in zip(payloads, written, strict=True)
    ]
    first = F.coalesce(*encodings)
    bad_base64 = [(encoding == BASE64) & ~_is_base64(data) for encoding, data in zip(encodings, payloads, strict=True)]
    fault = (
        F.when(first.isNull(), Refusal.NO_PAYLOAD)
        .when(_any([~encoding.isin(CSV, JSON, BASE64) for encoding in encodings]), Refusal.UNKNOWN_ENCODING)
        .when(_any(bad_base64), Refusal.BAD_BASE64)
    )
    if reading.encoding:
        fault = fault.when(_any([encoding != first for encoding in encodings]), Refusal.ENCODING_MISMATCH)
    fault = fault.when(_any([encoding == BASE64 for encoding in encodings]), Refusal.BASE64_WITHOUT_SCRIPT)
    if reading.encoding:
        fault = fault.when(first != reading.encoding, Refusal.ANOTHER_ENCODING)
    replaced = _any([data.contains(REPLACED) for data in payloads])
    return fault.when(replaced & ~is_utf_8(F.col(LINE)), Refusal.NOT_UTF_8).otherwise(0)


def time_of(text: Column) -> Column:
    """The time that a text is, or the file's hour by its folder where the text is null; null if it can't be read."""
    zoned = F.when(text.rlike("(Z|[+-]..:..)$"), text).otherwise(F.concat(text, F.lit("Z")))
    written = F.when(text.rlike(f"^(?:{TIME.pattern})$"), F.try_to_timestamp(zoned))
    parts = [F.regexp_extract(FILE, HOUR_FOLDER, group) for group in range(1, 5)]
    hour = F.concat(parts[0], F.lit("-"), parts[1], F.lit("-"), parts[2], F.lit("T"), parts[3], F.lit(":00:00Z"))
    return F.when(text.isNotNull(), written).otherwise(F.try_to_timestamp(hour))


def _is_base64(data: Column) -> Column:
    packed = F.regexp_replace(data, r"\s", "")
    return packed.rlike("^[A-Za-z0-9+/]*={0,2}$") & (F.length(packed) % 4 == 0)


def _any(conditions: Sequence[Column]) -> Column:
    """Whether one of the conditions is true; one that is null is not."""
    found = F.lit(False)
    for condition in conditions:
        found = found | F.coalesce(condition, F.lit(False))
    return found
