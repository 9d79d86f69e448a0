"""Defines what a reader of a request log returns for each record, and what readers share: payloads, times, CloudEvents.

Pure; runs on executors.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime, timezone
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from spark_model_monitor.data.records import BASE64, CSV, JSON
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.data.records.windows import convert_microseconds, count_microseconds, parse_time
from spark_model_monitor.registry import Registry
from spark_model_monitor.value_class import value_class

LogValue: TypeAlias = "str | bytes | float | bool | Sequence[LogValue] | Mapping[str, LogValue] | None"
Document: TypeAlias = Mapping[str, LogValue]  # a record: a JSON object, or a row of a table by column name

LATEST = count_microseconds(datetime(9999, 12, 31, tzinfo=timezone.utc))

TICK_MICROSECONDS = {10**11: 1_000_000, 10**14: 1_000, 10**17: 1}
"""The unit of a numeric time since 1970, in microseconds, by the bound that the number is below: seconds, milliseconds or
microseconds. Larger numbers are nanoseconds. Seconds reach 10**11 in the year 5138, milliseconds reached it in 1973."""

NANOSECONDS_IN_A_MICROSECOND = 1_000
_FRACTION = re.compile(r"(.{19})\.([0-9]{1,9})Z", re.DOTALL)  # a time with a fraction of a second, in UTC
MICROSECONDS_OF_A_SECOND = 1_000_000

READERS: Registry[MakeReader] = Registry("server with a request log")
GOOD_STATUS = 200


class EventRole(IntEnum):
    """The payloads that an event has. The order of the values is the order in which the events of one id are joined."""

    REQUEST = 0
    ANSWER = 1
    EXCHANGE = 2  # both


class LoggedPayload(NamedTuple):
    """A request's or an answer's body. encoding: CSV, JSON or BASE64, as in captured records."""

    text: str
    encoding: str


class LoggedEvent(NamedTuple):
    """One record of a log.

    key: the id that a request and its answer share.
    time: in microseconds since 1970.
    client_key: the id that the client sent; if there is one, labels are joined by it instead of `key`.
    skip_reason: why a correct record without payloads doesn't become a capture.
    """

    role: EventRole
    key: str | None
    time: int | None
    request: LoggedPayload | None = None
    answer: LoggedPayload | None = None
    client_key: str | None = None
    status: int | None = None
    latency_ms: float | None = None
    sampling_percentage: float | None = None
    skip_reason: Refusal | None = None


@value_class
class LogReader:
    """How to read a log.

    read_event: turns a record into an event. Pure; raises KeyError, TypeError or ValueError for a record of another kind.
    limitation: a sentence for the user on what can't be concluded from the log.
    has_separate_halves: whether a request and its answer are separate records, and both are requested.
    columns: the columns of a table that are read.
    time_columns: the columns that may have a record's time, as a timestamp or in milliseconds since 1970.
    uses_file_times: whether a record without a time gets the time of its file.
    only_half: the only requested half; None if both are requested.
    """

    read_event: Callable[[Document], LoggedEvent]
    limitation: str
    has_separate_halves: bool = False
    columns: tuple[str, ...] = ()
    time_columns: tuple[str, ...] = ()
    uses_file_times: bool = False
    only_half: EventRole | None = None

    def select_half(self, role: EventRole) -> LogReader:
        """A reader for one half, which doesn't wait for the other half."""
        if not self.has_separate_halves:
            return self
        return replace(self, has_separate_halves=False, only_half=role)


MakeReader = Callable[[], LogReader]


def register_reader(
    name: str, *, signatures: Sequence[Set[str]], event_type: str
) -> Callable[[MakeReader], MakeReader]:
    """Decorator that enters the reader of a server's log.

    signatures: sets of members; each record of the log has all members of one set. event_type: the beginning of the types of
    its events; empty if events have no type.
    """
    return READERS.register(name, signatures=signatures, event_type=event_type)


def read_payload(value: LogValue, content_type: LogValue = None) -> LoggedPayload | None:
    """The payload of a logged body, which is a text, bytes or a JSON value; None for null."""
    if value is None:
        return None
    if isinstance(value, bytes):
        content = value
        try:
            value = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            return LoggedPayload(base64.b64encode(content).decode(), BASE64)
    if not isinstance(value, str):
        rows = value
        if not isinstance(value, (Mapping, list)):
            rows = [value]
        return LoggedPayload(json.dumps(rows, separators=(",", ":"), ensure_ascii=False), JSON)
    if value.lstrip().startswith(("{", "[")):
        return LoggedPayload(value, JSON)
    if "json" in str(content_type).lower():
        return LoggedPayload(f"[{value}]", JSON)
    return LoggedPayload(value, CSV)


def parse_moment(value: LogValue) -> int | None:
    """The microseconds since 1970 of a logged time, which is a text or a number; None if the value isn't a time."""
    if not isinstance(value, str):
        return _convert_ticks(value)
    text = value.strip().upper().replace(" UTC", "Z").removesuffix("+0000")
    match = _FRACTION.fullmatch(text)
    if match is not None:
        # Most times differ in the fraction, so only the whole second is cached
        second = _parse_second(f"{match[1]}Z")
        if second is not None:
            return second + int(match[2][:6].ljust(6, "0"))
    moment = _parse_second(text)
    if moment is None and text.isdecimal() and len(text) <= len(str(2**63)):
        return _convert_ticks(int(text))
    return moment


def _convert_ticks(value: LogValue) -> int | None:
    """The microseconds since 1970 of a number of seconds, milliseconds, microseconds or nanoseconds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 2**63:
        return None
    for bound, microseconds in TICK_MICROSECONDS.items():
        if value < bound:
            return min(int(value * microseconds), LATEST)
    return int(value) // NANOSECONDS_IN_A_MICROSECOND


@lru_cache(maxsize=2**12)
def _parse_second(text: str) -> int | None:
    """The microseconds of a time in text; cached, since many events share a second."""
    time = parse_time(text)
    return None if time is None else count_microseconds(time)


def format_moment(microseconds: int) -> str:
    """A time as text, in the format of captures."""
    seconds, fraction = divmod(microseconds, MICROSECONDS_OF_A_SECOND)
    return f"{_format_second(seconds)}.{fraction:06}Z" if fraction else f"{_format_second(seconds)}Z"


@lru_cache(maxsize=2**12)
def _format_second(seconds: int) -> str:
    return convert_microseconds(seconds * MICROSECONDS_OF_A_SECOND).isoformat().removesuffix("+00:00")


def read_text(value: LogValue) -> str | None:
    """An id as text; None for null and an empty text."""
    return None if value is None else str(value) or None


def read_number(value: LogValue) -> float | None:
    """A finite number, also if it is written as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def read_status(value: LogValue) -> int | None:
    """An HTTP status; None if the log has none."""
    number = read_number(value)
    return int(number) if number is not None and 0 <= number < 1000 else None


def read_role(event_type: LogValue) -> EventRole:
    """Whether an event of this type is a request or an answer. Raises ValueError for other types."""
    ending = str(event_type).lower()
    if ending.endswith(("request", "inputs")):
        return EventRole.REQUEST
    if ending.endswith(("response", "outputs")):
        return EventRole.ANSWER
    raise ValueError("the type of an event is neither a request's nor an answer's")


def read_cloud_event(event: Document, key: str | None, skip_reason: Refusal | None = None) -> LoggedEvent:
    """The event of a structured CloudEvent, which is one half of an exchange. key: the id that both halves share.

    Source: CloudEvents 1.0, "JSON Event Format".
    """
    role = read_role(event["type"])
    data = event.get("data")
    if isinstance(event.get("data_base64"), str):
        data = base64.b64decode(str(event["data_base64"]))
    payload = None if skip_reason is not None else read_payload(data, event.get("datacontenttype"))
    return make_half_event(role, key, parse_moment(event.get("time")), payload, skip_reason)


def make_half_event(
    role: EventRole,
    key: str | None,
    time: int | None,
    payload: LoggedPayload | None,
    skip_reason: Refusal | None = None,
) -> LoggedEvent:
    """The event of a request, or of an answer."""
    event = LoggedEvent(role, key, time, skip_reason=skip_reason)
    if role is EventRole.REQUEST:
        return event._replace(request=payload)
    return event._replace(answer=payload)
