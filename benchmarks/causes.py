"""Which segment a change is in without being told, beside a hand search by pandas, and where its rows are from.

python benchmarks/causes.py [--quick]

Marks: of windows that alarm for a change in one value, or in one pair of values, the right one is named in 95 %, and beside a
hand search by pandas over all values and pairs in as many or at most 2 % fewer; of windows that changed everywhere alike, or in
their shares alone, one in 100 has a segment or an origin named (binomial, 99 %); the right origin is named in 95 % of captures
with a change in one client, in some files, or from some time on. The same of losses of models: more wrong answers, larger errors,
and fewer positive labels of a group, in one value or pair, in some files, or everywhere alike. Seeds are fresh at each run.

With deepchecks beside (README.md, "Peers") its weak segments are printed, too: of the losses, as that is what it looks for.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
from side_by_side import is_quick_run

from spark_model_monitor import (
    AnalysisConfig,
    BiasMeasures,
    BiasMonitor,
    DataQualityMonitor,
    Findings,
    ModelQualityMonitor,
    OutcomePlan,
    ProblemType,
    outcomes,
    run_baseline,
    run_monitoring,
)

ROWS = 30_000
WINDOW = 4_000
HEALTHY = 0.01
PLANS = [f"plan {number}" for number in range(10)]
CITIES = ["Graz", "Linz", "Wien", "Salzburg"]
DEVICES = ["phone", "web", "desk"]
COLUMNS = ["plan", "city", "device", "age"]


def users(rows: int, random: np.random.Generator, shares: np.ndarray | None = None) -> pd.DataFrame:
    """Columns with few values, on which the numbers depend in sound windows, too."""
    shares = 1 / np.arange(2, 12) if shares is None else shares
    plan = random.choice(10, rows, p=shares / shares.sum())
    device = random.choice(3, rows, p=[0.5, 0.3, 0.2])
    return pd.DataFrame(
        {
            "plan": np.array(PLANS)[plan],
            "city": random.choice(CITIES, rows),
            "device": np.array(DEVICES)[device],
            "age": random.integers(18, 90, rows),
            "spend": random.normal(20 + 2 * plan, 5, rows),
            "calls": random.poisson(3 + plan + 2 * device).astype(float),
            "kind": np.where(random.random(rows) < 0.1 + 0.05 * plan, "new", "old"),
        }
    )


def planted(data: pd.DataFrame, rows: np.ndarray, random: np.random.Generator) -> None:
    """A change of some rows, in place."""
    fault = random.integers(4)
    if fault == 0:
        data.loc[rows, "spend"] += random.uniform(5, 40)
    elif fault == 1:
        data.loc[rows, "spend"] *= 100
    elif fault == 2:
        data.loc[rows & (random.random(len(data)) < 0.9), "calls"] = np.nan
    else:
        data.loc[rows, "kind"] = "none"


def by_hand(before: pd.DataFrame, now: pd.DataFrame, feature: str) -> dict[str, object]:
    """What somebody would write: of all values and pairs the one that adds the most to a change of the mean beside its rows."""
    frames = []
    for frame in (before, now):
        cut = frame[COLUMNS].assign(age=pd.qcut(before.age, 4, retbins=True)[1].searchsorted(frame.age, "right"))
        if feature == "kind":
            cut["number"] = (
                (frame.kind == now.kind.mode()[0]).astype(float)
                if "none" not in set(now.kind)
                else frame.kind == "none"
            )
        else:
            cut["number"] = frame[feature].isna() if now[feature].isna().mean() > 0.01 else frame[feature]
        frames.append(cut.astype({"number": float}))
    change = frames[1].number.mean() - frames[0].number.mean()
    best: tuple[float, dict[str, object]] = (-np.inf, {})
    for columns in [*itertools.combinations(COLUMNS, 1), *itertools.combinations(COLUMNS, 2)]:
        means = [frame.groupby(list(columns)).number.mean() for frame in frames]
        rows = frames[1].groupby(list(columns)).size() / len(now)
        worth = rows * (means[1] - means[0]) / change - rows - 0.1 * (len(columns) > 1)
        if worth.max() > best[0]:
            value = worth.idxmax()
            best = worth.max(), dict(zip(columns, value if isinstance(value, tuple) else (value,), strict=True))
    return best[1]


def named(findings: Findings) -> list[tuple[str, str]]:
    return [
        (finding.feature or "", finding.segment or "")
        for finding in findings.results
        if finding.is_violation and finding.segment
    ]


def segments(windows: int) -> bool:
    """Windows with a change in one value or one pair."""
    random = np.random.default_rng()
    before = users(ROWS, random)
    baseline = run_baseline(before, DataQualityMonitor(), engine="local")
    right = {"ours": 0, "by hand": 0}
    alarms = 0
    for _ in range(windows):
        now = users(WINDOW, random)
        if random.random() < 0.5:
            planted_values = {"plan": random.choice(PLANS[:8])}
        else:
            planted_values = {"device": random.choice(DEVICES), "city": random.choice(CITIES)}
        planted(now, np.logical_and.reduce([now[name] == value for name, value in planted_values.items()]), random)
        findings = run_monitoring(now, DataQualityMonitor(), baseline, engine="local")
        bad = [finding.feature for finding in findings.results if finding.is_violation]
        if not bad:
            continue
        alarms += 1
        expected = {f"{name}={value}" for name, value in planted_values.items()}
        right["ours"] += any(set(segment.split(" & ")) == expected for _, segment in named(findings))
        right["by hand"] += by_hand(before, now, str(bad[0])) == planted_values
    reached = right["ours"] >= max(right["by hand"] - 0.02 * alarms, 0.95 * alarms)
    counts = ", ".join(f"{fault} {count}" for fault, count in right.items())
    print(
        f"{windows} windows of {WINDOW:,} rows changed in one value or pair: {alarms} alarm; the right one is named: {counts}",
        end="",
    )
    print(f" (at least 95 %, and as by hand): {'reached' if reached else 'missed'}")
    return reached


def everywhere(windows: int) -> bool:
    """Windows that changed everywhere alike, or in the shares of a column alone."""
    random = np.random.default_rng()
    before = users(ROWS, random)
    baseline = run_baseline(before, DataQualityMonitor(), engine="local")
    alarms = wrong = 0
    for window in range(windows):
        if window % 2:
            now = users(WINDOW, random)
            planted(now, random.random(WINDOW) < random.uniform(0.2, 1.0), random)
        else:
            now = users(WINDOW, random, 1 / np.arange(2, 12) + random.uniform(0, 0.5, 10))
        violated = [
            finding
            for finding in run_monitoring(now, DataQualityMonitor(), baseline, engine="local").results
            if finding.is_violation
        ]
        alarms += bool(violated)
        wrong += any(finding.segment or finding.cause for finding in violated)
    maximum = int(alarms * HEALTHY + 2.58 * np.sqrt(alarms * HEALTHY * (1 - HEALTHY)))
    print(
        f"{windows} windows changed everywhere: {alarms} alarm, {wrong} name a segment or an origin (at most {maximum}): ",
        end="",
    )
    print("reached" if wrong <= maximum else "missed")
    return wrong <= maximum


def captures(folder: Path, random: np.random.Generator, fault: str, files: int = 60, rows: int = 40) -> None:
    """An hour of captured records, of which some clients are new or old, with a change of some rows."""
    began = datetime(2026, 3, 4, 14, tzinfo=timezone.utc)
    bad = random.choice(files, 3, replace=False)
    clients = [f"{version}.0" for version in range(6)]
    client = random.choice(clients)
    since = random.uniform(0.2, 0.8)
    for file in range(files):
        lines = []
        for row in range(rows):
            progress = (file * rows + row) / (files * rows)
            row_client = random.choice(clients)
            numbers = random.normal([10, 5], [2, 1])
            faults = {
                "client": row_client == client,
                "files": file in bad,
                "time": progress > since,
                "some rows": random.random() < 0.3,
            }
            numbers[0] *= 10 if faults.get(fault) else 1
            # The record of this row, as SageMaker writes it
            half = {"observedContentType": "text/csv", "encoding": "CSV"}
            data = {
                "endpointInput": {**half, "mode": "INPUT", "data": f"{numbers[0]:.3f},{numbers[1]:.3f}"},
                "endpointOutput": {**half, "mode": "OUTPUT", "data": f"{random.random():.3f}"},
            }
            time = (began + timedelta(hours=progress)).strftime("%Y-%m-%dT%H:%M:%SZ")
            event = {"eventId": f"{file}-{row}", "customAttributes": [f"client={row_client}"], "inferenceTime": time}
            lines.append(json.dumps({"captureData": data, "eventMetadata": event, "eventVersion": "0"}))
        (folder / f"{file:03d}.jsonl").write_text("\n".join(lines) + "\n")


def origins(windows: int) -> bool:
    """Captures with a change in one client, in three of 60 files, from some time on, and in some rows wherever they are."""
    random = np.random.default_rng()
    fine = True
    with tempfile.TemporaryDirectory() as temporary:
        folders = [Path(temporary, name) for name in ("before", "now")]
        for folder in folders:
            folder.mkdir()
        captures(folders[0], random, "none")
        baseline = run_baseline(str(folders[0]), DataQualityMonitor(), dataset_format="capture", engine="local")
        for fault in ("client", "files", "time", "some rows"):
            alarms = right = 0
            for _ in range(windows):
                captures(folders[1], random, fault)
                findings = run_monitoring(
                    str(folders[1]), DataQualityMonitor(), baseline, dataset_format="capture", engine="local"
                )
                violated = [finding for finding in findings.results if finding.is_violation]
                alarms += bool(violated)
                named = {finding.cause[0].key if finding.cause else "some rows" for finding in violated}
                right += named == {fault.removesuffix("s") if fault == "files" else fault}
            fine &= right >= 0.95 * alarms
            verdict = "reached" if right >= 0.95 * alarms else "missed"
            print(
                f"{windows} windows of captures, a change of {fault}: {alarms} alarm, {right} say so (at least 95 %): {verdict}"
            )
    return fine


BINARY = OutcomePlan(ProblemType.BINARY_CLASSIFICATION)
NUMBERS = OutcomePlan(ProblemType.REGRESSION)
FACET = '{"label": "label", "label_values_or_threshold": [1], "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}]}'
PEER = Path(__file__).parents[1] / ".venv-deepchecks" / "bin" / "python"
LOSSES = ("wrong answers", "larger errors", "fewer positive")


def judged(rows: int, random: np.random.Generator, loss: str, bad=None, data=None) -> pd.DataFrame:
    """Users with labels and predictions, which depend on their plan in sound windows, too. bad: rows with a loss."""
    data = (users(rows, random) if data is None else data)[COLUMNS].assign(sex=random.choice(["f", "m"], rows))
    bad = np.zeros(rows, bool) if bad is None else bad
    if loss == "larger errors":
        label = random.normal(50, 10, rows)
        return data.assign(label=label, prediction=label + random.normal(0, 2, rows) + bad * random.uniform(6, 20))
    label = (random.random(rows) < 0.4).astype(int)
    wrong = random.random(rows) < 0.05 + 0.02 * (data.plan == "plan 3")
    if loss == "fewer positive":
        return data.assign(label=np.where(bad & (data.sex == "f") & (random.random(rows) < 0.9), 0, label))
    return data.assign(label=label, prediction=np.where(wrong | (bad & (random.random(rows) < 0.7)), 1 - label, label))


def describe_mark(reached: bool) -> str:
    return "reached" if reached else "missed"


def monitor_and_data(loss: str):
    """The monitor of a loss, and what makes its data set of rows or of a folder."""
    if loss == "fewer positive":
        return BiasMonitor(BiasMeasures.of(AnalysisConfig.from_json(FACET))), lambda rows: rows
    plan = NUMBERS if loss == "larger errors" else BINARY
    return ModelQualityMonitor(plan), lambda rows: outcomes(rows, plan, engine="local")


def losses(windows: int) -> bool:
    random = np.random.default_rng()
    fine = True
    for loss in LOSSES:
        monitor, make_data = monitor_and_data(loss)
        before = make_data(judged(ROWS, random, loss))
        baseline = run_baseline(before, monitor, engine="local")
        alarms = 0
        right = 0
        peer_hits = 0
        healthy = 0
        wrong = 0
        for _ in range(windows):
            data = users(WINDOW, random)
            if random.random() < 0.5:
                planted_values = {"plan": random.choice(PLANS[:8])}
            else:
                planted_values = {"device": random.choice(DEVICES), "city": random.choice(CITIES)}
            rows = np.logical_and.reduce([data[name] == value for name, value in planted_values.items()])
            window = judged(WINDOW, random, loss, rows, data)
            evaluation = run_monitoring(make_data(window), monitor, baseline, engine="local")
            if any(finding.is_violation for finding in evaluation.results):
                alarms += 1
                expected = {f"{name}={value}" for name, value in planted_values.items()}
                right += any(set(segment.split(" & ")) == expected for _, segment in named(evaluation))
                peer_hits += loss == "wrong answers" and PEER.exists() and by_deepchecks(window) == planted_values
            everywhere = judged(WINDOW, random, loss, random.random(WINDOW) < 0.3)
            evaluation = run_monitoring(make_data(everywhere), monitor, baseline, engine="local")
            bad = [finding for finding in evaluation.results if finding.is_violation]
            healthy = healthy + bool(bad)
            wrong = wrong + any(finding.segment or finding.cause for finding in bad)
        maximum = int(healthy * HEALTHY + 2.58 * np.sqrt(healthy * HEALTHY * (1 - HEALTHY)))
        reached = right >= 0.95 * alarms and wrong <= maximum
        fine &= reached
        if loss == "wrong answers" and PEER.exists():
            peer = f", by deepchecks {peer_hits}"
        else:
            peer = ""
        print(
            f"{loss} in one value or pair: {alarms} of {windows} windows alarm; the right one is named: ours {right}{peer} (at "
            f"least 95 %); everywhere: {healthy} alarm, {wrong} name one or an origin (at most {maximum}): "
            f"{describe_mark(reached)}",
            flush=True,
        )
        fine &= in_files(loss, max(windows // 10, 4), random)
    return fine


def in_files(loss: str, windows: int, random: np.random.Generator) -> bool:
    """Losses in three of twenty files."""
    monitor, make_data = monitor_and_data(loss)
    with tempfile.TemporaryDirectory() as temporary:
        judged(ROWS, random, loss).to_csv(Path(temporary) / "before.csv", index=False)
        baseline = run_baseline(make_data(str(Path(temporary) / "before.csv")), monitor, engine="local")
        alarms = right = 0
        for window in range(windows):
            folder = Path(temporary) / f"{window}"
            folder.mkdir()
            for file in range(20):
                rows = judged(WINDOW // 10, random, loss, np.full(WINDOW // 10, file in (3, 4, 11)))
                rows.to_csv(folder / f"{file:02d}.csv", index=False)
            findings = run_monitoring(make_data(str(folder)), monitor, baseline, engine="local").results
            bad = [finding for finding in findings if finding.is_violation]
            alarms = alarms + bool(bad)
            right = right + any(finding.cause is not None and finding.cause[0].key == "file" for finding in bad)
    reached = right >= 0.95 * alarms
    print(
        f"{loss} in three of 20 files: {alarms} of {windows} alarm, {right} say so: {describe_mark(reached)}",
        flush=True,
    )
    return reached


DEEPCHECKS = """
import json, sys, warnings
warnings.filterwarnings("ignore")
import pandas as pd
from deepchecks.tabular import Dataset
from deepchecks.tabular.checks import WeakSegmentsPerformance
rows = pd.read_csv(sys.argv[1])
answers = rows.pop("prediction")
data = Dataset(rows.drop(columns="sex"), label="label", cat_features=["plan", "city", "device"])
right = (answers == rows["label"]).astype(float)
shares = pd.DataFrame({0: (answers == 0).astype(float), 1: (answers == 1).astype(float)}).to_numpy()
check = WeakSegmentsPerformance(n_top_features=4, segment_minimum_size_ratio=0.02)
found = check.run(data, y_pred=answers.to_numpy(), y_proba=shares)
worst = found.value["weak_segments_list"].iloc[0].to_dict()
print(json.dumps({key: str(value) for key, value in worst.items()}))
"""


def by_deepchecks(window: pd.DataFrame) -> dict[str, object]:
    """The weakest segment of a window, as it is named there: values or ranges of one or two features."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "window.csv"
        window.to_csv(path, index=False)
        done = subprocess.run([PEER, "-c", DEEPCHECKS, path], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr.splitlines()[-1])
    worst = json.loads(done.stdout.splitlines()[-1])
    numbers = [number for number in (1, 2) if worst.get(f"Feature{number}", "None") not in ("None", "nan")]
    return {worst[f"Feature{number}"]: worst[f"Feature{number} Range"].strip("[]'") for number in numbers}


def main() -> int:
    quick = is_quick_run(__doc__)
    windows = 40 if quick else 200
    results = [segments(windows), everywhere(windows), origins(windows // 16), losses(windows // 4)]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
