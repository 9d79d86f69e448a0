"""River's detectors, fed a model's errors one by one."""

from __future__ import annotations

from typing import Any

from detectors import Alarms, Detector, StreamDescription, Window
from laws import Columns, Values, concatenate
from river import drift

LADDERS: dict[str, tuple[str, tuple[float, ...]]] = {
    "ADWIN": ("delta", (0.002, 1e-4, 1e-6, 1e-9, 1e-13, 1e-18)),
    "PageHinkley": ("threshold", (50.0, 80.0, 120.0, 200.0, 320.0, 500.0)),
    "DDM": ("drift_threshold", (3.0, 4.0, 5.0, 6.0, 8.0, 10.0)),
    "KSWIN": ("alpha", (0.005, 1e-4, 1e-7, 1e-12)),
}
"""Settings of the one parameter that says how sure a detector has to be; the first is the default."""


class River(Detector):
    """Its score is the strictest step of the ladder at which it fires within the window."""

    def __init__(self, stream: StreamDescription, detector: str) -> None:
        super().__init__(stream)
        parameter, self.ladder = LADDERS[detector]
        maker = getattr(drift.binary if detector == "DDM" else drift, detector)
        seed = {"seed": 1} if detector == "KSWIN" else {}
        self.detectors: list[Any] = [maker(**{parameter: value}, **seed) for value in self.ladder]

    def fit(self, baseline: list[Columns]) -> None:
        self.update_detectors(concatenate(baseline)["x"])

    def update_detectors(self, errors: Values) -> list[bool]:
        """Of each step, whether it has fired."""
        values = errors.tolist()
        fired = [False] * len(self.detectors)
        for step, detector in enumerate(self.detectors):
            for value in values:
                detector.update(value)
                fired[step] = fired[step] or detector.drift_detected
        return fired

    def check(self, window: Window) -> Alarms:
        fired = self.update_detectors(window.columns["x"])
        steps = [step + 1 for step, is_fired in enumerate(fired) if is_fired]
        score = float(max(steps, default=0))
        return Alarms(fired[0], {"x"} if fired[0] else set(), {"x": score})
