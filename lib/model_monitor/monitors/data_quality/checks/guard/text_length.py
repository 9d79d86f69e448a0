"""text_length_check: free texts are as long as they were."""

from __future__ import annotations

import numpy as np

from model_monitor.monitors.data_quality.checks.guard import GUARDS, Evidence, Mean, exact_counts, of_means
from model_monitor.monitors.data_quality.comparison import FeatureComparison
from model_monitor.statistics.states import ColumnType, FeatureProfile, Frequencies


@GUARDS.register("text_length_check")
def text_length(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """The mean length of a text without a domain is the baseline's, as far as its values are counted one by one.

    Of texts longer than 256 bytes so much is counted.
    Source: D4.9.
    """
    old, new = exact_counts(before), exact_counts(feature.current)
    texts = before.column_type is feature.current.column_type is ColumnType.TEXT
    if old is None or new is None or not (old.total and new.total and texts) or feature.constraints.domains is not None:
        return None
    return of_means("mean length of the texts", _length(old), _length(new))


def _length(frequencies: Frequencies) -> Mean:
    lengths = np.array([len(value) for value in frequencies.counts], dtype=float)
    weights = np.array(list(frequencies.counts.values()), dtype=float)
    mean = float(np.average(lengths, weights=weights))
    return Mean(frequencies.total, mean, float(np.average((lengths - mean) ** 2, weights=weights)))
