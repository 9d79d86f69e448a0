"""`sagemaker.model_monitor` under our name, for notebooks that write `sagemaker.model_monitor.X`."""

from spark_model_monitor.sagemaker.sdk import make_getattr

__getattr__ = make_getattr("model_monitor")
