"""The SDK's monitoring classes, over our jobs: a notebook of `sagemaker.model_monitor` runs with one import line changed.

    from model_monitor.sagemaker import CronExpressionGenerator, DefaultModelMonitor
    import model_monitor.sagemaker as sagemaker  # sagemaker.model_monitor.X, sagemaker.clarify.X, sagemaker.Session()

Signatures are those of `sagemaker<3`; what only a managed service needs (roles, instances, networks, keys) is accepted and
logged as ignored. Jobs run as `model-monitor` starts them. `docs/from-sagemaker.md` says what differs.

No pyspark in this package: jobs are processes of their own.
"""

import importlib
import importlib.util
from contextlib import suppress
from typing import Any

from model_monitor.sagemaker import clarify, dataset_format, model_monitor, s3
from model_monitor.sagemaker.analyses import ModelConfig, PDPConfig, SHAPConfig
from model_monitor.sagemaker.clarify import (
    BiasConfig,
    ClarifyBaseliningJob,
    DataConfig,
    ModelPredictedLabelConfig,
    SageMakerClarifyProcessor,
    SegmentationConfig,
)
from model_monitor.sagemaker.client import client
from model_monitor.sagemaker.inputs import (
    BatchTransformInput,
    CronExpressionGenerator,
    DataCaptureConfig,
    DataQualityDistributionConstraints,
    DataQualityMonitoringConfig,
    DatasetFormat,
    EndpointInput,
    MonitoringDatasetFormat,
    MonitoringOutput,
    NetworkConfig,
)
from model_monitor.sagemaker.local_jobs import JobFailed
from model_monitor.sagemaker.monitoring_files import Constraints, ConstraintViolations, Statistics
from model_monitor.sagemaker.monitors import (
    BiasAnalysisConfig,
    DefaultModelMonitor,
    ExplainabilityAnalysisConfig,
    ModelBiasMonitor,
    ModelExplainabilityMonitor,
    ModelQualityMonitor,
)
from model_monitor.sagemaker.processing import BaseliningJob, MonitoringExecution, ProcessingJob
from model_monitor.sagemaker.refused import ABSENT, REFUSED
from model_monitor.sagemaker.s3 import S3Downloader, S3Uploader
from model_monitor.sagemaker.session import LocalSession, get_execution_role
from model_monitor.storage.files import stands_in

globals().update(REFUSED)


def __getattr__(name: str) -> Any:
    """What else `sagemaker` has: of the SDK itself where it is installed. Its Session, too, unless a folder stands in for S3.

    Raises ImportError for a class, AttributeError for another name, with the reason, if it is not.
    """
    if name in ABSENT:
        raise ImportError(f"model_monitor.sagemaker has no {name}: {ABSENT[name]}")
    has_sdk = importlib.util.find_spec("sagemaker") is not None
    if name == "Session" and (stands_in() or not has_sdk):
        return LocalSession
    if not name.startswith("_") and has_sdk:
        sdk = importlib.import_module("sagemaker")
        if hasattr(sdk, name):
            return getattr(sdk, name)
        with suppress(ModuleNotFoundError):
            return importlib.import_module(f"sagemaker.{name}")
    kind = ImportError if name[:1].isupper() else AttributeError
    raise kind(
        f"model_monitor.sagemaker has no {name}; it is what the SDK has for an account, so take it from the SDK (pip install "
        "'sagemaker<3'), or leave its cell out (docs/from-sagemaker.md has the list of what is here)"
    )


__all__ = [
    "DefaultModelMonitor",
    "ModelQualityMonitor",
    "ModelBiasMonitor",
    "BiasAnalysisConfig",
    "ModelExplainabilityMonitor",
    "ExplainabilityAnalysisConfig",
    "SageMakerClarifyProcessor",
    "DataConfig",
    "SegmentationConfig",
    "BiasConfig",
    "ModelPredictedLabelConfig",
    "ClarifyBaseliningJob",
    "ModelConfig",
    "SHAPConfig",
    "PDPConfig",
    "DatasetFormat",
    "MonitoringDatasetFormat",
    "EndpointInput",
    "BatchTransformInput",
    "MonitoringOutput",
    "NetworkConfig",
    "DataCaptureConfig",
    "CronExpressionGenerator",
    "DataQualityMonitoringConfig",
    "DataQualityDistributionConstraints",
    "BaseliningJob",
    "MonitoringExecution",
    "ProcessingJob",
    "JobFailed",
    "Statistics",
    "Constraints",
    "ConstraintViolations",
    *REFUSED,
    "Session",
    "get_execution_role",
    "S3Downloader",
    "S3Uploader",
    "client",
    "clarify",
    "dataset_format",
    "model_monitor",
    "s3",
]
