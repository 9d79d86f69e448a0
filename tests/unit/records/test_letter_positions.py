"""Where some characters stand in many texts."""

from __future__ import annotations

import pyarrow as pa
import pytest

from spark_model_monitor.data.records import arrays
from spark_model_monitor.data.records.arrays import find_backslashes_and_controls, find_letters, has_letters

TEXTS = ['{"a":1}', "", "é,;", ";;", "no signs"]


@pytest.mark.parametrize("letters", [b",", b",;", b'{}":', b"\x00;"])
def test_characters_are_found_at_all_their_positions_and_nowhere_else(letters):
    texts = pa.array(TEXTS)
    content = "".join(TEXTS).encode()

    assert find_letters(texts, letters).tolist() == [index for index, letter in enumerate(content) if letter in letters]
    assert has_letters(texts, letters).tolist() == [
        any(letter in letters for letter in text.encode()) for text in TEXTS
    ]


def test_backslashes_and_controls_are_found_in_each_window(monkeypatch):
    monkeypatch.setattr(arrays, "WINDOW_BYTES", 3)
    content = "a\\b\x00cd\ne \x7f"

    assert find_backslashes_and_controls(pa.array([content[:4], content[4:]])).tolist() == [1, 3, 6]
