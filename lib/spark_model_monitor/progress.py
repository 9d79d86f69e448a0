"""How far something is that takes a while: a line on a terminal with the time left, where a program asked for it.

Standard library only.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Step = TypeVar("Step")

SILENT_SECONDS = 2.0  # shorter work shows no line

CLEAR_LINE = "\r\033[K"

_requests: list[bool] = []  # the requests of the program, the newest last; another thread may remove its own request


@contextmanager
def enable_progress(is_enabled: bool | None = None) -> Iterator[None]:
    """Inside the body, `show_progress` writes to the standard error if enabled; by default only if that is a terminal."""
    _requests.append(sys.stderr.isatty() if is_enabled is None else is_enabled)
    try:
        yield
    finally:
        _requests.pop()


def show_progress(steps: Iterable[Step], total: int, noun: str) -> Iterator[Step]:
    """Yield the steps, and show after each how many are done and how much time is left. noun: what the steps are called,
    such as "partitions".
    """
    # A library is silent unless the program has asked for progress
    if not _requests or not _requests[-1]:
        yield from steps
        return
    start_time = time.monotonic()
    is_shown = False
    try:
        for done_count, step in enumerate(steps, 1):
            elapsed_seconds = time.monotonic() - start_time
            # Short work shows no line, so that nothing flickers
            if elapsed_seconds >= SILENT_SECONDS:
                seconds_left = elapsed_seconds / done_count * (total - done_count)
                sys.stderr.write(f"{CLEAR_LINE}{done_count} of {total} {noun}, {_format_clock(seconds_left)} left")
                sys.stderr.flush()
                is_shown = True
            yield step
    # Clear the line after an error, too; otherwise the error's text would follow it on the same line
    finally:
        if is_shown:
            sys.stderr.write(CLEAR_LINE)
            sys.stderr.flush()


def _format_clock(seconds: float) -> str:
    minutes, seconds_of_minute = divmod(round(seconds), 60)
    return f"{minutes}:{seconds_of_minute:02}"
