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

CLEARED = "\r\033[K"

_REQUESTED: list[bool] = []  # the requests of the program, the newest last; another thread may remove its own request


@contextmanager
def enable_progress(is_enabled: bool | None = None) -> Iterator[None]:
    """Inside the body, `show_progress` writes to the standard error if enabled; by default only if that is a terminal."""
    _REQUESTED.append(sys.stderr.isatty() if is_enabled is None else is_enabled)
    try:
        yield
    finally:
        _REQUESTED.pop()


def show_progress(steps: Iterable[Step], total: int, noun: str) -> Iterator[Step]:
    """Yield the steps, and show after each how many are done and how much time is left. noun: what the steps are called,
    such as "partitions".
    """
    # A library is silent unless the program has asked for progress
    if not _REQUESTED or not _REQUESTED[-1]:
        yield from steps
        return
    began = time.monotonic()
    written = False
    try:
        for done, step in enumerate(steps, 1):
            took = time.monotonic() - began
            # Short work shows no line, so that nothing flickers
            if took >= SILENT_SECONDS:
                sys.stderr.write(
                    f"{CLEARED}{done} of {total} {noun}, {_format_clock(took / done * (total - done))} left"
                )
                sys.stderr.flush()
                written = True
            yield step
    # Clear the line after an error, too; otherwise the error's text would follow it on the same line
    finally:
        if written:
            sys.stderr.write(CLEARED)
            sys.stderr.flush()


def _format_clock(seconds: float) -> str:
    minutes, seconds_of_minute = divmod(round(seconds), 60)
    return f"{minutes}:{seconds_of_minute:02}"
