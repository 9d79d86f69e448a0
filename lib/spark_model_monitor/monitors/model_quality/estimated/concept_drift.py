"""Does a score still mean what it did? Compares labels with what their scores promise, and names the change. Pure.

Covariate shift: the inputs changed, and scores kept their meaning. Concept drift: they didn't.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.documents.check_results import HOTELLING, CheckResult, CheckStatus
from spark_model_monitor.documents.headline import CONCEPT_DRIFT
from spark_model_monitor.documents.outcome import METRIC_CHANGE
from spark_model_monitor.documents.page import number_text
from spark_model_monitor.monitors.model_quality.calibration import (
    Calibration,
    check_calibration,
    check_classes,
    compact,
)
from spark_model_monitor.monitors.model_quality.estimated.estimation import (
    SEED,
    Cells,
    Numbers,
    differences,
    expected_of,
    of_many,
    of_two,
    values_of,
)
from spark_model_monitor.monitors.model_quality.evidence import BinaryEvidence, MulticlassEvidence
from spark_model_monitor.monitors.protocol import Finding
from spark_model_monitor.statistics.states.outcomes import class_key
from spark_model_monitor.statistics.states.scores import SQUARED_ERROR, ClassScores, ScoreCounts, calibration
from spark_model_monitor.statistics.verdicts.components import LEAST_EFFECT
from spark_model_monitor.statistics.verdicts.intra_class_correlation import design_effect_in_blocks
from spark_model_monitor.statistics.verdicts.multiple_testing import POWER

METRIC = "label_given_score"
DRAWS = 400  # of labels; enough for the covariance of the two sums that are tested
FEWEST_UNCERTAIN = 25.0
"""Rows of either side that could have either label, as a sum of probabilities; with fewer, no sum is nearly normal."""
# Kolmogorov's critical value at 0.001, and the smallest distance worth reporting
MOVED = 1.95
MUCH = 0.05

CHANGED = "is another one: {seen}"
APART = "{metric} is {real}, and {told} was to be expected"
ELSEWHERE = "{metric} is {real} as was to be expected, but {more} rows are {which} than the scores promise, by {shift:.1%} of all"
THE_WORLD = "Inputs as they were, and the answer changed: the world did. {seen}."
EITHER = (
    "Inputs moved, and a score is worth something else: {seen}. Scores alone can't tell a changed world from inputs that the "
    "model doesn't see."
)
COST = "Inputs moved and cost {points:.1f} points of {metric}; the model held: a score is worth what it was."
HELD = "Inputs moved, the model held: a score is worth what it was."
AS_IT_WAS = "Inputs are as they were, and so is what a score is worth."
UNSEEN = " Flipped labels in less than {smallest:.1%} of the rows would not be seen."
LONGER_WINDOWS = "take longer windows, with more labels"
TOO_SURE = (
    "by their scores {rows:.0f} rows could have either label; to tell a changed answer from chance takes {needed:.0f}"
)


@dataclass(frozen=True, slots=True)
class ConceptDrift:
    """p: probability of labels this far from what the scores promise. flips: share of labels that seem flipped. shift:
    excess of the share of positive labels over the promise. smallest: share of flips that is detected 9 times in 10.
    """

    p: float
    flips: float
    shift: float
    smallest: float

    @property
    def effect(self) -> float:
        return max(abs(self.flips), abs(self.shift))


Scored = BinaryEvidence | MulticlassEvidence


def can_be_judged(before: object, now: object) -> bool:
    """Whether both sides have classes with scores, and the baseline's scores are probabilities."""
    if not isinstance(before, Scored) or type(before) is not type(now) or not isinstance(now, Scored):
        return False
    if before.scores is None or now.scores is None:
        return False
    if isinstance(before.scores, ScoreCounts):
        return check_calibration(before.scores).problem is None
    return check_classes(ClassScores(dict(zip(before.classes, before.scores, strict=True)))).problem is None


def sides_of(before: Scored, now: Scored) -> list[tuple[ScoreCounts, ScoreCounts]]:
    """The scores of both sides: of two classes, or of each class that both sides know against the rest."""
    assert before.scores is not None  # as `can_be_judged` ensures
    assert now.scores is not None
    if isinstance(before, BinaryEvidence) or isinstance(now, BinaryEvidence):
        return [(before.scores, now.scores)]  # type: ignore[list-item]  # both are of two classes
    known = dict(zip(map(class_key, before.classes), before.scores, strict=True))
    here = zip(map(class_key, now.classes), now.scores, strict=True)
    pairs = [(known[key], scores) for key, scores in here if key in known]
    return [pair for pair in pairs if all(len(side.scores) for side in pair)]


def drift_of(
    reference: ScoreCounts, window: ScoreCounts, level: float, seed: int = SEED, groups: float = 1.0
) -> ConceptDrift | None:
    """Both counts are by score and label. None if too few labels are uncertain.

    Tests two sums of the labels' excess over the promise p together: plain, and weighted by 1 - 2p, which flips
    change most. Their covariance comes from labels drawn on either side, so that a small baseline counts as such.
    Source: Hotelling 1931, "The generalization of Student's ratio".
    """
    random = np.random.default_rng(seed)
    known = compact(reference)
    cells = Cells.of(window)
    # without a miss it is not certainly right
    calibration = Calibration.of(known)
    truth = Calibration.of(known, prior=0.5)
    few = cells.pooled()
    rows = few.rows.sum(axis=0)
    likely = truth(few.scores)
    rows_known = known.negatives + known.positives
    of_known = truth(known.scores)
    freedom = min(*(uncertain_rows(reference, side) / groups for side in (reference, window)), DRAWS - 2)
    if freedom < FEWEST_UNCERTAIN:
        return None
    drawn = np.empty((DRAWS, 2))
    for row in drawn:
        hits = random.binomial(rows_known, of_known)
        again = Calibration.of(replace(known, negatives=rows_known - hits, positives=hits))
        row[:] = _sums(random.binomial(rows, likely), rows, again(few.scores))
    observed = _sums(cells.rows[1], cells.rows.sum(axis=0), calibration(cells.scores))
    inverse = np.linalg.pinv(np.cov(drawn.T) * groups)
    apart: Numbers = observed - drawn.mean(axis=0)
    squared = float(apart @ inverse @ apart) * (DRAWS - 2) / (2 * (DRAWS - 1)) / (1 + 1 / DRAWS)
    p = (1 + 2 * squared / freedom) ** (-freedom / 2)  # the tail of F with 2 and `freedom` degrees of freedom
    promise = calibration(few.scores)
    of_flips = _sums(rows * (1 - promise), rows, promise)
    known_by = float(of_flips @ inverse @ of_flips)
    if known_by > 0:
        error = 1 / math.sqrt(known_by)
    else:
        error = math.inf
    if known_by > 0:
        flips = float(of_flips @ inverse @ apart) * error * error
    else:
        flips = 0.0
    critical = math.sqrt(freedom * (level ** (-2 / freedom) - 1))
    smallest = max((critical + POWER) * error, LEAST_EFFECT + POWER * error)
    return ConceptDrift(p, flips, float(apart[0] / rows.sum()), min(smallest, 1.0))


def uncertain_rows(reference: ScoreCounts, side: ScoreCounts) -> float:
    """The variance of the number of positive labels on a side, with the reference's probabilities of its scores."""
    likely = Calibration.of(compact(reference), prior=0.5)(side.scores)
    return float(((side.negatives + side.positives) * likely * (1 - likely)).sum())


def _sums(hits: NDArray[Any], rows: NDArray[Any], promise: Numbers) -> Numbers:
    """The labels' excess over the promise: plain, and weighted by 1 - 2p."""
    above = hits - rows * promise
    return np.array([above.sum(), (above * (1 - 2 * promise)).sum()])


def worst_of(sides: list[tuple[ScoreCounts, ScoreCounts]], level: float, groups: float = 1.0) -> ConceptDrift | None:
    """The least likely drift of any class, its p adjusted for all classes (Bonferroni), and what is seen of each."""
    each_level = level / len(sides)
    found = [drift for side in sides if (drift := drift_of(*side, each_level, groups=groups)) is not None]
    if not found:
        return None
    worst = min(found, key=lambda drift: drift.p)
    return replace(worst, p=min(1.0, worst.p * len(sides)), smallest=max(drift.smallest for drift in found))


def judged(before: Scored, now: Scored, level: float, groups: float = 1.0) -> CheckResult:
    """The check of a window with labels, with a sentence on the kind of change. groups: how many rows count as
    one."""
    sides = sides_of(before, now)
    drift = worst_of(sides, level, groups)
    if drift is None:
        rows = max((min(uncertain_rows(known, side) for side in (known, here)) for known, here in sides), default=0.0)
        reason = TOO_SURE.format(rows=rows / groups, needed=FEWEST_UNCERTAIN)
        return _finding(CheckStatus.NOT_JUDGED, before, now, reason=reason)
    metric, real, told, apart = _headline(before, now)
    words: dict[str, Any] = {"metric": metric, "real": number_text(real, 3), "told": number_text(told, 3)}
    words |= {"shift": abs(drift.shift), "more": "more" if drift.shift > 0 else "fewer"}
    words["which"] = "positive" if isinstance(now, BinaryEvidence) else "of one class"
    words["seen"] = (APART if words["real"] != words["told"] else ELSEWHERE).format(**words)
    is_moved = any(_moved(*side) for side in sides)
    numbers = {"observed": real - told, "interval": apart, "decided_by": HOTELLING, "p": drift.p, "level": level}
    numbers |= {"effect": drift.effect, "least_effect": LEAST_EFFECT}
    numbers["smallest_change"] = drift.smallest
    if drift.p <= level and drift.effect >= LEAST_EFFECT:
        said = (EITHER if is_moved else THE_WORLD).format(**words)
        texts = {"reason": said, "description": said, "change": CHANGED.format(**words)}
        return _finding(CheckStatus.VIOLATED, before, now, **texts, **numbers)
    lost = values_of(before)[metric] - told
    half = (apart[1] - apart[0]) / 2
    if lost > half:
        reason = COST.format(points=100 * lost, metric=metric)
    else:
        reason = HELD
    if not is_moved:
        reason = AS_IT_WAS
    reason += UNSEEN.format(smallest=drift.smallest)
    if drift.smallest > METRIC_CHANGE:  # flipped labels in so many rows
        return _finding(CheckStatus.CANNOT_TELL, before, now, reason=reason, advice=LONGER_WINDOWS, **numbers)
    return _finding(CheckStatus.PASSED, before, now, reason=reason, **numbers)


def likeness_of(now: Scored) -> float:
    """How many rows count as one, estimated from how blocks of groups meet their scores' promise. Source: D4.21."""
    assert now.probabilities is not None  # as `can_be_judged` ensures
    rows, hits, scores = (each.sum(axis=0) for each in calibration(now.probabilities))
    mean = (hits - scores).sum() / max(rows.sum(), 1)
    squares = now.probabilities.of(SQUARED_ERROR).sum() - mean**2 * rows.sum()
    return float(design_effect_in_blocks((hits - scores - mean * rows)[None], np.array([squares]), rows)[0])


def _finding(status: CheckStatus, before: Scored, now: Scored, **members: object) -> CheckResult:
    finding = Finding(status, 0.0, n=before.rows, m=now.rows, **members)  # type: ignore[arg-type]
    return finding.result(CONCEPT_DRIFT, metric=METRIC)


def _headline(before: Scored, now: Scored) -> tuple[str, float, float, tuple[float, float]]:
    """Accuracy, or the area if no threshold of the score determines predictions: its name, its realised and its
    estimated value, and the 95 % interval of their difference. For many classes the mean area of each against the rest.
    """
    reference = [known for known, _ in sides_of(before, now)]
    if isinstance(now, BinaryEvidence):
        metric, binary = _by_threshold(now)
        cells = [binary]
        believed = of_two()
    else:
        cells = [Cells.of(here) for _, here in sides_of(before, now)]
        metric = "macro_auc"
        believed = of_many((), np.zeros(len(cells), np.int64))
    expected = expected_of(cells, reference, believed)
    told, real = (values_of(each)[metric] for each in (expected, now))
    drawn = differences(cells, reference, believed, {metric: told})[metric]
    drawn = drawn[np.isfinite(drawn)]
    middle = real - told - float(drawn.mean())
    reach = 1.96 * float(drawn.std())
    return metric, real, told, (middle - reach, middle + reach)


def _by_threshold(now: BinaryEvidence) -> tuple[str, Cells]:
    """The headline metric of labelled scores: accuracy if a threshold of scores decides predictions; and the cells."""
    assert now.scores is not None
    total = now.scores.negatives + now.scores.positives
    above = np.cumsum(total[::-1])[::-1] - total  # rows with a higher score
    taken = np.clip(now.matrix[:, 1].sum() - above, 0, total).astype(np.int64)
    right = float((now.scores.positives * np.divide(taken, total)).sum())
    if abs(right - now.true_positives) < 1 + total[(taken > 0) & (taken < total)].sum():
        metric = "accuracy"
    else:
        metric = "auc"
    return metric, Cells(now.scores.scores, np.stack([total - taken, taken]))


def _moved(before: ScoreCounts, now: ScoreCounts) -> bool:
    """Whether the distribution of scores changed: the largest gap of their shares, by Kolmogorov and Smirnov."""
    places = np.union1d(before.scores, now.scores)
    shares = []
    for side in (before, now):
        counted = np.cumsum(side.negatives + side.positives)
        at = np.searchsorted(side.scores, places, side="right")
        shares.append(np.concatenate([[0], counted])[at] / counted[-1])
    n, m = (float((side.negatives + side.positives).sum()) for side in (before, now))
    return float(np.abs(shares[0] - shares[1]).max()) > max(MOVED * math.sqrt(1 / n + 1 / m), MUCH)
