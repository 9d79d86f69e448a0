"""The bias metrics: each a registered function of counts, in the file named after what it compares. Pure.

Registered under the name the files have. Facts: `description`, the service's own text; `requires`, the error text of each
condition without which the metric is undefined, and the condition; `neutral`, the value of no bias. A function gives a number
for every data set, or resample, that its arrays hold; where a condition does not hold, its number means nothing. A new file in
this folder is found by being there.

Source: B2.2, which is what smclarify computes and real runs of the service show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from model_monitor.registry import Registry

Counts: TypeAlias = NDArray[np.float64]
"""Shape (): of one data set; (resamples,): of each of its resamples. Not negative."""

REST, SENSITIVE = 0, 1
"""Places on the first axis of `FacetCounts.cells`: group a, which is everything else, and group d."""

SAME_AS = {"DI": "DPPL", **dict.fromkeys(("JS", "KL", "KS", "LP", "TVD"), "DPL")}
"""Metrics that compare the same two shares of labels as another one does."""


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
    whether there is a group variable. flips: the flip test, None without one; no_flips says why then. blocks: the same of all
    subgroups together, by blocks of rows that belong together, last those that are known to be of none; None where nobody says.
    """

    cells: Counts
    has_groups: bool = False
    flips: FlipTest | None = None
    no_flips: str = ""
    blocks: Counts | None = None

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


Metric = Callable[[FacetCounts], Counts]
Condition = Callable[[FacetCounts], NDArray[np.bool_]]

PRE_TRAINING: Registry[Metric] = Registry("pre-training bias metric")
POST_TRAINING: Registry[Metric] = Registry("post-training bias metric")


class Undefined(Exception):
    """A metric has no value; the text is its error."""


def some_in_a(counts: FacetCounts) -> NDArray[np.bool_]:
    return counts.a.rows > 0


def some_in_d(counts: FacetCounts) -> NDArray[np.bool_]:
    return counts.d.rows > 0


def both_sides(prefix: str = "", *, negated: str = "Negated Facet set is empty", end: str = "") -> dict[str, Condition]:
    """There are rows in the sensitive group and in the rest; metrics word it differently."""
    return {f"{prefix}Facet set is empty{end}": some_in_d, f"{prefix}{negated}{end}": some_in_a}


def quotient(x: Counts, y: Counts) -> Counts:
    """x / y; 0 for 0/0, infinite with the sign of x for another x/0."""
    infinite = np.where(x == 0, 0.0, np.copysign(np.inf, x))
    result: Counts = np.where(y == 0, infinite, x / np.where(y == 0, 1.0, y))
    return result


def difference(x: Counts, y: Counts) -> Counts:
    """x - y; 0 where both are infinite."""
    both = np.isposinf(x) & np.isposinf(y)
    result: Counts = np.where(both, 0.0, x) - np.where(both, 0.0, y)
    return result
