"""Many tests, one budget: components to a column's p-value, columns to a run's verdict, a run's budget to its families. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from model_monitor.verdicts.components import Component

BUDGET = 1 / 720
"""Share of the healthy runs that may have any violation: one in a month of hourly runs. Source: D4."""

_LEAST, _MOST = 1e-300, 0.75
"""Between which p-values are combined: one of 1 would outweigh all others. Source: D4.1."""


def combined(components: Iterable[Component]) -> float:
    """The p-value of a column, from those of its components, which may depend on each other; 1 without any.

    Source: D4.1; Liu and Xie 2020, "Cauchy combination test".
    """
    found = [_tangent(min(max(component.p, _LEAST), _MOST)) for component in components]
    if not found:
        return 1.0
    mean = sum(found) / len(found)
    return 1 / (mean * math.pi) if mean > 1e12 else 0.5 - math.atan(mean) / math.pi


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Each p-value times the tests there are for each that is as small: below a level, they are rejected at that level.

    Source: Benjamini and Hochberg 1995, "Controlling the false discovery rate".
    """
    tests, least = len(p_values), 1.0
    found = [1.0] * tests
    for rank, place in sorted(enumerate(sorted(range(tests), key=p_values.__getitem__), start=1), reverse=True):
        least = min(least, p_values[place] * tests / rank)
        found[place] = least
    return found


def shared(budget: float, families: Sequence[str]) -> dict[str, float]:
    """The ledger of a budget: every family's level, which add up to it."""
    return {family: budget / len(families) for family in families}


def _tangent(p: float) -> float:
    return 1 / (p * math.pi) if p < 1e-12 else math.tan((0.5 - p) * math.pi)
