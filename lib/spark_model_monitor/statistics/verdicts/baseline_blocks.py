"""Variation between parts of a data set, each compared with the rest: raw statistics (`window_statistics.FIELDS`). Pure.

Model: as in `window_statistics.py`, with a part of the baseline as the window and the other parts as its reference.
Statistic: the same scores, so that a baseline's parts stand for the windows that a first run doesn't have.
Assumptions: rows of a part are neighbours. A column whose parts differ by order alone, such as a sorted one, shows nothing
of later windows: `between_shares` tells it apart.
Used by: `distribution/window_history.py` of data quality. Source: D4.8.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.statistics.drift.distributions import (
    CUTS,
    Counts,
    Values,
    compute_rank_scores,
    split_into_slices,
)
from spark_model_monitor.statistics.drift.special_functions import map_values
from spark_model_monitor.statistics.verdicts.window_statistics import Windows, add_by_group, ks_score, score_cells

Places = NDArray[np.int64]

MOST_VALUES, ENDS = 512, 32  # distinct numbers that are kept apart, and how many at either end always are
_CUTS = np.array(CUTS)


class BaselineBlocks:
    """Columns, all split into the same number of parts, none of them empty.

    apart: for each column, the distinct values of all parts, ascending, and the index of each value, part after part:
    numbers (many neighbours are merged, except at the ends) or hashes of texts. sizes: shape (columns, parts).
    """

    def __init__(self, apart: Sequence[tuple[NDArray[Any], Places]], sizes: Places, *, are_numbers: bool) -> None:
        self.sizes, self.are_numbers = sizes, are_numbers
        self.columns, self.parts = sizes.shape
        self.total = sizes.sum(axis=1)  # values of a column
        self.others = self.total[:, None] - sizes
        self.before = self.total.cumsum() - self.total  # values of all earlier columns
        self.values = np.concatenate([values for values, _ in apart])
        self._number([len(values) for values, _ in apart])
        self.places: Places = np.concatenate([self.firsts[at] + places for at, (_, places) in enumerate(apart)])
        if are_numbers and (self.each_has > MOST_VALUES).any():
            self._thin_out()
        self.totals = np.bincount(self.places)
        self.upto = self.totals.cumsum()
        self.ranks = self.upto - self.before[self.of_value]
        self.of_part: Places = np.repeat(np.arange(sizes.size), sizes.ravel())
        self.starts: Places = sizes.ravel().cumsum() - sizes.ravel()

    def _number(self, each_has: Sequence[int]) -> None:
        self.each_has = np.array(each_has, np.int64)
        self.firsts = self.each_has.cumsum() - self.each_has
        self.of_value: Places = np.repeat(np.arange(self.columns), self.each_has)

    def _thin_out(self) -> None:
        many, of_rank = self.each_has > MOST_VALUES, np.repeat(np.arange(len(self.values)), np.bincount(self.places))
        inner = np.maximum(np.ceil(np.linspace(0, self.total[many], MOST_VALUES)), 1).astype(np.int64)
        kept = ~many[self.of_value]
        kept[of_rank[inner + self.before[many] - 1]] = True
        at = np.arange(len(self.values)) - self.firsts[self.of_value]
        kept |= (at < ENDS) | (at >= (self.each_has - ENDS)[self.of_value])
        self.values, self.places = self.values[kept], (kept.cumsum() - kept)[self.places]
        self._number(np.add.reduceat(kept, self.firsts, dtype=np.int64).tolist())

    def counts(self, column: int, places: Places | None = None) -> Windows:
        """The count of each value in each part of a column, shape (parts, values)."""
        places = self.places if places is None else places
        first, many = self.before[column], self.each_has[column]
        own = slice(first, first + self.total[column])
        cells = (self.of_part[own] - column * self.parts) * many + (places[own] - self.firsts[column])
        return _counted(cells, np.ones(len(cells)), self.parts * many).reshape(self.parts, many)

    def raw(self) -> dict[str, Values]:
        """The raw statistics, each of shape (columns, parts)."""
        of_kind = self._compare_numbers() if self.are_numbers else {}
        size = np.ones(self.sizes.shape)
        return {
            "rows": self.sizes * size,
            "effective": self._effective,
            **of_kind,
            **self._mean_scores(),
            **self._compare_cells(),
        }

    @property
    def _effective(self) -> Values:
        effective: Values = self.sizes * self.others / self.total[:, None]
        return effective

    def _compare_numbers(self) -> dict[str, Values]:
        keys = np.sort(self.of_part * len(self.values) + self.places)
        places = keys - self.of_part * len(self.values)
        return {"ks": self._ks(places), **self._outside(places)}

    def _ks(self, places: Places) -> Values:
        """Kolmogorov-Smirnov scores: a part's gap is extreme before or at its own values. places: ascending by part."""
        of, upto = self.of_part, np.arange(1, len(places) + 1) - self.starts[self.of_part]
        last = np.ones(len(places), bool)
        last[:-1] = (places[1:] != places[:-1]) | (of[1:] != of[:-1])
        first = np.ones(len(places), bool)
        first[1:] = last[:-1]
        first &= places > self.firsts[of // self.parts]
        others = self.others.ravel()
        factors, others = (1 / self.sizes.ravel() + 1 / others)[of], others[of]
        risen = np.abs(upto * factors - self.ranks[places] / others) * last
        before = np.abs((upto - 1) * factors - self.ranks[places - 1] / others) * first
        at_ends = np.abs(self.sizes * (1 / self.sizes + 1 / self.others) - self.total[:, None] / self.others)
        gaps = np.maximum(np.maximum.reduceat(np.maximum(risen, before), self.starts).reshape(at_ends.shape), at_ends)
        root = np.sqrt(self._effective)
        return map_values(ks_score, (root + 0.12 + 0.11 / root) * gaps)

    def _outside(self, places: Places) -> dict[str, Values]:
        """The shares outside the other parts' range, and by more than half its width; 0 except for parts at an end."""
        shape = self.sizes.shape
        low, high = places[self.starts].reshape(shape), places[self.starts + self.sizes.ravel() - 1].reshape(shape)
        lowest, highest = np.sort(low, axis=1)[:, :2, None], np.sort(high, axis=1)[:, :-3:-1, None]
        at_low, at_high = low == lowest[:, 0], high == highest[:, 0]
        begin = self.values[np.where(at_low, lowest[:, 1], lowest[:, 0])].ravel()  # of the other parts
        end = self.values[np.where(at_high, highest[:, 1], highest[:, 0])].ravel()
        with np.errstate(invalid="ignore", over="ignore"):
            half = np.where(np.isfinite(end - begin), (end - begin) / 2, 0.0)
        looked_at = (at_low | at_high).ravel()[self.of_part].nonzero()[0]
        of, values, found = self.of_part[looked_at], self.values[places[looked_at]], {}
        for name, by in (("beyond", np.zeros(len(half))), ("far", half)):
            sides = values > (end + by)[of], values < (begin - by)[of]
            above, below = (np.bincount(of, side, self.sizes.size).reshape(shape) for side in sides)
            found[name] = np.maximum(above, below) / self.sizes
        return found

    def _mean_scores(self) -> dict[str, Values]:
        """The mean scores: of numbers by rank, of texts by rank of frequency."""
        totals, places, ranks = self.totals, self.places, self.ranks
        if not self.are_numbers:
            order = np.lexsort((-totals, self.of_value))
            where = np.empty(len(order), np.int64)
            where[order] = np.arange(len(order))
            totals, places = totals[order], where[places]
            ranks = totals.cumsum() - self.before[self.of_value]
        weights = totals.astype(float)
        scores = compute_rank_scores((ranks - weights / 2) / self.total[self.of_value])
        own = split_into_slices(self.each_has)
        sums = {name: (np.empty(self.sizes.shape), np.empty(self.columns)) for name in scores}
        for column, cut in enumerate(own):
            windows = self.counts(column, places)
            windows = windows if self.are_numbers else np.asfortranarray(windows)
            for name, each in scores.items():
                sums[name][0][column], sums[name][1][column] = windows @ each[cut], weights[cut] @ each[cut]
        return {name: self._mean_score(each, weights, own, *sums[name]) for name, each in scores.items()}

    def _mean_score(
        self, scores: Values, weights: Counts, own: Sequence[slice], of_parts: Windows, of_all: Values
    ) -> Values:
        differences = of_parts / self.sizes - (of_all[:, None] - of_parts) / self.others
        squares = (scores - (of_all / self.total)[self.of_value]) ** 2
        sums = np.array([weights[cut] @ squares[cut] for cut in own])
        variance = (sums / np.maximum(self.total - 1, 1))[:, None]
        errors = np.sqrt(variance * (1 / self.sizes + 1 / self.others))
        found: Values = np.divide(differences, errors, out=differences * 0, where=variance > 0)
        return found

    def _cells(self) -> Places:
        """The cell of each value. Numbers have a cell for each quantile of all values, and one between each two."""
        if not self.are_numbers:
            return np.arange(len(self.values))
        begins, at_cut = np.zeros(len(self.values) + 1, bool), np.ceil(_CUTS * self.total[:, None]).astype(np.int64)
        at = self.upto.searchsorted((at_cut + self.before[:, None]).ravel())
        begins[self.firsts] = begins[at] = begins[at + 1] = True
        return begins[:-1].cumsum() - 1

    def _compare_cells(self) -> dict[str, Values]:
        cells = self._cells()
        totals = _counted(cells, self.totals)
        many = np.bincount(self.of_value[np.diff(cells, prepend=-1).nonzero()[0]])
        of_windows = self.of_part % self.parts * len(totals) + cells[self.places]
        windows = _counted(of_windows, np.ones(len(of_windows)), self.parts * len(totals)).reshape(self.parts, -1)
        found = score_cells(totals, windows, many, are_numbers=self.are_numbers)
        if not self.are_numbers:
            unseen = np.where(totals - windows <= 0, windows, 0)
            found["unseen"] = np.add.reduceat(unseen, self.firsts, axis=1).T / self.sizes
        return found

    def between(self, frequent: int) -> Iterator[tuple[float, Values]]:
        """For each column: the share of its variance between parts in row order, beyond what groups of rows explain;
        and the values with it: ranks of numbers, or the indicator of one of the `frequent` most frequent texts.
        """
        cuts = split_into_slices(self.total)
        if self.are_numbers:
            scores = [[each] for each in map((self.ranks - self.totals / 2)[self.places].__getitem__, cuts)]
        else:
            of_each = (np.argsort(-self.totals[own], kind="stable") for own in split_into_slices(self.each_has))
            often = [first + order[:frequent] for first, order in zip(self.firsts, of_each, strict=True)]
            scores = [
                [(self.places[cut] == place).astype(float) for place in places]
                for cut, places in zip(cuts, often, strict=True)
            ]
        rows = [len(each) for each in scores]
        shares = between_shares([*chain(*scores)], np.repeat(self.sizes, rows, axis=0))
        for each, own in zip(scores, split_into_slices(np.array(rows)), strict=True):
            place = int(shares[own].argmax())
            yield float(shares[own][place]), each[place]


def between_shares(scores: Sequence[Values], sizes: Places) -> Values:
    """The share of each column's variance between parts in row order, beyond what groups of rows within them explain.

    scores: each column's values in order of parts: ranks, or 0 and 1. sizes: of the parts, shape (columns, parts). The
    difference between the halves of a part estimates the effect of groups of rows.
    """
    rows, values = sizes.sum(axis=1), np.concatenate(scores)
    ends, column = sizes.cumsum(), np.repeat(np.arange(len(sizes)), sizes.shape[1])
    variance, cut = _variances(values, rows, rows), sizes.ravel() > 1
    ends, parts, many = ends[cut], sizes.ravel()[cut], np.bincount(column[cut], minlength=len(sizes))
    upto = np.concatenate(([0.0], np.cumsum(values)))
    starts, halves = ends - parts, parts // 2
    first = (upto[starts + halves] - upto[starts]) / halves
    second = (upto[ends] - upto[starts + halves]) / (parts - halves)
    within = (
        add_by_group((first - second) ** 2, many) / np.maximum(many, 1) / 4
    )  # the variance of the mean of two halves
    apart = np.maximum(_variances((first + second) / 2, many, np.maximum(many - 1, 1)) - within, 0.0)
    shares: Values = np.divide(apart, variance, out=np.zeros(len(sizes)), where=(many > 1) & (variance > 0))
    return shares


def _variances(values: Values, sizes: Places, freedoms: Places) -> Values:
    apart = values - np.repeat(add_by_group(values, sizes) / np.maximum(sizes, 1), sizes)
    variances: Values = add_by_group(apart * apart, sizes) / freedoms
    return variances


def _counted(places: Places, weights: NDArray[Any], least: int = 0) -> Values:
    counts: Any = np.bincount(places, weights, least)  # doubles, whatever its annotation says
    return np.asarray(counts)
