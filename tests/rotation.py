"""Parameters of tests that take long: `make test` runs each value once, `make nightly` every combination."""

from __future__ import annotations

from collections.abc import Collection
from itertools import product
from typing import Any

import pytest


def every_combination(**values_of: Collection[Any]) -> pytest.MarkDecorator:
    """Parametrises a test by all combinations of its arguments' values.

    All are nightly but as many as the longest argument has values, in which the other arguments take turns.
    """
    most_values = max(len(values) for values in values_of.values())
    everyday = {tuple(number % len(values) for values in values_of.values()) for number in range(most_values)}
    parameters = []
    for combination in product(*(enumerate(values) for values in values_of.values())):
        positions = tuple(position for position, _ in combination)
        marks = () if positions in everyday else pytest.mark.nightly
        parameters.append(pytest.param(*(value for _, value in combination), marks=marks))
    return pytest.mark.parametrize(", ".join(values_of), parameters)
