"""`sagemaker.model_monitor.dataset_format` under our name, for notebooks that import it from there."""

from spark_model_monitor.sagemaker.inputs import DatasetFormat, MonitoringDatasetFormat

__all__ = ["DatasetFormat", "MonitoringDatasetFormat"]
