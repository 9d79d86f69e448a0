"""Decides which requests are captured: by their path, by a sample, and by a switch for all of them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from hashlib import blake2b
from pathlib import Path

from spark_model_monitor.capture.account import ErrorLog

ALL_REQUESTS_PERCENT = 100.0
_DIGEST_BYTES = 8
_NUM_DIGESTS = 2.0 ** (8 * _DIGEST_BYTES)

STATES = {"on": True, "off": False}


def is_sampled(key: str, percentage: float, seed: int) -> bool:
    """Whether the request with this key belongs to the sample of `percentage` percent.

    The result depends only on the arguments, so all servers with the same seed take the same requests, and the sample of a
    larger percentage contains that of a smaller one. The hash differs from the jobs' CRC (`--sample`): with the same hash, a
    job's sample would contain all captured requests or none.
    """
    if percentage >= ALL_REQUESTS_PERCENT:
        return True
    # The hash of key and seed gives each request a fixed position between 0 and 100 %
    salt = seed.to_bytes(8, "big", signed=True)
    digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES, salt=salt)
    return int.from_bytes(digest.digest(), "big") < percentage / ALL_REQUESTS_PERCENT * _NUM_DIGESTS


def parse_paths(paths: Collection[str] | None) -> frozenset[str] | None:
    """The paths that a middleware captures; None for all. Raises ValueError for a text, or for a path without a leading slash."""
    if paths is None:
        return None
    unique_paths = frozenset(paths)  # copied, as an iterator can be read only once
    if isinstance(paths, str) or not all(path.startswith("/") for path in unique_paths):
        raise ValueError(f"paths is {paths!r}; write a list of paths with a slash in front, such as ['/invocations']")
    return unique_paths


class CaptureSwitch:
    """The switch of a process, which every request asks. Its file is read at most every `seconds_between` seconds.

    enabled: the state without a file. A file whose content is neither on nor off leaves the state unchanged.
    """

    def __init__(
        self, enabled: bool, path: str | None, seconds: Callable[[], float], faults: ErrorLog, seconds_between: float
    ) -> None:
        self._is_on_by_default = enabled
        self._is_on = enabled
        self._path = None if path is None else Path(path)
        self._seconds = seconds
        self._faults = faults
        self._seconds_between = seconds_between
        self._next_seconds = float("-inf")

    def is_on(self) -> bool:
        """Whether a request that arrives now is captured."""
        # Read the file rarely, however many requests ask
        if self._path is not None and self._seconds() >= self._next_seconds:
            self._next_seconds = self._seconds() + self._seconds_between
            self._is_on = self._read(self._path)
        return self._is_on

    def _read(self, path: Path) -> bool:
        try:
            # KeyError if the text is neither on nor off: the state then stays as it was
            return STATES[path.read_text(encoding="utf-8").strip().lower()]
        except FileNotFoundError:
            return self._is_on_by_default
        except (OSError, ValueError, KeyError):
            self._faults.warn("%s: can't be read as a switch; write on or off", path)
            return self._is_on
