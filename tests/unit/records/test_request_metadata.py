from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from spark_model_monitor.data.records.capture_documents import read_request_metadata
from spark_model_monitor.data.records.refusals import Refusal

from .captured_lines import captured, encode_line


def with_metadata(**members) -> bytes:
    return encode_line(captured() | {"requestMetadata": members})


def read_requests(lines, reasons=None) -> list[tuple]:
    """Status, latency and percentage of each request."""
    columns = read_request_metadata(pa.array(lines, pa.binary()), np.array(reasons or [0] * len(lines), dtype=np.int32))
    return list(zip(*(column.to_pylist() for column in columns), strict=True))


GOOD = with_metadata(latencyMs=1.5, status=200, samplingPercentage=20)


def test_lines_without_the_member_are_no_requests():
    assert read_requests([encode_line(captured()), GOOD, b"{}"]) == [(200, 1.5, 20.0)]
    assert read_requests([encode_line(captured())]) == []
    assert read_requests([]) == []


def test_the_order_of_members_and_blanks_dont_matter():
    line = (
        b'{ "requestMetadata" : {"samplingPercentage": 100.0, "x": [{}], "status":404,"latencyMs":2}, "captureData":{}}'
    )

    assert read_requests([line]) == [(404, 2.0, 100.0)]


@pytest.mark.parametrize(
    ("reason", "counts"),
    [
        (0, True),
        (Refusal.WITHOUT_DATA, True),
        (Refusal.WRONG_NUMBER_OF_CELLS, True),
        (Refusal.OUTSIDE_WINDOW, False),
        (Refusal.SAMPLED_OUT, False),
        (Refusal.UNREADABLE_TIME, False),
    ],
)
def test_a_request_counts_if_it_is_of_the_window_whatever_its_data(reason, counts):
    assert len(read_requests([GOOD], [reason])) == counts


@pytest.mark.parametrize(
    ("members", "request_"),
    [
        pytest.param({"status": 200}, (200, None, None), id="no latency"),
        pytest.param({"latencyMs": 1}, (None, 1.0, None), id="no status"),
        pytest.param({"status": 200.0, "latencyMs": "1"}, (200, None, None), id="numbers of other types"),
        pytest.param({"status": True, "latencyMs": None}, (None, None, None), id="no numbers"),
    ],
)
def test_a_member_that_is_no_number_is_null_and_its_neighbours_are_read(members, request_):
    assert read_requests([GOOD, with_metadata(**members), GOOD]) == [(200, 1.5, 20.0), request_, (200, 1.5, 20.0)]


@pytest.mark.parametrize("metadata", ["text", [1], None, 5])
def test_what_is_no_object_holds_nothing(metadata):
    line = encode_line(captured() | {"requestMetadata": metadata})

    assert read_requests([line, GOOD]) == [(None, None, None), (200, 1.5, 20.0)]


def test_a_payload_that_speaks_of_metadata_has_none():
    line = encode_line(captured(data=json.dumps({"requestMetadata": {"status": 200}})))

    assert [status for status, *_ in read_requests([line]) if status is not None] == []


def test_lines_that_can_not_be_read_are_left_out():
    lines = [b'{"requestMetadata": {"status": 200}', b'\xff"requestMetadata"', GOOD]

    assert read_requests(lines, [Refusal.NOT_A_JSON_OBJECT, Refusal.NOT_UTF_8, 0]) == [(200, 1.5, 20.0)]


HUGE = {
    "1e300": 1e300,
    "-1e300": -1e300,
    "99999999999999999999": 1e20,
    "1" * 400: None,
    "1" * 5_000: None,
    "1e999": None,
}


@pytest.mark.parametrize("written", HUGE, ids=lambda written: written[:20] + f" of {len(written)} letters")
def test_a_number_beyond_all_bounds_is_no_status_and_no_finite_latency(written):
    """A status is a 64-bit number; a latency, which is a double, is infinite from 1e309 on: the state takes it for missing."""
    line = GOOD.replace(b"200", written.encode()).replace(b"1.5", written.encode())

    [good, (status, latency, percentage), good_after] = read_requests([GOOD, line, GOOD])

    assert good == good_after == (200, 1.5, 20.0)
    assert (status, percentage) == (None, 20.0)
    assert (latency if latency is not None and np.isfinite(latency) else None) == HUGE[written]
    assert read_requests([line.replace(b"latencyMs", b"other")])[0][0] is None


def test_a_record_that_is_nested_too_deep_for_the_parser_holds_nothing():
    line = b'{"requestMetadata": {"status": 200}, "captureData": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"

    assert read_requests([GOOD, line], [0, Refusal.NOT_A_CAPTURE])[0] == (200, 1.5, 20.0)


def test_a_request_says_the_same_alone_and_beside_others():
    odd_name = with_metadata(status=200).replace(b'"a"', b'"\x80"', 1)
    refused = with_metadata(status="no number")

    assert [row[0] for row in read_requests([odd_name])] == [200]
    assert [row[0] for row in read_requests([odd_name, refused, odd_name])] == [200, None, 200]


def test_many_requests_say_what_each_of_them_says():
    lines = [with_metadata(latencyMs=number / 8, status=200 + number, samplingPercentage=20) for number in range(300)]
    lines[7:7] = [with_metadata(status=1e300), with_metadata(status=2.5), with_metadata(status="no number")]

    assert read_requests(lines) == [request_ for line in lines for request_ in read_requests([line])]
