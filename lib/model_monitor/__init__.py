"""Monitoring of machine-learning models in production with PySpark and Deequ.

This is the public face: what is in `__all__` keeps to docs/stability.md, and everything else may change in any release. Names
are loaded when they are first asked for.

    from model_monitor import DataQualityMonitor, run_baseline, run_monitoring

    baseline = run_baseline(frame, DataQualityMonitor())
    findings = run_monitoring(later, DataQualityMonitor(), baseline)
    findings.violations
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from model_monitor.data.reading.data import read_data
    from model_monitor.data.reading.dataset import Dataset
    from model_monitor.data.reading.formats import (
        CaptureFormat,
        CsvFormat,
        JsonFormat,
        MergedFormat,
        ParquetFormat,
        SparkFormat,
    )
    from model_monitor.data.reading.outcomes import outcomes
    from model_monitor.data.records.windows import Window
    from model_monitor.documents.analysis_config import AnalysisConfig
    from model_monitor.documents.constraints import MonitoringSettings
    from model_monitor.errors import (
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
    from model_monitor.integrations import demo
    from model_monitor.monitors.bias.comparison import Tolerances
    from model_monitor.monitors.bias.measures import BiasMeasures
    from model_monitor.monitors.bias.monitor import BiasMonitor
    from model_monitor.monitors.data_quality.monitor import DataQualityMonitor
    from model_monitor.monitors.explainability.measures import AttributionMeasures
    from model_monitor.monitors.explainability.monitor import ExplainabilityMonitor
    from model_monitor.monitors.model_quality.estimated.loss import loss_by_feature, retraining
    from model_monitor.monitors.model_quality.estimated.monitor import EstimatedQualityMonitor
    from model_monitor.monitors.model_quality.measurement import Tolerance
    from model_monitor.monitors.model_quality.monitor import ModelQualityMonitor
    from model_monitor.monitors.predictors.errors import ErrorModel
    from model_monitor.reports.history.baselines import read_baseline
    from model_monitor.reports.history.decisions import accept
    from model_monitor.reports.history_page.command import report
    from model_monitor.running.runs.challenge import Trial, TrialResult, challenge
    from model_monitor.running.runs.merging import merge_runs, read_state
    from model_monitor.running.runs.results import Baseline, Findings
    from model_monitor.running.runs.run import run_baseline, run_monitoring
    from model_monitor.spark.session import local_session
    from model_monitor.statistics.states import decode as decode_state
    from model_monitor.statistics.states.outcomes import OutcomePlan, ProblemType
else:
    from model_monitor.lazy import lazily

    _PLACES = {
        "model_monitor.monitors.bias.comparison": ["Tolerances"],
        "model_monitor.monitors.bias.measures": ["BiasMeasures"],
        "model_monitor.monitors.bias.monitor": ["BiasMonitor"],
        "model_monitor.monitors.data_quality.monitor": ["DataQualityMonitor"],
        "model_monitor.integrations": ["demo"],
        "model_monitor.documents.analysis_config": ["AnalysisConfig"],
        "model_monitor.documents.constraints": ["MonitoringSettings"],
        "model_monitor.errors": [
            *("MonitorError", "BadConfiguration", "BadDocument", "BadInput", "BadState", "ClusterGone"),
            *("MissingDependency", "NoData", "OutputFailed", "OutputHeld", "ScriptFailed", "SinkFailed"),
            "ViolationsFound",
        ],
        "model_monitor.monitors.explainability.measures": ["AttributionMeasures"],
        "model_monitor.monitors.explainability.monitor": ["ExplainabilityMonitor"],
        "model_monitor.reports.history.baselines": ["read_baseline"],
        "model_monitor.reports.history.decisions": ["accept"],
        "model_monitor.reports.history_page.command": ["report"],
        "model_monitor.running.runs.challenge": ["Trial", "TrialResult", "challenge"],
        "model_monitor.running.runs.merging": ["merge_runs", "read_state"],
        "model_monitor.monitors.model_quality.monitor": ["ModelQualityMonitor"],
        "model_monitor.monitors.model_quality.estimated.monitor": ["EstimatedQualityMonitor"],
        "model_monitor.monitors.model_quality.estimated.loss": ["loss_by_feature", "retraining"],
        "model_monitor.monitors.predictors.errors": ["ErrorModel"],
        "model_monitor.monitors.model_quality.measurement": ["Tolerance"],
        "model_monitor.data.reading.data": ["read_data"],
        "model_monitor.data.reading.dataset": ["Dataset"],
        "model_monitor.data.reading.formats": [
            *("CsvFormat", "JsonFormat", "ParquetFormat", "CaptureFormat", "MergedFormat", "SparkFormat"),
        ],
        "model_monitor.data.reading.outcomes": ["outcomes"],
        "model_monitor.data.records.windows": ["Window"],
        "model_monitor.running.runs.results": ["Baseline", "Findings"],
        "model_monitor.running.runs.run": ["run_baseline", "run_monitoring"],
        "model_monitor.spark.session": ["local_session"],
        "model_monitor.statistics.states": ["decode as decode_state"],
        "model_monitor.statistics.states.outcomes": ["OutcomePlan", "ProblemType"],
    }
    _RENAMED = {}
    __getattr__, __dir__ = lazily(__name__, _PLACES, _RENAMED)

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
