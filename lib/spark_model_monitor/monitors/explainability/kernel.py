"""Kernel SHAP for many rows at once, and the designs: samples of coalitions, that is, of subsets of k players. Pure.

The synthetic rows of many rows and coalitions share one buffer and one call of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import combinations
from math import comb

import numpy as np

from spark_model_monitor.errors import BadInput
from spark_model_monitor.monitors.predictors import Cells
from spark_model_monitor.statistics import Doubles, Flags, Indexes
from spark_model_monitor.statistics.states.scores import logarithms
from spark_model_monitor.value_class import value_class

Masks = Flags  # shape (coalitions, players)
Answers = Doubles  # shape (rows, outputs)

DEFAULT_SAMPLES = 2048  # number of coalitions, in addition to two per feature (E3.1)

DRAWS_PER_COALITION = 4
"""The number of random draws per coalition that is needed; a coalition that is drawn twice gets twice the weight."""


@value_class(eq=False)
class Design:
    """Coalitions of some players, and the linear map from the coalitions' worth to the players' values.

    masks: the members of each coalition, shape (coalitions, players); neither all players nor none.
    coalition_weights: shape (players, coalitions).
    total_weights: shape (players,).
    is_exact: whether it has all coalitions.
    is_singular: whether it has too few coalitions to distinguish all players.

    With y the worth of each coalition minus that of the empty one, and total the worth of all players minus that of the empty
    coalition, the values are of_coalitions @ y + of_all * total.
    """

    masks: Masks
    coalition_weights: Doubles
    total_weights: Doubles
    is_exact: bool
    is_singular: bool = False

    @property
    def nbytes(self) -> int:
        return self.masks.nbytes + self.coalition_weights.nbytes


def count_samples(requested: int | None, features: int) -> int:
    """The number of coalitions for a row, if all features take part.

    Source: E3.1.
    """
    everything: int = 2**features - 2
    return max(0, min(everything, requested or 2 * features + DEFAULT_SAMPLES))


def build_design(players: int, samples: int, seed: int) -> Design:
    """The design for some players, with at most this many coalitions; deterministic.

    Source: E3.2; Lundberg and Lee 2017, "A unified approach to interpreting model predictions".
    """
    # All coalitions except the empty and the full one, whose worth is known without a call
    is_exact = players < 2 or 2**players - 2 <= samples
    if is_exact:
        masks_by_size: list[Masks] = [np.zeros((0, players), bool)]
        weights_by_size = [np.zeros(0)]
        for size in range(1, players):
            masks_by_size.append(_all_of_size(players, size))
            # The kernel's weight of a size is divided among the coalitions of this size
            coalition_count = comb(players, size)
            weights_by_size.append(np.full(coalition_count, _weight(players, size) / coalition_count))
        masks = np.vstack(masks_by_size)
        weights = np.concatenate(weights_by_size)
    else:
        masks, weights = _sample_coalitions(players, samples, seed)
    return _solve_least_squares(masks, weights, is_exact=is_exact)


def _solve_least_squares(masks: Masks, weights: Doubles, *, is_exact: bool) -> Design:
    """Weighted least squares under the constraint that values add up to the total: the last player gets the remainder."""
    players = masks.shape[1]
    # The constraint eliminates the last player's value, so there is one unknown less
    last_player = masks[:, -1:].astype(np.float64)
    differences = masks[:, :-1] - last_player
    weighted = differences.T * weights
    # Small eigenvalues belong to directions that the coalitions don't determine; these get no value
    values, vectors = np.linalg.eigh(weighted @ differences)
    is_determined = values > 1e-12 * max(1.0, values.max(initial=0.0))
    solved = (vectors[:, is_determined] / values[is_determined]) @ (vectors[:, is_determined].T @ weighted)
    # Each player's share of the total
    shares = -solved @ last_player
    # The last player gets what is left of the total
    coalition_weights = np.vstack([solved, -solved.sum(axis=0, keepdims=True)])[:players]
    total_weights = np.vstack([shares, 1 - shares.sum(axis=0, keepdims=True)])[:players]
    return Design(masks, coalition_weights, total_weights.reshape(-1), is_exact, not bool(is_determined.all()))


def _sample_coalitions(players: int, samples: int, seed: int) -> tuple[Masks, Doubles]:
    """Complete sizes while they fit, the smallest and largest sizes first; then random coalitions of other sizes, in
    complementary pairs.

    Source: E3.2.
    """
    sizes = list(range(1, players // 2 + 1))
    # The kernel's weight of each size; doubled if the complement has another size
    shares = np.array([_weight(players, size) * (1 if 2 * size == players else 2) for size in sizes])
    shares /= shares.sum()
    masks = []
    weights = []
    num_remaining = samples
    # A size is enumerated completely if as many draws as it has coalitions, or more, would fall on it
    while sizes:
        multiplicity = 1 if 2 * sizes[0] == players else 2
        coalition_count = multiplicity * comb(players, sizes[0])
        if num_remaining * shares[0] / shares.sum() < coalition_count * (1 - 1e-8):
            break
        coalitions = _all_of_size(players, sizes[0])
        masks.append(np.vstack([coalitions, ~coalitions][:multiplicity]))
        weights.append(np.full(coalition_count, shares[0] / coalition_count))
        num_remaining -= coalition_count
        sizes = sizes[1:]
        shares = shares[1:]
    # The rest of the budget is drawn at random, and gets the weight of all remaining sizes together
    if sizes and num_remaining > 0:
        drawn, counts = _draw_coalitions(players, sizes, shares / shares.sum(), num_remaining, seed)
        masks.append(drawn)
        weights.append(counts * (shares.sum() / counts.sum()))
    return np.vstack(masks), np.concatenate(weights)


def _draw_coalitions(
    players: int, sizes: list[int], shares: Doubles, most_coalitions: int, seed: int
) -> tuple[Masks, Doubles]:
    """Up to this many coalitions of these sizes, in pairs with their complements, and how often each was drawn."""
    # The seed includes the number of players, so that each design is drawn independently
    random = np.random.default_rng([seed, players])
    pairs = max(1, most_coalitions // 2)
    size = random.choice(sizes, DRAWS_PER_COALITION * pairs, p=shares)
    # Comparing the ranks of random numbers with the size gives a uniform random coalition of this size
    drawn = random.random((len(size), players)).argsort(axis=1).argsort(axis=1) < size[:, None]
    pair_key = np.packbits(drawn ^ drawn[:, :1], axis=1)  # the same for a coalition and its complement
    # Draws are used only until enough different pairs occurred, so that the frequencies are those of the draws
    _, first_draws, pair_index = np.unique(pair_key, axis=0, return_index=True, return_inverse=True)
    end = len(size)
    if len(first_draws) > pairs:
        end = np.sort(first_draws)[pairs]
    counts = np.bincount(pair_index.reshape(-1)[:end], minlength=len(first_draws))
    order = np.sort(first_draws[first_draws < end])
    unique_coalitions = drawn[order]
    frequencies = counts[pair_index.reshape(-1)[order]].astype(np.float64)
    return np.vstack([unique_coalitions, ~unique_coalitions]), np.concatenate([frequencies, frequencies])


def _all_of_size(players: int, size: int) -> Masks:
    members = np.array(list(combinations(range(players), size)))
    masks = np.zeros((len(members), players), bool)
    np.put_along_axis(masks, members, True, axis=1)
    return masks


def _weight(players: int, size: int) -> float:
    """The kernel's weight of all coalitions of a size together, up to a constant factor: (k - 1) / (s (k - s))."""
    return (players - 1) / (size * (players - size))


class Designs:
    """The designs by number of players. If they get too large together, the least recently used ones are dropped."""

    LIMIT = 256 * 2**20

    def __init__(self, samples: int, seed: int) -> None:
        self._samples = samples
        self._seed = seed
        self._designs: dict[int, Design] = {}

    def of(self, players: int) -> Design:
        design = self._designs.pop(players, None) or build_design(players, self._samples, self._seed)
        self._designs[players] = design
        # The first one is the least recently used
        while len(self._designs) > 1 and sum(stored_design.nbytes for stored_design in self) > self.LIMIT:
            del self._designs[next(iter(self._designs))]
        return design

    def __iter__(self) -> Iterator[Design]:
        return iter(self._designs.values())


BUFFER_ROWS = 100_000
BUFFER_BYTES = 64 * 2**20
CLIP = 1e-12  # probabilities are clipped to this distance from 0 and 1, so that their log-odds are finite
MAX_VALUE = 1e100  # larger answers and local values are replaced by this, so that sums of their squares are finite


@value_class
class RowAttributions:
    """Local values of rows, shape (rows, outputs, features). exact: number of rows whose values are exact."""

    values: Doubles
    exact: int


@value_class(slots=False)
class Kernel:
    """Explains rows by Kernel SHAP.

    predict: returns the model's answers to rows.
    baseline: rows that represent the absence of a feature.
    samples, seed: of the designs.
    with_logit: whether log-odds are attributed instead of probabilities.
    compute_exact_values: computes the values directly, if the model needs no coalitions.
    """

    predict: Callable[[Cells], Answers]
    baseline: Cells
    samples: int
    seed: int = 0
    with_logit: bool = False
    compute_exact_values: Callable[[Cells], Doubles] | None = None

    @cached_property
    def designs(self) -> Designs:
        return Designs(self.samples, self.seed)

    @cached_property
    def expected(self) -> Doubles:
        """The worth of the empty coalition: the mean answer to the baseline rows after the link function, shape (outputs,)."""
        return self._apply_link(limit_values(self.predict(self.baseline)).mean(axis=0))

    def explain(self, rows: Cells) -> RowAttributions:
        """The attributions of all features for some rows.

        Raises BadInput if log-odds are requested for answers outside 0 to 1.
        """
        # The total of a row, which its values add up to: its answer minus the mean answer to the baseline rows
        totals = self._apply_link(limit_values(self.predict(rows))) - self.expected
        # A sum, such as a linear model or a tree ensemble, needs no coalitions
        if self.compute_exact_values is not None:
            return RowAttributions(limit_values(self.compute_exact_values(rows)), len(rows))
        # A feature that equals all baseline rows has value 0; leaving it out saves most coalitions
        differs = np.any([_find_differences(rows, baseline_row) for baseline_row in self.baseline], axis=0)
        values = np.zeros((len(rows), len(self.expected), rows.shape[1]))
        self._add_coalitions(rows, differs, values)
        # Add each player's share of the total, so that the values of a row add up to it
        players = differs.sum(axis=1)
        exact = int((players == 0).sum())
        for count in np.unique(players[players > 0]):
            design = self.designs.of(int(count))
            row_indices = np.flatnonzero(players == count)
            column_indices = np.nonzero(differs[row_indices])[1].reshape(len(row_indices), -1)
            shares = totals[row_indices][:, :, None] * design.total_weights
            values[row_indices[:, None], :, column_indices] += shares.transpose(0, 2, 1)
            if design.is_exact:
                exact += len(row_indices)
        return RowAttributions(values, exact)

    def _add_coalitions(self, rows: Cells, differs: Flags, values: Doubles) -> None:
        """Add the worth of all coalitions to the values. Batches are collected until a call of the model is full."""
        collected: list[_CoalitionBatch] = []
        size = 0
        for batch in self._list_batches(differs):
            if size + batch.size(self.baseline) > self._max_buffer_rows and collected:
                self._evaluate_batches(rows, collected, values)
                collected = []
                size = 0
            collected.append(batch)
            size += batch.size(self.baseline)
        self._evaluate_batches(rows, collected, values)

    @property
    def _max_buffer_rows(self) -> int:
        """The number of synthetic rows that fit in a buffer."""
        return max(1, min(BUFFER_ROWS, BUFFER_BYTES // (8 * max(1, self.baseline.shape[1]))))

    @cached_property
    def _buffer(self) -> Cells:
        """A reusable buffer for the synthetic rows of a call, because allocating memory takes longer than filling it."""
        buffer_type = np.result_type(self.baseline, np.float64)
        return np.empty((max(self._max_buffer_rows, len(self.baseline)), self.baseline.shape[1]), buffer_type)

    def _list_batches(self, differs: Flags) -> Iterator[_CoalitionBatch]:
        """Yield groups of rows that differ from the baseline in the same features, few features first; each fits in a buffer.

        A row that needs more than a buffer is divided between coalitions, at positions that don't depend on other rows.
        """
        # Rows are sorted by their number of differing features, as big-endian bytes, then by which features these are
        counts = differs.sum(axis=1).astype(">u4").view(np.uint8).reshape(-1, 4)
        packed = np.hstack([counts, np.packbits(differs, axis=1)])
        _, pattern_index = np.unique(packed, axis=0, return_inverse=True)
        pattern_index = pattern_index.reshape(-1)
        order = np.argsort(pattern_index, kind="stable")
        for rows in filter(len, np.split(order, np.cumsum(np.bincount(pattern_index))[:-1])):
            columns = np.flatnonzero(differs[rows[0]])
            # A single feature gets the whole total, and without features there are no values, so the model needn't be called
            if len(columns) < 2:
                continue
            design = self.designs.of(len(columns))
            coalitions = len(design.masks)
            max_coalitions = max(1, self._max_buffer_rows // len(self.baseline))
            # The rows of a batch, more than one if their coalitions fit into the buffer
            step = max(1, max_coalitions // coalitions)
            for first_row in range(0, len(rows), step):
                batch_rows = rows[first_row : first_row + step]
                for start in range(0, coalitions, max_coalitions):
                    yield _CoalitionBatch(batch_rows, columns, design, start, min(start + max_coalitions, coalitions))

    def _evaluate_batches(self, rows: Cells, batches: list[_CoalitionBatch], values: Doubles) -> None:
        """Add the worth of the pieces' coalitions to the values. One call of the model."""
        if not batches:
            return
        end = 0
        for batch in batches:
            start = end
            end += batch.size(self.baseline)
            batch.fill(self._buffer[start:end], rows, self.baseline)
        answers = limit_values(self.predict(self._buffer[:end]))
        # The mean over baseline rows is taken before the link function, as for the expected answer
        answers = answers.reshape(-1, len(self.baseline), answers.shape[1]).mean(axis=1)
        worth = self._apply_link(answers) - self.expected
        start = 0
        for batch in batches:
            end = start + len(batch.rows) * (batch.stop - batch.start)
            batch.add(worth[start:end], values)
            start = end

    def _apply_link(self, answers: Answers) -> Answers:
        if not self.with_logit:
            return answers
        if not ((answers >= 0) & (answers <= 1)).all():
            raise BadInput(
                "use_logit asks for probabilities, and the model's answers lie outside of 0 to 1; leave use_logit out"
            )
        inside = np.clip(answers, CLIP, 1 - CLIP)
        return logarithms(inside / (1 - inside))


@value_class
class _CoalitionBatch:
    """Rows that differ in the same columns, and the range of a design's coalitions to evaluate for them."""

    rows: Indexes
    columns: Indexes
    design: Design
    start: int
    stop: int

    def size(self, baseline: Cells) -> int:
        return len(self.rows) * (self.stop - self.start) * len(baseline)

    def fill(self, synthetic: Cells, rows: Cells, baseline: Cells) -> None:
        """Fill in the synthetic rows, ordered by row, coalition, baseline row. Players that aren't in the coalition get
        baseline cells.

        Cells are taken by index from an array with a row's own cells followed by the cells of all baseline rows.
        """
        width = rows.shape[1]
        count = len(self.rows)
        # Features that don't take part are never replaced, because they equal the baseline's cells
        absent = np.zeros((self.stop - self.start, 1, width), bool)
        absent[:, 0, self.columns] = ~self.design.masks[self.start : self.stop]
        # Indexes into a row's own cells, followed by those of all baseline rows
        own_indices = np.arange(width)
        baseline_indices = np.arange(width, width + baseline.size).reshape(baseline.shape)
        cell_indices = np.where(absent, baseline_indices, own_indices)
        baseline_cells = np.broadcast_to(baseline.reshape(-1), (count, baseline.size))
        cells = np.hstack([rows[self.rows], baseline_cells]).astype(synthetic.dtype, copy=False)
        np.take(cells, cell_indices.reshape(-1), axis=1, out=synthetic.reshape(count, -1), mode="clip")

    def add(self, worth: Answers, values: Doubles) -> None:
        """Add the coalitions' contributions to each row separately, so that its sums don't depend on the rows around it."""
        coalition_weights = self.design.coalition_weights[:, self.start : self.stop]
        worth_by_row = worth.reshape(len(self.rows), self.stop - self.start, -1)
        contributions = np.matmul(coalition_weights, worth_by_row)  # rows, players, outputs
        values[self.rows[:, None], :, self.columns[None, :]] += contributions


def limit_values(values: Doubles) -> Doubles:
    return values.clip(-MAX_VALUE, MAX_VALUE)


def _find_differences(rows: Cells, other_row: Cells) -> Flags:
    """Flags of the cells that differ from another row; two missing cells are equal."""
    differs: Flags = np.asarray(rows != other_row, dtype=bool)
    if rows.dtype == np.float64:
        differs &= ~(np.isnan(rows) & np.isnan(other_row))
    return differs
