"""How far something is that takes a while: a line on a terminal with the time left, where a program asked for it.

Standard library only.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Thing = TypeVar("Thing")

SILENT_SECONDS = 2.0  # what takes less has no line

CLEARED = "\r\033[K"

_ASKED: list[bool] = []  # what the program that runs asked for, which another thread may take back


@contextmanager
def progress_shown(asked: bool | None = None) -> Iterator[None]:
    """While this is open `counted` writes to the standard error: if asked, or on a terminal if nobody said."""
    _ASKED.append(sys.stderr.isatty() if asked is None else asked)
    try:
        yield
    finally:
        _ASKED.pop()


def counted(things: Iterable[Thing], total: int, what: str) -> Iterator[Thing]:
    """The things as they come, the work being what makes them come. what: they are called, "partitions"."""
    if not _ASKED or not _ASKED[-1]:
        yield from things
        return
    began = time.monotonic()
    written = False
    try:
        for done, thing in enumerate(things, 1):
            took = time.monotonic() - began
            if took >= SILENT_SECONDS:
                sys.stderr.write(f"{CLEARED}{done} of {total} {what}, {_clock(took / done * (total - done))} left")
                sys.stderr.flush()
                written = True
            yield thing
    finally:
        if written:
            sys.stderr.write(CLEARED)
            sys.stderr.flush()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
