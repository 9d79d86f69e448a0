"""Which feature's shift explains a loss, and whether a new model is worth its cost. Pure numpy and pandas.

Rows with known losses are reweighted to the distribution of later rows, feature by feature. `concept_drift` answers another
question: whether the same inputs still have the same answers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from spark_model_monitor.arguments import require_share
from spark_model_monitor.errors import BadConfiguration, BadInput
from spark_model_monitor.statistics import Doubles, Integers
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    import pandas as pd

BinIndexes = Integers  # shape (rows,), the index of each row's bin

BINS = 10  # bins of a numeric feature, with about equally many rows
MAX_TEXTS = 20  # the most frequent texts of a feature, each with its own bin; all others share one
MAX_ROUNDS = 50  # maximum number of rounds of raking
PATH_POINTS = 24  # points of Gauss-Legendre quadrature between known and later rows
MIN_ROWS = 100  # minimum number of rows on each side


@value_class
class LossByFeature:
    """What the shift of each feature costs.

    Parameters
    ----------
    before, after : float
        Mean loss of the known rows; and mean loss of the later rows, as given or as the features explain it.
    by_feature : mapping of str to float
        The part of the difference that each feature's shift explains, the largest first.
    unexplained : float
        The rest of the difference, such as changed relations between features; 0 unless `after` is given. It and all parts
        add up to `after` - `before`.
    effective_rows : float
        How many known rows the weighted rows count as (Kish's effective sample size).
    """

    before: float
    after: float
    by_feature: Mapping[str, float]
    unexplained: float
    effective_rows: float


def loss_by_feature(
    known: pd.DataFrame, later: pd.DataFrame, loss: str, *, after: float | None = None
) -> LossByFeature:
    """How much of a loss the shift of each feature explains.

    Parameters
    ----------
    known : pandas.DataFrame
        Rows of the baseline, with known losses: features, and a column of the losses.
    later : pandas.DataFrame
        Rows with the same features; no labels are needed.
    loss : str
        The column of `known` with the loss of each row: 1 for a wrong answer and 0 for a right one, or an absolute error.
    after : float, optional
        Mean loss of the later rows, estimated or realised: the total that is divided among features. By default what the
        features explain.

    Returns
    -------
    LossByFeature
        The parts, which add up to the total.

    Raises
    ------
    BadConfiguration
        If the column is missing, or `later` lacks a feature.
    BadInput
        If a loss is not a number, or one side has fewer than 100 rows.

    Notes
    -----
    Weights are exp(f1 + f2 + …), a function of each feature, so that every feature is spread as in the later rows (raking). On
    the way there the mean loss changes by its covariance with f1, with f2, …: a feature's part is the sum of its own.

    Source: Deming and Stephan 1940, "On a least squares adjustment of a sampled frequency table"; Aumann and Shapley 1974,
    "Values of non-atomic games".

    Examples
    --------
    >>> import pandas as pd
    >>> from spark_model_monitor import loss_by_feature
    >>> known = pd.DataFrame({"plan": ["a", "b"] * 200, "wrong": [0, 0, 0, 1] * 100})
    >>> later = pd.DataFrame({"plan": ["a", "b", "b", "b"] * 100})
    >>> round(loss_by_feature(known, later, "wrong").by_feature["plan"], 2)
    0.12
    """
    import pandas as pd

    # Both sides need the same features and enough rows
    if loss not in known.columns:
        raise BadConfiguration(f"loss is {loss!r}, which is no column of the known rows")
    names = [str(name) for name in known.columns if name != loss]
    absent = [name for name in names if name not in later.columns]
    if absent:
        raise BadConfiguration(
            f"the later rows have no {', '.join(map(repr, absent))}; give both sides the same features"
        )
    losses: Doubles = np.asarray(pd.to_numeric(known[loss], errors="coerce"), dtype=np.float64)
    if not np.isfinite(losses).all():
        raise BadInput(f"{int((~np.isfinite(losses)).sum()):,} losses are no numbers; leave these rows out")
    for name_of_side, rows in (("known", len(known)), ("later", len(later))):
        if rows < MIN_ROWS:
            raise BadInput(f"there are {rows:,} {name_of_side} rows; to distinguish features takes {MIN_ROWS:,}")
    # Weights that give the known rows the later rows' shares of each feature
    bins_by_feature = []
    shares_by_feature = []
    for name in names:
        known_bins, later_bins = _bin_rows(known[name], later[name])
        bins_by_feature.append(known_bins)
        shares_by_feature.append(_later_shares(known_bins, later_bins))
    exponents = _fit_to_margins(bins_by_feature, shares_by_feature)
    parts = _integrate_parts(losses, exponents)
    weights = _normalized_weights(sum(exponents, np.zeros(len(losses))))
    # Sort features by the size of their part
    part_by_name = dict(zip(names, parts.tolist(), strict=True))
    by_feature = {name: part_by_name[name] for name in sorted(names, key=lambda name: -abs(part_by_name[name]))}
    before = float(losses.mean())
    explained = before + float(parts.sum())
    total_after = explained if after is None else after
    effective_rows = float(1 / np.sum(weights**2))
    return LossByFeature(before, total_after, by_feature, total_after - explained, effective_rows)


def _bin_rows(known_column: Any, later: Any) -> tuple[BinIndexes, BinIndexes]:
    """The bin of each row: numbers by quantiles of the known rows, texts by value. Missing cells have a bin of their own."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(known_column) and not pd.api.types.is_bool_dtype(known_column):
        columns = [
            np.asarray(pd.to_numeric(column, errors="coerce"), dtype=np.float64) for column in (known_column, later)
        ]
        finite = columns[0][np.isfinite(columns[0])]
        edges = np.zeros(0)
        if len(finite):
            # The edges are the distinct quantiles of the known rows, without infinite and missing cells
            edges = np.unique(np.quantile(finite, np.linspace(0, 1, BINS + 1)[1:-1]))
        bins = [np.where(np.isnan(column), len(edges) + 1, edges.searchsorted(column)) for column in columns]
        return bins[0], bins[1]
    # Rare texts share a bin, and missing cells have the last bin
    frequent = known_column.astype("string").value_counts().index[:MAX_TEXTS]
    bins = []
    for column in (known_column, later):
        texts = column.astype("string")
        bin_of_text = frequent.get_indexer(texts)
        bins.append(np.where(texts.isna(), MAX_TEXTS + 1, np.where(bin_of_text < 0, MAX_TEXTS, bin_of_text)))
    return bins[0], bins[1]


def _later_shares(known_bins: BinIndexes, later_bins: BinIndexes) -> Doubles:
    """The later rows' share of each bin that has known rows; other bins get 0."""
    size = int(max(known_bins.max(), later_bins.max())) + 1
    counted = np.bincount(later_bins, minlength=size) + 0.5  # a bin that happens to be empty may still be possible
    counted = np.where(np.bincount(known_bins, minlength=size) > 0, counted, 0.0)
    shares: Doubles = counted / counted.sum()
    return shares


def _fit_to_margins(bins_by_feature: Sequence[BinIndexes], wanted_shares: Sequence[Doubles]) -> list[Doubles]:
    """For each feature, the exponent of each row's weight, such that every feature gets its wanted shares (raking)."""
    exponents = [np.zeros(len(shares)) for shares in wanted_shares]
    total = np.zeros(len(bins_by_feature[0]))
    for _ in range(MAX_ROUNDS):
        moved = 0.0
        for row_bins, shares, exponent in zip(bins_by_feature, wanted_shares, exponents, strict=True):
            current_shares = np.bincount(row_bins, _normalized_weights(total), minlength=len(shares))
            # A bin without known rows can't be weighted and keeps its exponent
            step = np.log(np.divide(shares, current_shares, out=np.ones_like(shares), where=current_shares > 0))
            exponent += step
            total += step[row_bins]
            moved = max(moved, float(np.abs(step).max()))
        if moved < 1e-9:
            break
    return [exponent[row_bins] for row_bins, exponent in zip(bins_by_feature, exponents, strict=True)]


def _normalized_weights(exponents: Doubles) -> Doubles:
    weights = np.exp(exponents - exponents.max())
    shares: Doubles = weights / weights.sum()
    return shares


def _integrate_parts(losses: Doubles, exponents: Sequence[Doubles]) -> Doubles:
    """For each feature, the integral of the covariance between its exponent and the loss, along the path to the final
    weights.
    """
    steps, lengths = np.polynomial.legendre.leggauss(PATH_POINTS)
    total = sum(exponents, np.zeros(len(losses)))
    parts = np.zeros(len(exponents))
    for step, length in zip((steps + 1) / 2, lengths / 2, strict=True):
        weights = _normalized_weights(step * total)
        weighted_deviations = weights * (losses - weights @ losses)
        parts += length * np.array([float(weighted_deviations @ exponent) for exponent in exponents])
    return parts


@value_class
class Retraining:
    """Whether a new model pays for itself. verdict: `retrain`, `keep` or `cannot tell`. lines: the arithmetic, each
    number by name; `pays_after` in days, infinite if never.
    """

    verdict: str
    lines: Mapping[str, float]


def retraining(
    loss: float,
    interval: tuple[float, float],
    *,
    rows_a_day: float,
    cost_of_loss: float,
    cost_of_retraining: float,
    days: float,
    regained: float = 1.0,
) -> Retraining:
    """Compares the cost of a loss with the cost of a new model. Plain arithmetic.

    Parameters
    ----------
    loss : float
        How much worse the model is than in its baseline, estimated or realised (0.03 is three points of accuracy).
    interval : tuple of float
        Both ends of the loss.
    rows_a_day : float
        Predictions per day.
    cost_of_loss : float
        Cost of a loss of 1: one wrong answer, or one unit of error.
    cost_of_retraining : float
        Cost of data, labels, computing and people, in the same unit.
    days : float
        How long the new model would serve.
    regained : float, default 1
        The share of the loss that a new model would win back, 0 to 1.

    Returns
    -------
    Retraining
        `retrain` if the low end of the loss costs more than a new model, `keep` if the high end costs less.

    Raises
    ------
    BadConfiguration
        If a number is impossible for its meaning.

    Examples
    --------
    >>> from spark_model_monitor import retraining
    >>> found = retraining(
    ...     0.03, (0.02, 0.04), rows_a_day=1000, cost_of_loss=5, cost_of_retraining=4000, days=90
    ... )
    >>> found.verdict, round(found.lines["pays_after"], 1)
    ('retrain', 26.7)
    """
    numbers = {
        "rows_a_day": rows_a_day,
        "cost_of_loss": cost_of_loss,
        "cost_of_retraining": cost_of_retraining,
        "days": days,
    }
    for name, number in numbers.items():
        if not (math.isfinite(number) and number >= 0):
            raise BadConfiguration(f"{name} is {number!r}; it has to be a number from 0")
    low, high = interval
    if not low <= loss <= high:
        raise BadConfiguration(f"interval is {interval!r}, and the loss {loss!r} is not in it; write its low end first")
    require_share("regained", regained)
    a_day = {name: rate * rows_a_day * cost_of_loss for name, rate in (("", loss), ("_low", low), ("_high", high))}
    won = {name: cost * regained * days for name, cost in a_day.items()}
    verdict = "cannot tell"
    # There is a verdict only if both ends of the loss agree
    if won["_low"] > cost_of_retraining:
        verdict = "retrain"
    elif won["_high"] <= cost_of_retraining:
        verdict = "keep"
    lines = {f"loss_a_day{name}": cost for name, cost in a_day.items()}
    lines |= {f"won_back{name}": cost for name, cost in won.items()}
    saving_a_day = a_day[""] * regained
    lines["pays_after"] = cost_of_retraining / saving_a_day if saving_a_day > 0 else math.inf
    return Retraining(verdict, lines)
