"""How a job says what came of it: its exit status, and one line in the message file.

Source: C1.6 for the texts and the file; C11b for the exit statuses. Driver only.
"""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

from model_monitor.errors import NO_DATA
from model_monitor.reports.outputs.printable import printable
from model_monitor.storage import join, storage_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class ExitStatus(IntEnum):
    """What the process returns. 128 + N: ended by signal N, as shells have it."""

    COMPLETED = 0
    SCRIPT_FAILED = 1
    BAD_CONFIGURATION = 2
    NO_DATA = 3
    VIOLATIONS = 4
    FAILED = 255
    INTERRUPTED = 130
    TERMINATED = 143


COMPLETED = "Completed: Job completed successfully with no violations."
VIOLATIONS = "CompletedWithViolations: Job completed successfully with {count} violations."
WITHOUT_CHECKS = "Completed: Job completed successfully."
"""What the log says of a job that looks for no violations, where the message file keeps to the contract."""
FAILURE = "Error: {reason}"
SCRIPT_FAILED = "Exception while invoking preprocessor script."


def completed(violations: int = 0) -> str:
    """The exit message of a run that found so many violations; a baseline finds none."""
    return VIOLATIONS.format(count=violations) if violations else COMPLETED


def outcome_of(violations: int, *, fails: bool) -> tuple[str, int]:
    """Exit message and status of a monitoring run. fails: whether violations are an exit status of their own."""
    return completed(violations), ExitStatus.VIOLATIONS if violations and fails else ExitStatus.COMPLETED


def failed(reason: str) -> str:
    """The exit message of a failure: one line, whatever lines the reason has."""
    return FAILURE.format(reason=printable("; ".join(line.strip() for line in reason.split("\n") if line.strip())))


def status_of(message: str) -> ExitStatus:
    """The exit status of a job that failed, as far as its message tells it."""
    known = {failed(NO_DATA): ExitStatus.NO_DATA, failed(SCRIPT_FAILED): ExitStatus.SCRIPT_FAILED}
    return next((status for text, status in known.items() if message.startswith(text)), ExitStatus.FAILED)


def is_container(root: str) -> bool:
    """Whether there is a processing container's `opt/ml` below `root`."""
    return (Path(root) / "opt" / "ml").is_dir()


def message_path(root: str, output_path: str | None) -> str | None:
    """Where the message goes: the container's own place, else beside the results; None if there is no place yet."""
    if is_container(root):
        return str(Path(root) / "opt" / "ml" / "output" / "message")
    return join(output_path, "message") if output_path else None


def write_message(message: str, path: str, spark: SparkSession | None) -> None:
    """Replace the message file by one line.

    Raises OutputFailed if it can't be written, BadInput for a path that only a Spark session opens when there is none.
    """
    storage_of(path, spark).write(path, f"{message}\n".encode())
