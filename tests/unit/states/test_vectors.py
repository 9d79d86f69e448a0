"""Counts of vectors by hand; moments of their components beside numpy's own."""

import numpy as np
import pytest

from spark_model_monitor.statistics.states import VectorCounts
from spark_model_monitor.statistics.states.vectors import (
    MAX_COMPONENTS,
    SEVERAL,
    TOO_LONG,
    VectorMoments,
    VectorMomentsBuilder,
    directions,
)


def build_moments(*batches):
    builder = VectorMomentsBuilder()
    for vectors in batches:
        builder.update(np.ravel(vectors).astype(float), np.array([len(vector) for vector in vectors], np.int32))
    return builder.state()


def test_counts_by_hand():
    vector_counts = VectorCounts.of(np.array([3, 0, 5]), np.array([1, 0, 2]), np.array([0, 0, 1]), missing=4)

    assert vector_counts == VectorCounts(
        vectors=3, missing=4, elements=8, null_elements=3, nan_elements=1, shortest=0, longest=5
    )


def test_lengths_of_missing_vectors_do_not_count():
    nothing = np.array([], dtype=np.int32)
    missing = VectorCounts.of(nothing, nothing, nothing, missing=2)
    three_long = VectorCounts.of(np.array([3]), np.array([0]), np.array([0]))

    assert missing == VectorCounts(missing=2)
    assert (missing + three_long).shortest == (three_long + missing).shortest == 3


def test_many_long_vectors_do_not_overflow():
    lengths = np.full(3, 2**31 - 1, dtype=np.int32)

    assert VectorCounts.of(lengths, lengths, lengths).elements == 3 * (2**31 - 1)


def test_moments_are_those_of_numpy_in_components_and_directions():
    vectors = np.random.default_rng(5).normal(size=(5_000, 40))
    vector_moments = build_moments(vectors)
    along = vectors @ directions(40)
    quantities = np.concatenate([vectors, np.abs(vectors), np.abs(along), along], axis=1)

    mean, variance = vector_moments.mean_and_variance()
    assert vector_moments.count == 5_000
    assert mean == pytest.approx(quantities.mean(axis=0))
    assert variance == pytest.approx(quantities.var(axis=0, ddof=1))
    assert vector_moments.together / 4_999 == pytest.approx(np.cov(along.T))
    assert vector_moments.stretches[:, 0].tolist() == [156, 19, 2]  # whole stretches of 32, 256 and 2,048 in 5,000
    assert vector_moments.stretches[1, 1:33] == pytest.approx(along[: 19 * 256].mean(axis=0))


def test_moments_do_not_depend_on_how_vectors_are_cut_into_calls():
    vectors = np.random.default_rng(5).normal(size=(5_000, 3))

    assert build_moments(vectors[:1], vectors[1:3_000], vectors[3_000:]) == build_moments(vectors)


def test_the_moments_of_two_parts_add_up_to_rounding():
    vectors = np.random.default_rng(5).normal(size=(1_000, 40))
    sum_of_parts = build_moments(vectors[:301]) + build_moments(vectors[301:])
    full_moments = build_moments(vectors)

    assert sum_of_parts.moments == pytest.approx(full_moments.moments)
    assert sum_of_parts.together == pytest.approx(full_moments.together)


def test_directions_are_signs_of_equal_length_that_hardly_have_anything_in_common():
    """Achlioptas 2003: entries ±1/sqrt(width); cosines of random directions of 1,000 components are about 1/sqrt(1,000)."""
    signs = directions(1_000)

    assert np.abs(signs) == pytest.approx(1_000**-0.5)
    assert np.abs(signs.T @ signs - np.eye(32)).max() < 5 * 1_000**-0.5


@pytest.mark.parametrize(
    ("batches", "width"),
    [
        pytest.param([[[1, 2]], [[1, 2, 3]]], SEVERAL, id="another length in the next batch"),
        pytest.param([[[1]], [[1] * (MAX_COMPONENTS + 1)]], SEVERAL, id="a long one behind a short one"),
        pytest.param([[[1] * 10_000]], TOO_LONG, id="10,000 components"),
    ],
)
def test_vectors_that_nobody_looks_into_say_why(batches, width):
    vector_moments = build_moments(*batches)

    assert (vector_moments.width, vector_moments.count) == (width, 0)
    assert (vector_moments + build_moments([[1, 2]])).width == SEVERAL
    assert VectorMoments.from_bytes(vector_moments.to_bytes()) == vector_moments


def test_vectors_with_elements_that_are_missing_infinite_or_huge_are_left_out():
    vector_moments = build_moments([[1, 2], [np.nan, 1], [np.inf, 1], [1, -1e300], [3, 4]])

    assert (vector_moments.count, vector_moments.unfit) == (2, 3)
    assert vector_moments.mean_and_variance()[0][:2].tolist() == [2.0, 3.0]
    assert build_moments([[np.nan]], [[np.nan]]) == VectorMoments(unfit=2)


def test_moments_of_no_vectors_have_no_width():
    vector_moments = build_moments([[1, 2]])

    assert vector_moments.is_consistent()
    vector_moments.moments[0] = 0
    assert not vector_moments.is_consistent()
