"""What a preprocessing script may give back: rows, nothing, or an error of the script, whatever it is."""

from __future__ import annotations

import json
import textwrap

import pyarrow as pa
import pytest
from tests.unit.records.captured_lines import captured

from spark_model_monitor.data.reading.scripts import ACCEPTED_RECORD, Script, run_handler
from spark_model_monitor.data.records.decoding import Reading
from spark_model_monitor.data.records.refusals import Refusal

READING = Reading(("endpointInput", "endpointOutput"), ("p", "a", "b"))


def make_script(text):
    return Script("script.py", textwrap.dedent(text))


def make_batch(*lines):
    columns = [pa.array(lines, pa.binary()), pa.array(["file:/a"] * len(lines)), pa.array([0] * len(lines))]
    return pa.RecordBatch.from_arrays(columns, names=["__line", "__file", "__block_start"])


def outcomes(script, *lines):
    """(outcome, cells, problem) of every row that a script over lines gives."""
    [answer] = run_handler(make_script(script), None, [make_batch(*lines)])
    columns = [answer.column(name).to_pylist() for name in ("outcome", "row", "problem")]
    return [
        (outcome, None if row is None else dict(row), problem) for outcome, row, problem in zip(*columns, strict=True)
    ]


NO_ROWS = {
    "a frame": ("pandas.DataFrame({'a': [1, 2]})", "returned a DataFrame where a flat dict is wanted"),
    "an empty frame": ("pandas.DataFrame()", "returned a DataFrame where a flat dict is wanted"),
    "an array": ("numpy.array([1, 2])", "returned a ndarray where a flat dict is wanted"),
    "a list of arrays": ("[numpy.array([1, 2])]", "returned a ndarray where a flat dict is wanted"),
    "an array in a cell": ("{'a': numpy.array([1, 2])}", "ValueError (script.py)"),
    "half a pair of surrogates in a cell": ("{'a': '\\ud800'}", "returned a text that is no UTF-8"),
    "half a pair of surrogates for a name": ("{'\\ud800': 1}", "returned a text that is no UTF-8"),
    "what can't be written": ("{'a': Unwritten()}", "KeyError (line 6 of script.py)"),
    "what is neither true nor false": ("Undecided()", "KeyError (line 9 of script.py)"),
    "an end of the program": ("sys.exit(0)", "SystemExit (line 12 of script.py)"),
    "what is no exception of a program": ("cancelled()", "CancelledError (line 14 of script.py)"),
}


@pytest.mark.parametrize(("returned_text", "problem"), [pytest.param(*case, id=name) for name, case in NO_ROWS.items()])
def test_what_is_no_row_is_an_error_of_the_script_and_ends_nothing(returned_text, problem):
    script = f"""\
        import asyncio
        import sys
        import numpy, pandas
        class Unwritten:
            def __str__(self):
                raise KeyError("a secret")
        class Undecided:
            def __bool__(self):
                raise KeyError("a secret")
        def preprocess_handler(line):
            if line == "odd":
                return {returned_text}
            return {{"a": line}}
        def cancelled(): raise asyncio.CancelledError("a secret")
        """

    script_outcomes = outcomes(script, b"1", b"odd", b"2")

    assert script_outcomes == [
        (ACCEPTED_RECORD, {"a": "1"}, None),
        (Refusal.SCRIPT_ERROR, None, problem),
        (ACCEPTED_RECORD, {"a": "2"}, None),
    ]


def test_an_interruption_is_none_of_the_scripts_errors():
    with pytest.raises(KeyboardInterrupt):
        outcomes("def preprocess_handler(line):\n    raise KeyboardInterrupt\n", b"1")


ODD_EVENTS = {
    "a number": 5,
    "a text": "event",
    "an array": [],
    "nothing false": False,
    "a number for attributes": {"eventId": "a", "customAttributes": 5},
    "a text for attributes": {"eventId": "a", "customAttributes": "ab"},
    "an object for attributes": {"eventId": "a", "customAttributes": {}},
}


@pytest.mark.parametrize("event", [pytest.param(event, id=name) for name, event in ODD_EVENTS.items()])
def test_a_record_of_members_of_another_type_never_comes_to_a_script(event):
    script = make_script("def preprocess_handler(record): return {'n': str(record.event_metadata.custom_attribute)}")
    good = [captured(), captured(customAttributes=["x"]), captured() | {"eventMetadata": None}]
    lines = [json.dumps(record).encode() for record in [*good, captured() | {"eventMetadata": event}]]

    [answer] = run_handler(script, READING, [make_batch(*lines)])

    assert answer.column("outcome").to_pylist() == [
        ACCEPTED_RECORD,
        ACCEPTED_RECORD,
        ACCEPTED_RECORD,
        Refusal.NOT_A_CAPTURE,
    ]
    rows = answer.column("row").to_pylist()
    assert [dict(row)["n"] for row in rows[:3]] == ["None", "['x']", "None"]
