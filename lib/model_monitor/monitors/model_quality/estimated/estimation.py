"""Metrics as they are to be expected without labels, and how far from that the labels may put them. Pure numpy.

Every row counts as positive by the probability of its score, and as negative by the rest; a metric of these parts of rows is the
estimate. It rests on one assumption: what a score is worth is what it was in the baseline.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_monitor.monitors.model_quality.calibration import GROUPS, Calibration, compact
from model_monitor.monitors.model_quality.estimates import Estimate, FractionEstimate, JackknifeEstimate, Scale
from model_monitor.monitors.model_quality.evidence import BinaryEvidence
from model_monitor.monitors.model_quality.metrics import BINARY
from model_monitor.statistics.states.blocks import BLOCKS, BlockSums
from model_monitor.statistics.states.scores import CALIBRATION_BINS, NAMES, ScoreCounts

Numbers = NDArray[np.float64]

REPEATS = 200  # how often labels and baseline are drawn; the error is then known to 5 %
SEED = 20
BUSINESS_VALUE = "business_value"
METHOD = "simulation"
EDGES = np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]


@dataclass(frozen=True, slots=True)
class Cells:
    """Rows by score and predicted class. rows: shape (2, scores), those predicted negative before those predicted positive."""

    scores: Numbers
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, counts: ScoreCounts) -> Cells:
        """counts: rows by score; in the place of the label stands the prediction."""
        return cls(counts.scores, np.stack([counts.negatives, counts.positives]))

    def pooled(self) -> Cells:
        """Fewer cells, of neighbouring scores, each at its mean score: for the error alone."""
        total = self.rows.sum(axis=0)
        group = (np.cumsum(total) - total) // max(1, int(total.sum()) // GROUPS)
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        rows = np.add.reduceat(self.rows, starts, axis=1)
        return Cells(np.add.reduceat(self.scores * total, starts) / rows.sum(axis=0), rows)

    def evidence(self, positives: NDArray[Any], classes: tuple[str, ...] = ("0", "1")) -> BinaryEvidence:
        """What is known of the rows if so many of each cell, or such parts of them, are positive. positives: shaped as rows."""
        hits, rows = positives.sum(axis=0), self.rows.sum(axis=0)
        matrix = np.stack([self.rows.sum(axis=1) - positives.sum(axis=1), positives.sum(axis=1)])
        counts = ScoreCounts(self.scores, rows - hits, hits)
        return BinaryEvidence(matrix, classes, counts, _probability_sums(self.scores, rows, hits))


def _probability_sums(scores: Numbers, rows: Numbers, hits: Numbers) -> BlockSums:
    """The sums of `probability_sums`, all in one block."""
    sure = np.clip(scores, np.finfo(np.float64).eps, 1 - np.finfo(np.float64).eps)
    losses = [
        -(hits * np.log(sure) + (rows - hits) * np.log(1 - sure)),
        hits * (1 - scores) ** 2 + (rows - hits) * scores**2,
    ]
    bins = np.searchsorted(EDGES, scores, side="left")
    by_bin = [np.bincount(bins, each, minlength=CALIBRATION_BINS) for each in (rows, hits, rows * scores)]
    sums = np.zeros((len(NAMES), BLOCKS))
    sums[:, 0] = np.concatenate([[each.sum() for each in losses], *by_bin])
    return BlockSums(NAMES, sums)


@dataclass(frozen=True, slots=True)
class Estimation:
    """estimates: by metric. evidence: what is to be expected. reference: the baseline's rows by score and label."""

    evidence: BinaryEvidence
    estimates: Mapping[str, Estimate]


def estimated(
    predictions: ScoreCounts,
    reference: ScoreCounts,
    classes: tuple[str, ...] = ("0", "1"),
    costs: Mapping[str, float] | None = None,
    seed: int = SEED,
) -> Estimation:
    """Every metric of a window without labels, with the error that its labels will have.

    predictions: rows by score and predicted class. reference: the baseline's, by score and label. costs: what a true positive, a
    false positive, … is worth, by `tp`, `fp`, `tn` and `fn`.

    Source: the estimate is NannyML's CBPE (nannyml.readthedocs.io, "Estimation of performance of the monitored model"). The error
    is that of repeated draws: of the baseline's labels, which its calibration is made anew of, and of the window's.
    """
    cells, calibration = Cells.of(predictions), Calibration.of(reference)
    expected = cells.evidence(cells.rows * calibration(cells.scores), classes)
    values = values_of(expected, costs)
    apart = differences(cells, reference, values, costs, seed)
    names = [name for name, value in values.items() if math.isfinite(value)]
    known = {name: _estimate(name, values[name], apart[name], expected) for name in names}
    return Estimation(expected, known)


def differences(
    cells: Cells, reference: ScoreCounts, names: Mapping[str, float], costs: Mapping[str, float] | None, seed: int
) -> dict[str, Numbers]:
    """Realised less estimated value of each metric in each draw, if only chance parts them; NaN where one is not defined."""
    random, few, known = np.random.default_rng(seed), cells.pooled(), compact(reference)
    rows, truth = known.negatives + known.positives, Calibration.of(known)
    of_reference, of_window = truth(known.scores), truth(few.scores)
    found: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(REPEATS):
        drawn = random.binomial(rows, of_reference)
        again = Calibration.of(replace(known, negatives=rows - drawn, positives=drawn))
        realised = values_of(few.evidence(random.binomial(few.rows, of_window)), costs)
        told = values_of(few.evidence(few.rows * again(few.scores)), costs)
        for name, values in found.items():
            values.append(realised.get(name, math.nan) - told.get(name, math.nan))
    return {name: np.array(values) for name, values in found.items()}


def values_of(evidence: BinaryEvidence, costs: Mapping[str, float] | None) -> dict[str, float]:
    """Every metric of the evidence, but for those of a constant classifier, which say nothing of the model."""
    with np.errstate(all="ignore"):
        found = {metric.name: float(metric(evidence).value) for metric in BINARY.values() if "operator" in metric.facts}
    if costs:
        parts = {"tp": evidence.true_positives, "fp": evidence.false_positives}
        parts |= {"tn": evidence.true_negatives, "fn": evidence.false_negatives}
        found[BUSINESS_VALUE] = sum(worth * parts[name] for name, worth in costs.items()) / evidence.matrix.sum().item()
    return found


def _estimate(name: str, value: float, apart: Numbers, expected: BinaryEvidence) -> Estimate:
    drawn = apart[np.isfinite(apart)]
    error = float(np.sqrt(np.mean(drawn * drawn))) if len(drawn) > REPEATS / 2 else math.nan
    usual = BINARY.get(name)(expected) if name != BUSINESS_VALUE else None
    if isinstance(usual, FractionEstimate):
        certain = not error or not 0 < value < 1
        trials = usual.trials if certain else value * (1 - value) / error**2
        return FractionEstimate(value, round(usual.n), trials, METHOD, usual.bound, usual.units or usual.n)
    scale = Scale.LINEAR if usual is None else usual.scale
    rows = round(expected.matrix.sum().item())
    return JackknifeEstimate(value, rows, error, REPEATS - 1, scale, METHOD)
