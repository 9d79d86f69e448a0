"""Missing values replaced by a value: fewer values are missing than usual, and one value has as many more rows. Pure.

Neither change need be significant alone. Both together are, given their correlation in healthy windows.

Source: D4.22.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.statistics.drift.distributions import Counts
from spark_model_monitor.statistics.drift.special_functions import normal_above, normal_quantile
from spark_model_monitor.statistics.verdicts.components import Component, Lacking, Samples, chance_of_more, rarer
from spark_model_monitor.statistics.verdicts.missing import chance_of_few
from spark_model_monitor.statistics.verdicts.variation import (
    ENOUGH_WINDOWS,
    FEWEST_WINDOWS,
    LARGEST_GROWTH,
    Groups,
    Raw,
    allowed_for,
    group_size,
    lomax_above,
)

FILLING_TEXTS = frozenset({"", "null", "none", "nan", "n/a", "na", "#n/a", "nil", "-", "?", "unknown"})

FEWER, MORE = 0.05, 0.01  # above these p-values, missing values are not fewer, or a value doesn't have more rows
AS_MANY = 1.5  # times the largest earlier number of missing values: a larger gain has other causes, too
MOST_LOOKED_AT = 64  # the values that moved most


@dataclass(frozen=True, slots=True)
class Risen:
    """The value with significantly more rows. place: its index. before, after: its counts. known: whether the baseline
    has it for certain. gain: the least increase of its share. p: for independent rows, not adjusted for `tests`.
    """

    place: int
    before: float
    after: float
    known: bool
    gain: float
    p: float
    tests: float


def risen(
    before: Counts, after: Counts, which: NDArray[np.bool_], samples: Samples, errors: Counts | None = None
) -> Risen | None:
    """The value whose increase has the smallest p-value, of those in `which`, which share half of the level; None if
    none has increased. before, after: counts of each value. errors: the error of each value's two shares together.

    Source: Tarone 1990, "A modified Bonferroni method for discrete data".
    """
    n, m = samples.n, samples.m
    errors = np.zeros(len(before)) if errors is None else errors
    gaps, totals = after / m - before / n - errors / 2, before + after
    scores = np.where(which & (gaps > 0), gaps / np.sqrt(np.maximum(totals, 1.0)), 0.0)
    looked_at = np.argsort(-scores, kind="stable")[:MOST_LOOKED_AT]
    looked_at = looked_at[scores[looked_at] > 0]
    if not len(looked_at):
        return None
    all_rows, counts = totals[looked_at], np.floor(totals * samples.share + gaps * samples.effective)[looked_at]
    of_window, of_both = (np.full(len(all_rows), float(size)) for size in (m, n + m))
    p = rarer(all_rows, counts, of_window, of_both, np.zeros(len(all_rows), np.int64))
    best = int(p.argmin())
    least, place = max(float(p[best]), 1e-300), int(looked_at[best])
    tests = np.count_nonzero(which & (totals >= math.log(least) / math.log(samples.share)))  # that could be as rare
    counted = float(before[place]), float(after[place])
    return Risen(place, *counted, counted[0] > errors[place] * n, float(gaps[place]), least, 2.0 * max(1, tests))


def chance_of_fewer(lacking: Lacking) -> float:
    """The p-value of so few missing values, for independent rows; above `FEWER`, none were replaced by a value."""
    (b, n), (w, m) = lacking
    return chance_of_more(n - b, n, m - w, m)


def filled(
    value: Risen,
    lacking: Lacking,
    samples: Samples,
    now: Mapping[str, float] | None = None,
    past: Raw | None = None,
    groups: Groups | None = None,
    *,
    is_zero: bool = False,
) -> Component | None:
    """The test for missing values replaced by a value; None if they weren't. now, past: raw statistics of the window
    and of earlier windows; None for independent rows. is_zero: whether the value is the number 0.

    Fisher's method combines both p-values, after removing their correlation. The test replaces `missing`, which tests
    for more missing values, so its p-value is doubled.
    Source: Fisher 1925, "Statistical methods for research workers", 21.1.
    """
    (b, n), (w, m) = lacking
    before, after = b / n, w / m
    fewer, most, alike = chance_of_fewer(lacking), before, 0.0
    if now is None or past is None or groups is None:
        more = min(1.0, value.p * value.tests)
    else:
        past = _told(past, "zero" if is_zero and value.known else "nulls")
        if len(past["nulls"]) < FEWEST_WINDOWS or (more := _more(value, samples, now, past, groups, is_zero)) > MORE:
            return None
        missing: Counts = (past["nulls"] + 0.5) / past["of"]
        near = past["effective"] * LARGEST_GROWTH >= now["effective"]  # only these count if there are many
        of_most = missing[near] if np.count_nonzero(near) >= ENOUGH_WINDOWS else missing
        fewer = max(fewer, chance_of_few(w, m, of_most, groups.of("missing")))
        most = max(most, float((past["nulls"] / past["of"]).max()))
        if is_zero and value.known:
            alike = _alike(missing, past["zero"])
    gain = value.gain * (m - w) / m
    if fewer > FEWER or more > MORE or gain > AS_MANY * most:
        return None
    shared = alike * -normal_quantile(min(max(fewer, 1e-300), 0.5))
    both = max(fewer * normal_above(-normal_quantile(max(more, 1e-300)) - shared), 1e-300)
    p = min(1.0, 2 * both * (1 - math.log(both)))
    return Component("filled", p, before - after, chances=(fewer, more))


def _told(past: Raw, name: str) -> Raw:
    """The past windows with known missing values and this statistic; earlier releases didn't record them."""
    known = ~np.isnan(past["nulls"] + past[name])
    return past if known.all() else {key: each[known] for key, each in past.items()}


def _more(value: Risen, samples: Samples, now: Mapping[str, float], past: Raw, groups: Groups, is_zero: bool) -> float:
    """The p-value of a value's increase given the variation of windows: with its own variance, from parts and windows,
    if it is zero, else with that of cells. For a value that the baseline lacks, groups of rows determine it.
    """
    if not value.known:
        own = max(1.0, groups.of_values, groups.new_values, np.nan_to_num(group_size(past), nan=1.0))
        p: float = max(value.p, math.pow(samples.share, max(1.0, value.gain * samples.m / own))) * value.tests
        if not np.isnan(past["unseen"]).any():
            p = max(p, lomax_above(value.gain, past["unseen"], 1 / samples.m))
        return min(1.0, p)
    name, total, share = "zero" if is_zero else "cell", value.before + value.after, samples.share
    deviation = math.sqrt(total * share * (1 - share) * (1 - total / (samples.n + samples.m)))
    told = {key: now[key] for key in ("rows", "effective", "cells")} | {
        name: value.gain * samples.effective / deviation
    }
    component = Component(name, min(1.0, 2 * value.p * value.tests), 1.0, value.tests)
    return allowed_for(component, told, past, groups).p / 2


def _alike(missing: Counts, zero: Counts) -> float:
    """The correlation between fewer missing values and more zeros in healthy windows, 0 or more."""
    if not missing.std() or not zero.std():
        return 0.0
    return max(0.0, -float(np.corrcoef(np.log(missing), zero)[0, 1]))
