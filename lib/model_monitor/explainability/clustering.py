"""Baseline rows where nobody gives any: the middles of clusters of the data. Driver only; loads scikit-learn.

Source: E3.5; Huang 1998, "Extensions to the k-means algorithm for clustering large data sets with categorical values".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_monitor.errors import MissingDependency
from model_monitor.explainability.kernel import Cells

MOST_CLUSTERS = 12
ROWS_OF_SILHOUETTE = 2_000
ROUNDS = 100
STARTS = 10


def baseline_rows(cells: Cells, numeric: Sequence[bool], clusters: int | None, seed: int) -> Cells:
    """One row for each cluster of some rows, of which each cell is a value that the model may meet.

    clusters: how many; None for the number with the best silhouette.
    """
    is_number = np.array(numeric)
    numbers = cells[:, is_number].astype(np.float64)
    known = np.isfinite(numbers)
    middles = np.divide(np.where(known, numbers, 0).sum(axis=0), np.maximum(known.sum(axis=0), 1))
    filled = np.where(known, numbers, middles)
    spread = filled.std(axis=0)
    points = (filled - filled.mean(axis=0)) / np.where(spread > 0, spread, 1)
    codes = _codes(cells[:, ~is_number])
    distinct = len(np.unique(np.hstack([points, codes]), axis=0))
    if clusters is None:
        clusters = _best(points, codes, min(MOST_CLUSTERS, distinct - 1), seed)
    places = _clustered(points, codes, min(clusters, distinct), seed)
    return np.array([_middle(cells[places == place], is_number) for place in np.unique(places)], dtype=cells.dtype)


def _best(points: NDArray[np.float64], codes: NDArray[np.int64], most: int, seed: int) -> int:
    some = np.random.default_rng(seed).permutation(len(points))[:ROWS_OF_SILHOUETTE]
    found = {}
    for clusters in range(2, most + 1):
        places = _clustered(points[some], codes[some], clusters, seed)
        if 1 < len(np.unique(places)) < len(some):
            found[clusters] = _silhouette(np.hstack([points[some], _one_hot(codes[some])]), places)
    return max(found, key=lambda clusters: (found[clusters], -clusters)) if found else 1


def _clustered(points: NDArray[np.float64], codes: NDArray[np.int64], clusters: int, seed: int) -> NDArray[np.int64]:
    """The cluster of each row: k-means of numbers alone, else k-prototypes."""
    if not codes.shape[1]:
        means = _library("sklearn.cluster").KMeans(clusters, n_init=STARTS, random_state=seed)
        found: NDArray[np.int64] = means.fit(points).labels_
        return found
    weight = 0.5 * points.std(axis=0).mean() if points.shape[1] else 1.0
    random = np.random.default_rng(seed)
    tries = [_prototypes(points, codes, clusters, weight, random) for _ in range(STARTS)]
    return min(tries, key=lambda found: found[1])[0]


def _prototypes(
    points: NDArray[np.float64], codes: NDArray[np.int64], clusters: int, weight: float, random: np.random.Generator
) -> tuple[NDArray[np.int64], float]:
    """One try of k-prototypes from rows drawn at random: the cluster of each row, and the sum of the distances."""
    start = random.choice(len(points), clusters, replace=False)
    middles, modes = points[start], codes[start]
    places = np.full(len(points), -1)
    for _ in range(ROUNDS):
        apart = np.stack(
            [
                ((points - middle) ** 2).sum(axis=1) + weight * (codes != mode).sum(axis=1)
                for middle, mode in zip(middles, modes, strict=True)
            ],
            axis=1,
        )
        before, places = places, apart.argmin(axis=1)
        if (places == before).all():
            break
        for place in np.unique(places):
            middles[place] = points[places == place].mean(axis=0)
            modes[place] = [np.bincount(column).argmax() for column in codes[places == place].T]
    return places, float(apart.min(axis=1).sum())


def _middle(rows: Cells, is_number: NDArray[np.bool_]) -> list[Any]:
    """Of each feature the mean, of whole numbers the value next to it, of texts the most frequent one."""
    cells: list[Any] = []
    for column, numeric in zip(rows.T, is_number, strict=True):
        if not numeric:
            present = [cell for cell in column.tolist() if cell is not None]
            cells.append(max(sorted(set(present)), key=present.count) if present else None)
            continue
        numbers = column.astype(np.float64)
        numbers = numbers[np.isfinite(numbers)]
        if not len(numbers):
            cells.append(np.nan if rows.dtype == np.float64 else None)
            continue
        mean = float(numbers.mean())
        whole = (numbers == np.rint(numbers)).all()
        cells.append(float(numbers[np.abs(numbers - mean).argmin()]) if whole else mean)
    return cells


def _codes(texts: Cells) -> NDArray[np.int64]:
    columns = [np.unique([str(cell) for cell in column], return_inverse=True)[1] for column in texts.T]
    return np.column_stack(columns).astype(np.int64) if columns else np.zeros((len(texts), 0), np.int64)


def _one_hot(codes: NDArray[np.int64]) -> NDArray[np.float64]:
    columns = [codes[:, [place]] == np.unique(codes[:, place]) for place in range(codes.shape[1])]
    return np.hstack([np.zeros((len(codes), 0)), *columns]).astype(np.float64)


def _silhouette(points: NDArray[np.float64], places: NDArray[np.int64]) -> float:
    return float(_library("sklearn.metrics").silhouette_score(points, places))


def _library(name: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as fault:
        raise MissingDependency(
            "baseline rows are made by clustering, which needs scikit-learn; install spark-model-monitor[sklearn], or give "
            "methods.shap.baseline"
        ) from fault
