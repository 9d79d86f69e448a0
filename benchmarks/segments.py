"""What segments cost, how often a broken one is named first, and how often healthy windows alarm: each with its mark.

python benchmarks/segments.py [--quick]

Marks: a baseline and a window cut into ten segments take at most 1.5 times the core seconds of those without, by five columns of
ten values at most 3 times; a change in one of twelve segments is named first in 95 % of the windows in which the whole is found;
healthy windows alarm as often as the budget allows (binomial, 99 %); both of a model's metrics, too. Seeds are fresh at each run.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
from side_by_side import Contestant, is_quick_run, own_process, race

from spark_model_monitor import (
    Baseline,
    DataQualityMonitor,
    Findings,
    ModelQualityMonitor,
    MonitoringSettings,
    OutcomePlan,
    ProblemType,
    outcomes,
    run_baseline,
    run_monitoring,
)

ROWS = 1_000_000
WINDOW = 2_000
SEGMENTS = 12
BUDGET = 0.05
PROGRAM = """
import os, sys, time
from spark_model_monitor import DataQualityMonitor, MonitoringSettings, run_baseline, run_monitoring
path, *segments = sys.argv[1:]
settings = MonitoringSettings(segments=tuple(segments))
began, cores = time.monotonic(), sum(os.times()[:4])
baseline = run_baseline(path, DataQualityMonitor(settings=settings), engine="local")
run_monitoring(path, DataQualityMonitor(), baseline, engine="local").files()
print(time.monotonic() - began, sum(os.times()[:4]) - cores)
"""


def table(rows: int, random: np.random.Generator) -> pd.DataFrame:
    """Ten doubles, one whole number, five columns of ten texts each."""
    columns = {f"x{number}": random.normal(size=rows) for number in range(10)}
    columns["age"] = random.integers(18, 90, rows)
    return pd.DataFrame(columns | {f"t{number}": random.choice(list("abcdefghij"), rows) for number in range(5)})


def cost(rows: int) -> bool:
    """Core seconds of a baseline and a window, with and without segments, in turns."""
    reached = True
    with tempfile.TemporaryDirectory() as folder:
        frame = table(rows, np.random.default_rng())
        files = {"Parquet": Path(folder, "rows.parquet"), "CSV": Path(folder, "rows.csv")}
        frame.to_parquet(files["Parquet"])
        frame.to_csv(files["CSV"], index=False)
        for name, path in files.items():
            segment_columns = {"without": (), "10 segments": ("t0",), "5 x 10 segments": ("t0", "t1", "t2", "t3", "t4")}

            def run(segments: Sequence[str], path: Path = path) -> object:
                return own_process([sys.executable, "-c", PROGRAM, str(path), *segments])

            runs = [
                Contestant(title, lambda names=columns: run(names), rounds=3)
                for title, columns in segment_columns.items()
            ]
            race(runs)
            without, *other_seconds = (contestant.core_seconds for contestant in runs)
            for (label, maximum), seconds in zip(
                (("10 segments", 1.5), ("5 x 10 segments", 3.0)), other_seconds, strict=True
            ):
                ratio = seconds / without
                reached &= ratio <= maximum
                verdict = "reached" if ratio <= maximum else "missed"
                print(
                    f"{rows:,} x 16 of {name}, {label}: {seconds:.2f} s for {without:.2f} s, {ratio:.2f} (at most "
                    f"{maximum}): {verdict}"
                )
    return reached


def users(
    rows: int, random: np.random.Generator, broken: str | None = None, by: float = 0.0, grouped: bool = False
) -> pd.DataFrame:
    """Twelve plans of which some are much rarer, and three columns that depend on them."""
    shares = 1 / np.arange(2, SEGMENTS + 2)
    plan = random.choice([f"plan {number}" for number in range(SEGMENTS)], rows, p=shares / shares.sum())
    level = pd.Series(plan).str[5:].astype(float).to_numpy()
    spend = random.normal(20 + level, 5, rows)
    spend[plan == broken] += 5 * by
    if grouped:  # rows of a user belong together
        spend += np.repeat(random.normal(0, 5, rows // 20 + 1), 20)[:rows]
    return pd.DataFrame(
        {
            "plan": plan,
            "spend": spend,
            "calls": random.poisson(3 + level, rows),
            "city": random.choice(["Graz", "Linz", "Wien"], rows),
        }
    )


def make_baseline(random: np.random.Generator, rows: str, budget: float) -> Baseline:
    settings = MonitoringSettings(segments=("plan", "plan*city"), rows=rows, false_alarm_budget=budget)
    data = users(50_000, random, grouped=rows == "clustered")
    return run_baseline(data, DataQualityMonitor(settings=settings), engine="local")


def judge_window(baseline: Baseline, data: pd.DataFrame) -> Findings:
    return run_monitoring(data, DataQualityMonitor(), baseline, engine="local")


def named_first(windows: int) -> bool:
    """Of windows in which the whole column, or a segment, is found, those that name the broken segment first."""
    random = np.random.default_rng()
    baseline = make_baseline(random, "independent", 1 / 720)
    total_alarms = right = alone = only = 0
    for window in range(windows):
        broken = f"plan {window % SEGMENTS}"
        results = judge_window(baseline, users(WINDOW, random, broken, by=random.uniform(1.0, 4.0))).results
        of_spend = [finding for finding in results if finding.feature == "spend" and finding.is_violation]
        if any(finding.check == "baseline_drift_check" for finding in of_spend):
            total_alarms += 1
            right += of_spend[0].segment == f"plan={broken}"
        elif of_spend:
            alone += 1
            only += str(of_spend[0].segment).split(" & ")[0] == f"plan={broken}"
    share = right / max(total_alarms, 1)
    verdict = "reached" if share >= 0.95 else "missed"
    print(
        f"{windows} windows of {WINDOW:,} rows, one of {SEGMENTS} segments moved by 1 to 4 sd: the whole is found "
        f"in {total_alarms},"
    )
    print(f"and the segment named first in {right} of them, {share:.1%} (at least 95 %): {verdict};")
    print(f"segments alone show {alone} more, {only} of them right")
    return share >= 0.95


def healthy(windows: int) -> bool:
    """Windows that alarm where nothing changed, at a budget of one in twenty."""
    fine = True
    for rows in ("independent", "clustered"):
        random = np.random.default_rng()
        alarms = by_segments = 0
        for window in range(windows):
            if window % (windows // 4) == 0:
                baseline = make_baseline(random, rows, BUDGET)
            findings = judge_window(baseline, users(WINDOW, random, grouped=rows == "clustered")).results
            violated = [finding for finding in findings if finding.is_violation]
            alarms += bool(violated)
            by_segments += any(finding.segment for finding in violated)
        maximum = int(windows * BUDGET + 2.58 * np.sqrt(windows * BUDGET * (1 - BUDGET)))
        fine &= alarms <= maximum
        verdict = "reached" if alarms <= maximum else "missed"
        print(
            f"{windows} healthy windows, rows {rows}: {alarms} alarm, {by_segments} by a segment (at most {maximum}): {verdict}"
        )
    return fine


def answers(rows: int, random: np.random.Generator, broken: str | None = None, by: float = 0.0) -> pd.DataFrame:
    """Labels and predictions, a tenth of them wrong; of the broken plan more."""
    plan = users(rows, random)["plan"].to_numpy()
    label = random.random(rows) < 0.4
    off = random.random(rows) < np.where(plan == broken, 0.1 + by, 0.1)
    return pd.DataFrame({"label": label.astype(int), "prediction": (label ^ off).astype(int), "plan": plan})


def measure_model(windows: int) -> bool:
    """The same of a model's metrics: windows in which one plan has more errors, and healthy ones at a budget of one in twenty."""
    random = np.random.default_rng()
    plan = OutcomePlan(ProblemType.BINARY_CLASSIFICATION, segments=("plan",))
    monitor = ModelQualityMonitor(plan, false_alarm_budget=BUDGET)
    baseline = run_baseline(outcomes(answers(50_000, random), plan), monitor, engine="local")
    total_alarms = right = alone = only = alarms = 0
    for window in range(windows):
        broken = f"plan {window % SEGMENTS}"
        data = answers(WINDOW, random, broken, random.uniform(0.1, 0.5))
        results = run_monitoring(outcomes(data, plan), monitor, baseline, engine="local").results
        violated = [finding for finding in results if finding.is_violation and finding.metric == "accuracy"]
        if violated and not str(violated[0].where).startswith("in "):
            total_alarms += 1
            right += violated[0].segment == f"plan={broken}"
        elif violated:
            alone += 1
            only += violated[0].segment == f"plan={broken}"
        sound = outcomes(answers(WINDOW, random), plan)
        alarms += any(
            finding.is_violation for finding in run_monitoring(sound, monitor, baseline, engine="local").results
        )
    maximum = int(windows * BUDGET + 2.58 * np.sqrt(windows * BUDGET * (1 - BUDGET)))
    fine = right >= 0.95 * total_alarms and alarms <= maximum
    verdict = "reached" if fine else "missed"
    print(
        f"a model, {windows} windows of {WINDOW:,} rows with 10 to 50 % more errors in one of {SEGMENTS} segments: accuracy is"
    )
    print(
        f"violated in {total_alarms}, with the right segment in {right} (at least 95 %); segments alone show "
        f"{alone}, {only} right;"
    )
    print(f"{windows} healthy windows: {alarms} alarm (at most {maximum}): {verdict}")
    return fine


def main() -> int:
    quick = is_quick_run(__doc__)
    verdicts = [named_first(60 if quick else 240), healthy(40 if quick else 200), measure_model(24 if quick else 240)]
    verdicts.append(cost(ROWS // 10 if quick else ROWS))
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
