"""Collects one exchange with a model as it passes through a server, and formats its record as a line of the service's JSON."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from spark_model_monitor.capture.options import REQUEST, RESPONSE, CaptureOptions

if TYPE_CHECKING:
    from spark_model_monitor.capture.writer import CaptureWriter

CONTENT_TYPE = "content-type"
INFERENCE_ID = "x-amzn-sagemaker-inference-id"
CONTENT_LENGTH = "content-length"
CUSTOM_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"

SERVER_ERROR = 500  # the status if the application raised
CLIENT_CLOSED_REQUEST = 499  # the status, as proxies log it, if the client did not wait for the answer

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
BASE64 = "BASE64"
EVENT_VERSION = "0"
INPUT = "endpointInput"  # the member of captureData with the request
OUTPUT = "endpointOutput"  # the member of captureData with the answer

REQUEST_METADATA = "requestMetadata"  # our own member, for latency and status; the service's readers skip it
FIRST_STATUS_OF_FAILURES = 400  # from this HTTP status on, there is no answer of the model


@dataclass(frozen=True, slots=True)
class Payload:
    """A body as bytes; a text is encoded as UTF-8. content_type: the value of this header; None if there was none.

    Examples
    --------
    >>> from spark_model_monitor.capture import Payload
    >>> Payload("132,10,182.9", "text/csv").content_type
    'text/csv'
    """

    body: bytes
    content_type: str | None = None

    def __post_init__(self) -> None:
        # Convert texts and mutable buffers to bytes, which can't change later
        if isinstance(self.body, str):
            object.__setattr__(self, "body", self.body.encode("utf-8", "backslashreplace"))
        elif isinstance(self.body, (bytearray, memoryview)):
            object.__setattr__(self, "body", bytes(self.body))


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request that has arrived and will be captured when it is answered.

    arrived: the time in UTC, time-zone aware. started_seconds: the arrival by a monotonic clock, for the latency.
    inference_id, custom_attributes: values of the caller's headers, if it sent them.

    Examples
    --------
    >>> from spark_model_monitor.capture import CaptureOptions, CaptureWriter, LocalFolder
    >>> with CaptureWriter(LocalFolder("captures"), CaptureOptions(endpoint="churn")) as writer:
    ...     writer.begin(inference_id="7").inference_id
    '7'
    """

    event_id: str
    arrived: datetime
    started_seconds: float
    inference_id: str | None = None
    custom_attributes: tuple[str, ...] = ()


class Body:
    """A body, of which at most the beginning is kept.

    at_most: once more than this number of bytes has come, further chunks are dropped. So a body that is too large can be
    recognized by its size, but doesn't fill the memory.
    """

    def __init__(self, at_most: int) -> None:
        self._room = at_most
        self._chunks: list[bytes] = []

    def add(self, chunk: object) -> None:
        """Add the next bytes. Other types are ignored: the server reports them."""
        # The chunk that exceeds the limit is kept, since it shows that the body was too large
        if self._room >= 0 and isinstance(chunk, (bytes, bytearray, memoryview)) and len(chunk):
            content = bytes(chunk)
            self._room -= len(content)
            self._chunks.append(content)

    @property
    def size_bytes(self) -> int:
        """The number of bytes that were kept."""
        return sum(map(len, self._chunks))

    @property
    def content(self) -> bytes:
        """The bytes that were kept."""
        if len(self._chunks) == 1:
            return self._chunks[0]
        return b"".join(self._chunks)


class Conversation:
    """One request and its answer. status: the HTTP status that was sent."""

    def __init__(self, writer: CaptureWriter, exchange: Exchange, content_type: str | None) -> None:
        self._writer = writer
        self._exchange: Exchange | None = exchange
        self._request_type = content_type
        self.request = Body(writer.options.max_payload_bytes)
        self.response_type: str | None = None
        self.response = Body(writer.options.max_payload_bytes)
        self.status = SERVER_ERROR

    def end(self, status: int | None = None) -> None:
        """Capture the exchange. Further calls do nothing, as for a failure after the answer. status: None for the status sent."""
        # The writer ignores None, so the exchange is captured only once
        exchange = self._exchange
        self._exchange = None
        if status is None:
            status = self.status
        request = Payload(self.request.content, self._request_type)
        response = Payload(self.response.content, self.response_type)
        self._writer.end(exchange, request, response, status=status)


def build_halves(
    request: Payload | None, response: Payload | None, options: CaptureOptions
) -> dict[str, dict[str, str | None]]:
    """The members of captureData: the payloads that exist and that the options request."""
    # A half that is not captured has no member
    halves = {}
    if request is not None and REQUEST in options.capture_options:
        halves[INPUT] = _build_half(request, "INPUT", options.encodings)
    if response is not None and RESPONSE in options.capture_options:
        halves[OUTPUT] = _build_half(response, "OUTPUT", options.encodings)
    return halves


def format_record(exchange: Exchange, halves: Mapping[str, Any], metadata: Mapping[str, Any] | None) -> bytes:
    """The record in UTF-8, with its line end. metadata: the content of `requestMetadata`; None to write no such member."""
    # Members in the service's order
    event: dict[str, Any] = {"eventId": exchange.event_id}
    if exchange.inference_id is not None:
        event["inferenceId"] = exchange.inference_id
    if exchange.custom_attributes:
        event["customAttributes"] = list(exchange.custom_attributes)
    event["inferenceTime"] = exchange.arrived.strftime("%Y-%m-%dT%H:%M:%SZ")  # as the service writes it
    record: dict[str, Any] = {"captureData": halves, "eventMetadata": event}
    if metadata is not None:
        record[REQUEST_METADATA] = metadata
    record["eventVersion"] = EVENT_VERSION
    # Half a surrogate pair can't be encoded as UTF-8; backslashreplace writes it as an escape of JSON
    return _JSON.encode(record).encode("utf-8", "backslashreplace") + b"\n"


def build_request_metadata(latency_seconds: float, status: int, sampling_percentage: float) -> dict[str, float]:
    """A request's metadata: latency in milliseconds, HTTP status, sampling percentage."""
    return {"latencyMs": round(latency_seconds * 1000, 3), "status": status, "samplingPercentage": sampling_percentage}


def _build_half(payload: Payload, mode: str, encodings: Mapping[str, str]) -> dict[str, str | None]:
    data, encoding = encode_body(payload, encodings)
    return {"observedContentType": payload.content_type, "mode": mode, "data": data, "encoding": encoding}


def encode_body(payload: Payload, encodings: Mapping[str, str]) -> tuple[str, str]:
    """A body as text, and the encoding of the text: CSV, JSON or BASE64.

    encodings: CSV or JSON by content type, in lower case. A body with such a type is nevertheless encoded as BASE64 if it
    can't be decoded in its charset (by default UTF-8), for example because it is compressed; so nothing is lost.
    """
    # The header has the form `text/csv; charset=latin-1`
    media_type, _, parameters = (payload.content_type or "").partition(";")
    encoding = encodings.get(media_type.strip().lower())
    if encoding is not None:
        try:
            return payload.body.decode(_parse_charset(parameters)), encoding
        except (UnicodeDecodeError, LookupError):
            pass
    return b64encode(payload.body).decode("ascii"), BASE64


@lru_cache(maxsize=64)
def _parse_charset(parameters: str) -> str:
    """The charset among the parameters of a content type. Cached, since a server sees few different parameters."""
    if "charset" not in parameters.lower():
        return "utf-8"
    # This parser of the standard library handles quotes and escapes
    header = Message()
    header["Content-Type"] = f"text/plain;{parameters}"
    return header.get_content_charset("utf-8")
