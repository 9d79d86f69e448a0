"""Merges runs: `spark-model-monitor merge-states A B … --output DIR`, without a JVM and without reading a row again.

A day of hours, or a rolling baseline, is the sum of the states of its runs.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

from spark_model_monitor import __version__
from spark_model_monitor.arguments import require_names
from spark_model_monitor.documents.document import Document
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.documents.monitoring_settings import MonitoringConfig
from spark_model_monitor.documents.run_description import RunDescription, RunWindow
from spark_model_monitor.errors import BadConfiguration, BadInput, BadState
from spark_model_monitor.monitors.data_quality.distribution.window_history import (
    Variation,
    compare_blocks_with,
    merge_histories,
)
from spark_model_monitor.monitors.protocol import Monitor, Sample
from spark_model_monitor.progress import show_progress
from spark_model_monitor.reports.history import state_files
from spark_model_monitor.reports.history.baselines import find_edited_file, read_run_baseline
from spark_model_monitor.reports.outputs.result_tables import encode_summary
from spark_model_monitor.reports.outputs.run_files import Run, publish, read_current_run, read_document, read_run_file
from spark_model_monitor.running.kinds import create_monitor_for_state, list_monitor_classes
from spark_model_monitor.statistics.states import Profile, State
from spark_model_monitor.statistics.verdicts.between_window_variance import MIN_WINDOWS
from spark_model_monitor.storage import join, read_file, resolve_path, write_file

log = logging.getLogger(__name__)


def merge_runs(paths: Sequence[str], output_path: str) -> State:
    """Add the states of several runs, and publish the documents of all their data together. No row is read again.

    Parameters
    ----------
    paths : sequence of str
        Output paths of two or more runs, or merges, on this machine. Their states are added in the order of their times and
        contents, whatever the order here. The merge takes its settings, and edits of the constraints, from the first run.
    output_path : str
        The folder for the documents and the summed state.

    Returns
    -------
    State
        The summed state.

    Raises
    ------
    BadConfiguration
        If there are fewer than two paths, a run is named twice, or the output path is one of them.
    BadInput
        If there is no run at a path.
    BadState
        If the runs are of different kinds, or have different features.

    Examples
    --------
    >>> import pandas as pd
    >>> from spark_model_monitor import DataQualityMonitor, merge_runs, run_baseline
    >>> for day, items in {"monday": [1, 3], "tuesday": [2, 2, 5]}.items():
    ...     _ = run_baseline(pd.DataFrame({"items": items}), DataQualityMonitor()).write(day)
    >>> merge_runs(["monday", "tuesday"], "both").item_count
    5
    """
    if len(paths) < 2:
        raise BadConfiguration("merge-states adds the states of two runs or more; name their output paths")
    require_names("paths", paths)
    resolved_paths = [*map(resolve_path, paths)]
    for path in paths:
        if resolved_paths.count(resolve_path(path)) > 1:
            raise BadConfiguration(f"{path} is named twice, and its rows would count twice; name each run once")
    # Sums depend on their order in the last digits, so runs are added by time and name, in whatever order they are given
    sorted_paths = sorted(paths, key=_find_place)
    # A second call would add the other runs to their own sum
    if resolve_path(output_path) in resolved_paths:
        raise BadConfiguration(
            f"{output_path} is one of the runs, and a second call would count rows twice; write another --output"
        )
    state: State = _add_states(sorted_paths)
    monitor = create_monitor_for_state(paths[0], state)
    # Types are inferred from the sum, because a column may be integral in one run and fractional in another
    state = monitor.interpret_state(state)
    metrics = monitor.metrics(state)
    documents = monitor.documents(state, metrics)
    files = {document.FILE_NAME: document.to_json().encode() for document in documents}
    files[state_files.name_state_file(type(state))] = state_files.to_parquet(state)
    if isinstance(state, Profile):
        files |= state_files.encode_block_variation(_merge_blocks(sorted_paths, state))
    # Only the summary is needed, so there is no baseline
    judgement = monitor.judge(Sample(state, metrics), None)
    files |= encode_summary(judgement.summary())
    requests = state_files.add_requests(sorted_paths)
    if requests.count:
        files |= state_files.encode_requests(requests)
    description = _describe_merge(sorted_paths, monitor, documents)
    files[description.FILE_NAME] = description.to_json().encode()
    publish(files, output_path)
    for constraints in documents:  # an estimate has no constraints
        if isinstance(constraints, monitor.CONSTRAINTS):
            _keep_edits(paths[0], output_path, constraints)
    log.info("merged the states of %d runs", len(paths))
    return state


def read_state(path: str) -> State:
    """Read the state of a run, from which its documents are computed.

    Parameters
    ----------
    path : str
        The output path of a run, on this machine.

    Returns
    -------
    State
        A profile of every feature, or the state of another kind of monitor.

    Raises
    ------
    BadInput
        If no run was published there, or if it is an older run without states.

    Examples
    --------
    >>> import pandas as pd
    >>> from spark_model_monitor import DataQualityMonitor, read_state, run_baseline
    >>> _ = run_baseline(pd.DataFrame({"items": [1, 3]}), DataQualityMonitor()).write("items-baseline")
    >>> read_state("items-baseline").item_count
    2
    """
    run = _read_run(path)
    # The name of the file shows which kind of monitor made the state
    for monitor_class in list_monitor_classes():
        state = state_files.read_run_state(run, state_files.name_state_file(monitor_class.STATE))
        if state is not None:
            return state
    raise BadInput(f"{path}: run {run.run_id} has nothing in {state_files.FOLDER}/ that adds; run the job again")


def _read_run(path: str) -> Run:
    run = read_current_run(path)
    if run is None:
        raise BadInput(f"{path}: no run was published here (there is no _current.json); name the output path of a job")
    return run


def _find_place(path: str) -> tuple[str, str]:
    """The start of a run's window, if it has one, and the run's path."""
    description = read_document(_read_run(path), RunDescription)
    # A baseline has no window
    window = description and description.window
    return window.start if window else "", resolve_path(path)


def _describe_merge(paths: Sequence[str], monitor: Monitor, documents: Sequence[Document]) -> RunDescription:
    """run.json of a merge. Values that some runs lack, or that differ between runs, are unknown for the sum."""
    # Only the constraints have settings
    settings = (getattr(document, "monitoring_config", None) for document in documents)
    merged = RunDescription(
        job="merge-states",
        analysis_type=monitor.ANALYSIS_TYPE.value,
        window=None,
        model=None,
        schedule=None,
        baseline_run_id=None,
        product=__version__,
        settings=next(filter(None, settings), MonitoringConfig()),
        rows=None,
        violations=None,
    )
    # What a run doesn't know, or what differs between runs, is unknown
    descriptions = [read_document(_read_run(path), RunDescription) or merged for path in paths]
    first = descriptions[0]
    members = {
        name: getattr(first, name)
        for name in ("model", "schedule", "read_by")
        if all(getattr(description, name) == getattr(first, name) for description in descriptions)
    }
    windows = [description.window for description in descriptions if description.window]
    # From the start of the first window to the end of the last one
    if len(windows) == len(paths):
        start = min(window.start for window in windows)
        members["window"] = RunWindow(start=start, end=max(window.end for window in windows))
    # All rows, if each run knows its own
    row_counts = [description.rows for description in descriptions]
    if None not in row_counts:
        members["rows"] = sum(filter(None, row_counts))
    return merged.model_copy(update=members)


def _keep_edits(path: str, output_path: str, suggested: Document) -> None:
    """Apply a user's edits of the constraints at `path` to those of the merge; the copy in its run stays as suggested."""
    run = _read_run(path)
    name = suggested.FILE_NAME
    if name not in run.digests:
        return
    edited = find_edited_file(name, path, run)
    if edited is None:
        return
    # The constraints that the run suggested, and the edited ones, as plain JSON
    before = json.loads(read_run_file(run, name))
    after = json.loads(read_file(edited))
    edited_document = type(suggested).from_json(json.dumps(_apply_edits(suggested.plain(), before, after)), edited)
    path_of_merge = join(output_path, name)
    write_file(path_of_merge, edited_document.to_json().encode())
    log.info("%s: keeps the edits of %s", path_of_merge, edited)


def _apply_edits(new: Json, before: Json, after: Json) -> Json:
    """A JSON value with the edits that turned `before` into `after`; entries are matched by name if they have names."""
    if before == after:
        return new
    if all(isinstance(document, dict) for document in (new, before, after)):
        # Members that the user removed stay removed; members that only the merge has are added
        edited_members = {name: _apply_edits(new[name], before.get(name), after.get(name)) for name in new}
        added = {name: after[name] for name in after if name not in before}
        return {name: value for name, value in (edited_members | added).items() if name in after or name not in before}
    if all(map(_has_names, (new, before, after))):
        edited_entries = _apply_edits(_key_by_name(new), _key_by_name(before), _key_by_name(after))
        return list(edited_entries.values())
    return after


def _has_names(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) and "name" in entry for entry in value)


def _key_by_name(features: Json) -> Json:
    return {feature["name"]: feature for feature in features}


def _add_states(paths: Sequence[str]) -> Any:
    """The sum of the runs' states.

    Raises BadState with the path of the first one that can't be added to those before it.
    """
    total: Any = read_state(paths[0])
    for path in show_progress(paths[1:], len(paths) - 1, "runs"):
        state = read_state(path)
        # The first run decides which kind of state can be added
        if type(state) is not type(total):
            raise BadState(
                f"{path} can't be added to {paths[0]}: it has a {state.KIND!r}, not a {total.KIND!r}; name runs of one kind"
            )
        try:
            next_total = total + state
        except BadState as fault:
            raise BadState(f"{path} can't be added to {paths[0]}: {fault}") from fault
        if isinstance(total, Profile):
            _warn_of_lost_states(total, next_total, path)
        total = next_total
    return total


def _merge_blocks(paths: Sequence[str], total: Profile) -> Variation:
    """How the blocks of all runs vary. A run without blocks, such as that of a window, is one block."""
    # States are read again, because only their sum may fit into memory
    merged = Variation(is_ordered_by_time=True)
    for path in paths:
        variation = read_run_baseline(path).get_variation()
        part: Any = read_state(path)
        merged = Variation(
            merge_histories(merged.past, compare_blocks_with(total, part, variation.past)),
            {**merged.unfit, **variation.unfit},
            merged.is_ordered_by_time and variation.is_ordered_by_time,
        )
    if all(len(statistics["rows"]) < MIN_WINDOWS for statistics in merged.past.values()):
        log.warning(
            "fewer than %d runs without parts don't show how columns vary, so only large changes are seen; make a baseline "
            "of their data in one run",
            MIN_WINDOWS,
        )
    return merged


def _warn_of_lost_states(before: Profile, total: Profile, path: str) -> None:
    """Warn of states that the sum has lost by adding the run at `path`, and name the run that lacks them."""
    lost_counts: Counter[tuple[str, str]] = Counter()
    for feature_before, added in zip(before.features, total.features, strict=False):
        for kind in added.lacking - feature_before.lacking:
            lacking_run = f"what was added before {path}"
            if kind in feature_before.states:
                lacking_run = path
            lost_counts[lacking_run, kind] += 1
    for (lacking_run, kind), features in sorted(lost_counts.items()):
        log.warning("%s has no %r of %d features; the documents leave out what needs it", lacking_run, kind, features)
