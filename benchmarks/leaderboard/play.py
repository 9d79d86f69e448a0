"""Entrants play streams, each in a process of its own: python play.py TASK, with a task as JSON (class Task).

Prints JSON Lines, in the entrants' environment: for each seed and entrant a line with the rows of its windows. Begins no stream
after so many seconds. Needs numpy, and what the entrants need.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import resource
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from detectors import Detector, Window
from entrants import ENTRANTS, Entrant
from laws import Columns, concatenate
from streams import HEALTHY_WINDOWS, USUAL_FAULT, Stream, draw_number, draw_stream

from faults import Perturbation, Sites, choose_faults, find_sites

WARM = 16  # windows before the first fault
BETWEEN_FAULTS = 8  # windows from one try to the next
LONGEST = 1_800.0  # seconds of a law
GRACE = 120.0  # of the last one: what has begun on a busy machine may end
HIGHEST_SCORE = 1e9
CALIBRATION = "calibration"
PLAY = "play"

PlayedWindow = tuple[str, str, int, int, bool, bool, float | None, float, str]
"""Kind and size of the fault (empty if there is none), its first window, the window, whether it alarmed by the authors' defaults,
whether what was named is the fault's, the highest score, core seconds, and an error."""
Line = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """What to play. laws: how many the board has. part: whether windows set a limit, or count. done: pairs of entrant and seed
    that are played. faults: kinds; all if there are none. added: entrants by name that are not in the table, with their maker.
    """

    commit: str
    law: str
    laws: int
    part: str
    seeds: list[int]
    entrants: list[str]
    done: list[list[Any]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    healthy: int = HEALTHY_WINDOWS
    seconds: float = 3_600.0
    added: dict[str, str] = field(default_factory=dict)


def find_entrant(name: str, added: dict[str, str]) -> Entrant:
    """What is added by a path has scores, if it gives any."""
    return Entrant(added[name]) if name in added else ENTRANTS[name]


class Player:
    """Plays the windows of a stream to a detector."""

    def __init__(self, entrant: Entrant, stream: Stream, task: Task) -> None:
        self.entrant = entrant
        self.stream = stream
        self.task = task
        baseline = concatenate(stream.windows[: stream.law.baseline])
        self.sites = find_sites(baseline, stream.description)
        self.faults: list[Perturbation] = []
        if task.part == PLAY:
            chosen = choose_faults(task.commit, task.law, self.sites, task.laws)
            self.faults = [fault for fault in chosen if fault.kind in (task.faults or [fault.kind])]

    def play(self) -> Iterator[PlayedWindow]:
        stream = self.stream
        # Fit the detector
        detector = self.entrant.make(stream.description)
        detector.fit([self.show(detector, columns) for columns in stream.baseline])
        # Play the windows, and the faults in some of them
        ends = stream.first + stream.healthy
        first_try = stream.first + min(WARM, stream.healthy - 1)
        tries = range(first_try, ends, BETWEEN_FAULTS)
        for number in range(stream.law.baseline, ends):
            if number in tries:
                yield from self.try_faults(detector, number)
            played = self.judge(detector, number, stream.windows[number], set())
            if played[0]:
                detector.accept()
            if number >= stream.first:
                yield ("", "", -1, number, *played)

    def show(self, detector: Detector, columns: Columns) -> Columns:
        """The columns that the detector is given."""
        times = None if detector.takes_times else self.stream.description.time_column
        return {name: values for name, values in columns.items() if name != times}

    def judge(
        self, detector: Detector, number: int, columns: Columns, targets: set[str]
    ) -> tuple[bool, bool, float | None, float, str]:
        """No alarm where the detector raises, which is counted."""
        window = Window(number, self.show(detector, self.stream.finish(number, columns)))
        began = time.process_time()
        try:
            alarms = detector.check(window)
        except Exception as error:
            return (False, False, None, 0.0, type(error).__name__)
        seconds = round(time.process_time() - began, 4)
        if not alarms.scores:
            return (bool(alarms.window), bool(targets & alarms.columns), None, seconds, "")
        # The column that is farthest from usual
        farthest = max(alarms.scores, key=lambda name: alarms.scores[name])
        score = float(np.clip(np.nan_to_num(alarms.scores[farthest]), -HIGHEST_SCORE, HIGHEST_SCORE))
        return (bool(alarms.window), farthest in targets, float(f"{score:.6g}"), seconds, "")

    def try_faults(self, detector: Detector, first: int) -> Iterator[PlayedWindow]:
        for fault in self.faults:
            yield from self.try_fault(detector.fork(), fault, self.sites, first)

    def try_fault(self, detector: Detector, fault: Perturbation, sites: Sites, first: int) -> Iterator[PlayedWindow]:
        """Play a fault until it is over, or found by a detector without scores, whose alarms no limit moves."""
        targets = fault.list_targets(sites)
        longest = USUAL_FAULT if self.stream.healthy < WARM // 2 else fault.windows
        ends = min(first + longest, len(self.stream.windows))
        for since, number in enumerate(range(first, ends)):
            random = np.random.default_rng([self.stream.seed, number, *f"{fault.kind} {fault.size}".encode()])
            columns = fault.make(random, self.stream.windows[number], sites, since)
            played = self.judge(detector, number, columns, targets)
            yield (fault.kind, fault.size, first, number, *played)
            is_found = played[0] and played[2] is None
            if is_found:
                break


def send_line(writer: Connection, name: str, stream: Stream, task: Task) -> None:
    try:
        rows = [*Player(find_entrant(name, task.added), stream, task).play()]
        megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        writer.send({"rows": rows, "megabytes": megabytes, "digest": stream.digest})
    except Exception as error:
        writer.send({"rows": [], "error": f"{type(error).__name__}: {error}"[:200]})


def run_apart(name: str, stream: Stream, task: Task, seconds: float) -> Line:
    """The line of a stream; with an error if it fails. Nothing if the time is over before."""
    reader, writer = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=send_line, args=(writer, name, stream, task))
    process.start()
    writer.close()
    longest = min(LONGEST, seconds + GRACE)
    # Wait for it
    line: Line = {}
    if reader.poll(longest):
        try:
            line = reader.recv()
        except EOFError:
            line = {"rows": [], "error": "the process died"}
    else:
        process.kill()
        if longest == LONGEST:
            line = {"rows": [], "error": f"above {LONGEST} s"}
    process.join()
    return line


def main(text: str) -> None:
    task = Task(**json.loads(text))
    ends = time.monotonic() + task.seconds
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    # Import what some take ten seconds for once, not in the process of each stream, which says what fails
    for name in task.entrants:
        with suppress(Exception):
            find_entrant(name, task.added).load()
    for index in task.seeds:
        seed = draw_number(task.commit, task.law, task.part) + index
        waiting = [name for name in task.entrants if [name, index] not in task.done]
        if not waiting or time.monotonic() > ends:
            continue
        stream = draw_stream(task.law, seed, task.healthy)
        for name in waiting:
            left = ends - time.monotonic()
            line = run_apart(name, stream, task, left) if left > 0 else {}
            if line:
                facts = {"entrant": name, "law": task.law, "part": task.part, "seed": index, "faults": task.faults}
                print(json.dumps({**facts, **line}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
