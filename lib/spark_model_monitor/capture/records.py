"""One exchange with a model, as it passes through a server, and its captured record: a line of the service's JSON."""

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

SERVER_ERROR = 500  # of an application that raised
CLIENT_CLOSED_REQUEST = 499  # of a client that did not wait for the answer, as proxies log it

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
BASE64 = "BASE64"
EVENT_VERSION = "0"
INPUT = ("endpointInput", "INPUT")

OUTPUT = ("endpointOutput", "OUTPUT")
"""A half's member of captureData, and its mode."""

REQUEST_METADATA = "requestMetadata"  # the member for latency and status. Ours: readers of the service skip it.
FIRST_STATUS_OF_FAILURES = 400  # HTTP statuses from here on mean that there is no answer of the model


@dataclass(frozen=True, slots=True)
class Payload:
    """A body as sent over the wire; a text is sent in UTF-8. content_type: its header, None if there was none.

    Examples
    --------
    >>> from spark_model_monitor.capture import Payload
    >>> Payload("132,10,182.9", "text/csv").content_type
    'text/csv'
    """

    body: bytes
    content_type: str | None = None

    def __post_init__(self) -> None:
        # Texts and views become bytes that nobody changes later
        if isinstance(self.body, str):
            text = self.body.encode("utf-8", "backslashreplace")
        else:
            text = self.body
        object.__setattr__(self, "body", bytes(text) if isinstance(text, (bytearray, memoryview)) else text)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request that has arrived and is to be captured when it is answered.

    arrived: aware, UTC. started_seconds: when it arrived by a clock that never goes back, for the latency. inference_id,
    custom_attributes: what the caller sent along, if it did.

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
    """The beginning of a body, or all of it.

    at_most: nothing is kept of what comes after so many bytes, so that a body that was too large is longer than that and
    does not fill the memory.
    """

    def __init__(self, at_most: int) -> None:
        self._room = at_most
        self._chunks: list[bytes] = []

    def add(self, chunk: object) -> None:
        """Add the next bytes; other types are left to the server to judge."""
        # One chunk may exceed the limit, which shows that the body was too large
        if self._room >= 0 and isinstance(chunk, (bytes, bytearray, memoryview)) and len(chunk):
            content = bytes(chunk)
            self._room -= len(content)
            self._chunks.append(content)

    @property
    def size_bytes(self) -> int:
        """The number of bytes kept."""
        return sum(map(len, self._chunks))

    @property
    def content(self) -> bytes:
        """The bytes kept."""
        if len(self._chunks) == 1:
            return self._chunks[0]
        return b"".join(self._chunks)


class Conversation:
    """One request and its answer. status: the one that was sent."""

    def __init__(self, writer: CaptureWriter, exchange: Exchange, content_type: str | None) -> None:
        self._writer = writer
        self._exchange: Exchange | None = exchange
        self._request_type = content_type
        self.request = Body(writer.options.max_payload_bytes)
        self.response_type: str | None = None
        self.response = Body(writer.options.max_payload_bytes)
        self.status = SERVER_ERROR

    def end(self, status: int | None = None) -> None:
        """Capture, once: a failure after the answer was sent changes nothing. status: None for the one sent."""
        # The writer takes None for a request that is not captured, or was already
        exchange = self._exchange
        self._exchange = None
        self._writer.end(
            exchange,
            Payload(self.request.content, self._request_type),
            Payload(self.response.content, self.response_type),
            status=self.status if status is None else status,
        )


def build_halves(
    request: Payload | None, response: Payload | None, options: CaptureOptions
) -> dict[str, dict[str, str | None]]:
    """The members of captureData: the payloads that exist and that the options request."""
    # A half that is not captured is no member
    halves = {}
    if request is not None and REQUEST in options.capture_options:
        halves[INPUT[0]] = _build_half(request, INPUT[1], options.encodings)
    if response is not None and RESPONSE in options.capture_options:
        halves[OUTPUT[0]] = _build_half(response, OUTPUT[1], options.encodings)
    return halves


def format_record(exchange: Exchange, halves: Mapping[str, Any], metadata: Mapping[str, Any] | None) -> bytes:
    """The record in UTF-8 with its line end. metadata: the content of `requestMetadata`, None for no such member."""
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
    # half of a surrogate pair, which has no UTF-8, becomes its escape in JSON
    return _JSON.encode(record).encode("utf-8", "backslashreplace") + b"\n"


def request_metadata(latency_seconds: float, status: int, sampling_percentage: float) -> dict[str, float]:
    """A request's metadata: latency in milliseconds, HTTP status, sampling percentage."""
    return {"latencyMs": round(latency_seconds * 1000, 3), "status": status, "samplingPercentage": sampling_percentage}


def _build_half(payload: Payload, mode: str, encodings: Mapping[str, str]) -> dict[str, str | None]:
    data, encoding = encode_body(payload, encodings)
    return {"observedContentType": payload.content_type, "mode": mode, "data": data, "encoding": encoding}


def encode_body(payload: Payload, encodings: Mapping[str, str]) -> tuple[str, str]:
    """A body as text, and the encoding that says what the text is: CSV, JSON or BASE64.

    encodings: CSV or JSON by content type, in lower case. A body of such a type that is no text in its charset (UTF-8 if the
    header names none; a compressed one, too) is BASE64, so that nothing is lost.
    """
    # `text/csv; charset=latin-1`
    kind, _, parameters = (payload.content_type or "").partition(";")
    encoding = encodings.get(kind.strip().lower())
    if encoding is not None:
        try:
            return payload.body.decode(_parse_charset(parameters)), encoding
        except (UnicodeDecodeError, LookupError):
            pass
    return b64encode(payload.body).decode("ascii"), BASE64


@lru_cache(maxsize=64)
def _parse_charset(parameters: str) -> str:
    """The charset among the parameters of a content type, few of which a server sees."""
    if "charset" not in parameters.lower():
        return "utf-8"
    # The standard library's parser knows quotes and escapes
    header = Message()
    header["Content-Type"] = f"text/plain;{parameters}"
    return header.get_content_charset("utf-8")
