"""How many rows count as one where each group of them lies in one of some blocks, from the blocks' sums alone. Pure."""

from __future__ import annotations

import numpy as np

from model_monitor.statistics.drift.distributions import Values
from model_monitor.statistics.verdicts.likeness import FEWEST_GROUPS


def likeness_in_blocks(
    sums: Values, squares: Values, rows: Values, alone_squares: Values | float = 0, alone: float = 0
) -> Values:
    """How many rows count as one, by score: at least 1, which rows by themselves are. Shape (scores,).

    sums: of the scores less their means, by score and block. squares: of their squares, over all rows. rows: of the blocks.
    alone: rows of no group, and the sums of their squares.
    Source: B5.4; Kish 1965, "Survey Sampling".
    """
    total, filled = rows.sum() + alone, np.count_nonzero(rows) + alone
    if filled < FEWEST_GROUPS:
        return np.full(len(squares), max(1.0, total / max(filled, 1)))
    expected = squares * (1 - ((rows**2).sum() + alone) / total**2)
    found = np.divide((sums**2).sum(axis=1) + alone_squares, expected, out=np.ones(len(squares)), where=expected > 0)
    at_least_one: Values = np.maximum(found, 1.0)
    return at_least_one
