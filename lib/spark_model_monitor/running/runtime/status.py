"""How a job reports its outcome: its log, its exit status and message; and its time limit (`--max-runtime`)."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from enum import IntEnum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from spark_model_monitor.errors import MESSAGE, NO_DATA, SCRIPT_FAILED, MonitorError
from spark_model_monitor.reports.outputs.printable import printable
from spark_model_monitor.stopping import STEP_SECONDS, exit_after_grace, stop, withdraw_reasons
from spark_model_monitor.storage import (
    can_open_without_spark,
    get_storage,
    get_storage_without_spark,
    join,
    read_if_exists,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


IN_PASS = "SPARK_MODEL_MONITOR_IN_PASS"  # the variable of a job whose caller compacts the folder of result tables

MIN_ALARM_SECONDS = 0.001  # setitimer(0) would set no alarm


class OutOfTime(SystemExit):
    """The run took too long. Not an `Exception`, so that no `except Exception` on the way handles it."""


class TimeLimit:
    """An alarm that fires `limit` after `began`, a time of `time.monotonic()`. Created in the driver's main thread.

    cancel: stops what the driver waits for, such as Spark's jobs, so that the driver can clean up. may_leave: whether the process
    belongs to the run alone, so that it may be ended if the run doesn't end.
    """

    def __init__(self, limit: timedelta, began: float, cancel: Callable[[], None], *, may_leave: bool = True) -> None:
        self._may_leave = may_leave
        self._cancel = cancel
        self._error = OutOfTime(f"{OUT_OF_TIME.format(limit=limit)}; nothing was published")
        self._handler: Any = signal.signal(signal.SIGALRM, self._end)
        # Counted from the job's start, so that imports and the start of Spark are included
        seconds_left = max(limit.total_seconds() - (time.monotonic() - began), MIN_ALARM_SECONDS)
        signal.setitimer(signal.ITIMER_REAL, seconds_left)
        # A signal is handled only when the main thread returns from a library's call; this timer doesn't wait for that
        self._timer = threading.Timer(seconds_left + STEP_SECONDS, self._leave)
        self._timer.daemon = True
        self._timer.start()

    def lift(self) -> None:
        """Remove the time limit."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._timer.cancel()
        withdraw_reasons(OutOfTime)
        signal.signal(signal.SIGALRM, self._handler)

    def _end(self, number: int, frame: FrameType | None) -> None:
        self._timer.cancel()
        self._leave()
        self._cancel()
        stop(self._error)

    def _leave(self) -> None:
        """End the process after a grace period, even if a call, such as one into the JVM, doesn't return."""
        if self._may_leave:
            sentence = f"{self._error}; what went on regardless was left behind"
            exit_after_grace(self._error, ExitStatus.TERMINATED, sentence)


class ExitStatus(IntEnum):
    """The exit status of the process. 128 + N: ended by signal N, as in shells."""

    COMPLETED = 0
    SCRIPT_FAILED = 1
    BAD_CONFIGURATION = 2
    NO_DATA = 3
    VIOLATIONS = 4
    CANNOT_TELL = 5
    FAILED = 255
    INTERRUPTED = 130
    TERMINATED = 143


SUCCESSFUL = frozenset({ExitStatus.COMPLETED, ExitStatus.VIOLATIONS, ExitStatus.CANNOT_TELL})
"""The statuses of runs that completed."""

COMPLETED = "Completed: Job completed successfully with no violations."
CANNOT_TELL = "Cannot tell whether {names} changed."
"""This sentence follows the message of a run without violations. The service has no such outcome."""
VIOLATIONS = "CompletedWithViolations: Job completed successfully with {count} violations."
NO_COMMIT = "Completed: no commit since"
WITHOUT_CHECKS = "Completed: Job completed successfully."
"""Log line of a job that doesn't look for violations, while the message file keeps to the contract."""
FAILURE = "Error: {reason}"
OUT_OF_TIME = "stopped after {limit}, as --max-runtime says"


def completed(violations: int = 0, remark: str = "") -> str:
    """The exit message of a run with this many violations; a baseline has none. remark: on what may have changed."""
    if violations:
        return VIOLATIONS.format(count=violations)
    if remark:
        return printable(f"{COMPLETED} {remark}")
    return COMPLETED


def is_completed(message: str) -> bool:
    """Whether an exit message is from a run that completed without violations."""
    return message.startswith(COMPLETED)


def failed(reason: str) -> str:
    """The exit message of a failure: a single line, however many lines the reason has."""
    return FAILURE.format(reason=printable("; ".join(line.strip() for line in reason.split("\n") if line.strip())))


def is_out_of_time(message: str) -> bool:
    """Whether an exit message is from a run that `--max-runtime` has ended."""
    return message.startswith(failed(OUT_OF_TIME.partition("{")[0]))


_PUBLISHED_WITHOUT = re.compile(r"Error: published without (?P<outputs>[\w, ]+); (?P<message>Completed.*)")


def format_partial_success(output_names: Sequence[str], message: str) -> str:
    """The exit message of a published run whose other outputs failed in part. message: what it would be without that."""
    return failed(f"published without {', '.join(output_names)}; {message}")


def parse_partial_success(message: str) -> tuple[tuple[str, ...], str]:
    """The failed outputs that an exit message names, and the message that it would be without them; for any other message no
    outputs, and the message itself.
    """
    match = _PUBLISHED_WITHOUT.fullmatch(message)
    if match is None:
        return (), message
    return tuple(match["outputs"].split(", ")), match["message"]


def parse_exit_status(message: str) -> ExitStatus:
    """The exit status of a failed job, as far as its message shows it."""
    statuses = {failed(NO_DATA): ExitStatus.NO_DATA, failed(SCRIPT_FAILED): ExitStatus.SCRIPT_FAILED}
    return next((status for text, status in statuses.items() if message.startswith(text)), ExitStatus.FAILED)


def is_container(root: str) -> bool:
    """Whether there is a processing container's `opt/ml` below `root`."""
    return (Path(root) / "opt" / "ml").is_dir()


def message_path(root: str, output_path: str | None) -> str | None:
    """The path of the message: the container's own, otherwise next to the results; None if neither is known yet."""
    if is_container(root):
        return str(Path(root) / "opt" / "ml" / "output" / MESSAGE)
    if output_path:
        return join(output_path, MESSAGE)
    return None


def read_message(path: str, status: int) -> str:
    """The job's own message, or its exit status if there is no message or only Spark opens the path.

    Raises BadInput if the message can't be read.
    """
    content = read_if_exists(path) if can_open_without_spark(path) else None
    if content is None:
        return f"exit status {status}; the job's log says more"
    return content.decode("utf-8", "replace").strip()


def write_message(message: str, path: str, spark: SparkSession | None) -> None:
    """Write the message file, a single line.

    Raises OutputFailed if it can't be written, BadInput if the path needs a Spark session and there is no session.
    """
    content = f"{message}\n".encode()
    try:
        get_storage(path, spark).write(path, content)
    except MonitorError:
        raise
    # Spark may have ended already, for instance if only its JVM was stopped
    except Exception:
        if not can_open_without_spark(path):
            raise
        get_storage_without_spark(path).write(path, content)
