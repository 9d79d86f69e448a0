"""How far apart two distributions of one feature are, and whether that is drift. Pure: numpy, driver only.

distributions.py: what is compared; histograms.py: over which cells. distances.py: the distances, and the service's way of
counting. comparison.py: the methods that constraints.json names, and a distance against a threshold. special_functions.py: tails
and quantiles.
"""

from __future__ import annotations

from model_monitor.statistics.drift.comparison import (
    CATEGORICAL_METHODS,
    NUMERIC_METHODS,
    Comparison,
    Status,
    Ties,
    Verdict,
    compare_categorical,
    compare_numeric,
    distance,
    judge,
)
from model_monitor.statistics.drift.distances import DISTANCES, ChiSquareTest
from model_monitor.statistics.drift.distributions import EmptyDistribution, NumericDistribution

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
