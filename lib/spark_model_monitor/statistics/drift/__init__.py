"""The distance between two distributions of one feature. Pure: numpy, driver only.

distributions.py: the distributions compared; histograms.py: their cells. distances.py: the distances, and the service's
way of counting. comparison.py: the methods of constraints.json.
special_functions.py: tails and quantiles.
"""

from __future__ import annotations

from spark_model_monitor.statistics.drift.comparison import (
    CATEGORICAL_METHODS,
    NUMERIC_METHODS,
    DistanceComparison,
    Ties,
    compare_categorical,
    compare_numeric,
)
from spark_model_monitor.statistics.drift.distances import DISTANCES
from spark_model_monitor.statistics.drift.distributions import NumericDistribution

__all__ = [
    "compare_numeric",
    "compare_categorical",
    "DistanceComparison",
    "Ties",
    "DISTANCES",
    "NUMERIC_METHODS",
    "CATEGORICAL_METHODS",
    "NumericDistribution",
]
