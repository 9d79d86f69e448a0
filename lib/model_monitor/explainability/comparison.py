"""The attributions of an output beside those of its baseline, and what chance alone makes of both. Pure.

Source: E6.2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from model_monitor.explainability.analysis import AttributionAnalysis, OutputAnalysis, aggregated, errors_of
from model_monitor.explainability.baseline import AttributionBaseline
from model_monitor.explainability.ranking import ndcg
from model_monitor.statistics.drift.special_functions import student_quantile
from model_monitor.statistics.states import Attributions
from model_monitor.statistics.states.blocks import BLOCKS
from model_monitor.statistics.verdicts.multiplicity import BUDGET

RESAMPLES = 1000
LEVEL = (2.5, 97.5)
"""Percentiles of a 95 % interval."""


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How attributions are judged.

    threshold: of the normalised discounted cumulative gain. min_rows: with fewer nobody can tell. with_changes: whether each
    feature's attribution is judged by itself: violated where the interval of its change lies wholly beyond `relative` of its
    baseline value and `absolute` of the sum of all. budget: the share of healthy runs in which any may be.
    """

    threshold: float = 0.9
    min_rows: int = 100
    with_changes: bool = True
    budget: float = BUDGET
    relative: float = 0.25
    absolute: float = 0.02


@dataclass(frozen=True)
class OutputComparison:
    """One output. state: of the window; place: the output's in it. baseline: None if the baseline has no such output."""

    current: OutputAnalysis
    baseline: Mapping[str, float] | None
    tolerances: Tolerances
    state: Attributions
    place: int
    known: Attributions | None

    @property
    def rows(self) -> int:
        return self.state.count

    @cached_property
    def before(self) -> Mapping[str, float]:
        """The baseline's values of the features that are written here, in the document's order."""
        return self.baseline or {}

    @cached_property
    def ndcg(self) -> float:
        return ndcg(self.before, self.current.values)

    @cached_property
    def ndcg_interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the gain; None of medians."""
        drawn = self._drawn
        if drawn is None:
            return None
        names = self.state.features
        gains = [ndcg(self._named(names, before), self._named(names, now)) for before, now in zip(*drawn, strict=True)]
        low, high = np.percentile(gains, LEVEL)
        return float(low), float(high)

    @cached_property
    def changes(self) -> Mapping[str, tuple[float, float]] | None:
        """By feature the interval of what its value is above the baseline's, at the family's level; None of medians.

        Source: E6.2; Dunn 1961, "Multiple comparisons among means".
        """
        errors = [self.current.errors, *([errors_of(*self._before)] if self._before else [])]
        if any(error is None for by_name in errors for error in by_name.values()):
            return None
        reach = -student_quantile(BLOCKS - 1, self.tolerances.budget / self.tests / 2)
        found = {}
        for name in self.state.features:
            change = self.current.values[name] - self.before.get(name, 0.0)
            slack = reach * math.hypot(*(by_name[name] or 0.0 for by_name in errors))
            found[name] = (change - slack, change + slack)
        return found

    @property
    def tests(self) -> int:
        """The changes that are judged in a run."""
        return len(self.state.outputs) * len(self.state.features)

    @property
    def _before(self) -> tuple[Attributions, int] | None:
        """The baseline's state and the output's place in it, None if it does not have it, or has other features."""
        known = self.known
        if known is None or self.current.name not in known.outputs or known.features != self.state.features:
            return None
        return known, known.outputs.index(self.current.name)

    @cached_property
    def _drawn(self) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Values of baseline and window in as many resamples of their blocks; the baseline's alone if its state is unknown."""
        random = np.random.default_rng(0)
        even = np.full(BLOCKS, 1 / BLOCKS)
        now = aggregated(self.state, self.place, random.multinomial(BLOCKS, even, RESAMPLES).astype(float))
        before = None
        if self._before is not None:
            before = aggregated(*self._before, random.multinomial(BLOCKS, even, RESAMPLES).astype(float))
        if before is None:
            before = np.tile([self.before.get(name, 0.0) for name in self.state.features], (RESAMPLES, 1))
        return None if now is None else (before, now)

    def _named(self, names: tuple[str, ...], values: NDArray[np.float64]) -> Mapping[str, float]:
        return dict(zip(names, values.tolist(), strict=True))


def comparisons_of(
    state: Attributions, analysis: AttributionAnalysis, known: AttributionBaseline, tolerances: Tolerances
) -> Iterator[OutputComparison]:
    """Every output of a window beside its baseline."""
    for place, output in enumerate(analysis.outputs):
        values = known.constraints.values.get(output.name)
        yield OutputComparison(output, values, tolerances, state, place, known.state)
