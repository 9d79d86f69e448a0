"""alibi-detect (licence BSL 1.1): KS with its Bonferroni at .05, or MMD; texts as integer codes, missing values as -1."""

from __future__ import annotations

from collections import Counter

import numpy as np
from alibi_detect import cd
from detectors import Alarms, Detector, StreamDescription, Window, drop_missing, is_text, transform_p_value
from laws import Columns, Values, concatenate

MAX_ROWS = 500  # of the baseline, for MMD, whose cost grows with their square


class IntegerCodes:
    """Texts as integers: by frequency in the baseline; all new ones are the next integer."""

    def __init__(self, baseline: Columns) -> None:
        texts = {name: Counter(drop_missing(values)) for name, values in baseline.items() if is_text(values)}
        self.codes = {
            name: {text: code for code, (text, _) in enumerate(counts.most_common())} for name, counts in texts.items()
        }

    def encode(self, columns: Columns) -> Columns:
        return {name: self.encode_column(name, values) for name, values in columns.items()}

    def encode_column(self, name: str, values: Values) -> Values:
        if name not in self.codes:
            return values
        codes = self.codes[name]
        return np.array([np.nan if text is None else codes.get(text, len(codes)) for text in values], dtype=float)


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
            rows = rows[:: max(1, len(rows) // MAX_ROWS)]
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
