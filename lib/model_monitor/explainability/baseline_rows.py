"""Rows that stand for a feature's absence: as a configuration gives them, or as a file of an earlier run. Pure.

Source: E3.5.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import jmespath
import pyarrow as pa
import pyarrow.parquet as pq

from model_monitor.errors import BadConfiguration
from model_monitor.explainability.kernel import Cells
from model_monitor.explainability.measures import MOST_BASELINE_ROWS
from model_monitor.predictors.cells import texts_of

FILE = "explanations_shap/baseline.csv"
LOCAL = "explanations_shap/out.csv"

Column = Sequence[Any]


def rows_given(given: Any, names: Sequence[str], features: str | None) -> list[list[Any]]:
    """The rows of the configuration's member `baseline`, cells in the order of `names`. features: its JMESPath.

    Raises BadConfiguration if they are none, or of other columns.
    """
    if hasattr(given, "to_dict"):
        given = given.astype(object).where(given.notna(), None).to_dict("records")
    found = jmespath.search(features, given) if features and isinstance(given, dict) else given
    if isinstance(found, dict):
        found = [found]
    if not isinstance(found, list) or not found:
        raise _fault("holds no rows; write a list of rows with the features' values, or the path of a file")
    if not isinstance(found[0], list | dict):
        found = [found]
    return _aligned([_row(record, features) for record in found], names)


def rows_in(content: bytes, path: str, names: Sequence[str], features: str | None) -> list[list[Any]]:
    """The rows of a file: Parquet, JSON, JSON Lines, else CSV with or without a header.

    Raises BadConfiguration if there are none, or they are of other columns.
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
    except (ValueError, RecursionError, OSError, pa.ArrowException) as fault:
        raise _fault(f"names {path}, which can't be read as its name says ({type(fault).__name__})") from None
    rows: list[list[Any]] = [[cell or None for cell in row] for row in csv.reader(io.StringIO(text)) if row]
    if rows and (set(rows[0]) >= set(names) or set(rows[0]) <= set(names)):
        rows = [dict(zip(rows[0], row, strict=False)) for row in rows[1:]]  # type: ignore[misc]
    if not rows:
        raise _fault(f"names {path}, which has no rows")
    return _aligned(rows, names)


def columns_of(rows: Sequence[Sequence[Any]]) -> list[pa.Array]:
    """Rows as columns of numbers where all present cells are numbers, else of texts."""
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
        raise _fault(
            f"has {len(rows):,} rows, and the model is called samples × rows times for each row of the data; give at most "
            f"{MOST_BASELINE_ROWS:,}, or num_clusters"
        )
    found = []
    for place, row in enumerate(rows):
        if isinstance(row, dict):
            missing = [name for name in names if name not in row]
            if missing:
                raise _fault(f"row {place + 1} lacks the features {_listed(missing)}; it has {_listed(list(row))}")
            row = [row[name] for name in names]
        if not isinstance(row, list) or len(row) != len(names):
            cells = len(row) if isinstance(row, list) else 1
            raise _fault(f"row {place + 1} has {cells} values, and there are {len(names)} features: {_listed(names)}")
        if not all(cell is None or isinstance(cell, str | int | float) for cell in row):
            raise _fault(f"row {place + 1} has a value that is neither a number nor a text")
        found.append(row)
    return found


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:20])}{' …' if len(names) > 20 else ''}"


def _fault(what: str) -> BadConfiguration:
    return BadConfiguration(f"methods.shap.baseline {what}")
