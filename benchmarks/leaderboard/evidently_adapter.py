"""Evidently's DataDriftPreset with its defaults; rules of entrants say which share of drifted columns sends a mail."""

from __future__ import annotations

import pandas as pd
from detectors import Alarms, Detector, Window, concatenate
from evidently import Report
from evidently.presets import DataDriftPreset
from laws import Columns


class Evidently(Detector):
    """The preset alarms if half of the columns drifted."""

    def fit(self, baseline: list[Columns]) -> None:
        self.reference = pd.DataFrame(concatenate(baseline))

    def check(self, window: Window) -> Alarms:
        result = Report([DataDriftPreset()]).run(pd.DataFrame(window.columns), self.reference).dict()
        print(result)
        raise SystemExit

    def fork(self) -> Evidently:
        return self
