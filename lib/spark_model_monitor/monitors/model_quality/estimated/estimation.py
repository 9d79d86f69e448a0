"""Expected metrics without labels, and how far the labels may put them from that. Pure numpy.

Every row counts as positive with the probability of its score, and as negative with the rest; the estimate is the
metric of these fractions of rows. It assumes that scores mean what they did in the baseline.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.monitors.model_quality.calibration import GROUPS, Calibration, compact
from spark_model_monitor.monitors.model_quality.estimates import Estimate, FractionEstimate, JackknifeEstimate, Scale
from spark_model_monitor.monitors.model_quality.evidence import BinaryEvidence, MulticlassEvidence
from spark_model_monitor.monitors.model_quality.metrics import METRICS, metrics_given
from spark_model_monitor.statistics.states.blocks import BLOCKS, BlockSums
from spark_model_monitor.statistics.states.scores import CALIBRATION_BINS, NAMES, ScoreCounts

Numbers = NDArray[np.float64]

REPEATS = 200  # number of draws of labels and baseline; the error is then accurate to 5 %
SEED = 20
BUSINESS_VALUE = "business_value"
METHOD = "simulation"
OF_ALL_ALIKE = ("macro_auc", "weighted_auc", "macro_f1", "macro_precision", "macro_recall")
EDGES = np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]


@dataclass(frozen=True, slots=True)
class Cells:
    """Rows by score and predicted class. rows: shape (2, scores), those predicted negative before those predicted positive."""

    scores: Numbers
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, counts: ScoreCounts) -> Cells:
        """counts: rows by score and prediction, which takes the place of the label."""
        return cls(counts.scores, np.stack([counts.negatives, counts.positives]))

    def pooled(self) -> Cells:
        """Fewer cells, of neighbouring scores, each at its mean score; for the error only."""
        total = self.rows.sum(axis=0)
        if not len(total):
            return self
        group = (np.cumsum(total) - total) // max(1, int(total.sum()) // GROUPS)
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        rows = np.add.reduceat(self.rows, starts, axis=1)
        return Cells(np.add.reduceat(self.scores * total, starts) / rows.sum(axis=0), rows)

    def evidence(self, positives: NDArray[Any], classes: tuple[str, ...] = ("0", "1")) -> BinaryEvidence:
        """The evidence if so many rows of each cell, or fractions of them, are positive. positives: shaped as rows."""
        hits = positives.sum(axis=0)
        rows = self.rows.sum(axis=0)
        matrix = np.stack([self.rows.sum(axis=1) - positives.sum(axis=1), positives.sum(axis=1)])
        counts = ScoreCounts(self.scores, rows - hits, hits)
        return BinaryEvidence(matrix, classes, counts, _probability_sums(self.scores, rows, hits))


def _probability_sums(scores: Numbers, rows: Numbers, hits: Numbers) -> BlockSums:
    """The sums of `probability_sums`, all in a single block."""
    sure = np.clip(scores, np.finfo(np.float64).eps, 1 - np.finfo(np.float64).eps)
    losses = [
        -(hits * np.log(sure) + (rows - hits) * np.log(1 - sure)),
        hits * (1 - scores) ** 2 + (rows - hits) * scores**2,
    ]
    bins = np.searchsorted(EDGES, scores, side="left")
    by_bin = [np.bincount(bins, each, minlength=CALIBRATION_BINS) for each in (rows, hits, rows * scores)]
    sums = np.zeros((len(NAMES), BLOCKS))
    sums[:, 0] = np.concatenate([[loss.sum() for loss in losses], *by_bin])
    return BlockSums(NAMES, sums)


@dataclass(frozen=True, slots=True)
class Estimation:
    """evidence: the expected one. estimates: by metric."""

    evidence: BinaryEvidence | MulticlassEvidence
    estimates: Mapping[str, Estimate]


Believed = Callable[[Sequence[Cells], Sequence[NDArray[Any]]], BinaryEvidence | MulticlassEvidence]
"""Evidence if this many rows of each cell are positive; cells and positives are given per class against the rest."""


def estimated(
    predictions: ScoreCounts,
    reference: ScoreCounts,
    classes: tuple[str, ...] = ("0", "1"),
    costs: Mapping[str, float] | None = None,
) -> Estimation:
    """Every metric of a window without labels, with the error that it will show once labels come.

    predictions: rows by score and predicted class. reference: the baseline's, by score and label. costs: the worth of a
    true positive, a false positive, …, by `tp`, `fp`, `tn` and `fn`.

    Source: the estimate is NannyML's CBPE (nannyml.readthedocs.io, "Estimation of performance of the monitored model"). The error
    comes from repeated draws: of the baseline's labels, with a new calibration each time, and of the window's.
    """
    return _estimated([Cells.of(predictions)], [reference], of_two(classes), costs)


def estimated_of_classes(
    predictions: Sequence[ScoreCounts],
    reference: Sequence[ScoreCounts],
    classes: tuple[str, ...],
    rows: NDArray[np.int64],
) -> Estimation:
    """The same for many classes, each against the rest. rows: how often each class is predicted.

    Classes are drawn independently, although a row has only one. With c equal classes, labels of two correlate by
    -1/(c - 1), as do scores; so errors correlate by its square, and a mean of all has c/(c - 1) times the variance.
    """
    together = math.sqrt(len(classes) / max(1, len(classes) - 1))
    return _estimated([*map(Cells.of, predictions)], reference, of_many(classes, rows), None, together)


def of_two(classes: tuple[str, ...] = ("0", "1")) -> Believed:
    return lambda cells, positives: cells[0].evidence(positives[0], classes)


def of_many(classes: tuple[str, ...], rows: NDArray[np.int64]) -> Believed:
    """Each class by itself; the labels of all classes add up to the number of rows."""

    def believed(cells: Sequence[Cells], positives: Sequence[NDArray[Any]]) -> MulticlassEvidence:
        labels, hits = (
            np.array([float(part.sum()) for part in parts]) for parts in (positives, [p[1] for p in positives])
        )
        scores = tuple(
            ScoreCounts(each.scores, each.rows.sum(axis=0) - part.sum(axis=0), part.sum(axis=0))
            for each, part in zip(cells, positives, strict=True)
        )
        labels *= rows.sum() / (labels.sum() or 1.0)
        return MulticlassEvidence(np.diag(rows), classes, scores=scores, estimated=np.stack([hits, labels, rows]))

    return believed


def _estimated(
    cells: Sequence[Cells],
    reference: Sequence[ScoreCounts],
    believed: Believed,
    costs: Mapping[str, float] | None,
    together: float = 1.0,
) -> Estimation:
    """together: by how much the errors of a mean of classes exceed those of independent draws."""
    expected = expected_of(cells, reference, believed)
    values = values_of(expected, costs)
    apart = differences(cells, reference, believed, values, costs)
    names = [name for name, value in values.items() if math.isfinite(value)]
    wider = {name: together if name in OF_ALL_ALIKE else 1.0 for name in names}
    known = {name: _estimate(name, values[name], wider[name] * apart[name], expected) for name in names}
    return Estimation(expected, known)


def expected_of(
    cells: Sequence[Cells], reference: Sequence[ScoreCounts], believed: Believed
) -> BinaryEvidence | MulticlassEvidence:
    """The expected evidence of the cells, if scores mean what the reference says."""
    return believed(
        cells, [each.rows * Calibration.of(known)(each.scores) for each, known in zip(cells, reference, strict=True)]
    )


def differences(
    cells: Sequence[Cells],
    reference: Sequence[ScoreCounts],
    believed: Believed,
    names: Mapping[str, float],
    costs: Mapping[str, float] | None = None,
) -> dict[str, Numbers]:
    """Realised minus estimated value of each metric in each draw, if only noise parts them; NaN where undefined."""
    random = np.random.default_rng(SEED)
    few = [cell.pooled() for cell in cells]
    known = [*map(compact, reference)]
    truths = [*map(Calibration.of, known)]
    found: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(REPEATS):
        again = [_drawn(random, counts, truth) for counts, truth in zip(known, truths, strict=True)]
        drawn = [random.binomial(each.rows, truth(each.scores)) for each, truth in zip(few, truths, strict=True)]
        realised = values_of(believed(few, drawn), costs)
        told = values_of(expected_of(few, again, believed), costs)
        for name, values in found.items():
            values.append(realised.get(name, math.nan) - told.get(name, math.nan))
    return {name: np.array(values) for name, values in found.items()}


def _drawn(random: np.random.Generator, counts: ScoreCounts, truth: Calibration) -> ScoreCounts:
    rows = counts.negatives + counts.positives
    hits = random.binomial(rows, truth(counts.scores))
    return replace(counts, negatives=rows - hits, positives=hits)


def values_of(
    evidence: BinaryEvidence | MulticlassEvidence, costs: Mapping[str, float] | None = None
) -> dict[str, float]:
    """Every metric of the evidence, except those of a constant classifier, which say nothing about the model."""
    with np.errstate(all="ignore"):
        told = (each for each in metrics_given(evidence) if "operator" in each.facts)
        found = {each.name: float(each(evidence).value) for each in told}
    if costs and isinstance(evidence, BinaryEvidence):
        parts = {"tp": evidence.true_positives, "fp": evidence.false_positives}
        parts |= {"tn": evidence.true_negatives, "fn": evidence.false_negatives}
        found[BUSINESS_VALUE] = sum(worth * parts[name] for name, worth in costs.items()) / evidence.matrix.sum().item()
    return found


def _estimate(name: str, value: float, apart: Numbers, expected: BinaryEvidence | MulticlassEvidence) -> Estimate:
    drawn = apart[np.isfinite(apart)]
    if len(drawn) > REPEATS / 2:
        error = float(np.sqrt(np.mean(drawn * drawn)))
    else:
        error = math.nan
    usual = None
    if name != BUSINESS_VALUE:
        usual = METRICS[expected.PROBLEM_TYPE].get(name)(expected)
    if isinstance(usual, FractionEstimate):
        certain = not error or not 0 < value < 1
        if certain:
            trials = usual.trials
        else:
            trials = value * (1 - value) / error**2
        return FractionEstimate(value, round(usual.n), trials, METHOD, usual.bound, usual.units or usual.n)
    scale = Scale.LINEAR if usual is None else usual.scale
    rows = round(expected.matrix.sum().item())
    return JackknifeEstimate(value, rows, error, REPEATS - 1, scale, METHOD)
