"""Spark's xxhash64 of texts in numpy: known values, every length of a rest, slices; tests/spark compares whole columns."""

import pyarrow as pa
import pytest

from spark_model_monitor.statistics.states.hashing import hash_texts

# printed by the reference implementation, python-xxhash 3.5: xxh64(text, seed=42)
KNOWN = [
    pytest.param("", 0x98B1582B0977E704, id="nothing"),
    pytest.param("a", 0x88E4FE59ADF7B0CC, id="one byte"),
    pytest.param("abcd", 0xA17B5EB5DC364DFF, id="four bytes"),
    pytest.param("12345678", 0x5F3E6A93C99D6E02, id="a word"),
    pytest.param("state 000022", 0xB374274B021365B1, id="a word and a half"),
    pytest.param("1.0219685603750972", 0xB468E5B497DF1078, id="two words and two bytes"),
    pytest.param("x" * 31, 0xE82DE6C821DF41DE, id="one byte less than a stripe"),
    pytest.param("x" * 32, 0x1209BCC9FA7C79F8, id="a stripe"),
    pytest.param("plan 000003, state 000022, customer 073415", 0x360188F3D3F724D2, id="a stripe and more"),
    pytest.param("é😀" * 20, 0x0085DEBFD064BD8E, id="several bytes a character"),
    pytest.param("0123456789" * 1000, 0xA83A4BFBC26DD8A3, id="10,000 bytes"),
]
TEXTS = [case.values[0] for case in KNOWN]
HASHES = [case.values[1] for case in KNOWN]


@pytest.mark.parametrize(("text", "expected"), KNOWN)
def test_known_hashes(text, expected):
    assert hash_texts(pa.array([text])).tolist() == [expected]


@pytest.mark.parametrize("copies", [1, 3, 50], ids="{} of each".format)
def test_texts_of_all_lengths_are_hashed_together(copies):
    assert hash_texts(pa.array(TEXTS * copies)).tolist() == HASHES * copies


def test_a_slice_hashes_like_a_copy():
    assert hash_texts(pa.array(["zero", *TEXTS, "last"]).slice(1, len(TEXTS))).tolist() == HASHES


def test_no_texts_have_no_hashes():
    assert hash_texts(pa.array([], pa.string())).tolist() == []
