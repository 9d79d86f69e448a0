"""One entrant plays one stream: python play.py ENTRANT LAW COLUMNS SEED WINDOWS. Prints JSON Lines, in the entrant's environment.

A row for the healthy windows (fault null), and one for each kind and size of fault. Needs numpy, and what the entrant needs.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np
from detectors import ENTRANTS, Alarms, Detector, Entrant, Rule, Window
from laws import Columns, concatenate
from streams import USUAL_FAULT, Stream, draw_stream

from faults import FAULTS, Perturbation, Sites, find_sites

TRIES = 2  # of each fault
WARM = 16  # windows before the first fault; in a stream of less than half of them, a trial, no fault lasts long

Row = dict[str, Any]


@dataclass
class RuleTally:
    """What one rule said. named: of the alarms that found a fault, how many named its column."""

    alarms: int = 0
    features: Counter[str] = field(default_factory=Counter)
    delays: dict[Perturbation, list[int | None]] = field(default_factory=dict)
    named: Counter[Perturbation] = field(default_factory=Counter)


class Player:
    """Plays the windows of a stream to a detector, and keeps a tally for each of its rules."""

    def __init__(self, entrant: str, stream: Stream) -> None:
        self.entrant: Entrant = ENTRANTS[entrant]
        self.stream = stream
        self.rules: dict[str, Rule] = {**self.entrant.rules} or {entrant: lambda alarms, columns: alarms}
        self.tallies = {rule: RuleTally() for rule in self.rules}
        self.seconds = 0.0
        self.errors = Counter[str]()

    def play(self) -> Iterator[Row]:
        stream = self.stream
        detector = self.entrant.make(stream.description)
        began = time.process_time()
        detector.fit([self.show(detector, columns) for columns in stream.baseline])
        fit_seconds = time.process_time() - began
        unfinished = concatenate(stream.windows[: stream.law.baseline])
        sites = find_sites(unfinished, stream.description)
        tries = 1 if self.entrant.is_dear or stream.healthy < WARM else TRIES
        tried = np.linspace(min(WARM, stream.healthy - 1), stream.healthy - 1, tries).astype(int) + stream.first
        for number in range(stream.law.baseline, stream.first + stream.healthy):
            for fault in FAULTS if number in tried else ():
                if targets := fault.list_targets(sites):
                    self.try_fault(detector.fork(), fault, sites, targets, number)
            self.judge_healthy(detector, number)
        yield from self.list_rows(fit_seconds)

    def show(self, detector: Detector, columns: Columns) -> Columns:
        """The columns that the detector is given."""
        hidden = None if detector.takes_times else self.stream.description.time_column
        return {name: values for name, values in columns.items() if name != hidden}

    def judge(self, detector: Detector, number: int, columns: Columns) -> Alarms:
        """The detector's alarms; none where it raises, which is counted."""
        finished = self.show(detector, self.stream.finish(number, columns))
        try:
            return detector.check(Window(number, finished))
        except Exception as error:
            self.errors[type(error).__name__] += 1
            return Alarms(False, set())

    def apply_rules(self, alarms: Alarms) -> dict[str, Alarms]:
        return {name: rule(alarms, self.stream.description.columns) for name, rule in self.rules.items()}

    def judge_healthy(self, detector: Detector, number: int) -> None:
        began = time.process_time()
        alarms = self.judge(detector, number, self.stream.windows[number])
        if number < self.stream.first:
            return
        self.seconds += time.process_time() - began
        for rule, verdict in self.apply_rules(alarms).items():
            self.tallies[rule].alarms += verdict.window
            self.tallies[rule].features.update(verdict.columns if verdict.window else ())

    def try_fault(self, detector: Detector, fault: Perturbation, sites: Sites, targets: set[str], first: int) -> None:
        """Play a fault until every rule has found it, or it is over."""
        searching = {*self.rules}
        longest = USUAL_FAULT if self.stream.healthy < WARM // 2 else fault.windows
        ends = min(first + longest, len(self.stream.windows))
        for since, number in enumerate(range(first, ends)):
            random = np.random.default_rng([self.stream.seed, number, *f"{fault.kind} {fault.size}".encode()])
            columns = fault.make(random, self.stream.windows[number], sites, since)
            alarms = self.judge(detector, number, columns)
            verdicts = self.apply_rules(alarms)
            alarming = {rule for rule in searching if verdicts[rule].window}
            for rule in alarming:
                tally = self.tallies[rule]
                tally.delays.setdefault(fault, []).append(since + 1)
                tally.named[fault] += bool(targets & verdicts[rule].columns)
            searching -= alarming
            if not searching:
                return
        for rule in searching:
            self.tallies[rule].delays.setdefault(fault, []).append(None)

    def list_rows(self, fit_seconds: float) -> Iterator[Row]:
        for rule, tally in self.tallies.items():
            healthy = {
                "windows": self.stream.healthy,
                "alarms": tally.alarms,
                "features": dict(tally.features.most_common(5)),
                "seconds": round(self.seconds, 3),
                "fit_seconds": round(fit_seconds, 3),
                "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                "errors": dict(self.errors),
                "digest": self.stream.digest,
            }
            yield {"rule": rule, "fault": None, **healthy}
            for fault, delays in tally.delays.items():
                counts = {"delays": delays, "named": tally.named[fault]}
                yield {"rule": rule, "fault": fault.kind, "size": fault.size, **counts}


def main(entrant: str, law: str, columns: str, seed: str, windows: str) -> None:
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    stream = draw_stream(law, int(columns), int(seed), int(windows))
    for row in Player(entrant, stream).play():
        print(json.dumps({**row, "version": version(ENTRANTS[entrant].package)}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
