"""The kinds of monitoring: for each, its monitor class, the monitor of a configuration, and the reader of its data.

A new kind is a package of `monitors/` with a class that fits the protocol, and a record here. The modules of a kind are
imported on first use, because a run needs only one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

from spark_model_monitor.data.engine.engine_protocol import Engine
from spark_model_monitor.documents.constraints import FeatureRole
from spark_model_monitor.documents.monitoring_settings import MonitoringSettings, Verdicts
from spark_model_monitor.documents.run_description import AnalysisType
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.protocol import Monitor, StoredBaseline
from spark_model_monitor.statistics.states import State
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.data.reading.dataset import Dataset
    from spark_model_monitor.running.configuration.contract import JobConfig

log = logging.getLogger(__name__)


@value_class
class MonitoringKind:
    """One kind of monitoring.

    Attributes
    ----------
    monitor_class: Its monitor, `package:class` of `monitors/`.
    create: Makes the monitor from a job's configuration.
    reader: `module:function` of `inputs/`, which reads the configured data set in the form that this kind needs.
    create_for_state: Makes the monitor that writes documents of a sum of states; it gets the class, the output path of
        the first run, and the sum.
    """

    monitor_class: str
    create: Callable[[JobConfig], Monitor]
    reader: str
    create_for_state: Callable[[Any, str, Any], Monitor] = lambda monitor, *_: monitor()

    @property
    def type(self) -> Any:
        """The monitor's class, with its ANALYSIS_TYPE, its NAMESPACE and the STATE that its scan makes."""
        module, _, name = self.monitor_class.partition(":")
        return getattr(import_module(f"spark_model_monitor.monitors.{module}.monitor"), name)

    def read(self, engine: Engine, config: JobConfig, baseline: StoredBaseline | None) -> Dataset:
        """The data set of a job, read for comparison with the baseline, if there is one."""
        module, _, name = self.reader.partition(":")
        reader = getattr(import_module(f"spark_model_monitor.running.inputs.{module}"), name)
        dataset: Dataset = reader(engine, config, baseline)
        return dataset


DATA_QUALITY_OPTIONS = (
    "datatype_check_threshold",
    "domain_content_threshold",
    "comparison_threshold",
    "comparison_method",
    "categorical_comparison_threshold",
    "categorical_drift_method",
)
"""Options that are settings of data quality; if one is not set, the default of `MonitoringSettings` counts."""


def _create_data_quality(config: JobConfig) -> Monitor:
    """The monitor of the features' types, completeness, domains and distributions."""
    from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor

    # An option that is not set is None
    options = {name: getattr(config, name) for name in DATA_QUALITY_OPTIONS}
    return DataQualityMonitor(
        settings=MonitoringSettings(
            **{name: value for name, value in options.items() if value is not None},
            verdicts=Verdicts.NONE if config.replays_service else Verdicts.CALIBRATED,
            false_alarm_budget=config.false_alarm_budget,
            rows=config.rows,
            segments=config.segments,
            group_column=config.group_column,
        ),
        with_sketches=config.with_sketches,
        pairs=config.with_pairs,
        max_domain_size=config.max_domain_size,
        accept_exponents=config.takes_exponents,
        as_service=config.replays_service,
        columns=config.columns or "name",
        predictions=config.predictions,
        hide_values=config.hides_values,
        time_column=config.time_column,
        find_causes=config.find_causes,
        keep_examples=config.keep_examples,
        id_column=config.id_column,
    )


def _create_model_quality(config: JobConfig) -> Monitor:
    """The monitor of how well predictions agree with their labels."""
    from spark_model_monitor.monitors.model_quality.monitor import ModelQualityMonitor
    from spark_model_monitor.running.inputs.job_measures import outcome_plan

    return ModelQualityMonitor(
        outcome_plan(config),
        tolerance=config.tolerance,
        false_alarm_budget=config.run_false_alarm_budget,
        min_samples=config.min_samples or 0,
        as_service=config.replays_service,
        hide_values=config.hides_values,
        find_causes=config.find_causes,
    )


def _create_estimated_quality(config: JobConfig) -> Monitor:
    """The monitor that estimates how good predictions are before there are labels."""
    from spark_model_monitor.monitors.model_quality.estimated.monitor import EstimatedQualityMonitor
    from spark_model_monitor.running.inputs.job_measures import outcome_plan

    # The service has no such monitor, so there is nothing to replay
    if config.replays_service:
        raise BadConfiguration("the service has no ESTIMATED_QUALITY; leave out --compat service")
    return EstimatedQualityMonitor(
        outcome_plan(config),
        false_alarm_budget=config.run_false_alarm_budget,
        min_samples=config.min_samples or 0,
        costs=config.cost_matrix,
        hide_values=config.hides_values,
    )


def _create_bias(config: JobConfig) -> Monitor:
    """The monitor of how a model, and the data it learns from, treat a sensitive group compared with the rest."""
    from spark_model_monitor.monitors.bias.monitor import BiasMonitor
    from spark_model_monitor.running.inputs.job_measures import bias_measures, bias_tolerances

    return BiasMonitor(
        bias_measures(config), bias_tolerances(config), config.find_causes, hide_values=config.hides_values
    )


def _create_explainability(config: JobConfig) -> Monitor:
    """The monitor of the features' influence on a model's predictions, and of changes of this influence."""
    from spark_model_monitor.monitors.explainability.monitor import ExplainabilityMonitor
    from spark_model_monitor.running.inputs.job_measures import attribution_measures, attribution_tolerances

    return ExplainabilityMonitor(attribution_measures(config), attribution_tolerances(config))


def _create_data_quality_for_state(monitor_class: Any, path: str, profile: Any) -> Monitor:
    from spark_model_monitor.reports.history import baselines

    constraints = baselines.read_run_baseline(path).constraints
    # Only the constraints say which features are predictions
    predictions = tuple(feature.name for feature in constraints.features if feature.role is FeatureRole.PREDICTION)
    monitor: Monitor = monitor_class(settings=constraints.monitoring, predictions=predictions)
    return monitor


KINDS = {
    AnalysisType.DATA_QUALITY: MonitoringKind(
        "data_quality:DataQualityMonitor",
        _create_data_quality,
        "features:read_features",
        _create_data_quality_for_state,
    ),
    AnalysisType.MODEL_QUALITY: MonitoringKind(
        "model_quality:ModelQualityMonitor",
        _create_model_quality,
        "data_sets:read_outcomes",
        create_for_state=lambda monitor, _, outcomes: monitor(outcomes.plan),
    ),
    AnalysisType.MODEL_BIAS: MonitoringKind("bias:BiasMonitor", _create_bias, "data_sets:read_bias"),
    AnalysisType.MODEL_EXPLAINABILITY: MonitoringKind(
        "explainability:ExplainabilityMonitor",
        _create_explainability,
        "data_sets:read_explained",
    ),
    AnalysisType.ESTIMATED_QUALITY: MonitoringKind(
        "model_quality.estimated:EstimatedQualityMonitor",
        _create_estimated_quality,
        "data_sets:read_predictions",
        create_for_state=lambda monitor, _, state: monitor(state.predictions.plan),
    ),
}


def create_monitor_for_state(path: str, state: State) -> Monitor:
    """The monitor that makes documents from a sum of states. path: the output of the first of its runs."""
    # The exact class, because one kind's state may inherit from another's
    kind = next(kind for kind in KINDS.values() if kind.type.STATE is type(state))
    return kind.create_for_state(kind.type, path, state)


def list_monitor_classes() -> Iterator[Any]:
    """The classes of all monitors, each loaded on demand."""
    return (kind.type for kind in KINDS.values())


def create_monitor(config: JobConfig) -> Monitor:
    """The monitor of a configuration.

    Raises BadConfiguration if the configuration lacks something, or replays a monitor that the service doesn't have.
    """
    return KINDS[config.analysis_type].create(config)


def read_source(engine: Engine, config: JobConfig, baseline: StoredBaseline | None = None) -> Dataset:
    """The data set of `dataset_source` and `dataset_format`, in the form that the monitor of `analysis_type` needs.

    baseline: what the data is compared with, if there is one.
    Raises NoData if there is nothing to read, BadInput if it can't be read as that format.
    """
    from spark_model_monitor.running.inputs.run_inputs import warn_of_unused_options

    started = time.monotonic()
    warn_of_unused_options(config)
    dataset = KINDS[config.analysis_type].read(engine, config, baseline)
    # Spark opens very many small files faster with other settings
    engine.find_implementation(prepare_for_many_files)(engine, len(dataset.files))
    size = sum(file.size_bytes for file in dataset.files)
    log.info(
        f"found {len(dataset.names)} features in {len(dataset.files)} files, {size:,} bytes, "
        f"{time.monotonic() - started:.1f} s"
    )
    return dataset


def prepare_for_many_files(engine: Engine, files: int) -> None:
    """Prepares an engine for opening this many files. The default does nothing; Spark has its own implementation."""
