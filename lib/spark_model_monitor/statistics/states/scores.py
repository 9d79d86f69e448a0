"""Counts of predictions and labels: confusion counts, scores of each class, and sums of probabilities.

Scores are counted exactly while few are distinct, else in fine bins.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import field
from itertools import chain
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from spark_model_monitor.statistics import (
    Doubles,
    Flags,
    Integers,
    create_empty_doubles,
    create_empty_integers,
)
from spark_model_monitor.statistics.states.blocks import BLOCKS, Blocks, BlockSums, add_by_block
from spark_model_monitor.statistics.states.encoding import (
    Parameters,
    State,
    join_parts,
    pack_texts,
    register_state,
    split_parts,
    unpack_texts,
)
from spark_model_monitor.value_class import value_class

CLASS_LIMIT = 1000  # maximum number of distinct labels and predictions together; more are numbers or names, not classes


@register_state
@value_class
class ConfusionCounts(State):
    """The number of rows with each pair of label and prediction that occurred.

    total: number of all rows. overflowed: whether there were more than `limit` texts; then `counts` is empty and only `total`
        is known.
    """

    KIND = "confusion"

    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    total: int = 0
    limit: int = CLASS_LIMIT
    overflowed: bool = False

    @classmethod
    def of(cls, labels: pa.Array, predictions: pa.Array, limit: int = CLASS_LIMIT) -> ConfusionCounts:
        """The counts of rows. labels, predictions: one text per row, without null."""
        first = labels.dictionary_encode()
        second = predictions.dictionary_encode()
        width = len(second.dictionary)
        if max(len(first.dictionary), width) > limit:
            return cls({}, len(first), limit, overflowed=True)
        # Encode each pair of texts as one number
        # Row-major index of the pair
        codes = first.indices.to_numpy().astype(np.int64) * width + second.indices.to_numpy()
        cells, occurrences = np.unique(codes, return_counts=True)
        texts = first.dictionary.to_pylist()
        prediction_texts = second.dictionary.to_pylist()
        counts = {
            (texts[cell // width], prediction_texts[cell % width]): count
            for cell, count in zip(cells.tolist(), occurrences.tolist(), strict=True)
        }
        return cls._apply_limit(counts, len(codes), limit)

    @property
    def labels(self) -> frozenset[str]:
        """The texts that occurred as labels."""
        return frozenset(label for label, _ in self.counts)

    @property
    def predictions(self) -> frozenset[str]:
        """The texts that occurred as predictions."""
        return frozenset(prediction for _, prediction in self.counts)

    def __add__(self, addend: ConfusionCounts) -> ConfusionCounts:
        """Raises BadState if the limits differ."""
        self.require_same(addend, "limit")
        if self.overflowed or addend.overflowed:
            return ConfusionCounts({}, self.total + addend.total, self.limit, overflowed=True)
        counts = self.sum_of_counts(self.counts, addend.counts)
        return self._apply_limit(counts, self.total + addend.total, self.limit)

    def payload(self) -> tuple[Parameters, bytes]:
        """Total, whether it overflowed, number of cells, counts, lengths of the texts, texts; sorted."""
        cells = sorted(self.counts)
        numbers = [self.total, int(self.overflowed), len(cells), *(self.counts[cell] for cell in cells)]
        return {"limit": self.limit}, pack_texts(numbers, chain.from_iterable(cells))

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> ConfusionCounts:
        cell_count = int(np.frombuffer(payload, "<i8", 3)[2])
        (total, overflowed, _, *counts), texts = unpack_texts(payload, 3 + cell_count, 2 * cell_count)
        cells = zip(texts[::2], texts[1::2], strict=True)
        return cls(dict(zip(cells, counts, strict=True)), total, parameters["limit"], bool(overflowed))

    def is_consistent(self) -> bool:
        if self.overflowed:
            return not self.counts
        return sum(self.counts.values()) == self.total and 0 not in self.counts.values()

    @classmethod
    def _apply_limit(cls, counts: Mapping[tuple[str, str], int], total: int, limit: int) -> ConfusionCounts:
        if len({text for cell in counts for text in cell}) > limit:
            return cls({}, total, limit, overflowed=True)
        return cls(counts, total, limit)


Scores: TypeAlias = Doubles  # shape (rows,) or (distinct scores,), from 0 to 1
Counts: TypeAlias = Integers  # shape (distinct scores,)

# Maximum number of distinct scores that are counted exactly: they take 400 kB, like a binned state
SCORE_LIMIT = 16_384
UNLIMITED = 0  # the limit of a state that keeps every distinct score; needed to reproduce the service's numbers
_DROPPED_BITS = np.uint32(32 - 20)  # P16
# Mask for the bits of a 32-bit float down to five bits of its mantissa
_COARSE_BITS = np.uint32(0xFFFFFFFF << 18 & 0xFFFFFFFF)
_CHUNK_ROWS = 1 << 17


@register_state
@value_class(eq=False)
class ScoreCounts(State):
    """The number of rows of the negative and of the positive class at each score, ascending by score.

    scores: the distinct scores, or the lower edge of each bin if `binned`. limit: maximum number of distinct scores before
        they are binned.
    """

    KIND = "scores"

    scores: Scores = field(default_factory=create_empty_doubles)
    negatives: Counts = field(default_factory=create_empty_integers)
    positives: Counts = field(default_factory=create_empty_integers)
    limit: int = SCORE_LIMIT
    binned: bool = False

    @classmethod
    def of(cls, scores: Scores, positive: Flags, limit: int = SCORE_LIMIT) -> ScoreCounts:
        """The counts of rows, from the score of each and whether it is in the positive class."""
        distinct, inverse = np.unique(scores + 0.0, return_inverse=True)  # -0.0 becomes 0.0
        negatives, positives = (
            _count_by_index(inverse, is_in_class, len(distinct)) for is_in_class in (~positive, positive)
        )
        return cls(distinct, negatives, positives, limit)._apply_limit()

    def __add__(self, addend: ScoreCounts) -> ScoreCounts:
        """Independent of order and grouping: if there are more distinct scores than `limit`, rows end up in the same bins.

        Raises BadState if the limits differ.
        """
        self.require_same(addend, "limit")
        if self.binned or addend.binned:
            first = self._move_into_bins()
            second = addend._move_into_bins()
        else:
            first = self
            second = addend
        return _add_counts(first, second)._apply_limit()

    def is_consistent(self) -> bool:
        are_scores = (self.scores[1:] > self.scores[:-1]).all() and ((self.scores >= 0) & (self.scores <= 1)).all()
        return bool(are_scores and (self.negatives + self.positives > 0).all())

    def _apply_limit(self) -> ScoreCounts:
        if self.limit == UNLIMITED or self.binned or len(self.scores) <= self.limit:
            return self
        return self._move_into_bins()

    def _move_into_bins(self) -> ScoreCounts:
        if self.binned:
            return self
        codes, inverse = np.unique(_compute_codes(self.scores), return_inverse=True)
        negatives, positives = (
            _count_by_index(inverse, class_counts, len(codes)) for class_counts in (self.negatives, self.positives)
        )
        return ScoreCounts(_compute_edges(codes), negatives, positives, self.limit, binned=True)


class ScoreCountsBuilder:
    """Builds score counts from rows; the result does not depend on how rows are split into calls."""

    def __init__(self, limit: int = SCORE_LIMIT) -> None:
        self._state = ScoreCounts(limit=limit)
        # After binning, rows are counted at the index 2 * code + class, which needs no sorting
        self._counts_by_code: Counts | None = None
        self._pending: list[tuple[Scores, Flags]] = []
        self._pending_rows = 0

    def update(self, scores: Scores, positive: Flags) -> None:
        """Take rows: the score of each, and whether it is in the positive class."""
        self._pending.append((scores, positive))
        self._pending_rows += len(scores)
        if self._pending_rows >= max(_CHUNK_ROWS, len(self._state.scores)):
            self._add_pending()

    def state(self) -> ScoreCounts:
        """The counts of all rows so far."""
        self._add_pending()
        if self._counts_by_code is None:
            return self._state
        by_class = self._counts_by_code.reshape(-1, 2)
        codes = np.flatnonzero(by_class.any(axis=1))
        negatives, positives = by_class[codes].T
        return self._state + ScoreCounts(_compute_edges(codes), negatives, positives, self._state.limit, binned=True)

    def _add_pending(self) -> None:
        if not self._pending:
            return
        # A few distinct scores are sorted; binned scores are only counted
        scores, positive = (np.concatenate(parts) for parts in zip(*self._pending, strict=True))
        self._pending = []
        self._pending_rows = 0
        if self._counts_by_code is not None:
            self._counts_by_code += np.bincount(
                2 * _compute_codes(scores) + positive, minlength=len(self._counts_by_code)
            )
            return
        self._state += ScoreCounts.of(scores, positive, self._state.limit)
        if self._state.binned:
            self._counts_by_code = np.zeros(2 * (int(_compute_codes(np.ones(1))[0]) + 1), dtype=np.int64)


def _compute_codes(scores: Scores) -> Counts:
    """The index of each score's bin: the upper 20 bits of its 32-bit float, which increase with the score."""
    return ((scores + 0.0).astype(np.float32).view(np.uint32) >> _DROPPED_BITS).astype(np.int64)


def coarsen_scores(scores: Scores) -> Scores:
    """The lower edge of each score's bin, in wider bins: 32 per power of 2."""
    return ((scores + 0.0).astype(np.float32).view(np.uint32) & _COARSE_BITS).view(np.float32).astype(np.float64)


def _compute_edges(codes: Counts) -> Scores:
    """The lower edge of each bin."""
    return (codes.astype(np.uint32) << _DROPPED_BITS).view(np.float32).astype(np.float64)


def _add_counts(first: ScoreCounts, second: ScoreCounts) -> ScoreCounts:
    """The counts of two states, either both binned or both not."""
    scores, inverse = np.unique(np.concatenate([first.scores, second.scores]), return_inverse=True)
    counts_by_class = ((first.negatives, second.negatives), (first.positives, second.positives))
    negatives, positives = (
        _count_by_index(inverse, np.concatenate(class_counts), len(scores)) for class_counts in counts_by_class
    )
    return ScoreCounts(scores, negatives, positives, first.limit, first.binned)


def _count_by_index(index: Integers, counts: Counts | Flags, size: int) -> Counts:
    """The sums of counts at each index. bincount adds doubles, which are exact up to 2^53."""
    return np.bincount(index, counts, minlength=size).astype(np.int64)


MAX_SCORED_CLASSES = 30
"""The maximum number of classes that are each counted against all others; each takes up to 400 kB of a state."""


@register_state
@value_class(eq=False)
class ClassScores(State):
    """One class against all others: for each class, the number of rows at each of its probabilities. Positive rows have this
    class.

    overflowed: whether there were more classes than MAX_SCORED_CLASSES; then `of_class` is empty.
    """

    KIND = "class_scores"

    of_class: Mapping[str, ScoreCounts] = field(default_factory=dict)
    overflowed: bool = False

    def __add__(self, addend: ClassScores) -> ClassScores:
        """Raises BadState if the limits of a class differ."""
        counts_by_class = dict(self.of_class)
        for name, counts in addend.of_class.items():
            counts_by_class[name] = counts_by_class[name] + counts if name in counts_by_class else counts
        return ClassScores.limited(counts_by_class, overflowed=self.overflowed or addend.overflowed)

    @classmethod
    def limited(cls, of_class: Mapping[str, ScoreCounts], *, overflowed: bool = False) -> ClassScores:
        """The scores of these classes; without any class if there are too many."""
        overflowed = overflowed or len(of_class) > MAX_SCORED_CLASSES
        return cls({} if overflowed else of_class, overflowed)

    def payload(self) -> tuple[Parameters, bytes]:
        """The counts of each class, preceded by their length, in order of the names."""
        names = sorted(self.of_class)
        parameters = {"classes": json.dumps(names, ensure_ascii=False), "overflowed": int(self.overflowed)}
        return parameters, join_parts(self.of_class[name].to_bytes() for name in names)

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> ClassScores:
        names = json.loads(parameters["classes"])
        counts = dict(zip(names, map(ScoreCounts.from_bytes, split_parts(payload)), strict=True))
        return cls(counts, bool(parameters["overflowed"]))

    def is_consistent(self) -> bool:
        max_classes = 0 if self.overflowed else MAX_SCORED_CLASSES
        return len(self.of_class) <= max_classes and all(isinstance(name, str) for name in self.of_class)


CALIBRATION_BINS = 10
"""Number of bins of equal width, each including its upper edge. Source: Guo et al. 2017, "On calibration of modern neural
networks".
"""

LOG_LOSS = "log_loss"
SQUARED_ERROR = "squared_error"
NAMES = (
    LOG_LOSS,
    SQUARED_ERROR,
    *(f"{quantity}.{number}" for quantity in ("rows", "hits", "scores") for number in range(CALIBRATION_BINS)),
)
"""Names of the sums: two losses, and for each bin the number of rows, the rows with the event, and the sum of their
probabilities.
"""

# Probabilities are clipped to this, as in scikit-learn's log_loss, so that one certain but wrong prediction isn't infinite
_MIN_PROBABILITY = np.finfo(np.float64).eps


def logarithms(values: Doubles) -> Doubles:
    """Natural logarithms of numbers above 0, accurate to a few units in the last place, computed from sums and products only.
    numpy's logarithm may round differently on executors with other processors. log x = 2 artanh((x - 1) / (x + 1)).

    Source: Abramowitz and Stegun 1964, "Handbook of mathematical functions", 4.1.27.
    """
    mantissas, exponents = np.frexp(values)
    is_low = mantissas < math.sqrt(0.5)
    mantissas = np.where(is_low, 2 * mantissas, mantissas)
    ratio = (mantissas - 1) / (mantissas + 1)
    squares = ratio * ratio
    series = np.full(np.shape(values), 1 / 23)
    for divisor in range(21, 0, -2):
        series *= squares
        series += 1 / divisor
    logs: Doubles = (exponents - is_low) * math.log(2) + 2 * ratio * series
    return logs


def add_probabilities(scores: Doubles, happened: Flags, blocks: Blocks) -> BlockSums:
    """Sums over rows. scores: the probability of an event. happened: whether the event happened.

    For binary problems the event is the positive class; for multiclass problems it is that the predicted class is right.
    """
    likelihood = np.clip(np.where(happened, scores, 1 - scores), _MIN_PROBABILITY, 1 - _MIN_PROBABILITY)
    residuals = scores - happened  # True counts as 1
    # First losses by block, then rows, events and probabilities by bin and block
    # Only inner edges; a value at an edge belongs to the lower bin
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]
    bins = np.searchsorted(edges, scores, side="left")
    losses = np.stack([add_by_block(blocks, -logarithms(likelihood)), add_by_block(blocks, residuals * residuals)])
    cell_indices = bins * BLOCKS + blocks  # one index for each pair of bin and block
    by_bin = [
        np.bincount(cell_indices, values, minlength=CALIBRATION_BINS * BLOCKS).reshape(CALIBRATION_BINS, BLOCKS)
        for values in (None, happened, scores)
    ]
    return BlockSums(NAMES, np.concatenate([losses, *by_bin]))


def calibration(sums: BlockSums) -> tuple[Doubles, Doubles, Doubles]:
    """The number of rows, the number of rows with the event, and the sum of probabilities, each of shape (bins, blocks)."""
    rows, hits, scores = sums.sums[2:].reshape(3, CALIBRATION_BINS, -1)
    return rows, hits, scores
