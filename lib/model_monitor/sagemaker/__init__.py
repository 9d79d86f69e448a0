"""The SDK's monitoring classes, over our jobs: a notebook of `sagemaker.model_monitor` runs with one import line changed.

    from model_monitor.sagemaker import CronExpressionGenerator, DefaultModelMonitor

Signatures are those of `sagemaker<3`; what only a managed service needs (roles, instances, networks, keys) is accepted and
logged as ignored. Jobs run as `model-monitor` starts them. `docs/from-sagemaker.md` says what differs.

No pyspark in this package: jobs are processes of their own.
"""

from typing import Any

from model_monitor.errors import BadConfiguration
from model_monitor.sagemaker.analyses import ModelConfig, PDPConfig, SHAPConfig
from model_monitor.sagemaker.clarify import (
    BiasConfig,
    ClarifyBaseliningJob,
    DataConfig,
    ModelPredictedLabelConfig,
    SageMakerClarifyProcessor,
    SegmentationConfig,
)
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
from model_monitor.sagemaker.monitors import (
    BiasAnalysisConfig,
    DefaultModelMonitor,
    ExplainabilityAnalysisConfig,
    ModelBiasMonitor,
    ModelExplainabilityMonitor,
    ModelQualityMonitor,
)
from model_monitor.sagemaker.processing import BaseliningJob, MonitoringExecution, ProcessingJob

# Classes of the SDK that a notebook may import and that nothing here stands for: making one says why, and what to do instead.

_TIME_SERIES = "time series are not explained by this package"
_STEP = "a check step runs on the service; let a step of your own call ./spark-submit.sh jobs/monitor.py"

REFUSED = {
    "TextConfig": "texts are not explained by this package; leave their column out by excluded_columns",
    "ImageConfig": "images are not explained by this package",
    "AsymmetricShapleyValueConfig": _TIME_SERIES,
    "TimeSeriesDataConfig": _TIME_SERIES,
    "TimeSeriesModelConfig": _TIME_SERIES,
    "ModelMonitor": "an image of your own runs other code than ours; take DefaultModelMonitor",
    "QualityCheckStep": _STEP,
    "ClarifyCheckStep": _STEP,
    "MonitorBatchTransformStep": _STEP,
}
"""By the name of the class."""


class _Refused:
    """A class of the SDK that is not here."""

    def __init__(self, *_: Any, **__: Any) -> None:
        """Raise BadConfiguration with the reason."""
        raise BadConfiguration(f"{type(self).__name__}: {REFUSED[type(self).__name__]}")


CLASSES: dict[str, type] = {
    name: type(name, (_Refused,), {"__doc__": f"Refused: {why}."}) for name, why in REFUSED.items()
}

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
