"""Keys of texts: short ones are themselves, long ones keep their beginning and the hash of the whole."""

from __future__ import annotations

import pyarrow as pa

from spark_model_monitor.data.profiling.scan_plan import hash_keys, make_keys
from spark_model_monitor.statistics.states.hashing import hash_texts

LONGEST_KEPT = "é" * 128
SHORTEST_CUT = "é" * 128 + "x"
"""256 and 257 bytes."""

HASH_OF_SHORTEST_CUT = 0x25D68C02A49809D0  # python-xxhash 3.5: xxh64("é" * 128 + "x", seed=42)


def test_a_text_up_to_256_bytes_is_its_own_key():
    texts = pa.array(["a", None, "", LONGEST_KEPT])

    assert make_keys(texts).to_pylist() == ["a", None, "", LONGEST_KEPT]


def test_a_longer_one_is_its_first_60_characters_and_its_hash():
    keys = make_keys(pa.array([SHORTEST_CUT, None, "a"])).to_pylist()

    assert keys == ["é" * 60 + f"…#{HASH_OF_SHORTEST_CUT:x}", None, "a"]


def test_bytes_that_are_no_text_are_replaced_in_a_key():
    texts = pa.array([b"a\xff" + b"b" * 300, "é".encode() * 200, None]).view(pa.string())
    first, second, third = make_keys(texts).to_pylist()

    assert first.startswith("a\ufffd" + "b" * 58 + "…#")
    assert second.startswith("é" * 60 + "…#")
    assert third is None


def test_a_key_has_the_hash_of_its_whole_text():
    texts = pa.array(["a", SHORTEST_CUT, "b" * 10_000, LONGEST_KEPT, "c" * 70])

    assert hash_keys(make_keys(texts)).tolist() == hash_texts(texts).tolist()
