"""Predictions without labels, and how reliable scores were in the baseline: the input for estimates of model quality."""

from __future__ import annotations

from dataclasses import field
from hashlib import sha256

import numpy as np

from spark_model_monitor.statistics.states.blocks import Blocks, BlockSums, Numbers, add_by_block
from spark_model_monitor.statistics.states.encoding import (
    Parameters,
    State,
    join_parts,
    register_state,
    require_equal,
    split_parts,
)
from spark_model_monitor.statistics.states.outcomes import Outcomes
from spark_model_monitor.statistics.states.scores import ClassScores, ScoreCounts
from spark_model_monitor.value_class import value_class

ROWS, APART, APART_2, ERRORS_2, EXPECTED_2 = ERROR_SUMS = ("rows", "apart", "apart_2", "errors_2", "expected_2")
"""Names of sums over held-out rows: number of rows, |error - expected|, its square, error² and expected²."""


def measure_expected_errors(errors: Numbers, expected: Numbers, blocks: Blocks) -> BlockSums:
    """The accuracy of expected absolute errors, from rows with known errors and the block of each."""
    with np.errstate(over="ignore", invalid="ignore"):  # sums of huge values become infinite
        differences = np.abs(errors - expected)
        values = (None, differences, differences * differences, errors * errors, expected * expected)
        return BlockSums(ERROR_SUMS, np.stack([add_by_block(blocks, terms) for terms in values]))


@register_state
@value_class(eq=False)
class EstimatedOutcomes(State):
    """Outcomes without labels, with the baseline's outcomes from which their quality is estimated.

    predictions: outcomes with predictions in place of labels, so that `scores` has rows by score and predicted class.
    reference: the baseline's rows by score and label, with as few scores as possible without loss.
    of_classes: the same for many classes, each against all others.
    of_errors: for regression, where labels differ from predictions by the expected error: the accuracy of expected
        errors, as in `measure_expected_errors`.
    """

    KIND = "estimated_outcomes"
    VERSION = 3

    predictions: Outcomes = field(default_factory=Outcomes)
    reference: ScoreCounts = field(default_factory=ScoreCounts)
    of_classes: ClassScores = field(default_factory=ClassScores)
    of_errors: BlockSums = field(default_factory=BlockSums)

    def __add__(self, addend: EstimatedOutcomes) -> EstimatedOutcomes:
        """Raises BadState if their baselines or plans differ."""
        # Only windows with the same baseline can be added
        digests = (sha256(join_parts(outcomes.pack_baseline())).hexdigest()[:12] for outcomes in (self, addend))
        require_equal(self.KIND, "the baseline's digest", *digests)
        return EstimatedOutcomes(self.predictions + addend.predictions, self.reference, self.of_classes, self.of_errors)

    def pack_baseline(self) -> tuple[bytes, bytes, bytes]:
        """The baseline's members as bytes; empty bytes if there are no classes or no errors."""
        of_classes = b""
        if self.of_classes.of_class:
            of_classes = self.of_classes.to_bytes()
        return self.reference.to_bytes(), of_classes, self.of_errors.to_bytes() if self.of_errors.names else b""

    def payload(self) -> tuple[Parameters, bytes]:
        """The bytes of each state, preceded by their length."""
        return {}, join_parts([self.predictions.to_bytes(), *self.pack_baseline()])

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> EstimatedOutcomes:
        predictions, reference, of_classes, of_errors = split_parts(payload)
        return cls(
            Outcomes.from_bytes(predictions),
            ScoreCounts.from_bytes(reference),
            ClassScores.from_bytes(of_classes) if of_classes else ClassScores(),
            BlockSums.from_bytes(of_errors) if of_errors else BlockSums(),
        )
