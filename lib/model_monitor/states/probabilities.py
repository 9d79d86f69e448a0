"""What is summed of predicted probabilities: their loss, and how they agree with what happened, in 64 blocks of rows.

Runs on executors; pure numpy.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model_monitor.states.blocks import BLOCKS, Blocks, BlockSums, Numbers, summed

CALIBRATION_BINS = 10
"""Bins of equal width, the upper edge in the bin. Source: Guo et al. 2017, "On calibration of modern neural networks"."""

LOG_LOSS, SQUARED_ERROR = "log_loss", "squared_error"
NAMES = (
    LOG_LOSS,
    SQUARED_ERROR,
    *(f"{what}.{number}" for what in ("rows", "hits", "scores") for number in range(CALIBRATION_BINS)),
)
"""Names of the sums: of the losses, and for each bin its rows, those in which it happened, and their probabilities."""

_SMALLEST = np.finfo(np.float64).eps  # what scikit-learn's log_loss clips to, so that one sure error is not infinite


def probability_sums(scores: Numbers, happened: NDArray[np.bool_], blocks: Blocks) -> BlockSums:
    """The sums of rows: the probability of something, and whether it happened.

    Of binary problems it is the positive class, of multiclass problems that the predicted class is right.
    """
    likelihood = np.clip(np.where(happened, scores, 1 - scores), _SMALLEST, 1 - _SMALLEST)
    residuals = scores - happened
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]
    bins = np.searchsorted(edges, scores, side="left")
    losses = np.stack([summed(blocks, -np.log(likelihood)), summed(blocks, residuals * residuals)])
    cells = bins * BLOCKS + blocks
    by_bin = [
        np.bincount(cells, values, minlength=CALIBRATION_BINS * BLOCKS).reshape(CALIBRATION_BINS, BLOCKS)
        for values in (None, happened, scores)
    ]
    return BlockSums(NAMES, np.concatenate([losses, *by_bin]))


def calibration(sums: BlockSums) -> tuple[Numbers, Numbers, Numbers]:
    """Rows, those in which it happened, and the sum of their probabilities, each of shape (bins, blocks)."""
    rows, hits, scores = sums.sums[2:].reshape(3, CALIBRATION_BINS, -1)
    return rows, hits, scores
