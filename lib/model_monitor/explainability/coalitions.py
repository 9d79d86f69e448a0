"""Designs of coalitions: which of k players take part in each call of a game, and how their Shapley values follow from it. Pure.

A design knows no columns. One is made for each number of players, from a seed, and serves every row with so many features that
differ from the baseline (E3.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

Masks = NDArray[np.bool_]  # shape (coalitions, players)
Weights = NDArray[np.float64]

DEFAULT_SAMPLES = 2048
"""Coalitions beside two for each feature, where nobody says how many (E3.1)."""

DRAWS_PER_COALITION = 4
"""Coalitions are drawn so often for each that is still wanted; what was drawn twice counts twice."""


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """Coalitions of some players, and the projection from what they are worth to the players' values.

    masks: who takes part, shape (coalitions, players); neither all nor none. of_coalitions: shape (players, coalitions).
    of_all: shape (players,). is_exact: all coalitions are there. is_singular: they don't tell all players apart.

    With y a coalition's worth above nobody's and total everybody's, the values are of_coalitions @ y + of_all * total.
    """

    masks: Masks
    of_coalitions: NDArray[np.float64]
    of_all: NDArray[np.float64]
    is_exact: bool
    is_singular: bool = False

    @property
    def nbytes(self) -> int:
        return self.masks.nbytes + self.of_coalitions.nbytes


def samples_of(asked: int | None, features: int) -> int:
    """Coalitions that a row may take, of all features of a data set.

    Source: E3.1.
    """
    everything: int = 2**features - 2
    return max(0, min(everything, asked or 2 * features + DEFAULT_SAMPLES))


def design_of(players: int, samples: int, seed: int) -> Design:
    """The design for some players, of at most so many coalitions; the same one wherever it is made.

    Source: E3.2; Lundberg and Lee 2017, "A unified approach to interpreting model predictions".
    """
    is_exact = players < 2 or 2**players - 2 <= samples
    masks, weights = _everything(players) if is_exact else _outside_in(players, samples, seed)
    return _projected(masks, weights, is_exact=is_exact)


def _projected(masks: Masks, weights: Weights, *, is_exact: bool) -> Design:
    """Weighted least squares under the constraint that the values add up to the total: the last player has what is left."""
    coalitions, players = masks.shape
    last = masks[:, -1:].astype(np.float64) if players else np.zeros((coalitions, 0))
    apart = masks[:, :-1] - last
    weighted = apart.T * weights
    values, vectors = np.linalg.eigh(weighted @ apart)
    seen = values > 1e-12 * max(1.0, values.max(initial=0.0))
    solved = (vectors[:, seen] / values[seen]) @ (vectors[:, seen].T @ weighted)
    shares = -solved @ last
    return Design(
        masks,
        np.vstack([solved, -solved.sum(axis=0, keepdims=True)])[:players],
        np.vstack([shares, 1 - shares.sum(axis=0, keepdims=True)])[:players].reshape(-1),
        is_exact,
        not bool(seen.all()),
    )


def _everything(players: int) -> tuple[Masks, Weights]:
    sizes = range(1, players)
    masks = [_all_of_size(players, size) for size in sizes]
    weights = [np.full(comb(players, size), _weight(players, size) / comb(players, size)) for size in sizes]
    return np.vstack([np.zeros((0, players), bool), *masks]), np.concatenate([np.zeros(0), *weights])


def _outside_in(players: int, samples: int, seed: int) -> tuple[Masks, Weights]:
    """Whole sizes while they fit, smallest and largest first; of the others as many as are left, in complementary pairs.

    Source: E3.2.
    """
    sizes = list(range(1, players // 2 + 1))
    shares = np.array([_weight(players, size) * (1 if 2 * size == players else 2) for size in sizes])
    shares /= shares.sum()
    masks, weights, left = [], [], samples
    while sizes:
        both = 1 if 2 * sizes[0] == players else 2
        whole = both * comb(players, sizes[0])
        if left * shares[0] / shares.sum() < whole * (1 - 1e-8):
            break
        some = _all_of_size(players, sizes[0])
        masks.append(np.vstack([some, ~some][:both]))
        weights.append(np.full(whole, shares[0] / whole))
        left -= whole
        sizes, shares = sizes[1:], shares[1:]
    if sizes and left > 0:
        drawn, counts = _drawn(players, sizes, shares / shares.sum(), left, seed)
        masks.append(drawn)
        weights.append(counts * (shares.sum() / counts.sum()))
    return np.vstack(masks), np.concatenate(weights)


def _drawn(players: int, sizes: list[int], shares: Weights, wanted: int, seed: int) -> tuple[Masks, Weights]:
    """Up to so many coalitions of these sizes with their complements, and how often each was drawn."""
    random = np.random.default_rng([seed, players])
    pairs = max(1, wanted // 2)
    size = random.choice(sizes, DRAWS_PER_COALITION * pairs, p=shares)
    drawn = random.random((len(size), players)).argsort(axis=1).argsort(axis=1) < size[:, None]
    alike = np.packbits(drawn ^ drawn[:, :1], axis=1)  # a coalition and its complement alike
    _, first, place = np.unique(alike, axis=0, return_index=True, return_inverse=True)
    end = np.sort(first)[pairs] if len(first) > pairs else len(size)
    counts = np.bincount(place.reshape(-1)[:end], minlength=len(first))
    order = np.sort(first[first < end])
    kept = drawn[order]
    found = counts[place.reshape(-1)[order]].astype(np.float64)
    return np.vstack([kept, ~kept]), np.concatenate([found, found])


def _all_of_size(players: int, size: int) -> Masks:
    members = np.array(list(combinations(range(players), size)))
    masks = np.zeros((len(members), players), bool)
    np.put_along_axis(masks, members, True, axis=1)
    return masks


def _weight(players: int, size: int) -> float:
    """The kernel's weight of all coalitions of a size together, up to a factor."""
    return (players - 1) / (size * (players - size))


class Designs:
    """The designs by their numbers of players, the least recently used of which are given up when they are large."""

    LIMIT = 256 * 2**20

    def __init__(self, samples: int, seed: int) -> None:
        self._samples = samples
        self._seed = seed
        self._made: dict[int, Design] = {}

    def of(self, players: int) -> Design:
        design = self._made.pop(players, None) or design_of(players, self._samples, self._seed)
        self._made[players] = design
        while len(self._made) > 1 and sum(made.nbytes for made in self) > self.LIMIT:
            del self._made[next(iter(self._made))]
        return design

    def __iter__(self) -> Iterator[Design]:
        return iter(self._made.values())
