"""Measuring: every metric of some evidence, with its standard deviation where the service gives one. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from model_monitor.model_quality import metrics
from model_monitor.model_quality.estimates import Estimate, Scale, quotient
from model_monitor.model_quality.evidence import BinaryEvidence, Evidence, MulticlassEvidence
from model_monitor.model_quality.metrics import METRICS, Metric
from model_monitor.registry import Entry, import_all
from model_monitor.statistics.states.blocks import BlockSums
from model_monitor.statistics.states.outcomes import ProblemType

import_all(metrics)

DRAWS = 5
"""How many draws a standard deviation is made of. Source: C11.12."""

FEWEST_ROWS = 200
"""Rows below which there is no standard deviation. Source: C5.1."""

SEED = 20
"""Where the draws start, so that a run that is repeated writes the same bytes."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric of a run. standard_deviation: None without one. ours: whether the service has no such metric."""

    name: str
    estimate: Estimate
    standard_deviation: float | None = None
    ours: bool = False

    @property
    def value(self) -> float | None:
        """The metric, None if it is not defined."""
        return self.estimate.value if math.isfinite(self.estimate.value) else None


@dataclass(frozen=True, slots=True)
class Measurement:
    """All metrics of a run. evidence: what they were computed of. rows: how many there were."""

    problem_type: ProblemType
    evidence: Evidence
    rows: int
    metrics: Mapping[str, Measured]


def measure(evidence: Evidence, *, seed: int = SEED) -> Measurement:
    """Every metric that the evidence is enough for: those of the contract, ours, and the user's own."""
    problem_type = problem_type_of(evidence)
    draws = _draws(evidence, seed)
    found = {}
    for metric in METRICS[problem_type].values():
        if metric.facts.get("given", _always)(evidence):
            ours = metric.facts.get("ours", False)
            deviation = None if ours else _standard_deviation(metric, draws)
            found[metric.name] = Measured(metric.name, metric(evidence), deviation, ours)
    found |= {name: Measured(name, estimate, ours=True) for name, estimate in _of_user(evidence.values)}
    return Measurement(problem_type, evidence, evidence.rows, found)


def problem_type_of(evidence: Evidence) -> ProblemType:
    """What type of problem the evidence is of."""
    if isinstance(evidence, BinaryEvidence):
        return ProblemType.BINARY_CLASSIFICATION
    if isinstance(evidence, MulticlassEvidence):
        return ProblemType.MULTICLASS_CLASSIFICATION
    return ProblemType.REGRESSION


def _draws(evidence: Evidence, seed: int) -> list[Evidence]:
    """Five times a random 80 % of the rows; none if there are too few rows."""
    if evidence.rows < FEWEST_ROWS:
        return []
    random = np.random.default_rng(seed)
    return [evidence.redrawn(random) for _ in range(DRAWS)]


def _standard_deviation(metric: Entry[Metric], draws: list[Evidence]) -> float | None:
    """Population standard deviation of the metric over the draws; None without draws, or if it is undefined in one.

    Source: C5.1, C11.12.
    """
    values = [metric(draw).value for draw in draws]
    return float(np.std(values)) if values and all(map(math.isfinite, values)) else None


def _of_user(values: BlockSums) -> Iterator[tuple[str, Estimate]]:
    """The user's own metrics: the mean over the outcomes that have a value."""
    for name in (name.removesuffix(".sum") for name in values.names[::2]):
        yield name, quotient(values.of(f"{name}.sum"), values.of(f"{name}.rows"), scale=Scale.LINEAR)


def _always(evidence: Evidence) -> bool:
    return True
