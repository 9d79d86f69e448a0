"""Processor time of this process and of all that it started: Spark's JVM and its Python workers. Linux; standard library only.

On a machine that is busy with other things the seconds on the clock say little, and those of the processor still do.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

PARENT = 1
USER = 11
SYSTEM = 12
"""Fields of /proc/<pid>/stat behind the command's name: the parent's number, and times in ticks."""


class ProcessorTime:
    """Adds up what processor cores have spent on this process and its descendants, those that have ended included."""

    def __init__(self) -> None:
        self._ticks: dict[int, int] = {}

    def seconds(self) -> float:
        """Seconds of processor cores so far, as far as processes lived long enough to be seen by a call."""
        times = {pid: int(fields[USER]) + int(fields[SYSTEM]) for pid, fields in list_processes()}
        self._ticks.update({pid: times[pid] for pid in descendants() if pid in times})
        return sum(self._ticks.values()) / os.sysconf("SC_CLK_TCK")


def descendants() -> set[int]:
    """This process and those that it, or one of them, started."""
    parents = {pid: int(fields[PARENT]) for pid, fields in list_processes()}
    process_ids = {os.getpid()}
    while True:
        more = {pid for pid, parent in parents.items() if parent in process_ids} - process_ids
        if not more:
            return process_ids
        process_ids |= more


def list_processes() -> Iterator[tuple[int, list[str]]]:
    """The numbers of all processes, with the fields of their /proc/<pid>/stat behind the command's name."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                text = (folder / "stat").read_text()
            except OSError:  # it has ended meanwhile
                continue
            yield int(folder.name), text[text.rindex(")") + 2 :].split()
