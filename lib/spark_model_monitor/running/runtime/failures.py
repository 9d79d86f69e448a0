"""What to report about an exception: one sentence, an exit status, and a trace without any exception texts.

Exception texts may repeat values of the data. Failures between a driver and its executors have their own sentences.
"""

from __future__ import annotations

import errno
import re
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path

from spark_model_monitor import errors
from spark_model_monitor.errors import MonitorError
from spark_model_monitor.running.runtime.status import ExitStatus, OutOfTime
from spark_model_monitor.stopping import Stopped
from spark_model_monitor.storage.refused_requests import find_refusal, find_s3_path, find_sentence
from spark_model_monitor.value_class import value_class

_KILLED_EXIT_CODE = 137  # exit code of an executor: 128 + SIGKILL
_HEAP_FULL_EXIT_CODE = 52  # exit code of an executor after an OutOfMemoryError. Source: Spark 3.5, SparkExitCode.OOM

_EXIT_PATTERN = r"(?:exited with code|exit code|Exit status:) "

_WRONG_SYSTEM_PATTERN = (
    r"Exec format error|invalid ELF header|wrong ELF class|version .GLIBC_[\d.]+. not found"
    r"|cannot open shared object file|numpy C-extensions failed|Error from python worker:\s+\S+: (?:line )?\d+: "
)
"""Messages of the system, its loader and numpy about a program or a library built for another system. Java passes a program that
the system can't run to a shell, which then reports errors in its "lines"."""


CLUSTER_FAULTS: Mapping[str, str] = {
    r"exceeding (physical|virtual) memory limits\. (?P<taken>[\d.]+ \w+) of (?P<given>[\d.]+ \w+)": (
        "YARN ended an executor that took {taken} of the {given} it was given; raise spark.executor.memoryOverhead, which "
        "Python's workers live on (--columns sizes it), or lower --executor-cores"
    ),
    rf"executor (?!driver\b)\S+\): java\.lang\.OutOfMemoryError|{_EXIT_PATTERN}{_HEAP_FULL_EXIT_CODE}\b": (
        "the heap of an executor is full; raise spark.executor.memory (--executor-memory)"
    ),
    rf"{_EXIT_PATTERN}{_KILLED_EXIT_CODE}\b|OOMKilled|possible container OOM": (
        "an executor was killed from outside, as is done where memory runs out; raise spark.executor.memoryOverhead (YARN, "
        "Kubernetes), or lower --executor-cores and --executor-memory to what the machine has (standalone)"
    ),
    r"different version:? \(?(?P<major>\d+)(?:, |\.)(?P<minor>\d+)\)? than that in driver:? (?P<driver>\d+\.\d+)": (
        "the executors have Python {major}.{minor}, the driver has {driver}; they have to be of one minor version: name the "
        "executors' in PYSPARK_PYTHON, or send one along by --environment"
    ),
    _WRONG_SYSTEM_PATTERN: (
        "the executors' Python or a library of it was built for another system than theirs; pack the --environment on a "
        "machine with the nodes' system and processor"
    ),
    r"(reading the port number from|Bad data in) \S+(daemon|\.worker)\b": (
        "the executors' Python ended before it began to work; run it on a node to see why, or send one along by --environment"
    ),
    r'Cannot run program "(?P<program>[^"]{1,512})".{0,512}error=2\b': (
        "the executors have no Python at {program}; name theirs in PYSPARK_PYTHON. If it is that of an --environment: its "
        "Python is a link, which has to lead to one on each node (make environment NODE_PREFIX=/usr)"
    ),
    r"No module named '(?P<module>spark_model_monitor|numpy|pyarrow|pandas|sklearn)\b": (
        "the executors' Python has no {module}; install it there, or send one along by --environment; before Spark starts, "
        "PYSPARK_PYTHON names another Python"
    ),
    (
        r"All masters are unresponsive|Master removed our application|YARN application has already ended"
        r"|cancelled because SparkContext was shut down|Cannot call methods on a stopped SparkContext"
        r"|StatusCode\.UNAVAILABLE|RETRIES_EXCEEDED|INVALID_HANDLE\.(?:SESSION|OPERATION)_"
    ): "the cluster went away while the job ran, or ended its application; look at the cluster, then run the job again",
}
"""Patterns of what Spark and clusters write, with our sentences; the first pattern that matches counts."""


_PYTHON_FRAME = re.compile(
    r"""\s*File "(?P<file>[^"\n]{1,400})", line (?P<line>\d{1,9}), in (?P<name><?[\w.]{1,100}>?)"""
)
_JAVA_FRAME = re.compile(r"\s*at (?:[\w.$@-]+/)*[\w.$<>]{1,300}\([\w.$ ]{1,100}(?::\d{1,9})?\)", re.ASCII)
_ERROR_CLASS = re.compile(
    r"(?:: |Caused by: )?(?P<class>(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:Error|Exception|Warning|Interrupt|Exit|Failure))(?=:|\s*$)",
    re.ASCII,
)


def format_trace(error: BaseException) -> str:
    """The lines of the trace, the cause first as in Python, without exception texts: they may hold data."""
    lines: list[str] = []
    for cause in reversed(list(_iterate_causes(error, with_suppressed=False))):
        lines += _format_lines(cause)
    return "\n".join(lines)


def _format_lines(error: BaseException) -> Iterator[str]:
    yield "Traceback (most recent call last):"
    for frame in traceback.extract_tb(error.__traceback__):
        yield f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}'
    # The class alone, because the text may quote values of the data
    kind = type(error)
    yield kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    yield from (f"  {line}" for line in _find_locations(str(error)))


def _find_locations(text: str) -> Iterator[str]:
    """The locations and classes that a foreign text names."""
    for line in text.splitlines():
        if match := _PYTHON_FRAME.match(line):
            yield match[0].strip()
        elif _JAVA_FRAME.fullmatch(line):
            yield line.strip()
        elif match := _ERROR_CLASS.match(line):
            yield match["class"]


_MONITOR_ERROR = re.compile(r"^spark_model_monitor\.errors\.(\w+): (.*)$", re.MULTILINE)
_UNKNOWN_SCHEME = re.compile(
    r'No FileSystem for scheme:? "?(\w+)|org\.apache\.hadoop\.fs\.\w+\.(\w+)FileSystem not found'
)
_WORKER_ERROR = re.compile(r'^(?! ).*\n *File "([^"]+)", line (\d+), in .*\n(?: .*\n)*([A-Za-z_][\w.]*)', re.MULTILINE)
_JAVA_CLASS = re.compile(r"^(?:: |Caused by: )?((?:[a-z]\w*\.)+[A-Z]\w*(?:Exception|Error))", re.MULTILINE)
_QUERY_ERRORS = ("AnalysisException", "ParseException", "IllegalArgumentException")
"""Spark's exceptions whose texts name columns, tables, settings and paths, but no values of the data."""

SENTENCES_BY_PATTERN: Mapping[str, str] = {
    r"Failed to find (?:the )?data source: (?P<reader>[\w.-]*\w)": (
        "Spark has no reader called {reader}; pass its JAR by --packages or --jars"
    ),
    **CLUSTER_FAULTS,
    r"OutOfMemoryError": (
        "Spark ran out of memory; give it more with --driver-memory (local runs) or --executor-memory, or refuse long "
        "lines with a smaller --set max_record_size=SIZE"
    ),
    r"OversizedAllocationException": (
        "lines much longer than those at the beginning of the first file don't fit into an Arrow batch; "
        "decompress compressed files, which Spark then reads in parts, or refuse long lines with a smaller "
        "--set max_record_size=SIZE"
    ),
    r"ChecksumException": (
        "a file was changed after Hadoop wrote it: the .crc file beside it has the checksums of the old content; delete it"
    ),
    r"No space left on device": (
        "the disk is full; free space, or name other directories with --output-path and spark.local.dir"
    ),
    r"ExecutorLostFailure": "executors were lost, most often for lack of memory; raise spark.executor.memoryOverhead",
    r"exited unexpectedly \(crashed\)": (
        "a Python worker died, most often for lack of memory; raise the memory of the executors"
    ),
    r"AccessControlException|AccessDeniedException": (
        "permission was denied; name paths that this user may read and write"
    ),
    r"UnknownHostException": (
        "a host of the cluster or of the file system is not known here; check --master and the paths"
    ),
    r"Connection refused": "the cluster or the file system does not answer; check --master and the paths",
    (
        r"Parquet column cannot be converted in file (?P<file>\S{1,4096})\. Column: \[(?P<column>[^\[\]\n]{1,512})\], "
        r"Expected: (?P<expected>\w+), Found: (?P<found>\w+)"
    ): "{file}: column {column} is {found}, and {expected} in the first file; write all files with the same types",
    r"Class (?P<codec>[\w.]+Codec) was not found": (
        "Spark has no {codec}, by which a file is compressed; compress it with zstd or snappy, or write --engine local"
    ),
    r"native (zStandard|hadoop) library not available": (
        "Hadoop has no library here that decompresses .zst; write --engine local, or compress the files with gzip"
    ),
    r"Encountered error while reading file (?P<file>\S+)\. ": (
        "{file}: is damaged, it can't be read to its end; copy it again"
    ),
    r"SCHEMA_NOT_FOUND\] The schema (?P<schema>`[^`]+`(?:\.`[^`]+`)*)": (
        "Spark's catalog has no schema {schema}; create it, or write another name or a path as --results-table"
    ),
    r"TABLE_OR_VIEW_NOT_FOUND": (
        "dataset_format names a table that Spark's catalog does not have; write table:SCHEMA.NAME"
    ),
}
"""Patterns of what Spark and its libraries write, with our sentences; the first pattern that matches counts."""

MAX_FOREIGN_LENGTH = 300  # characters of another library's error text


@value_class
class Failure:
    """What to report about an exception. `is_expected`: a trace would not help the user."""

    reason: str
    exit_status: int
    is_expected: bool = True


def is_interruption(error: BaseException) -> bool:
    """Whether the driver was interrupted, rather than failed."""
    return any(not isinstance(cause, Exception) for cause in _iterate_causes(error))


def describe_failure(error: BaseException, *, as_service: bool = False) -> Failure:
    """What to report about `error`, and the exit status of a job that it ended. as_service: whether errors of files have the
    service's exit status.
    """
    # Cleaning up after an interruption may have raised another exception
    for cause in _iterate_causes(error):
        if isinstance(cause, KeyboardInterrupt):
            return Failure("interrupted", ExitStatus.INTERRUPTED)
        if isinstance(cause, (OutOfTime, Stopped)):
            return _describe_exit(cause)
    if isinstance(error, SystemExit):
        return _describe_exit(error)
    # Checked before our own errors, which may only be a consequence
    if any(map(_is_out_of_memory, _iterate_causes(error))):
        return Failure(OUT_OF_MEMORY, ExitStatus.FAILED)
    for cause in _iterate_causes(error):
        if isinstance(cause, MonitorError):
            return Failure(str(cause), _find_status(type(cause), as_service=as_service))
    # An error of a worker reaches the driver as text, inside an error of Spark
    text = "\n".join(str(cause) for cause in _iterate_causes(error))
    monitor_errors = _MONITOR_ERROR.findall(text)
    if monitor_errors:
        name, sentence = monitor_errors[-1]
        status = _find_status(getattr(errors, name, MonitorError), as_service=as_service)
        return Failure(sentence, status)
    known_reason = _find_known_reason(error, text)
    if known_reason is not None:
        return Failure(known_reason, ExitStatus.FAILED)
    return Failure(_describe_unknown(error, text), ExitStatus.FAILED, is_expected=False)


def _find_status(kind: type[MonitorError], *, as_service: bool) -> int:
    if as_service and issubclass(kind, (errors.BadInput, errors.BadDocument)):
        return ExitStatus.FAILED
    return kind.exit_status


OUT_OF_MEMORY = (
    "this process ran out of memory; raise its limit (ulimit -v, or the container's), or refuse long lines with a smaller "
    "--set max_record_size=SIZE"
)


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether the system refused memory: to Python, to a library that was loaded, or to a new thread."""
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    text = str(error)
    if isinstance(error, ImportError):
        return "Cannot allocate memory" in text or "failed to map segment" in text
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and text == "can't start new thread")


def _describe_exit(error: SystemExit) -> Failure:
    if isinstance(error, OutOfTime):
        return Failure(str(error), ExitStatus.TERMINATED)
    if error.code == ExitStatus.TERMINATED:
        return Failure("stopped from outside (SIGTERM)", ExitStatus.TERMINATED)
    # sys.exit() in a user's script is a failure, also with status 0
    if isinstance(error.code, int) and 0 < error.code < 256:
        status = error.code
    else:
        status = ExitStatus.FAILED
    return Failure(f"the program was ended by sys.exit at {_locate(error)}", status, is_expected=False)


def _find_known_reason(error: BaseException, text: str) -> str | None:
    scheme = _UNKNOWN_SCHEME.search(text)
    if scheme:
        return (
            f"Spark has no file system for {(scheme.group(1) or scheme.group(2)).lower()}: paths; pass its JAR by "
            "--packages or --jars (s3a: org.apache.hadoop:hadoop-aws of Spark's Hadoop version)"
        )
    refusal = find_refusal(text)
    if refusal:
        return f"{find_s3_path(text) or 'the object store'}: {refusal}"
    # Frequent causes, by the texts of Spark and its libraries
    sentence = find_sentence(text, SENTENCES_BY_PATTERN)
    if sentence:
        return sentence
    if isinstance(error, OSError) and error.strerror:
        if error.filename:
            return f"{error.filename}: {error.strerror}"
        return error.strerror
    return None


def _describe_unknown(error: BaseException, text: str) -> str:
    # The first line of these errors names columns, but no values
    if type(error).__name__ in _QUERY_ERRORS:
        return f"{type(error).__name__}: {str(error).splitlines()[0][:MAX_FOREIGN_LENGTH]}"
    _, _, worker = text.partition("Traceback (most recent call last):")
    raised_errors = _WORKER_ERROR.findall(worker.partition("\n\tat ")[0])
    if raised_errors:
        file, line, kind = raised_errors[-1]
        return f"unexpected {kind} in a Python worker, {Path(file).name}, line {line}; the log has its trace"
    # The last exception is the innermost cause
    java_classes = _JAVA_CLASS.findall(text)
    kind = java_classes[-1] if java_classes else type(error).__name__
    return f"unexpected {kind} at {_locate(error)}; the log has its trace"


def _locate(error: BaseException) -> str:
    """File and line that the exception passed through last, without Spark's own Python code."""
    frames = traceback.extract_tb(error.__traceback__)
    other_frames = [frame for frame in frames if not re.search(r"[/.](pyspark|py4j)[-/.]", frame.filename)]
    if other_frames:
        return f"{Path(other_frames[-1].filename).name}, line {other_frames[-1].lineno}"
    return "an unknown place"


def _iterate_causes(error: BaseException, *, with_suppressed: bool = True) -> Iterator[BaseException]:
    """The error and its causes. with_suppressed: including those that `raise … from None` hides from a trace."""
    # A chain of causes can be circular
    visited: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in visited:
        visited.add(id(current))
        yield current
        hides_context = current.__suppress_context__ and not with_suppressed
        current = current.__cause__ or (None if hides_context else current.__context__)
