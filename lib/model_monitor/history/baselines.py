"""Baselines from files: of a run's output path, or of the two documents that the service's variables name."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from hashlib import sha256
from typing import TYPE_CHECKING

from model_monitor.data_quality.known import KnownBaseline
from model_monitor.documents.constraints import Constraints
from model_monitor.documents.statistics import Statistics
from model_monitor.errors import BadInput
from model_monitor.history.archive import PROFILE, from_parquet
from model_monitor.outputs.files import CONSTRAINTS, STATISTICS, Run, current_run
from model_monitor.states import Profile
from model_monitor.storage import Storage, join, storage_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

HOUR_FOLDERS = re.compile(r"^(?P<top>.*)/\d{4}/\d{2}/\d{2}/\d{2}/*$")
"""The output path of an hourly run: <top>/yyyy/mm/dd/hh (contract.md 1.5)."""

HOUR_LEVELS = 4


def of_run(path: str, spark: SparkSession | None = None) -> KnownBaseline:
    """The baseline that the run published below `path` is; any run is one, a monitoring run as well.

    Raises BadInput if no run was published there, BadDocument or BadState if one of its files can't be read.
    """
    run = current_run(path, spark)
    if run is None:
        # a folder that the service, or somebody's copy of its files, left: the two documents alone
        storage = storage_of(path, spark)
        if not storage.exists(join(path, CONSTRAINTS)):
            raise BadInput(
                f"{path}: there is neither a run of ours nor a {CONSTRAINTS}; name the output path of a baselining job"
            )
        statistics = join(path, STATISTICS)
        return of_files(join(path, CONSTRAINTS), statistics if storage.exists(statistics) else None, spark)
    return _of_published(run, spark, edited=_edited_constraints(path, run, spark))


def of_files(constraints_path: str, statistics_path: str | None, spark: SparkSession | None = None) -> KnownBaseline:
    """The baseline of a constraints.json and a statistics.json, and of the states beside the latter if there are any.

    Raises BadInput if a file can't be read, BadDocument if it isn't such a document.
    """
    storage = storage_of(constraints_path, spark)
    constraints = Constraints.from_json(storage.read(constraints_path), constraints_path)
    if statistics_path is None:
        return KnownBaseline.made_of(constraints)
    storage = storage_of(statistics_path, spark)
    statistics = Statistics.from_json(storage.read(statistics_path), statistics_path)
    profile = _profile_at(storage, join(statistics_path.rpartition("/")[0] or ".", PROFILE))
    return KnownBaseline.made_of(constraints, statistics, profile)


def previous(output_path: str, spark: SparkSession | None = None) -> KnownBaseline | None:
    """The run before the one that will be published below `output_path`; None if there was none.

    That is the one published at the same path, or, for a path that ends in yyyy/mm/dd/hh, the one of the latest earlier hour.
    """
    run = current_run(output_path, spark)
    if run is not None:
        return _of_published(run, spark)
    earlier = _earlier_hour(output_path, spark)
    return of_run(earlier, spark) if earlier else None


def _edited_constraints(path: str, run: Run, spark: SparkSession | None) -> str | None:
    """The constraints.json at `path` if somebody changed it after the run was published; thresholds are tuned there."""
    storage, copy = storage_of(path, spark), join(path, CONSTRAINTS)
    if not storage.exists(copy) or sha256(storage.read(copy)).hexdigest() == run.digests.get(CONSTRAINTS):
        return None
    log.info("%s was edited after run %s; it counts as it is now", copy, run.run_id)
    return copy


def _of_published(run: Run, spark: SparkSession | None, edited: str | None = None) -> KnownBaseline:
    storage = storage_of(run.folder, spark)
    constraints = edited or join(run.folder, CONSTRAINTS)
    profile = _profile_at(storage, join(run.folder, PROFILE))
    return KnownBaseline.made_of(Constraints.from_json(storage.read(constraints), constraints), profile=profile)


def _profile_at(storage: Storage, path: str) -> Profile | None:
    return from_parquet(storage.read(path), path) if storage.exists(path) else None


def _earlier_hour(output_path: str, spark: SparkSession | None) -> str | None:
    """The latest hour folder before `output_path` in which a run was published, looked for from the latest down."""
    matched = HOUR_FOLDERS.match(output_path)
    if matched is None:
        return None
    storage = storage_of(output_path, spark)
    top = matched["top"]
    now = output_path.rstrip("/")[len(top) :]
    if not storage.exists(top):
        return None
    for hour in _hours_from_the_latest(storage, top):
        if hour < now and current_run(top + hour, spark) is not None:
            return top + hour
    return None


def _hours_from_the_latest(storage: Storage, top: str, below: str = "") -> Iterator[str]:
    """`/yyyy/mm/dd/hh` of the hour folders below `top`, the latest first; only as many folders are listed as are asked for."""
    if below.count("/") == HOUR_LEVELS:
        yield below
        return
    for name in reversed(storage.list_folders(top + below)):
        if name.isdecimal():
            yield from _hours_from_the_latest(storage, top, f"{below}/{name}")
