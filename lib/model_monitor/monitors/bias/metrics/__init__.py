"""The bias metrics: each a registered function of counts, in the file named after what it compares. Pure.

Registered under the name the files have. Facts: `description`, the service's own text; `requires`, the error text of each
condition without which the metric is undefined, and the condition; `neutral`, the value of no bias. A function gives a number
for every data set, or resample, that its arrays hold; where a condition does not hold, its number means nothing. A new file in
this folder is found by being there.

Source: B2.2, which is what smclarify computes and real runs of the service show.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from model_monitor.monitors.bias.counts import Counts, FacetCounts
from model_monitor.registry import Registry

Metric = Callable[[FacetCounts], Counts]
Condition = Callable[[FacetCounts], NDArray[np.bool_]]

PRE_TRAINING: Registry[Metric] = Registry("pre-training bias metric")
POST_TRAINING: Registry[Metric] = Registry("post-training bias metric")


class Undefined(Exception):
    """A metric has no value; the text is its error."""


def some_in_a(counts: FacetCounts) -> NDArray[np.bool_]:
    return counts.a.rows > 0


def some_in_d(counts: FacetCounts) -> NDArray[np.bool_]:
    return counts.d.rows > 0


def both_sides(prefix: str = "", *, negated: str = "Negated Facet set is empty", end: str = "") -> dict[str, Condition]:
    """There are rows in the sensitive group and in the rest; metrics word it differently."""
    return {f"{prefix}Facet set is empty{end}": some_in_d, f"{prefix}{negated}{end}": some_in_a}


def quotient(x: Counts, y: Counts) -> Counts:
    """x / y; 0 for 0/0, infinite with the sign of x for another x/0."""
    infinite = np.where(x == 0, 0.0, np.copysign(np.inf, x))
    result: Counts = np.where(y == 0, infinite, x / np.where(y == 0, 1.0, y))
    return result


def difference(x: Counts, y: Counts) -> Counts:
    """x - y; 0 where both are infinite."""
    both = np.isposinf(x) & np.isposinf(y)
    result: Counts = np.where(both, 0.0, x) - np.where(both, 0.0, y)
    return result
