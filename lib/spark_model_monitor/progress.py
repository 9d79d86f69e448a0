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

SILENT_SECONDS = 2.0  # what takes less has no line

CLEARED = "\r\033[K"

_REQUESTED: list[bool] = []  # what the program that runs asked for, which another thread may take back


@contextmanager
def enable_progress(is_enabled: bool | None = None) -> Iterator[None]:
    """While this is open `show_progress` writes to the standard error: if asked, or on a terminal if nobody said."""
    _REQUESTED.append(sys.stderr.isatty() if is_enabled is None else is_enabled)
    try:
        yield
    finally:
        _REQUESTED.pop()


def show_progress(steps: Iterable[Step], total: int, noun: str) -> Iterator[Step]:
    """The things as they come, the work being what makes them come. noun: they are called, "partitions"."""
    # Nothing is shown unless a program has requested it, since libraries should be silent
    if not _REQUESTED or not _REQUESTED[-1]:
        yield from steps
        return
    began = time.monotonic()
    written = False
    try:
        for done, step in enumerate(steps, 1):
            took = time.monotonic() - began
            # Short work shows nothing, and no line flickers by
            if took >= SILENT_SECONDS:
                sys.stderr.write(
                    f"{CLEARED}{done} of {total} {noun}, {_format_clock(took / done * (total - done))} left"
                )
                sys.stderr.flush()
                written = True
            yield step
    # Also after an error, whose sentence would otherwise stand behind the line
    finally:
        if written:
            sys.stderr.write(CLEARED)
            sys.stderr.flush()


def _format_clock(seconds: float) -> str:
    minutes, seconds_of_minute = divmod(round(seconds), 60)
    return f"{minutes}:{seconds_of_minute:02}"
