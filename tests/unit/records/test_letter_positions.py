"""Where some characters stand in many texts."""

from __future__ import annotations

import pyarrow as pa
import pytest

from spark_model_monitor.data.records import arrays
from spark_model_monitor.data.records.arrays import find_letters, has_letters

TEXTS = ['{"a":1}', "", "é,;", ";;", "no signs"]


@pytest.mark.parametrize("window_bytes", [3, arrays.WINDOW_BYTES])
@pytest.mark.parametrize("letters", [b",", b",;", b'{}":', b"\x00;"])
def test_characters_are_found_at_all_their_positions_and_nowhere_else(letters, window_bytes, monkeypatch):
    monkeypatch.setattr(arrays, "WINDOW_BYTES", window_bytes)
    texts = pa.array(TEXTS)
    content = "".join(TEXTS).encode()

    positions = [index for index, letter in enumerate(content) if letter in letters]
    flags = [any(letter in letters for letter in text.encode()) for text in TEXTS]
    assert find_letters(texts, letters).tolist() == positions
    assert has_letters(texts, letters).tolist() == flags
