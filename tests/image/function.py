"""Runs in a container, as a function service runs a handler: called twice with one event. Prints what came of it as JSON.

Arguments: the event. `answers`: of both calls. `seconds`: from the start of this process to each answer. `peak_mebibytes`: of
memory. `has_semaphores`: whether the system gives a POSIX semaphore here, and `is_writable`, whether its files can be written.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

BEGAN = (
    time.clock_gettime(time.CLOCK_BOOTTIME)
    - float(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19]) / 100
)


def has_semaphores() -> bool:
    import multiprocessing

    try:
        multiprocessing.Lock()
    except OSError:
        return False
    return True


def is_writable() -> bool:
    try:
        Path("/opt/ml/written").write_text("")
    except OSError:
        return False
    return True


def main() -> None:
    seconds = []
    answers = []
    began = time.monotonic() - BEGAN
    from spark_model_monitor.serverless import handler

    event = json.loads(sys.argv[1])
    for _ in range(2):
        answers.append(handler(event))
        seconds.append(round(time.monotonic() - began, 2))
        began = time.monotonic()
    report = {
        "answers": answers,
        "seconds": seconds,
        "peak_mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "has_semaphores": has_semaphores(),
        "is_writable": is_writable(),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
