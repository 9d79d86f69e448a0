"""The counts that one sensitive group and the rest are compared by: what every bias metric looks at. Pure.

`FacetCounts` holds numbers or arrays of numbers alike, so that one formula gives the metric of a data set and those of all its
resamples (`intervals.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Counts: TypeAlias = NDArray[np.float64]
"""Shape (): of one data set; (resamples,): of each of its resamples. Not negative."""

REST, SENSITIVE = 0, 1
"""Places on the first axis of `FacetCounts.cells`: group a, which is everything else, and group d."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Rows of one side by observed and predicted label. Without predictions all are predicted negative."""

    true_positives: Counts
    false_positives: Counts
    false_negatives: Counts
    true_negatives: Counts

    @property
    def rows(self) -> Counts:
        return self.positives + self.negatives

    @property
    def positives(self) -> Counts:
        """Rows whose observed label is positive."""
        return self.true_positives + self.false_negatives

    @property
    def negatives(self) -> Counts:
        return self.true_negatives + self.false_positives

    @property
    def predicted_positives(self) -> Counts:
        return self.true_positives + self.false_positives

    @property
    def predicted_negatives(self) -> Counts:
        return self.true_negatives + self.false_negatives


@dataclass(frozen=True, slots=True)
class FlipTest:
    """What became of rows of group d when their neighbours in group a decided.

    to_negative: predicted positive, the neighbours negative; to_positive: the other way round. tested: rows of group d.
    neighbours, of: so many rows of group a were looked among, of so many.
    """

    to_negative: Counts
    to_positive: Counts
    tested: int
    neighbours: int
    of: int


@dataclass(frozen=True, slots=True)
class FacetCounts:
    """Rows by side, observed label, predicted label and subgroup.

    cells: shape (…, 2, 2, 2, subgroups + 1): group d second, positive second, rows without a subgroup last. has_groups:
    whether there is a group variable. flips: the flip test, None without one; no_flips says why then.
    """

    cells: Counts
    has_groups: bool = False
    flips: FlipTest | None = None
    no_flips: str = ""

    @property
    def a(self) -> Outcomes:
        """The rest."""
        return _outcomes(self.cells[..., REST, :, :, :])

    @property
    def d(self) -> Outcomes:
        """The sensitive group."""
        return _outcomes(self.cells[..., SENSITIVE, :, :, :])

    @property
    def all(self) -> Outcomes:
        return _outcomes(self.cells.sum(axis=-4))

    def by_label(self, *, predicted: bool) -> Counts:
        """Shape (…, 2, 2, subgroups): rows by side and by observed or predicted label; those without a subgroup are left out."""
        counts: Counts = self.cells[..., :-1].sum(axis=-3 if predicted else -2)
        return counts


def _outcomes(cells: Counts) -> Outcomes:
    """cells: shape (…, label, prediction, subgroup)."""
    rows = cells.sum(axis=-1)
    return Outcomes(rows[..., 1, 1], rows[..., 0, 1], rows[..., 1, 0], rows[..., 0, 0])
