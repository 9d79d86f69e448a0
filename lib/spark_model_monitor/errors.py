"""Errors raised on purpose: their text is for the user, says where, what was found and what to write instead.

A job turns a `MonitorError` into one line of its message file and into the error's exit status (C11b);
anything else that is raised is a defect of ours and exits 255 with a trace in the log. Runs on driver and executors.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar


class MonitorError(Exception):
    """An error that the user can fix. `exit_status` is the job's exit status.

    Examples
    --------
    >>> from spark_model_monitor import DataQualityMonitor, MonitorError, run_baseline
    >>> try:
    ...     run_baseline("no-such.csv", DataQualityMonitor(), engine="local")
    ... except MonitorError as error:
    ...     print(error.exit_status, error)
    255 no-such.csv: there is no such file or directory
    """

    exit_status: ClassVar[int] = 255


class BadConfiguration(MonitorError):
    """A flag, variable or configuration file is wrong; raised before any data is read.

    Examples
    --------
    >>> from spark_model_monitor import MonitoringSettings
    >>> MonitoringSettings(comparison_method="psy")
    Traceback (most recent call last):
        ...
    spark_model_monitor.errors.BadConfiguration: there is no comparison_method called 'psy'; write one of: psi
    """

    exit_status = 2

    @classmethod
    def raise_for(cls, faults: Iterable[str]) -> None:
        """Raise one error for all faults of a configuration, one line each; without faults, do nothing."""
        lines = "\n".join(faults)
        if lines:
            raise cls(lines)


def suggest_names(
    name: str, names: Iterable[str], otherwise: str, *, max_names: int = 1, shown: Callable[[str], str] = repr
) -> str:
    """A question that suggests the nearest names to an unknown name; `otherwise` if no name is near."""
    candidates = list(names)
    # A name that differs only in capitals is nearer than any other
    near = [candidate for candidate in candidates if candidate.strip().casefold() == name.strip().casefold()]
    near = near[:max_names] or get_close_matches(name, candidates, n=max_names)
    if near:
        return f"did you mean {' or '.join(map(shown, near))}?"
    return otherwise


def suggest_path(path: str, otherwise: str = "", is_meant: Callable[[str], bool] = os.path.exists) -> str:
    """A hint that names the existing path nearest to a missing local path, with a semicolon in front.

    is_meant: whether a file or folder in the same directory is a candidate. otherwise: the hint if none is near; may be
        empty.
    """
    neighbours = Path(path).parent.glob("*")
    paths = {neighbour.name: str(neighbour) for neighbour in neighbours if is_meant(str(neighbour))}
    hint = suggest_names(Path(path).name, paths, otherwise, shown=paths.__getitem__)
    return hint and f"; {hint}"


_NAME_IN_CATALOG = re.compile(r"(`[^`]+`|\w[\w-]*)(\.(`[^`]+`|\w[\w-]*)){1,2}")  # schema.table or catalog.schema.table


def is_catalog_name(text: str) -> bool:
    """Whether a text may be the name of a table in a catalog: two or three words joined by dots, such as main.sales.orders."""
    return _NAME_IN_CATALOG.fullmatch(text) is not None


class MissingDependency(BadConfiguration):
    """A library or JAR that this run needs is missing, or has the wrong version.

    Examples
    --------
    >>> from spark_model_monitor import MissingDependency
    >>> MissingDependency.exit_status  # the text names what to install
    2
    """


@contextmanager
def explain_missing_import(sentence: str) -> Iterator[None]:
    """A block of imports that may fail. Raises MissingDependency with this sentence if one fails."""
    try:
        yield
    except ImportError as error:
        raise MissingDependency(sentence) from error


class NotRecorded(BadConfiguration):
    """A table keeps no record of the rows that were appended to it."""


class NeedsSpark(BadConfiguration):
    """Only the Spark engine can read or make this, but the engine without a JVM is running."""

    def __init__(self, subject: str) -> None:
        absent = ", and install it: pip install 'spark-model-monitor[spark]'"
        if find_spec("pyspark"):
            absent = ""
        super().__init__(f"{subject} needs Spark; write --engine spark, in Python engine='spark'{absent}")


NO_DATA = "Job inputs had no data"  # the service's text, with which each `NoData` begins (C1.6)

MESSAGE = "message"  # the file with a job's last message, which is all that a failed run leaves except a quarantine

SCRIPT_FAILED = "Exception while invoking preprocessor script."
"""The service's text (C1.6); a description of the problem is appended to it."""


class NoData(MonitorError):
    """There is no data to read (C11.19).

    Examples
    --------
    >>> from pathlib import Path
    >>> from spark_model_monitor import DataQualityMonitor, run_baseline
    >>> Path("empty").mkdir()
    >>> run_baseline("empty", DataQualityMonitor(), engine="local")
    Traceback (most recent call last):
        ...
    spark_model_monitor.errors.NoData: Job inputs had no data: empty has no file that is neither hidden nor empty
    """

    exit_status = 3


class BadInput(MonitorError):
    """An input can't be read as a whole: wrong path, format, compression or encoding.

    Examples
    --------
    >>> from spark_model_monitor import read_baseline
    >>> read_baseline("nothing")
    Traceback (most recent call last):
        ...
    spark_model_monitor.errors.BadInput: nothing: there is neither a run of ours nor a constraints.json; ...
    """

    exit_status = 2


class InputUnavailable(BadInput):
    """An input may be readable a moment later: it is late or still being written, or a store or a database refused."""

    exit_status = 255


class UnansweredRows(BadInput):
    """Some rows can't be answered by a model; other rows may be."""


class BadDocument(MonitorError):
    """A JSON document has wrong or missing content; the text names the JSON path.

    Examples
    --------
    >>> from spark_model_monitor import AnalysisConfig
    >>> AnalysisConfig.from_json('{"facet": 1}')
    Traceback (most recent call last):
        ...
    spark_model_monitor.errors.BadDocument: ...
    """

    exit_status = 2


class DamagedRecord(BadDocument):
    """A record that only this package writes can't be read."""

    exit_status = 255


class BadState(MonitorError):
    """State bytes can't be read, or states can't be added.

    Examples
    --------
    >>> from spark_model_monitor import decode_state
    >>> decode_state(b"no state")
    Traceback (most recent call last):
        ...
    spark_model_monitor.errors.BadState: state bytes: 8 bytes are too few for a state; the file may be cut
    """


class ScriptFailed(MonitorError):
    """A user's pre- or post-processing script raised an error.

    Examples
    --------
    >>> from spark_model_monitor import ScriptFailed
    >>> ScriptFailed.exit_status  # of the job; its message has the script's exception and line
    1
    """

    exit_status = 1


class OutputFailed(MonitorError):
    """The output can't be written; nothing was published in part.

    Examples
    --------
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> from spark_model_monitor import DataQualityMonitor, run_baseline
    >>> baseline = run_baseline(pd.DataFrame({"items": [1, 3, 2]}), DataQualityMonitor())
    >>> Path("taken").touch()
    >>> baseline.write("taken")
    Traceback (most recent call last):
        ...
    spark_model_monitor.errors.OutputFailed: taken: can't be written: taken is a file; name a folder as the output path
    """


class OutputHeld(MonitorError):
    """Another run is writing to the output, or has taken the output over from this run.

    Examples
    --------
    >>> import pandas as pd
    >>> from spark_model_monitor import DataQualityMonitor, OutputHeld, run_baseline
    >>> baseline = run_baseline(pd.DataFrame({"items": [1, 3, 2]}), DataQualityMonitor())
    >>> try:
    ...     run = baseline.write("items-baseline")
    ... except OutputHeld as error:  # names the other run; try again when it has ended
    ...     print(error)
    """


class ClusterGone(MonitorError):
    """The cluster for the job does not answer.

    Examples
    --------
    >>> import pandas as pd
    >>> from spark_model_monitor import ClusterGone, DataQualityMonitor, run_baseline
    >>> try:
    ...     baseline = run_baseline(pd.DataFrame({"items": [1, 3, 2]}), DataQualityMonitor())
    ... except ClusterGone as error:  # of a Spark session; run it again on a living cluster
    ...     print(error)
    """


class SinkFailed(MonitorError):
    """A sink could not be notified; the run's files are in place.

    Examples
    --------
    >>> from spark_model_monitor import MonitorError, SinkFailed
    >>> issubclass(SinkFailed, MonitorError)  # of a job with sink_required: another run repeats the notification
    True
    """


class ViolationsFound(MonitorError):
    """`Findings.raise_for_violations` found violations.

    Examples
    --------
    >>> import pandas as pd
    >>> from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
    >>> items = pd.DataFrame({"items": [1, 3, 2] * 30})
    >>> baseline = run_baseline(items, DataQualityMonitor())
    >>> findings = run_monitoring(items.replace(3, -3), DataQualityMonitor(), baseline)
    >>> findings.raise_for_violations()
    Traceback (most recent call last):
        ...
    spark_model_monitor.errors.ViolationsFound: 90 records, 2 violations:
    ...
    """

    exit_status = 4
