"""The rules that AWS recommends in place of the service, on a baseline's statistics and a window's values.

All three count the columns that Evidently's DataDriftPreset, with its defaults, calls drifted: for a baseline of at most
1,000 rows the two-sample Kolmogorov-Smirnov test for numbers, chi-square for three to five values and categories, a z-test of
shares for two, each at .05; above that the Wasserstein distance in standard deviations of the baseline for numbers, and the
Jensen-Shannon distance (natural logarithm) for the rest, each at .1. Missing values are left out. A number's baseline is what
its sketch in statistics.json keeps, which is every value of up to 2,048; the Kolmogorov-Smirnov p-value is the limiting
distribution's with Stephens' correction, where Evidently's is exact.

Source: evidentlyai/evidently, `_get_default_stattest` and its tests; aws-samples/sample-aiops-on-amazon-sagemakerai and
aws-samples/amazon-sagemaker-from-idea-to-production for the rules.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.documents.statistics import FeatureStatistics, Statistics
from spark_model_monitor.statistics.drift.distances import js_distance, wasserstein_normalised
from spark_model_monitor.statistics.drift.distributions import StepCdf
from spark_model_monitor.statistics.drift.special_functions import chi_square_above, kolmogorov_above, normal_above

SMALL_BASELINE = 1000
FEW_VALUES = 5
P_VALUE = 0.05
DISTANCE = 0.1

RULES = {"any column": 0.0, "more than 5 % of columns": 0.05, "more than 30 % of columns": 0.3}
"""The share of drifted columns above which each rule sends its mail."""


@dataclass(frozen=True)
class Sample:
    """The present values of a column, distinct and in order, with their counts. deviation: the exact one, if known."""

    values: NDArray[Any]
    counts: NDArray[np.float64]
    is_numeric: bool
    deviation: float | None = None

    @property
    def total(self) -> float:
        return float(self.counts.sum())


@dataclass(frozen=True)
class Drifted:
    """The columns that drifted, of those that could be compared."""

    columns: tuple[str, ...]
    compared: int

    @property
    def share(self) -> float:
        return len(self.columns) / self.compared if self.compared else 0.0

    def alarms(self) -> dict[str, bool]:
        """Whether each rule sends its mail."""
        return {name: self.share > limit for name, limit in RULES.items()}


def find_drifted(baseline: Statistics, window: Mapping[str, Sequence[str | None]]) -> Drifted:
    """The columns of a window whose values drifted. window: the cells of each column, as texts; None for a missing one."""
    drifted = []
    compared = 0
    for feature in baseline.features:
        before = sample_baseline(feature)
        after = sample_window(window.get(feature.name, ()), before.is_numeric) if before else None
        if before is None or after is None or not after.total or not before.total:
            continue
        compared += 1
        if has_drifted(before, after, baseline.dataset.item_count):
            drifted.append(feature.name)
    return Drifted(tuple(drifted), compared)


def sample_baseline(feature: FeatureStatistics) -> Sample | None:
    """The baseline's values, as far as its statistics keep them; None for free texts, whose values they don't keep."""
    numbers = feature.numerical_statistics
    if numbers is not None and numbers.distribution and numbers.distribution.kll and numbers.distribution.kll.sketch:
        levels = numbers.distribution.kll.sketch.data
        values = np.concatenate([np.asarray(level, dtype=np.float64) for level in levels])
        weights = np.concatenate([np.full(len(level), 2.0**height) for height, level in enumerate(levels)])
        distinct, index = np.unique(values, return_inverse=True)
        counts = np.zeros(len(distinct))
        np.add.at(counts, index, weights)
        return Sample(distinct, counts, True, numbers.std_dev)
    texts = feature.string_statistics
    if texts is not None and texts.distribution and texts.distribution.categorical:
        buckets = sorted((bucket.value, bucket.count) for bucket in texts.distribution.categorical.buckets)
        numbers_of_rows = np.array([float(count) for _, count in buckets])
        return Sample(np.array([value for value, _ in buckets], dtype=object), numbers_of_rows, False)
    return None


def sample_window(cells: Sequence[str | None], is_numeric: bool) -> Sample:
    """The window's present values; cells of a numeric column that are no numbers are missing, as for Evidently."""
    present: list[Any] = [cell for cell in cells if cell not in (None, "")]
    if is_numeric:
        present = [number for number in map(_parse_number, present) if number is not None]
    distinct, counts = np.unique(np.array(present, dtype=float if is_numeric else object), return_counts=True)
    return Sample(distinct, counts.astype(float), is_numeric)


def _parse_number(cell: str) -> float | None:
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def has_drifted(before: Sample, after: Sample, baseline_rows: float) -> bool:
    """What Evidently's default for such a column says."""
    keys = sorted({*before.values.tolist(), *after.values.tolist()})
    has_many_values = before.is_numeric and len(keys) > FEW_VALUES
    if baseline_rows > SMALL_BASELINE:
        if has_many_values:
            return wasserstein_normalised(_build_cdf(before), _build_cdf(after)) >= DISTANCE
        distance = js_distance(_count_keys(before, keys), _count_keys(after, keys)) * math.sqrt(math.log(2))
        return distance >= DISTANCE
    if has_many_values:
        return kolmogorov_smirnov_p_value(before, after) < P_VALUE
    if len(keys) > 2:
        return chi_square_p_value(_count_keys(before, keys), _count_keys(after, keys)) < P_VALUE
    return shares_p_value(_count_keys(before, keys), _count_keys(after, keys)) < P_VALUE


def kolmogorov_smirnov_p_value(before: Sample, after: Sample) -> float:
    """The two-sided p-value of the two-sample test."""
    values = np.union1d(before.values, after.values).astype(np.float64)
    gap = float(np.abs(_build_cdf(before).shares_at(values) - _build_cdf(after).shares_at(values)).max())
    root = math.sqrt(before.total * after.total / (before.total + after.total))
    return kolmogorov_above(gap * (root + 0.12 + 0.11 / root))


def chi_square_p_value(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    """Whether the window's counts have the baseline's shares; 0 for a value that the baseline lacks."""
    expected = before * after.sum() / before.sum()
    if ((expected == 0) & (after > 0)).any():
        return 0.0
    filled = expected > 0
    squares = ((after - expected)[filled] ** 2 / expected[filled]).sum()
    return chi_square_above(float(squares), len(before) - 1)


def shares_p_value(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    """The z-test of the share of the second of two values; 1 if there is one value."""
    if len(before) < 2:
        return 1.0
    pooled = (before[1] + after[1]) / (before.sum() + after.sum())
    error = math.sqrt(pooled * (1 - pooled) * (1 / before.sum() + 1 / after.sum()))
    return 2 * normal_above(abs(before[1] / before.sum() - after[1] / after.sum()) / error)


def _build_cdf(sample: Sample) -> StepCdf:
    return StepCdf(sample.values.astype(np.float64), sample.counts.cumsum().astype(np.int64), sample.deviation)


def _count_keys(sample: Sample, keys: Sequence[Any]) -> NDArray[np.float64]:
    counts = dict(zip(sample.values.tolist(), sample.counts.tolist(), strict=True))
    return np.array([counts.get(key, 0.0) for key in keys])
