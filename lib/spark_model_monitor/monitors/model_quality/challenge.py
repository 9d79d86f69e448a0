"""Compares two models: every metric of both, their difference, and the conclusion, valid however often you look. Pure.

If both answered the same rows, differences are paired: by DeLong for the area under the ROC curve, by the rows that
only one of them got right for accuracy, by leaving out blocks of rows for all others. Otherwise there are two samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spark_model_monitor.documents.challenge import Difference, Segment, Verdict
from spark_model_monitor.documents.model_quality import ComparisonOperator
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.model_quality.estimates import JackknifeEstimate, jackknifed
from spark_model_monitor.monitors.model_quality.evidence import Evidence, evidence_of
from spark_model_monitor.monitors.model_quality.metrics import metrics_given
from spark_model_monitor.statistics.drift.special_functions import log_gamma, normal_above, student_above
from spark_model_monitor.statistics.states.blocks import Keys, Numbers, blocks_of, summed
from spark_model_monitor.statistics.states.outcomes import OutcomeBuilder, OutcomePlan, Outcomes, class_key, is_positive
from spark_model_monitor.statistics.verdicts.components import two_sided_p_values
from spark_model_monitor.statistics.verdicts.sequential import reach, rows_to_tell

if TYPE_CHECKING:
    import pandas as pd

LEAST_ROWS = 100  # on either side; with fewer, no sum is nearly normal
LEAST_OF_A_CLASS = 10  # rows of either class, for the same reason
# of a non-numeric column; shown; chance of a false one among all
MOST_VALUES = 20
MOST_SEGMENTS = 10
SURELY = 0.01
FEW_ROWS = "{rows:,} rows with labels are too few for an interval; it takes {least:,}"
ONE_CLASS = "all labels of one side are of one class, so nothing says how well the other one is told"
FEW_OF_A_CLASS = "{rows:,} rows of one class are too few for an interval; it takes {least}"

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Answers:
    """A model's answers, one per row, and the truth.

    labels, predictions: numbers for regression, otherwise texts. scores: from 0 to 1. predictions, scores: may be None.
    keys: a hash of each row's id. of_classes: for many classes, as `OutcomeBuilder` expects it.
    """

    plan: OutcomePlan
    labels: Any
    predictions: Any
    scores: Any
    keys: Keys
    of_classes: Any = None

    @property
    def positive(self) -> Flags:
        """Whether each label is the positive class."""
        return _of_each(self.labels, lambda label: is_positive(label, self.plan.positive_label)).astype(bool)

    @property
    def right(self) -> Flags:
        """Whether each prediction is right."""
        if self.plan.with_predictions:
            return alike(self.labels, self.predictions)
        return np.asarray(self.positive == (self.scores > self.plan.threshold))

    @property
    def few(self) -> int:
        """Rows of the rarer class."""
        return int(min(self.positive.sum(), (~self.positive).sum()))

    def evidences(self) -> tuple[list[Evidence], Numbers]:
        """The evidence of all rows, then without each block of rows in turn; and the rows per block, shape (blocks,).

        The state of all blocks but one is the sum of the states before it and after it.
        Raises BadInput for invalid classes, as model quality does.
        """
        blocks = blocks_of(self.keys)
        rows = summed(blocks)
        zero = Outcomes.zero(self.plan)
        members: tuple[Any, ...] = (self.labels, self.predictions, self.scores, self.keys, None, self.of_classes)
        found = []
        for block in np.flatnonzero(rows).tolist():
            builder = OutcomeBuilder(self.plan)
            places = np.flatnonzero(blocks == block)
            builder.update(*(None if member is None else member.take(places) for member in members))
            found.append(replace(builder.state(), residuals=zero.residuals))
        before = list(accumulate(found, initial=zero))
        behind = list(accumulate(reversed(found), lambda total, each: each + total, initial=zero))[::-1]
        if len(found) > 1:
            left = [before[place] + behind[place + 1] for place in range(len(found))]
        else:
            left = []
        return [evidence_of(outcomes) for outcomes in (before[-1], *left)], rows


def alike(one: pa.Array, other: pa.Array) -> Flags:
    """Whether each text is the same class as the other one."""
    codes: dict[object, int] = {}
    left, right = (_of_each(side, lambda text: codes.setdefault(class_key(text), len(codes))) for side in (one, other))
    return np.asarray(left == right)


def _of_each(texts: pa.Array, function: Callable[[str], Any]) -> NDArray[Any]:
    encoded = texts.dictionary_encode()
    found: NDArray[Any] = np.array([function(text) for text in encoded.dictionary.to_pylist()])[
        encoded.indices.to_numpy()
    ]
    return found


Apart: TypeAlias = tuple[float, float, JackknifeEstimate, float | None]
"""The values of champion and challenger, their difference, and the p-value of a separate test."""


def delong(positive: Flags, *scores: Numbers) -> tuple[Numbers, Numbers]:
    """The areas under the ROC curves of scores of the same rows, shape (scores,), and their covariance, shape (scores, scores).

    Source: DeLong, DeLong and Clarke-Pearson 1988, by ranks as in Sun and Xu 2014, "Fast implementation of DeLong's algorithm".
    """
    m = int(positive.sum())
    n = int((~positive).sum())
    of_positives = np.empty((len(scores), m))
    of_negatives = np.empty((len(scores), n))
    for row, each in enumerate(scores):
        ranks = _ranks(each)
        of_positives[row] = (ranks[positive] - _ranks(each[positive])) / n
        of_negatives[row] = 1 - (ranks[~positive] - _ranks(each[~positive])) / m
    return of_positives.mean(axis=1), np.atleast_2d(np.cov(of_positives) / m + np.cov(of_negatives) / n)


def _ranks(values: Numbers) -> Numbers:
    """Ranks from 1; equal values share their mean rank."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[places])


def mcnemar(gained: int, lost: int) -> float:
    """The exact probability that rows which only one of two models got right are divided so unevenly.

    Source: McNemar 1947, "Note on the sampling error of the difference between correlated proportions or percentages".
    """
    rows = gained + lost
    hits = np.arange(min(gained, lost) + 1, dtype=np.float64)
    logs = log_gamma(np.array([rows + 1.0])) - log_gamma(hits + 1) - log_gamma(rows - hits + 1) - rows * math.log(2)
    return min(1.0, 2 * float(np.exp(logs).sum()))


def _accuracy(champion: Answers, challenger: Answers, *, paired: bool) -> Apart:
    """If paired, the variance is that of no difference, as in McNemar's test: rows only one got right over rows²."""
    before_right = champion.right
    right = challenger.right
    (n, before), (m, after) = ((len(side), float(side.mean())) for side in (before_right, right))
    if not paired:
        error = math.sqrt(before * (1 - before) / n + after * (1 - after) / m)
        method = "shares"
        p = None
    else:
        gained = int((right & ~before_right).sum())
        lost = int((before_right & ~right).sum())
        error = math.sqrt(gained + lost) / n
        method = "McNemar"
        p = mcnemar(gained, lost)
    return before, after, JackknifeEstimate(after - before, n, error, min(n, m) - 1, method=method), p


def _area(champion: Answers, challenger: Answers, *, paired: bool) -> Apart:
    few = min(champion.few, challenger.few)
    if few < 2:
        return math.nan, math.nan, JackknifeEstimate(math.nan, 0, math.nan, 0, method="DeLong"), None
    if paired:
        (before, after), [[own, both], [_, others]] = delong(champion.positive, champion.scores, challenger.scores)
    else:
        ([before], [[own]]), ([after], [[others]]) = (
            delong(side.positive, side.scores) for side in (champion, challenger)
        )
        both = 0.0
    error = math.sqrt(max(float(own + others - 2 * both), 0.0))
    p = None
    if error:
        p = min(1.0, 2 * normal_above(abs(float(after - before)) / error))
    return (
        float(before),
        float(after),
        JackknifeEstimate(float(after - before), few, error, few - 1, method="DeLong"),
        p,
    )


def _of_blocks(values: list[Numbers], rows: list[Numbers], *, paired: bool) -> Apart:
    """values: of each side, for all rows and then without each block in turn."""
    before, after = (float(each[0]) for each in values)
    if paired:
        found = jackknifed(lambda _: values[1] - values[0], rows[0])
        return before, after, replace(found, method="paired blocks"), None
    parts = [jackknifed(lambda _, each=each: each, of_side) for each, of_side in zip(values, rows, strict=True)]  # type: ignore[misc]
    squares = [part.standard_error**2 for part in parts]
    known = sum(square**2 / part.freedom for square, part in zip(squares, parts, strict=True) if square)
    freedom = sum(squares) ** 2 / known if known else 1.0  # Welch and Satterthwaite's
    found = JackknifeEstimate(after - before, parts[0].n, math.sqrt(sum(squares)), freedom, method="blocks")
    return before, after, found, None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models, and their differences. rows: of the trial; pairs, or the rows of both sides together. problem: why
    there is no verdict, whatever the numbers. wholes: the evidence of each side."""

    differences: Mapping[str, Difference]
    rows: int
    wholes: tuple[Evidence, Evidence]
    problem: str | None = None


def compared(champion: Answers, challenger: Answers, *, paired: bool, planned_rows: int) -> Comparison:
    """Every metric of both sides. paired: whether both have the same ids, row by row. planned_rows: of the whole trial.

    Raises BadInput for invalid classes.
    """
    (first, rows), (second, others) = champion.evidences(), challenger.evidences()
    fewer = min(len(champion.keys), len(challenger.keys))
    regression = champion.plan.is_regression
    if paired:
        of_trial = fewer
    else:
        of_trial = len(champion.keys) + len(challenger.keys)
    found: dict[str, Difference] = {}
    families = {""}  # one class metric of a family is enough: recall, not the false negative rate too
    of_both = {metric.name for metric in metrics_given(second[0])}
    for metric in metrics_given(first[0]):
        family = metric.facts.get("family", "")
        if family in families or metric.name not in of_both:
            continue
        families |= set() if regression else {family}
        if metric.name in ("accuracy", "auc"):
            apart = {"accuracy": _accuracy, "auc": _area}[metric.name](champion, challenger, paired=paired)
        else:
            values = [np.array([metric(evidence).value for evidence in side]) for side in (first, second)]
            apart = _of_blocks(values, [rows, others], paired=paired)
        higher = metric.facts["operator"] is ComparisonOperator.LESS_THAN
        found[metric.name] = _difference(metric.name, apart, of_trial, planned_rows, higher_is_better=higher)
    if champion.plan.is_binary:
        few = min(champion.few, challenger.few)
    else:
        few = LEAST_OF_A_CLASS
    problem = None
    if fewer < LEAST_ROWS:
        problem = FEW_ROWS.format(rows=fewer, least=LEAST_ROWS)
    if problem is None and few < LEAST_OF_A_CLASS:
        if few:
            problem = FEW_OF_A_CLASS.format(rows=few, least=LEAST_OF_A_CLASS)
        else:
            problem = ONE_CLASS
    return Comparison(found, of_trial, (first[0], second[0]), problem)


def _difference(name: str, apart: Apart, rows: int, planned: int, *, higher_is_better: bool) -> Difference:
    champion, challenger, found, p = apart
    members: dict[str, Any] = {}
    if math.isfinite(found.value) and math.isfinite(found.standard_error) and found.freedom > 0:
        half = reach(found.standard_error, found.freedom, rows, planned)
        members["interval"] = (found.value - half, found.value + half) if math.isfinite(half) else None
        if p is None and found.standard_error:
            p = min(1.0, 2 * student_above(abs(found.value) / found.standard_error, found.freedom))
    members |= {"standard_error": found.standard_error, "p": p, "method": found.method}
    sides: dict[str, Any] = {"champion": champion, "challenger": challenger, "difference": found.value}
    return Difference(name=name, **sides, higher_is_better=higher_is_better, **members)


def apart(champion: Answers, challenger: Answers) -> Numbers:
    """For each pair 1 if the answers differ, else 0; for regression the distance of the answers."""
    if champion.plan.is_regression:
        distances: Numbers = np.abs(champion.predictions - challenger.predictions)
        return distances
    if champion.plan.with_predictions:
        return (~alike(champion.predictions, challenger.predictions)).astype(float)
    above = [side.scores > side.plan.threshold for side in (champion, challenger)]
    return np.asarray(above[0] != above[1], float)


def disagreeing(asked: pd.DataFrame, gaps: Numbers) -> tuple[Segment, ...]:
    """The input values where models disagree more or less than elsewhere, the clearest first, if one so clear among all
    has probability 0.01 at most. asked: a row per pair; numbers are divided into quarters. gaps: each one's `apart`.
    """
    import pandas as pd

    looked = []
    total = gaps.sum()
    pairs = len(gaps)
    are_shares = bool(np.isin(gaps, (0, 1)).all())
    for name, values in asked.items():
        numbers = pd.to_numeric(values, errors="coerce")
        is_cut = values.nunique() > MOST_VALUES and numbers.notna().sum() == values.notna().sum()
        if is_cut:
            groups = pd.qcut(numbers, 4, duplicates="drop").astype("string")
        else:
            groups = values
        for value, rows in groups.groupby(groups).indices.items():
            n = len(rows)
            others = pairs - len(rows)
            if min(n, others) < LEAST_ROWS:
                continue
            inside = gaps[rows].sum()
            if are_shares:
                p = float(two_sided_p_values(*np.array((total, inside, others, n), float)[:, None])[0])
            else:
                error = math.sqrt(gaps.var() * (1 / n + 1 / others))
                if error:
                    p = 2 * normal_above(abs(inside / n - (total - inside) / others) / error)
                else:
                    p = 1.0
            looked.append((p, str(name), str(value), n, float(inside / n)))
    found = sorted(each for each in looked if each[0] * len(looked) <= SURELY)[:MOST_SEGMENTS]
    return tuple(
        Segment(feature=name, value=value, rows=n, disagreement=mean, p=p * len(looked))
        for p, name, value, n, mean in found
    )


def decided(
    comparison: Comparison, metric: str | None, planned_rows: int, least_gain: float = 0.0
) -> tuple[str, Verdict, str, int | None]:
    """The decisive metric, the verdict, the reason, and the rows needed for a verdict; None if given, or unknown.

    least_gain: in the metric's unit, by how much a challenger must be better to be worth it.
    Raises BadConfiguration for a metric that the answers don't allow.
    """
    names = tuple(comparison.differences)
    name = metric or next(each for each in ("auc", "accuracy", "mae") if each in names)
    if name not in names:
        raise BadConfiguration(f"metric is {name!r}, which these answers don't give; write one of {', '.join(names)}")
    found = comparison.differences[name]
    if comparison.problem or found.interval is None or not found.standard_error:
        if found.difference == 0:
            alike = "both answer alike"
        else:
            alike = f"{name} has no interval here"
        return name, Verdict.CANNOT_TELL, comparison.problem or alike, None
    sign = 1 if found.higher_is_better else -1
    low, high = sorted(sign * end for end in found.interval)
    if low > 0:
        return name, Verdict.PROMOTE, f"the challenger's {name} is better", None
    if high < 0:
        return name, Verdict.KEEP, f"the champion's {name} is better", None
    if high < least_gain:
        return name, Verdict.KEEP, f"the challenger gains less than {least_gain:g} of {name}", None
    gain = (low + high) / 2
    apart = (abs(gain), least_gain - gain if least_gain else 0.0)
    needed = [rows_to_tell(each, found.standard_error, comparison.rows, planned_rows) for each in apart if each > 0]
    told = min((each for each in needed if each is not None), default=None)
    return name, Verdict.CANNOT_TELL, f"the difference of {name} may be chance", told
