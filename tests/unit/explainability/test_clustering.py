"""Baseline rows made of clusters: three heaps that anybody sees are found, and each row holds values that the data has."""

import numpy as np
import pytest

from spark_model_monitor.monitors.explainability.baseline_rows import cluster_baseline_rows

RANDOM = np.random.default_rng(0)
CENTRES = np.array([[0.0, 10.0], [20.0, 0.0], [40.0, 40.0]])
HEAPS = np.concatenate([centre + RANDOM.normal(scale=0.5, size=(50, 2)) for centre in CENTRES])
COLOURS = np.repeat(["red", "green", "blue"], 50)


@pytest.mark.long
def test_the_number_of_heaps_is_found_and_a_row_is_made_of_each():
    rows = cluster_baseline_rows(HEAPS, (True, True), None, seed=0)

    np.testing.assert_allclose(rows[rows[:, 0].argsort()], CENTRES, atol=0.3)


def test_texts_and_numbers_are_clustered_together():
    cells = np.column_stack([HEAPS[:, :1].astype(object), COLOURS.astype(object)])

    rows = cluster_baseline_rows(cells, (True, False), None, seed=0)

    assert sorted(row[1] for row in rows.tolist()) == ["blue", "green", "red"]
    assert sorted(round(row[0], -1) for row in rows.tolist()) == [0, 20, 40]


def test_whole_numbers_get_a_value_of_the_data():
    codes = np.repeat([[1.0], [2.0], [7.0]], 20, axis=0)

    assert cluster_baseline_rows(codes, (True,), 1, seed=0).tolist() == [[2.0]]  # the mean, 3.3, is no code


@pytest.mark.parametrize(
    "cells", [np.full((5, 2), 3.0), np.array([[1.0, np.nan]] * 3), np.array([["x", None]] * 3, dtype=object)]
)
def test_rows_that_are_all_alike_are_one_row(cells):
    rows = cluster_baseline_rows(cells, (cells.dtype == np.float64,) * 2, None, seed=0)

    assert len(rows) == 1
    assert str(rows[0].tolist()) == str(cells[0].tolist())


def test_the_same_rows_come_of_the_same_seed():
    first, second = (cluster_baseline_rows(HEAPS, (True, True), 4, seed=3) for _ in range(2))

    assert first.tobytes() == second.tobytes()
