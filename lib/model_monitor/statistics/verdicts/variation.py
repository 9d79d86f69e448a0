"""How much a column varies from window to window, learnt from healthy ones. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache, partial
from operator import itemgetter
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from model_monitor.statistics.drift.distributions import Counts, Pooled, Values, scores_of, slices_of
from model_monitor.statistics.drift.special_functions import (
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
from model_monitor.statistics.states.distinct import told_apart
from model_monitor.statistics.states.rows import MOST_RUNS
from model_monitor.statistics.verdicts.components import LEAST_EFFECT, LEAST_EXPECTED, Component, Places, joined

Windows: TypeAlias = NDArray[np.float64]  # shape (windows, cells): counts of each window, which the totals include
Raw: TypeAlias = Mapping[str, Values]  # raw statistics by name, each of shape (windows,); NaN where there is none
FEWEST_WINDOWS = 8  # so many earlier windows say how much a column varies. Source: D4.2.

MANY_WINDOWS, LARGEST_GROWTH = 32, 1.5
"""So many past windows say enough for smaller ones to be left aside, of which a variance has to be guessed. Source: D4.2."""

ENOUGH_WINDOWS = 16
"""From so many on, a smaller one counting by its part, windows count by how much they say. Source: D4.2."""

LATER = ("nulls", "of", "zero")  # what files of earlier releases lack

OF_CELLS = ("chi2", "freedom", "cell", "cells")
FIELDS = ("rows", "effective", "missing", "ks", "location", "spread", "beyond", "far", *OF_CELLS, "unseen", *LATER)
"""rows: of a window. effective: n m / (n + m). missing, ks, location, spread, cell: normal scores, of cell the largest of so many
cells; missing, location and spread have the sign of the change. Of texts the last two are of places by how frequent they are.
beyond, far: shares outside the reference's range, and further than half its width; of texts that grow in number how many values
are new, and among how many. chi2, freedom: of the chi-square test. unseen: the share of categories that the reference has not.
nulls, of: missing values, and of how many rows. zero: the score of the number 0, with its sign.
"""

MOST_DISPERSED = 1.3
"""Chi-square for each degree of freedom: 1 of independent rows, to within 0.06 of 32 parts and 20 cells."""

FEWEST_ALIKE = 5  # groups, or columns, tell how alike their variances are
OWN = 1.645  # standard deviations beyond which a column varies as it does, whatever others do
_POWERS = {"chi2": 1}  # of a statistic that is squared already
_LEAST = 1e-200
_NODES = np.logspace(-2, 3, 81)
_STEPS = np.gradient(_NODES)
_SHARE_OF_LARGEST = 0.28
"""The square of the largest of K normal scores is on average that of the quantile above which 0.28 / K lie. Source: D4.2."""


def of_missing(missing: Values, rows: Values, total_missing: float, total_rows: float) -> Raw:
    """missing, rows: of each window."""
    found = {"missing": np.zeros(len(missing)), "nulls": missing, "of": rows}
    if total_missing:
        (found["missing"],) = scores_of_counts(np.array([total_missing]), missing[:, None], rows[:, None], total_rows).T
    return found


class PastWindows(dict[str, Values]):
    """The raw statistics of past windows, with what each later window asks of them again: most are as large as the last one."""

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
        """Those that are about as large, or larger, if there are many of them; else all."""
        self._beside(effective)
        if self._alike is None:
            near = _growth({"effective": effective}, self) <= LARGEST_GROWTH
            many = near.sum() >= MANY_WINDOWS
            self._alike = PastWindows({name: each[near] for name, each in self.items()}) if many else self
        return self._alike

    def spread(self, name: str, effective: float, others: Others | None) -> _Spread:
        """`_dispersion` beside a window of this size, as other columns moderate it."""
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
    """Raw statistics that are found when somebody asks for them: of most windows few are needed. ways: what finds each, some of
    them together.
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
    """Of a window beside its reference, neither of them empty. together: where others' cells are."""
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
        return {"zero": of_zero.sum(axis=1)}  # of one value or none

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
    """totals: of each category in all windows and their reference. counted: finds the statistics of these cells."""
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
    """How many rows of a window count as one, as neighbours in it show. of_values, of_missing: of the feature. new_values: where
    past windows don't show it, else 1. new_missing: likewise of whichever feature has the most, as missing values may have.
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
    """The component with the p-value that it has if the window varies as the past ones did. now: its own raw statistics.
    others: what other columns' windows say.
    """
    if component.p >= 1:
        return component
    if component.rivals is not None:  # where means vary counts are no more rows' own, and all cells are rivals
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
    of_moving = max(1.0, min(of_all, (1 + spread.even) / 2))  # of so many cells as differ like that
    tests = min(component.tests, max(1.0, _SHARE_OF_LARGEST / normal_above(math.sqrt(of_moving))))
    whole, (freedom, wider) = factor, spread.tail if name != "cell" else _tail_of_cells(spread, now, past, others)
    factor *= of_all / of_moving / wider
    own = 1 / factor if spread.windows >= ENOUGH_WINDOWS - 1 else 1.0  # what few say is more the reference's own error
    p = _two_sided(component, now, factor, freedom, tests, own)
    if name != "missing":
        return p
    from model_monitor.statistics.verdicts.missing import chance_of_many

    return max(p, chance_of_many(now, past, whole, spread.windows))


def _two_sided(
    component: Component, now: Mapping[str, float], factor: float, freedom: float, tests: float, own: float
) -> float:
    """The p-value if the score's variance is so many times as large, and so well known. An exact p-value knows more of small
    counts than the score, which counts as far as a deviation is the rows' own. own: which share of it is.
    """
    p, score = component.p / (component.rivals or component.tests), abs(now[component.name])
    if p > _LEAST:
        exact = -normal_quantile(p / 2)
        score = min(exact, score + (exact - score) * own)
    return tests * 2 * student_above(score / math.sqrt(factor), freedom)


def _in_groups(component: Component, now: Mapping[str, float], groups: float) -> float:
    """The p-value that the component has if so many rows of the window count as one; 0 of rows by themselves."""
    if groups <= 1:
        return 0.0
    name, rows = component.name, now["rows"]
    if name in ("range", "unseen"):
        share: float = 1 - now["effective"] / rows  # the window's, of all values
        return 2 * math.pow(share, component.effect * rows / groups)
    if name == "chi2":
        return _of_cells_of_groups(now, groups)
    return _two_sided(component, now, groups, max(rows / groups - 1, 1.0), component.tests, 1 / groups)


def unseen(
    now: Mapping[str, float], past: Raw, share: float, groups: Groups = ALONE, found: float | None = None
) -> Component:
    """The test of categories that the reference has not: without it a wobbling share of one hides a new one.

    share: the window's share of all values. found: that of those that nobody else has either, if not all of them count.
    """
    found = now["unseen"] if found is None else found
    if found + math.sqrt(found / now["rows"]) < LEAST_EFFECT:
        return Component("unseen", 1.0, found)
    by_noise = share ** (found * now["rows"])
    p = max(by_noise, lomax_above(found, past["unseen"], 1 / now["rows"]))
    bare = Component("unseen", p, found)
    return replace(bare, p=min(1.0, max(p, _in_groups(bare, now, groups.new_values))))


def comparable(now: Mapping[str, float], past: Raw) -> Raw:
    """The past windows that are about as large, or larger, if there are many of them; else all."""
    return _kept(past).alike(now["effective"])


def phi(name: str, now: Mapping[str, float], past: Raw, groups: float = 1.0, others: Others | None = None) -> float:
    """By how much a score's variance is larger than that of independent rows; 1 or more."""
    return _variance(name, now, past, groups, others)[0]


def _variance(
    name: str, now: Mapping[str, float], past: Raw, groups: float, others: Others | None
) -> tuple[float, _Spread]:
    """`phi`, and how many windows say so. A variance that belongs to windows grows with their rows, one that belongs to groups of
    rows does not: what groups of the window's rows explain is theirs.
    """
    spread = _spread(name, now, past, others)
    excess = max(0.0, spread.dispersion - 1)
    of_groups = min(excess, groups - 1)
    return 1 + of_groups + (excess - of_groups) * spread.scale, spread


class Others:
    """How much windows of all columns vary beside one reference: 32 windows know little of one. effective: of the window's rows.

    Source: D4.2; Smyth 2004, "Linear models and empirical Bayes methods for assessing differential expression", 6.2.
    """

    def __init__(self, pasts: Sequence[Raw], effective: float) -> None:
        self._now = {"effective": effective}
        self._pasts = [comparable(self._now, past) for past in pasts]
        self._found: dict[str, tuple[float, float, float]] = {}

    def of(self, name: str) -> tuple[float, float, float]:
        """The degrees of freedom that they add to a column, 0 if they are too few or differ too much, their variance, and how
        much squares differ in them, 2 of normal ones.
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
        different = min(1 / max(apart, 1e-9), len(ratios))  # columns that vary together say it once
        freedoms = windows * each
        more, usual = moderation(freedoms * variances, freedoms)
        thick = float((unequal * _by_chance(each, (windows + 1) * different)).mean())
        return max(0.0, min(more, (different - 1) * float(freedoms.mean()))), usual, thick


def _dispersion(name: str, now: Mapping[str, float], past: Raw) -> tuple[Values, Values, Values, Values, Values]:
    """Mean squared scores of past windows, along the last axis, in units of what independent rows would give; how many windows
    say so, how many degrees of freedom one has, how often as much a window of this size has beyond such rows, and how much the
    squares differ: 2 over their degrees of freedom, more if few cells vary, beyond 2 if windows have thick tails.
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
    """Which part is left of how much squares differ, less what chance may add."""
    found: Values = np.exp(-OWN * np.sqrt((2 + 4 / each) / windows))
    return found


@dataclass(frozen=True, slots=True)
class _Spread:
    """`_dispersion` of one column, as others moderate it. even: the degrees of freedom that squares have which differ so much.
    thick: how much they do, beyond 2 if windows have thick tails.
    """

    dispersion: float
    windows: float
    scale: float
    even: float
    thick: float

    @property
    def tail(self) -> tuple[float, float]:
        """The degrees of freedom of Student's distribution, of the variance's error and of windows with thick tails, whose
        kurtosis tells theirs; and how many times as large as its scale's square its variance is for the latter.
        """
        if self.thick <= 2:
            return self.windows, 1.0
        thick = (4 * self.thick - 2) / (self.thick - 2)
        return 1 / (1 / self.windows + 1 / thick), thick / (thick - 2)


def _spread(name: str, now: Mapping[str, float], past: Raw, others: Others | None) -> _Spread:
    return _kept(past).spread(name, now["effective"], others)


def _moderated(found: Sequence[float], others: tuple[float, float, float]) -> _Spread:
    """A column's `_dispersion` as others moderate it. A column that varies more than they do, by more than chance one in 20, is
    left as it is (Wilson and Hilferty 1931).
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
    """The tail of what cells vary by, or that of the mean if it is thicker: rows' own chance hides it in many cells."""
    # where all columns together have thin tails, one of many seems to have thick ones by chance
    others_are_thin = others is not None and 0 < others.of("location")[2] <= 2
    if others_are_thin or "location" not in past or np.isnan(past["location"]).any():
        return spread.tail
    return min(spread.tail, _spread("location", now, past, others).tail, key=itemgetter(0))


def moderation(squares: Values, freedoms: Values) -> tuple[float, float]:
    """What all groups say of the variance of each: the degrees of freedom that they add, as far as they are alike, and their
    variance; 0 and 1 if they are few.

    Source: Smyth 2004, "Linear models and empirical Bayes methods for assessing differential expression", section 6.2.
    """
    known = (freedoms >= 2) & (squares > 0)
    if known.sum() < FEWEST_ALIKE:
        return 0.0, 1.0
    halves = freedoms[known] / 2
    logs = np.log(squares[known] / freedoms[known]) + 1 / (2 * halves) + 1 / (12 * halves**2)  # less what digamma takes
    beyond = float(logs.var(ddof=1) - (1 / halves + 1 / (2 * halves**2) + 1 / (6 * halves**3)).mean())  # trigamma
    more = min(1 + 2 / beyond if beyond > 0 else math.inf, float(freedoms[known].sum()))
    return more, math.exp(float(logs.mean()) - 1 / more - 1 / (3 * more**2))


def group_size(past: Raw) -> float:
    """How many rows count as one, as past windows differ: 1 of rows by themselves; NaN if nothing tells.

    Source: McCullagh and Nelder 1989, "Generalized Linear Models", 4.5: Pearson's statistic for each degree of freedom.
    """
    return _kept(past).group_size


GROWS = 10.0  # standard deviations by which values begin later than in rows of any order. Source: D4.20.
FEWEST_BEGINNINGS, RARELY = 3, 0.05  # parts with values that begin there, which those of rows in any order seldom do


def beginnings(there: NDArray[np.bool_], *, may_end: bool) -> Values | None:
    """How many values each part has that none before has, NaN in the first half of them; None where parts may have any order, so
    that new values are only those that nobody had seen.

    there: which part has which value, shape (parts, values), the parts in their order. may_end: whether values may go as others
    come; if not, they have to begin later than they end early.
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
    """Of so many parts in any order: by the first part that has a value, and by how many do, how likely it is that none before
    has, and minus its logarithm; by how many do, the mean and the variance of that.
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


@lru_cache(2**14)  # columns of as many rows have the same ones
def ks_score(reached: float) -> float:
    if reached > 5:
        return 2 * reached - 0.2  # the normal score of 2 · exp(-2x²) is nearly linear there
    return -normal_quantile(max(kolmogorov_above(reached), 1e-300) / 2)


def _once_more(scores: Values, counts: Counts) -> Values:
    """The scores that values have to a window: a row of the reference is among the rows that make its value frequent, and one of
    the window is not, so that it counts as a value that is there once more; else a window would have the rare ones.
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
    """of_windows: the scores that the values have to the windows, if others."""
    sizes, others, _ = sides
    total = totals.sum()
    rest = totals @ scores - windows @ scores
    differences = windows @ (scores if of_windows is None else of_windows) / sizes[:, 0] - rest / others[:, 0]
    variance = float(totals @ (scores - totals @ scores / total) ** 2) / max(total - 1, 1)
    found: Values = differences / np.sqrt(variance * (1 / sizes + 1 / others)[:, 0]) if variance else differences * 0
    return found


class CellsTogether:
    """Cells of some columns in a window and its reference, of which raw statistics are found together once somebody asks."""

    def __init__(self, *, are_numbers: bool) -> None:
        self._are_numbers, self._sides = are_numbers, list[Callable[[], Sequence[Counts]]]()
        self._found: dict[str, Values] = {}

    def of(self, sides: Callable[[], Sequence[Counts]]) -> Callable[[], Raw]:
        """What finds the statistics of one more column. sides: gives its counts in the reference and in the window."""
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
    """Raw statistics of the cells of some columns, column after column, each of shape (columns, windows). totals: of each cell in
    all windows and their reference. many: how many cells each column has.
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
    # two are as unusual as each other: the larger score of both would be too large
    are_two = ((many == 2) & (groups_each == 2))[:, None]
    return {
        "chi2": squares,
        "freedom": (groups_each - 1)[:, None] * each,
        "cell": np.where(are_two, np.sqrt(squares), largest),
        "cells": many[:, None] * each,
    }


_ENDS = np.arange(2, 11, 2)  # so many cells at either end are looked at together


def _largest_of_ends(
    totals: Counts, windows: Windows, firsts: Places, ends: Places, sizes: Values, total: Values
) -> Values:
    """The largest score of the cells up to and from each of five cuts at either end, as `distributions.tails` has them."""
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
    """The sums of so many values each, along the last axis: behind a zero numpy adds as it does where they are alone."""
    starts = sizes.cumsum() - sizes
    behind = np.insert(values, starts, 0.0, axis=-1)
    found: NDArray[Any] = np.add.reduceat(behind, starts + np.arange(len(sizes)), axis=-1)
    return found


def scores_of_counts(totals: Counts, windows: Windows, sizes: Values, rows: float | Counts) -> Windows:
    """How unusual each count is, about as a normal number is. sizes: of the windows. rows: in all.

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
    growth: Values = np.maximum(1.0, now["effective"] / past["effective"])  # of larger windows nothing is scaled down
    return growth


def _weights(growth: Values) -> Values:
    """How much each past window says. The noise of a smaller one is multiplied as its variance is."""
    weights = growth**-2
    found: Values = np.where(weights.sum(axis=-1, keepdims=True) >= ENOUGH_WINDOWS, weights, 1.0)
    return found


def _expected(name: str, past: Raw) -> Values:
    """What a squared score, or a statistic, is on average where rows are independent."""
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
    rows, share = now["rows"], 1 - now["effective"] / now["rows"]  # of all values
    by_groups: float = 2 * share ** (now["beyond"] * rows / max(1.0, group_size(past)))
    return max(min(rank, lomax_above(now["far"], past["far"], 1 / rows)), by_groups)


def lomax_above(value: float, past: Values, least: float) -> float:
    """The tail of an exponential variable of which the past ones are known; their sum counts as so much at least more."""
    return float((1 + value / (past.sum() + least)) ** -len(past))


def _of_chi_square(now: Mapping[str, float], past: Raw, groups: float, others: Others | None) -> float:
    """The tail of a noncentral chi-square distribution whose noncentrality varies as the past ones'. Source: Abdel-Aty 1954."""
    freedom, spread = now["freedom"], _spread("chi2", now, past, others)
    by_groups = 2 / max(freedom, 1.0)  # the variance of what they multiply, beside its square
    lone = max(0.0, (min(2 / spread.even, 2.0) - by_groups) / max(2 - by_groups, 1e-9))
    of_rows = min(group_size(past), groups, spread.dispersion * (1 - math.sqrt(lone)))
    dispersed = max(1.0, of_rows)  # as much as groups of rows explain
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
    """The tail of the chi-square statistic of groups of rows, of which a cell holds few."""
    z = -normal_quantile(max(chi_square_above(now["chi2"] / groups, int(now["freedom"])), 1e-300))
    rare = math.sqrt(groups * (now["freedom"] + 1) / now["rows"])
    return student_above(z / math.sqrt(1 + max(z, 0.0) * rare / 3), max(now["rows"] / groups - 1, 1.0))
