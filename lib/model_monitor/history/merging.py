"""Runs merged into one: `model-monitor merge-states A B … --output DIR`, without a JVM and without a row read again.

A day of hours, or a rolling baseline, is the sum of the states that its runs left.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from model_monitor.data_quality.monitor import DataQualityMonitor
from model_monitor.errors import BadConfiguration, BadInput, BadState
from model_monitor.history.archive import PROFILE, from_parquet, to_parquet
from model_monitor.history.baselines import of_run
from model_monitor.outputs.files import CONSTRAINTS, STATISTICS, current_run, publish
from model_monitor.states import Profile
from model_monitor.states.metrics import metrics_of
from model_monitor.storage import join, storage_of

log = logging.getLogger(__name__)


def merge_runs(paths: Sequence[str], output_path: str) -> Profile:
    """Publish the documents and states of the union of what some runs read, and give its profile.

    paths: output paths of runs (or of merges), added in this order; on this machine. The first one's monitoring settings are
    the merge's.
    Raises BadConfiguration for fewer than two paths, BadState if the runs' features differ.
    """
    if len(paths) < 2:
        raise BadConfiguration("merge-states adds the states of two runs or more; name their output paths")
    profile = _sum(paths)
    monitor = DataQualityMonitor(settings=of_run(paths[0]).constraints.monitoring)
    files = {
        STATISTICS: monitor.statistics(profile, metrics_of(profile)).to_json().encode(),
        CONSTRAINTS: monitor.constraints(profile).to_json().encode(),
        PROFILE: to_parquet(profile),
    }
    publish(files, output_path)
    log.info("merged %d runs, %s rows", len(paths), f"{profile.item_count:,}")
    return profile


def read_profile(path: str) -> Profile:
    """The profile that the run published below `path` left.

    Raises BadInput if no run was published there, or if it is an older one without states.
    """
    run = current_run(path)
    if run is None:
        raise BadInput(f"{path}: no run was published here (there is no _current.json); name the output path of a job")
    if PROFILE not in run.digests:
        raise BadInput(f"{path}: run {run.run_id} has no {PROFILE}; run the job again")
    where = join(run.folder, PROFILE)
    return from_parquet(storage_of(where).read(where), where)


def _sum(paths: Sequence[str]) -> Profile:
    """The sum of the runs' profiles.

    Raises BadState naming the path of the first one that can't be added to those before it.
    """
    total = read_profile(paths[0])
    for path in paths[1:]:
        try:
            total = total + read_profile(path)
        except BadState as fault:
            raise BadState(f"{path} can't be added to {paths[0]}: {fault}") from fault
    return total
