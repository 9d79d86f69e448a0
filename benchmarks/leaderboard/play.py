"""An entrant plays streams, each in a process of its own: python play.py ENTRANT COLUMNS SEED WINDOWS FAULTS SECONDS LAW ...

Prints JSON Lines, in the entrant's environment: for each law a row for the healthy windows (fault null), and, if FAULTS is 1, one
for each kind and size of fault, each tried once. Begins no law after so many seconds. Needs numpy, and what the entrant needs.
"""

from __future__ import annotations

import importlib
import json
import logging
import multiprocessing
import resource
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from detectors import ENTRANTS, Alarms, Detector, Entrant, Rule, Window
from laws import Columns, concatenate
from streams import USUAL_FAULT, Stream, draw_stream

from faults import FAULTS, Perturbation, Sites, find_sites

WARM = 16  # windows before the first fault; in a stream of less than half of them, a trial, no fault lasts long
LONGEST = 1_800.0  # seconds of a law
GRACE = 120.0  # of the last one: what has begun on a busy machine may end

Row = dict[str, Any]


class Player:
    """Plays the windows of a stream to a detector, and applies each of its rules."""

    def __init__(self, entrant: str, stream: Stream) -> None:
        self.entrant: Entrant = ENTRANTS[entrant]
        self.stream = stream
        self.rules: dict[str, Rule] = {**self.entrant.rules} or {entrant: lambda alarms, columns: alarms}
        self.errors = Counter[str]()

    def play(self, *, has_faults: bool) -> Iterator[Row]:
        # Fit the detector
        stream = self.stream
        detector = self.entrant.make(stream.description)
        began = time.process_time()
        detector.fit([self.show(detector, columns) for columns in stream.baseline])
        fit_seconds = time.process_time() - began
        # Play the windows, and the faults in one of them
        first_fault = stream.first + min(WARM, stream.healthy - 1)
        alarms = dict.fromkeys(self.rules, 0)
        features: dict[str, Counter[str]] = {rule: Counter() for rule in self.rules}
        seconds = 0.0
        for number in range(stream.law.baseline, stream.first + stream.healthy):
            if has_faults and number == first_fault:
                yield from self.try_faults(detector, number)
            began = time.process_time()
            verdicts = self.judge(detector, number, stream.windows[number])
            if number < stream.first:
                continue
            seconds += time.process_time() - began
            for rule, verdict in verdicts.items():
                alarms[rule] += verdict.window
                features[rule].update(verdict.columns if verdict.window else ())
        # What became of the healthy ones
        for rule in self.rules:
            yield {
                "rule": rule,
                "fault": None,
                "windows": stream.healthy,
                "alarms": alarms[rule],
                "features": dict(features[rule].most_common(5)),
                "seconds": round(seconds, 3),
                "fit_seconds": round(fit_seconds, 3),
                "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                "errors": dict(self.errors),
                "digest": stream.digest,
            }

    def show(self, detector: Detector, columns: Columns) -> Columns:
        """The columns that the detector is given."""
        hidden = None if detector.takes_times else self.stream.description.time_column
        return {name: values for name, values in columns.items() if name != hidden}

    def judge(self, detector: Detector, number: int, columns: Columns) -> dict[str, Alarms]:
        """The alarms by rule; none where the detector raises, which is counted."""
        finished = self.show(detector, self.stream.finish(number, columns))
        try:
            alarms = detector.check(Window(number, finished))
        except Exception as error:
            self.errors[type(error).__name__] += 1
            alarms = Alarms(False, set())
        return {name: rule(alarms, self.stream.description.columns) for name, rule in self.rules.items()}

    def try_faults(self, detector: Detector, first: int) -> Iterator[Row]:
        baseline = concatenate(self.stream.windows[: self.stream.law.baseline])
        sites = find_sites(baseline, self.stream.description)
        for fault in FAULTS:
            if targets := fault.list_targets(sites):
                yield from self.try_fault(detector.fork(), fault, sites, targets, first)

    def try_fault(
        self, detector: Detector, fault: Perturbation, sites: Sites, targets: set[str], first: int
    ) -> Iterator[Row]:
        """Play a fault until every rule has found it, or it is over."""
        delays: dict[str, int] = {}
        named = set()
        longest = USUAL_FAULT if self.stream.healthy < WARM // 2 else fault.windows
        ends = min(first + longest, len(self.stream.windows))
        for since, number in enumerate(range(first, ends)):
            random = np.random.default_rng([self.stream.seed, number, *f"{fault.kind} {fault.size}".encode()])
            columns = fault.make(random, self.stream.windows[number], sites, since)
            for rule, verdict in self.judge(detector, number, columns).items():
                if verdict.window and rule not in delays:
                    delays[rule] = since + 1
                    named |= {rule} if targets & verdict.columns else set()
            if len(delays) == len(self.rules):
                break
        for rule in self.rules:
            facts = {"delay": delays.get(rule), "named": rule in named}
            yield {"rule": rule, "fault": fault.kind, "size": fault.size, **facts}


Numbers = tuple[int, int, int, int]  # columns, seed, windows, and whether faults are tried


def send_rows(writer: Connection, entrant: str, law: str, numbers: Numbers) -> None:
    columns, seed, windows, faults = numbers
    try:
        player = Player(entrant, draw_stream(law, columns, seed, windows))
        writer.send([*player.play(has_faults=bool(faults))])
    except Exception as error:
        writer.send([{"error": f"{type(error).__name__}: {error}"[:200]}])


def run_apart(entrant: str, law: str, numbers: Numbers, seconds: float) -> list[Row]:
    """The rows of a stream; one with an error if it fails. Nothing if the time is over before."""
    reader, writer = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=send_rows, args=(writer, entrant, law, numbers))
    process.start()
    writer.close()
    longest = min(LONGEST, seconds + GRACE)
    if reader.poll(longest):
        try:
            rows: list[Row] = reader.recv()
        except EOFError:
            rows = [{"error": "the process died"}]
    else:
        process.kill()
        rows = [{"error": f"above {LONGEST} s"}] if longest == LONGEST else []
    process.join()
    return rows


def main(entrant: str, *words: str) -> None:
    columns, seed, windows, faults, seconds, *laws = words
    numbers = (int(columns), int(seed), int(windows), int(faults))
    ends = time.monotonic() + float(seconds)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    with suppress(Exception):  # which each stream meets again, and reports
        importlib.import_module(ENTRANTS[entrant].maker.split(":")[0])  # once for all streams
    for law in laws:
        left = ends - time.monotonic()
        rows = run_apart(entrant, law, numbers, left) if left > 0 else []
        for row in rows:
            facts = {"entrant": entrant, "law": law, "columns": numbers[0], "seed": numbers[1]}
            print(json.dumps({**row, **facts}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
