"""The ages of the times in a column, relative to the time of each row."""

from __future__ import annotations

from dataclasses import field

import numpy as np

from spark_model_monitor.statistics.array_types import Doubles, Integers
from spark_model_monitor.statistics.states.encoding import State, register_state
from spark_model_monitor.value_class import value_class

HOUR = 3600.0
DAY = 86400.0
QUARTERS = 60  # quarters of an hour, on each side of 0
_LONG = DAY * 2.0 ** np.arange(0, 15, 0.5)
EDGES = np.unique(
    np.concatenate(
        [np.arange(-QUARTERS, QUARTERS + 1) * (HOUR / 4), (-60.0, 1.0, 5.0, 15.0, 60.0, 300.0), -_LONG, _LONG]
    )
)
"""Seconds between which ages are counted: a few to a quarter of an hour, quarters up to fifteen hours, days by factors of 1.4."""

FUTURE = int(EDGES.searchsorted(-60.0))  # the last bin of times more than a minute after their rows


@register_state
@value_class(eq=False)
class Ages(State):
    """The number of values by age. counts: of each bin between `EDGES`; the first and the last bin are open."""

    KIND = "ages"

    counts: Integers = field(default_factory=lambda: np.zeros(len(EDGES) + 1, np.int64))

    @classmethod
    def of(cls, ages: Doubles) -> Ages:
        """The counts of ages in seconds; negative for times after their rows."""
        return cls(np.bincount(EDGES.searchsorted(ages, side="right"), minlength=len(EDGES) + 1))

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    @property
    def in_future(self) -> int:
        """The number of times more than a minute after their rows."""
        return int(self.counts[: FUTURE + 1].sum())

    def quantiles(self, shares: Doubles) -> Doubles:
        """The quantiles in seconds, interpolated linearly within bins."""
        ends = np.concatenate(([EDGES[0]], EDGES, [EDGES[-1]]))
        cumulative = np.concatenate(([0], self.counts.cumsum()))
        goals = np.maximum(shares * self.total, 1e-9)  # the smallest is the first value's
        bins = np.minimum(cumulative[1:].searchsorted(goals), len(self.counts) - 1)
        within = (goals - cumulative[bins]) / np.maximum(self.counts[bins], 1)
        return np.asarray(ends[bins] + within * (ends[bins + 1] - ends[bins]))

    def count_beyond(self, young: float, old: float) -> int:
        """The number of values certainly younger than `young` or older than `old`, in seconds."""
        youngest = EDGES.searchsorted(young, side="right")
        oldest = EDGES.searchsorted(old) + 1
        return int(self.counts[:youngest].sum() + self.counts[oldest:].sum())

    def compute_gap(self, seconds: float, later: Ages) -> float:
        """The Kolmogorov-Smirnov distance of the other side's ages from these, if all these were `seconds` older."""
        shares, later_shares = (np.cumsum(ages.counts)[:-1] / max(ages.total, 1) for ages in (self, later))
        return float(np.abs(np.interp(EDGES - seconds, EDGES, shares) - later_shares).max())

    def is_consistent(self) -> bool:
        return len(self.counts) == len(EDGES) + 1 and bool((self.counts >= 0).all())
