"""The data-quality checks: each a registered function. Pure.

Registered under its `constraint_check_type`. A check of features takes one feature and the threshold from its fact
`threshold`: a function of the feature that returns None where no check is requested. A check of the data set takes the
whole comparison and yields findings, each with its `feature_name`. Checks decide; they never log, raise for bad data or
ask Spark. `evaluation.check_all` runs them all; a new file in this folder is discovered automatically.

columns.py: missing and extra columns. limits.py: the limits of constraints.json. `drift/`: the distribution of a feature.
`facts/`: kinds of rows that no limit covers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from spark_model_monitor.monitors.data_quality.baseline_comparison import FeatureComparison, WindowComparison
from spark_model_monitor.monitors.protocol import Finding
from spark_model_monitor.registry import Registry

FeatureCheck = Callable[[FeatureComparison, float], Finding]
DataSetCheck = Callable[[WindowComparison], Iterator[tuple[str, Finding]]]

FEATURE_CHECKS: Registry[FeatureCheck] = Registry("check of features")
DATA_SET_CHECKS: Registry[DataSetCheck] = Registry("check of the data set")
