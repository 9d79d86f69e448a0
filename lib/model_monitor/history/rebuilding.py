"""history.parquet made again of the states of the runs in hour folders: `model-monitor merge-states --history DIRECTORY`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from model_monitor.data.records.windows import hour_of_path
from model_monitor.documents.run_description import BaselineReference, RunDescription, moment
from model_monitor.errors import BadInput, MonitorError
from model_monitor.history import baselines
from model_monitor.history.archive import PROFILE, from_parquet
from model_monitor.history.baselines import hours_from_the_latest
from model_monitor.history.decisions import read_decisions
from model_monitor.history.variation import Entry, History, new_history, write_history
from model_monitor.outputs.files import Run, run_before
from model_monitor.storage import holding, join, storage_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)


def rebuild_history(folder: str, spark: SparkSession | None = None) -> History:
    """Write the history of the monitoring runs in the hour folders below `folder`, from their states.

    A run whose baseline or states are gone is left out with a warning. Raises BadInput if no run is there.
    """
    storage, history, known = storage_of(folder, spark), new_history(folder), {}
    with holding(storage, folder):
        for hour in reversed([*hours_from_the_latest(storage, folder)]):
            path = join(folder, hour.lstrip("/"))
            run = run_before(path, spark)
            if run is None or PROFILE not in run.digests:
                continue
            try:
                told = dict(_documents(run, spark))
                reference = told[BaselineReference]
                if (run_id := reference.run_id or reference.constraints) not in known:
                    known[run_id] = _baseline(reference, spark)
                entry = _entry(folder, path, run, told[RunDescription], str(run_id))
                history = _with_run(history, entry, known[run_id], run, spark)
            except (MonitorError, KeyError) as fault:
                log.warning("%s: is left out of the history: %s", path, fault)
        if not history.table.num_rows:
            raise BadInput(f"{folder}: has no monitoring run of data quality in hour folders below it")
        for decision in read_decisions(folder, spark):
            history = history.accepted(decision.window or "", decision.features)
        write_history(history, spark)
    log.info("the history of %s has %d windows", folder, len(history.entries()))
    return history


def _with_run(history: History, entry: Entry, known: Any, run: Run, spark: SparkSession | None) -> History:
    where = join(run.folder, PROFILE)
    state = from_parquet(storage_of(where, spark).read(where), where)
    beside = known.with_history(history.profiles(known.wanted_references, entry.time, spark), {})
    return history.with_window(entry, beside.raw_statistics(state))


def _entry(folder: str, path: str, run: Run, described: RunDescription, baseline: str) -> Entry:
    window, hour = described.window, hour_of_path(join(path, ""))
    name, time = (
        (f"{window.start}/{window.end}", window.end) if window else (moment(hour), moment(hour)) if hour else ("", "")
    )
    below = run.folder.removeprefix(join(folder, ""))
    return Entry(time, name, run.run_id, below, baseline, bool(described.violations))


def _documents(run: Run, spark: SparkSession | None) -> Iterator[tuple[Any, Any]]:
    for kind in (BaselineReference, RunDescription):
        if kind.FILE_NAME in run.digests:
            where = join(run.folder, kind.FILE_NAME)
            yield kind, kind.from_json(storage_of(where, spark).read(where), where)


def _baseline(reference: BaselineReference, spark: SparkSession | None) -> Any:
    if reference.folder is not None:
        return baselines.of_run(reference.folder, spark)
    return baselines.of_files(reference.constraints or "", reference.statistics, spark)
