"""driftfdr's detectors with its calibration by bootstrap, fed a model's errors."""

from __future__ import annotations

import driftfdr
import numpy as np
from detectors import Alarms, Detector, StreamDescription, Window, make_alarms, transform_p_value
from laws import Columns

STEPS = 20  # of a window: means of some rows, as its guide has for many predictions
HORIZON = 5  # windows that it looks back
ALPHA = 0.05


class Fleet(Detector):
    """One model. By default an alarm is a p-value of at most .05, as its rules have for one."""

    def __init__(self, stream: StreamDescription, detector: str) -> None:
        super().__init__(stream)
        self.kind = getattr(driftfdr, detector)()

    def fit(self, baseline: list[Columns]) -> None:
        steps = [self.compute_means(columns) for columns in baseline]
        reference = np.concatenate(steps)
        self.detector = driftfdr.CalibratedDetector(
            self.kind, n_ref=len(reference), window=STEPS, horizon=HORIZON, seed=1
        )
        self.compute_p_value(reference)

    def compute_means(self, columns: Columns) -> np.ndarray:
        return np.array([part.mean() for part in np.array_split(columns["x"], STEPS)])

    def compute_p_value(self, steps: np.ndarray) -> float:
        """The p-value of the last step; 1 while there is none."""
        p_values = [self.detector.update(float(value)) for value in steps]
        return 1.0 if p_values[-1] is None else float(p_values[-1])

    def check(self, window: Window) -> Alarms:
        p_value = self.compute_p_value(self.compute_means(window.columns))
        return make_alarms({"x": transform_p_value(p_value)}, transform_p_value(ALPHA))
