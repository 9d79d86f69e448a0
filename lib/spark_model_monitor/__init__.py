"""Model monitoring for Apache Spark and Python.

This is the public face: what is in `__all__` keeps to docs/guarantees.md, and everything else may change in any release. Names
are loaded when they are first asked for.

    from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring

    baseline = run_baseline(frame, DataQualityMonitor())
    findings = run_monitoring(later, DataQualityMonitor(), baseline)
    findings.violations
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__title__ = "Model monitoring for Apache Spark and Python"

if TYPE_CHECKING:
    from spark_model_monitor.data.reading.data_reader import read_data
    from spark_model_monitor.data.reading.dataset import Dataset
    from spark_model_monitor.data.reading.formats import (
        CaptureFormat,
        CsvFormat,
        JsonFormat,
        MergedFormat,
        ParquetFormat,
        SparkFormat,
    )
    from spark_model_monitor.data.reading.outcome_tables import outcomes
    from spark_model_monitor.data.records.windows import Window
    from spark_model_monitor.documents.analysis_config import AnalysisConfig
    from spark_model_monitor.documents.monitoring_settings import MonitoringSettings
    from spark_model_monitor.errors import (
        BadConfiguration,
        BadDocument,
        BadInput,
        BadState,
        ClusterGone,
        MissingDependency,
        MonitorError,
        NoData,
        OutputFailed,
        OutputHeld,
        ScriptFailed,
        SinkFailed,
        ViolationsFound,
    )
    from spark_model_monitor.integrations import demo
    from spark_model_monitor.monitors.bias.bias_measures import BiasMeasures
    from spark_model_monitor.monitors.bias.metric_comparison import Tolerances
    from spark_model_monitor.monitors.bias.monitor import BiasMonitor
    from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
    from spark_model_monitor.monitors.explainability.attribution_measures import AttributionMeasures
    from spark_model_monitor.monitors.explainability.monitor import ExplainabilityMonitor
    from spark_model_monitor.monitors.model_quality.estimated.loss import loss_by_feature, retraining
    from spark_model_monitor.monitors.model_quality.estimated.monitor import EstimatedQualityMonitor
    from spark_model_monitor.monitors.model_quality.measurement import Tolerance
    from spark_model_monitor.monitors.model_quality.monitor import ModelQualityMonitor
    from spark_model_monitor.monitors.predictors.error_model import ErrorModel
    from spark_model_monitor.reports.history.baselines import read_baseline
    from spark_model_monitor.reports.history.decisions import accept
    from spark_model_monitor.reports.history_page.report_command import report
    from spark_model_monitor.running.runs.challenge import Trial, TrialResult, challenge
    from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring
    from spark_model_monitor.running.runs.results import Baseline, Findings
    from spark_model_monitor.running.runs.state_merge import merge_runs, read_state
    from spark_model_monitor.spark.spark_session import local_session
    from spark_model_monitor.statistics.states import decode as decode_state
    from spark_model_monitor.statistics.states.outcome_plan import OutcomePlan
    from spark_model_monitor.statistics.user_choices import ProblemType
else:
    from spark_model_monitor.plugins import load_lazily

    _NAMES_BY_MODULE = {
        "monitors.bias.metric_comparison": "Tolerances",
        "monitors.bias.bias_measures": "BiasMeasures",
        "monitors.bias.monitor": "BiasMonitor",
        "monitors.data_quality.monitor": "DataQualityMonitor",
        "integrations": "demo",
        "documents.analysis_config": "AnalysisConfig",
        "documents.monitoring_settings": "MonitoringSettings",
        "errors": (
            "MonitorError, BadConfiguration, BadDocument, BadInput, BadState, ClusterGone, MissingDependency, "
            "NoData, OutputFailed, OutputHeld, ScriptFailed, SinkFailed, ViolationsFound"
        ),
        "monitors.explainability.attribution_measures": "AttributionMeasures",
        "monitors.explainability.monitor": "ExplainabilityMonitor",
        "reports.history.baselines": "read_baseline",
        "reports.history.decisions": "accept",
        "reports.history_page.report_command": "report",
        "running.runs.challenge": "Trial, TrialResult, challenge",
        "running.runs.state_merge": "merge_runs, read_state",
        "monitors.model_quality.monitor": "ModelQualityMonitor",
        "monitors.model_quality.estimated.monitor": "EstimatedQualityMonitor",
        "monitors.model_quality.estimated.loss": "loss_by_feature, retraining",
        "monitors.predictors.error_model": "ErrorModel",
        "monitors.model_quality.measurement": "Tolerance",
        "data.reading.data_reader": "read_data",
        "data.reading.dataset": "Dataset",
        "data.reading.formats": "CsvFormat, JsonFormat, ParquetFormat, CaptureFormat, MergedFormat, SparkFormat",
        "data.reading.outcome_tables": "outcomes",
        "data.records.windows": "Window",
        "running.runs.results": "Baseline, Findings",
        "running.runs.monitoring_run": "run_baseline, run_monitoring",
        "spark.spark_session": "local_session",
        "statistics.states": "decode as decode_state",
        "statistics.states.outcome_plan": "OutcomePlan",
        "statistics.user_choices": "ProblemType",
    }
    # A name's module is loaded when the name is first used
    __getattr__, __dir__ = load_lazily(
        __name__, {f"{__name__}.{module}": names.split(", ") for module, names in _NAMES_BY_MODULE.items()}
    )

__all__ = [
    "run_baseline",
    "run_monitoring",
    "local_session",
    "DataQualityMonitor",
    "MonitoringSettings",
    "ModelQualityMonitor",
    "EstimatedQualityMonitor",
    "ErrorModel",
    "loss_by_feature",
    "retraining",
    "OutcomePlan",
    "ProblemType",
    "Tolerance",
    "BiasMonitor",
    "BiasMeasures",
    "ExplainabilityMonitor",
    "AttributionMeasures",
    "AnalysisConfig",
    "Tolerances",
    "read_data",
    "outcomes",
    "Dataset",
    "CsvFormat",
    "JsonFormat",
    "ParquetFormat",
    "CaptureFormat",
    "MergedFormat",
    "SparkFormat",
    "Window",
    "Baseline",
    "Findings",
    "read_baseline",
    "challenge",
    "Trial",
    "TrialResult",
    "merge_runs",
    "accept",
    "report",
    "read_state",
    "decode_state",
    "MonitorError",
    "BadConfiguration",
    "BadDocument",
    "BadInput",
    "BadState",
    "ClusterGone",
    "MissingDependency",
    "NoData",
    "OutputFailed",
    "OutputHeld",
    "ScriptFailed",
    "SinkFailed",
    "ViolationsFound",
    "demo",
]
