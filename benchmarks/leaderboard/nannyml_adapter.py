"""NannyML's univariate drift Jensen-Shannon distances, by default beyond three deviations of the baseline's chunks."""

from __future__ import annotations

from datetime import timedelta

import nannyml
import pandas as pd
from detectors import Alarms, Detector, Window
from laws import START, Columns

TIME = "window's day"


class NannyML(Detector):
    """A window is a chunk: a day."""

    def fit(self, baseline: list[Columns]) -> None:
        reference = pd.concat([self.make_table(Window(number, columns)) for number, columns in enumerate(baseline)])
        self.calculator = nannyml.UnivariateDriftCalculator(
            [*baseline[0]], timestamp_column_name=TIME, chunk_period="D"
        )
        self.calculator.fit(reference)

    def make_table(self, window: Window) -> pd.DataFrame:
        return pd.DataFrame(window.columns).assign(**{TIME: START.replace(tzinfo=None) + timedelta(days=window.number)})

    def check(self, window: Window) -> Alarms:
        chunks = self.calculator.calculate(self.make_table(window)).filter(period="analysis").to_df()
        alerts = {name for name in window.columns if chunks[name, "jensen_shannon", "alert"].any()}
        # Distances over their limits
        scores = {}
        for name in window.columns:
            distances = chunks[name, "jensen_shannon"]
            scores[name] = float((distances["value"] / distances["upper_threshold"]).max())
        return Alarms(bool(alerts), alerts, scores)

    def fork(self) -> NannyML:
        return self
