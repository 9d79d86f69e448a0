"""How far apart two distributions of one feature are, and whether that is drift. Pure: numpy and scipy, driver only.

distributions.py: what is compared. distances.py, chi_square.py: the distances. tie_losing.py: the service's way of
counting. comparison.py: the methods that constraints.json names. verdict.py: a distance against a threshold.
"""

from __future__ import annotations

from model_monitor.drift.chi_square import ChiSquareTest
from model_monitor.drift.comparison import (
    CATEGORICAL_METHODS,
    NUMERIC_METHODS,
    Comparison,
    Ties,
    compare_categorical,
    compare_numeric,
    distance,
)
from model_monitor.drift.distances import DISTANCES
from model_monitor.drift.distributions import EmptyDistribution, NumericDistribution
from model_monitor.drift.verdict import Status, Verdict, judge

__all__ = [
    "compare_numeric",
    "compare_categorical",
    "Comparison",
    "Ties",
    "judge",
    "Verdict",
    "Status",
    "distance",
    "DISTANCES",
    "NUMERIC_METHODS",
    "CATEGORICAL_METHODS",
    "NumericDistribution",
    "EmptyDistribution",
    "ChiSquareTest",
]
