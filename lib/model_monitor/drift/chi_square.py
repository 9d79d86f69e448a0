"""The chi-square test of counts by category: how well they fit the baseline's shares, as Deequ does it.

Small cells are joined until the approximation holds. Its p-value is registered as a distance. Pure numpy, driver only.
"""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass

from model_monitor.drift.distances import DISTANCES
from model_monitor.drift.distributions import Counts, require_values
from model_monitor.drift.special_functions import chi_square_below

LEAST_EXPECTED = 5.0
"""A cell should expect so many. Source: Deequ's defaultAbsThresholdYates, after Moore and McCabe."""

LEAST_EXPECTED_OF_TWO = 10.0
"""… if there are only two cells. Source: Deequ's defaultAbsThresholdCochran, after Cochran 1952."""

SHARE_BELOW = 0.2
"""Share of the cells that may expect less, if there are more than two. Source: Deequ's defaultPercThresholdYates."""


@dataclass(frozen=True, slots=True)
class ChiSquareTest:
    """What a test gave. statistic and p_value are NaN if the counts don't allow it."""

    statistic: float
    p_value: float
    degrees_of_freedom: int

    @property
    def is_computable(self) -> bool:
        return not math.isnan(self.p_value)


_NOT_COMPUTABLE = ChiSquareTest(math.nan, math.nan, 0)


@dataclass(frozen=True, slots=True, order=True)
class _Cell:
    """A category, or several joined, ordered by what it expects and then by its place."""

    expected: float
    place: int
    observed: float


def goodness_of_fit(baseline: Counts, current: Counts) -> ChiSquareTest:
    """Pearson's test of the current counts against the baseline's shares, which are taken as exact, as Deequ does it.

    Categories that the baseline does not have are not counted. While too many cells expect too few, the one that expects
    least is joined to the next (equal ones in the order of the counts; Deequ's order is that of a hash map). Not
    computable with fewer than two cells left.

    Raises EmptyDistribution if either side counts nothing.
    Source: Distance.categoricalChiSquareTest of Deequ 2.1.0 and MLlib's ChiSqTest; D3.4.
    """
    require_values(baseline.sum(), current.sum())
    known = baseline > 0
    compared = current[known].sum()
    expected = baseline[known] / baseline.sum() * compared
    cells = _joined(
        [_Cell(*cell) for cell in zip(expected.tolist(), range(len(expected)), current[known].tolist(), strict=True)]
    )
    if len(cells) < 2:
        return _NOT_COMPUTABLE
    statistic = sum((cell.observed - cell.expected) ** 2 / cell.expected for cell in cells)
    freedom = len(cells) - 1
    # 1 - cdf as in MLlib, which is 0 below 1e-16; the survival function would go on.
    return ChiSquareTest(statistic, 1.0 - chi_square_below(statistic, freedom), freedom)


@DISTANCES.register(
    "chi_squared",
    numeric=None,
    categorical=True,
    symmetric=False,
    range=(0.0, 1.0),
    higher_is_more=False,
    threshold=0.1,
    service="ChiSquared",
    formula="p-value of Pearson's chi-squared test of the current counts against the baseline's shares",
)
def chi_squared(baseline: Counts, current: Counts) -> float:
    """p-value of Pearson's chi-squared test of the baseline's shares: 1 if they are met exactly; NaN if not computable.

    Raises EmptyDistribution if either side counts nothing.
    Source: C4.2, `categorical_drift_method: ChiSquared`; C11.23. The limit is the service's default (C4.2).
    """
    return goodness_of_fit(baseline, current).p_value


def _joined(cells: list[_Cell]) -> list[_Cell]:
    """The cells after joining, as Deequ's regroupCategories."""
    cells = sorted(cells)
    while len(cells) > 1:
        least, allowed = LEAST_EXPECTED_OF_TWO, 0
        if len(cells) > 2:
            least, allowed = LEAST_EXPECTED, int(SHARE_BELOW * len(cells))
        if bisect.bisect_left(cells, least, key=lambda cell: cell.expected) <= allowed:
            break
        smallest, next_smallest = cells.pop(0), cells.pop(0)
        bisect.insort(
            cells,
            _Cell(
                next_smallest.expected + smallest.expected,
                next_smallest.place,
                next_smallest.observed + smallest.observed,
            ),
        )
    return cells
