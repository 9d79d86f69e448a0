"""How much a column varies from window to window, estimated from healthy windows. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache, partial
from operator import itemgetter
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.statistics.drift.distributions import Counts, Pooled, Values, scores_of, slices_of
from spark_model_monitor.statistics.drift.special_functions import (
    chi_square_above,
    kolmogorov_above,
    log_gamma,
    normal_above,
    normal_quantile,
    normals_above,
    of_each,
    student_above,
    student_densities,
)
from spark_model_monitor.statistics.states.distinct import told_apart
from spark_model_monitor.statistics.states.rows import MOST_RUNS
from spark_model_monitor.statistics.verdicts.components import LEAST_EFFECT, LEAST_EXPECTED, Component, Places, joined

Windows: TypeAlias = NDArray[np.float64]  # shape (windows, cells): counts of each window; totals include them
Raw: TypeAlias = Mapping[str, Values]  # raw statistics by name, each of shape (windows,); NaN if undefined
FEWEST_WINDOWS = 8  # the fewest earlier windows that estimate a column's variation. Source: D4.2.

MANY_WINDOWS, LARGEST_GROWTH = 32, 1.5
"""With this many past windows, smaller ones, whose variance would be extrapolated, are left out. Source: D4.2."""

ENOUGH_WINDOWS = 16
"""From this many on, with fractions for smaller windows, windows are weighted by information. Source: D4.2."""

LATER = ("nulls", "of", "zero")  # absent in files of earlier releases

OF_CELLS = ("chi2", "freedom", "cell", "cells")
FIELDS = ("rows", "effective", "missing", "ks", "location", "spread", "beyond", "far", *OF_CELLS, "unseen", *LATER)
"""rows: a window's rows. effective: n m / (n + m). missing, ks, location, spread, cell: normal scores; cell is the
largest of `cells` cells; missing, location and spread have the sign of the change (for texts, of ranks by frequency).
beyond, far: shares outside the reference's range, and by more than half its width; for texts whose values grow in
number, the new values, and among how many. chi2, freedom: of the chi-square test. unseen: the share of categories that
the reference lacks. nulls, of: missing values and rows. zero: the signed score of the number 0.
"""

MOST_DISPERSED = 1.3
"""Chi-square per degree of freedom: 1 for independent rows, within 0.06 for 32 parts and 20 cells."""

FEWEST_ALIKE = 5  # groups, or columns, that show how similar their variances are
OWN = 1.645  # standard deviations beyond which a column keeps its own variance, whatever the others have
_POWERS = {"chi2": 1}  # for a statistic that is already squared
_LEAST = 1e-200
_NODES = np.logspace(-2, 3, 81)
_STEPS = np.gradient(_NODES)
_SHARE_OF_LARGEST = 0.28
"""The mean square of the largest of K normal scores is that of the upper 0.28 / K quantile. Source: D4.2."""


def of_missing(missing: Values, rows: Values, total_missing: float, total_rows: float) -> Raw:
    """The raw statistics of missing values. missing, rows: each window's counts."""
    found = {"missing": np.zeros(len(missing)), "nulls": missing, "of": rows}
    if total_missing:
        (found["missing"],) = scores_of_counts(np.array([total_missing]), missing[:, None], rows[:, None], total_rows).T
    return found


class PastWindows(dict[str, Values]):
    """The raw statistics of past windows. Results are cached for the next window, which mostly has the same size."""

    def __init__(self, raw: Raw) -> None:
        super().__init__(raw)
        self._effective = math.nan
        self._alike: PastWindows | None = None
        self._others: Others | None = None
        self._spreads: dict[str, _Spread] = {}

    @cached_property
    def group_size(self) -> float:
        freedom = float(self["freedom"].sum())
        found = float(self["chi2"].sum()) / freedom if freedom else math.nan
        return 1.0 if found <= MOST_DISPERSED else found

    def alike(self, effective: float) -> PastWindows:
        """The windows of about this size or larger if there are many, else all windows."""
        self._beside(effective)
        if self._alike is None:
            near = _growth({"effective": effective}, self) <= LARGEST_GROWTH
            many = near.sum() >= MANY_WINDOWS
            self._alike = PastWindows({name: each[near] for name, each in self.items()}) if many else self
        return self._alike

    def spread(self, name: str, effective: float, others: Others | None) -> _Spread:
        """`_dispersion` for a window of this size, moderated by the other columns."""
        self._beside(effective)
        if others is not self._others:
            self._others, self._spreads = others, {}
        if name not in self._spreads:
            own = [*map(float, _dispersion(name, {"effective": effective}, self))]
            self._spreads[name] = _moderated(own, others.of(name) if others is not None else (0.0, 1.0, 0.0))
        return self._spreads[name]

    def _beside(self, effective: float) -> None:
        if effective != self._effective:
            self._effective, self._alike, self._spreads = effective, None, {}


def _kept(past: Raw) -> PastWindows:
    return past if isinstance(past, PastWindows) else PastWindows(past)


class OnDemand(Mapping[str, Any]):
    """Raw statistics that are computed on first access, because most windows need few. ways: the function that computes
    each; some compute several.
    """

    def __init__(self, ways: Mapping[str, Callable[[], Mapping[str, Any]]]) -> None:
        self._ways = ways
        self._found: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._found:
            self._found |= self._ways[name]()
        return self._found[name]

    def __contains__(self, name: object) -> bool:
        return name in self._ways

    def __iter__(self) -> Iterator[str]:
        return iter(self._ways)

    def __len__(self) -> int:
        return len(self._ways)


def of_numbers(both: Pooled, together: CellsTogether | None = None) -> Raw:
    """The raw statistics of a window and its reference, neither empty. together: the cells of other columns."""
    before, after = both.steps.counts
    counted = (together or CellsTogether(are_numbers=True)).of(lambda: [*both.steps.cells])
    totals, windows, scores = both.steps.weights, after[None, :], both.steps.scores
    sizes, others, effective = sides = _sides(float(both.total), np.array([[float(both.after[-1])]]))

    def ks() -> Raw:
        gaps = np.abs(both.after * (1 / sizes + 1 / others) - (both.before + both.after) / others).max(axis=1)
        root = np.sqrt(effective)
        return {"ks": of_each(ks_score, (root + 0.12 + 0.11 / root) * gaps)}

    def outside() -> Raw:
        known = both.values[before > 0]
        low, high, rows = float(known[0]), float(known[-1]), float(both.after[-1])
        found = {}
        for name, by in (("beyond", 0.0), ("far", (high - low) / 2 if math.isfinite(high - low) else 0.0)):
            above = rows - both.upto(high + by, "right")
            found[name] = np.array([max(above, both.upto(low - by, "left")) / rows])
        return found

    def zero() -> Raw:
        at = both.values == 0.0
        of_zero = scores_of_counts(totals[at], windows[:, at], sizes, float(both.total))
        return {"zero": of_zero.sum(axis=1)}  # one value or none

    return OnDemand(
        {
            "rows": lambda: {"rows": sizes[:, 0]},
            "effective": lambda: {"effective": effective},
            "zero": zero,
            "ks": ks,
            "location": lambda: {"location": _mean_score(scores["location"], totals, windows, sides)},
            "spread": lambda: {"spread": _mean_score(scores["spread"], totals, windows, sides)},
            **dict.fromkeys(("beyond", "far"), outside),
            **dict.fromkeys(OF_CELLS, counted),
        }
    )


def of_categories(totals: Counts, windows: Windows, counted: Callable[[], Raw] | None = None) -> Raw:
    """totals: each category's count in all windows and their reference. counted: computes these cells' statistics."""
    sizes, others, effective = _sizes(totals, windows)

    def placed() -> Raw:
        before = totals - windows[0] if len(windows) == 1 else totals
        order = np.argsort(-before, kind="stable")
        ranks = totals[order].cumsum()
        each, sides = scores_of((ranks - totals[order] / 2) / ranks[-1]), (sizes, others, effective)
        return {
            name: _mean_score(
                by,
                totals[order],
                windows[:, order],
                sides,
                _once_more(by, before[order]) if len(windows) == 1 else None,
            )
            for name, by in each.items()
        }

    def cells() -> Raw:
        found = of_cells(totals, windows, np.array([len(totals)]), are_numbers=False)
        return {name: each[0] for name, each in found.items()}

    def new() -> Raw:
        return {"unseen": np.where(totals - windows <= 0, windows, 0).sum(axis=1) / sizes[:, 0]}

    return OnDemand(
        {
            "rows": lambda: {"rows": sizes[:, 0]},
            "effective": lambda: {"effective": effective},
            **dict.fromkeys(("location", "spread"), placed),
            "unseen": new,
            **dict.fromkeys(OF_CELLS, counted or cells),
        }
    )


@dataclass(frozen=True, slots=True)
class Groups:
    """The number of a window's rows that count as one, estimated from neighbours. of_values, of_missing: the feature's.
    new_values: where past windows don't show it, else 1. new_missing: likewise; the maximum over features.
    """

    of_values: float = 1.0
    of_missing: float = 1.0
    new_values: float = 1.0
    new_missing: float = 1.0

    def of(self, component: str) -> float:
        return self.of_missing if component == "missing" else self.of_values

    def new(self, component: str) -> float:
        return self.new_missing if component == "missing" else self.new_values


ALONE = Groups()


def allowed_for(
    component: Component, now: Mapping[str, float], past: Raw, groups: Groups = ALONE, others: Others | None = None
) -> Component:
    """The component with its p-value given the variation of past windows. now: the window's own raw statistics.
    others: the variation of other columns.
    """
    if component.p >= 1:
        return component
    if component.rivals is not None:  # if means vary, counts are no longer hypergeometric, and all cells are rivals
        moves = "location" not in past or np.isnan(past["location"]).any()
        own = 0.0 if moves else 1 / phi("location", now, past, groups.of_values, others) ** 2
        rivals = component.tests + (component.rivals - component.tests) * own
        component = replace(component, p=component.p / component.rivals * rivals, rivals=rivals)
    p = _as_past_ones(component, now, past, groups.of(component.name), others)
    p = min(1.0, max(component.p, p, _in_groups(component, now, groups.new(component.name))))
    return Component(component.name, p, component.effect, component.tests)


def _as_past_ones(
    component: Component, now: Mapping[str, float], past: Raw, groups: float, others: Others | None
) -> float:
    name = component.name
    if name == "range":
        return _of_range(now, past)
    if name == "chi2":
        return _of_chi_square(now, past, groups, others)
    factor, spread = _variance(name, now, past, groups, others)
    if factor <= 1:
        return 0.0
    of_all = _largest_squared(now["cells"]) if name == "cell" else 1.0
    of_moving = max(1.0, min(of_all, (1 + spread.even) / 2))  # the largest of the cells that vary like that
    tests = min(component.tests, max(1.0, _SHARE_OF_LARGEST / normal_above(math.sqrt(of_moving))))
    whole, (freedom, wider) = factor, spread.tail if name != "cell" else _tail_of_cells(spread, now, past, others)
    factor *= of_all / of_moving / wider
    own = 1 / factor if spread.windows >= ENOUGH_WINDOWS - 1 else 1.0  # else the reference's own error dominates
    p = _two_sided(component, now, factor, freedom, tests, own)
    if name != "missing":
        return p
    from spark_model_monitor.statistics.verdicts.missing import chance_of_many

    return max(p, chance_of_many(now, past, whole, spread.windows))


def _two_sided(
    component: Component, now: Mapping[str, float], factor: float, freedom: float, tests: float, own: float
) -> float:
    """The p-value of a score with its variance multiplied by `factor`, which `freedom` degrees of freedom estimate. For
    small counts the exact p-value is better than the score. own: the share of a deviation due to independent rows.
    """
    p, score = component.p / (component.rivals or component.tests), abs(now[component.name])
    if p > _LEAST:
        exact = -normal_quantile(p / 2)
        score = min(exact, score + (exact - score) * own)
    return tests * 2 * student_above(score / math.sqrt(factor), freedom)


def _in_groups(component: Component, now: Mapping[str, float], groups: float) -> float:
    """The component's p-value if `groups` rows of the window count as one; 0 if rows are independent."""
    if groups <= 1:
        return 0.0
    name, rows = component.name, now["rows"]
    if name in ("range", "unseen"):
        share: float = 1 - now["effective"] / rows  # the window's share of all values
        return 2 * math.pow(share, component.effect * rows / groups)
    if name == "chi2":
        return _of_cells_of_groups(now, groups)
    return _two_sided(component, now, groups, max(rows / groups - 1, 1.0), component.tests, 1 / groups)


def unseen(
    now: Mapping[str, float], past: Raw, share: float, groups: Groups = ALONE, found: float | None = None
) -> Component:
    """The test of categories that the reference lacks; without it, an unstable share of one category hides a new one.

    share: the window's share of all values. found: the share of the categories that count, if not all do.
    """
    found = now["unseen"] if found is None else found
    if found + math.sqrt(found / now["rows"]) < LEAST_EFFECT:
        return Component("unseen", 1.0, found)
    by_noise = share ** (found * now["rows"])
    p = max(by_noise, lomax_above(found, past["unseen"], 1 / now["rows"]))
    bare = Component("unseen", p, found)
    return replace(bare, p=min(1.0, max(p, _in_groups(bare, now, groups.new_values))))


def comparable(now: Mapping[str, float], past: Raw) -> Raw:
    """The past windows of about this size or larger if there are many, else all of them."""
    return _kept(past).alike(now["effective"])


def phi(name: str, now: Mapping[str, float], past: Raw, groups: float = 1.0, others: Others | None = None) -> float:
    """The ratio of a score's variance to that of independent rows, at least 1."""
    return _variance(name, now, past, groups, others)[0]


def _variance(
    name: str, now: Mapping[str, float], past: Raw, groups: float, others: Others | None
) -> tuple[float, _Spread]:
    """`phi`, and the spread behind it. Variance between windows grows with their rows, variance from groups of rows
    does not: what the groups of the window's rows explain is attributed to them.
    """
    spread = _spread(name, now, past, others)
    excess = max(0.0, spread.dispersion - 1)
    of_groups = min(excess, groups - 1)
    return 1 + of_groups + (excess - of_groups) * spread.scale, spread


class Others:
    """The variation of all columns, for shrinkage: 32 windows estimate one column poorly. effective: the window's.

    Source: D4.2; Smyth 2004, "Linear models and empirical Bayes methods for assessing differential expression", 6.2.
    """

    def __init__(self, pasts: Sequence[Raw], effective: float) -> None:
        self._now = {"effective": effective}
        self._pasts = [comparable(self._now, past) for past in pasts]
        self._found: dict[str, tuple[float, float, float]] = {}

    def of(self, name: str) -> tuple[float, float, float]:
        """The degrees of freedom that they add to a column (0 if they are too few or differ too much), their variance,
        and the relative variance of their squares, 2 if normal.
        """
        if name not in self._found:
            self._found[name] = self._moderation(name)
        return self._found[name]

    def _moderation(self, name: str) -> tuple[float, float, float]:
        known = [past for past in self._pasts if not np.isnan(past[name]).any() and _expected(name, past).all()]
        sizes = [len(past["rows"]) for past in known]
        most = max(sizes, key=sizes.count, default=0)
        if sizes.count(most) < FEWEST_ALIKE:
            return 0.0, 1.0, 0.0
        fields = name, "effective", {"cell": "cells", "chi2": "freedom"}.get(name, "rows")
        past = {field: np.stack([each[field] for each in known if len(each["rows"]) == most]) for field in fields}
        variances, windows, each, _, unequal = _dispersion(name, self._now, past)
        ratios = past[name] ** _POWERS.get(name, 2) / _expected(name, past)
        apart = float(ratios.mean(axis=0).var()) / max(float(ratios.var(axis=1).mean()), 1e-300)
        different = min(1 / max(apart, 1e-9), len(ratios))  # columns that vary together count once
        freedoms = windows * each
        more, usual = moderation(freedoms * variances, freedoms)
        thick = float((unequal * _by_chance(each, (windows + 1) * different)).mean())
        return max(0.0, min(more, (different - 1) * float(freedoms.mean()))), usual, thick


def _dispersion(name: str, now: Mapping[str, float], past: Raw) -> tuple[Values, Values, Values, Values, Values]:
    """Along the last axis: the mean squared score of past windows, relative to independent rows; the number of windows
    that estimate it; the degrees of freedom of each; the factor for the excess in a window of this size; the relative
    variance of squares: 2 / degrees of freedom, more if few cells vary, above 2 for heavy-tailed windows.
    """
    growth, expected = _growth(now, past), _expected(name, past)
    weights = _weights(growth)
    loads = growth * weights
    whole = weights.sum(axis=-1)
    scale = np.maximum((loads * expected).sum(axis=-1), 1e-300)
    usual = scale / loads.sum(axis=-1)
    each = np.maximum({"chi2": usual, "cell": 2 * usual - 1}.get(name, usual), 1.0)
    squares = past[name] ** _POWERS.get(name, 2)
    found = (loads * squares).sum(axis=-1) / scale
    usually = found[..., None] * expected
    apart = (weights * (growth * (squares - usually)) ** 2).sum(axis=-1)
    apart /= np.maximum((weights * (growth * usually) ** 2).sum(axis=-1), 1e-300)
    return found, whole - 1, each, scale / whole, apart


def _by_chance(each: Values | float, windows: Values | float) -> Values:
    """The factor that removes from the variance of squares what chance may have added."""
    found: Values = np.exp(-OWN * np.sqrt((2 + 4 / each) / windows))
    return found


@dataclass(frozen=True, slots=True)
class _Spread:
    """`_dispersion` of one column, moderated by others. even: the degrees of freedom that match the squares' variance.
    thick: that relative variance, above 2 if windows have heavy tails.
    """

    dispersion: float
    windows: float
    scale: float
    even: float
    thick: float

    @property
    def tail(self) -> tuple[float, float]:
        """The degrees of freedom of Student's t for the error of the variance and for heavy-tailed windows (from their
        kurtosis); and the ratio of variance to squared scale for the latter.
        """
        if self.thick <= 2:
            return self.windows, 1.0
        thick = (4 * self.thick - 2) / (self.thick - 2)
        return 1 / (1 / self.windows + 1 / thick), thick / (thick - 2)


def _spread(name: str, now: Mapping[str, float], past: Raw, others: Others | None) -> _Spread:
    return _kept(past).spread(name, now["effective"], others)


def _moderated(found: Sequence[float], others: tuple[float, float, float]) -> _Spread:
    """A column's `_dispersion`, shrunk towards that of the others. A column that varies significantly more than they
    do, at the 5 % level, is left as it is (Wilson and Hilferty 1931).
    """
    (dispersion, windows, each, scale, apart), (more, usual, theirs_thick) = found, others
    thick = max(apart * float(_by_chance(each, windows + 1)), 1e-9)
    even = min(each, 2 / thick)
    each = min(each, max(even, 1.0))
    if more:
        ratio, own, theirs = (dispersion / usual) ** (1 / 3), 2 / 9 / (windows * each), 2 / 9 / more
        if (1 - theirs) * ratio - (1 - own) <= OWN * math.sqrt(own + theirs * ratio**2):
            more /= each
            dispersion, windows = (windows * dispersion + more * usual) / (windows + more), windows + more
            thick = max(thick, theirs_thick)
    return _Spread(dispersion, windows, scale, even, thick)


def _tail_of_cells(spread: _Spread, now: Mapping[str, float], past: Raw, others: Others | None) -> tuple[float, float]:
    """The tail of the cells' variation, or of the mean's if heavier: the noise of rows hides it in many cells."""
    # if all columns together have thin tails, one of many may seem heavy-tailed by chance
    others_are_thin = others is not None and 0 < others.of("location")[2] <= 2
    if others_are_thin or "location" not in past or np.isnan(past["location"]).any():
        return spread.tail
    return min(spread.tail, _spread("location", now, past, others).tail, key=itemgetter(0))


def moderation(squares: Values, freedoms: Values) -> tuple[float, float]:
    """The prior for each group's variance, estimated from all groups: its degrees of freedom, more for more similar
    groups, and its variance; 0 and 1 if there are few groups.

    Source: Smyth 2004, "Linear models and empirical Bayes methods for assessing differential expression", section 6.2.
    """
    known = (freedoms >= 2) & (squares > 0)
    if known.sum() < FEWEST_ALIKE:
        return 0.0, 1.0
    halves = freedoms[known] / 2
    logs = np.log(squares[known] / freedoms[known]) + 1 / (2 * halves) + 1 / (12 * halves**2)  # minus digamma's bias
    beyond = float(logs.var(ddof=1) - (1 / halves + 1 / (2 * halves**2) + 1 / (6 * halves**3)).mean())  # trigamma
    more = min(1 + 2 / beyond if beyond > 0 else math.inf, float(freedoms[known].sum()))
    return more, math.exp(float(logs.mean()) - 1 / more - 1 / (3 * more**2))


def group_size(past: Raw) -> float:
    """The number of rows that count as one, estimated from past windows: 1 for independent rows; NaN if unknown.

    Source: McCullagh and Nelder 1989, "Generalized Linear Models", 4.5: Pearson's statistic per degree of freedom.
    """
    return _kept(past).group_size


GROWS = 10.0  # standard deviations by which values begin later than in random order. Source: D4.20.
FEWEST_BEGINNINGS, RARELY = 3, 0.05  # parts in which values begin that rarely do in random order


def beginnings(there: NDArray[np.bool_], *, may_end: bool) -> Values | None:
    """The number of values that first occur in each part, NaN in the first half of the parts; None if the parts may be
    in random order, so that a new value is just one not seen before.

    there: whether each part has each value, shape (parts, values), parts in order. may_end: whether values may
    disappear as others appear; if not, they have to begin late by more than they end early.
    Source: D4.20.
    """
    parts = len(there)
    counts = there.sum(axis=0)
    first, last = there.argmax(axis=0), there[::-1].argmax(axis=0)
    tails, scores, means, variances = _of_beginnings(parts)
    variance = float(variances[counts].sum())
    if not variance:
        return None
    begin, end = (float((scores[at, counts] - means[counts]).sum()) / math.sqrt(variance) for at in (first, last))
    begun = np.bincount(first, minlength=parts).astype(float)
    late = np.unique(first[tails[first, counts] <= RARELY])
    if begin - (0.0 if may_end else max(end, 0.0)) < GROWS or len(late) < FEWEST_BEGINNINGS:
        return None
    begun[: parts // 2] = np.nan
    return begun


@lru_cache(MOST_RUNS)
def _of_beginnings(parts: int) -> tuple[Values, Values, Values, Values]:
    """For parts in random order: the probability that no part before this one has a value, by part and by the number of
    parts that have it, and its negative logarithm; the latter's mean and variance, by that number.
    """
    later = np.arange(parts)[:, None] <= parts - np.arange(parts + 1)[None, :]
    j, c = np.meshgrid(np.arange(parts, dtype=float), np.arange(parts + 1, dtype=float), indexing="ij")
    ways = log_gamma(np.where(later, parts - j, 0.0) + 1) - log_gamma(np.where(later, parts - j - c, 0.0) + 1)
    tails = np.where(later, np.exp(ways - ways[0]), 0.0)
    scores = -np.log(np.where(later, tails, 1.0))
    shares = tails - np.vstack((tails[1:], np.zeros(parts + 1)))
    means: Values = (shares * scores).sum(axis=0)
    return tails, scores, means, (shares * scores**2).sum(axis=0) - means**2


def _sizes(totals: Counts, windows: Windows) -> tuple[Values, Values, Values]:
    return _sides(totals.sum(), windows.sum(axis=1, keepdims=True))


def _sides(total: float, sizes: Windows) -> tuple[Values, Values, Values]:
    others = total - sizes
    return sizes, others, (sizes * others / total)[:, 0]


@lru_cache(2**14)  # columns with the same number of rows repeat the values
def ks_score(reached: float) -> float:
    if reached > 5:
        return 2 * reached - 0.2  # the normal score of 2 · exp(-2x²) is nearly linear there
    return -normal_quantile(max(kolmogorov_above(reached), 1e-300) / 2)


def _once_more(scores: Values, counts: Counts) -> Values:
    """The values' scores for rows of a window. A row of the reference contributes to its value's frequency, a row of
    the window doesn't: it gets the score of a count one higher. Otherwise a window would seem to have rarer values.
    """
    known, place = told_apart(counts)
    alike = np.bincount(place, scores) / np.bincount(place)
    more = np.minimum(np.searchsorted(known, counts + 1), len(known) - 1)
    return np.where(known[more] == counts + 1, alike[more], scores)


def _mean_score(
    scores: Values,
    totals: Counts,
    windows: Windows,
    sides: tuple[Values, Values, Values],
    of_windows: Values | None = None,
) -> Values:
    """The normal score of each window's mean. of_windows: the values' scores for rows of windows, if different."""
    sizes, others, _ = sides
    total = totals.sum()
    rest = totals @ scores - windows @ scores
    differences = windows @ (scores if of_windows is None else of_windows) / sizes[:, 0] - rest / others[:, 0]
    variance = float(totals @ (scores - totals @ scores / total) ** 2) / max(total - 1, 1)
    found: Values = differences / np.sqrt(variance * (1 / sizes + 1 / others)[:, 0]) if variance else differences * 0
    return found


class CellsTogether:
    """Cells of several columns in a window and its reference; all raw statistics are computed together on first use."""

    def __init__(self, *, are_numbers: bool) -> None:
        self._are_numbers, self._sides = are_numbers, list[Callable[[], Sequence[Counts]]]()
        self._found: dict[str, Values] = {}

    def of(self, sides: Callable[[], Sequence[Counts]]) -> Callable[[], Raw]:
        """The function that computes another column's statistics. sides: returns its reference and window counts."""
        self._sides.append(sides)
        return partial(self._of, len(self._sides) - 1)

    def _of(self, column: int) -> Raw:
        if not self._found:
            before, after = zip(*(sides() for sides in self._sides), strict=True)
            window, many = np.concatenate(after), np.array([*map(len, after)])
            totals = np.concatenate(before) + window
            self._found = of_cells(totals, window[None, :], many, are_numbers=self._are_numbers)
        return {name: each[column] for name, each in self._found.items()}


def of_cells(totals: Counts, windows: Windows, many: Places, *, are_numbers: bool) -> dict[str, Values]:
    """The raw statistics of several columns' cells, column after column, each of shape (columns, windows). totals: each
    cell's count in all windows and their reference. many: the number of cells of each column.
    """
    firsts, of_cell = many.cumsum() - many, np.repeat(np.arange(len(many)), many)
    total, sizes = np.add.reduceat(totals, firsts)[:, None], np.add.reduceat(windows, firsts, axis=1).T
    others = total - sizes
    gaps = windows / sizes.T[:, of_cell] - (totals - windows) / others.T[:, of_cell]
    least = LEAST_EXPECTED * total[:, 0] / np.minimum(sizes, others).min(axis=1)
    groups = [*map(joined, [totals[own] for own in slices_of(many)], least.tolist())]
    groups_each = np.array([int(each.max()) + 1 for each in groups])
    starts = groups_each.cumsum() - groups_each
    of_groups = np.concatenate([start + each for start, each in zip(starts, groups, strict=True)])
    shares = np.bincount(of_groups, totals) / np.repeat(total, groups_each)
    of_windows = (np.arange(len(windows))[:, None] * len(shares) + of_groups).ravel()
    together = np.bincount(of_windows, gaps.ravel()).reshape(len(windows), -1)
    scores = np.abs(scores_of_counts(totals, windows, sizes.T[:, of_cell], total[of_cell, 0]))
    largest = np.maximum.reduceat(scores, firsts, axis=1).T
    if are_numbers:
        largest = np.maximum(largest, _largest_of_ends(totals, windows, firsts, firsts + many, sizes, total))
    each = np.ones(sizes.shape)
    squares = sizes * others / total * sums_of(together**2 / shares, groups_each).T
    # two cells are equally unusual: the larger of their scores would be too large
    are_two = ((many == 2) & (groups_each == 2))[:, None]
    return {
        "chi2": squares,
        "freedom": (groups_each - 1)[:, None] * each,
        "cell": np.where(are_two, np.sqrt(squares), largest),
        "cells": many[:, None] * each,
    }


_ENDS = np.arange(2, 11, 2)  # numbers of cells at either end that are joined


def _largest_of_ends(
    totals: Counts, windows: Windows, firsts: Places, ends: Places, sizes: Values, total: Values
) -> Values:
    """The largest score of the cells below and above five cuts at either end, as in `distributions.tails`."""
    first, last = firsts[:, None] + 0 * _ENDS, ends[:, None] + 0 * _ENDS
    begin = np.hstack((first, np.maximum(last - _ENDS, first))).ravel()
    end = np.hstack((np.minimum(first + _ENDS, last), last)).ravel()
    upto = np.zeros((1 + len(windows), 1 + len(totals)))
    np.cumsum(np.vstack((totals, windows)), axis=1, out=upto[:, 1:])
    counts, of_end = upto[:, end] - upto[:, begin], np.repeat(np.arange(len(firsts)), 2 * len(_ENDS))
    scores = np.abs(scores_of_counts(counts[0], counts[1:], sizes.T[:, of_end], total[of_end, 0]))
    largest: Values = scores.reshape(len(windows), len(firsts), -1).max(axis=2).T
    return largest


def sums_of(values: NDArray[Any], sizes: Places) -> NDArray[Any]:
    """Sums of consecutive runs of these sizes along the last axis; a leading zero makes numpy add as for one run."""
    starts = sizes.cumsum() - sizes
    behind = np.insert(values, starts, 0.0, axis=-1)
    found: NDArray[Any] = np.add.reduceat(behind, starts + np.arange(len(sizes)), axis=-1)
    return found


def scores_of_counts(totals: Counts, windows: Windows, sizes: Values, rows: float | Counts) -> Windows:
    """The score of each count, approximately standard normal. sizes: rows of each window. rows: rows in total.

    Source: Freeman and Tukey 1950.
    """
    share = sizes / rows
    expected = totals * share
    moved = np.sqrt(windows) + np.sqrt(windows + 1) - np.sqrt(4 * expected + 1)
    narrower = np.sqrt(np.maximum((1 - share) * (1 - totals / rows), 1e-9))
    scores: Windows = np.where(totals > 0, moved / narrower, 0.0)
    scores[:, totals >= rows] = 0.0  # the only category can't change
    return scores


def _growth(now: Mapping[str, float], past: Raw) -> Values:
    growth: Values = np.maximum(1.0, now["effective"] / past["effective"])  # larger windows are not scaled down
    return growth


def _weights(growth: Values) -> Values:
    """The weight of each past window. Scaling up a smaller window's variance scales up its noise, too."""
    weights = growth**-2
    found: Values = np.where(weights.sum(axis=-1, keepdims=True) >= ENOUGH_WINDOWS, weights, 1.0)
    return found


def _expected(name: str, past: Raw) -> Values:
    """The expected value of a squared score, or of a statistic, for independent rows."""
    if name == "chi2":
        return past["freedom"]
    if name != "cell":
        return np.ones(past[name].shape)
    return of_each(_largest_squared, past["cells"])


@cache
def _largest_squared(cells: float) -> float:
    return 1.0 if cells <= 2 else normal_quantile(_SHARE_OF_LARGEST / cells) ** 2


def _of_range(now: Mapping[str, float], past: Raw) -> float:
    windows = len(past["beyond"])
    rank = (1 + int((past["beyond"] >= now["beyond"]).sum())) / (windows + 1)
    if not now["far"]:
        return rank
    rows, share = now["rows"], 1 - now["effective"] / now["rows"]  # share of all values
    by_groups: float = 2 * share ** (now["beyond"] * rows / max(1.0, group_size(past)))
    return max(min(rank, lomax_above(now["far"], past["far"], 1 / rows)), by_groups)


def lomax_above(value: float, past: Values, least: float) -> float:
    """The predictive tail of an exponential variable, given past values. least: is added to their sum."""
    return float((1 + value / (past.sum() + least)) ** -len(past))


def _of_chi_square(now: Mapping[str, float], past: Raw, groups: float, others: Others | None) -> float:
    """The tail of a noncentral chi-square with noncentrality as in past windows. Source: Abdel-Aty 1954."""
    freedom, spread = now["freedom"], _spread("chi2", now, past, others)
    by_groups = 2 / max(freedom, 1.0)  # the relative variance of the factor from groups
    lone = max(0.0, (min(2 / spread.even, 2.0) - by_groups) / max(2 - by_groups, 1e-9))
    of_rows = min(group_size(past), groups, spread.dispersion * (1 - math.sqrt(lone)))
    dispersed = max(1.0, of_rows)  # the part that groups of rows explain
    statistic, (windows, wider) = now["chi2"] / dispersed, _tail_of_cells(spread, now, past, others)
    noncentral = max(0.0, spread.dispersion / dispersed - 1) * spread.scale / wider
    of_groups = _of_cells_of_groups(now, dispersed) if dispersed > 1 else 0.0
    if not noncentral or not freedom:
        return of_groups
    weights = 2 * student_densities(_NODES, windows) * _STEPS
    shift = noncentral * _NODES**2
    width = 2 / 9 * (1 + shift / (freedom + shift)) / (freedom + shift)  # of the cube root, which is nearly normal
    tails = normals_above((np.cbrt(statistic / (freedom + shift)) - (1 - width)) / np.sqrt(width))
    return min(1.0, max(of_groups, float(weights @ tails)))


def _of_cells_of_groups(now: Mapping[str, float], groups: float) -> float:
    """The tail of the chi-square statistic for groups of rows, few per cell."""
    z = -normal_quantile(max(chi_square_above(now["chi2"] / groups, int(now["freedom"])), 1e-300))
    rare = math.sqrt(groups * (now["freedom"] + 1) / now["rows"])
    return student_above(z / math.sqrt(1 + max(z, 0.0) * rare / 3), max(now["rows"] / groups - 1, 1.0))
