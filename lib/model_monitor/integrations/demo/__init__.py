"""The example that `model-monitor demo` runs: a made-up churn data set, its baseline, and what was found in it.

`churn.py` draws the customers, `traffic.py` the captured requests and the planted fault, and writes them,
`run.py` is the command. Ships in the wheel, so that the demo needs no clone.

Examples
--------
>>> from model_monitor import demo
>>> demo.churn.baseline_table(3).shape
(3, 16)
"""

from model_monitor.integrations.demo import churn
from model_monitor.integrations.demo.traffic import FAULT, MISSING_IN_TRAFFIC, Traffic, write_data_set

__all__ = ["churn", "write_data_set", "Traffic", "FAULT", "MISSING_IN_TRAFFIC"]
