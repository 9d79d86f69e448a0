"""Rows that represent the absence of a feature: from the configuration, from a file, or centres of clusters of the data.
Driver only.
"""

from __future__ import annotations

import csv
import importlib
import io
import json
from collections.abc import Sequence
from operator import itemgetter
from pathlib import PurePosixPath
from types import ModuleType
from typing import Any, TypeAlias

import jmespath
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.documents.page import list_names
from spark_model_monitor.errors import BadConfiguration, explain_missing_import
from spark_model_monitor.monitors.explainability.attribution_measures import MAX_BASELINE_ROWS
from spark_model_monitor.monitors.predictors import Cells
from spark_model_monitor.monitors.predictors.model_loading import convert_to_texts
from spark_model_monitor.statistics import Doubles, Flags, Integers

Cell: TypeAlias = float | str | None
Codes: TypeAlias = Integers  # codes of texts, shape (rows, columns); or of clusters, shape (rows,)

MAX_CLUSTERS = 12
ROWS_OF_SILHOUETTE = 2_000
ROUNDS = 100
STARTS = 10


def cluster_baseline_rows(cells: Cells, numeric: Sequence[bool], clusters: int | None, seed: int) -> Cells:
    """One baseline row for each cluster of some rows. Each cell is a value that can occur in the data.

    clusters: number of clusters; None for the number with the best silhouette.
    """
    is_number = np.array(numeric)
    numbers = cells[:, is_number].astype(np.float64)
    is_finite = np.isfinite(numbers)
    # Missing numbers are replaced by the mean, so that they don't attract clusters
    column_means = np.divide(np.where(is_finite, numbers, 0).sum(axis=0), np.maximum(is_finite.sum(axis=0), 1))
    filled = np.where(is_finite, numbers, column_means)
    spread = filled.std(axis=0)
    # Standardised, so that a feature with large values doesn't decide alone
    points = (filled - filled.mean(axis=0)) / np.where(spread > 0, spread, 1)
    codes = _encode_texts(cells[:, ~is_number])
    distinct = len(np.unique(np.hstack([points, codes]), axis=0))
    if clusters is None:
        clusters = _choose_cluster_count(points, codes, min(MAX_CLUSTERS, distinct - 1), seed)
    cluster_of_row = _cluster_rows(points, codes, min(clusters, distinct), seed)
    centers = [_cluster_center(cells[cluster_of_row == cluster], is_number) for cluster in np.unique(cluster_of_row)]
    return np.array(centers, dtype=cells.dtype)


def _choose_cluster_count(points: Doubles, codes: Codes, most_clusters: int, seed: int) -> int:
    # The silhouette needs all pairwise distances, so it is computed on a sample
    sampled_indexes = np.random.default_rng(seed).permutation(len(points))[:ROWS_OF_SILHOUETTE]
    silhouettes = {}
    for clusters in range(2, most_clusters + 1):
        cluster_of_row = _cluster_rows(points[sampled_indexes], codes[sampled_indexes], clusters, seed)
        # The silhouette isn't defined for one cluster, or if every row is a cluster
        if 1 < len(np.unique(cluster_of_row)) < len(sampled_indexes):
            # All texts are equally far from each other
            one_hot = [column[:, None] == np.unique(column) for column in codes[sampled_indexes].T]
            coordinates = np.hstack([points[sampled_indexes], *one_hot])
            silhouettes[clusters] = float(
                _import_library("sklearn.metrics").silhouette_score(coordinates, cluster_of_row)
            )
    if silhouettes:
        # If several numbers are equally good, the smallest, because each baseline row costs calls of the model
        return max(silhouettes, key=lambda clusters: (silhouettes[clusters], -clusters))
    return 1


def _cluster_rows(points: Doubles, codes: Codes, clusters: int, seed: int) -> Codes:
    """The cluster of each row: by k-means if all columns are numbers, otherwise by k-prototypes."""
    if not codes.shape[1]:
        means = _import_library("sklearn.cluster").KMeans(clusters, n_init=STARTS, random_state=seed)
        clustering: Codes = means.fit(points).labels_
        return clustering
    if points.shape[1]:
        # The weight of a differing text relative to numbers is half their mean deviation, as is usual for k-prototypes
        weight = 0.5 * points.std(axis=0).mean()
    else:
        weight = 1.0
    random = np.random.default_rng(seed)
    clusterings = [_run_k_prototypes(points, codes, clusters, weight, random) for _ in range(STARTS)]
    cluster_of_row, _ = min(clusterings, key=itemgetter(1))
    return cluster_of_row


def _run_k_prototypes(
    points: Doubles, codes: Codes, clusters: int, weight: float, random: np.random.Generator
) -> tuple[Codes, float]:
    """One run of k-prototypes that starts from random rows: the cluster of each row, and the sum of the distances."""
    start = random.choice(len(points), clusters, replace=False)
    cluster_means = points[start]
    modes = codes[start]
    cluster_of_row = np.full(len(points), -1)
    for _ in range(ROUNDS):
        columns = [
            ((points - mean_cells) ** 2).sum(axis=1) + weight * (codes != mode).sum(axis=1)
            for mean_cells, mode in zip(cluster_means, modes, strict=True)
        ]
        distances = np.stack(columns, axis=1)
        previous_clusters = cluster_of_row
        cluster_of_row = distances.argmin(axis=1)
        # If no row changes its cluster, k-prototypes has converged
        if (cluster_of_row == previous_clusters).all():
            break
        # A cluster without rows keeps its centre
        for cluster in np.unique(cluster_of_row):
            cluster_means[cluster] = points[cluster_of_row == cluster].mean(axis=0)
            modes[cluster] = [np.bincount(column).argmax() for column in codes[cluster_of_row == cluster].T]
    return cluster_of_row, float(distances.min(axis=1).sum())


def _cluster_center(rows: Cells, is_number: Flags) -> list[Cell]:
    """For each feature the mean; for integers the value nearest to the mean; for texts the most frequent one."""
    cells: list[Cell] = []
    for column, numeric in zip(rows.T, is_number, strict=True):
        if not numeric:
            # Sorted first, so that the choice among equally frequent texts is always the same
            present = [cell for cell in column.tolist() if cell is not None]
            cells.append(max(sorted(set(present)), key=present.count, default=None))
            continue
        numbers = column.astype(np.float64)
        numbers = numbers[np.isfinite(numbers)]
        if not len(numbers):
            cells.append(np.nan if rows.dtype == np.float64 else None)
            continue
        mean = float(numbers.mean())
        # For codes or counts, the mean may be a value such as 2.5 that never occurs
        are_integers = (numbers == np.rint(numbers)).all()
        if are_integers:
            mean = float(numbers[np.abs(numbers - mean).argmin()])
        cells.append(mean)
    return cells


def _encode_texts(texts: Cells) -> Codes:
    columns = [np.unique([str(cell) for cell in column], return_inverse=True)[1] for column in texts.T]
    if columns:
        return np.column_stack(columns).astype(np.int64)
    return np.zeros((len(texts), 0), np.int64)


def _import_library(name: str) -> ModuleType:
    with explain_missing_import(
        "baseline rows are made by clustering, which needs scikit-learn; install spark-model-monitor[sklearn], or give "
        "methods.shap.baseline"
    ):
        return importlib.import_module(name)


# Rows that represent the absence of a feature, from a configuration or from a file of an earlier run


FILE = "explanations_shap/baseline.csv"
LOCAL = "explanations_shap/out.csv"


def parse_baseline_rows(configured: Any, names: Sequence[str], features: str | None) -> list[list[Cell]]:
    """The rows in the configuration's member `baseline`, with cells in the order of `names`. features: the JMESPath of the
    features.

    Raises BadConfiguration if these are no rows, or if they have other columns.
    """
    # A pandas frame; its NaNs are missing cells
    if hasattr(configured, "to_dict"):
        configured = configured.astype(object).where(configured.notna(), None).to_dict("records")
    if features and isinstance(configured, dict):
        records = jmespath.search(features, configured)
    else:
        records = configured
    # A single row, as names and values
    if isinstance(records, dict):
        records = [records]
    if not isinstance(records, list) or not records:
        raise _baseline_error("holds no rows; write a list of rows with the features' values, or the path of a file")
    # A single row, as a list of cells
    if not isinstance(records[0], list | dict):
        records = [records]
    return _align_rows([_extract_features(record, features) for record in records], names)


def read_baseline_rows(content: bytes, path: str, names: Sequence[str], features: str | None) -> list[list[Cell]]:
    """The rows of a file: Parquet, JSON, JSON Lines, or else CSV with or without a header.

    Raises BadConfiguration if there are no rows, or if they have other columns.
    """
    ending = PurePosixPath(path).suffix.lower()
    try:
        if ending == ".parquet":
            return parse_baseline_rows(pq.read_table(io.BytesIO(content)).to_pylist(), names, None)
        # CSV files of spreadsheets begin with a byte order mark
        text = content.decode("utf-8-sig")
        if ending == ".json":
            return parse_baseline_rows(json.loads(text), names, features)
        if ending == ".jsonl" or text.lstrip().startswith("{"):
            return parse_baseline_rows(
                [json.loads(line) for line in text.splitlines() if line.strip()], names, features
            )
    except (ValueError, RecursionError, OSError, pa.ArrowException) as error:
        raise _baseline_error(f"names {path}, which can't be read as its name says ({type(error).__name__})") from None
    # An empty cell in CSV is missing
    rows: list[list[str | None]] = [[cell or None for cell in row] for row in csv.reader(io.StringIO(text)) if row]
    # The first line is a header if it names all features, or if all its cells are features
    if rows and (set(rows[0]) >= set(names) or set(rows[0]) <= set(names)):
        rows = [dict(zip(rows[0], row, strict=False)) for row in rows[1:]]  # type: ignore[misc]
    elif rows and _is_header(*rows):
        header = [cell or "" for cell in rows[0]]
        raise _baseline_error(
            f"names {path}, whose first line has {_list_names(header)}; the features are {_list_names(names)}"
        )
    if not rows:
        raise _baseline_error(f"names {path}, which has no rows")
    return _align_rows(rows, names)


def convert_to_columns(rows: Sequence[Sequence[Cell]]) -> list[pa.Array]:
    """Rows as columns; a column is numeric if all its present cells are numbers, otherwise it has texts."""
    columns = []
    for cells in zip(*rows, strict=True):
        present = [cell for cell in cells if cell is not None]
        # A column without any cell counts as texts
        if present and all(isinstance(cell, int | float) for cell in present):
            columns.append(pa.array(cells, pa.float64()))
        else:
            texts = [None if cell is None else str(cell) for cell in cells]
            columns.append(pa.array(texts, pa.string()))
    return columns


def format_as_csv(names: Sequence[str], cells: Cells) -> str:
    """Baseline rows as a CSV file (RFC 4180): a header, then the rows."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerows(map(convert_to_texts, cells))
    return text.getvalue()


def _extract_features(record: Json, features: str | None) -> Json:
    if isinstance(record, dict) and features:
        features_of_record = jmespath.search(features.rpartition("[*].")[2] or features, record)
        return record if features_of_record is None else features_of_record
    return record


def _align_rows(rows: Sequence[Json], names: Sequence[str]) -> list[list[Cell]]:
    if len(rows) > MAX_BASELINE_ROWS:
        raise _baseline_error(
            f"has {len(rows):,} rows, and the model is called samples × rows times for each row of the data; give at most "
            f"{MAX_BASELINE_ROWS:,}, or num_clusters"
        )
    aligned_rows = []
    for row_index, row in enumerate(rows):
        if isinstance(row, dict):
            missing = [name for name in names if name not in row]
            if missing:
                raise _baseline_error(
                    f"row {row_index + 1} lacks the features {_list_names(missing)}; it has {_list_names(list(row))}"
                )
            # Columns that aren't features, such as a label, are dropped
            row = [row[name] for name in names]
        if not isinstance(row, list) or len(row) != len(names):
            cells = len(row) if isinstance(row, list) else 1
            raise _baseline_error(
                f"row {row_index + 1} has {cells} values, and there are {len(names)} features: {_list_names(names)}"
            )
        if not all(cell is None or isinstance(cell, str | int | float) for cell in row):
            raise _baseline_error(f"row {row_index + 1} has a value that is neither a number nor a text")
        aligned_rows.append(row)
    return aligned_rows


def _is_header(first: Sequence[Json], *other_rows: Sequence[Json]) -> bool:
    """Whether the first row has no numbers, and has a text in a column whose other cells are all numbers."""
    if not other_rows or any(map(_is_number, first)):
        return False
    columns = zip(first, *other_rows, strict=False)
    return any(name is not None and all(map(_is_number, cells)) for name, *cells in columns)


def _is_number(cell: Json) -> bool:
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return True


def _list_names(names: Sequence[str]) -> str:
    return list_names(names, 20)


def _baseline_error(problem: str) -> BadConfiguration:
    return BadConfiguration(f"methods.shap.baseline {problem}")
