"""Regression sums: errors of predicted numbers, and the spread of the labels, in 64 blocks of rows.

Runs on executors; pure numpy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from model_monitor.statistics.states.blocks import BLOCKS, Blocks, Numbers, are_counts, doubles, summed
from model_monitor.statistics.states.encoding import pack, registered, unpack


def _no_sums() -> Numbers:
    return np.zeros(BLOCKS)


@registered
@dataclass(frozen=True, slots=True, eq=False)
class RegressionSums:
    """Sums by block, each of shape (blocks,).

    rows: of the block. absolute, squared: sums of |label - prediction| and of its square. label_mean: of the labels, 0 for no
    rows. label_m2: sum of their squared deviations from it. absolute_label: sum of |label|. relative: sum of
    |label - prediction| / |label| over the `nonzero` rows whose label is not 0.
    """

    KIND: ClassVar[str] = "regression"
    VERSION: ClassVar[int] = 1

    rows: Numbers = field(default_factory=_no_sums)
    absolute: Numbers = field(default_factory=_no_sums)
    squared: Numbers = field(default_factory=_no_sums)
    label_mean: Numbers = field(default_factory=_no_sums)
    label_m2: Numbers = field(default_factory=_no_sums)
    absolute_label: Numbers = field(default_factory=_no_sums)
    relative: Numbers = field(default_factory=_no_sums)
    nonzero: Numbers = field(default_factory=_no_sums)

    @classmethod
    def of(cls, labels: Numbers, predictions: Numbers, blocks: Blocks) -> RegressionSums:
        """The sums of rows, from finite numbers and the block of each."""
        with np.errstate(over="ignore", invalid="ignore"):  # sums of huge values become infinite
            errors = np.abs(labels - predictions)
            rows = summed(blocks)
            means = summed(blocks, labels) / np.maximum(rows, 1)
            deviations = labels - means[blocks]
            filled = labels != 0
            relative = np.divide(errors, np.abs(labels), out=np.zeros_like(errors), where=filled)
            return cls(
                rows=rows,
                absolute=summed(blocks, errors),
                squared=summed(blocks, errors * errors),
                label_mean=means,
                label_m2=summed(blocks, deviations * deviations),
                absolute_label=summed(blocks, np.abs(labels)),
                relative=summed(blocks, relative),
                nonzero=summed(blocks, filled),
            )

    def __add__(self, other: RegressionSums) -> RegressionSums:
        """Exact for rows, else up to rounding, in the order of adding.

        Source: Chan, Golub and LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances".
        """
        with np.errstate(over="ignore", invalid="ignore"):
            rows = self.rows + other.rows
            share = other.rows / np.maximum(rows, 1)
            apart = other.label_mean - self.label_mean
            return RegressionSums(
                rows=rows,
                absolute=self.absolute + other.absolute,
                squared=self.squared + other.squared,
                label_mean=np.where(self.rows == 0, other.label_mean, self.label_mean + apart * share),
                label_m2=self.label_m2 + other.label_m2 + apart * apart * self.rows * share,
                absolute_label=self.absolute_label + other.absolute_label,
                relative=self.relative + other.relative,
                nonzero=self.nonzero + other.nonzero,
            )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RegressionSums) and self.to_bytes() == other.to_bytes()

    def to_bytes(self) -> bytes:
        """The state's bytes: doubles, one member after the other."""
        return pack(self.KIND, self.VERSION, {}, np.stack(self.members).astype("<f8").tobytes())

    @classmethod
    def from_bytes(cls, blob: bytes) -> RegressionSums:
        """The sums that `to_bytes` wrote.

        Raises BadState naming what is wrong with the bytes.
        """
        _, payload = unpack(blob, cls.KIND, cls.VERSION)
        return cls(*doubles(cls.KIND, payload, (8, BLOCKS)))

    def fault(self) -> str | None:
        """What keeps bytes from being sums, beyond their members' types."""
        return None if are_counts(self.rows) and are_counts(self.nonzero) else "a block has no number of rows"

    @property
    def members(self) -> tuple[Numbers, ...]:
        """Every member, in the order declared."""
        return (
            *(self.rows, self.absolute, self.squared, self.label_mean),
            *(self.label_m2, self.absolute_label, self.relative, self.nonzero),
        )
