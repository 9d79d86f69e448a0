"""Which captured lines are decoded to find the columns of JSON."""

from __future__ import annotations

import base64
import json

import pytest

from spark_model_monitor.data.reading.captured_columns import may_have_json


def write_line(encoding, data, content_type="text/csv"):
    half = {"observedContentType": content_type, "mode": "INPUT", "data": data, "encoding": encoding}
    return json.dumps({"captureData": {"endpointInput": half}, "eventVersion": "0"}).encode()


@pytest.mark.parametrize(
    ("line", "is_possible"),
    [
        (write_line("CSV", "1,2.5"), False),
        (write_line("JSON", '{"age": 3}'), True),
        (write_line("json", {"age": 3}), True),
        (write_line("BASE64", base64.b64encode(b'{"age": 3}').decode(), "application/json"), True),
        (write_line("JSON", "[1]").replace(b"JSON", b"\\u004aSON"), True),
        (b"no capture", False),
    ],
    ids=["CSV", "JSON", "small letters", "BASE64", "escaped letters", "no capture"],
)
def test_lines_without_a_word_for_json_are_not_decoded(line, is_possible):
    assert may_have_json(line) is is_possible
