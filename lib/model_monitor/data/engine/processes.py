"""Partitions worked on side by side by processes of Python, started as programs: no fork of threads, no `__main__` twice."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

import pyarrow as pa

from model_monitor.progress import counted

Part = Callable[[], Iterable[pa.RecordBatch]]

PROGRAM = "from model_monitor.data.engine.processes import work; work()"
LENGTH_BYTES = 8
PARTITIONS = "partitions"

WORTH_PROCESSES = 4
"""Partitions from which on processes are started: each takes as long to load its libraries as two partitions of 32 MiB do
(benchmarks/engines.py)."""


def in_processes(parts: Sequence[Part], processes: int | None = None) -> list[list[pa.RecordBatch]]:
    """The batches of every partition, in their order. A few are made in this process.

    processes: how many work at most; None for one a core, where it is worth it. What a partition raises is raised here.
    """
    cores = len(os.sched_getaffinity(0)) if len(parts) >= WORTH_PROCESSES else 1
    most = min(len(parts), processes or cores)
    if most < 2:
        return list(counted((list(part()) for part in parts), len(parts), PARTITIONS))
    from pyspark import cloudpickle  # of users' functions, too; it starts nothing

    pickled: Callable[[Part], bytes] = vars(cloudpickle)["dumps"]
    jobs = [pickled(part) for part in parts]
    idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
    workers = [_started() for _ in range(most)]
    for worker in workers:
        idle.put(worker)

    def done(job: bytes) -> list[pa.RecordBatch]:
        worker = idle.get()
        try:
            _send(worker.stdin, job)
            answer = pickle.loads(_received(worker.stdout))
        finally:
            idle.put(worker)
        if isinstance(answer, BaseException):
            raise answer
        batches: list[pa.RecordBatch] = answer
        return batches

    try:
        with ThreadPoolExecutor(most) as threads:
            return list(counted(threads.map(done, jobs), len(jobs), PARTITIONS))
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()


def _started() -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )


def work() -> None:
    """What a process does: partitions in, their batches out, or what they raised."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a user's script prints is no answer
    while job := _received(sys.stdin.buffer):
        try:
            answer: Any = list(pickle.loads(job)())
        except Exception as fault:
            answer = fault
        try:
            packed = pickle.dumps(answer, 5)
        except Exception:
            packed = pickle.dumps(RuntimeError(f"{type(answer).__name__}: {answer}"))
        _send(answers, packed)


def _send(pipe: Any, message: bytes) -> None:
    pipe.write(len(message).to_bytes(LENGTH_BYTES, "little"))
    pipe.write(message)
    pipe.flush()


def _received(pipe: Any) -> bytes:
    head = pipe.read(LENGTH_BYTES)
    size = int.from_bytes(head, "little") if len(head) == LENGTH_BYTES else 0
    message: bytes = pipe.read(size) if size else b""
    return message
