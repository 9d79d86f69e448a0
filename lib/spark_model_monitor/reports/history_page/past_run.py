"""A past run as a few columns of numbers: its window, and its results for every feature or metric.

Our runs are read from `run.json` and `summary.parquet`. Older runs, and folders of the service, are read from
`statistics.json`, `analysis.json`, `checks.json` and `constraint_violations.json`. Driver only.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_model_monitor.data.records.windows import HOUR, parse_hour_of_path, parse_time
from spark_model_monitor.documents.check_results import (
    WORST_FIRST,
    CheckResult,
    CheckResults,
    CheckStatus,
    Results,
    Violations,
    format_group,
    join_name,
)
from spark_model_monitor.documents.clarify_files import BiasReport
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.documents.outcome import Outcome, judge_run
from spark_model_monitor.documents.run_description import AnalysisType, RunDescription, parse_moment
from spark_model_monitor.documents.statistics import QUANTILES, Statistics
from spark_model_monitor.errors import BadDocument
from spark_model_monitor.reports.history.state_files import read_table
from spark_model_monitor.reports.history_page.service_violations import read_check_results
from spark_model_monitor.reports.outputs.result_tables import FULL_SHARE, SUMMARY, SUMMARY_COLUMNS, decode_bins
from spark_model_monitor.reports.outputs.run_files import (
    CURRENT,
    VIOLATIONS,
    Run,
    read_current_run,
    read_document,
    read_run_file,
)
from spark_model_monitor.statistics import Bytes, Doubles, Flags
from spark_model_monitor.statistics.states.encoding import DECODING_ERRORS
from spark_model_monitor.storage import exists, join, read_if_exists
from spark_model_monitor.value_class import value_class

Numbers = Doubles
Rows = dict[str, dict[str, float | None]]  # by the name of a feature or metric: its numbers by column
T = TypeVar("T")

NO_STATUS = len(WORST_FIRST)  # the status index of names without a check
VIOLATED = WORST_FIRST.index(CheckStatus.VIOLATED)
UNSURE = WORST_FIRST.index(CheckStatus.CANNOT_TELL)
PASSED = WORST_FIRST.index(CheckStatus.PASSED)

COLUMNS = ("distance", "threshold", "mean", "median", "missing", "present", "value", "low", "high")

UNJUDGED_SUFFIXES = (
    "_best_constant_classifier",
    "au_prc",
)  # the endings of names of metrics that the service never judges. Source: C5.2


@value_class
class RunIdentity:
    """What identifies a run: its folder, its window (start and end, None if unknown), its model and its baseline."""

    folder: str
    analysis_type: str
    start: datetime | None = None
    end: datetime | None = None
    rows: int | None = None
    model: str | None = None
    baseline_run_id: str | None = None


@value_class(slots=False)
class PastRun:
    """The results of a run.

    Attributes
    ----------
    identity: Which run it is.
    names: Features, metrics, and `metric (facet=value)` for bias.
    is_metric: Which names are metrics, shape (names,).
    numbers: By name in COLUMNS: the numbers, shape (names,); a missing number is NaN.
    statuses: Indexes into WORST_FIRST, shape (names,); NO_STATUS without a check.
    violated: By name: the violated checks.
    violations: The number of violations.
    shares: The shares of the values in the baseline's bins, shape (names, bins); NaN if unknown.
    bins: By name: the baseline's bins.
    outcome: The outcome of the run; None if nothing was judged.
    violation_results: The service's violations, with the numbers in their texts.
    are_violations_alone: Whether no file says what else was examined.
    """

    identity: RunIdentity
    names: tuple[str, ...]
    is_metric: Flags
    numbers: Mapping[str, Numbers]
    statuses: Bytes
    violated: Mapping[str, tuple[str, ...]]
    violations: int
    shares: NDArray[np.float32] | None = None
    bins: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    outcome: Outcome | None = None
    violation_results: Results = ()
    are_violations_alone: bool = False

    @property
    def unsure(self) -> tuple[str, ...]:
        """The names of features or metrics that may have changed."""
        return tuple(name for name, index in self.index_by_name.items() if self.statuses[index] == UNSURE)

    @property
    def path_end(self) -> str:
        """The end of its folder's path. It shows the window, but nothing about the machine."""
        return show_end_of_path(self.identity.folder)

    @cached_property
    def index_by_name(self) -> dict[str, int]:
        """The index of each name in the columns."""
        return {name: index for index, name in enumerate(self.names)}

    def get_number(self, column: str, name: str) -> float | None:
        """The number of a name in a column of COLUMNS; None if it is unknown."""
        index = self.index_by_name.get(name)
        if index is None or np.isnan(self.numbers[column][index]):
            return None
        return float(self.numbers[column][index])

    def get_bin_shares(self, name: str) -> list[float] | None:
        """The shares of a feature's values in the baseline's bins; None if they are unknown."""
        index = self.index_by_name.get(name)
        # NaN in one bin means that the feature had no bins in this run
        if self.shares is None or index is None or np.isnan(self.shares[index]).any():
            return None
        shares: list[float] = self.shares[index].tolist()
        return shares

    def create_check_results(self) -> list[CheckResult]:
        """The results of a run without checks.json: the service's violations, and the worst status of each other name."""
        check_results = list(self.violation_results)
        described_names = {violation.full_name for violation in self.violation_results}
        for name, index in self.index_by_name.items():
            if self.statuses[index] == NO_STATUS or name in described_names:
                continue
            # A summary names violated checks only
            check = self.violated.get(name, ("check",))[0]
            status = WORST_FIRST[self.statuses[index]]
            # The number of a metric is its value, the number of a feature is its distance
            members: dict[str, Any] = {"feature": name, "observed": self.get_number("distance", name)}
            if self.is_metric[index]:
                members = {"metric": name, "observed": self.get_number("value", name)}
            threshold = self.get_number("threshold", name)
            check_results.append(CheckResult(**members, check=check, status=status, threshold=threshold))
        return check_results


def show_end_of_path(folder: str) -> str:
    """The end of a path, for pages that are sent to other machines."""
    return "…/" + "/".join(folder.rstrip("/").split("/")[-4:])


def is_run(folder: str) -> bool:
    """Whether a monitoring run, or a baseline, was published in this folder, by our jobs or by the service."""
    names = (CURRENT, VIOLATIONS, Statistics.FILE_NAME, BiasReport.FILE_NAME)
    return any(exists(join(folder, name)) for name in names)


def read_run(folder: str) -> PastRun:
    """The current run in a folder.

    Raises BadInput if a file can't be read, BadDocument if one is damaged.
    """
    run = read_current_run(folder)
    description = None
    # Runs of the service have no summary
    if run and SUMMARY in run.digests:
        description = read_document(run, RunDescription)
    if run and description:
        return parse_summary(read_run_file(run, SUMMARY), join(run.folder, SUMMARY), folder, description)
    return _read_documents(folder, run)


def parse_summary(content: bytes, path: str, folder: str, description: RunDescription) -> PastRun:
    """The run in a summary.parquet. path: the file, for errors. description: the description of the run, or of another run of the
    same monitor.

    Raises BadDocument or BadState if the file is damaged.
    """
    table = read_table(content, path, _USED_COLUMNS, complete=("name", "kind"))
    try:
        table = table.append_column("median", pc.list_element(table.column("quantiles"), QUANTILES.index(0.5)))
        shares = _decode_shares(table.column("shares").combine_chunks())
        bins = decode_bins(table.schema.metadata)
        numbers = {name: np.asarray(table.column(name), np.float64) for name in COLUMNS}
    except (pa.ArrowException, zlib.error, *DECODING_ERRORS) as fault:
        raise BadDocument(f"{path}: is no summary of a run ({type(fault).__name__}); run the job again") from fault
    names = tuple(map(join_name, table.column("name").to_pylist(), table.column("part").to_pylist()))
    violated = table.column("violated").to_pylist()
    window = description.window
    # If a run was started without a window, its window is its hour folder
    start, end = _parse_hour(folder)
    if window:
        start = parse_moment(window.start)
        end = parse_moment(window.end)
    statuses = np.array([_STATUS_INDICES.get(name, NO_STATUS) for name in table.column("status").to_pylist()], np.uint8)
    outcomes = np.array(table.column("outcome").to_pylist(), object)
    is_unsure = outcomes == Outcome.CANNOT_TELL.value
    # The status `cannot tell` counts only if it is also the outcome of the feature or metric
    statuses[(statuses == UNSURE) & ~is_unsure] = PASSED
    identity = RunIdentity(
        folder,
        description.analysis_type,
        start,
        end,
        description.rows,
        description.model,
        description.baseline_run_id,
    )
    return PastRun(
        identity,
        names,
        np.array([kind not in ("number", "category") for kind in table.column("kind").to_pylist()], bool),
        numbers,
        statuses,
        {name: tuple(map(str, checks)) for name, checks in zip(names, violated, strict=True) if checks},
        description.violations or 0,
        shares,
        bins,
        description.outcome,
    )


def _read_documents(folder: str, run: Run | None) -> PastRun:
    """The run from files that the service writes as well, and from checks.json if it exists."""
    run_folder = run.folder if run else folder
    # The kind of monitor decides which of these files exist
    rows, dataset = _parse_if_there(run_folder, Statistics.FILE_NAME, parse_statistics_rows) or ({}, DatasetOfRun())
    analysis_rows, has_attributions = _parse_if_there(run_folder, BiasReport.FILE_NAME, parse_analysis_rows) or (
        {},
        False,
    )
    checks = _parse_if_there(run_folder, CheckResults.FILE_NAME, CheckResults.from_json)
    violations = _parse_if_there(run_folder, Violations.FILE_NAME, Violations.from_json)
    rows |= analysis_rows
    # Our own results are used first; without them the service's violations, with the numbers in their texts
    check_results: Results = ()
    violation_results: Results = ()
    are_violations_alone = violations is not None and checks is None and not rows
    if checks is not None:
        check_results = checks.checks
    elif violations is not None:
        # Names that the service never judges get no result, because they didn't pass
        judged_names = [name for name in rows if not name.endswith(UNJUDGED_SUFFIXES)]
        check_results = tuple(read_check_results(violations, judged_names))
        violation_results = tuple(check_result for check_result in check_results if check_result.is_violation)
    outcome = judge_run(check_results)
    if outcome is None and are_violations_alone:
        outcome = Outcome.UNCHANGED
    statuses, violated = _add_check_results(rows, check_results)
    start, end = _find_window(folder, dataset, is_of_service=run is None)
    # Monitors of bias and of attributions both have an analysis.json
    if has_attributions:
        analysis_type = AnalysisType.MODEL_EXPLAINABILITY
    elif analysis_rows:
        analysis_type = AnalysisType.MODEL_BIAS
    elif any("value" in row for row in rows.values()):
        analysis_type = AnalysisType.MODEL_QUALITY
    else:
        analysis_type = AnalysisType.DATA_QUALITY
    return PastRun(
        RunIdentity(folder, analysis_type.value, start, end, dataset.item_count),
        tuple(rows),
        np.array(["value" in row for row in rows.values()], bool),
        {name: np.array([_convert_number(row.get(name)) for row in rows.values()], float) for name in COLUMNS},
        np.array([statuses[name] for name in rows], np.uint8),
        violated,
        sum(map(len, violated.values())),
        outcome=outcome,
        violation_results=violation_results,
        are_violations_alone=are_violations_alone,
    )


def _parse_if_there(folder: str, name: str, parse: Callable[[bytes, str], T]) -> T | None:
    """The parsed content of a file; None if it isn't there."""
    path = join(folder, name)
    content = read_if_exists(path)
    if content is None:
        return None
    return parse(content, path)


def _add_check_results(
    rows: Rows, check_results: Sequence[CheckResult]
) -> tuple[dict[str, int], dict[str, tuple[str, ...]]]:
    """Add the numbers of the results to the rows; returns by name the worst status and the violated checks."""
    # The worst status has the smallest index in WORST_FIRST
    statuses = dict.fromkeys(rows, NO_STATUS)
    violated: dict[str, tuple[str, ...]] = {}
    for check_result in check_results:
        name = check_result.full_name
        row = rows.setdefault(name, {})
        statuses[name] = min(statuses.get(name, NO_STATUS), WORST_FIRST.index(check_result.status))
        if check_result.is_violated:
            violated[name] = (*violated.get(name, ()), check_result.check)
        # The threshold of a metric applies to its value, the threshold of a feature to its distance
        if check_result.metric is not None:
            row["threshold"] = check_result.threshold
            if check_result.observed is not None or "value" not in row:
                row["value"] = check_result.observed
        elif "drift" in check_result.check and check_result.observed is not None:
            row |= {"distance": check_result.observed, "threshold": check_result.threshold}
    return statuses, violated


class DatasetOfRun(NamedTuple):
    """The facts about the data set in statistics.json; None for what the file doesn't say."""

    item_count: int | None = None
    start_time: str | None = None
    end_time: str | None = None


def parse_statistics_rows(content: bytes, where: str) -> tuple[Rows, DatasetOfRun]:
    """The needed members of statistics.json. Validating all members would take minutes for a month of runs of 1,000 features."""
    try:
        statistics = json.loads(content)
        rows: Rows = {}
        for feature in statistics.get("features", ()):
            # Columns of type Unknown have neither kind of statistics
            type_statistics = feature.get("numerical_statistics") or feature.get("string_statistics") or {}
            common = type_statistics.get("common", {})
            rows[str(feature.get("name"))] = {
                "mean": _convert_number(type_statistics.get("mean")),
                "present": _convert_number(common.get("num_present")),
                "missing": _convert_number(common.get("num_missing")),
            }
        # The metrics of model quality, for any problem type
        for section, metrics in statistics.items():
            for metric, measured in metrics.items() if section.endswith("_metrics") else ():
                if isinstance(measured, Mapping) and "value" in measured:
                    rows[metric] = {"value": _convert_number(measured["value"])}
        # Without the member `dataset`, the number of rows is unknown
        if "dataset" not in statistics:
            return rows, DatasetOfRun()
        dataset = statistics["dataset"]
        item_count = int(dataset["item_count"])
        return rows, DatasetOfRun(item_count, dataset.get("start_time"), dataset.get("end_time"))
    except DECODING_ERRORS as fault:
        raise BadDocument(f"{where}: is no statistics.json ({type(fault).__name__})") from fault


def parse_analysis_rows(content: bytes, where: str) -> tuple[Rows, bool]:
    """The needed parts of Clarify's analysis.json: bias, attributions or both; and whether it has attributions."""
    try:
        analysis = json.loads(content)
        attributions = analysis.get("explanations", {}).get("kernel_shap", {})
        rows: Rows = dict(_list_group_metrics(analysis)) | {
            join_name(feature, label): {"value": _convert_number(value)}
            for label, values in attributions.items()
            for feature, value in values["global_shap_values"].items()
        }
    except DECODING_ERRORS as fault:
        raise BadDocument(f"{where}: is no analysis.json ({type(fault).__name__})") from fault
    return rows, bool(attributions)


def _list_group_metrics(analysis: Mapping[str, Json]) -> Iterator[tuple[str, dict[str, float | None]]]:
    """The bias metrics of each group, named as in a summary."""
    for section in ("pre_training_bias_metrics", "post_training_bias_metrics"):
        for facet, groups in analysis.get(section, {}).get("facets", {}).items():
            for group in groups:
                for metric in group["metrics"]:
                    name = join_name(metric["name"], format_group(facet, group["value_or_threshold"]))
                    yield name, {"value": _convert_number(metric["value"])}


def _decode_shares(lists: pa.ListArray) -> NDArray[np.float32] | None:
    """A row of shares for each feature, NaN if unknown."""
    lengths = lists.value_lengths().fill_null(0).to_numpy()
    # All rows that aren't empty have the same length; Arrow's flat values skip the empty rows
    has_length = lengths > 0
    if not has_length.any():
        return None
    shares = np.full((len(lists), int(lengths.max())), np.nan, np.float32)
    shares[has_length] = lists.flatten().to_numpy().reshape(int(has_length.sum()), -1) / np.float32(FULL_SHARE)
    return shares


_USED_COLUMNS = pa.schema([field for field in SUMMARY_COLUMNS if field.name not in ("distinct", "sd", "min", "max")])
_STATUS_INDICES = {status.value: index for index, status in enumerate(WORST_FIRST)}


def _find_window(folder: str, dataset: DatasetOfRun, *, is_of_service: bool) -> tuple[datetime | None, datetime | None]:
    """The window of a run without run.json: from its statistics, or from the folder's name.

    The service names a folder by the hour in which the window ends. This hour counts if the statistics differ. Source: C1.5.
    """
    start = parse_time(str(dataset.start_time))
    end = parse_time(str(dataset.end_time))
    hour, hour_end = _parse_hour(folder)
    # Without a window in the statistics (no times, or equal ones) the folder's name decides
    has_window = start is not None and end is not None and start < end
    if has_window and (hour is None or end == hour or not is_of_service):
        return start, end
    if hour is not None and is_of_service:
        return hour - HOUR, hour
    return hour, hour_end


def _parse_hour(folder: str) -> tuple[datetime | None, datetime | None]:
    """The start and end of the hour in the folder's name; None if the name has no hour."""
    start = parse_hour_of_path(join(folder, ""))
    if start is None:
        return None, None
    return start, start + HOUR


def _convert_number(value: Json) -> float:
    if isinstance(value, (int, float)):
        return float(value)
    return np.nan
