"""Values of a column in the form in which unidentified columns are compared: numbers, or texts. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress

import numpy as np
import pyarrow as pa

from spark_model_monitor.documents.statistics import InferredType
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import FeatureDistribution
from spark_model_monitor.statistics.drift.distances import (
    l_infinity_categorical_robust,
    l_infinity_numeric,
    l_infinity_numeric_robust,
)
from spark_model_monitor.statistics.drift.distributions import StepCdf, align_categories
from spark_model_monitor.statistics.states import DataTypeCounts
from spark_model_monitor.statistics.verdicts.components import NEARLY_ALL
from spark_model_monitor.value_class import value_class

MIN_PRESENT = 30  # columns with fewer values on either side are ignored

FEW_DISTINCT = 10
"""Numbers with fewer distinct values are compared as a set, like categories: a flag may change from mostly 0 to mostly 1."""


@value_class
class ColumnValues:
    """A column's values in the baseline or in the window. numbers, texts: their distribution; both None for too many texts."""

    is_text: bool
    numbers: StepCdf | None = None
    texts: Mapping[str, int] | None = None

    @classmethod
    def of(cls, distribution: FeatureDistribution) -> ColumnValues | None:
        """The values of a distribution; None for a column of unknown kind, or with too few values."""
        if distribution.present < MIN_PRESENT:
            return None
        if distribution.is_numeric:
            numbers = distribution.numbers
            if numbers is None:
                return None
            return cls(False, numbers=numbers.cdf)
        texts = distribution.categories
        if (
            distribution.inferred_type is not InferredType.STRING
            or (_compute_text_share(distribution) or 0.0) < NEARLY_ALL  # a mixed column is neither a text nor numeric
        ):
            return None
        # Dates, ids and other texts with few repeated values get new values later, so only their kind is compared
        if distribution.time_type or (texts and 2 * len(texts) > distribution.present):
            texts = None
        return cls(True, texts=texts or None)

    @classmethod
    def from_cells(cls, cells: Sequence[str | None]) -> ColumnValues | None:
        """The values of a record's cells: numbers if at least half of them are numbers. None without a value."""
        texts = [text for text in cells if text]
        if not texts:
            return None
        numbers = []
        for text in texts:
            with suppress(ValueError):
                numbers.append(float(text))
        # A few texts among numbers stand for missing values
        if 2 * len(numbers) < len(texts):
            return cls(True, texts=Counter(texts))
        # A step function, in the form of a sketch's
        values, counts = np.unique(numbers, return_counts=True)
        return cls(False, numbers=StepCdf(values, np.cumsum(counts)))

    @property
    def is_few_numbers(self) -> bool:
        return self.numbers is not None and len(self.numbers.values) < FEW_DISTINCT


def measure_distance(baseline: ColumnValues, current: ColumnValues) -> float | None:
    """The distance from 0 (alike) to 1 (nothing in common); None for two texts whose distance is unknown."""
    if baseline.is_text != current.is_text:
        return 1.0
    if baseline.numbers is not None and current.numbers is not None:
        # For few distinct numbers, as for texts, the distance is the share of new values
        if baseline.is_few_numbers and current.is_few_numbers:
            is_new = ~np.isin(current.numbers.values, baseline.numbers.values)
            return float(current.numbers.counts[is_new].sum() / current.numbers.total)
        return l_infinity_numeric(baseline.numbers, current.numbers)
    if baseline.texts is None or current.texts is None:
        return None
    return compute_new_share(baseline.texts, current.texts)


def compute_new_share(baseline: Mapping[str, int], current: Mapping[str, int]) -> float:
    """The share of current texts that the baseline lacks."""
    new = sum(count for text, count in current.items() if text not in baseline)
    return new / sum(current.values())


def measure_misfit(distribution: FeatureDistribution, cells: Sequence[str | None]) -> float:
    """How far cells are from a column of the baseline, beyond what chance explains: from 0 (alike) to 1; 0 if that is unknown."""
    baseline = ColumnValues.of(distribution)
    current = ColumnValues.from_cells(cells)
    if baseline is None or current is None:
        return 0.0
    # Many distinct numbers can't be classes
    if baseline.is_text != current.is_text or (baseline.is_few_numbers and not current.is_few_numbers):
        return 1.0
    if baseline.numbers is not None and current.numbers is not None and current.numbers.total:
        return l_infinity_numeric_robust(baseline.numbers, current.numbers)
    if baseline.texts is None or current.texts is None:
        return 0.0
    return l_infinity_categorical_robust(*align_categories(baseline.texts, current.texts))


def match_answers(distribution: FeatureDistribution, cells: Sequence[str | None], *, are_in_place: bool) -> bool:
    """Whether a baseline's column may have a model's answers like these cells. A column of classes with other shares has labels;
    other numbers can't be told from answers. are_in_place: whether the cells are in the column's place; then only other classes
    show that it has labels.
    """
    # Scores and numbers to predict may have any values
    baseline = ColumnValues.of(distribution)
    if baseline is None or not (baseline.is_text or baseline.is_few_numbers):
        return True
    if are_in_place:
        current = ColumnValues.from_cells(cells)
        return current is None or not measure_distance(baseline, current)
    return measure_misfit(distribution, cells) == 0


def _compute_text_share(distribution: FeatureDistribution) -> float | None:
    """The share of the present values that are not numbers; None if unknown."""
    if distribution.text_share is not None or not distribution.categories:
        return distribution.text_share
    values, counts = zip(*distribution.categories.items(), strict=True)
    types = DataTypeCounts.of(pa.array(values, pa.string()), np.array(counts, dtype=np.int64))
    return (types.present - types.integral - types.fractional) / types.present
