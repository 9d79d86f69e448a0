"""The service's cumulative distribution, in which each distinct value counts once. For `--compat service` only.

Deequ up to 2.0.21 makes a map of the sketch's items in which equal keys overwrite each other, so a value has the weight
of the highest level it occurs in, however often it occurs. Flags, counts and columns full of zeros look unchanged, and
the numbers of values in the robust correction are about the numbers of distinct values. Pure numpy, driver only.

Source: QuantileNonSample.getRankMap of Deequ 2.0.21; G16.
"""

from __future__ import annotations

import numpy as np

from model_monitor.drift.distributions import Levels, StepCdf


def tie_losing_cdf(levels: Levels) -> StepCdf:
    """The step CDF over distinct items, each with the weight 2^h of the highest level h that has it.

    Its `total` is the n that the service's correction takes. Infinities are left out: the service takes such a cell for
    text.
    """
    weights: dict[float, int] = {}
    for height, level in enumerate(levels):
        weights.update(dict.fromkeys(np.asarray(level, dtype=np.float64).tolist(), 1 << height))
    values = sorted(weights)
    cumulative = np.cumsum([weights[value] for value in values], dtype=np.int64)
    return StepCdf(np.array(values, dtype=np.float64), cumulative)
