"""How soon eight windows of 200 labels together show that a model got worse: a separation of 1.2 instead of 1.5, or wrong labels.

python benchmarks/windows_together.py [--tries N] [--seed N]

Each try has a baseline of 10,000 labels and eight windows, of which those before without violations are judged together with
the last. The healthy twin has as many windows as the faulty ones.
"""

from __future__ import annotations

import argparse
import logging
import tempfile

import numpy as np
import pandas as pd

from spark_model_monitor import (
    ModelQualityMonitor,
    OutcomePlan,
    ProblemType,
    read_baseline,
    run_baseline,
    run_monitoring,
)
from spark_model_monitor.monitors.model_quality.outcome_baseline import WINDOWS_JUDGED

MONITOR = ModelQualityMonitor(OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True), find_causes=False)
ROWS = 200
FAULTS = {"healthy": {}, "separation 1.2": {"separation": 1.2}, "a tenth flipped": {"flipped": 0.1}}


def draw_outcomes(
    random: np.random.Generator, rows: int, separation: float = 1.5, flipped: float = 0.0
) -> pd.DataFrame:
    label = (random.random(rows) < 0.5).astype(int)
    score = 1 / (1 + np.exp(-separation * random.normal(separation * (label - 0.5), 1)))
    is_flipped = random.random(rows) < flipped
    prediction = (score > 0.5).astype(int)
    labels = np.where(is_flipped, 1 - label, label)
    return pd.DataFrame({"label": labels, "prediction": prediction, "probability": score})


def count_violated_windows(random: np.random.Generator, fault: dict[str, float]) -> int:
    """In how many of eight windows anything is violated."""
    with tempfile.TemporaryDirectory() as folder:
        run_baseline(draw_outcomes(random, 10_000), MONITOR, engine="local").write(folder)
        baseline = read_baseline(folder, MONITOR)
    violated = 0
    earlier: tuple = ()
    for _ in range(WINDOWS_JUDGED):
        window = draw_outcomes(random, ROWS, **fault)
        findings = run_monitoring(window, MONITOR, baseline.with_earlier(earlier), engine="local")
        violated += findings.count > 0
        # Windows with violations are not added to later ones
        if not findings.count:
            earlier = (findings.current.state, *earlier)
    return violated


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    for name, fault in FAULTS.items():
        counts = [
            count_violated_windows(np.random.default_rng([options.seed, index]), fault)
            for index in range(options.tries)
        ]
        tries_with_violations = sum(count > 0 for count in counts)
        windows = WINDOWS_JUDGED * options.tries
        print(
            f"{name}: {tries_with_violations} of {options.tries} tries, {sum(counts)} of {windows} windows", flush=True
        )


if __name__ == "__main__":
    main()
