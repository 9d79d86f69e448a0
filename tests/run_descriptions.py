"""What run.json says of a run of data quality, of which a test names what matters to it."""

from spark_model_monitor.documents.monitoring_settings import MonitoringConfig
from spark_model_monitor.documents.run_description import RunDescription


def describe_run(**members):
    defaults = dict.fromkeys(("window", "model", "schedule", "baseline_run_id", "rows", "violations"))
    defaults |= {"job": "monitor", "analysis_type": "DATA_QUALITY", "product": "0", "settings": MonitoringConfig()}
    return RunDescription(**{**defaults, **members})
