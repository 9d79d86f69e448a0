"""Grids and partial dependence, by hand."""

import numpy as np
import pytest

from spark_model_monitor.monitors.explainability import attribution_partition
from spark_model_monitor.monitors.explainability.attribution_partition import Grid, build_grid, sum_answers_over_grid


def test_fractions_fall_in_buckets_of_one_width():
    grid = build_grid(np.array([0.0, 0.5, 2.5, 10.0, np.nan]), 4)

    assert grid == Grid(True, (1.25, 3.75, 6.25, 8.75), (0.5, 0.25, 0.0, 0.25))


def test_whole_numbers_of_few_values_and_texts_are_tried_one_by_one():
    assert build_grid(np.array([2.0, 0.0, 2.0, 2.0]), 4) == Grid(False, (0.0, 2.0), (0.25, 0.75))
    assert build_grid(np.array(["b", "a", None, "b"], object), 4) == Grid(False, ("a", "b"), (1 / 3, 2 / 3))


def test_whole_numbers_of_many_values_fall_in_buckets():
    assert build_grid(np.arange(10.0), 3).values == (1.5, 4.5, 7.5)


def test_of_many_texts_the_most_frequent_are_tried_and_the_rest_counted():
    cells = np.array([f"t{number:03}" for number in range(150)] * 2 + ["t149"], object)

    grid = build_grid(cells, 10)

    assert len(grid.values) == 100
    assert grid.left_out == 50
    assert "t149" in grid.values


@pytest.mark.parametrize("cells", [np.array([np.nan, np.nan]), np.array([None], object)])
def test_a_feature_without_values_has_no_grid(cells):
    assert build_grid(cells, 5) == Grid(False, (), ())


@pytest.mark.parametrize("room", [1, 7, 100_000])
def test_a_linear_models_dependence_is_linear(monkeypatch, room):
    monkeypatch.setattr(attribution_partition, "BUFFER_ROWS", room)
    rows = np.random.default_rng(0).normal(size=(6, 3))
    weights = np.array([2.0, -1.0, 3.0])
    centres = (0.5, 1.5, 2.5)

    means = sum_answers_over_grid(lambda cells: (cells @ weights + 4)[:, None], rows, 1, centres) / len(rows)

    other_terms = 4 + 2.0 * rows[:, 0].mean() + 3.0 * rows[:, 2].mean()
    np.testing.assert_allclose(means[:, 0], other_terms - np.array(centres), atol=1e-12)
