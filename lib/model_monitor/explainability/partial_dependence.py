"""Partial dependence: what a model answers on average if every row had the same value of a feature. Pure; runs on executors.

Source: E5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_monitor.explainability.kernel import BUFFER_ROWS, Answers, Cells

MOST_CATEGORIES = 100


@dataclass(frozen=True, slots=True)
class Grid:
    """The values that a feature is given, and the shares of the rows that are near each. left_out: values beyond the most."""

    is_numeric: bool
    values: tuple[Any, ...]
    shares: tuple[float, ...]
    left_out: int = 0


def grid_of(cells: NDArray[Any], resolution: int) -> Grid:
    """The grid of a feature from its cells, doubles or texts; those that are missing are left out.

    Numbers that are fractional or of more values than the resolution fall in buckets of one width, each tried at its centre.
    Anything else is tried value by value, the most frequent ones of many.
    Source: E5.
    """
    is_number = cells.dtype == np.float64
    present = cells[np.isfinite(cells)] if is_number else np.array([cell for cell in cells if cell is not None], object)
    values, counts = np.unique(present, return_counts=True)
    if is_number and len(values) and (len(values) > resolution or (values != np.rint(values)).any()):
        counts, edges = np.histogram(present, bins=resolution)
        return Grid(True, tuple((edges[:-1] + edges[1:]) / 2), tuple(counts / len(present)))
    most = np.sort(np.argsort(-counts, kind="stable")[:MOST_CATEGORIES])
    return Grid(
        False, tuple(values[most].tolist()), tuple(counts[most] / max(1, len(present))), len(values) - len(most)
    )


def answers_over(predict: Callable[[Cells], Answers], rows: Cells, column: int, values: tuple[Any, ...]) -> Answers:
    """The sums of the model's answers to all rows for each value of a column, shape (values, outputs)."""
    at_once = max(1, BUFFER_ROWS // max(1, len(rows)))
    sums = []
    for start in range(0, len(values), at_once):
        part = values[start : start + at_once]
        filled = np.tile(rows, (len(part), 1))
        filled[:, column] = np.repeat(np.array(part, rows.dtype), len(rows))
        answers = predict(filled)
        sums.append(answers.reshape(len(part), len(rows), -1).sum(axis=1))
    return np.concatenate(sums)
