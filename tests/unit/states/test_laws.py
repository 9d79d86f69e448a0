"""What every state promises, tested for each: it adds, it becomes bytes and comes back, and it refuses what does not fit.

A new kind of state fails here until it has its case in `CASES`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pytest

from spark_model_monitor.errors import BadState
from spark_model_monitor.statistics.states import (
    ColumnType,
    DataTypeCounts,
    DateTexts,
    DateTextsBuilder,
    DistinctBuilder,
    DistinctRegisters,
    Ends,
    FeatureProfile,
    Frequencies,
    FrequenciesBuilder,
    KllBuilder,
    KllSketch,
    Moments,
    MomentsBuilder,
    Profile,
    Repeats,
    Requests,
    RequestsBuilder,
    RowCounts,
    RowGroups,
    RowRepeats,
    RowRun,
    RowRuns,
    State,
    TextLengths,
    TextShapes,
    VectorCounts,
    Words,
    decode,
)
from spark_model_monitor.statistics.states.attributions import Attributions, AttributionsBuilder
from spark_model_monitor.statistics.states.blocks import BlockSums, RegressionSums, add_by_block, assign_blocks
from spark_model_monitor.statistics.states.contingency import CellKind, ColumnMetadata, Contingency
from spark_model_monitor.statistics.states.encoding import STATES, pack
from spark_model_monitor.statistics.states.estimated import EstimatedOutcomes
from spark_model_monitor.statistics.states.hashing import hash_texts, xxhash64
from spark_model_monitor.statistics.states.outcome_builder import OutcomeBuilder
from spark_model_monitor.statistics.states.outcome_plan import OutcomePlan
from spark_model_monitor.statistics.states.outcomes import Outcomes
from spark_model_monitor.statistics.states.pairs import Pairs
from spark_model_monitor.statistics.states.rule_counts import RuleCounts, measure_pair
from spark_model_monitor.statistics.states.scores import ClassScores, ConfusionCounts, ScoreCounts
from spark_model_monitor.statistics.states.segments import SegmentProfiles
from spark_model_monitor.statistics.states.time_counts import Ages, TimeCounts
from spark_model_monitor.statistics.states.vectors import VectorMoments, VectorMomentsBuilder
from spark_model_monitor.statistics.user_choices import ProblemType


def part(seed: int, pairs: int) -> np.ndarray:
    """Whole numbers, each with its negative, NaN and infinities: mean 0 in every part, so that even moments add exactly.

    Fewer than 2,050 in all, so that no sketch is compacted.
    """
    numbers = np.random.default_rng(seed).integers(1, 40, size=pairs).astype(np.float64)
    return np.concatenate([numbers, -numbers, [np.nan, np.inf, -np.inf, np.nan]])


PARTS = [part(1, 100), part(2, 1), part(3, 400)]
ROWS = np.concatenate(PARTS)


def finite(rows: np.ndarray) -> np.ndarray:
    return rows[np.isfinite(rows)]


def build_moments(rows: np.ndarray) -> Moments:
    builder = MomentsBuilder()
    builder.update(rows)
    return builder.state()


def build_kll(rows: np.ndarray) -> KllSketch:
    builder = KllBuilder()
    builder.update(finite(rows))
    return builder.state()


def build_distinct(rows: np.ndarray) -> DistinctRegisters:
    builder = DistinctBuilder()
    builder.update(xxhash64(rows))
    return builder.state()


def build_frequencies(rows: np.ndarray) -> Frequencies:
    values, counts = np.unique(rows, return_counts=True)
    builder = FrequenciesBuilder()
    builder.update([str(value) for value in values], counts)
    return builder.state()


def build_ends(rows):
    return Ends().add_values(finite(rows))


def build_text_lengths(rows):
    return TextLengths.of(pa.array(["é" * int(row) for row in rows[rows > 0] if np.isfinite(row)], pa.string()))


def build_text_shapes(rows):
    texts = [("é2 a1 " * int(row))[:-1] for row in rows[rows > 0] if np.isfinite(row)]
    sizes = np.array([len(text.encode()) for text in texts])
    return TextShapes.of(pa.array(texts, pa.string()), sizes > 200, np.ones(len(texts), np.int64))


def sample_date_texts(rows):
    """Nine texts of each number, of which more than are kept; two of them dates."""
    texts = [
        f"20{abs(int(row)):02d}-0{n}-01" if n in (1, 2) else f"{row} {n}" for row in finite(rows) for n in range(9)
    ]
    builder = DateTextsBuilder()
    builder.update(pa.array(texts, pa.string()), hash_texts(pa.array(texts, pa.string())), None)
    return builder.state()


def build_repeats(rows, state_type=Repeats):
    """Sixty values of each number: of many numbers more than are kept."""
    return state_type().add_values(xxhash64((finite(rows)[:, None] * 100 + np.arange(60)).ravel()))


def build_data_types(rows: np.ndarray) -> DataTypeCounts:
    cells = [None if np.isnan(row) else f"{row:.0f}" if row < 0 else str(row) if row < 20 else "x" for row in rows]
    return DataTypeCounts.of(pa.array(cells, pa.string()))


def build_vectors(rows: np.ndarray) -> VectorCounts:
    lengths = np.abs(finite(rows)).astype(np.int32)
    return VectorCounts.of(lengths, lengths // 2, lengths // 3, missing=int(np.isnan(rows).sum()))


def build_ages(rows: np.ndarray) -> Ages:
    return Ages.of(finite(rows) * 3_600)


def count_times(rows: np.ndarray) -> TimeCounts:
    """Eight hundred hours of each number: of many numbers more than are kept."""
    begins = finite(rows)[:, None] * 4_000
    hours = (begins + np.arange(0, 1_600, 2)).ravel()
    occurrences = np.ones(hours.size, np.int64)
    return TimeCounts.of(hours * 3_600, occurrences)


def build_vector_moments(rows: np.ndarray) -> VectorMoments:
    """Vectors of 1 and -1 in turns: every stretch has mean 0, and as many stretches lie in all rows as in the parts."""
    builder = VectorMomentsBuilder()
    signs = np.resize([1.0, -1.0], len(finite(rows)))
    builder.update(signs, np.ones(len(signs), np.int32))
    return builder.state()


def build_rows(rows: np.ndarray) -> RowCounts:
    return RowCounts(len(finite(rows)), (int(np.isnan(rows).sum()), 0), (int((finite(rows) > 5).sum()),))


def build_requests(rows: np.ndarray) -> Requests:
    builder = RequestsBuilder()
    statuses = pa.array(np.abs(finite(rows)).astype(np.int64) * 10)
    builder.update(statuses, pa.array(finite(rows)), pa.array(np.full(len(statuses), 50.0)))
    return builder.state()


def build_confusion(rows: np.ndarray) -> ConfusionCounts:
    labels = (finite(rows) % 5).astype(int).astype(str)
    return ConfusionCounts.of(pa.array(labels), pa.array((finite(rows) % 3).astype(int).astype(str)))


def build_scores(rows: np.ndarray) -> ScoreCounts:
    return ScoreCounts.of(np.abs(finite(rows)) / 40, finite(rows) > 0)


def build_class_scores(rows: np.ndarray) -> ClassScores:
    numbers = finite(rows)
    scores_by_class = {"a": numbers[numbers > 0], "ключ": numbers[numbers <= 0]}
    return ClassScores(
        {name: build_scores(class_numbers) for name, class_numbers in scores_by_class.items() if len(class_numbers)}
    )


def build_regression(rows: np.ndarray) -> RegressionSums:
    numbers = finite(rows)
    blocks = np.abs(numbers).astype(np.int64)  # a number and its negative are in one block, whose mean is 0
    return RegressionSums.of(numbers, numbers / 2, blocks)


def build_block_sums(rows: np.ndarray) -> BlockSums:
    blocks = assign_blocks(np.abs(finite(rows)).astype(np.uint64))
    return BlockSums(("rows", "ключ, a"), np.stack([add_by_block(blocks), add_by_block(blocks, finite(rows))]))


def build_outcomes(rows: np.ndarray) -> Outcomes:
    builder = OutcomeBuilder(OutcomePlan(ProblemType.BINARY_CLASSIFICATION))
    labels = pa.array((finite(rows) % 2).astype(int).astype(str))
    builder.update(labels, labels)
    return builder.state()


def build_estimated(rows) -> EstimatedOutcomes:
    return EstimatedOutcomes(build_outcomes(rows), build_scores(ROWS), build_class_scores(ROWS), build_block_sums(ROWS))


def build_contingency(rows: np.ndarray) -> Contingency:
    numbers = finite(rows)
    signs = {1: int((numbers > 0).sum()), 0: int((numbers <= 0).sum())}
    table = {(sign, 0, None, "north"): count for sign, count in signs.items()}
    kinds = {CellKind.INTEGRAL: len(numbers), CellKind.MISSING: len(rows) - len(numbers)}
    return Contingency((table,), (ColumnMetadata(kinds, min(numbers), max(numbers), 1, None),), "a plan")


def build_attributions(rows: np.ndarray) -> Attributions:
    numbers = finite(rows)
    builder = AttributionsBuilder(
        Attributions(("Day Mins", "ключ"), ("label0",), "mean_abs", "Day Mins,ключ\r\n", np.array([0.25]))
    )
    values = np.stack([numbers, numbers / 2], axis=1)[:, None, :]
    builder.update(values, np.abs(numbers).astype(np.uint64), exact=len(numbers))
    return builder.state()


def build_feature(rows: np.ndarray, name: str = "Day Mins") -> FeatureProfile:
    states = [
        build_data_types(rows),
        build_moments(rows),
        build_kll(rows),
        build_distinct(rows),
        build_frequencies(rows),
    ]
    return FeatureProfile.of(name, ColumnType.TEXT, states)


def build_row_runs(rows: np.ndarray) -> RowRuns:
    """Each value is a run, whose lot is itself; a sum keeps those with the smallest lots."""
    runs = (RowRuns((RowRun(value, 1, np.float64(value).tobytes(), b""),)) for value in finite(rows).tolist())
    return sum(runs, RowRuns())


def build_row_groups(rows: np.ndarray) -> RowGroups:
    """Rows whose tens are equal belong together; some are missing."""
    groups = RowGroups()
    for value in finite(rows).tolist():
        lot = float(np.floor(value / 10))
        if value % 3 < 1:
            cell = b""
        else:
            cell = np.float64(value).tobytes()
        groups += RowGroups((RowRun(lot, 1, cell, b"", b"" if cell else b"\0"),))
    return groups


def build_rule_counts(rows: np.ndarray) -> RuleCounts:
    """Negative numbers offend, and infinities; the first have ids. Sums are of the rows alone, and beside their negatives;
    infinities are left to the tests of rules.
    """
    negative = rows[rows < 0]
    infinite = np.isinf(rows)
    judged = int((~np.isnan(rows)).sum())
    numbers = np.where(infinite, np.nan, rows)
    sums = (measure_pair(numbers, numbers), measure_pair(numbers, -numbers))
    ids = (tuple(map(str, negative[:10])), ())
    return RuleCounts((len(negative), int(infinite.sum())), (judged, len(rows)), ids, sums)


def build_segments(rows: np.ndarray) -> SegmentProfiles:
    """Cut by sign."""
    signs = {"low": rows[rows < 0], "high": rows[~(rows < 0)]}
    return SegmentProfiles({"sign": {label: build_feature(chosen, label) for label, chosen in sorted(signs.items())}})


def build_pairs(rows: np.ndarray) -> Pairs:
    """Rows of each sign beside missing ones, and negative rows that break an order."""
    cells = {"cuts": [0.0]}
    table = (int((rows < 0).sum()), 0, 0, 0, int((rows >= 0).sum()), 0, 0, 0, int(np.isnan(rows).sum()))
    association = {"kind": "association", "columns": ["a", "ключ"], "cells": [cells, cells]}
    order = {"kind": "order", "columns": ["a", "b"], "within": 0.0}
    counts = {json.dumps(association): table, json.dumps(order): (len(rows), int((rows < 0).sum()))}
    return Pairs.of(counts)


def build_profile(rows: np.ndarray) -> Profile:
    states = [DataTypeCounts(unknown=len(rows)), build_vectors(rows)]
    features = (build_feature(rows, "a.b"), FeatureProfile.of("ключ", ColumnType.VECTOR, states))
    return Profile(len(rows), features, {"reader": "csv"})


@dataclass(frozen=True)
class Case:
    """One kind of state. of: that of some rows. zero: that of none. other: one made with other parameters, if it has any."""

    of: Callable[[np.ndarray], State]
    zero: State
    other: State | None = None


NO_OUTCOMES = Outcomes.zero(OutcomePlan(ProblemType.BINARY_CLASSIFICATION))
CASES = {
    "moments": Case(build_moments, Moments()),
    "kll": Case(build_kll, KllSketch(), KllSketch(k=1024)),
    "distinct": Case(build_distinct, DistinctRegisters(), DistinctRegisters(np.zeros(1024, dtype=np.uint8))),
    "frequencies": Case(build_frequencies, Frequencies(), Frequencies(limit=10)),
    "ends": Case(build_ends, Ends()),
    "text_lengths": Case(build_text_lengths, TextLengths()),
    "text_shapes": Case(build_text_shapes, TextShapes()),
    "date_texts": Case(sample_date_texts, DateTexts()),
    "repeats": Case(build_repeats, Repeats()),
    "words": Case(partial(build_repeats, state_type=Words), Words()),
    "row_repeats": Case(partial(build_repeats, state_type=RowRepeats), RowRepeats()),
    "data_types": Case(build_data_types, DataTypeCounts()),
    "vectors": Case(build_vectors, VectorCounts()),
    "ages": Case(build_ages, Ages()),
    "time_counts": Case(count_times, TimeCounts()),
    "vector_moments": Case(build_vector_moments, VectorMoments()),
    "rows": Case(build_rows, RowCounts.zero(reasons=2, predicates=1), RowCounts.zero(reasons=1, predicates=1)),
    "row_runs": Case(build_row_runs, RowRuns()),
    "row_groups": Case(build_row_groups, RowGroups()),
    "rule_counts": Case(build_rule_counts, RuleCounts.zero(2, 2), RuleCounts.zero(2, 1)),
    "requests": Case(build_requests, Requests()),
    "confusion": Case(build_confusion, ConfusionCounts(), ConfusionCounts(limit=10)),
    "scores": Case(build_scores, ScoreCounts(), ScoreCounts(limit=10)),
    "class_scores": Case(build_class_scores, ClassScores()),
    "regression": Case(build_regression, RegressionSums()),
    "block_sums": Case(build_block_sums, BlockSums(), BlockSums.zero(("other",))),
    "outcomes": Case(
        build_outcomes,
        NO_OUTCOMES,
        Outcomes.zero(OutcomePlan(ProblemType.REGRESSION)),
    ),
    "estimated_outcomes": Case(
        build_estimated,
        EstimatedOutcomes(NO_OUTCOMES, build_scores(ROWS), build_class_scores(ROWS), build_block_sums(ROWS)),
        EstimatedOutcomes(NO_OUTCOMES, ScoreCounts()),
    ),
    "contingency": Case(build_contingency, Contingency(), Contingency(({(1, 0, None, None): 1},), plan="another")),
    "attributions": Case(build_attributions, Attributions(), Attributions(("other",), ("label0",))),
    "feature": Case(build_feature, FeatureProfile("Day Mins"), FeatureProfile("Eve Mins")),
    "segments": Case(build_segments, SegmentProfiles()),
    "pairs": Case(build_pairs, Pairs()),
    "profile": Case(build_profile, Profile(), Profile(1, (FeatureProfile("c"),))),
}

every_kind = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
every_kind_with_parameters = pytest.mark.parametrize(
    "case", [pytest.param(case, id=kind) for kind, case in CASES.items() if case.other is not None]
)


def test_every_kind_of_state_is_tested_here():
    assert set(CASES) == set(STATES)


@every_kind
def test_the_state_of_all_rows_is_the_sum_of_those_of_its_parts(case):
    first, second, third = (case.of(rows) for rows in PARTS)

    assert first + second + third == case.of(ROWS)


@every_kind
def test_adding_is_associative(case):
    first, second, third = (case.of(rows) for rows in PARTS)

    assert (first + second) + third == first + (second + third)


@every_kind
def test_adding_changes_neither_side(case):
    left = case.of(PARTS[0])
    right = case.of(PARTS[2])

    left + right

    assert (left, right) == (case.of(PARTS[0]), case.of(PARTS[2]))


@every_kind
def test_the_state_of_no_rows_is_neutral(case):
    state = case.of(ROWS)

    assert case.zero + state == state
    assert state + case.zero == state
    assert case.zero + case.zero == case.zero


@every_kind
def test_states_of_different_rows_differ(case):
    assert case.of(PARTS[0]) != case.of(PARTS[2])
    assert case.of(PARTS[0]) != "a text"


@every_kind_with_parameters
def test_states_with_unequal_parameters_are_refused_by_both_sides(case):
    for left, right in [(case.of(ROWS), case.other), (case.other, case.of(ROWS))]:
        with pytest.raises(BadState, match=r"here and .* there; only states with the same one add up"):
            left + right


@every_kind
@pytest.mark.parametrize("rows", [ROWS, PARTS[1]], ids=["many rows", "few rows"])
def test_bytes_bring_the_same_state_back(case, rows):
    state = case.of(rows)

    assert decode(state.to_bytes()) == state
    assert type(case.zero).from_bytes(state.to_bytes()) == state
    assert case.of(rows).to_bytes() == state.to_bytes()


@every_kind
def test_bytes_bring_the_state_of_no_rows_back(case):
    assert decode(case.zero.to_bytes()) == case.zero


@every_kind
def test_a_state_from_bytes_adds_like_the_one_that_wrote_them(case):
    left, right = (case.of(rows) for rows in PARTS[:2])

    assert decode(left.to_bytes()) + decode(right.to_bytes()) == left + right


@every_kind
def test_bytes_that_are_cut_anywhere_are_refused(case):
    blob = case.of(PARTS[1]).to_bytes()

    for size in range(len(blob)):
        with pytest.raises(BadState, match="may be cut"):
            decode(blob[:size])


@every_kind
def test_a_changed_byte_anywhere_is_noticed(case):
    blob = case.of(PARTS[1]).to_bytes()

    for position in range(len(blob)):
        changed = bytearray(blob)
        changed[position] ^= 0x10
        with pytest.raises(BadState, match="state bytes: "):
            type(case.zero).from_bytes(bytes(changed))


@every_kind
def test_a_payload_of_another_size_is_refused(case):
    kind = type(case.zero)
    parameters = {"k": 2048, "c": 0.64, "p": 9, "limit": 10, "reasons": 1, "predicates": 0}
    parameters |= {"name": "a", "column_type": "text", "item_count": 1}

    for payload in [b"\x07", bytes(11), b"\x01" * 40]:
        with pytest.raises(BadState, match=rf"state bytes: .*{kind.KIND}"):
            kind.from_bytes(pack(kind.KIND, kind.VERSION, parameters, payload))


@every_kind
def test_bytes_of_another_kind_are_refused(case):
    kind = type(case.zero)
    # Any other kind will do
    another = Moments()
    if kind is Moments:
        another = DataTypeCounts()
    sentence = f"they hold a state of kind '{another.KIND}'; '{kind.KIND}' is expected here"

    with pytest.raises(BadState, match=sentence):
        kind.from_bytes(another.to_bytes())


def test_states_in_company_are_what_each_is_alone():
    joint = build_profile(ROWS).feature("a.b")

    assert joint.moments == build_moments(ROWS)
    assert joint.kll == build_kll(ROWS)
    assert joint.distinct == build_distinct(ROWS)
    assert joint.frequencies == build_frequencies(ROWS)
    assert joint.data_types == build_data_types(ROWS)
