"""How soon is a change that stays found, beside detectors that watch every value?

With River's environment of README.md, "Peers":
python benchmarks/river_beside.py [--seed SEED] [--law LAW]

One column in hourly windows of 300 rows, of which we see one after the other beside a baseline of 20,000, with a history of those
before. River's detectors see each value, the baseline's first, and are set by a search to the rate of our budget, one alarm
in 720 windows of a healthy stream of the law: the most sensitive parameter that keeps it. A delay is a number of windows: both
are asked at the end of an hour. Texts are numbered by how frequent they are, and of missing values they are told which ones are.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from verdicts import Mark, Remembered, Values

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.monitors.data_quality.checks.drift.seasonal_drift import find_lost_examples
from spark_model_monitor.reports.history.baseline_extension import extend_baseline
from spark_model_monitor.reports.history.history_file import WindowEntry, WindowHistory

HERE = Path(__file__).parent
PEER = HERE.parent / ".venv-river" / "bin" / "python"
ROWS = 300
BASELINE = 20_000
BEFORE = 48
LATER = 48
STREAMS = 5
HEALTHY = 2_160
"""Rows of a window and of the baseline; windows before a change, and after it; streams of a law; windows others are set by."""

Drawn = Callable[[np.random.Generator, int, float, float], Values]
"""The rows of a window, by its hour, how large the change is, and its level."""


@dataclass(frozen=True)
class StreamLaw:
    """change: how large it is so many hours after it began. texts: whether numbers name categories. before: windows before the
    change. wobble: by which levels differ, an AR(1) of .9.
    """

    drawn: Drawn
    change: Callable[[int], float]
    texts: bool = False
    before: int = BEFORE
    wobble: float = 0.0


def normal(random: np.random.Generator, hour: int, by: float, level: float) -> Values:
    return random.standard_normal(ROWS) + by + level


def chosen(*shares: float) -> Drawn:
    """Categories, of which the last one takes rows from the others."""

    def drawn(random: np.random.Generator, hour: int, by: float, level: float) -> Values:
        drawn = random.choice(len(shares), ROWS, p=shares).astype(float)
        return np.where(random.random(ROWS) < by, len(shares) - 1.0, drawn)

    return drawn


def with_tail(random: np.random.Generator, hour: int, by: float, level: float) -> Values:
    values = random.standard_normal(ROWS)
    return np.where(random.random(ROWS) < by, 2.33 + random.exponential(0.4, ROWS), values)


def with_nulls(random: np.random.Generator, hour: int, by: float, level: float) -> Values:
    return np.where(random.random(ROWS) < 0.02 + by, np.nan, random.standard_normal(ROWS))


def by_the_hour(random: np.random.Generator, hour: int, by: float, level: float) -> Values:
    return random.standard_normal(ROWS) + math.sin(hour * math.pi / 12) + by


LAWS = {
    "mean + .15 sd": StreamLaw(normal, lambda hour: 0.15),
    "mean + .5 sd": StreamLaw(normal, lambda hour: 0.5),
    "scale * 1.2": StreamLaw(lambda random, hour, by, level: random.standard_normal(ROWS) * (1 + by), lambda hour: 0.2),
    "a share of .3 + .07": StreamLaw(chosen(0.7, 0.3), lambda hour: 0.1, texts=True),
    "a new category of .04": StreamLaw(chosen(0.5, 0.3, 0.2, 0.0), lambda hour: 0.04, texts=True),
    "nulls of .02 + .04": StreamLaw(with_nulls, lambda hour: 0.04),
    "a tail of .01 + .03": StreamLaw(with_tail, lambda hour: 0.03),
    "drift of .03 sd an hour": StreamLaw(normal, lambda hour: 0.03 * (hour + 1)),
    "a season of 1 sd, + .5": StreamLaw(by_the_hour, lambda hour: 0.5, before=14 * 24),
    "wobble of .1 sd, + .4": StreamLaw(normal, lambda hour: 0.4, wobble=0.1),
}


def stream(law: StreamLaw, random: np.random.Generator, windows: int, later: int) -> list[Values]:
    """Windows, the last of which have changed."""
    level = law.wobble * random.standard_normal()
    alarm_windows = []
    for hour in range(windows + later):
        level = 0.9 * level + law.wobble * math.sqrt(1 - 0.81) * random.standard_normal()
        alarm_windows.append(law.drawn(random, hour, law.change(hour - windows) if hour >= windows else 0.0, level))
    return alarm_windows


def make_baseline(law: StreamLaw, random: np.random.Generator) -> Values:
    """Rows of a month in their order, of a season in any."""
    rows = np.concatenate(stream(law, random, -(-BASELINE // ROWS), 0))[:BASELINE]
    if law.before > BEFORE:
        return random.permutation(rows)
    return rows


def table(law: StreamLaw, values: Values) -> pd.DataFrame:
    return pd.DataFrame({"x": [f"c{value:.0f}" for value in values] if law.texts else values})


def ours(law: StreamLaw, before: Values, windows: list[Values]) -> int | None:
    """How many windows of the last ones it takes until one alarms."""
    monitor = DataQualityMonitor(find_causes=False)
    baseline = run_baseline(table(law, before), monitor, engine="local")
    stored_baseline = monitor.stored_baseline(
        baseline.constraints, None, baseline.state, baseline.constraints
    ).with_block_variation(baseline.variation)
    history: WindowHistory = Remembered("")
    for index, values in enumerate(windows):
        ended = f"{datetime(2026, 6, 1) + timedelta(hours=index + 1):%Y-%m-%dT%H:%M:%SZ}"
        reference = extend_baseline(history, stored_baseline, ended, "b")
        findings = run_monitoring(table(law, values), monitor, reference, engine="local")
        if index >= len(windows) - LATER and findings.violations.violations:
            return index - (len(windows) - LATER) + 1
        Remembered.profiles_of[ended] = findings.current.state
        entry = WindowEntry(ended, ended, "0", ended, "b", bool(findings.violations.violations))
        history = history.with_window(
            entry, reference.raw_statistics(findings.current.state, find_lost_examples(findings.results))
        )
    return None


def theirs(law: StreamLaw, healthy: Values, streams: list[Values]) -> dict[str, dict[str, object]]:
    observed = [np.isnan(stream).astype(float) if np.isnan(healthy).any() else stream for stream in (healthy, *streams)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "streams.npz"
        np.savez(
            file,
            later=LATER * ROWS,
            healthy=observed[0],
            **{str(number): stream for number, stream in enumerate(observed[1:])},
        )
        printed = subprocess.run([PEER, HERE / "river_detectors.py", file], check=True, capture_output=True, text=True)
    printed_delays: dict[str, dict[str, object]] = json.loads(printed.stdout)
    return printed_delays


def median(delays: list[int | None]) -> float:
    return float(np.median([math.inf if delay is None else delay for delay in delays or [None]]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=20260)
    parser.add_argument("--law", choices=LAWS, action="append")
    arguments = parser.parse_args()
    if not PEER.exists():
        print(f"there is no {PEER.parent.parent.name}; see the head of this file")
        return 1
    logging.disable(logging.WARNING)
    np.seterr(all="ignore")
    later_than: dict[str, int] = {}
    laws = arguments.law or list(LAWS)
    for name in laws:
        law = LAWS[name]
        random = np.random.default_rng([arguments.seed, list(LAWS).index(name)])
        before = [make_baseline(law, random) for _ in range(STREAMS)]
        windows = [stream(law, random, law.before, LATER) for _ in range(STREAMS)]
        own_delays = [ours(law, rows, later) for rows, later in zip(before, windows, strict=True)]
        healthy = np.concatenate(stream(law, random, HEALTHY, 0))
        streams = [np.concatenate([rows, *later]) for rows, later in zip(before, windows, strict=True)]
        texts = [f"ours {median(own_delays):g}"]
        for detector, detected in theirs(law, healthy, streams).items():
            delays = [None if delay is None else math.ceil(delay / ROWS) for delay in detected["delays"]]  # type: ignore[attr-defined]
            if detected["parameter"] is None:
                setting = "none keeps the rate"
            else:
                setting = f"at {detected['parameter']:.2g}"
            texts.append(f"{detector} {median(delays):g} ({setting})")
            later_than[detector] = later_than.get(detector, 0) + (median(delays) >= median(own_delays))
        print(f"        {name}: windows until found, median of {STREAMS}: " + ", ".join(texts), flush=True)
    missed = 0
    for detector, laws_later in later_than.items():
        mark = Mark(
            f"laws of {len(laws)} on which {detector} is not faster",
            laws_later,
            ">= 80 %",
            laws_later >= 0.8 * len(laws),
        )
        missed += not mark.met
        print(mark)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
