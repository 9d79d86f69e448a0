"""alibi-detect (licence BSL 1.1): KS with its Bonferroni at .05, or MMD; texts as integer codes, missing values as -1."""

from __future__ import annotations

import numpy as np
from alibi_detect import cd
from detectors import Alarms, Detector, IntegerCodes, StreamDescription, Window, transform_p_value
from laws import Columns, Values, concatenate

MOST_ROWS = 500  # of the baseline, for MMD, whose cost grows with their square


class Alibi(Detector):
    def __init__(self, stream: StreamDescription, detector: str = "KSDrift") -> None:
        super().__init__(stream)
        self.maker = detector

    def fit(self, baseline: list[Columns]) -> None:
        table = concatenate(baseline)
        self.codes = IntegerCodes(table)
        self.names = [*table]
        rows = self.make_table(table)
        if self.maker == "MMDDrift":
            rows = rows[:: max(1, len(rows) // MOST_ROWS)]
            self.detector = cd.MMDDrift(rows, backend="pytorch", p_val=0.05)
        else:
            self.detector = cd.KSDrift(rows, p_val=0.05)

    def make_table(self, columns: Columns) -> Values:
        numbers = np.column_stack([*self.codes.encode(columns).values()])
        return np.nan_to_num(numbers, nan=-1.0).astype(np.float32)

    def check(self, window: Window) -> Alarms:
        """Of MMD one score for all columns: its distance."""
        prediction = self.detector.predict(self.make_table(window.columns))["data"]
        if self.maker == "MMDDrift":
            distance = float(prediction["distance"]) - float(prediction["distance_threshold"])
            return Alarms(bool(prediction["is_drift"]), set(), {"x": distance})
        p_values = dict(zip(self.names, map(float, prediction["p_val"]), strict=True))
        scores = {name: transform_p_value(p_value) for name, p_value in p_values.items()}
        drifted = {name for name, p_value in p_values.items() if p_value < prediction["threshold"]}
        return Alarms(bool(prediction["is_drift"]), drifted, scores)

    def fork(self) -> Alibi:
        return self
