"""Contestants timed in turns, in one process and one session, and the table of what came out.

In turns, because a machine is not equally fast at all times: what slows one contestant slows its neighbours.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from performance import note
from processor_time import ProcessorTime

ROUNDS = 3
QUICK_SHARE = 10
PROCESSOR_TIME = ProcessorTime()


@dataclass(frozen=True)
class Took:
    """Seconds of one run: on the clock and of processor cores, which are two here."""

    seconds: float
    core_seconds: float


@dataclass(frozen=True)
class Contestant:
    """One thing to be timed. run: does it, and may return its own times. rounds: how often; the median counts.

    wanted: how many times longer than ours a peer has to take on the clock. at_most: ours, as a share of a peer's core seconds.
    None if nothing is promised.
    """

    name: str
    run: Callable[[], Took | None]
    wanted: float | None = None
    rounds: int = ROUNDS
    at_most: float | None = None
    took: list[Took] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return statistics.median(took.seconds for took in self.took)

    @property
    def core_seconds(self) -> float:
        return statistics.median(took.core_seconds for took in self.took)


def is_quick_run(description: str | None) -> bool:
    """Whether the command line asks for a tenth of the rows."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--quick", action="store_true", help=f"a {QUICK_SHARE}th of the rows; ratios differ from the full ones"
    )
    return bool(parser.parse_args().quick)


def timed(run: Callable[[], Took | None]) -> Took:
    """What one run took, by its own account if it gives one."""
    began_cores = PROCESSOR_TIME.seconds()
    began = time.perf_counter()
    measured = run()
    return measured or Took(time.perf_counter() - began, PROCESSOR_TIME.seconds() - began_cores)


def race(contestants: Sequence[Contestant]) -> None:
    """Time all contestants, round by round; those with fewer rounds, the slow ones, take part in the last."""
    for left in range(max(contestant.rounds for contestant in contestants), 0, -1):
        for contestant in contestants:
            if left <= contestant.rounds:
                contestant.took.append(timed(contestant.run))


def own_process(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Took:
    """What a script took, which prints its seconds on the clock and those of processor cores in its last line."""
    words = [str(word) for word in command]
    answer = subprocess.run(
        words, env=environment, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    seconds, core_seconds = answer.stdout.splitlines()[-1].split()
    return Took(float(seconds), float(core_seconds))


def report(title: str, ours: Contestant, peers: Sequence[Contestant]) -> None:
    """Print a table: what each took, how many times longer than ours that is, and how many it should be; note it for the page."""
    print(f"\n{title}\n")
    print(f"| {'':70} | seconds | core s | times ours | wanted | in core s |")
    print(f"| {'-' * 70} | ------: | -----: | ---------: | -----: | --------: |")
    for contestant in (ours, *peers):
        if contestant is ours:
            times = ""
        else:
            times = f"{_ratio(contestant.seconds, ours.seconds):.2f}"
        if contestant is ours:
            cores = ""
        else:
            cores = f"{_ratio(contestant.core_seconds, ours.core_seconds):.2f}"
        limit = "" if contestant.wanted is None else f"{contestant.wanted:.2f}"
        print(
            f"| {contestant.name:70} | {contestant.seconds:7.2f} | {contestant.core_seconds:6.2f} | {times:>10} | "
            f"{limit:>6} | {cores:>9} |"
        )
    for peer in peers:
        if peer.wanted is not None:
            verdict = note(title, peer.name, ours.seconds, peer.seconds, 1 / peer.wanted, "s")
            print(f"\n{peer.name}: {verdict}", end="")
            continue
        verdict = note(title, peer.name, ours.core_seconds, peer.core_seconds, peer.at_most)
        if peer.at_most is not None:
            share = _ratio(ours.core_seconds, peer.core_seconds)
            print(f"\n{peer.name}: {share:.2f} of its core seconds, wanted at most {peer.at_most}: {verdict}", end="")
    print(flush=True)


def _ratio(numerator: float, denominator: float) -> float:
    """How many times the other one it is; infinite if that took less than a tick of the processor's clock."""
    return numerator / denominator if denominator else float("inf")
