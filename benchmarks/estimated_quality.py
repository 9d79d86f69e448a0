"""Is an estimate without labels what NannyML's CBPE and DLE say, does its interval hold, and what does it cost?

With NannyML's environment of README.md, "Peers":
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
from spark_model_monitor.reports.history.baselines import create_reference_to_run

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
    rows = frame[[label, prediction, score]].set_axis(["label", "prediction", "probability"], axis=1).dropna()
    return rows.astype({"label": int, "prediction": int})


def make_baseline(rows: pd.DataFrame):
    return run_baseline(outcomes(rows, PLAN, engine="local"), ModelQualityMonitor(PLAN))


def estimate_metrics(rows: pd.DataFrame, baseline) -> dict[str, dict]:
    return list_metrics(run_monitoring(without_labels(rows), EstimatedQualityMonitor(PLAN), baseline))


def without_labels(rows: pd.DataFrame):
    return outcomes(rows[["prediction", "probability"]], PLAN, label=None, engine="local")


def list_metrics(findings) -> dict[str, dict]:
    return {metric.name: metric for metric in findings.current.documents[0].metrics}


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
        baseline = make_baseline(named(reference, *columns))
        fitted = time.process_time()
        window = analysis[list(columns[1:])].set_axis(["prediction", "probability"], axis=1).astype({"prediction": int})
        ours = [estimate_metrics(window[start : start + size], baseline) for start in range(0, len(window), size)]
        ended = time.process_time()
        differences = {
            metric: max(
                abs(estimate[metric].value - value) for estimate, value in zip(ours, theirs[metric], strict=True)
            )
            for metric in PARITY
        }
        text = "differs from CBPE by at most " + ", ".join(
            f"{metric} {value:.1e}" for metric, value in differences.items()
        )
        if max(differences.values()) <= 1e-4:
            verdict = "reached"
        else:
            verdict = "missed"
        yield f"{name}, {len(ours)} chunks of {size:,}: {text}; wanted 1e-4: {verdict}"
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
    documents = [json.dumps(dict(zip(CARDS, row, strict=True))) for row in scores.to_numpy().tolist()]
    return frame.assign(label=frame["y_true"], prediction=frame["y_pred"], probability=documents)


def many_classes(data: Path, python: Path, windows: int, size: int = 6_000) -> Iterator[str]:
    """Both beside CBPE and beside the labels: credit cards by chunks of 6,000, and the coverage over windows."""
    reference = cards(data, "reference")
    later = cards(data, "analysis")
    later = later[: len(later) // size * size]
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"{part}.parquet") for part in ("reference", "analysis")]
        for file, frame in zip(files, (reference, later), strict=True):
            frame.reset_index(drop=True).to_parquet(file)
        score = json.dumps({name: f"y_pred_proba_{name}" for name in CARDS})
        command = [str(python), str(PEER), *map(str, files), "y_true", "y_pred", score, str(size)]
        theirs = json.loads(
            subprocess.run(command, check=True, capture_output=True, text=True, env=SILENT).stdout.splitlines()[-1]
        )
    baseline = run_baseline(outcomes(reference, MANY, engine="local"), ModelQualityMonitor(MANY))
    chunks = [later[start : start + size] for start in range(0, len(later), size)]
    ours, real = zip(*(estimate_and_realise(chunk, baseline) for chunk in chunks), strict=True)
    for name, theirs_name in OF_MANY.items():
        difference = max(
            abs(estimate[name].value - value) for estimate, value in zip(ours, theirs[theirs_name], strict=True)
        )
        errors = [
            np.mean([abs(value - metrics[name]) for value, metrics in zip(values, real, strict=True)])
            for values in ([metrics[name].value for metrics in ours], theirs[theirs_name])
        ]
        yield (
            f"credit cards, {len(chunks)} chunks of {size:,}, {name}: from CBPE at most {difference:.1e}; mean "
            "distance from labels "
            f"ours {errors[0]:.4f}, CBPE {errors[1]:.4f}"
        )
    inside = dict.fromkeys(
        ("accuracy", "macro_auc", "macro_f1", "weighted_f1", "weighted_precision", "macro_recall"), 0
    )
    random = np.random.default_rng(SEED)
    for number in range(windows):
        rows = reference.sample(frac=1, random_state=number)
        half = run_baseline(outcomes(rows[:3_000], MANY, engine="local"), ModelQualityMonitor(MANY))
        remaining_rows = rows[len(rows) // 2 :]
        weights = np.exp((number % 3 - 1) * 2 * remaining_rows[f"y_pred_proba_{CARDS[0]}"].to_numpy())
        window = remaining_rows.iloc[random.choice(len(remaining_rows), ROWS, replace=False, p=weights / weights.sum())]
        estimated, real_values = estimate_and_realise(window, half)
        for name in inside:
            low, high = estimated[name].interval
            inside[name] += low <= real_values[name] <= high
    yield f"{windows} windows of {ROWS:,}: " + ", ".join(
        f"{name} {hits / windows:.1%}" for name, hits in inside.items()
    )


def estimate_and_realise(rows: pd.DataFrame, baseline) -> tuple[dict[str, dict], dict[str, float]]:
    """Estimated and realised metrics of a window of many classes."""
    columns = rows[["label", "prediction", "probability"]]
    without = outcomes(columns.drop(columns="label"), MANY, label=None, engine="local")
    estimates = run_monitoring(without, EstimatedQualityMonitor(MANY), baseline).current.documents[0].metrics
    real = run_baseline(outcomes(columns, MANY, engine="local"), ModelQualityMonitor(MANY)).documents[2].metrics
    return {metric.name: metric for metric in estimates}, {metric.name: metric.value for metric in real}


NUMBERS = OutcomePlan(ProblemType.REGRESSION)


def numbers(data: Path, python: Path, size: int = 6_000) -> Iterator[str]:
    """The errors of predicted car prices by chunks of 6,000, beside DLE and beside the labels."""
    reference, later = (read(data / f"regression_synthetic_{part}.csv") for part in ("reference", "analysis"))
    labels = read(data / "regression_synthetic_analysis_targets.csv").set_index("id").loc[later["id"], "y_true"]
    reference, later = (frame.drop(columns=["id", "timestamp"]) for frame in (reference, later))
    features = [name for name in reference if name not in ("y_true", "y_pred")]
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"{part}.parquet") for part in ("reference", "analysis")]
        for file, frame in zip(files, (reference, later), strict=True):
            frame.to_parquet(file)
        command = [str(python), str(PEER_OF_NUMBERS), *map(str, files), "y_true", "y_pred", str(size), *features]
        estimates = subprocess.run(command, check=True, capture_output=True, text=True, env=SILENT).stdout
        theirs = json.loads(estimates.splitlines()[-1])
    columns = {"prediction": "y_pred", "engine": "local"}
    began = time.process_time()
    baseline = run_baseline(outcomes(reference, NUMBERS, label="y_true", **columns), ModelQualityMonitor(NUMBERS))
    errors = ErrorModel.learnt(reference, label="y_true", prediction="y_pred")
    learnt = time.process_time()
    tables = []
    for start in range(0, len(later), size):
        window = outcomes(later[start : start + size], NUMBERS, label=None, errors=errors, **columns)
        table = run_monitoring(window, EstimatedQualityMonitor(NUMBERS), baseline).current.to_pandas()
        tables.append(table)
    ended = time.process_time()
    off = np.abs(labels.to_numpy() - later["y_pred"].to_numpy())
    chunks = np.split(off, range(size, len(off), size))
    realised = {
        "mae": [chunk.mean() for chunk in chunks],
        "mse": [(chunk**2).mean() for chunk in chunks],
        "rmse": [(chunk**2).mean() ** 0.5 for chunk in chunks],
    }
    for name, real in realised.items():
        estimates = [table.loc[name] for table in tables]
        ours, dle = (
            np.mean(np.abs(np.subtract(values, real)))
            for values in ([estimate["value"] for estimate in estimates], theirs[name])
        )
        verdict = "reached" if ours <= 1.1 * dle else "missed"
        inside = sum(
            low <= value <= high
            for value, (low, high) in zip(real, (estimate["interval"] for estimate in estimates), strict=True)
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
    reference_rows, later = (read(data / f"synthetic_car_loan_{part}.csv") for part in ("reference", "analysis"))
    labels = read(data / "synthetic_car_loan_analysis_target.csv").set_index("id").loc[later["id"], "repaid"]
    later["repaid"] = labels.to_numpy()
    features = [name for name in reference_rows if name not in ("id", "timestamp", "repaid", "y_pred", "y_pred_proba")]
    columns = ("repaid", "y_pred", "y_pred_proba")
    baseline = make_baseline(named(reference_rows, *columns))
    inputs = run_baseline(reference_rows[features], DataQualityMonitor(), engine="local")
    wrong = reference_rows[features].assign(wrong=(reference_rows["repaid"] != reference_rows["y_pred"]) * 1)
    known_at = {}
    for name, job_findings, monitor in (
        ("known data", inputs, DataQualityMonitor()),
        ("known labels", baseline, ModelQualityMonitor(PLAN)),
    ):
        if folder is not None:
            job_findings.write(str(folder / name))
            known_at[name] = create_reference_to_run(str(folder / name), monitor=monitor)
    for start in range(0, len(later), size):
        chunk = later[start : start + size]
        rows = named(chunk, *columns)
        began, ended = (datetime.fromisoformat(chunk["timestamp"].iloc[index][:19] + "+00:00") for index in (0, -1))
        options = {"context": RunContext(began, ended + timedelta(seconds=1), model="car loan")}
        estimated = run_monitoring(without_labels(rows), EstimatedQualityMonitor(PLAN), baseline, **options)
        metrics = list_metrics(estimated)
        realised = run_monitoring(outcomes(rows, PLAN, engine="local"), ModelQualityMonitor(PLAN), baseline, **options)
        real = realised.current.to_pandas()["value"]
        drifted = run_monitoring(chunk[features], DataQualityMonitor(), inputs, engine="local", **options)
        moved = sorted(
            {finding.feature for finding in drifted.results if finding.is_violation and "drift" in finding.check}
        )
        runs = (("data", drifted, "data"), ("estimated", estimated, "labels"), ("labelled", realised, "labels"))
        for name, findings, known_as in runs if folder is not None else ():
            reference = known_at[f"known {known_as}"]
            findings.write(folder / "windows" / name / f"{began:%Y-%m-%d}", baseline=reference)
        check = next(finding for finding in realised.results if finding.metric == "label_given_score")
        yield (
            f"{chunk['timestamp'].iloc[0][:10]}: AUC {metrics['auc'].value:.3f} estimated, {real['auc']:.3f} realised; accuracy "
            f"{metrics['accuracy'].value:.3f}, {real['accuracy']:.3f}; drifted: {', '.join(moved) or 'nothing'}"
        )
        parts = loss_by_feature(wrong, chunk[features], "wrong", after=1 - metrics["accuracy"].value)
        yield f"  {check.status.value}: {parts.sentence(check.reason)}"
    yield from by_hand(reference_rows, later[6 * size : 7 * size], features)
    if folder is not None:
        command_line(["report", str(folder / "windows"), "--title", "A car loan"])


def by_hand(reference: pd.DataFrame, chunk: pd.DataFrame, features: list[str]) -> Iterator[str]:
    """What inputs explain of the loss of a chunk, by nothing of ours: the error that an isotonic regression expects of each row,
    reweighed by the bins of one feature, of two and of three, and regressed on all of them.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.isotonic import IsotonicRegression
    from threadpoolctl import threadpool_limits

    worth = IsotonicRegression(out_of_bounds="clip").fit(reference["y_pred_proba"], reference["repaid"])
    losses = [
        np.where(part["y_pred"] == 1, 1 - share, share)
        for part in (reference, chunk)
        for share in [worth.predict(part["y_pred_proba"])]
    ]
    total_change = losses[1].mean() - losses[0].mean()
    positions = {}
    for name in features:
        values = pd.concat([reference[name], chunk[name]])
        if pd.api.types.is_float_dtype(values):
            values = np.searchsorted(reference[name].quantile(np.linspace(0.1, 0.9, 9)), values)
        positions[name] = pd.factorize(values)[0].astype(float)
    table = pd.DataFrame(positions)

    def explained(*names: str) -> float:
        cells = table.groupby(list(names), sort=False).ngroup().to_numpy()
        was, now = (
            np.bincount(cells_of_part, minlength=cells.max() + 1) for cells_of_part in np.split(cells, [len(reference)])
        )
        weights = (now / np.maximum(was, 1))[cells[: len(reference)]]
        return float(np.average(losses[0], weights=weights) - losses[0].mean())

    yield (
        f"by hand, the chunk of {chunk['timestamp'].iloc[0][:10]}: a loss of {100 * total_change:.1f} points is "
        "expected of its scores"
    )
    for feature_count in (1, 2, 3):
        explanations = {names: explained(*names) for names in combinations(features, feature_count)}
        names, largest = max(explanations.items(), key=lambda pair: abs(pair[1]))
        if feature_count == 1:
            total = f", all {len(explanations)} together {100 * sum(explanations.values()):+.1f}"
        else:
            total = ""
        yield f"  reweighed by {feature_count}: most by {' and '.join(names)}, {100 * largest:+.1f}{total}"
    raw = pd.concat([reference[features], chunk[features]])
    inputs = np.column_stack(
        [raw[name] if pd.api.types.is_float_dtype(raw[name]) else positions[name] for name in features]
    )
    half = np.random.default_rng(SEED).permutation(len(reference)) % 2 == 0
    model = HistGradientBoostingRegressor(max_iter=300, random_state=SEED)
    with threadpool_limits(1):  # threads that wait for each other take longer than one
        model.fit(inputs[: len(reference)][half], losses[0][half])
        explained_change = (
            model.predict(inputs[len(reference) :]).mean() - model.predict(inputs[: len(reference)][~half]).mean()
        )
    yield f"  regressed on all features: {100 * explained_change:+.1f}"


def coverage(data: Path, windows: int) -> Iterator[str]:
    random = np.random.default_rng(SEED)
    inside = {metric: [0, 0] for metric in COVERED}
    for data_set in sets(data):
        half = len(data_set.rows) // 2
        covered = dict.fromkeys(COVERED, 0)
        size = min(ROWS, half // 3)
        for number in range(windows):
            rows = data_set.rows.sample(frac=1, random_state=number)  # windows of one baseline would share its luck
            baseline = make_baseline(rows[:half])
            remaining_rows = rows[half:]
            weights = np.exp(
                (number % 3 - 1) * 2 * remaining_rows["probability"].to_numpy()
            )  # scores lower, as they are, higher
            window = remaining_rows.iloc[
                random.choice(len(remaining_rows), size, replace=False, p=weights / weights.sum())
            ]
            estimated = estimate_metrics(window, baseline)
            real = {m.name: m.value for m in make_baseline(window).documents[2].metrics}
            for metric in COVERED:
                low, high = estimated[metric].interval
                covered[metric] += low <= real[metric] <= high
        for metric, hits in covered.items():
            inside[metric][0] += hits
            inside[metric][1] += windows
        yield f"{data_set.name}, {windows} windows of {size:,}: " + ", ".join(
            f"{metric} {hits / windows:.1%}" for metric, hits in covered.items()
        )
    shares = {metric: hits / total for metric, (hits, total) in inside.items()}
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
    baseline = make_baseline(named(read(reference), *columns))
    features = run_baseline(str(reference), DataQualityMonitor(), engine="local")
    column_names = {
        "label": None,
        "prediction": "y_pred",
        "probability": "y_pred_proba",
        "dataset_format": "csv",
        "engine": "local",
    }

    def estimate() -> None:
        with outcomes(str(reference), PLAN, **column_names) as dataset:
            run_monitoring(dataset, EstimatedQualityMonitor(PLAN), baseline).files()

    def quality() -> None:
        run_monitoring(str(reference), DataQualityMonitor(), features, engine="local").files()

    took: dict[str, list[tuple[float, float]]] = {"data quality": [], "estimated quality": []}
    for _ in range(rounds):
        for name, run in zip(took, (quality, estimate), strict=True):
            began = time.perf_counter(), core_seconds()
            run()
            took[name].append((time.perf_counter() - began[0], core_seconds() - began[1]))
    for index, unit in enumerate(("s on the clock", "core s")):
        before, without = (min(times[index] for times in took[name]) for name in took)
        ratio = without / before
        text = f"data quality {before:.2f}, estimated quality {without:.2f} {unit}"
        yield f"car loan, 50,000 rows: {text}; {ratio:.2f} times, wanted 1.1: {'reached' if ratio <= 1.1 else 'missed'}"


def core_seconds() -> float:
    used = [resource.getrusage(usage) for usage in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


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
    for reference, rows, sure in laws:
        for flipped, moved in ((0.0, 0.0), (0.0, 0.5), (0.05, 0.0)):
            drifts = [
                measure_drift(
                    drawn(seed, reference, sure, 0, 0), drawn(10**6 + seed, rows, sure, moved, flipped), level
                )
                for seed in range(windows)
            ]
            measured = [drift for drift in drifts if drift is not None]
            alarms = sum(drift.p <= level and drift.effect >= 0.02 for drift in measured)
            small = sum(drift.p <= 0.05 for drift in measured)
            smallest = np.mean([drift.smallest for drift in measured])
            right = np.mean(
                [max(p, 1 - p) for p in 1 / (1 + np.exp(-np.random.default_rng(0).normal(moved, sure, 9_999)))]
            )
            told_of = (
                f"baseline {reference:,}, window {rows:,}, accuracy {right:.2f}, scores moved by {moved}, "
                f"{flipped:.0%} flipped"
            )
            yield f"{told_of}: {alarms} of {windows} alarm, {small} at 0.05; smallest change {smallest:.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("environment", type=Path)
    parser.add_argument("--windows", type=int, default=120)
    parser.add_argument("--only", choices=("parity", "classes", "numbers", "story", "coverage", "drift", "speed"))
    parser.add_argument(
        "--page", type=Path, metavar="FOLDER", help="where story leaves its runs, and windows/history.html"
    )
    arguments = parser.parse_args()
    data = next(arguments.environment.glob("lib/python3*/site-packages/nannyml/datasets/data"))
    parts = {
        "parity": lambda: parity(data, arguments.environment / "bin" / "python"),
        "classes": lambda: many_classes(data, arguments.environment / "bin" / "python", arguments.windows),
        "numbers": lambda: numbers(data, arguments.environment / "bin" / "python"),
        "story": lambda: story(data, arguments.page),
        "coverage": lambda: coverage(data, arguments.windows),
        "drift": lambda: drift(arguments.windows),
        "speed": lambda: speed(data),
    }
    for name, part in parts.items():
        for line in part() if arguments.only in (None, name) else ():
            print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
