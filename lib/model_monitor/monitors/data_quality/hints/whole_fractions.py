"""whole_fractions: integers written as `81.0`, where the baseline has integers."""

from __future__ import annotations

import numpy as np

from model_monitor.documents.statistics import InferredType
from model_monitor.monitors.data_quality.hints import FEWEST_VALUES, HINTS, Said, Seen, listed
from model_monitor.statistics.states import FeatureProfile


@HINTS.register("whole_fractions")
def whole_fractions(seen: Seen) -> Said:
    """A feature is Integral in the baseline, and Fractional now with none but whole numbers.

    A column of many numbers is judged by the thousands of them that its sketch keeps.
    Source: M16.
    """
    expected = seen.expected_types()
    found = {
        feature.name: (feature.data_types.fractional, feature.num_present)
        for feature in seen.profile.features
        if feature.inferred_type == "Fractional"
        and expected.get(feature.name) is InferredType.INTEGRAL
        and feature.data_types.fractional >= FEWEST_VALUES
        and _are_whole(feature)
    }
    if found:
        said = f"whole numbers are written as fractions, where the baseline has integers: {listed(found)}"
        yield found, f"{said}; write 81 for 81.0 (pandas: astype('Int64'))"


def _are_whole(feature: FeatureProfile) -> bool:
    if feature.kll is None or not feature.kll.count:
        return False
    return all(bool((np.floor(level) == level).all()) for level in feature.kll.levels)
