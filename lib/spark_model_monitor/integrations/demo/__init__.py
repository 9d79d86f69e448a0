"""The example of `spark-model-monitor demo`: a synthetic churn data set, its baseline, and a monitored hour with a fault.

`churn.py` draws the customers, `traffic.py` draws and writes the captured requests with the planted fault,
`demo_run.py` is the command. Ships in the wheel, so that the demo needs no clone.

Examples
--------
>>> from spark_model_monitor import demo
>>> demo.churn.baseline_table(3).shape
(3, 16)
"""

from spark_model_monitor.integrations.demo import churn
from spark_model_monitor.integrations.demo.traffic import FAULT, MISSING_IN_TRAFFIC, Traffic, write_data_set

__all__ = ["churn", "write_data_set", "Traffic", "FAULT", "MISSING_IN_TRAFFIC"]
