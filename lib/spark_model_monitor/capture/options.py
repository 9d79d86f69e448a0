"""What is captured (`CaptureOptions`), which requests of all, whether now, what that may cost (`CaptureLimits`); and the account.

Errors go to the log: the first of each kind at once, then one a minute.
"""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timezone
from functools import partial
from hashlib import blake2b
from pathlib import Path
from threading import Lock


@dataclass(frozen=True, slots=True)
class Clock:
    """now: the time, aware, UTC. seconds: a monotonic clock from any start."""

    now: Callable[[], datetime]
    seconds: Callable[[], float]


SYSTEM_CLOCK = Clock(partial(datetime.now, timezone.utc), time.monotonic)


@dataclass(frozen=True, slots=True)
class CaptureCounts:
    """Requests by what became of them.

    begun = switched_off + sampled_out + failed_requests + recorded + dropped + faults + those that are being answered. Of the
    recorded ones, `delivered` are in files that jobs see; without_data: recorded for their metadata alone, since they failed or
    were too large. delivered_files: among them those that a killed process had left behind, whose records are not counted.

    Examples
    --------
    >>> from spark_model_monitor.capture import CaptureOptions, CaptureWriter, LocalFolder, Payload
    >>> writer = CaptureWriter(LocalFolder("captures"), CaptureOptions(endpoint="churn"))
    >>> writer.end(writer.begin(), Payload("1,2", "text/csv"), Payload("0.9", "text/csv"))
    >>> writer.close()
    >>> writer.counts.delivered
    1
    """

    begun: int = 0
    switched_off: int = 0
    sampled_out: int = 0
    failed_requests: int = 0
    recorded: int = 0
    without_data: int = 0
    dropped_too_large: int = 0
    dropped_buffer_full: int = 0
    dropped_after_close: int = 0
    faults: int = 0
    delivered: int = 0
    delivered_files: int = 0

    @property
    def dropped(self) -> int:
        """Requests that should have been recorded and weren't."""
        return self.dropped_too_large + self.dropped_buffer_full + self.dropped_after_close


class Tally:
    """Thread-safe counts."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._numbers = {count.name: 0 for count in fields(CaptureCounts)}

    def add(self, name: str, number: int = 1) -> None:
        """Add to the member of `CaptureCounts` called `name`."""
        with self._lock:
            self._numbers[name] += number

    def counts(self) -> CaptureCounts:
        """All counts at one moment."""
        with self._lock:
            return replace(CaptureCounts(), **self._numbers)


QUIET_SECONDS = 60.0


class ErrorLog:
    """Warnings by kind. seconds: a monotonic clock."""

    def __init__(self, log: logging.Logger, seconds: Callable[[], float]) -> None:
        self._log = log
        self._seconds = seconds
        self._lock = Lock()
        self._quiet_until: dict[str, float] = {}
        self._held_back: dict[str, int] = {}

    def warn(self, text: str, *values: object) -> None:
        """Log a warning of the kind `text`, a format, with how many of its kind were held back before it.

        values: never anything of a request or an answer.
        """
        with self._lock:
            # Of one kind, at most one line a minute
            if self._seconds() < self._quiet_until.get(text, float("-inf")):
                self._held_back[text] = self._held_back.get(text, 0) + 1
                return
            self._quiet_until[text] = self._seconds() + QUIET_SECONDS
            held_back = self._held_back.pop(text, 0)
        self._log.warning(f"{text}%s", *values, f" ({held_back:,} more since the last such line)" if held_back else "")


ALL_REQUESTS_PERCENT = 100.0
_BYTES = 8
_VALUES = 2.0 ** (8 * _BYTES)


def is_sampled(key: str, percentage: float, seed: int) -> bool:
    """Whether the request with this key belongs to the sample of so many percent.

    The answer depends on the three arguments alone, so every server with the same seed takes the same requests, and a larger
    percentage takes those of a smaller one and more. Not the CRC by which the jobs sample (`--sample`): of captured requests
    that would take all or none.
    """
    if percentage >= ALL_REQUESTS_PERCENT:
        return True
    # A hash of key and seed: each request has a fixed place between 0 and 100 %
    salt = seed.to_bytes(8, "big", signed=True)
    digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=_BYTES, salt=salt)
    return int.from_bytes(digest.digest(), "big") < percentage / ALL_REQUESTS_PERCENT * _VALUES


def parse_paths(paths: Collection[str] | None) -> frozenset[str] | None:
    """The paths that a middleware captures, None for all. Raises ValueError for a text, or without a leading slash."""
    unique_paths = None if paths is None else frozenset(paths)  # copied, as an iterator can be read only once
    if isinstance(paths, str) or not all(path.startswith("/") for path in unique_paths or ()):
        raise ValueError(f"paths is {paths!r}; write a list of paths with a slash in front, such as ['/invocations']")
    return unique_paths


REQUEST = "REQUEST"
RESPONSE = "RESPONSE"

MEBIBYTE = 2**20

LARGEST_PAYLOAD = 6 * MEBIBYTE
"""The largest body of InvokeEndpoint, in and out. Source: botocore's model of sagemaker-runtime, `BodyBlob`."""

SEED_BITS = 63

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)
_YEAR = re.compile(r"\d{4}", re.ASCII)
_CONTENT_TYPE = re.compile(r"[^\s/;,]+/[^\s/;,]+")


@dataclass(frozen=True, kw_only=True)
class CaptureOptions:
    """What is captured of which requests, and under which name.

    endpoint, variant: the two folders above the years. sampling_percentage: 0 to 100; the same requests for the same
    `sampling_seed`. capture_options: "REQUEST", "RESPONSE" or both. csv_content_types, json_content_types: bodies of these
    types are captured as text, all others as BASE64. enable_capture: whether anything is; `switch` names a file that says so
    instead while the server runs, `on` or `off`. with_metadata: latency and status of every request go along, also of
    those that failed.

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
    max_payload_bytes: int = LARGEST_PAYLOAD
    encodings: dict[str, str] = field(init=False, repr=False, compare=False)
    """CSV or JSON by content type, in lower case."""

    def __post_init__(self) -> None:
        # All faults at once, not the first
        if faults := [*_check_names(self), *_check_sampling(self), *_check_content(self)]:
            raise ValueError("\n".join(faults))
        # Content types have no case
        encodings = {kind.lower(): "JSON" for kind in self.json_content_types}
        encodings |= {kind.lower(): "CSV" for kind in self.csv_content_types}
        object.__setattr__(self, "encodings", encodings)


@dataclass(frozen=True, kw_only=True)
class CaptureLimits:
    """How long records are held back, and how much room they may take meanwhile.

    flush_seconds: how long a record is in memory alone; this is what a killed process loses. rotate_seconds, rotate_bytes: a
    file is finished, so that jobs see it, when it is so old or so large. buffer_bytes: memory for records that could not be
    written yet. spool_bytes: disk for files that could not be delivered yet. Beyond either, records are dropped and counted.
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
        limits = ((limit.name, getattr(self, limit.name)) for limit in fields(self))
        if faults := [f"{name} is {value!r}; it has to be above 0" for name, value in limits if not _is_above_0(value)]:
            raise ValueError("\n".join(faults))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


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
    # True is a number to Python, but no percentage
    percentage = options.sampling_percentage
    seed = options.sampling_seed
    if not _is_number(percentage) or not 0 <= percentage <= 100:
        faults.append(f"sampling_percentage is {percentage!r}; it has to be a number from 0 to 100")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed.bit_length() > SEED_BITS:
        faults.append(f"sampling_seed is {seed!r}; it has to be a whole number of at most {SEED_BITS} bits")
    return faults


def _check_content(options: CaptureOptions) -> list[str]:
    faults = []
    # A text would be taken for a list of its letters
    chosen = options.capture_options
    if isinstance(chosen, str) or not chosen or not set(chosen) <= {REQUEST, RESPONSE}:
        faults.append(f"capture_options is {chosen!r}; write ['REQUEST'], ['RESPONSE'] or ['REQUEST', 'RESPONSE']")
    lists = {"csv_content_types": options.csv_content_types, "json_content_types": options.json_content_types}
    for name, kinds in lists.items():
        if isinstance(kinds, str) or not all(isinstance(kind, str) and _CONTENT_TYPE.fullmatch(kind) for kind in kinds):
            faults.append(
                f"{name} is {kinds!r}; write a list of content types without parameters, such as ['text/csv']"
            )
    # Only lists that are lists can be compared
    if not faults:
        csv, json = ({kind.lower() for kind in kinds} for kinds in lists.values())
        faults += [
            f"{kind!r} is in csv_content_types and in json_content_types; leave it in one"
            for kind in sorted(csv & json)
        ]
    if not isinstance(options.max_payload_bytes, int) or not _is_above_0(options.max_payload_bytes):
        faults.append(f"max_payload_bytes is {options.max_payload_bytes!r}; it has to be a whole number above 0")
    return faults


STATES = {"on": True, "off": False}


class CaptureSwitch:
    """One for a process, asked by every request; the file is read when it was not for `seconds_between`.

    enabled: without the file. What is neither on nor off changes nothing.
    """

    def __init__(
        self, enabled: bool, path: str | None, seconds: Callable[[], float], faults: ErrorLog, seconds_between: float
    ) -> None:
        self._enabled = self._is_on = enabled
        self._path = None if path is None else Path(path)
        self._seconds = seconds
        self._faults = faults
        self._seconds_between = seconds_between
        self._next_seconds = float("-inf")

    def is_on(self) -> bool:
        """Whether a request that arrives now is captured."""
        # The file is read once in a while, however many requests ask
        if self._path is not None and self._seconds() >= self._next_seconds:
            self._next_seconds = self._seconds() + self._seconds_between
            self._is_on = self._read(self._path)
        return self._is_on

    def _read(self, path: Path) -> bool:
        try:
            # Neither on nor off, or unreadable: as it was
            return STATES[path.read_text(encoding="utf-8").strip().lower()]
        except FileNotFoundError:
            return self._enabled
        except (OSError, ValueError, KeyError):
            self._faults.warn("%s: can't be read as a switch; write on or off", path)
            return self._is_on
