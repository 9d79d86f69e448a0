"""The SDK's monitoring classes, over our jobs: a notebook of `sagemaker.model_monitor` runs with one import line changed.

    from model_monitor.sagemaker import CronExpressionGenerator, DefaultModelMonitor

Signatures are those of `sagemaker<3`; what only a managed service needs (roles, instances, networks, keys) is accepted and
logged as ignored. Jobs run as `model-monitor` starts them. `docs/from-sagemaker.md` says what differs.

No pyspark in this package: jobs are processes of their own.
"""

from model_monitor.sagemaker.clarify import (
    BiasConfig,
    ClarifyBaseliningJob,
    DataConfig,
    ModelPredictedLabelConfig,
    SageMakerClarifyProcessor,
    SegmentationConfig,
)
from model_monitor.sagemaker.clarify_monitors import (
    BiasAnalysisConfig,
    ExplainabilityAnalysisConfig,
    ModelBiasMonitor,
    ModelExplainabilityMonitor,
)
from model_monitor.sagemaker.explanations import ModelConfig, PDPConfig, SHAPConfig
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
)
from model_monitor.sagemaker.local_jobs import JobFailed
from model_monitor.sagemaker.monitoring_files import Constraints, ConstraintViolations, Statistics
from model_monitor.sagemaker.processing import BaseliningJob, MonitoringExecution, ProcessingJob
from model_monitor.sagemaker.quality_monitors import DefaultModelMonitor, ModelQualityMonitor
from model_monitor.sagemaker.refused import CLASSES

globals().update(CLASSES)

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
    *CLASSES,
]
