"""Months with mistakes, by seeds: `python -m tests.simulation 17` tries one again; without a number new ones for so long."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial

import pyarrow as pa
from tests.simulation.law import hold, quiet_month
from tests.simulation.month import Faults
from tests.simulation.real import RealWorld, quiet_elsewhere
from tests.simulation.stored import StoredWorld
from tests.simulation.world import Fault

SECONDS = float(os.environ.get("MONTHS_SECONDS", "45"))


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seeds", nargs="*", type=int, help="the months to try; by default as many as there is time for")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long (MONTHS_SECONDS, else 45)")
    parser.add_argument("--first", type=int, help="the first of the seeds; by default another one each second")
    parser.add_argument("--most", type=int, default=10**9, help="how many at most")
    parser.add_argument("--all", action="store_true", help="go on after one that fails")
    parser.add_argument("--fault", nargs=3, metavar=("STEP", "CALL", "NAME"), help="this one instead of the seed's own")
    parser.add_argument("--real", action="store_true", help="by processes of this machine, which are really killed")
    parser.add_argument("--s3", action="store_true", help="the same, with captures and outputs on S3")
    options = parser.parse_args(words)
    faults: Faults | None = None
    if options.fault is not None:
        step, call, name = options.fault
        faults = {(int(step), 0): {int(call): Fault[name]}}
    if options.real:
        played = partial(hold, kind=RealWorld, quiet_one=quiet_elsewhere)
    else:
        played = hold
    if options.s3:
        played = partial(hold, kind=StoredWorld, quiet_one=partial(quiet_month, kind=StoredWorld))
    pa.set_cpu_count(1)  # twenty rows are no work for more
    os.sched_getaffinity = lambda _: {0}  # type: ignore[assignment]  # nor for processes beside this one
    gc.set_threshold(0)  # what is thrown away goes after a month, not at some call within it
    if options.s3:
        real = "--s3 "
    elif options.real:
        real = "--real "
    else:
        real = ""
    if options.first is not None:
        first = options.first
    else:
        first = int(time.time()) * 1000
    began = time.monotonic()
    tried = 0
    failed = []
    struck = Counter[str]()
    for seed in options.seeds or range(first, first + options.most):
        if not options.seeds and time.monotonic() - began > options.seconds:
            break
        # Before it is played, so that one that hangs is known, too
        print(f"month {seed}", file=sys.stderr, flush=True)
        try:
            struck.update(fault.name for _, fault, _ in played(seed, faults).struck)
        except AssertionError as fault:
            failed.append(seed)
            print(
                f"month {seed} breaks the law; try it again by\n  .venv/bin/python -m tests.simulation {real}{seed}\n{fault}"
            )
            if not options.all:
                break
        gc.collect()
        tried += 1
    struck_text = ", ".join(f"{count} {name}" for name, count in sorted(struck.items()))
    print(
        f"{tried} months in {time.monotonic() - began:.0f} s, from seed {first} on; faults: {struck_text}; failed: {failed}"
    )
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
