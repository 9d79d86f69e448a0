"""Cells of features as numbers and texts."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from spark_model_monitor.errors import BadInput
from spark_model_monitor.monitors.predictors.model_loading import are_numbers, convert_to_cells, convert_to_texts

TEXTS = pa.array([" 1.5", "", None, "-2e3"])
WORDS = pa.array(["red", "", None, "1"])


def test_texts_that_look_like_numbers_are_numbers_and_empty_ones_are_missing():
    cells = convert_to_cells([TEXTS, pa.array([1, 2, None, 4])], ("a", "b"), (True, True))

    np.testing.assert_array_equal(cells, [[1.5, 1], [np.nan, 2], [np.nan, np.nan], [-2000, 4]])
    assert (are_numbers(TEXTS), are_numbers(WORDS), are_numbers(pa.array([None], pa.string()))) == (True, False, True)


def test_one_feature_of_texts_makes_all_cells_objects_with_none_where_nothing_is():
    cells = convert_to_cells([TEXTS, WORDS], ("a", "b"), (True, False))

    assert cells.dtype == object
    assert cells.tolist() == [[1.5, "red"], [None, None], [None, None], [-2000.0, "1"]]


def test_a_number_among_texts_stays_also_if_it_is_zero():
    cells = convert_to_cells([pa.array([0.0, 1.0, None]), WORDS[:3]], ("a", "b"), (False, False))

    assert cells[:, 0].tolist() == [0.0, 1.0, None]


def test_a_text_among_numbers_ends_the_run_without_showing_it():
    with pytest.raises(BadInput, match="feature 'colour' has a text where") as raised:
        convert_to_cells([WORDS], ("colour",), (True,))

    assert "red" not in str(raised.value)


def test_whole_numbers_are_written_without_a_point():
    assert convert_to_texts(np.array([3.0, 0.25, np.nan, -1e300])) == ["3", "0.25", None, "-1e+300"]
    assert convert_to_texts(np.array([3.0, "x", None], dtype=object)) == ["3", "x", None]
