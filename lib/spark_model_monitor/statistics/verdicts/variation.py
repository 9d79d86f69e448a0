"""How much a column varies from window to window, estimated from healthy windows. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache, partial
from typing import Any, NamedTuple, TypeAlias

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
from spark_model_monitor.statistics.verdicts.components import (
    LEAST_EFFECT,
    LEAST_EXPECTED,
    Component,
    Places,
    Samples,
    chance_of_more,
    joined,
    two_sided,
)

Windows: TypeAlias = NDArray[np.float64]  # shape (windows, cells): counts of each window; totals include them
Raw: TypeAlias = Mapping[str, Values]  # raw statistics by name, each of shape (windows,); NaN if undefined
FEWEST_WINDOWS = 8  # the fewest earlier windows that estimate a column's variation. Source: D4.2.

MANY_WINDOWS, LARGEST_GROWTH = 32, 1.5
"""With this many past windows, smaller ones, whose variance would be extrapolated, are left out. Source: D4.2."""

ENOUGH_WINDOWS = 16
"""From this many on, with fractions for smaller windows, windows are weighted by information. Source: D4.2."""

MOST_FREQUENT = 8  # values of a column whose shares are followed one by one
VALUES = tuple(f"value{rank}" for rank in range(1, MOST_FREQUENT + 1))

LATER = ("nulls", "of", *VALUES)  # absent in files of earlier releases

OF_CELLS = ("chi2", "freedom", "cell", "cells")
FIELDS = ("rows", "effective", "missing", "ks", "location", "spread", "beyond", "far", *OF_CELLS, "unseen", *LATER)
"""rows: a window's rows. effective: n m / (n + m). missing, ks, location, spread, cell: normal scores; cell is the
largest of `cells` cells; missing, location and spread have the sign of the change (for texts, of ranks by frequency).
beyond, far: shares outside the reference's range, and by more than half its width; for texts whose values grow in
number, the new values, and among how many. chi2, freedom: of the chi-square test. unseen: the share of categories that
the reference lacks. nulls, of: missing values and rows. value1, …: the scores of the baseline's most frequent values,
from LEAST_EFFECT of its rows on.
"""

MOST_DISPERSED = 1.3
"""Chi-square per degree of freedom: 1 for independent rows, within 0.06 for 32 parts and 20 cells."""

FEWEST_ALIKE = 5  # groups, or columns, that show how similar their variances are
ONE_SIDED_95 = 1.645  # normal quantile
LEAST_SCORE = 3.0  # a frequent value with a smaller score is not tested on its own
CERTAIN = 3.09  # standard deviations: of 1,000 columns of independent rows one seems to vary more

TESTS_OF_VALUES = ("location", "spread", "ks", "chi2", "cell")
OUTLIER = 5.0  # modified z-scores; of 32 normal windows one in 250 columns has such a one
NORMAL_MAD = 1.4826  # the standard deviation of a normal distribution over its median absolute deviation
MUCH_MORE = 2.0  # times the largest share of missing values, or the furthest outlier, of the past windows
RARE = 0.01  # above this p-value outliers of the past don't matter

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


def score_values(totals: Counts, windows: Windows, sizes: Values, rows: float) -> Raw:
    """The raw statistics of the most frequent values. totals: each value's count in all windows and their reference,
    which have so many rows. windows, sizes: its counts in each window, and the windows' rows.
    """
    scores = np.full((len(windows), MOST_FREQUENT), np.nan)
    scores[:, : len(totals)] = scores_of_counts(totals, windows, sizes[:, None], rows)
    return dict(zip(VALUES, scores.T, strict=True))


class PastWindows(dict[str, Values]):
    """The raw statistics of past windows. Results are cached for the next window, which mostly has the same size."""

    def __init__(self, raw: Raw) -> None:
        super().__init__(raw)
        self._effective = math.nan
        self._similar: PastWindows | None = None
        self._others: Others | None = None
        self._dispersions: dict[str, Dispersion] = {}
        self._outliers: dict[str, float | None] = {}

    @cached_property
    def group_size(self) -> float:
        freedom = float(self["freedom"].sum())
        size = float(self["chi2"].sum()) / freedom if freedom else math.nan
        return 1.0 if size <= MOST_DISPERSED else size

    def similar(self, effective: float) -> PastWindows:
        """The windows of about this size or larger if there are many, else all windows."""
        self._set_size(effective)
        if self._similar is None:
            is_similar = _growth(effective, self) <= LARGEST_GROWTH
            are_many = is_similar.sum() >= MANY_WINDOWS
            self._similar = (
                PastWindows({name: values[is_similar] for name, values in self.items()}) if are_many else self
            )
        return self._similar

    def dispersion(self, name: str, effective: float, others: Others | None) -> Dispersion:
        """The dispersion of a statistic for a window of this size, shrunk towards that of the other columns."""
        self._set_size(effective)
        if others is not self._others:
            self._others = others
            self._dispersions = {}
        if name not in self._dispersions:
            estimate = estimate_dispersion(name, effective, self)
            self._dispersions[name] = _shrink(estimate, others.prior(name) if others is not None else NO_PRIOR)
        return self._dispersions[name]

    def outlier(self, name: str) -> float | None:
        """How far the furthest window lies from the reference, if the column has outliers: an odd day moves all tests of
        values, though not each of them shows it. None if there is none.
        """
        if name not in self._outliers:
            tests = [test for test in TESTS_OF_VALUES if test in self] if name in TESTS_OF_VALUES else [name]
            is_odd = any(has_outlier(test, self) or wanders(test, self) for test in tests)
            self._outliers[name] = _furthest(name, self) if is_odd else None
        return self._outliers[name]

    def _set_size(self, effective: float) -> None:
        if effective != self._effective:
            self._effective = effective
            self._similar = None
            self._dispersions = {}


def _select_scores(name: str, past: Raw) -> Values:
    """The scores of past windows. Of missing values, Pearson's residuals around the windows' own share, if files have counts."""
    if name != "missing" or "nulls" not in past:
        return past[name]
    share = _share_missing(past)
    if not 0 < share < 1:
        return past[name]
    rows, missing = past["of"], past["nulls"]
    residuals = (missing - rows * share) / np.sqrt(rows * share * (1 - share))
    return np.where(np.isnan(missing), past[name], residuals)


def _share_missing(past: Raw) -> float:
    """The share of missing values in all windows whose counts are known."""
    is_counted = ~np.isnan(past["nulls"])
    return float(past["nulls"][is_counted].sum()) / max(float(past["of"][is_counted].sum()), 1.0)


def _square_scores(name: str, past: Raw) -> Values:
    return _select_scores(name, past) ** _POWERS.get(name, 2)


def _as_past_windows(past: Raw) -> PastWindows:
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

    return OnDemand(
        {
            "rows": lambda: {"rows": sizes[:, 0]},
            "effective": lambda: {"effective": effective},
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
    p = _p_beside_past(component, now, past, groups.of(component.name), others)
    p = min(1.0, max(component.p, p, _in_groups(component, now, groups.new(component.name))))
    return replace(component, p=p, rivals=None)


def _p_beside_past(
    component: Component, now: Mapping[str, float], past: Raw, groups: float, others: Others | None
) -> float:
    """The component's p-value if windows vary as past ones did; 0 if they vary as independent rows do."""
    name = component.name
    if name == "range":
        return _p_of_range(now, past)
    if name == "chi2":
        p = _p_of_chi_square(now, past, groups, others)
    elif name == "missing":
        p = _p_of_missing(component, now, past, groups, others)
    else:
        p = _p_of_score(component, now, past, groups, others)
    # Where a past window is an outlier, that law doesn't hold
    is_rare = max(p, component.p) <= RARE
    outlier = _as_past_windows(past).outlier(name) if is_rare else None
    if outlier is None:
        return p
    if name == "missing":
        return _p_beyond_outages(now, past, groups)
    return 1.0 if _distance(name, now) <= MUCH_MORE * outlier else p


def _p_of_score(
    component: Component, now: Mapping[str, float], past: Raw, groups: float, others: Others | None
) -> float:
    name = component.name
    dispersion = _dispersion(name, now, past, others)
    factor = dispersion.factor(groups)
    if factor <= 1:
        return 0.0
    tests = component.tests
    if name == "cell":  # the largest of all cells was expected; only so many of them vary
        of_all = _largest_squared(now["cells"])
        of_varying = max(1.0, min(of_all, (1 + dispersion.freedom_of_window) / 2))
        factor *= of_all / of_varying
        tests = min(tests, max(1.0, _SHARE_OF_LARGEST / normal_above(math.sqrt(of_varying))))
    # a deviation's part that is due to independent rows; with few windows the reference's own error dominates
    own = 1 / factor if dispersion.windows >= ENOUGH_WINDOWS - 1 else 1.0
    return _two_sided(component, now, factor, dispersion.windows, tests, own)


def _p_of_missing(
    component: Component, now: Mapping[str, float], past: Raw, groups: float, other_columns: Others | None
) -> float:
    """The p-value of more missing values. Fewer are judged by their score, and so are all if groups of rows explain how
    much past windows vary.

    Model: the logit of the share is normal from window to window, as in a binomial regression with a random effect of each
    window, because storms and outages multiply it. Its variance follows from that of the share, if `before` is the mean.
    Groups of rows are sampled like rows. Source: Williams 1982, "Extra-binomial variation in logistic linear models".
    """
    before = _share_missing(past)
    share = now["nulls"] / now["of"]
    dispersion = _dispersion("missing", now, past, other_columns)
    if not 0 < before < share or dispersion.certain_ratio <= groups:
        return _p_of_score(component, now, past, groups, other_columns)
    variance_of_rows = 1 / (before * (1 - before) * now["effective"])  # of the logit, for independent rows
    between_windows = math.log1p(dispersion.excess_of_windows(groups) * variance_of_rows)
    of_rows = (1 + dispersion.excess_of_groups(groups)) * variance_of_rows * before / share
    rise = math.log(share / before) - math.log(max(1 - share, _LEAST) / (1 - before))
    score = (rise + between_windows / 2) / math.sqrt(between_windows + of_rows)  # from the median
    return 2 * student_above(score, dispersion.windows)


def has_outlier(name: str, past: Raw) -> bool:
    """Whether a past window is an outlier among the others: windows then don't vary normally, and only one much further
    out is unlike them.

    Cube roots of squares are nearly normal, whatever their degrees of freedom (Wilson and Hilferty 1931).
    Source: Iglewicz and Hoaglin 1993, "How to detect and handle outliers": modified z-scores.
    """
    if len(past["effective"]) < ENOUGH_WINDOWS or not np.isfinite(past[name]).all():
        return False
    expected = _expected(name, past)
    if not expected.all():  # a single cell can't vary
        return False
    ratios = _square_scores(name, past) / expected
    error = 2 / 9 / _freedom_of_square(name, expected)
    if (np.cbrt(ratios) <= 1 - error + CERTAIN * np.sqrt(error)).all():
        return False  # so far out are independent rows, too, whose counts are few and make the others seem alike
    between = max(0.0, float((ratios - 1).sum() / past["effective"].sum()))  # variance per row
    ratios /= 1 + between * past["effective"]
    scores = np.cbrt(ratios)
    if name == "cell":
        scores = np.array([*map(_score_of_largest, ratios.tolist(), past["cells"].tolist())])
    middle = float(np.median(scores))
    deviation = NORMAL_MAD * float(np.median(np.abs(scores - middle)))
    return bool(scores.max() - middle > OUTLIER * deviation)


def wanders(name: str, past: Raw) -> bool:
    """Whether past windows vary, and neighbours are alike: how far the level may go is then known from few of them.

    Source: Anderson 1942, "Distribution of the serial correlation coefficient".
    """
    scores = _select_scores(name, past)
    deviations = scores - scores.mean()
    squares = float(deviations @ deviations)
    if len(scores) < ENOUGH_WINDOWS or not squares > 0:  # NaN where a window has no score
        return False
    serial_correlation = float(deviations[1:] @ deviations[:-1]) / squares
    dispersion = float(_square_scores(name, past).sum() / _expected(name, past).sum())
    return dispersion > MOST_DISPERSED and serial_correlation * math.sqrt(len(scores)) > ONE_SIDED_95


def _furthest(name: str, past: Raw) -> float:
    squares = _square_scores(name, past)
    return max(map(_remove_noise, squares.tolist(), _expected(name, past).tolist(), past["effective"].tolist()))


def _score_of_largest(ratio: float, cells: float) -> float:
    """The normal score of the largest squared score of so many cells. ratio: of the square to what is expected."""
    of_one = 2 * normal_above(math.sqrt(ratio * _largest_squared(cells)))
    p = -math.expm1(cells * math.log1p(-min(of_one, 1 - 1e-9)))
    return -normal_quantile(min(max(p, _LEAST), 1 - 1e-9))


def _distance(name: str, now: Mapping[str, float]) -> float:
    """How far a window lies from the reference, whatever its number of rows."""
    expected = 1.0
    if name == "chi2":
        expected = now["freedom"]
    elif name == "cell":
        expected = _largest_squared(now["cells"])
    return _remove_noise(now[name] ** _POWERS.get(name, 2), expected, now["effective"])


def _remove_noise(square: float, expected: float, effective: float) -> float:
    return math.sqrt(max(0.0, square - expected) / effective)


def _p_beyond_outages(now: Mapping[str, float], past: Raw, groups: float) -> float:
    """The p-value of the missing values beside the past window that lacked most of all; 1 if the share is not much
    larger, or if there are fewer than 16 windows. Asked only where the past has an outlier.
    """
    is_counted = ~np.isnan(past["nulls"])
    if np.count_nonzero(is_counted) < ENOUGH_WINDOWS:
        return 1.0
    missing = past["nulls"][is_counted]
    rows = past["of"][is_counted]
    worst = int((missing / rows).argmax())
    if now["nulls"] / now["of"] <= MUCH_MORE * missing[worst] / rows[worst]:
        return 1.0
    before = math.ceil(missing[worst] / groups), int(rows[worst] / groups)
    return chance_of_more(*before, int(now["nulls"] / groups), int(now["of"] / groups))


def _two_sided(
    component: Component, now: Mapping[str, float], factor: float, freedom: float, tests: float, own: float
) -> float:
    """The p-value of a score with its variance multiplied by `factor`, which `freedom` degrees of freedom estimate. For
    small counts the exact p-value is better than the score. own: the share of a deviation due to independent rows.
    """
    p = component.p / (component.rivals or component.tests)
    score = abs(now[component.name])
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
        return _p_of_cells_of_groups(now, groups)
    return _two_sided(component, now, groups, max(rows / groups - 1, 1.0), component.tests, 1 / groups)


def compare_values(
    before: Counts,
    after: Counts,
    samples: Samples,
    now: Mapping[str, float],
    past: Raw,
    groups: Groups,
    others: Others | None,
) -> Component | None:
    """The test of the most frequent values, each with the dispersion of its own past scores; None if the past doesn't
    show these. One dispersion for all cells hides a value that has always been there and is gone, if others vary.

    before, after: the values' counts in the baseline and in the window.
    """
    components = []
    for rank, name in enumerate(VALUES[: len(before)]):
        is_known = ~np.isnan(past[name])
        if np.count_nonzero(is_known) < FEWEST_WINDOWS:
            continue
        gap = abs(after[rank] / samples.m - before[rank] / samples.n)
        if abs(now[name]) < LEAST_SCORE or gap < LEAST_EFFECT:
            components.append(Component("cell", 1.0, gap))
            continue
        counts = np.array([[before[rank] + after[rank]], [after[rank]], [samples.n], [samples.m]])
        p = float(two_sided(*counts)[0])
        shown = past if is_known.all() else PastWindows({key: values[is_known] for key, values in past.items()})
        tests = float(len(before))
        adjusted = allowed_for(Component(name, min(1.0, tests * p), gap, tests), now, shown, groups, others)
        components.append(replace(adjusted, name="cell"))
    return min(components, key=lambda component: component.p, default=None)


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
    return _as_past_windows(past).similar(now["effective"])


def phi(name: str, now: Mapping[str, float], past: Raw, groups: float = 1.0, others: Others | None = None) -> float:
    """The ratio of a score's variance to that of independent rows, at least 1."""
    return _dispersion(name, now, past, others).factor(groups)


def certain_phi(
    name: str, now: Mapping[str, float], past: Raw, groups: float = 1.0, others: Others | None = None
) -> float:
    """`phi` as far as past windows certainly show it."""
    dispersion = _dispersion(name, now, past, others)
    return replace(dispersion, ratio=dispersion.certain_ratio).factor(groups)


def _dispersion(name: str, now: Mapping[str, float], past: Raw, others: Others | None) -> Dispersion:
    return _as_past_windows(past).dispersion(name, now["effective"], others)


NO_PRIOR = 0.0, 1.0  # degrees of freedom and variance that other columns add to a column's own


class Others:
    """The variation of all columns, for shrinkage: 32 windows estimate one column poorly. effective: the window's.

    Source: D4.2; Smyth 2004, "Linear models and empirical Bayes methods for assessing differential expression", 6.2.
    """

    def __init__(self, pasts: Sequence[Raw], effective: float) -> None:
        self._effective = effective
        self._pasts = [_as_past_windows(past).similar(effective) for past in pasts]
        self._priors: dict[str, tuple[float, float]] = {}

    def prior(self, name: str) -> tuple[float, float]:
        """The degrees of freedom that the columns add to one of them (0 if they are too few or differ too much), and
        their variance.
        """
        if name not in self._priors:
            self._priors[name] = self._estimate_prior(name)
        return self._priors[name]

    def _estimate_prior(self, name: str) -> tuple[float, float]:
        # Columns with equally many windows, as most have
        usable = [past for past in self._pasts if not np.isnan(past[name]).any() and _expected(name, past).all()]
        counts = [len(past["rows"]) for past in usable]
        usual_count = max(counts, key=counts.count, default=0)
        if counts.count(usual_count) < FEWEST_ALIKE:
            return NO_PRIOR
        fields = name, "effective", {"cell": "cells", "chi2": "freedom"}.get(name, "rows")
        columns = [past for past in usable if len(past["rows"]) == usual_count]
        past = {field: np.stack([_select_scores(field, column) for column in columns]) for field in fields}
        estimate = estimate_dispersion(name, self._effective, past)
        # Columns that vary together count once
        ratios = _square_scores(name, past) / _expected(name, past)
        between_columns = float(ratios.mean(axis=0).var()) / max(float(ratios.var(axis=1).mean()), 1e-300)
        different_columns = min(1 / max(between_columns, 1e-9), len(ratios))
        freedoms = estimate.windows * estimate.freedom_of_window
        freedom, variance = moderation(freedoms * estimate.ratio, freedoms)
        return max(0.0, min(freedom, (different_columns - 1) * float(freedoms.mean()))), variance


@dataclass(frozen=True, slots=True)
class Dispersion:
    """How much a statistic varies from window to window: the Pearson dispersion of McCullagh and Nelder.

    ratio: the mean squared score of past windows, relative to independent rows. windows: the degrees of freedom of its
    estimate. growth: the factor for the excess in a window of this size. freedom_of_window: the degrees of freedom of
    one window's square: of many cells, as many as vary, by the variance of the squares (Satterthwaite).
    """

    ratio: float
    windows: float
    growth: float
    freedom_of_window: float

    def factor(self, groups: float) -> float:
        """The variance of a score relative to independent rows, at least 1. Variance between windows grows with their
        rows, variance from groups of rows does not: what the groups of the window's rows explain is attributed to them.
        """
        return 1 + self.excess_of_groups(groups) + self.excess_of_windows(groups)

    @property
    def certain_ratio(self) -> float:
        """The lower limit of the ratio. Source: Wilson and Hilferty 1931, "The distribution of chi-square"."""
        error = 2 / 9 / (self.windows * max(self.freedom_of_window, 1.0))
        return self.ratio / (1 - error + CERTAIN * math.sqrt(error)) ** 3

    def excess_of_groups(self, groups: float) -> float:
        return min(max(0.0, self.ratio - 1), groups - 1)

    def excess_of_windows(self, groups: float) -> float:
        excess = max(0.0, self.ratio - 1)
        return (excess - self.excess_of_groups(groups)) * self.growth


class Dispersions(NamedTuple):
    """The members of `Dispersion` for several columns."""

    ratio: Values
    windows: Values
    growth: Values
    freedom_of_window: Values


def estimate_dispersion(name: str, effective: float, past: Raw) -> Dispersions:
    """The dispersion of past windows, along the last axis.

    Source: D4.2; McCullagh and Nelder 1989, "Generalized Linear Models", 4.5; Satterthwaite 1946, "An approximate
    distribution of estimates of variance components".
    """
    growth = _growth(effective, past)
    expected = _expected(name, past)
    weights = _weights(growth)
    loads = growth * weights
    total_weight = weights.sum(axis=-1)
    scale = np.maximum((loads * expected).sum(axis=-1), 1e-300)
    squares = _square_scores(name, past)
    ratio = (loads * squares).sum(axis=-1) / scale
    # The degrees of freedom of one window: those of independent rows, or fewer if squares vary by more than chance
    usual = scale / loads.sum(axis=-1)
    freedom = _freedom_of_square(name, usual)
    means = ratio[..., None] * expected
    variance = (weights * (growth * (squares - means)) ** 2).sum(axis=-1)
    variance /= np.maximum((weights * (growth * means) ** 2).sum(axis=-1), 1e-300)
    by_chance = np.exp(-ONE_SIDED_95 * np.sqrt((2 + 4 / freedom) / total_weight))
    varying = 2 / np.maximum(variance * by_chance, 1e-9)
    freedom = np.maximum(np.minimum(freedom, varying), 1.0)
    return Dispersions(ratio, total_weight - 1, scale / total_weight, freedom)


def _freedom_of_square(name: str, expected: Values) -> Values:
    """The degrees of freedom of a squared score whose expected value is this, for independent rows."""
    return np.maximum(2 * expected - 1 if name == "cell" else expected, 1.0)


def _shrink(estimate: Dispersions, prior: tuple[float, float]) -> Dispersion:
    """A column's dispersion, shrunk towards that of the others. A column that varies significantly more than they do,
    at the 5 % level, keeps its own (Wilson and Hilferty 1931).
    """
    ratio, windows, freedom = float(estimate.ratio), float(estimate.windows), float(estimate.freedom_of_window)
    prior_freedom, prior_ratio = prior
    if prior_freedom:
        root = (ratio / prior_ratio) ** (1 / 3)
        error, prior_error = 2 / 9 / (windows * freedom), 2 / 9 / prior_freedom
        excess = (1 - prior_error) * root - (1 - error)
        if excess <= ONE_SIDED_95 * math.sqrt(error + prior_error * root**2):
            added = prior_freedom / freedom
            ratio = (windows * ratio + added * prior_ratio) / (windows + added)
            windows += added
    return Dispersion(ratio, windows, float(estimate.growth), freedom)


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
    return _as_past_windows(past).group_size


GROWS = 10.0  # standard deviations by which values begin later than in random order. Source: D4.20.
FEWEST_BEGINNINGS, RARELY = 3, 0.05  # parts in which values begin that rarely do in random order
FEWEST_LASTING = (
    2  # values that come and go, before, in and after every part; rows sorted by a column have none at some part
)


def beginnings(there: NDArray[np.bool_], *, may_end: bool) -> Values | None:
    """The number of values that first occur in each part, NaN in the first half of the parts; None if the parts may be
    in random order, so that a new value is just one not seen before.

    there: whether each part has each value, shape (parts, values), parts in order. may_end: whether values surely may
    disappear as others appear. Else they may if they overlap all along the parts, as they don't where rows are sorted by them;
    or they have to begin late by more than they end early.
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
    comes_and_goes = tails[first + last, counts] <= RARELY  # the chance that all its parts are so close together
    inner = np.arange(1, parts - 1)[:, None]
    lasting = ((first < inner) & (inner < parts - 1 - last) & comes_and_goes).sum(axis=1)
    may_end = may_end or lasting.min() >= FEWEST_LASTING
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


def _growth(effective: float, past: Raw) -> Values:
    growth: Values = np.maximum(1.0, effective / past["effective"])  # larger windows are not scaled down
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


def _p_of_range(now: Mapping[str, float], past: Raw) -> float:
    windows = len(past["beyond"])
    rank = (1 + int((past["beyond"] >= now["beyond"]).sum())) / (windows + 1)
    if not now["far"]:
        return rank
    rows = now["rows"]
    share_of_all = 1 - now["effective"] / rows
    by_groups: float = 2 * share_of_all ** (now["beyond"] * rows / max(1.0, group_size(past)))
    return max(min(rank, lomax_above(now["far"], past["far"], 1 / rows)), by_groups)


def lomax_above(value: float, past: Values, least: float) -> float:
    """The predictive tail of an exponential variable, given past values. least: is added to their sum."""
    return float((1 + value / (past.sum() + least)) ** -len(past))


def _p_of_chi_square(now: Mapping[str, float], past: Raw, groups: float, other_columns: Others | None) -> float:
    """The tail of a noncentral chi-square with noncentrality as in past windows. Source: Abdel-Aty 1954."""
    freedom = now["freedom"]
    dispersion = _dispersion("chi2", now, past, other_columns)
    # What groups of rows explain: in all cells alike, so less if the windows' squares differ more than that
    by_groups = 2 / max(freedom, 1.0)
    of_few_cells = max(0.0, (min(2 / dispersion.freedom_of_window, 2.0) - by_groups) / max(2 - by_groups, 1e-9))
    of_groups = max(1.0, min(group_size(past), groups, dispersion.ratio * (1 - math.sqrt(of_few_cells))))
    p_of_groups = _p_of_cells_of_groups(now, of_groups) if of_groups > 1 else 0.0
    noncentral = max(0.0, dispersion.ratio / of_groups - 1) * dispersion.growth
    if not noncentral or not freedom:
        return p_of_groups
    # The rest, averaged over the error of its estimate
    weights = 2 * student_densities(_NODES, dispersion.windows) * _STEPS
    shift = noncentral * _NODES**2
    width = 2 / 9 * (1 + shift / (freedom + shift)) / (freedom + shift)  # of the cube root, which is nearly normal
    root = np.cbrt(now["chi2"] / of_groups / (freedom + shift))
    tails = normals_above((root - (1 - width)) / np.sqrt(width))
    return min(1.0, max(p_of_groups, float(weights @ tails)))


def _p_of_cells_of_groups(now: Mapping[str, float], groups: float) -> float:
    """The tail of the chi-square statistic for groups of rows, few per cell."""
    z = -normal_quantile(max(chi_square_above(now["chi2"] / groups, int(now["freedom"])), 1e-300))
    rare = math.sqrt(groups * (now["freedom"] + 1) / now["rows"])
    return student_above(z / math.sqrt(1 + max(z, 0.0) * rare / 3), max(now["rows"] / groups - 1, 1.0))
