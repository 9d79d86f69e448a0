"""Formats of data sets, and schedule expressions, as the SDK's helpers spell them.

Source: C2, C10a.
"""

from __future__ import annotations

from typing import Any

from model_monitor.running.scheduling.schedules import HOURLY, NOW


class DatasetFormat:
    """What a baseline's data set is, for `suggest_baseline`."""

    @staticmethod
    def csv(header: bool = True, output_columns_position: str = "START") -> dict[str, Any]:
        """CSV; output_columns_position: START or END, where the model's answers stand."""
        return {"csv": {"header": header, "output_columns_position": output_columns_position}}

    @staticmethod
    def json(lines: bool = True) -> dict[str, Any]:
        """JSON, an object a line or, without `lines`, a document a file."""
        return {"json": {"lines": lines}}

    @staticmethod
    def sagemaker_capture_json() -> dict[str, Any]:
        """Captured records, both halves."""
        return {"sagemakerCaptureJson": {}}


class MonitoringDatasetFormat:
    """What a batch transform left, for `BatchTransformInput`."""

    @staticmethod
    def csv(header: bool = True) -> dict[str, Any]:
        """CSV."""
        return {"Csv": {"Header": header}}

    @staticmethod
    def json(lines: bool = True) -> dict[str, Any]:
        """JSON, an object a line or, without `lines`, a document a file."""
        return {"Json": {"Line": lines}}

    @staticmethod
    def parquet() -> dict[str, Any]:
        """Parquet."""
        return {"Parquet": {}}


class CronExpressionGenerator:
    """Expressions of schedules."""

    @staticmethod
    def hourly() -> str:
        """At every full hour, for the hour before."""
        return HOURLY

    @staticmethod
    def daily(hour: int = 0) -> str:
        """At one hour of the day (UTC), for the 24 hours before."""
        return f"cron(0 {hour} ? * * *)"

    @staticmethod
    def daily_every_x_hours(hour_interval: int, starting_hour: int = 0) -> str:
        """At `starting_hour` (UTC) and every so many hours after it until the day ends."""
        return f"cron(0 {starting_hour}/{hour_interval} ? * * *)"

    @staticmethod
    def now() -> str:
        """Once, at once."""
        return NOW
