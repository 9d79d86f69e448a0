"""The options of capturing (`CaptureOptions`), and the memory, disk and time that it may use (`CaptureLimits`)."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass, field, fields

REQUEST = "REQUEST"
RESPONSE = "RESPONSE"

MEBIBYTE = 2**20

MAX_PAYLOAD_BYTES = 6 * MEBIBYTE
"""The largest body of InvokeEndpoint, in and out. Source: botocore's model of sagemaker-runtime, `BodyBlob`."""

SEED_BITS = 63

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)
_YEAR = re.compile(r"\d{4}", re.ASCII)
_CONTENT_TYPE = re.compile(r"[^\s/;,]+/[^\s/;,]+")


@dataclass(frozen=True, kw_only=True)
class CaptureOptions:
    """What is captured of which requests, and under which name.

    endpoint, variant: the two folders above the years.
    sampling_percentage: from 0 to 100; the same requests for the same `sampling_seed`.
    capture_options: "REQUEST", "RESPONSE" or both.
    csv_content_types, json_content_types: bodies of these types are captured as text, all others as BASE64.
    enable_capture: whether anything is captured.
    switch: a file that says so instead, `on` or `off`, while the server runs.
    with_metadata: whether latency and status of every request are captured, also of those that failed.
    max_payload_bytes: a request with a larger body is not captured.

    Raises ValueError if an option can't be; all faults are in its text.
    Source: C3.1; DataCaptureConfig of sagemaker 2.257.7.

    Examples
    --------
    >>> from spark_model_monitor.capture import CaptureOptions
    >>> CaptureOptions(endpoint="churn", sampling_percentage=20).variant
    'AllTraffic'
    """

    endpoint: str
    variant: str = "AllTraffic"
    sampling_percentage: float = 100.0
    sampling_seed: int = 0
    capture_options: Collection[str] = (REQUEST, RESPONSE)
    csv_content_types: Collection[str] = ("text/csv",)
    json_content_types: Collection[str] = ("application/json",)
    enable_capture: bool = True
    switch: str | None = None
    with_metadata: bool = False
    max_payload_bytes: int = MAX_PAYLOAD_BYTES
    encodings: dict[str, str] = field(init=False, repr=False, compare=False)
    """CSV or JSON by content type, in lower case."""

    def __post_init__(self) -> None:
        # Report all faults at once
        faults = [*_check_names(self), *_check_sampling(self), *_check_content(self)]
        if faults:
            raise ValueError("\n".join(faults))
        # Content types are case-insensitive
        encodings = {content_type.lower(): "JSON" for content_type in self.json_content_types}
        encodings |= {content_type.lower(): "CSV" for content_type in self.csv_content_types}
        object.__setattr__(self, "encodings", encodings)


@dataclass(frozen=True, kw_only=True)
class CaptureLimits:
    """How long records are held back, and how much room they may take meanwhile.

    flush_seconds: how long a record is in memory alone; a killed process loses that much.
    rotate_seconds, rotate_bytes: the age and the size at which a file is finished, so that jobs see it.
    buffer_bytes: memory for records that could not be written yet; further records are dropped and counted.
    spool_bytes: disk for files that could not be delivered yet; further records are dropped and counted.
    retry_seconds: the first pause after a failed delivery; it doubles up to `rotate_seconds`.

    Raises ValueError if one of them is not above 0.

    Examples
    --------
    >>> from spark_model_monitor.capture import CaptureLimits
    >>> CaptureLimits(rotate_seconds=300).flush_seconds
    1.0
    """

    flush_seconds: float = 1.0
    rotate_seconds: float = 60.0
    rotate_bytes: int = 16 * MEBIBYTE
    buffer_bytes: int = 32 * MEBIBYTE
    spool_bytes: int = 1024 * MEBIBYTE
    retry_seconds: float = 1.0

    def __post_init__(self) -> None:
        limits = {limit.name: getattr(self, limit.name) for limit in fields(self)}
        faults = [
            f"{name} is {value!r}; it has to be above 0" for name, value in limits.items() if not _is_above_0(value)
        ]
        if faults:
            raise ValueError("\n".join(faults))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_content_type(text: str) -> bool:
    return isinstance(text, str) and _CONTENT_TYPE.fullmatch(text) is not None


def _is_above_0(value: object) -> bool:
    return _is_number(value) and value > 0  # type: ignore[operator]


def _check_names(options: CaptureOptions) -> list[str]:
    return [
        f"{option} is {name!r}; it becomes a folder, so write letters, digits, '.', '_' and '-' (at most 63, a letter or digit "
        "first), and no year"
        for option, name in (("endpoint", options.endpoint), ("variant", options.variant))
        if not isinstance(name, str) or not _NAME.fullmatch(name) or _YEAR.fullmatch(name)
    ]


def _check_sampling(options: CaptureOptions) -> list[str]:
    switches = {"enable_capture": options.enable_capture, "with_metadata": options.with_metadata}
    faults = [
        f"{name} is {value!r}; it has to be True or False"
        for name, value in switches.items()
        if not isinstance(value, bool)
    ]
    # In Python, True is a number, but it isn't a percentage
    percentage = options.sampling_percentage
    seed = options.sampling_seed
    if not _is_number(percentage) or not 0 <= percentage <= 100:
        faults.append(f"sampling_percentage is {percentage!r}; it has to be a number from 0 to 100")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed.bit_length() > SEED_BITS:
        faults.append(f"sampling_seed is {seed!r}; it has to be a whole number of at most {SEED_BITS} bits")
    return faults


def _check_content(options: CaptureOptions) -> list[str]:
    faults = []
    # A text would be taken for a list of its characters
    halves = options.capture_options
    if isinstance(halves, str) or not halves or not set(halves) <= {REQUEST, RESPONSE}:
        faults.append(f"capture_options is {halves!r}; write ['REQUEST'], ['RESPONSE'] or ['REQUEST', 'RESPONSE']")
    lists = {"csv_content_types": options.csv_content_types, "json_content_types": options.json_content_types}
    for name, content_types in lists.items():
        if isinstance(content_types, str) or not all(map(_is_content_type, content_types)):
            faults.append(
                f"{name} is {content_types!r}; write a list of content types without parameters, such as ['text/csv']"
            )
    # The lists can be compared only if they are correct
    if not faults:
        csv_types = set(map(str.lower, options.csv_content_types))
        json_types = set(map(str.lower, options.json_content_types))
        faults += [
            f"{content_type!r} is in csv_content_types and in json_content_types; leave it in one"
            for content_type in sorted(csv_types & json_types)
        ]
    if not isinstance(options.max_payload_bytes, int) or not _is_above_0(options.max_payload_bytes):
        faults.append(f"max_payload_bytes is {options.max_payload_bytes!r}; it has to be a whole number above 0")
    return faults
