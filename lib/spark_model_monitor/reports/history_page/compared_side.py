"""One side of a comparison: the values of features or metrics in a run, a folder of the service or a single document."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from spark_model_monitor.documents import json_text
from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.document import Document
from spark_model_monitor.documents.model_quality import ModelQualityConstraints
from spark_model_monitor.documents.monitoring_settings import MonitoringSettings
from spark_model_monitor.documents.run_description import AnalysisType
from spark_model_monitor.documents.statistics import Statistics, as_rows
from spark_model_monitor.errors import BadInput
from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import (
    FeatureDistribution,
    create_distributions,
    read_distributions,
)
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.model_quality.measurement import MEMBERS
from spark_model_monitor.reports.history.baselines import read_file_baseline, read_run_baseline
from spark_model_monitor.reports.history.state_files import PROFILE, read_run_state
from spark_model_monitor.reports.history_page.past_run import (
    PastRun,
    Rows,
    is_run,
    parse_analysis_rows,
    parse_statistics_rows,
    read_run,
)
from spark_model_monitor.reports.outputs.run_files import Run, read_current_run, read_run_file
from spark_model_monitor.statistics.states import FeatureProfile, Profile
from spark_model_monitor.storage import exists, join, read_file
from spark_model_monitor.value_class import value_class

SETTINGS = "monitoring_config"  # the name of the row with a file's settings, among the rows of its constraints
SEGMENT_START = " ("  # what `join_name` puts between a metric and its segment

RowValue = Any  # a number, a text, or a list of either


@value_class
class ComparedSide:
    """One side of a comparison.

    Attributes
    ----------
    path: The path that it was read from.
    item_count: The number of rows; None if the document doesn't say it.
    rows: By feature or metric: its values by their names.
    distributions: By feature: its distribution, if it is known.
    profile: The states of the run; None if there are none.
    statistics: Its statistics.json, if there is one.
    constraints: Its constraints, if the side is a constraints.json.
    segment_names: The names among `rows` that name a segment.
    """

    path: str
    item_count: int | None
    rows: Mapping[str, Mapping[str, RowValue]]
    distributions: Mapping[str, FeatureDistribution]
    profile: Profile | None = None
    statistics: Statistics | None = None
    constraints: Document | None = None
    segment_names: frozenset[str] = frozenset()

    def find_feature(self, name: str) -> FeatureProfile | None:
        """The states of a feature; None if they are unknown."""
        if self.profile is None:
            return None
        return self.profile.by_name.get(name)


def read_side(path: str) -> ComparedSide:
    """The output path of a run, a folder of the service, or a document. Raises BadInput if there is nothing to compare."""
    path = path.rstrip("/") or path
    if path.endswith(".json"):
        return _read_file(path)
    current = read_current_run(path)
    run = current or Run("", path, {})
    statistics = join(run.folder, Statistics.FILE_NAME)
    # The most detailed source is used: states, then statistics, then metrics
    profile = read_run_state(run, PROFILE)
    if profile is None:
        # The output path of the service's baselining job has documents and no run
        constraints = join(path, Constraints.FILE_NAME)
        if current is None and not is_run(path) and exists(constraints):
            return _read_file(constraints)
        past = read_run(path)
        # Model quality writes a statistics.json, too, but its numbers are metrics without distributions
        if past.is_metric.any() or not exists(statistics):
            return _create_side_with_metrics(path, past)
    document = Statistics.from_json(read_run_file(run, Statistics.FILE_NAME), statistics)
    return _create_side_with_statistics(path, document, profile if isinstance(profile, Profile) else None)


def _read_file(path: str) -> ComparedSide:
    """The side from one document of any monitor, whose kind is recognised by its members."""
    content = read_file(path)
    members = json_text.load(content, path)
    if not isinstance(members, dict):
        members = {}
    # Users rename files, so their names say nothing
    if any(name in members for name in MEMBERS.values()):
        return _create_side_with_thresholds(path, ModelQualityConstraints.from_json(content, path))
    if "monitoring_config" in members or ("features" in members and "dataset" not in members):
        return _create_side_with_constraints(path, Constraints.from_json(content, path))
    if any(name.endswith("_metrics") for name in members):
        # Metrics of a statistics.json and bias of an analysis.json may stand in one document
        rows, dataset = parse_statistics_rows(content, path)
        analysed, _ = parse_analysis_rows(content, path)
        return ComparedSide(path, dataset.item_count, _collect_values(rows | analysed), {})
    if "explanations" in members:
        return ComparedSide(path, None, _collect_values(parse_analysis_rows(content, path)[0]), {})
    return _create_side_with_statistics(path, Statistics.from_json(content, path), None)


def _collect_values(rows: Rows) -> dict[str, dict[str, RowValue]]:
    """The values of metrics; an undefined value is None."""
    values: dict[str, dict[str, RowValue]] = {}
    for name, row in rows.items():
        value = row.get("value")
        # NaN stands for an undefined metric, and JSON can't express it
        if value is not None and math.isnan(value):
            value = None
        values[name] = {"value": value}
    return values


def _create_side_with_thresholds(path: str, constraints: ModelQualityConstraints) -> ComparedSide:
    """The side whose values are the thresholds of a model-quality baseline."""
    rows: dict[str, dict[str, RowValue]] = {}
    for section in MEMBERS.values():
        for metric, constraint in (getattr(constraints, section) or {}).items():
            operator = constraint.comparison_operator.value
            rows[metric] = {"threshold": constraint.threshold, "comparison_operator": operator}
    return ComparedSide(path, None, rows, {}, constraints=constraints)


def _create_side_with_constraints(path: str, constraints: Constraints) -> ComparedSide:
    """The side with a row for each feature, which has its constraints and the settings that differ from the file's, and one row
    for the settings of the file.
    """
    settings = _describe_settings(constraints.monitoring)
    rows: dict[str, dict[str, RowValue]] = {SETTINGS: settings}
    settings_by_name = constraints.settings_by_feature()
    for feature in constraints.features:
        feature_settings = _describe_settings(settings_by_name[feature.name])
        numeric = feature.num_constraints
        rows[feature.name] = {
            "inferred_type": feature.inferred_type.value,
            "completeness": feature.completeness,
            "is_non_negative": None if numeric is None else numeric.is_non_negative,
            "domain": None if feature.domains is None else tuple(feature.domains),
            # Settings that are the same as those of the file are in the file's row only
            **{name: value for name, value in feature_settings.items() if value != settings[name]},
        }
    return ComparedSide(path, None, rows, {}, constraints=constraints)


def _describe_settings(settings: MonitoringSettings) -> dict[str, RowValue]:
    plain = settings.as_config().plain()
    drift: dict[str, RowValue] = plain.pop("distribution_constraints", {})
    return drift | plain


def _create_side_with_statistics(path: str, statistics: Statistics, profile: Profile | None) -> ComparedSide:
    rows = {str(row["feature"]): row for row in as_rows(statistics)}
    # The number of distinct values is an estimate, which can exceed the number of values
    for row in rows.values():
        if row["distinct"] is not None and row["num_present"] is not None:
            row["distinct"] = min(row["distinct"], row["num_present"])
    # The sketches in states are finer than the document's bins, so they replace the bins
    distributions = read_distributions(statistics)
    if profile is not None:
        distributions |= create_distributions(DataQualityMonitor().interpret_state(profile))
    return ComparedSide(path, statistics.dataset.item_count, rows, distributions, profile, statistics)


def _create_side_with_metrics(path: str, run: PastRun) -> ComparedSide:
    if not run.names:
        raise BadInput(
            f"{path}: there is neither a run nor a statistics.json to compare; for files of data write "
            "spark-model-monitor compare-files BEFORE AFTER"
        )
    rows = {name: {"value": run.get_number("value", name)} for name in run.names}
    # The groups of a bias analysis always have names
    segment_names: frozenset[str] = frozenset()
    if run.identity.analysis_type == AnalysisType.MODEL_QUALITY.value:
        segment_names = frozenset(name for name in run.names if SEGMENT_START in name)
    return ComparedSide(path, run.identity.rows, rows, {}, segment_names=segment_names)


def read_side_baseline(before: ComparedSide) -> QualityBaseline:
    """The baseline of a side, to judge the other side with."""
    path = before.path
    baseline: QualityBaseline
    if not path.endswith(".json"):
        baseline = read_run_baseline(path)
    # A constraints.json alone has no distributions; the constraints of a statistics.json are in the same folder
    elif before.constraints is not None:
        baseline = read_file_baseline(path, None)
    else:
        folder = path.rpartition("/")[0] or "."
        baseline = read_file_baseline(join(folder, Constraints.FILE_NAME), path)
    return baseline
