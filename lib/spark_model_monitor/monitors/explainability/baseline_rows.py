"""Rows that represent a feature's absence: configured, from a file, or centres of clusters of the data. Driver only."""

from __future__ import annotations

import csv
import importlib
import io
import json
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import jmespath
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from spark_model_monitor.errors import BadConfiguration, needing
from spark_model_monitor.monitors.explainability.kernel import Cells
from spark_model_monitor.monitors.explainability.measures import MOST_BASELINE_ROWS
from spark_model_monitor.monitors.predictors.loading import texts_of

MOST_CLUSTERS = 12
ROWS_OF_SILHOUETTE = 2_000
ROUNDS = 100
STARTS = 10


def baseline_rows(cells: Cells, numeric: Sequence[bool], clusters: int | None, seed: int) -> Cells:
    """One row for each cluster of some rows; each of its cells is a value that the model may meet.

    clusters: their number; None for the number with the best silhouette.
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
            at = np.hstack([points[some], _one_hot(codes[some])])
            found[clusters] = float(_library("sklearn.metrics").silhouette_score(at, places))
    if found:
        return max(found, key=lambda clusters: (found[clusters], -clusters))
    return 1


def _clustered(points: NDArray[np.float64], codes: NDArray[np.int64], clusters: int, seed: int) -> NDArray[np.int64]:
    """The cluster of each row: k-means if all columns are numbers, otherwise k-prototypes."""
    if not codes.shape[1]:
        means = _library("sklearn.cluster").KMeans(clusters, n_init=STARTS, random_state=seed)
        found: NDArray[np.int64] = means.fit(points).labels_
        return found
    if points.shape[1]:
        weight = 0.5 * points.std(axis=0).mean()
    else:
        weight = 1.0
    random = np.random.default_rng(seed)
    tries = [_prototypes(points, codes, clusters, weight, random) for _ in range(STARTS)]
    return min(tries, key=lambda found: found[1])[0]


def _prototypes(
    points: NDArray[np.float64], codes: NDArray[np.int64], clusters: int, weight: float, random: np.random.Generator
) -> tuple[NDArray[np.int64], float]:
    """One run of k-prototypes from randomly drawn rows: the cluster of each row, and the sum of the distances."""
    start = random.choice(len(points), clusters, replace=False)
    middles = points[start]
    modes = codes[start]
    places = np.full(len(points), -1)
    for _ in range(ROUNDS):
        apart = np.stack(
            [
                ((points - middle) ** 2).sum(axis=1) + weight * (codes != mode).sum(axis=1)
                for middle, mode in zip(middles, modes, strict=True)
            ],
            axis=1,
        )
        before = places
        places = apart.argmin(axis=1)
        if (places == before).all():
            break
        for place in np.unique(places):
            middles[place] = points[places == place].mean(axis=0)
            modes[place] = [np.bincount(column).argmax() for column in codes[places == place].T]
    return places, float(apart.min(axis=1).sum())


def _middle(rows: Cells, is_number: NDArray[np.bool_]) -> list[Any]:
    """For each feature the mean, for integers the value next to it, for texts the most frequent one."""
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
    if columns:
        return np.column_stack(columns).astype(np.int64)
    return np.zeros((len(texts), 0), np.int64)


def _one_hot(codes: NDArray[np.int64]) -> NDArray[np.float64]:
    columns = [codes[:, [place]] == np.unique(codes[:, place]) for place in range(codes.shape[1])]
    return np.hstack([np.zeros((len(codes), 0)), *columns]).astype(np.float64)


def _library(name: str) -> Any:
    with needing(
        "baseline rows are made by clustering, which needs scikit-learn; install spark-model-monitor[sklearn], or give "
        "methods.shap.baseline"
    ):
        return importlib.import_module(name)


# Rows that represent a feature's absence: from a configuration, or from a file of an earlier run.


FILE = "explanations_shap/baseline.csv"
LOCAL = "explanations_shap/out.csv"

Column = Sequence[Any]


def rows_given(given: Any, names: Sequence[str], features: str | None) -> list[list[Any]]:
    """The rows of the configuration's member `baseline`, cells in the order of `names`. features: its JMESPath.

    Raises BadConfiguration if they aren't rows, or have other columns.
    """
    if hasattr(given, "to_dict"):
        given = given.astype(object).where(given.notna(), None).to_dict("records")
    if features and isinstance(given, dict):
        found = jmespath.search(features, given)
    else:
        found = given
    if isinstance(found, dict):
        found = [found]
    if not isinstance(found, list) or not found:
        raise _error("holds no rows; write a list of rows with the features' values, or the path of a file")
    if not isinstance(found[0], list | dict):
        found = [found]
    return _aligned([_row(record, features) for record in found], names)


def rows_in(content: bytes, path: str, names: Sequence[str], features: str | None) -> list[list[Any]]:
    """The rows of a file: Parquet, JSON, JSON Lines, else CSV with or without a header.

    Raises BadConfiguration if there are none, or they have other columns.
    """
    ending = PurePosixPath(path).suffix.lower()
    try:
        if ending == ".parquet":
            return rows_given(pq.read_table(io.BytesIO(content)).to_pylist(), names, None)
        text = content.decode("utf-8-sig")
        if ending == ".json":
            return rows_given(json.loads(text), names, features)
        if ending == ".jsonl" or text.lstrip().startswith("{"):
            return rows_given([json.loads(line) for line in text.splitlines() if line.strip()], names, features)
    except (ValueError, RecursionError, OSError, pa.ArrowException) as error:
        raise _error(f"names {path}, which can't be read as its name says ({type(error).__name__})") from None
    rows: list[list[Any]] = [[cell or None for cell in row] for row in csv.reader(io.StringIO(text)) if row]
    if rows and (set(rows[0]) >= set(names) or set(rows[0]) <= set(names)):
        rows = [dict(zip(rows[0], row, strict=False)) for row in rows[1:]]  # type: ignore[misc]
    elif rows and _is_header(*rows):
        found = [cell or "" for cell in rows[0]]
        raise _error(f"names {path}, whose first line has {_listed(found)}; the features are {_listed(names)}")
    if not rows:
        raise _error(f"names {path}, which has no rows")
    return _aligned(rows, names)


def columns_of(rows: Sequence[Sequence[Any]]) -> list[pa.Array]:
    """Rows as columns: numbers if all present cells are numbers, otherwise texts."""
    columns = []
    for cells in zip(*rows, strict=True):
        is_number = all(isinstance(cell, int | float) for cell in cells if cell is not None)
        texts = [cell if cell is None or isinstance(cell, str) else str(cell) for cell in cells]
        columns.append(pa.array(cells, pa.float64()) if is_number and any(texts) else pa.array(texts, pa.string()))
    return columns


def to_csv(names: Sequence[str], cells: Cells) -> str:
    """Baseline rows as a file (RFC 4180): a header, then the rows."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerows(texts_of(row) for row in cells)
    return text.getvalue()


def _row(record: Any, features: str | None) -> Any:
    if isinstance(record, dict) and features:
        found = jmespath.search(features.rpartition("[*].")[2] or features, record)
        return record if found is None else found
    return record


def _aligned(rows: Sequence[Any], names: Sequence[str]) -> list[list[Any]]:
    if len(rows) > MOST_BASELINE_ROWS:
        raise _error(
            f"has {len(rows):,} rows, and the model is called samples × rows times for each row of the data; give at most "
            f"{MOST_BASELINE_ROWS:,}, or num_clusters"
        )
    found = []
    for place, row in enumerate(rows):
        if isinstance(row, dict):
            missing = [name for name in names if name not in row]
            if missing:
                raise _error(f"row {place + 1} lacks the features {_listed(missing)}; it has {_listed(list(row))}")
            row = [row[name] for name in names]
        if not isinstance(row, list) or len(row) != len(names):
            cells = len(row) if isinstance(row, list) else 1
            raise _error(f"row {place + 1} has {cells} values, and there are {len(names)} features: {_listed(names)}")
        if not all(cell is None or isinstance(cell, str | int | float) for cell in row):
            raise _error(f"row {place + 1} has a value that is neither a number nor a text")
        found.append(row)
    return found


def _is_header(first: Sequence[Any], *others: Sequence[Any]) -> bool:
    """Whether a row has no numbers, and a text above numbers: a missing cell there may be one of data."""
    columns = zip(first, *others, strict=False) if others and not any(map(_is_number, first)) else ()
    return any(name is not None and all(map(_is_number, cells)) for name, *cells in columns)


def _is_number(cell: Any) -> bool:
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return True


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:20])}{' …' if len(names) > 20 else ''}"


def _error(what: str) -> BadConfiguration:
    return BadConfiguration(f"methods.shap.baseline {what}")
