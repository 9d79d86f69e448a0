"""Predictions without labels, and how reliable scores were in the baseline: the input for estimates of model quality."""

from __future__ import annotations

from dataclasses import field, replace
from hashlib import sha256

import numpy as np

from spark_model_monitor.statistics import Doubles
from spark_model_monitor.statistics.states.blocks import Blocks, BlockSums, add_by_block
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

# Names of sums over held-out rows
ROWS = "rows"
DIFFERENCES = "apart"  # |error - expected|
SQUARED_DIFFERENCES = "apart_2"
SQUARED_ERRORS = "errors_2"
SQUARED_EXPECTED = "expected_2"

ERROR_SUMS = (ROWS, DIFFERENCES, SQUARED_DIFFERENCES, SQUARED_ERRORS, SQUARED_EXPECTED)


def measure_expected_errors(errors: Doubles, expected: Doubles, blocks: Blocks) -> BlockSums:
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
    reference_by_class: the same for many classes, each against all others.
    expected_error_sums: for regression, how close the model's expected absolute errors were to the real ones in the baseline,
        from `measure_expected_errors`.
    """

    KIND = "estimated_outcomes"
    VERSION = 3

    predictions: Outcomes = field(default_factory=Outcomes)
    reference: ScoreCounts = field(default_factory=ScoreCounts)
    reference_by_class: ClassScores = field(default_factory=ClassScores)
    expected_error_sums: BlockSums = field(default_factory=BlockSums)

    def __add__(self, addend: EstimatedOutcomes) -> EstimatedOutcomes:
        """Raises BadState if their baselines or plans differ."""
        # Only windows with the same baseline can be added
        digests = (sha256(join_parts(outcomes.pack_baseline())).hexdigest()[:12] for outcomes in (self, addend))
        require_equal(self.KIND, "the baseline's digest", *digests)
        return replace(self, predictions=self.predictions + addend.predictions)

    def pack_baseline(self) -> tuple[bytes, bytes, bytes]:
        """The baseline's members as bytes; empty bytes if there are no classes or no errors."""
        class_bytes = b""
        error_bytes = b""
        if self.reference_by_class.of_class:
            class_bytes = self.reference_by_class.to_bytes()
        if self.expected_error_sums.names:
            error_bytes = self.expected_error_sums.to_bytes()
        return self.reference.to_bytes(), class_bytes, error_bytes

    def payload(self) -> tuple[Parameters, bytes]:
        """The bytes of each state, preceded by their length."""
        return {}, join_parts([self.predictions.to_bytes(), *self.pack_baseline()])

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> EstimatedOutcomes:
        predictions, reference, class_bytes, error_bytes = split_parts(payload)
        return cls(
            Outcomes.from_bytes(predictions),
            ScoreCounts.from_bytes(reference),
            ClassScores.from_bytes(class_bytes) if class_bytes else ClassScores(),
            BlockSums.from_bytes(error_bytes) if error_bytes else BlockSums(),
        )
