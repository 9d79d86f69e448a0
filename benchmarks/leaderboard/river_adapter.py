"""River's detectors, one for each column, fed value by value; texts as integer codes, without missing values."""

from __future__ import annotations

from detectors import ColumnDetector, IntegerCodes, StreamDescription, drop_missing
from laws import Columns, Values, concatenate
from river import drift


class River(ColumnDetector):
    """With its defaults. Drifted if it fired within the window."""

    def __init__(self, stream: StreamDescription, detector: str) -> None:
        super().__init__(stream)
        self.maker = getattr(drift, detector)

    def fit(self, baseline: list[Columns]) -> None:
        self.codes = IntegerCodes(concatenate(baseline))
        self.detectors = {name: self.maker() for name in baseline[0]}
        for columns in baseline:
            self.find_drifted(columns)

    def find_drifted(self, columns: Columns) -> set[str]:
        numbers = self.codes.encode(columns)
        return {name for name, values in numbers.items() if self.has_fired(name, drop_missing(values))}

    def has_fired(self, name: str, values: Values) -> bool:
        detector = self.detectors[name]
        fired = False
        for value in values.tolist():
            detector.update(value)
            fired = fired or detector.drift_detected
        return fired
