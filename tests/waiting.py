"""Waiting for what processes do: for an event, never for a time."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def wait_for(
    find_value: Callable[[], T], description: str, *processes: subprocess.Popen[Any], pause_seconds: float = 0.01
) -> T:
    """The first value that is not None, False or empty. processes: without them it does not come, so that they must not end.

    A busy machine may take as long as it likes. What never comes is ended by the time limit of the whole test.
    """
    while not (value := find_value()):
        ended = [process.args for process in processes if process.poll() is not None]
        # Asked once more: it may have come just before the end
        assert not ended or find_value(), f"{description} did not come, and these have ended: {ended}"
        time.sleep(pause_seconds)
    return value
