"""Objects that have a key twice, before Spark infers their schema: no line ends the job."""

from __future__ import annotations

import pyarrow as pa
import pytest

from model_monitor.data.records.json_lines import with_keys_once

DEEP = "[" * 2_000 + "]" * 2_000


@pytest.mark.parametrize(
    ("line", "text"),
    [
        pytest.param('{"a": 1, "a": 2}', '{"a": 2}', id="twice"),
        pytest.param('{"a": {"b": 1, "b": 2}}', '{"a": {"b": 2}}', id="within another"),
        pytest.param('{"a": 1, "a": 2}{"a": 3}', '{"a": 2}', id="another object behind it"),
        pytest.param(' \t{"a": 1, "a": 2}\x0b', '{"a": 2}', id="between blanks"),
        pytest.param('{"a": 1, "a": ', '{"a": 1, "a": ', id="no JSON"),
        pytest.param('{"a": ' + "7" * 5_000 + "}", '{"a": ' + "7" * 5_000 + "}", id="a long number"),
        pytest.param('{"a": ' + DEEP + "}", "null", id="nested too deep"),
    ],
)
def test_the_last_of_a_keys_values_is_left(line, text):
    [batch] = with_keys_once([pa.RecordBatch.from_pydict({"value": [line]})])

    assert batch.column(0).to_pylist() == [text]
