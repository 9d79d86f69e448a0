"""How long do attributions of a row take, beside shap's KernelExplainer and beside the model's own answers to as many rows?

python benchmarks/attributions.py [--quick]

14 features that all differ from one baseline row, one core: a logistic model, and XGBoost with 100 trees of depth 6, at 100 and
at 2,076 coalitions; then the sums of these trees without coalitions, beside one baseline row and beside 100. shap's
KernelExplainer explains row by row; it gets a few rows, and its time for each row is what counts.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from data_sets import SEED, fill_folder
from side_by_side import QUICK_SHARE, Contestant, Took, is_quick_run, own_process, race, report

from spark_model_monitor.monitors.explainability.kernel import Kernel
from spark_model_monitor.monitors.predictors import Model
from spark_model_monitor.monitors.predictors.model_loading import ModelCaller, load_model

FEATURES = 14
TREES = 100
DEPTH = 6
NAMES = tuple(f"f{number}" for number in range(FEATURES))
ROWS = {100: 20_000, 2076: 1_000}
"""Explained by ours, by coalitions."""

PEER_ROWS = {100: 100, 2076: 20}
FASTER_THAN_SHAP = {("xgboost", 100): 20, ("xgboost", 2076): 10, ("logistic", 100): 100, ("logistic", 2076): 100}
OF_THE_MODEL = 0.75
"""Share of the rows that XGBoost answers on its own in the same time."""

OF_SHAP = 1.2
"""Core seconds at most, as a share of TreeExplainer's."""

TREE_ROWS = {1: 10_000, 100: 1_000}
"""Explained without coalitions, by the number of baseline rows."""

SHAP_VARIABLE = "MODEL_MONITOR_SHAP_PYTHON"
SHAP_ENVIRONMENT = Path(__file__).parent.parent / ".venv-shap"
SHAP_SCRIPT = Path(__file__).with_name("kernel_explainer.py")


def models() -> Path:
    """The folder with rows, the weights of a logistic model, and a model of XGBoost."""

    def fill(folder: Path) -> None:
        import xgboost

        random = np.random.default_rng(SEED)
        rows = random.normal(size=(max(ROWS.values()) + 1, FEATURES))
        weights = random.normal(size=FEATURES)
        target = (rows @ weights + rows[:, 0] * rows[:, 1] > 0).astype(int)
        parameters = {"objective": "binary:logistic", "max_depth": DEPTH}
        xgboost.train(parameters, xgboost.DMatrix(rows, target), TREES).save_model(folder / "model.ubj")
        np.save(folder / "rows.npy", rows)
        np.save(folder / "weights.npy", weights)

    return fill_folder("attributions", fill)


def make_caller(folder: Path, flavour: str) -> ModelCaller:
    if flavour == "xgboost":
        model = Model("xgboost", "model.ubj", (folder / "model.ubj").read_bytes())
    else:
        weights = np.load(folder / "weights.npy")
        model = Model("callable", "logistic", function=lambda frame: 1 / (1 + np.exp(-(frame.to_numpy() @ weights))))
    return ModelCaller(model, NAMES, (True,) * FEATURES)


def shap(python: Path, folder: Path, flavour: str, samples: int, rows: int) -> Took:
    """What shap takes for as many rows as ours explains, told from a few, in a process of its own."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    peer_rows = PEER_ROWS[samples]
    took = own_process([str(python), str(SHAP_SCRIPT), str(folder), flavour, str(samples), str(peer_rows)], environment)
    return Took(took.seconds * rows / peer_rows, took.core_seconds * rows / peer_rows)


def main() -> None:
    quick = is_quick_run(__doc__)
    folder = models()
    data = np.load(folder / "rows.npy")
    python = Path(os.environ.get(SHAP_VARIABLE) or SHAP_ENVIRONMENT / "bin" / "python")
    if not python.is_file():
        print(f"without shap: {SHAP_ENVIRONMENT} is absent, README.md says how to make it", file=sys.stderr)
    for (flavour, samples), faster in FASTER_THAN_SHAP.items():
        rows = ROWS[samples] // (QUICK_SHARE if quick else 1)
        model = make_caller(folder, flavour)
        kernel = Kernel(model, data[:1], samples)
        explained = data[1 : rows + 1]
        requests = np.tile(data[:1000], (100, 1))
        kernel.explain(explained[:100])
        calls = rows * samples / len(requests)

        def answers(model: Any = model, request_rows: Any = requests, calls: float = calls) -> None:
            for _ in range(round(calls)):
                model(request_rows)

        def ours(kernel: Kernel = kernel, explained: Any = explained) -> None:
            kernel.explain(explained)

        us = Contestant("ours: attributions of every row", ours)
        limit = OF_THE_MODEL if flavour == "xgboost" else None
        peers = [Contestant("(a) the model's own answers to as many rows, 100,000 at once", answers, limit)]
        if python.is_file():
            name = f"(b) shap 0.51's KernelExplainer, told from {PEER_ROWS[samples]} rows"
            peers.append(Contestant(name, partial(shap, python, folder, flavour, samples, rows), faster))
        race([us, *peers])
        report(f"{flavour}, {samples:,} coalitions, {rows:,} rows x {FEATURES} features", us, peers)
    for baselines, rows in TREE_ROWS.items():
        without_coalitions(folder, python if python.is_file() else None, baselines, rows)


def explain_trees(folder: Path, baselines: int, rows: int) -> Callable[[], None]:
    """What explains rows by the sums of trees beside so many baseline rows, from its tables on."""
    data = np.load(folder / "rows.npy")
    model = make_caller(folder, "xgboost")
    leaves = load_model(model.model).sum.parts  # type: ignore[attr-defined]

    def explain() -> None:
        leaves.build_attribution(data[:baselines])(data[baselines : baselines + rows])

    explain()
    return explain


def tree_explainer(python: Path, folder: Path, baselines: int, rows: int) -> Callable[[], Took]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    words = [str(python), str(SHAP_SCRIPT), str(folder), "xgboost", "0", str(rows), str(baselines)]
    return partial(own_process, words, environment)


def without_coalitions(folder: Path, python: Path | None, baselines: int, rows: int) -> None:
    if python is None:
        return
    us = Contestant("ours: sums of trees, exact", explain_trees(folder, baselines, rows))
    peer = Contestant(
        "(c) shap 0.51's TreeExplainer, interventional",
        tree_explainer(python, folder, baselines, rows),
        at_most=OF_SHAP,
    )
    race([us, peer])
    report(f"xgboost, sums of trees, {rows:,} rows x {FEATURES} features beside {baselines}", us, [peer])


if __name__ == "__main__":
    main()
