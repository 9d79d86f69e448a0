"""Where some characters stand in many texts."""

from __future__ import annotations

import pyarrow as pa
import pytest

from spark_model_monitor.data.records.arrays import count_letters, find_letters

TEXTS = ['{"a":1}', "", "é,;", ";;", "no signs"]


@pytest.mark.parametrize("letters", [b",", b",;", b'{}":', b"\x00;"])
def test_characters_are_found_at_all_their_positions_and_nowhere_else(letters):
    texts = pa.array(TEXTS)
    content = "".join(TEXTS).encode()

    assert find_letters(texts, letters).tolist() == [index for index, letter in enumerate(content) if letter in letters]
    assert count_letters(texts, letters).tolist() == [
        sum(letter in letters for letter in text.encode()) for text in TEXTS
    ]
