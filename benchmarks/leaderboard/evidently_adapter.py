"""Evidently's DataDriftPreset with its defaults; rules of entrants say which share of drifted columns sends a mail."""

from __future__ import annotations

import pandas as pd
from detectors import Alarms, Detector, Window
from evidently import Report
from evidently.presets import DataDriftPreset
from laws import Columns, concatenate


class Evidently(Detector):
    """The preset alarms if half of the columns drifted."""

    def fit(self, baseline: list[Columns]) -> None:
        self.reference = pd.DataFrame(concatenate(baseline))

    def check(self, window: Window) -> Alarms:
        report = Report([DataDriftPreset()]).run(pd.DataFrame(window.columns), self.reference).dict()
        share, *columns = report["metrics"]
        drifted = {metric["config"]["column"] for metric in columns if self.has_drifted(metric)}
        assert len(drifted) == share["value"]["count"], "the preset counts other columns"
        return Alarms(share["value"]["share"] >= 0.5, drifted)

    def has_drifted(self, metric: dict[str, dict[str, str | float]]) -> bool:
        """By a p-value below the threshold, or a distance that reaches it."""
        threshold = metric["config"]["threshold"]
        if "p_value" in metric["config"]["method"]:
            return metric["value"] < threshold
        return metric["value"] >= threshold

    def fork(self) -> Evidently:
        return self
