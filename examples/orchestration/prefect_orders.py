"""Prefect: a task that fails while the data is not like the baseline, so that the flow ends before anything is made of it.

Make the baseline once with `spark-model-monitor baseline reference.csv --output-path orders-baseline`.
"""

from __future__ import annotations

import pandas as pd
from prefect import flow, task

from spark_model_monitor import DataQualityMonitor, read_baseline, run_monitoring


@task
def monitored(orders: pd.DataFrame) -> pd.DataFrame:
    findings = run_monitoring(orders, DataQualityMonitor(), read_baseline("orders-baseline"))
    findings.report().save("orders-report.html")
    findings.raise_for_violations()
    return orders


@flow
def daily_orders() -> int:
    return len(monitored(pd.read_csv("orders.csv")))


if __name__ == "__main__":
    daily_orders()
