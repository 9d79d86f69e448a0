"""Is an estimate without labels what NannyML's CBPE and DLE say, does its interval hold, and what does it cost?

python -m venv .venv-nannyml && .venv-nannyml/bin/pip install -r benchmarks/requirements-nannyml.txt
python benchmarks/estimated_quality.py .venv-nannyml [--windows 120] [--only parity|classes|numbers|story|coverage|drift|speed]

Car loan, remote work, housing, credit cards (upmarket or not) and employment (US census) come with NannyML; electricity prices
are read from ../shared/data, if they are there. For the coverage each window has a baseline of its own, a random half of the
rows, and is drawn from the other half: as it is, or with lower or higher scores, so that the worth of a score stays.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from spark_model_monitor import (
    DataQualityMonitor,
    ErrorModel,
    EstimatedQualityMonitor,
    ModelQualityMonitor,
    OutcomePlan,
    ProblemType,
    loss_by_feature,
    outcomes,
    run_baseline,
    run_monitoring,
)
from spark_model_monitor.cli import main as command_line
from spark_model_monitor.documents.run_description import RunContext
from spark_model_monitor.reports.history.baselines import to_run

PLAN = OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True)
PEER, PEER_OF_NUMBERS = (Path(__file__).with_name(f"nannyml_{name}.py") for name in ("cbpe", "dle"))
ELECTRICITY = Path(__file__).parents[2] / "shared" / "data" / "elec.csv"
PARITY = ("auc", "f1", "accuracy")
COVERED = ("auc", "f1", "accuracy", "recall", "precision", "au_prc", "brier_score")
SEED = 7
ROWS = 1_000
SILENT = {**os.environ, "NML_DISABLE_USAGE_LOGGING": "1"}


@dataclass
class Outcome:
    """Rows with label, prediction and score, those that a baseline is made of first."""

    name: str
    rows: pd.DataFrame


def sets(data: Path) -> Iterator[Outcome]:
    for name, file, label, prediction, score in (
        ("car loan", "synthetic_car_loan_reference.csv", "repaid", "y_pred", "y_pred_proba"),
        ("remote work", "synthetic_sample_reference.csv", "work_home_actual", "y_pred", "y_pred_proba"),
        ("housing", "california_housing_reference.csv", "clf_target", "y_pred", "y_pred_proba"),
        ("employment", "employment_MA_reference.pq", "employed", "prediction", "predicted_probability"),
    ):
        yield Outcome(name, named(read(data / file), label, prediction, score))
    cards = read(data / "mc_reference.csv")
    score = cards["y_pred_proba_upmarket_card"]
    positive = cards["y_true"] == "upmarket_card"
    yield Outcome(
        "credit cards", pd.DataFrame({"label": positive * 1, "prediction": (score > 0.5) * 1, "probability": score})
    )
    if ELECTRICITY.is_file():
        from sklearn.linear_model import LogisticRegression

        frame = pd.read_csv(ELECTRICITY).sample(frac=1, random_state=SEED)
        label = frame.pop("class")
        model = LogisticRegression(max_iter=500).fit(frame[:5_000], label[:5_000])
        score = model.predict_proba(frame[5_000:])[:, 1].round(4)
        yield Outcome(
            "electricity",
            pd.DataFrame({"label": label[5_000:].to_numpy(), "prediction": (score > 0.5) * 1, "probability": score}),
        )


def read(file: Path) -> pd.DataFrame:
    if file.suffix == ".pq":
        return pd.read_parquet(file)
    return pd.read_csv(file)


def named(frame: pd.DataFrame, label: str, prediction: str, score: str) -> pd.DataFrame:
    found = frame[[label, prediction, score]].set_axis(["label", "prediction", "probability"], axis=1).dropna()
    return found.astype({"label": int, "prediction": int})


def baseline_of(rows: pd.DataFrame):
    return run_baseline(outcomes(rows, PLAN, engine="local"), ModelQualityMonitor(PLAN))


def estimate_of(rows: pd.DataFrame, baseline) -> dict[str, dict]:
    return metrics_of(run_monitoring(without_labels(rows), EstimatedQualityMonitor(PLAN), baseline))


def without_labels(rows: pd.DataFrame):
    return outcomes(rows[["prediction", "probability"]], PLAN, label=None, engine="local")


def metrics_of(findings) -> dict[str, dict]:
    return {each.name: each for each in findings.current.documents[0].metrics}


def parity(data: Path, python: Path) -> Iterator[str]:
    for name, parts, columns in (
        (
            "car loan",
            ("synthetic_car_loan_reference.csv", "synthetic_car_loan_analysis.csv"),
            ("repaid", "y_pred", "y_pred_proba"),
        ),
        (
            "employment",
            ("employment_MA_reference.pq", "employment_MA_analysis.pq"),
            ("employed", "prediction", "predicted_probability"),
        ),
    ):
        reference, analysis = (read(data / part) for part in parts)
        size = 5_000
        analysis = analysis[: len(analysis) // size * size]
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder, f"{part}.parquet") for part in ("reference", "analysis")]
            for file, frame in zip(files, (reference, analysis), strict=True):
                frame.reset_index(drop=True).to_parquet(file)
            command = [str(python), str(PEER), *map(str, files), *columns, str(size)]
            theirs = json.loads(
                subprocess.run(command, check=True, capture_output=True, text=True, env=SILENT).stdout.splitlines()[-1]
            )
        began = time.process_time()
        baseline = baseline_of(named(reference, *columns))
        fitted = time.process_time()
        window = analysis[list(columns[1:])].set_axis(["prediction", "probability"], axis=1).astype({"prediction": int})
        ours = [estimate_of(window[start : start + size], baseline) for start in range(0, len(window), size)]
        ended = time.process_time()
        apart = {
            metric: max(abs(each[metric].value - value) for each, value in zip(ours, theirs[metric], strict=True))
            for metric in PARITY
        }
        told = "differs from CBPE by at most " + ", ".join(f"{metric} {value:.1e}" for metric, value in apart.items())
        if max(apart.values()) <= 1e-4:
            verdict = "reached"
        else:
            verdict = "missed"
        yield f"{name}, {len(ours)} chunks of {size:,}: {told}; wanted 1e-4: {verdict}"
        yield (
            "  processor time: "
            f"ours {fitted - began:.2f} s for the baseline and {(ended - fitted) / len(ours):.2f} s a chunk, NannyML "
            f"{theirs['fit']:.2f} s and {theirs['estimate'] / len(ours):.2f} s; it calibrates: {theirs['calibrates']}"
        )


CARDS = ("prepaid_card", "highstreet_card", "upmarket_card")
MANY = OutcomePlan(ProblemType.MULTICLASS_CLASSIFICATION, with_scores=True)
OF_MANY = {"macro_auc": "auc", "macro_f1": "f1", "accuracy": "accuracy"}


def cards(data: Path, part: str) -> pd.DataFrame:
    """Credit cards of three classes, with the probabilities of all; the labels of the analysis are in a file of their own."""
    frame = read(data / f"mc_{part}.csv")
    if part == "analysis":
        frame["y_true"] = read(data / "mc_analysis_gt.csv").set_index("id").loc[frame["id"], "y_true"].to_numpy()
    scores = frame[[f"y_pred_proba_{name}" for name in CARDS]].set_axis(list(CARDS), axis=1)
    told = [json.dumps(dict(zip(CARDS, row, strict=True))) for row in scores.to_numpy().tolist()]
    return frame.assign(label=frame["y_true"], prediction=frame["y_pred"], probability=told)


def many_classes(data: Path, python: Path, windows: int, size: int = 6_000) -> Iterator[str]:
    """Both beside CBPE and beside the labels: credit cards by chunks of 6,000, and the coverage over windows."""
    known = cards(data, "reference")
    later = cards(data, "analysis")
    later = later[: len(later) // size * size]
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"{part}.parquet") for part in ("reference", "analysis")]
        for file, frame in zip(files, (known, later), strict=True):
            frame.reset_index(drop=True).to_parquet(file)
        score = json.dumps({name: f"y_pred_proba_{name}" for name in CARDS})
        command = [str(python), str(PEER), *map(str, files), "y_true", "y_pred", score, str(size)]
        theirs = json.loads(
            subprocess.run(command, check=True, capture_output=True, text=True, env=SILENT).stdout.splitlines()[-1]
        )
    baseline = run_baseline(outcomes(known, MANY, engine="local"), ModelQualityMonitor(MANY))
    chunks = [later[start : start + size] for start in range(0, len(later), size)]
    ours, real = zip(*(both_of(chunk, baseline) for chunk in chunks), strict=True)
    for name, theirs_name in OF_MANY.items():
        apart = max(abs(each[name].value - value) for each, value in zip(ours, theirs[theirs_name], strict=True))
        errors = [
            np.mean([abs(value - each[name]) for value, each in zip(values, real, strict=True)])
            for values in ([each[name].value for each in ours], theirs[theirs_name])
        ]
        yield (
            f"credit cards, {len(chunks)} chunks of {size:,}, {name}: from CBPE at most {apart:.1e}; mean distance from labels "
            f"ours {errors[0]:.4f}, CBPE {errors[1]:.4f}"
        )
    inside = dict.fromkeys(
        ("accuracy", "macro_auc", "macro_f1", "weighted_f1", "weighted_precision", "macro_recall"), 0
    )
    random = np.random.default_rng(SEED)
    for number in range(windows):
        rows = known.sample(frac=1, random_state=number)
        half = run_baseline(outcomes(rows[:3_000], MANY, engine="local"), ModelQualityMonitor(MANY))
        rest = rows[len(rows) // 2 :]
        weights = np.exp((number % 3 - 1) * 2 * rest[f"y_pred_proba_{CARDS[0]}"].to_numpy())
        window = rest.iloc[random.choice(len(rest), ROWS, replace=False, p=weights / weights.sum())]
        told, real_values = both_of(window, half)
        for name in inside:
            low, high = told[name].interval
            inside[name] += low <= real_values[name] <= high
    yield f"{windows} windows of {ROWS:,}: " + ", ".join(
        f"{name} {hits / windows:.1%}" for name, hits in inside.items()
    )


def both_of(rows: pd.DataFrame, baseline) -> tuple[dict[str, dict], dict[str, float]]:
    """Estimated and realised metrics of a window of many classes."""
    columns = rows[["label", "prediction", "probability"]]
    without = outcomes(columns.drop(columns="label"), MANY, label=None, engine="local")
    told = run_monitoring(without, EstimatedQualityMonitor(MANY), baseline).current.documents[0].metrics
    real = run_baseline(outcomes(columns, MANY, engine="local"), ModelQualityMonitor(MANY)).documents[2].metrics
    return {each.name: each for each in told}, {each.name: each.value for each in real}


NUMBERS = OutcomePlan(ProblemType.REGRESSION)


def numbers(data: Path, python: Path, size: int = 6_000) -> Iterator[str]:
    """The errors of predicted car prices by chunks of 6,000, beside DLE and beside the labels."""
    known, later = (read(data / f"regression_synthetic_{part}.csv") for part in ("reference", "analysis"))
    labels = read(data / "regression_synthetic_analysis_targets.csv").set_index("id").loc[later["id"], "y_true"]
    known, later = (frame.drop(columns=["id", "timestamp"]) for frame in (known, later))
    features = [name for name in known if name not in ("y_true", "y_pred")]
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"{part}.parquet") for part in ("reference", "analysis")]
        for file, frame in zip(files, (known, later), strict=True):
            frame.to_parquet(file)
        command = [str(python), str(PEER_OF_NUMBERS), *map(str, files), "y_true", "y_pred", str(size), *features]
        told = subprocess.run(command, check=True, capture_output=True, text=True, env=SILENT).stdout
        theirs = json.loads(told.splitlines()[-1])
    places = {"prediction": "y_pred", "engine": "local"}
    began = time.process_time()
    baseline = run_baseline(outcomes(known, NUMBERS, label="y_true", **places), ModelQualityMonitor(NUMBERS))
    errors = ErrorModel.learnt(known, label="y_true", prediction="y_pred")
    learnt = time.process_time()
    found = []
    for start in range(0, len(later), size):
        window = outcomes(later[start : start + size], NUMBERS, label=None, errors=errors, **places)
        table = run_monitoring(window, EstimatedQualityMonitor(NUMBERS), baseline).current.to_pandas()
        found.append(table)
    ended = time.process_time()
    off = np.abs(labels.to_numpy() - later["y_pred"].to_numpy())
    chunks = np.split(off, range(size, len(off), size))
    realised = {
        "mae": [each.mean() for each in chunks],
        "mse": [(each**2).mean() for each in chunks],
        "rmse": [(each**2).mean() ** 0.5 for each in chunks],
    }
    for name, real in realised.items():
        told = [each.loc[name] for each in found]
        ours, dle = (
            np.mean(np.abs(np.subtract(each, real))) for each in ([one["value"] for one in told], theirs[name])
        )
        verdict = "reached" if ours <= 1.1 * dle else "missed"
        inside = sum(
            low <= value <= high for value, (low, high) in zip(real, (one["interval"] for one in told), strict=True)
        )
        yield (
            f"car price, {len(real)} chunks of {size:,}: mean distance from the labels' {name} ours {ours:.2f}, DLE {dle:.2f}; "
            f"{ours / dle:.2f} times, wanted 1.1: {verdict}; {inside} of {len(real)} inside the interval"
        )
    yield (
        f"  processor time: ours {learnt - began:.1f} s to learn and {(ended - learnt) / len(chunks):.2f} s a chunk, DLE "
        f"{theirs['fit']:.1f} s and {theirs['estimate'] / len(chunks):.2f} s"
    )


def story(data: Path, folder: Path | None, size: int = 5_000) -> Iterator[str]:
    """Car loan by chunks: what drifted, what was estimated, what became of it, and which kind of change it was. folder: where all
    runs go, and their page."""
    known, later = (read(data / f"synthetic_car_loan_{part}.csv") for part in ("reference", "analysis"))
    labels = read(data / "synthetic_car_loan_analysis_target.csv").set_index("id").loc[later["id"], "repaid"]
    later["repaid"] = labels.to_numpy()
    features = [name for name in known if name not in ("id", "timestamp", "repaid", "y_pred", "y_pred_proba")]
    columns = ("repaid", "y_pred", "y_pred_proba")
    baseline = baseline_of(named(known, *columns))
    inputs = run_baseline(known[features], DataQualityMonitor(), engine="local")
    wrong = known[features].assign(wrong=(known["repaid"] != known["y_pred"]) * 1)
    known_at = {}
    for name, found, monitor in (
        ("known data", inputs, DataQualityMonitor()),
        ("known labels", baseline, ModelQualityMonitor(PLAN)),
    ):
        if folder is not None:
            found.write(str(folder / name))
            known_at[name] = to_run(str(folder / name), monitor=monitor)
    for start in range(0, len(later), size):
        chunk = later[start : start + size]
        rows = named(chunk, *columns)
        began, ended = (datetime.fromisoformat(chunk["timestamp"].iloc[place][:19] + "+00:00") for place in (0, -1))
        asked = {"context": RunContext(began, ended + timedelta(seconds=1), model="car loan")}
        estimated = run_monitoring(without_labels(rows), EstimatedQualityMonitor(PLAN), baseline, **asked)
        told = metrics_of(estimated)
        realised = run_monitoring(outcomes(rows, PLAN, engine="local"), ModelQualityMonitor(PLAN), baseline, **asked)
        real = realised.current.to_pandas()["value"]
        drifted = run_monitoring(chunk[features], DataQualityMonitor(), inputs, engine="local", **asked)
        moved = sorted({each.feature for each in drifted.results if each.is_violation and "drift" in each.check})
        runs = (("data", drifted, "data"), ("estimated", estimated, "labels"), ("labelled", realised, "labels"))
        for name, findings, known_as in runs if folder is not None else ():
            reference = known_at[f"known {known_as}"]
            findings.write(folder / "windows" / name / f"{began:%Y-%m-%d}", baseline=reference)
        check = next(each for each in realised.results if each.metric == "label_given_score")
        yield (
            f"{chunk['timestamp'].iloc[0][:10]}: AUC {told['auc'].value:.3f} estimated, {real['auc']:.3f} realised; accuracy "
            f"{told['accuracy'].value:.3f}, {real['accuracy']:.3f}; drifted: {', '.join(moved) or 'nothing'}"
        )
        parts = loss_by_feature(wrong, chunk[features], "wrong", after=1 - told["accuracy"].value)
        yield f"  {check.status.value}: {parts.sentence(check.reason)}"
    yield from by_hand(known, later[6 * size : 7 * size], features)
    if folder is not None:
        command_line(["report", str(folder / "windows"), "--title", "A car loan"])


def by_hand(known: pd.DataFrame, chunk: pd.DataFrame, features: list[str]) -> Iterator[str]:
    """What inputs explain of the loss of a chunk, by nothing of ours: the error that an isotonic regression expects of each row,
    reweighed by the bins of one feature, of two and of three, and regressed on all of them.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.isotonic import IsotonicRegression
    from threadpoolctl import threadpool_limits

    worth = IsotonicRegression(out_of_bounds="clip").fit(known["y_pred_proba"], known["repaid"])
    losses = [
        np.where(side["y_pred"] == 1, 1 - share, share)
        for side in (known, chunk)
        for share in [worth.predict(side["y_pred_proba"])]
    ]
    whole = losses[1].mean() - losses[0].mean()
    places = {}
    for name in features:
        values = pd.concat([known[name], chunk[name]])
        if pd.api.types.is_float_dtype(values):
            values = np.searchsorted(known[name].quantile(np.linspace(0.1, 0.9, 9)), values)
        places[name] = pd.factorize(values)[0].astype(float)
    table = pd.DataFrame(places)

    def explained(*names: str) -> float:
        cells = table.groupby(list(names), sort=False).ngroup().to_numpy()
        was, now = (np.bincount(each, minlength=cells.max() + 1) for each in np.split(cells, [len(known)]))
        weights = (now / np.maximum(was, 1))[cells[: len(known)]]
        return float(np.average(losses[0], weights=weights) - losses[0].mean())

    yield f"by hand, the chunk of {chunk['timestamp'].iloc[0][:10]}: a loss of {100 * whole:.1f} points is expected of its scores"
    for many in (1, 2, 3):
        found = {names: explained(*names) for names in combinations(features, many)}
        names, most = max(found.items(), key=lambda each: abs(each[1]))
        if many == 1:
            total = f", all {len(found)} together {100 * sum(found.values()):+.1f}"
        else:
            total = ""
        yield f"  reweighed by {many}: most by {' and '.join(names)}, {100 * most:+.1f}{total}"
    raw = pd.concat([known[features], chunk[features]])
    inputs = np.column_stack(
        [raw[name] if pd.api.types.is_float_dtype(raw[name]) else places[name] for name in features]
    )
    half = np.random.default_rng(SEED).permutation(len(known)) % 2 == 0
    model = HistGradientBoostingRegressor(max_iter=300, random_state=SEED)
    with threadpool_limits(1):  # threads that wait for each other take longer than one
        model.fit(inputs[: len(known)][half], losses[0][half])
        told = model.predict(inputs[len(known) :]).mean() - model.predict(inputs[: len(known)][~half]).mean()
    yield f"  regressed on all features: {100 * told:+.1f}"


def coverage(data: Path, windows: int) -> Iterator[str]:
    random = np.random.default_rng(SEED)
    inside = {metric: [0, 0] for metric in COVERED}
    for each in sets(data):
        half = len(each.rows) // 2
        found = dict.fromkeys(COVERED, 0)
        size = min(ROWS, half // 3)
        for number in range(windows):
            rows = each.rows.sample(frac=1, random_state=number)  # windows of one baseline would share its luck
            baseline = baseline_of(rows[:half])
            rest = rows[half:]
            weights = np.exp((number % 3 - 1) * 2 * rest["probability"].to_numpy())  # scores lower, as they are, higher
            window = rest.iloc[random.choice(len(rest), size, replace=False, p=weights / weights.sum())]
            told = estimate_of(window, baseline)
            real = {m.name: m.value for m in baseline_of(window).documents[2].metrics}
            for metric in COVERED:
                low, high = told[metric].interval
                found[metric] += low <= real[metric] <= high
        for metric, hits in found.items():
            inside[metric][0] += hits
            inside[metric][1] += windows
        yield f"{each.name}, {windows} windows of {size:,}: " + ", ".join(
            f"{metric} {hits / windows:.1%}" for metric, hits in found.items()
        )
    shares = {metric: hits / of for metric, (hits, of) in inside.items()}
    if all(0.9 <= share <= 0.99 for share in shares.values()):
        verdict = "reached"
    else:
        verdict = "missed"
    yield (
        f"all, {inside['auc'][1]:,} windows: "
        + ", ".join(f"{metric} {share:.1%}" for metric, share in shares.items())
        + f"; wanted 90 to 99 %: {verdict}"
    )


def speed(data: Path, rounds: int = 5) -> Iterator[str]:
    """Car loan's reference, 50,000 rows of one CSV file, by data quality and by estimated quality in turns; without a JVM. It is
    its own window, since data quality reads a window that alarms a second time.
    """
    reference = data / "synthetic_car_loan_reference.csv"
    columns = ("repaid", "y_pred", "y_pred_proba")
    known = baseline_of(named(read(reference), *columns))
    features = run_baseline(str(reference), DataQualityMonitor(), engine="local")
    places = {
        "label": None,
        "prediction": "y_pred",
        "probability": "y_pred_proba",
        "dataset_format": "csv",
        "engine": "local",
    }

    def estimate() -> None:
        with outcomes(str(reference), PLAN, **places) as found:
            run_monitoring(found, EstimatedQualityMonitor(PLAN), known).files()

    def quality() -> None:
        run_monitoring(str(reference), DataQualityMonitor(), features, engine="local").files()

    took: dict[str, list[tuple[float, float]]] = {"data quality": [], "estimated quality": []}
    for _ in range(rounds):
        for name, run in zip(took, (quality, estimate), strict=True):
            began = time.perf_counter(), core_seconds()
            run()
            took[name].append((time.perf_counter() - began[0], core_seconds() - began[1]))
    for place, what in enumerate(("s on the clock", "core s")):
        before, without = (min(each[place] for each in took[name]) for name in took)
        ratio = without / before
        told = f"data quality {before:.2f}, estimated quality {without:.2f} {what}"
        yield f"car loan, 50,000 rows: {told}; {ratio:.2f} times, wanted 1.1: {'reached' if ratio <= 1.1 else 'missed'}"


def core_seconds() -> float:
    used = [resource.getrusage(each) for each in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def drift(windows: int) -> Iterator[str]:
    """Flipped labels, beside healthy windows whose scores moved or didn't; the level is that of a run with nine checks."""
    from spark_model_monitor.monitors.model_quality.estimated.concept_drift import measure_drift
    from spark_model_monitor.statistics.states.scores import ScoreCounts

    def drawn(seed: int, rows: int, sure: float, moved: float, flipped: float) -> ScoreCounts:
        random = np.random.default_rng(seed)
        scores = 1 / (1 + np.exp(-random.normal(moved, sure, rows)))
        label = (random.random(rows) < scores) ^ (random.random(rows) < flipped)
        return ScoreCounts.of(scores.round(4), label)

    level = 1 / 720 / 9
    laws = ((20_000, 2_000, 3.0), (20_000, 2_000, 10.0), (5_000, 2_000, 5.0), (2_000, 500, 5.0))
    for known, rows, sure in laws:
        for flipped, moved in ((0.0, 0.0), (0.0, 0.5), (0.05, 0.0)):
            found = [
                measure_drift(drawn(seed, known, sure, 0, 0), drawn(10**6 + seed, rows, sure, moved, flipped), level)
                for seed in range(windows)
            ]
            told = [each for each in found if each is not None]
            alarms = sum(each.p <= level and each.effect >= 0.02 for each in told)
            small = sum(each.p <= 0.05 for each in told)
            smallest = np.mean([each.smallest for each in told])
            right = np.mean(
                [max(p, 1 - p) for p in 1 / (1 + np.exp(-np.random.default_rng(0).normal(moved, sure, 9_999)))]
            )
            told_of = f"baseline {known:,}, window {rows:,}, accuracy {right:.2f}, scores moved by {moved}, {flipped:.0%} flipped"
            yield f"{told_of}: {alarms} of {windows} alarm, {small} at 0.05; smallest change {smallest:.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("environment", type=Path)
    parser.add_argument("--windows", type=int, default=120)
    parser.add_argument("--only", choices=("parity", "classes", "numbers", "story", "coverage", "drift", "speed"))
    parser.add_argument(
        "--page", type=Path, metavar="FOLDER", help="where story leaves its runs, and windows/history.html"
    )
    asked = parser.parse_args()
    data = next(asked.environment.glob("lib/python3*/site-packages/nannyml/datasets/data"))
    parts = {
        "parity": lambda: parity(data, asked.environment / "bin" / "python"),
        "classes": lambda: many_classes(data, asked.environment / "bin" / "python", asked.windows),
        "numbers": lambda: numbers(data, asked.environment / "bin" / "python"),
        "story": lambda: story(data, asked.page),
        "coverage": lambda: coverage(data, asked.windows),
        "drift": lambda: drift(asked.windows),
        "speed": lambda: speed(data),
    }
    for name, part in parts.items():
        for line in part() if asked.only in (None, name) else ():
            print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
