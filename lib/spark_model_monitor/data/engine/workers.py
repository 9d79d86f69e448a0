"""Worker processes for partitions. They are separate programs, so that no threads are forked, and no `__main__` runs twice."""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from io import BytesIO
from itertools import repeat
from queue import SimpleQueue
from typing import Any, TypeVar

import pyarrow as pa

from spark_model_monitor.plugins import cloudpickle
from spark_model_monitor.progress import show_progress
from spark_model_monitor.stopping import run_at_exit

WORKER_PROGRAM = "import gc; gc.disable(); from spark_model_monitor.data.engine.workers import work; work({})"
LENGTH_BYTES = 8  # bytes of the number before each message, which is the message's length

TaskResult = TypeVar("TaskResult")

MALLOC_SETTINGS = {"MALLOC_TRIM_THRESHOLD_": str(64 * 2**20), "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20)}
"""glibc settings in bytes: the memory of a block's arrays is kept for the next block instead of being returned to the
system, which would have to clear it before it is allocated again."""

JOB_PACKAGES = (
    *(f"spark_model_monitor.{room}." for room in ("data", "statistics", "running.merging")),
    *("_codecs.", "builtins.", "collections.", "datetime.", "functools.", "numpy.", "pathlib.", "pyarrow."),
)
"""Packages and modules that jobs without third-party code import."""

SCRIPT_MODULE = "spark_model_monitor.data.reading.scripts"
MAX_EXAMINED_JOB_BYTES = 2**20


def run_parts(tasks: Sequence[Callable[[], Iterable[TaskResult]]], max_processes: int) -> list[list[TaskResult]]:
    """The results for every partition, in order, computed by at most `max_processes` processes, including this process."""
    pickled = cloudpickle().dumps  # cloudpickle can also pickle users' functions
    # Users' functions are pickled by value
    jobs: list[bytes] = [pickled(task) for task in tasks]
    idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
    workers = [_start_worker(hides_pandas=all(map(_runs_only_package_code, jobs))) for _ in range(max_processes - 1)]
    for worker in workers:
        idle.put(worker)

    def run_job(job: bytes) -> list[TaskResult]:
        worker = idle.get()
        try:
            _send(worker.stdin, job)
            answer = pickle.loads(_receive(worker.stdout))
        finally:
            idle.put(worker)
        if isinstance(answer, BaseException):
            raise answer
        computed: list[TaskResult] = answer
        return computed

    def kill_workers() -> None:
        for worker in workers:
            worker.kill()

    try:
        with ThreadPoolExecutor(max_processes - 1) as threads, run_at_exit(kill_workers):
            answers = [threads.submit(run_job, job) for job in jobs]
            try:
                list(show_progress(_wait_for_answers(tasks, answers), len(tasks), "partitions"))
                return [answer.result() for answer in answers]
            finally:
                threads.shutdown(wait=False, cancel_futures=True)
                kill_workers()  # called first, because the threads wait for the workers' answers
    finally:
        for worker in workers:
            worker.communicate()


def _wait_for_answers(
    tasks: Sequence[Callable[[], Iterable[TaskResult]]], answers: list[Future[list[TaskResult]]]
) -> Iterator[None]:
    """Yields once for every finished partition, until a partition raises. The workers compute partitions from the first on, this
    process from the last on.
    """
    num_finished = 0
    for index in reversed(range(len(tasks))):
        # No worker has begun this partition, so this process computes it
        if answers[index].cancel():
            answers[index] = Future()
            try:
                answers[index].set_result(list(tasks[index]()))
            except Exception as fault:
                answers[index].set_exception(fault)
        # Progress counts finished partitions, in any order
        wait([answers[index]])
        finished_answers = [answer for answer in answers if answer.done()]
        yield from repeat(None, len(finished_answers) - num_finished)
        num_finished = len(finished_answers)
        if any(answer.exception() for answer in finished_answers):
            return


def _runs_only_package_code(job: bytes) -> bool:
    """Whether the job runs none of a user's scripts or models. False for a large job, because examining it takes too long."""
    if len(job) > MAX_EXAMINED_JOB_BYTES:
        return False
    try:
        _PackageUnpickler(BytesIO(job)).load()
    except pickle.UnpicklingError:
        return False
    return True


class _PackageUnpickler(pickle.Unpickler):
    """Stops at the first name that isn't in this package, before its import."""

    def find_class(self, module: str, name: str, /) -> Any:
        if module == SCRIPT_MODULE or not f"{module}.".startswith(JOB_PACKAGES):
            raise pickle.UnpicklingError(module)
        return super().find_class(module, name)


def _start_worker(*, hides_pandas: bool) -> subprocess.Popen[bytes]:
    environment = {**MALLOC_SETTINGS, **os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen(
        [sys.executable, "-c", WORKER_PROGRAM.format(hides_pandas)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    )


def work(hides_pandas: bool) -> None:
    """The main loop of a worker: reads partitions, and writes their results or exceptions."""
    if hides_pandas:
        hide_pandas_from_arrow()
    # From here on, only this function can write to the pipe of answers
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # the output of a user's script isn't an answer
    while job := _receive(sys.stdin.buffer):
        try:
            task = pickle.loads(job)
            if not gc.isenabled():  # then imported objects are excluded from garbage collection
                gc.freeze()
                gc.enable()
            answer: Any = list(task())
        except Exception as fault:
            answer = fault
        try:
            # An exception of a user's class may fail to pickle
            message = pickle.dumps(answer, 5)
        except Exception:
            message = pickle.dumps(RuntimeError(f"{type(answer).__name__}: {answer}"))
        _send(answers, message)


def _send(pipe: Any, message: bytes) -> None:
    pipe.write(len(message).to_bytes(LENGTH_BYTES, "little"))
    pipe.write(message)
    pipe.flush()


def _receive(pipe: Any) -> bytes:
    # If nothing can be read, the other process has ended
    length_bytes = pipe.read(LENGTH_BYTES)
    size = 0
    if len(length_bytes) == LENGTH_BYTES:
        size = int.from_bytes(length_bytes, "little")
    return pipe.read(size) if size else b""


def hide_pandas_from_arrow() -> None:
    """Hide pandas from Arrow. Arrow looks for pandas once, at its first array, and would import it, which takes 0.2 s even if a
    run doesn't need pandas. Later imports of pandas work.
    """
    if "pandas" not in sys.modules:
        sys.meta_path.insert(0, _NoPandas)
        try:
            pa.array([0])
        finally:
            sys.meta_path.remove(_NoPandas)


class _NoPandas:
    """A finder of imports that comes first and hides pandas."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name=name)
