"""Monitoring of machine-learning models in production with PySpark and Deequ.

`model_monitor.runs.run` is the product on one page; `jobs/` starts it from spark-submit.
"""

from __future__ import annotations

__version__ = "0.1.0"
