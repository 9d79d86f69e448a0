import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_model_monitor.documents.json_text import dump, format_java_double, load
from spark_model_monitor.errors import BadDocument


@pytest.mark.parametrize(
    ("x", "text"),
    [  # every text printed by Double.toString of OpenJDK 17.0.15
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (100.0, "100.0"),
        (99.64592817400101, "99.64592817400101"),
        (0.001, "0.001"),
        (0.0009999, "9.999E-4"),
        (0.0006, "6.0E-4"),
        (-0.0006, "-6.0E-4"),
        (9999999.999, "9999999.999"),
        (10000000.0, "1.0E7"),
        (14402689218.907343, "1.4402689218907343E10"),
        (-14400000000.0, "-1.44E10"),
        (1.7976931348623157e308, "1.7976931348623157E308"),
        (2.2250738585072014e-308, "2.2250738585072014E-308"),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
    ],
)
def test_java_double_is_the_text_of_double_to_string(x, text):
    assert format_java_double(x) == text
    assert format_java_double(np.float64(x)) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_java_double_reads_back_as_the_same_double(x):
    assert math.copysign(1.0, float(format_java_double(x))) == math.copysign(1.0, x)
    assert float(format_java_double(x)) == x


def test_dump_is_jacksons_pretty_print():
    document = {"version": 0.0, "features": [{"name": "a", "domains": ["x", "y"]}, {"levels": [[1.0, 2.5], [4e7]]}]}

    assert dump(document) == (
        "{\n"
        '  "version" : 0.0,\n'
        '  "features" : [ {\n'
        '    "name" : "a",\n'
        '    "domains" : [ "x", "y" ]\n'
        "  }, {\n"
        '    "levels" : [ [ 1.0, 2.5 ], [ 4.0E7 ] ]\n'
        "  } ]\n"
        "}"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param({}, "{ }", id="empty object"),
        pytest.param([], "[ ]", id="empty list"),
        pytest.param([[], {}], "[ [ ], { } ]", id="empty things in a list"),
        pytest.param([1, 2], "[ 1, 2 ]", id="ints stay ints"),
        pytest.param([1, 2.0], "[ 1, 2.0 ]", id="int beside double"),
        pytest.param((True, None), "[ true, null ]", id="tuple of boolean and null"),
        pytest.param([0.5, math.nan, -math.inf, 1e-5], "[ 0.5, null, null, 1.0E-5 ]", id="not finite is null"),
        pytest.param(math.nan, "null", id="NaN alone"),
        pytest.param([np.float64(1.5), np.float64(2e9)], "[ 1.5, 2.0E9 ]", id="numpy doubles"),
        pytest.param(10**20, "100000000000000000000", id="integer beyond 64 bits"),
        pytest.param('"\\/\b\f\n\r\t', '"\\"\\\\/\\b\\f\\n\\r\\t"', id="short escapes, slash as it is"),
        pytest.param("\x00\x1f\x7f", '"\\u0000\\u001F\x7f"', id="control characters in upper-case hex"),
        pytest.param("ключ\u2028€😀", '"ключ\u2028€😀"', id="other characters as they are"),
        pytest.param("a\ud800b", '"a\\uD800b"', id="lone surrogate"),
    ],
)
def test_dump_of_single_values(value, text):
    assert dump(value) == text


@pytest.mark.parametrize("value", [{1, 2}, b"text", np.int64(3), object()])
def test_dump_refuses_what_json_has_no_word_for(value):
    with pytest.raises(TypeError, match=f"{type(value).__name__} is no JSON value"):
        dump({"member": value})


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.long
@given(JSON_VALUES)
def test_what_is_dumped_is_loaded_again_by_us_and_by_pythons_own_json(value):
    text = dump(value)

    assert load(text, "here") == value
    assert json.loads(text) == value


def test_load_reads_bytes_and_a_byte_order_mark():
    assert load('\ufeff{"ключ": 1}'.encode(), "here") == {"ключ": 1}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        pytest.param("", "x.json is empty; it has to hold one JSON object", id="empty"),
        pytest.param(" \n", "x.json is empty; it has to hold one JSON object", id="blank"),
        pytest.param('{"a": 1,\n "b" 2}', "x.json: line 2, column 6 is not JSON", id="no colon"),
        pytest.param("{'a': 1}", "x.json: line 1, column 2 is not JSON", id="single quotes"),
        pytest.param('{"a": 1,}', "is not JSON", id="comma too many"),
        pytest.param('{"a": [1, 2', "the text ends within the JSON value .* is the file cut off?", id="cut in a list"),
        pytest.param('{"a": "b', "the text ends within the JSON value .* is the file cut off?", id="cut in a text"),
        pytest.param('{"a": 1}\n{"a": 2}', "line 2, column 1: text follows the end", id="two values"),
        pytest.param('{"NaN": "NaN",\n "a": NaN}', "line 2, column 7: NaN is no JSON value; write null", id="bare NaN"),
        pytest.param("[-Infinity]", "line 1, column 2: -Infinity is no JSON value", id="bare infinity"),
        pytest.param('{"a": {"b": 1, "b": 2}}', 'the member "b" stands twice in one object', id="member twice"),
        pytest.param("[" * 100_000, "nested too deeply", id="deep nesting"),
        pytest.param("9" * 5_000, "an integer has thousands of digits", id="huge integer"),
        pytest.param(b'{"a": "\xff"}', "byte 7 is not UTF-8; save the file as UTF-8", id="Latin-1 bytes"),
    ],
)
def test_load_names_the_place_of_a_fault(text, fault):
    with pytest.raises(BadDocument, match=fault):
        load(text, "x.json")


def test_load_never_shows_the_text():
    with pytest.raises(BadDocument) as raised:
        load('{"name": "Smith" "age": 41}', "x.json")

    assert "Smith" not in str(raised.value)
    assert raised.value.__cause__ is None  # nor in a trace of the log
    assert raised.value.__suppress_context__


@settings(deadline=None)  # the first list imports Arrow
@given(st.integers(0, 2**32 - 1), st.sampled_from([[], [3.0], [1e-9], [2.5e7], [math.nan], [0.0, -0.0]]))
def test_each_number_of_a_long_list_is_written_as_it_is_alone(seed, among):
    """`among`: what isn't plain or no fraction, and sends the list another way."""
    random = np.random.default_rng(seed)
    fractions = random.choice([-1, 1], 400) * 10 ** random.uniform(-3, 7, 400)
    values = [*fractions[(abs(fractions) >= 1e-3) & (abs(fractions) < 1e7)].tolist(), 0.1 + 0.2, 9999999.999, *among]

    texts = dump(values).removeprefix("[ ").removesuffix(" ]").split(", ")

    assert texts == [format_java_double(value) if math.isfinite(value) else "null" for value in values]
