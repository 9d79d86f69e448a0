"""Ground truth that Python wrote by `str(value)`."""

import warnings

import pytest

from spark_model_monitor.data.records.json_lines import parse_literal


@pytest.mark.parametrize(("text", "value"), [("{'a': 1}", {"a": 1}), ("('x', None)", ("x", None)), ("b'a'", b"a")])
def test_a_literal_is_its_value(text, value):
    assert parse_literal(text) == value


@pytest.mark.parametrize("text", ["f(1)", "[1", "{[]: 1}", "(" * 5000, "\0", "1" * 5000])
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        parse_literal(text)


def test_odd_backslashes_warn_nobody():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert parse_literal(r"'MARKER\T'") == r"MARKER\T"
