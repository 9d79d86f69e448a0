"""Loads a model's file first in a separate process: a crafted or damaged file then ends that process instead of the run.

Libraries read files recursively and without limits, so a file can crash a process by SIGSEGV, use all memory, or never
finish. The separate process has limits of memory and time that grow with the file. Runs only on the driver, before tasks load
the file.
"""

from __future__ import annotations

import json
import os
import pickle
import resource
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from signal import Signals

from spark_model_monitor.errors import BadConfiguration, MissingDependency, MonitorError
from spark_model_monitor.stopping import wait_for_process

MIN_MEMORY_BYTES = 2 * 2**30  # bytes of address space, of which the libraries use up to a third
# Multiple of the file's size: parsed JSON takes up to ten times its text, and skops files are compressed
MEMORY_FACTOR = 20
MIN_SECONDS = 120.0  # importing the libraries takes a few seconds, and ten on a busy machine
BYTES_A_SECOND = 2**20

PROGRAM = "from spark_model_monitor.monitors.predictors.isolated_loading import run_isolated_load; run_isolated_load()"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
"""Each thread reserves address space, which counts towards the limit."""

OUT_OF_MEMORY = "memory"


def require_loadable(name: str, content: bytes, load: Callable[[bytes], None]) -> None:
    """Raise BadConfiguration, with file and reason, if a process with limits can't load a model's file.

    load: loads the content; a picklable function. A library that is missing here is no error, because tasks may have it.
    """
    memory_bytes = MIN_MEMORY_BYTES + MEMORY_FACTOR * len(content)
    seconds = MIN_SECONDS + len(content) / BYTES_A_SECOND
    # The process must find the same modules, such as a user's own classes
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    with process:
        assert process.stdin is not None  # both are pipes
        assert process.stdout is not None
        with suppress(BrokenPipeError):  # the process has already ended; its status says how
            process.stdin.write(pickle.dumps((memory_bytes, load)))
            process.stdin.write(content)
            process.stdin.close()
        try:
            status = wait_for_process(process, seconds)
        except subprocess.TimeoutExpired:
            raise BadConfiguration(
                f"the model {name} takes longer than {seconds:.0f} s to load, far more than {len(content):,} bytes should; "
                "save it again"
            ) from None
        answer = process.stdout.read()
    # A signal ended the process, such as SIGSEGV (11)
    if status < 0:
        raise BadConfiguration(
            f"the model {name} ends a process that loads it, by {Signals(-status).name}; it is damaged: save it again"
        )
    # A library may end the process without raising an exception
    if status or not answer:
        raise BadConfiguration(f"the model {name} ends a process that loads it, with status {status}; save it again")
    reason = json.loads(answer)
    if reason == OUT_OF_MEMORY:
        raise BadConfiguration(
            f"the model {name} takes more than {memory_bytes / 2**30:.1f} GiB of memory to load, far more than "
            f"{len(content):,} bytes should, or than this process may take; save it again"
        )
    if reason is not None:
        raise BadConfiguration(reason)


def run_isolated_load() -> None:
    """The program of the process: writes null if the content can be loaded, else a sentence that says why not, or that
    memory ran out.
    """
    answer_file = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # output that libraries print must not be mixed with the answer
    memory_bytes, load = pickle.load(sys.stdin.buffer)
    content = sys.stdin.buffer.read()
    # The limit is set after reading, so that it only concerns loading
    limit_memory(memory_bytes)
    try:
        reason = find_reason_not_to_load(content, load)
    except MemoryError:
        reason = OUT_OF_MEMORY
    json.dump(reason, answer_file)
    answer_file.flush()
    os._exit(0)  # skip the exit handlers of libraries


def find_reason_not_to_load(content: bytes, load: Callable[[bytes], None]) -> str | None:
    try:
        load(content)
    except MissingDependency:
        return None
    except MonitorError as error:
        cause: BaseException | None = error
        # An error may be caused by a lack of memory
        while cause is not None:
            if isinstance(cause, MemoryError) or "bad_alloc" in str(cause) or "Cannot allocate memory" in str(cause):
                return OUT_OF_MEMORY
            cause = cause.__cause__
        return str(error)
    return None


def limit_memory(further_bytes: int) -> None:
    """Let this process use this many bytes in addition to what it uses now. No limit if the system doesn't say how much
    that is.
    """
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return
    # The first number in statm is the size of the address space, in pages
    limit = pages * resource.getpagesize() + further_bytes
    _, hard_limit = resource.getrlimit(resource.RLIMIT_AS)
    if hard_limit != resource.RLIM_INFINITY:
        limit = min(limit, hard_limit)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard_limit))
