"""whole_fractions: integers written as `81.0`, where the baseline has integers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from model_monitor.documents.check_results import Hint
from model_monitor.documents.statistics import InferredType
from model_monitor.monitors.data_quality.hints import FEWEST_VALUES, HINTS, Seen, listed
from model_monitor.statistics.states import FeatureProfile


@HINTS.register("whole_fractions")
def whole_fractions(seen: Seen) -> Iterator[Hint]:
    """A feature is Integral in the baseline, and now Fractional, although all its numbers are whole.

    A column of many numbers is judged by the thousands of numbers in its sketch.
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
        yield Hint(
            hint="whole_fractions",
            features=tuple(found),
            description=f"whole numbers are written as fractions, where the baseline has integers: {listed(found)}; write 81 for "
            "81.0 (pandas: astype('Int64'))",
        )


def _are_whole(feature: FeatureProfile) -> bool:
    if feature.kll is None or not feature.kll.count:
        return False
    return all(bool((np.floor(level) == level).all()) for level in feature.kll.levels)
