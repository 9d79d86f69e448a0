"""Missing values of a feature that became a value: which values have more rows, and the test. See `verdicts/filling.py`."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import numpy as np

from model_monitor.monitors.data_quality.distributions import FeatureDistribution
from model_monitor.statistics.drift.distributions import category_cells
from model_monitor.statistics.verdicts.components import Component, Samples
from model_monitor.statistics.verdicts.filling import FILLING_TEXTS, Risen, filled, risen


def component_of(before: FeatureDistribution, after: FeatureDistribution, known: tuple[Any, ...]) -> Component | None:
    """The test of the value that is least likely to have risen by chance; None where none did. known: what `filled` takes."""
    values = risen_values(before, after)
    found = [each for value, name in values if (each := filled(value, *known, is_zero=name == 0.0)) is not None]
    return min(found, key=attrgetter("p"), default=None)


def risen_values(before: FeatureDistribution, after: FeatureDistribution) -> list[tuple[Risen, float | str]]:
    """The values that have more rows than by chance, and what they are: 0 or a text that programs write for missing ones, and one
    of the others. None if the two can't be compared.
    """
    if before.numbers is not None and after.numbers is not None:
        both = after.numbers.step_cdf().beside(before.numbers.step_cdf())
        (b, w), values = both.counts, both.values
        fillers, names = values == 0.0, values.tolist()
        low, high = before.numbers.ends
        errors = np.where((values < low) | (values > high), 0.0, before.numbers.error) + after.numbers.error
    elif before.categories and after.categories:
        errors, names = None, sorted({*before.categories, *after.categories})
        b, w = category_cells(before.categories, after.categories)
        fillers = np.array([name.strip().lower() in FILLING_TEXTS for name in names])
    else:
        return []
    samples = Samples(before.present, after.present)
    found = (risen(b, w, which, samples, errors) for which in (fillers, ~fillers))
    return [(each, names[each.place]) for each in found if each]
