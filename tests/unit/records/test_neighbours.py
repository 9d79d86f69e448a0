"""A line means the same whatever stands beside it: neighbours decide who parses it, never what it is."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from tests.unit.merging.lines import list_locations
from tests.unit.records.captured_lines import captured
from tests.unit.records.merged_lines import merged

from spark_model_monitor.data.records.capture_documents import SCHEMA, read_request_metadata
from spark_model_monitor.data.records.captured_lines import CapturedLines
from spark_model_monitor.data.records.decoding import Reading
from spark_model_monitor.data.records.locations import LINE
from spark_model_monitor.data.records.outcome_records import LineDecoder
from spark_model_monitor.data.records.outcome_values import OutcomeReading
from spark_model_monitor.running.merging.captured import RequestDecoder as Captures
from spark_model_monitor.running.merging.labels import GroundTruth

RECORD = json.dumps(captured(requestMetadata=None) | merged("1", "0.5") | {"requestMetadata": {"status": 200}})
PLAIN = RECORD.encode()
BAD = b'{"captureData": {"endpointInput": }}'
"""It is no JSON, and so has no template."""

ODD = {
    "a number of 5,000 digits": "7" * 5_000,
    "an array in 1,200 others": "[" * 1_200 + "]" * 1_200,
    "an object in 1,200 others": '{"a":' * 1_200 + "1" + "}" * 1_200,
    "an array in 300 others": "[" * 300 + "]" * 300,
    "600 arrays beside one another": f"[{','.join(['[]'] * 600)}]",
    "600 brackets in a text": json.dumps("[" * 600 + '\\"'),
}


def with_more(value: str) -> bytes:
    return f'{RECORD[:-1]}, "more": {value}}}'.encode()


def make_column(lines):
    return pa.array(lines, pa.binary()).view(pa.string())


def make_batch(lines):
    return pa.RecordBatch.from_arrays([make_column(lines)], names=[LINE])


def neighbourhoods(line):
    """Lines among which the one stands first."""
    return {"alone": [line], "plain ones": [line, *[PLAIN] * 40], "a bad one": [line, BAD, *[PLAIN] * 4]}


def decode_capture(lines, _):
    rows = CapturedLines(Reading(("endpointInput", "endpointOutput"), columns=3)).rows(make_batch(lines))
    return [rows.reasons[0], *(column[0].as_py() for column in rows.columns)]


def of_outcomes(lines, _):
    rows = LineDecoder(OutcomeReading(None, "0", None, records=Reading(("endpointOutput",))))(make_batch(lines))
    return [rows.reasons[0], rows.labels[0].as_py(), rows.predictions[0].as_py()]


def decode_joinable(lines, _):
    records = Captures()(make_column(lines))
    return [records.reasons[0], records.keys[0].as_py(), records.texts[0].as_py()]


def decode_label(lines, folder):
    (folder / "a.jsonl").write_bytes(b"{}\n")
    labels = GroundTruth(list_locations(folder))._decode(make_column(lines))
    return [labels.reasons[0], labels.event_ids[0].as_py(), labels.truths[0].as_py()]


@pytest.mark.parametrize("line_name", ODD)
@pytest.mark.parametrize("decoded", [decode_capture, of_outcomes, decode_joinable, decode_label])
def test_a_line_is_what_it_is_alone(decoded, line_name, tmp_path):
    answers = {where: decoded(lines, tmp_path) for where, lines in neighbourhoods(with_more(ODD[line_name])).items()}

    assert all(answer == answers["alone"] for answer in answers.values()), {
        where: answer[0] for where, answer in answers.items()
    }


@pytest.mark.parametrize("what", [line_name for line_name in ODD if "1,200" not in line_name])  # which are no request's
def test_the_metadata_of_a_request_are_what_they_are_alone(what):
    line = with_more(ODD[what])
    broken_line = b'{"captureData": {}, "requestMetadata": {"status": "no number"}}'
    alone, among = (
        [column[0].as_py() for column in read_request_metadata(make_column(lines), pa.array([0] * len(lines)))]
        for lines in ([line], [line, broken_line])
    )

    assert alone == among == [200, None, None]
    assert len(alone) == len(SCHEMA.field("requestMetadata").type)


def test_a_number_of_any_length_is_no_fault_of_its_record():
    assert decode_capture([with_more("7" * 5_000), BAD], None) == [0, "0.5", "31", "basic"]
