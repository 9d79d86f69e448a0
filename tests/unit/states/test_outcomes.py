"""One state for all of a model-quality scan: what it holds, and that it does not depend on how rows come."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from spark_model_monitor.errors import BadState
from spark_model_monitor.statistics.states import KllSketch, decode
from spark_model_monitor.statistics.states.blocks import BLOCKS, assign_blocks
from spark_model_monitor.statistics.states.outcome_builder import ABOVE_THRESHOLD, NOT_ABOVE_THRESHOLD, OutcomeBuilder
from spark_model_monitor.statistics.states.outcome_plan import OutcomePlan
from spark_model_monitor.statistics.states.outcomes import Outcomes
from spark_model_monitor.statistics.user_choices import ProblemType

RANDOM = np.random.default_rng(4)
ROWS = 5_000
SCORES = RANDOM.random(ROWS)
LABELS = pa.array(np.where(RANDOM.random(ROWS) < SCORES, "1", "0"))
NUMBERS = RANDOM.normal(50, 9, ROWS)
KEYS = RANDOM.integers(0, 2**63, ROWS).astype(np.uint64)
VALUES = np.column_stack([NUMBERS, np.where(SCORES < 0.5, np.nan, 2.0)])

BY_THRESHOLD = OutcomePlan(
    ProblemType.BINARY_CLASSIFICATION, with_scores=True, with_predictions=False, values=("profit", "calls")
)
REGRESSION = OutcomePlan(ProblemType.REGRESSION)


def scored(step: int, plan: OutcomePlan = BY_THRESHOLD) -> Outcomes:
    builder = OutcomeBuilder(plan)
    for start in range(0, ROWS, step):
        rows = slice(start, start + step)
        builder.update(LABELS[rows], None, SCORES[rows], KEYS[rows], VALUES[rows])
    return builder.state()


def test_outcomes_do_not_depend_on_the_sizes_of_the_batches():
    assert scored(ROWS).to_bytes() == scored(17).to_bytes() == scored(999).to_bytes()


def test_regressions_do_not_depend_on_the_sizes_of_the_batches():
    states = []
    for step in (ROWS, 13):
        builder = OutcomeBuilder(REGRESSION, partition=3)  # no keys: the rows are numbered
        for start in range(0, ROWS, step):
            builder.update(NUMBERS[start : start + step], NUMBERS[start : start + step] + 1)
        states.append(builder.state())

    assert states[0].to_bytes() == states[1].to_bytes()
    assert states[0].residuals.count == ROWS


def test_residuals_add_up_and_a_sum_has_them_if_all_of_its_parts_have_them():
    builder = OutcomeBuilder(REGRESSION)
    builder.update(np.array([3.0, -1e308]), np.array([1.0, 1e308]))
    state = builder.state()
    none = Outcomes.zero(REGRESSION)
    without = replace(state, residuals=KllSketch())

    assert (state + state).residuals.step_cdf()[0].tolist() == [-np.finfo(float).max, 2.0]
    assert (none + state, state + none) == (state, state)
    assert not (without + state).has_residuals


def test_the_parts_of_the_state_count_the_same_rows():
    state = scored(ROWS)

    assert state.item_count == ROWS
    assert state.confusion.total == ROWS
    assert sum(state.confusion.counts.values()) == ROWS
    assert int(state.scores.negatives.sum() + state.scores.positives.sum()) == ROWS
    assert state.confusion.predictions == {ABOVE_THRESHOLD, NOT_ABOVE_THRESHOLD}
    above = sum(rows for (_, prediction), rows in state.confusion.counts.items() if prediction == ABOVE_THRESHOLD)
    assert above == int((SCORES > 0.5).sum())


def test_values_are_summed_where_there_are_any():
    state = scored(ROWS)

    assert state.values.of("profit.sum").sum() == pytest.approx(NUMBERS.sum())
    assert state.values.of("calls.rows").sum() == (SCORES >= 0.5).sum()
    assert state.values.of("calls.sum").sum() == 2 * (SCORES >= 0.5).sum()


def test_the_state_of_no_rows_is_neutral_and_comes_back():
    zero = Outcomes.zero(BY_THRESHOLD)

    assert zero + scored(ROWS) == scored(ROWS) == scored(ROWS) + zero
    assert OutcomeBuilder(BY_THRESHOLD).state() == zero
    assert decode(zero.to_bytes()) == zero


def test_states_of_other_plans_are_refused():
    other_scores = scored(ROWS, replace(BY_THRESHOLD, threshold=0.4))

    with pytest.raises(BadState, match="the plan is .* here and .* there"):
        scored(ROWS) + other_scores


def test_a_plan_can_be_sent_to_executors():
    assert pickle.loads(pickle.dumps(BY_THRESHOLD)) == BY_THRESHOLD
    assert OutcomePlan.from_json(BY_THRESHOLD.to_json()) == BY_THRESHOLD


@pytest.mark.parametrize("keys", [KEYS, np.arange(ROWS, dtype=np.uint64)], ids=["hashes", "numbers in a row"])
def test_blocks_are_about_equally_full(keys):
    rows = np.bincount(assign_blocks(keys), minlength=BLOCKS)

    expected = ROWS / BLOCKS
    assert ((rows - expected) ** 2 / expected).sum() < 103.4  # chi-square, 63 degrees of freedom, p = 0.001
