"""River's ADWIN, KSWIN and Page-Hinkley over streams of values. Needs nothing of ours.

python river_detectors.py FILE     streams in a file of numpy, by name: `healthy`, and `0`, `1`, … that change at the last `later`
values; prints JSON: by detector its parameter, null if none keeps the rate, and after how many values each stream is found,
null if it is not
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from river import drift

# values of a window; alarms of a healthy one
ROWS = 300
RATE = 1 / 720
CANDIDATES: dict[str, tuple[Callable[[float], Any], list[float]]] = {
    "ADWIN": (
        lambda delta: drift.ADWIN(delta=delta),
        [10.0**-power for power in (*np.arange(0.5, 20, 0.5), *range(20, 300, 10))],
    ),
    "Page-Hinkley": (
        lambda threshold: drift.PageHinkley(threshold=threshold),
        [2.0**power for power in np.arange(0, 14, 0.5)],
    ),
    "KSWIN": (lambda alpha: drift.KSWIN(alpha=alpha, seed=1), [10.0**-power for power in np.arange(3, 14)]),
}
FEWER = {"KSWIN": (60, 3)}
"""A value costs KSWIN hundreds of times what it costs the others: it is set by so many healthy windows, none of which may alarm,
and tried on so many streams, of which it sees the last two windows before the change: it remembers a hundred values.
"""


def alarms(detector: Any, values: list[float]) -> Iterator[int]:
    for index, value in enumerate(values):
        detector.update(value)
        if detector.drift_detected:
            yield index


def main(file: str) -> None:
    streams = dict(np.load(file))
    later = int(streams.pop("later"))
    healthy = streams.pop("healthy").tolist()
    delays_by_detector = {}
    for name, (make_detector, parameters) in CANDIDATES.items():
        windows, tries = FEWER.get(name, (len(healthy) // ROWS, len(streams)))
        healthy_values = healthy[: windows * ROWS]
        maximum = int(windows * RATE)
        fit = (
            parameter_value
            for parameter_value in parameters
            if sum(1 for _ in alarms(make_detector(parameter_value), healthy_values)) <= maximum
        )
        parameter = next(fit, None)
        delays = []
        for values in list(streams.values())[:tries] if parameter is not None else ():
            start = len(values) - later
            begin = start - 2 * ROWS if name in FEWER else 0
            alarm_positions = alarms(make_detector(parameter), values[begin:].tolist())
            delays.append(
                next(
                    (position - (start - begin) + 1 for position in alarm_positions if position >= start - begin), None
                )
            )
        delays_by_detector[name] = {"parameter": parameter, "delays": delays}
    print(json.dumps(delays_by_detector))


if __name__ == "__main__":
    main(sys.argv[1])
