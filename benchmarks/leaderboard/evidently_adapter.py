"""Evidently's DataDriftPreset: by default half of the columns have to drift; a score is how far a column is above its limit."""

from __future__ import annotations

import numpy as np
import pandas as pd
from detectors import Alarms, Detector, Window
from evidently import Dataset, Report
from evidently.legacy.calculations.stattests import get_stattest
from evidently.presets import DataDriftPreset
from laws import Columns, concatenate


class Evidently(Detector):
    """The tests that the preset takes, without its pictures, which cost most. Both have to agree in the first window."""

    is_compared = False

    def fit(self, baseline: list[Columns]) -> None:
        self.reference = pd.DataFrame(concatenate(baseline))

    def check(self, window: Window) -> Alarms:
        table = pd.DataFrame(window.columns)
        dataset = Dataset.from_pandas(table)
        scores = {str(name): self.compute_score(table, name, dataset.column(name).type) for name in table}
        drifted = {name for name, score in scores.items() if score >= 0}
        if not self.is_compared:
            report = Report([DataDriftPreset()])
            share, *_ = report.run(table, self.reference).dict()["metrics"]
            assert share["value"]["count"] == len(drifted), "the preset counts other columns"
            self.is_compared = True
        return Alarms(len(drifted) >= 0.5 * table.shape[1], drifted, scores)

    def compute_score(self, table: pd.DataFrame, name: str, column_type: str) -> float:
        """The logarithm of the distance over its limit, or of the limit over the p-value."""
        reference = keep_finite(self.reference[name])
        current = keep_finite(table[name])
        if current.empty:
            raise ValueError("a column without values")  # as the preset does
        test = get_stattest(reference, current, column_type, None)
        answer = test(reference, current, column_type, None)
        score = np.log(max(float(answer.drift_score), 1e-300) / float(answer.actual_threshold))
        is_p_value = answer.drifted == (answer.drift_score < answer.actual_threshold)
        return float(-score if is_p_value else score)

    def fork(self) -> Evidently:
        return self


def keep_finite(column: pd.Series) -> pd.Series:
    no_infinities = column.replace([np.inf, -np.inf], np.nan)
    return no_infinities.dropna()
