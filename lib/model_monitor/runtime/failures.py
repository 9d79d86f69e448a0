"""What to tell the user about an exception: one sentence and an exit status, whoever raised it.

Errors raised on purpose (`MonitorError`) speak for themselves, also when they were raised by a Python worker and come back
as text inside a Java exception. Known failures of Spark and of the file system get a sentence with a remedy. Of anything
else only the type and the place are told, since a foreign text may hold values of the data; the log gets the trace.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from model_monitor import errors
from model_monitor.errors import MonitorError
from model_monitor.runtime.cluster_faults import CLUSTER_FAULTS
from model_monitor.runtime.status import ExitStatus
from model_monitor.runtime.time_limit import OutOfTime
from model_monitor.storage.files import ErrorPattern, place_in, refusal_in, sentence_about

_FROM_WORKER = re.compile(r"^model_monitor\.errors\.(\w+): (.*)$", re.MULTILINE)
_SCHEME = re.compile(r'No FileSystem for scheme:? "?(\w+)|org\.apache\.hadoop\.fs\.\w+\.(\w+)FileSystem not found')
_RAISED = re.compile(r'File "([^"]+)", line (\d+), in .*\n(?: .*\n)*([A-Za-z_][\w.]*)', re.MULTILINE)
_JAVA = re.compile(r"^(?:: |Caused by: )?((?:[a-z]\w*\.)+[A-Z]\w*(?:Exception|Error))", re.MULTILINE)
_ABOUT_QUERIES = ("AnalysisException", "ParseException", "IllegalArgumentException")
"""Spark's exceptions whose texts name columns, tables, settings and paths, and never a value of the data."""

KNOWN = (
    ErrorPattern(
        re.compile(r"Failed to find (?:the )?data source: (?P<reader>[\w.-]*\w)"),
        "Spark has no reader called {reader}; pass its JAR by --packages or --jars",
    ),
    *CLUSTER_FAULTS,
    ErrorPattern(
        re.compile(r"OutOfMemoryError"),
        "Spark ran out of memory; give it more with --driver-memory (local runs) or --executor-memory, or refuse long "
        "lines with a smaller --max-record-size",
    ),
    ErrorPattern(
        re.compile(r"OversizedAllocationException"),
        "lines that are very much longer than those at the beginning of the first file don't fit into a batch of Arrow; "
        "decompress compressed files, which Spark then reads in parts, or refuse long lines with a smaller --max-record-size",
    ),
    ErrorPattern(
        re.compile(r"ChecksumException"),
        "a file was changed after Hadoop wrote it: its sums, in the .crc beside it, are of what was there before; delete those",
    ),
    ErrorPattern(
        re.compile(r"No space left on device"),
        "the disk is full; free space, or name other directories with --output-path and spark.local.dir",
    ),
    ErrorPattern(
        re.compile(r"ExecutorLostFailure"),
        "executors were lost, most often for lack of memory; raise spark.executor.memoryOverhead",
    ),
    ErrorPattern(
        re.compile(r"exited unexpectedly \(crashed\)"),
        "a Python worker died, most often for lack of memory; raise the memory of the executors",
    ),
    ErrorPattern(
        re.compile(r"AccessControlException|AccessDeniedException"),
        "permission was denied; name paths that this user may read and write",
    ),
    ErrorPattern(
        re.compile(r"UnknownHostException"),
        "a host of the cluster or of the file system is not known here; check --master and the paths",
    ),
    ErrorPattern(
        re.compile(r"Connection refused"),
        "the cluster or the file system does not answer; check --master and the paths",
    ),
    ErrorPattern(
        re.compile(
            r"Parquet column cannot be converted in file (?P<file>\S+)\. Column: \[(?P<column>[^\]\n]*)\], "
            r"Expected: (?P<expected>\w+), Found: (?P<found>\w+)"
        ),
        "{file}: column {column} is {found}, and {expected} in the first file; write all files with the same types",
    ),
    ErrorPattern(
        re.compile(r"Class (?P<codec>[\w.]+Codec) was not found"),
        "Spark has no {codec}, by which a file is compressed; compress it with zstd or snappy, or write --engine local",
    ),
    ErrorPattern(
        re.compile(r"Encountered error while reading file (?P<file>\S+)\. "),
        "{file}: is damaged, it can't be read to its end; copy it again",
    ),
    ErrorPattern(
        re.compile(r"TABLE_OR_VIEW_NOT_FOUND"),
        "dataset_format names a table that Spark's catalog does not have; write table:SCHEMA.NAME",
    ),
)
"""The first whose sign is found counts."""

LONGEST_FOREIGN_TEXT = 300


@dataclass(frozen=True)
class Failure:
    """What is told about an exception. `is_expected`: a trace would add nothing for the user."""

    reason: str
    exit_status: int
    is_expected: bool


def is_interruption(error: BaseException) -> bool:
    """Whether the driver was torn out of what it did, rather than told that it failed."""
    return any(not isinstance(cause, Exception) for cause in _causes(error))


def failure_of(error: BaseException) -> Failure:
    """What to tell about `error`, and the exit status of a job that it ended."""
    if isinstance(error, KeyboardInterrupt):
        return Failure("interrupted", ExitStatus.INTERRUPTED, is_expected=True)
    if isinstance(error, SystemExit):
        return _of_exit(error)
    for cause in _causes(error):
        if isinstance(cause, OutOfTime):  # what it interrupted may have raised again while it was cleared away
            return _of_exit(cause)
        if isinstance(cause, MonitorError):
            return Failure(str(cause), cause.exit_status, is_expected=True)
    text = "\n".join(str(cause) for cause in _causes(error))
    from_worker = _FROM_WORKER.findall(text)
    if from_worker:
        name, sentence = from_worker[-1]
        return Failure(sentence, getattr(errors, name, MonitorError).exit_status, is_expected=True)
    known = _known(error, text)
    if known is not None:
        return Failure(known, ExitStatus.FAILED, is_expected=True)
    return Failure(_unknown(error, text), ExitStatus.FAILED, is_expected=False)


def _of_exit(error: SystemExit) -> Failure:
    if isinstance(error, OutOfTime):
        return Failure(str(error), ExitStatus.TERMINATED, is_expected=True)
    if error.code == ExitStatus.TERMINATED:
        return Failure("stopped from outside (SIGTERM)", ExitStatus.TERMINATED, is_expected=True)
    status = error.code if isinstance(error.code, int) and 0 < error.code < 256 else ExitStatus.FAILED
    return Failure(f"the program was ended by sys.exit at {_place(error)}", status, is_expected=False)


def _known(error: BaseException, text: str) -> str | None:
    scheme = _SCHEME.search(text)
    if scheme:
        return (
            f"Spark has no file system for {(scheme.group(1) or scheme.group(2)).lower()}: paths; pass its JAR by "
            "--packages or --jars (s3a: org.apache.hadoop:hadoop-aws of Spark's Hadoop version)"
        )
    refusal = refusal_in(text)
    if refusal:
        return f"{place_in(text) or 'the object store'}: {refusal}"
    known = sentence_about(text, KNOWN)
    if known:
        return known
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return None


def _unknown(error: BaseException, text: str) -> str:
    if type(error).__name__ in _ABOUT_QUERIES:
        return f"{type(error).__name__}: {str(error).splitlines()[0][:LONGEST_FOREIGN_TEXT]}"
    _, _, worker = text.partition("Traceback (most recent call last):")
    raised = _RAISED.findall(worker.partition("\n\tat ")[0])
    if raised:
        file, line, kind = raised[-1]
        return f"unexpected {kind} in a Python worker, {Path(file).name}, line {line}; the log has its trace"
    java = _JAVA.findall(text)
    kind = java[-1] if java else type(error).__name__
    return f"unexpected {kind} at {_place(error)}; the log has its trace"


def _place(error: BaseException) -> str:
    """File and line that the exception came through last, those of Spark's own Python code left out."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if not re.search(r"[/.](pyspark|py4j)[-/.]", frame.filename)]
    return f"{Path(ours[-1].filename).name}, line {ours[-1].lineno}" if ours else "an unknown place"


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__
