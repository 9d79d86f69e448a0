"""Reads baselines from a run's output path, or from the two documents of the service's jobs; and makes references to them."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Any

from spark_model_monitor.data.reading.formats import ADDRESS_OPTIONS, CaptureFormat, MergedFormat, parse_dataset_format
from spark_model_monitor.documents.column_roles import ColumnRoles
from spark_model_monitor.documents.document import Document
from spark_model_monitor.documents.run_description import BaselineReference, RunDescription
from spark_model_monitor.errors import BadInput
from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.protocol import Monitor
from spark_model_monitor.reports.history.state_files import (
    PARTS,
    decode_block_variation,
    decode_state_file,
    name_state_file,
    read_run_state,
)
from spark_model_monitor.reports.outputs.run_files import (
    HOUR_FOLDERS,
    LEDGER,
    RUNS,
    Run,
    read_current_run,
    read_document,
    read_document_file,
    read_intact_run,
    read_recorded_options,
    read_run_file,
    resolve_file,
)
from spark_model_monitor.statistics.states import State
from spark_model_monitor.storage import (
    exists,
    get_current_session,
    get_storage,
    join,
    read_if_exists,
    resolve_path,
    using_session,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark_model_monitor.data.reading.dataset import Dataset


log = logging.getLogger(__name__)

HOUR_LEVELS = 4  # number of folders in the path yyyy/mm/dd/hh
MAX_REREAD_BYTES = 2**30  # largest size of a baseline's files at which they are read again for a window with alarms

DATA_QUALITY = DataQualityMonitor()


def read_baseline(
    path: str | os.PathLike[str], monitor: Monitor = DATA_QUALITY, spark: SparkSession | None = None
) -> Any:
    """Read a written baseline, for `run_monitoring`.

    Parameters
    ----------
    path : path
        The output path of a baselining job, of `Baseline.write`, or of any other run; or a folder with the service's documents.
        Edited constraints count as they are now.
    monitor : Monitor, default DataQualityMonitor()
        The monitor that will compare data with the baseline.
    spark : pyspark.sql.SparkSession, optional
        The session that opens the path; without a session, the path must be local.

    Returns
    -------
    object
        What the monitor knows of the baseline: its constraints, the names of its features, its distributions.

    Raises
    ------
    BadInput
        If there is no baseline at the path.
    BadDocument, BadState
        If one of its files can't be read.

    Examples
    --------
    >>> import pandas as pd
    >>> from spark_model_monitor import DataQualityMonitor, read_baseline, run_baseline
    >>> run = run_baseline(pd.DataFrame({"items": [1, 3, 2]}), DataQualityMonitor()).write("items-baseline")
    >>> read_baseline("items-baseline").names
    ('items',)
    """
    with using_session(spark):
        return read_run_baseline(os.fspath(path), monitor)


def read_run_baseline(path: str, monitor: Monitor = DATA_QUALITY) -> Any:
    """The baseline from the run published below `path`; any run can be one, including a monitoring run.

    Raises BadInput if no run was published there, BadDocument or BadState if one of its files can't be read.
    """
    run = read_current_run(path)
    if run is None:
        # A folder of the service, or a copy of one, has documents only
        constraints = join(path, monitor.CONSTRAINTS.FILE_NAME)
        if not exists(constraints):
            raise BadInput(
                f"{path}: there is neither a run of ours nor a {monitor.CONSTRAINTS.FILE_NAME}; name the output path of a "
                "baselining job"
            )
        return read_file_baseline(constraints, _find_statistics(path, monitor), monitor)
    return _read_published(path, run, monitor, uses_edits=True)


def read_file_baseline(constraints_path: str, statistics_path: str | None, monitor: Monitor = DATA_QUALITY) -> Any:
    """The baseline from a file of constraints, a file of statistics, and the state in the folder of the statistics, if there is a
    state. For a monitor without statistics, the state is in the folder of the constraints.

    Raises BadInput if a file can't be read, BadDocument if it has the content of another document.
    """
    constraints = read_document_file(monitor.CONSTRAINTS, constraints_path)
    constraints_folder = constraints_path.rpartition("/")[0] or "."
    # The suggested constraints show which limits a person has edited
    run = read_intact_run(constraints_folder)
    suggested = None
    if run is not None:
        run, suggested = _read_suggestion(run, constraints_folder, monitor)

    statistics: Document | None = None
    folder = constraints_folder
    # States are in the folder of the statistics, because constraints may have been moved
    if monitor.STATISTICS:
        if statistics_path is None and monitor.FINDS_STATISTICS:
            statistics_path = _find_statistics(constraints_folder, monitor)
        folder = ""
        if statistics_path is not None:
            statistics = read_document_file(monitor.STATISTICS, statistics_path)
            folder = statistics_path.rpartition("/")[0] or "."

    state = None
    path = join(folder, _name_state(monitor))
    content = read_if_exists(path) if folder else None
    if content is not None:
        state = decode_state_file(content, path)
    baseline = monitor.stored_baseline(constraints, statistics, state, suggested)
    # Constraints without statistics may belong to other data than the run's blocks
    if run is not None and statistics is not None:
        return _add_parts(baseline, run)
    return baseline


def read_previous_baseline(output_path: str, monitor: Monitor = DATA_QUALITY) -> Any:
    """The baseline from the run before the run that will be published below `output_path`; None if there is no earlier run.

    The earlier run is the run at the same path or, for a path that ends in yyyy/mm/dd/hh, the run of the latest earlier hour.
    """
    run = read_intact_run(output_path)
    if run is not None:
        return _read_published(output_path, run, monitor, uses_edits=False)
    # The run before the first run of an hour folder is the run of the latest earlier hour
    earlier = find_earlier_hour(output_path)
    if earlier:
        return read_run_baseline(earlier, monitor)
    return None


def _read_published(path: str, run: Run, monitor: Monitor, *, uses_edits: bool) -> Any:
    """The baseline from a published run. uses_edits: whether to use constraints that users edited at `path` since."""
    name = monitor.CONSTRAINTS.FILE_NAME
    run, suggested = _read_suggestion(run, path, monitor)
    if suggested is None:
        description = read_document(run, RunDescription)
        analysis = description and description.analysis_type
        raise BadInput(
            f"{path}: run {run.run_id} has no {name}, its analysis_type is {analysis}; write --analysis-type {analysis}, or name "
            "another baseline"
        )
    # Users may edit constraints only; statistics and states always come from the run
    edited = find_edited_file(name, path, run) if uses_edits else None
    constraints = suggested
    if edited:
        constraints = read_document_file(monitor.CONSTRAINTS, edited)
    state = read_run_state(run, _name_state(monitor))
    statistics = None
    # Somebody may have removed the folder of states
    if state is None and monitor.STATISTICS:
        statistics = read_document(run, monitor.STATISTICS)
    baseline = monitor.stored_baseline(constraints, statistics, state, suggested)
    baseline = baseline.with_roles(_read_roles(run))
    source = partial(_read_rows_again, run, baseline.names, monitor, get_current_session())
    return _add_parts(baseline.with_source(source), run)


def _read_suggestion(run: Run, path: str, monitor: Monitor) -> tuple[Run, Document | None]:
    """The run published at `path`, with the constraints as it wrote them. If the files were moved without `_runs/`, the copies
    at `path` are used.
    """
    try:
        return run, read_document(run, monitor.CONSTRAINTS)
    except BadInput:
        # If the run's folder exists, the file is missing for another reason
        if exists(run.folder):
            raise
    log.info("%s: its files were moved there without %s", path, RUNS)
    moved = replace(run, folder=path)
    return moved, read_document(moved, monitor.CONSTRAINTS)


def _read_roles(run: Run) -> ColumnRoles | None:
    """The roles of captured columns that a run defines: if it read captures, they have every column and no label."""
    # run.json has the format in which the run read its data
    if isinstance(parse_dataset_format(read_recorded_options(run).get("dataset_format", "csv")), CaptureFormat):
        return ColumnRoles()
    return None


def _read_rows_again(run: Run, names: tuple[str, ...], monitor: Monitor, spark: SparkSession | None) -> Dataset:
    """The rows that a run has read. Raises BadInput if they are too many to read again."""
    from spark_model_monitor.data.reading.data_reader import read_again

    with using_session(spark):
        # The options with which the run has read its files, and the list of these files
        read_by = read_recorded_options(run)
        description = read_document(run, RunDescription)
        path = join(run.folder, LEDGER)
        files = json.loads(read_run_file(run, LEDGER))["files"]
    if "time_column" in read_by and description is not None and description.window is not None:
        raise BadInput(f"{path}: of its files a window was read")
    # A sum of 0 means that sizes are unknown, so there may be any amount of data
    if not 0 < sum(file["size_bytes"] for file in files) <= MAX_REREAD_BYTES:
        raise BadInput(f"{path}: its files are not read again")
    dataset = read_again([file["path"] for file in files], read_by, names or None, spark)
    # The columns of labels and predictions may have other names than in the window
    columns = {name: read_by[option] for name, option in ADDRESS_OPTIONS.items() if option in read_by}
    # Merged records have their labels beside what was captured
    if not columns or isinstance(parse_dataset_format(read_by.get("dataset_format", "csv")), MergedFormat):
        return dataset
    return monitor.read_outcomes(dataset, **columns)


def _add_parts(baseline: Any, run: Run) -> Any:
    """The baseline with the variation of its parts, if the run stored it."""
    # Other monitors have no parts
    if PARTS not in run.digests or not isinstance(baseline, QualityBaseline):
        return baseline
    return baseline.with_block_variation(decode_block_variation(read_run_file(run, PARTS), join(run.folder, PARTS)))


def find_edited_file(name: str, path: str, run: Run) -> str | None:
    """The path of the file below `path` if it was edited after the run was published; otherwise None."""
    copy = join(path, name)
    content = read_if_exists(copy)
    # Compared by content, because a copy has another time
    if content is None or sha256(content).hexdigest() == run.digests.get(name):
        return None
    log.info("%s was edited after run %s; it counts as it is now", copy, run.run_id)
    return copy


def _find_statistics(path: str, monitor: Monitor) -> str | None:
    if monitor.STATISTICS is None:
        return None
    statistics = join(path, monitor.STATISTICS.FILE_NAME)
    if exists(statistics):
        return statistics
    return None


def _name_state(monitor: Monitor) -> str:
    return name_state_file(monitor.BASELINE_STATE or monitor.STATE)


def find_earlier_hour(output_path: str) -> str | None:
    """The latest hour folder before `output_path` in which a run was published; None if there is none."""
    return next((folder for folder, _ in list_earlier_runs(output_path)), None)


def list_earlier_runs(output_path: str) -> Iterator[tuple[str, Run]]:
    """The hour folders before `output_path` in which a run was published, each with its run; the latest first."""
    matched = HOUR_FOLDERS.match(output_path)
    if matched is None:
        return
    top = matched["top"]
    # Names of hour folders have fixed widths, so comparing them as texts compares their times
    now = output_path.rstrip("/")[len(top) :]
    if not exists(top):
        return
    for hour in list_hours_from_latest(top):
        if hour < now and (run := read_intact_run(top + hour)) is not None:
            yield top + hour, run


def read_earlier_states(
    output_path: str, monitor: Monitor, baseline: BaselineReference | None, windows: int
) -> tuple[State, ...]:
    """The states of the last windows before this one; windows with violations or another baseline are left out.

    windows: the number of windows to look at.
    """
    states: list[State] = []
    for _, run in islice(list_earlier_runs(output_path), windows):
        description = read_document(run, RunDescription)
        # Windows with violations are left out: they don't show healthy variation
        state = read_run_state(run, _name_state(monitor))
        if state is None or description is None or description.violations:
            continue
        if description.baseline == baseline:
            states.append(state)
    return tuple(states)


def list_hours_from_latest(top: str, below: str = "") -> Iterator[str]:
    """The paths `/yyyy/mm/dd/hh` of the hour folders below `top`, the latest first. The iterator lists folders only as needed."""
    if below.count("/") == HOUR_LEVELS:
        yield below
        return
    # Storages list names in order, so the last year, month, day and hour come first
    for name in reversed(get_storage(top).list_folders(top + below)):
        if name.isdecimal():
            yield from list_hours_from_latest(top, f"{below}/{name}")


def create_reference_to_run(path: str, monitor: Monitor = DATA_QUALITY) -> BaselineReference:
    """A reference to the run published below `path` or, without a run, to the files there that `monitor`'s documents name."""
    run = read_current_run(path)
    if run is None:
        return create_reference_to_files(join(path, monitor.CONSTRAINTS.FILE_NAME), _find_statistics(path, monitor))
    return BaselineReference(run_id=run.run_id, folder=resolve_path(run.folder))


def create_reference_to_files(constraints_path: str, statistics_path: str | None) -> BaselineReference:
    """A reference to the file of constraints and, if it exists, to the file of statistics."""
    statistics = None
    # Constraints without statistics are a valid baseline, but a reference to an absent file is an error
    if statistics_path is not None and exists(statistics_path):
        statistics = resolve_path(statistics_path)
    return BaselineReference(constraints=resolve_path(constraints_path), statistics=statistics)


def create_reference_to_previous_run(output_path: str, monitor: Monitor = DATA_QUALITY) -> BaselineReference | None:
    """A reference to the run before the run that will be published below `output_path`; None if there is no earlier run."""
    path: str | None = output_path
    if read_intact_run(output_path) is None:
        path = find_earlier_hour(output_path)
    return create_reference_to_run(path, monitor) if path else None


def read_attribution_shares(path: str) -> Mapping[str, float]:
    """By feature: its share of the model's attributions.

    path: an analysis.json, the output path of a run that wrote an analysis.json, or a folder of promoted runs.

    Raises BadInput if the file can't be read, BadDocument if it has no attributions.
    """
    from spark_model_monitor.documents.clarify_files import AttributionReport

    if not path.endswith(".json"):
        path = resolve_file(path, AttributionReport.FILE_NAME)
        if not exists(path):
            raise BadInput(f"{path}: there is no such file; name the output path of a run of explainability")
    return read_document_file(AttributionReport, path).shares
