"""Inputs of a run besides its data: the window, the baseline, checks and metrics of the user, and the reason to use Spark.

They are loaded before any data is read, so that errors in them show at once.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, TypeAlias

from spark_model_monitor.data.reading import formats
from spark_model_monitor.data.reading.data_reader import find_reason_for_spark, require_opener
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.records.windows import parse_hour_of_path
from spark_model_monitor.documents import json_text
from spark_model_monitor.documents.alert_files import Decision
from spark_model_monitor.documents.run_description import BaselineReference, RunContext, find_data_name, format_moment
from spark_model_monitor.errors import BadConfiguration, BadInput, MonitorError, suggest_names
from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
from spark_model_monitor.monitors.data_quality.messages import NEWEST_ROW
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.data_quality.new_columns import add_new_columns
from spark_model_monitor.monitors.protocol import Monitor, StoredBaseline
from spark_model_monitor.plugins import cloudpickle
from spark_model_monitor.registry import load_function
from spark_model_monitor.reports.alerts import read_alerts
from spark_model_monitor.reports.history import baselines
from spark_model_monitor.reports.history.baseline_extension import extend_baseline
from spark_model_monitor.reports.history.baselines import read_attribution_shares
from spark_model_monitor.reports.history.decisions import read_decisions
from spark_model_monitor.reports.history.history_file import read_history
from spark_model_monitor.reports.outputs.sql_tables import is_of_catalog
from spark_model_monitor.running.configuration.command_line import format_option_name
from spark_model_monitor.running.configuration.contract import WINDOW_OPTIONS, JobConfig
from spark_model_monitor.running.configuration.inferred_options import read_baseline_options
from spark_model_monitor.running.configuration.sources import Sources
from spark_model_monitor.statistics.user_choices import ProblemType
from spark_model_monitor.storage import can_open_without_spark, join, read_file

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark_model_monitor.documents.dqdl import RuleSet
    from spark_model_monitor.documents.rules_file import Expectations
    from spark_model_monitor.monitors.user_checks.check_plan import CheckPlan


log = logging.getLogger(__name__)

WITHOUT_STATISTICS = (
    "statistics.json of the baseline is missing, so no distribution is compared, and most violations don't show; "
    "put it into the folder of constraints.json, or name it in baseline_statistics"
)

_CAPTURES = (formats.CaptureFormat, formats.MergedFormat)
_TEXT_FILES = (formats.CsvFormat, formats.JsonFormat)
FORMATS_BY_OPTION = {
    "halves": (formats.CaptureFormat,),
    "sample": _CAPTURES,
    "target_model": _CAPTURES,
    "allow_mixed_encodings": _CAPTURES,
    "lenient_window": (*_CAPTURES, *_TEXT_FILES),
    "manifest_root": _TEXT_FILES,
    "missing_values": (*_CAPTURES, *_TEXT_FILES),
}
"""By option: the formats of data that can use it. Text files may be outputs of a batch transform."""

_BINARY = (ProblemType.BINARY_CLASSIFICATION,)
PROBLEMS_BY_OPTION = {
    "probability_attribute": (*_BINARY, ProblemType.MULTICLASS_CLASSIFICATION),
    "probability_threshold_attribute": _BINARY,
    "positive_label": _BINARY,
}
"""By option: the problem types that can use it."""

PREVIOUS = "previous"


def describe_unused_window(config: JobConfig) -> str | None:
    """A sentence about a window that has no effect on the data; None if there is no window, or if it has an effect."""
    if config.find_window() is None or config.time_column is not None or config.each_commit:
        return None
    if isinstance(config.dataset_format, (formats.CaptureFormat, formats.MergedFormat)):
        return None
    names = ", ".join(name for name in (*WINDOW_OPTIONS, "lenient_window") if name in config.model_fields_set)
    return (
        f"{names}: the data is read whole: Parquet, ORC and tables have a window only with --time-column, CSV and JSON have "
        "none"
    )


def adopt_time_column(config: JobConfig, sources: Sources) -> JobConfig:
    """The configuration with the baseline's column of times, if it has a window of a table, which would be read whole."""
    # Transform outputs, which are text, may have times of their own; other jobs have no window, whatever variables say
    is_text = isinstance(config.dataset_format, _TEXT_FILES)
    if is_text or config.job != "monitor" or describe_unused_window(config) is None:
        return config
    time_column = read_baseline_options(sources).get("time_column")
    return config.model_copy(update={"time_column": time_column})


def warn_of_unused_options(config: JobConfig) -> None:
    """Log the options that this data can't use. They are no errors, because jobs share configurations."""
    if warning := describe_unused_window(config):
        log.warning("%s", warning)
    # Options that depend on the format, and one that needs a window
    unused_options = [
        name
        for name, formats_of_option in FORMATS_BY_OPTION.items()
        if not isinstance(config.dataset_format, formats_of_option)
    ]
    if config.find_window() is None and "lenient_window" not in unused_options:
        unused_options.append("lenient_window")
    # Options that depend on the problem type
    unused_options += [
        name for name, problems in PROBLEMS_BY_OPTION.items() if config.problem_type not in (None, *problems)
    ]
    # Only options that are set, not defaults
    requested_options = [format_option_name(name) for name in unused_options if name in config.model_fields_set]
    if requested_options:
        reason = "of another format or problem, or without a window"
        log.warning("without effect on this data, %s: %s", reason, ", ".join(requested_options))


def identify_window(config: JobConfig) -> tuple[str, datetime] | None:
    """The name of the run's window in histories ("start/end"), and its end, by which windows are sorted.

    For a run without a window, both are the hour of its output folder …/yyyy/mm/dd/hh; None if the folder has no hour.
    """
    window = config.find_window()
    hour = parse_hour_of_path(join(config.output_path, ""))
    if window is not None:
        return f"{format_moment(window.start)}/{format_moment(window.end)}", window.end
    if hour is not None:
        return (format_moment(hour), hour)
    return None


def create_run_context(config: JobConfig) -> RunContext:
    """The window, the model and the schedule of a run."""
    window = config.find_window()
    start = None
    end = None
    if window is not None:
        start = window.start
        end = window.end
    context = RunContext(
        start,
        end,
        config.sagemaker_endpoint_name,
        config.sagemaker_monitoring_schedule_name,
        config.report,
        config.remembered or None,
        data=_name_data(config),
        sends_values=config.sends_values,
    )
    if config.replays_service and window is None:
        # The service's files have the time of the evaluation. A window gives a time that is the same in every rerun
        return replace(context, evaluation_time=config.metric_time or datetime.now(timezone.utc))
    return context


def _name_data(config: JobConfig) -> str | None:
    """The name of the file, folder or table that is read; None without one."""
    if isinstance(config.dataset_format, formats.TableFormat):
        table = config.dataset_format.name
        # Without catalog and schema, so that a table has the same name if it is read from its folder
        if "`" not in table:
            table = table.rpartition(".")[2]
        return find_data_name(table)
    return find_data_name(config.dataset_source)


def load_check_plan(config: JobConfig, data: Dataset) -> CheckPlan | None:
    """The plan for the checks of `--checks`, None without the flag.

    Raises BadConfiguration for checks that can't be loaded, or can't be evaluated on this data.
    """
    if config.checks is None:
        return None
    from spark_model_monitor.monitors.user_checks import check_loading

    return check_loading.load_planned_checks(config.checks, data, second_scan_allowed=config.allow_second_scan)


def metric_name(reference: str) -> str:
    """The metric's name, which is the name of its function."""
    return reference.rpartition(":")[2]


def load_metrics(references: Sequence[str]) -> dict[str, Callable[[Any], Any]]:
    """The functions of `--metrics`, by their names.

    Their modules are pickled with the tasks, so that executors don't need the files.
    Raises BadConfiguration if one can't be imported, or is not a function.
    """
    functions = {metric_name(reference): load_function(reference, "--metrics") for reference in references}
    for function in functions.values():
        cloudpickle().register_pickle_by_value(sys.modules[function.__module__])
    return functions


def explain_use_of_spark(config: JobConfig, host: SparkSession | None) -> str | None:
    """Why a job runs on Spark; None if it doesn't need Spark. host: the Spark session that the job shares."""
    if config.remote is not None:
        return f"{config.remote.partition(';')[0]} was named"
    if config.checks is not None and config.allow_second_scan:
        return "allow_second_scan is a scan of Deequ"
    if config.checks is not None:
        from spark_model_monitor.monitors.user_checks.check_loading import reason_spark_is_needed

        if reason := reason_spark_is_needed(config.checks):
            return reason
    if config.results_table and is_of_catalog(config.results_table):
        return f"--results-table {config.results_table} is a table of its catalog"
    # Paths on a file system that only Hadoop opens
    paths = ("output_path", "results_table", "junit", "baseline", "baseline_constraints", "baseline_statistics")
    for name in (*paths, "expectations"):
        path = getattr(config, name)
        if path and not can_open_without_spark(path):
            require_opener(path)
            return f"{path} is opened by it"
    # The commits of a table at a path are read without Spark
    if config.each_commit and formats.is_table_at_path(config.dataset_format):
        return None
    # The data comes last, because listing it takes time: its format, location and size
    data_paths = tuple(path for path in (config.dataset_source, config.ground_truth_source) if path)
    window = config.find_window()
    return find_reason_for_spark(host, data_paths or None, config.dataset_format, window=window)


def drop_excluded_features(baseline: StoredBaseline | None, config: JobConfig) -> StoredBaseline | None:
    """The baseline without the features that `exclude_features_attribute` excludes from the data."""
    if baseline is None or not config.exclude_features_attribute:
        return baseline
    excluded_names = set(config.exclude_features_attribute)
    names = baseline.names
    # Columns of captures have no names, so they may be excluded by index
    by_index = {str(position): name for position, name in enumerate(names)}
    return baseline.drop_features({name if name in names else by_index.get(name, name) for name in excluded_names})


ReadBaseline: TypeAlias = Callable[[JobConfig, Monitor], StoredBaseline | None]


def read_baseline(config: JobConfig, monitor: Monitor, read_named: ReadBaseline | None = None) -> StoredBaseline | None:
    """The baseline of `--baseline`, or of the variables `baseline_constraints` and `baseline_statistics`.

    read_named: a replacement of `read_named_baseline`, such as one that caches the baseline for several windows.
    None for `--baseline previous` without an earlier run, and for expectations without a baseline.
    Raises BadConfiguration if no baseline is named, or if it can't be opened.
    """
    try:
        baseline = (read_named or read_named_baseline)(config, monitor)
    except BadInput as fault:
        raise BadConfiguration(f"the baseline can't be read: {fault}") from fault
    if baseline is None and config.baseline is None:
        log.warning("no baseline is named; nothing but the expectations is judged")
    elif baseline is None:
        log.warning("there is no earlier run at %s; this one is the first, and nothing is checked", config.output_path)
    if not isinstance(baseline, QualityBaseline):
        return baseline
    if baseline.profile is None and not baseline.distributions:
        log.warning(WITHOUT_STATISTICS)
    shares: Mapping[str, float] = {}
    if config.attributions:
        try:
            shares = read_attribution_shares(config.attributions)
        except MonitorError as fault:
            raise BadConfiguration(f"--attributions: {fault}") from fault
    baseline = _override_thresholds(baseline, config)
    baseline = baseline.with_budget(config.run_budget).with_attributions(shares)
    if config.replays_service:
        return baseline
    roles = read_alerts(config.output_path).roles
    return _drop_label(baseline, config.label).with_roles(roles)


def _drop_label(baseline: QualityBaseline, label: str | None) -> QualityBaseline:
    """The baseline without the label of `--label`. Raises BadConfiguration if it has no such column."""
    if label is None:
        return baseline
    if label not in baseline.names:
        names = f"its columns are {', '.join(baseline.names[:20])}"
        raise BadConfiguration(
            f"--label is {label!r}, which the baseline lacks; {suggest_names(label, baseline.names, names)}"
        )
    return replace(baseline.drop_features({label}), has_given_label=True)


def add_history(baseline: StoredBaseline | None, config: JobConfig, monitor: Monitor) -> StoredBaseline | None:
    """The baseline with the history of earlier windows, and with the references that are computed from their states."""
    if baseline is None or config.replays_service:
        return baseline
    if not isinstance(baseline, QualityBaseline):
        # Loaded only for monitors of models
        from spark_model_monitor.monitors.model_quality.outcome_baseline import WINDOWS_JUDGED, ModelBaseline

        if not isinstance(baseline, ModelBaseline):
            return baseline
        reference = find_baseline_reference(config, monitor)
        states = baselines.read_earlier_states(config.output_path, monitor, reference, WINDOWS_JUDGED - 1)
        return baseline.with_earlier(states)
    identified_window = identify_window(config)
    if identified_window is None:
        return baseline
    _, window_end = identified_window
    time = format_moment(window_end)
    # Only windows before this one, so that a rerun comes to the same verdict
    history = read_history(config.output_path).select_before(time)
    identity = identify_baseline(find_baseline_reference(config, monitor))
    # Captured columns that the baseline lacks get their baseline from their first windows
    new_columns = baseline.roles.list_new_columns(baseline.names) if baseline.roles is not None else {}
    if new_columns and isinstance(monitor, DataQualityMonitor):
        baseline = add_new_columns(baseline, history.read_first_windows(identity, new_columns), monitor)
    references = extend_baseline(history, baseline, time, identity)
    window = config.find_window()
    start = None if window is None else window.start
    return references.with_volume(window_end, history.rows(), start, history.rows(NEWEST_ROW))


def add_past_metrics_to_rules(rules: Expectations | RuleSet | None, config: JobConfig) -> Expectations | RuleSet | None:
    """The rules; rules of DQDL that compare with earlier windows get the metrics of these windows."""
    identified_window = identify_window(config)
    if rules is None or identified_window is None or config.replays_service:
        return rules
    from spark_model_monitor.documents.rules_file import Expectations

    if isinstance(rules, Expectations) or not rules.past_runs:
        return rules
    from spark_model_monitor.reports.history.rule_metrics import add_past_metrics

    _, end = identified_window
    return add_past_metrics(rules, read_history(config.output_path).select_before(format_moment(end)))


def read_run_decisions(config: JobConfig) -> list[Decision]:
    """People's decisions on earlier alarms; empty if the service is replayed."""
    if config.replays_service:
        return []
    return read_decisions(config.output_path)


def read_ongoing_violations(config: JobConfig) -> Mapping[str, str]:
    """The violations of the previous window, each with the time of the window in which it began.

    Empty for a run without a window, or if the service is replayed.
    """
    identified_window = identify_window(config)
    if identified_window is None or config.replays_service:
        return {}
    _, end = identified_window
    # The previous window is the last one that ended before this one
    for window in reversed(read_alerts(config.output_path).windows):
        if window.time < format_moment(end):
            return window.since or {}
    return {}


def identify_baseline(reference: BaselineReference | None) -> str:
    """The identity of a baseline: the id of its run, otherwise the path of its constraints."""
    if reference is None:
        return ""
    return reference.run_id or reference.constraints or ""


def _override_thresholds(baseline: QualityBaseline, config: JobConfig) -> QualityBaseline:
    """The baseline with the thresholds of `--thresholds`, overridden by `--threshold`."""
    constraints = baseline.constraints
    path = config.thresholds
    flag = "--thresholds"
    if path is None and not config.threshold:
        return baseline
    from spark_model_monitor.documents.check_results import DRIFT
    from spark_model_monitor.monitors.data_quality.checks.drift.comparators import set_thresholds

    try:
        if path is not None:
            constraints = set_thresholds(constraints, json_text.load(read_file(path), path))
        # From here on errors are about the flag, not about the file
        flag = "--threshold"
        thresholds = {name: {DRIFT: threshold} for name, threshold in config.threshold.items()}
        constraints = set_thresholds(constraints, thresholds)
    except (MonitorError, OSError, ValueError) as fault:
        raise BadConfiguration(f"{flag}: {fault}") from fault
    return baseline.with_limits(constraints)


def find_baseline_reference(config: JobConfig, monitor: Monitor) -> BaselineReference | None:
    """The location of the baseline of `read_baseline`; None without a baseline. Call it before the run is published, which may
    replace the previous run.
    """
    if config.baseline == PREVIOUS:
        return baselines.create_reference_to_previous_run(config.output_path, monitor)
    if config.baseline is not None:
        return baselines.create_reference_to_run(config.baseline, monitor)
    if config.baseline_constraints is not None:
        return baselines.create_reference_to_files(config.baseline_constraints, config.baseline_statistics)
    return None


def read_named_baseline(config: JobConfig, monitor: Monitor) -> StoredBaseline | None:
    """The baseline as it is stored. Raises BadInput if it can't be read, BadConfiguration if none is named."""
    baseline: StoredBaseline | None = None
    if config.baseline == PREVIOUS:
        baseline = baselines.read_previous_baseline(config.output_path, monitor)
    elif config.baseline is not None:
        baseline = baselines.read_run_baseline(config.baseline, monitor)
    elif config.baseline_constraints is not None:
        baseline = baselines.read_file_baseline(config.baseline_constraints, config.baseline_statistics, monitor)
    elif config.expectations is None or config.replays_service:
        raise BadConfiguration(
            "no baseline is named; write --baseline PATH (the output path of a baselining job), --baseline previous, or "
            "--baseline-constraints FILE with --baseline-statistics FILE"
        )
    return baseline
