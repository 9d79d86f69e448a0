"""Dagster: a data set, and a check that stops what is made of it while it is not like the baseline.

Make the baseline once with `spark-model-monitor baseline reference.csv --output-path orders-baseline`.
"""

from __future__ import annotations

import pandas as pd
from dagster import AssetCheckResult, MetadataValue, asset, asset_check

from spark_model_monitor import DataQualityMonitor, read_baseline, run_monitoring


@asset
def orders() -> pd.DataFrame:
    return pd.read_csv("orders.csv")


@asset_check(asset="orders", blocking=True)
def orders_look_like_the_baseline(orders: pd.DataFrame) -> AssetCheckResult:
    findings = run_monitoring(orders, DataQualityMonitor(), read_baseline("orders-baseline"))
    findings.report().save("orders-report.html")
    return AssetCheckResult(
        passed=findings.count == 0,
        description=findings.summary(),
        metadata={
            "report": MetadataValue.path("orders-report.html"),
            "violations": findings.count,
            "outcome": findings.outcome.value if findings.outcome else "nothing was checked",
        },
    )
