"""Evidently's DataDriftPreset with its defaults; rules of entrants say which share of drifted columns sends a mail."""

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
        drifted = {name for name in table if self.has_drifted(table, name, dataset.column(name).type)}
        if not self.is_compared:
            report = Report([DataDriftPreset()])
            share, *_ = report.run(table, self.reference).dict()["metrics"]
            assert share["value"]["count"] == len(drifted), "the preset counts other columns"
            self.is_compared = True
        return Alarms(len(drifted) >= 0.5 * table.shape[1], drifted)

    def has_drifted(self, table: pd.DataFrame, name: str, column_type: str) -> bool:
        reference = keep_finite(self.reference[name])
        current = keep_finite(table[name])
        if current.empty:
            raise ValueError("a column without values")  # as the preset does
        test = get_stattest(reference, current, column_type, None)
        return bool(test(reference, current, column_type, None).drifted)

    def fork(self) -> Evidently:
        return self


def keep_finite(column: pd.Series) -> pd.Series:
    no_infinities = column.replace([np.inf, -np.inf], np.nan)
    return no_infinities.dropna()
