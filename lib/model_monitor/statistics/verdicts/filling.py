"""Missing values that became a value: fewer are missing than usual, and one value has as many more rows. Pure.

Neither need be rare by itself. Both together are, if it is known how the two go together in healthy windows.

Source: D4.22.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_monitor.statistics.drift.distributions import Counts
from model_monitor.statistics.drift.special_functions import normal_above, normal_quantile
from model_monitor.statistics.verdicts.components import Component, Lacking, Samples, chance_of_more, rarer
from model_monitor.statistics.verdicts.missing import chance_of_few
from model_monitor.statistics.verdicts.variation import (
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

FEWER, MORE = 0.05, 0.01  # above these chances missing values are not fewer, or a value has no more rows
AS_MANY = 1.5  # times the most values that were missing: a value that has more of them has others, too
MOST_LOOKED_AT = 64  # values that moved the most


@dataclass(frozen=True, slots=True)
class Risen:
    """The value that has more rows than by chance. place: among all. before, after: how many it has, known: whether the baseline
    has any for certain. gain: by how much its share rose at least. p: of rows by themselves, as of one of so many tests.
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
    """The value whose rise is least likely by chance, of these that share half of the level; None if none has risen. before,
    after: counts of each value on both sides. errors: of both shares of each together.

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
    """How likely so few missing values are, of rows by themselves: above `FEWER` none became a value."""
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
    """The test of missing values that became a value; None where they didn't. now, past: raw statistics of the window and of
    those before it; None of rows by themselves. is_zero: whether the value is the number 0.

    Both chances are as one by Fisher's method, after what they have in common. That takes the place of `missing`, which is
    about more of them, so that it counts twice.
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
        near = past["effective"] * LARGEST_GROWTH >= now["effective"]  # count alone, once there are many
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
    """The past windows of which missing values, and this, are known; an earlier release didn't say."""
    known = ~np.isnan(past["nulls"] + past[name])
    return past if known.all() else {key: each[known] for key, each in past.items()}


def _more(value: Risen, samples: Samples, now: Mapping[str, float], past: Raw, groups: Groups, is_zero: bool) -> float:
    """How likely so many more rows of one value are, as windows vary: by the value's own variance if it is zero, which parts and
    windows tell, else by that of cells. What the baseline has not is as rare as groups of rows make it.
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
    """How much fewer missing values go together with more zeros in healthy windows: a correlation, 0 or more."""
    if not missing.std() or not zero.std():
        return 0.0
    return max(0.0, -float(np.corrcoef(np.log(missing), zero)[0, 1]))
