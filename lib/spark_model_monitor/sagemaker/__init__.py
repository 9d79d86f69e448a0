"""The SDK's monitoring classes, over our jobs: a notebook of `sagemaker.model_monitor` runs with one import line changed.

    from spark_model_monitor.sagemaker import CronExpressionGenerator, DefaultModelMonitor
    import spark_model_monitor.sagemaker as sagemaker  # sagemaker.model_monitor.X, sagemaker.clarify.X, sagemaker.Session()

Signatures are those of `sagemaker<3`; what only a managed service needs (roles, instances, networks, keys) is accepted and
logged as ignored. Jobs run as `spark-model-monitor` starts them. `docs/from-sagemaker.md` says what differs.

No pyspark in this package: jobs are processes of their own.
"""

from typing import Any

from spark_model_monitor.sagemaker import clarify, dataset_format, model_monitor, processing, s3
from spark_model_monitor.sagemaker.analyses import ModelConfig, PDPConfig, SHAPConfig
from spark_model_monitor.sagemaker.api_client import client
from spark_model_monitor.sagemaker.clarify import (
    BiasConfig,
    ClarifyBaseliningJob,
    DataConfig,
    ModelPredictedLabelConfig,
    SageMakerClarifyProcessor,
    SegmentationConfig,
)
from spark_model_monitor.sagemaker.container_jobs import Processor
from spark_model_monitor.sagemaker.inputs import (
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
    ProcessingInput,
    ProcessingOutput,
)
from spark_model_monitor.sagemaker.local_jobs import JobFailed
from spark_model_monitor.sagemaker.monitoring_files import Constraints, ConstraintViolations, Statistics
from spark_model_monitor.sagemaker.monitors import (
    BiasAnalysisConfig,
    DefaultModelMonitor,
    ExplainabilityAnalysisConfig,
    ModelBiasMonitor,
    ModelExplainabilityMonitor,
    ModelQualityMonitor,
)
from spark_model_monitor.sagemaker.processing import BaseliningJob, MonitoringExecution, ProcessingJob
from spark_model_monitor.sagemaker.s3 import S3Downloader, S3Uploader
from spark_model_monitor.sagemaker.sdk import UNAVAILABLE_CLASSES, get_from_sdk, is_installed
from spark_model_monitor.sagemaker.session import LocalSession, get_execution_role
from spark_model_monitor.storage.stand_in import has_stand_in

globals().update(UNAVAILABLE_CLASSES)


def __getattr__(name: str) -> Any:
    """Any other name of `sagemaker`, from the SDK if it is installed. Also the SDK's Session, unless a folder stands in for S3.

    Raises ImportError for a class and AttributeError for any other name, with the reason, if the SDK doesn't have it.
    """
    # If a folder stands in for S3, the SDK's Session would still ask AWS for a bucket
    if name == "Session" and (has_stand_in() or not is_installed()):
        return LocalSession
    return get_from_sdk(name)


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
    "Processor",
    "ProcessingInput",
    "ProcessingOutput",
    "JobFailed",
    "Statistics",
    "Constraints",
    "ConstraintViolations",
    *UNAVAILABLE_CLASSES,
    "Session",
    "get_execution_role",
    "S3Downloader",
    "S3Uploader",
    "client",
    "clarify",
    "dataset_format",
    "model_monitor",
    "processing",
    "s3",
]
