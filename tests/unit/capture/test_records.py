from __future__ import annotations

import gzip
import json
from base64 import b64decode

import pytest

from spark_model_monitor.capture import Payload
from spark_model_monitor.capture.records import (
    Exchange,
    build_halves,
    build_request_metadata,
    encode_body,
    format_record,
)
from spark_model_monitor.data.records import ENDPOINT_INDEXES
from spark_model_monitor.data.records.decoding import Reading, decode

from .capturing import NOON, options

EXCHANGE = Exchange("f04a8538-696c-4648-8064-8b680b2e3318", NOON, 0.0)


def format_line(request, response, exchange=EXCHANGE, metadata=None, **members) -> bytes:
    return format_record(exchange, build_halves(request, response, options(**members)), metadata)


def test_a_record_is_the_line_that_the_contract_shows():
    exchange = Exchange(EXCHANGE.event_id, NOON, 0.0, "7", ("tenant=3",))
    line = format_line(Payload(b"132,10,182.9", "text/csv"), Payload(b"0.03", "text/csv; charset=utf-8"), exchange)

    assert line == (
        b'{"captureData":{'
        b'"endpointInput":{"observedContentType":"text/csv","mode":"INPUT","data":"132,10,182.9","encoding":"CSV"},'
        b'"endpointOutput":{"observedContentType":"text/csv; charset=utf-8","mode":"OUTPUT","data":"0.03",'
        b'"encoding":"CSV"}},"eventMetadata":{"eventId":"f04a8538-696c-4648-8064-8b680b2e3318","inferenceId":"7",'
        b'"customAttributes":["tenant=3"],"inferenceTime":"2024-03-04T12:05:06Z"},"eventVersion":"0"}\n'
    )  # C3.1


@pytest.mark.parametrize(
    ("body", "content_type", "data", "encoding"),
    [
        pytest.param(b"1,2\n", "text/csv", "1,2\n", "CSV", id="csv"),
        pytest.param(b"1,2", "Text/CSV; header=absent", "1,2", "CSV", id="case and parameters don't matter"),
        pytest.param(b'{"a": 1}', "application/json", '{"a": 1}', "JSON", id="json"),
        pytest.param("Zürich".encode(), "text/csv", "Zürich", "CSV", id="UTF-8 without a charset"),
        pytest.param("Zürich".encode("latin-1"), "text/csv; charset=ISO-8859-1", "Zürich", "CSV", id="another charset"),
        pytest.param(b"Z\xfcrich", "text/csv", "WvxyaWNo", "BASE64", id="not the charset it should be"),
        pytest.param(b"1", "text/csv; charset=klingon", "MQ==", "BASE64", id="a charset that nobody knows"),
        pytest.param(b"\x00\x01", "application/x-npy", "AAE=", "BASE64", id="a type that is not listed"),
        pytest.param(b"1,2", None, "MSwy", "BASE64", id="no type at all"),
        pytest.param(b"", "text/csv", "", "CSV", id="nothing"),
        pytest.param("Zürich", "text/csv", "Zürich", "CSV", id="a text, as a model answers it"),
        pytest.param(memoryview(b"1,2"), "text/csv", "1,2", "CSV", id="a view of bytes"),
    ],
)
def test_the_encoding_says_what_the_text_is(body, content_type, data, encoding):
    # BASE64 texts by coreutils' base64
    assert encode_body(Payload(body, content_type), options().encodings) == (data, encoding)


def test_a_compressed_body_is_kept_byte_for_byte():
    body = gzip.compress(b"1,2,3")
    data, encoding = encode_body(Payload(body, "text/csv"), options().encodings)

    assert encoding == "BASE64"
    assert gzip.decompress(b64decode(data)) == b"1,2,3"


def test_content_types_may_be_listed_freely():
    encodings = options(csv_content_types=["text/plain"], json_content_types=["application/jsonlines"]).encodings

    assert encode_body(Payload(b"1,2", "text/plain"), encodings) == ("1,2", "CSV")
    assert encode_body(Payload(b"{}\n{}", "application/jsonlines"), encodings) == ("{}\n{}", "JSON")
    assert encode_body(Payload(b"1,2", "text/csv"), encodings)[1] == "BASE64"


@pytest.mark.parametrize(
    ("directions", "halves"),
    [
        (["REQUEST"], ["endpointInput"]),
        (["RESPONSE"], ["endpointOutput"]),
        (["RESPONSE", "REQUEST"], ["endpointInput", "endpointOutput"]),
    ],
)
def test_only_the_halves_that_are_asked_for_are_captured(directions, halves):
    line = format_line(Payload(b"1", "text/csv"), Payload(b"0", "text/csv"), capture_options=directions)

    assert list(json.loads(line)["captureData"]) == halves


def test_metadata_stand_under_a_member_of_their_own():
    line = format_line(None, None, metadata=build_request_metadata(0.0123456, 503, 20))

    assert json.loads(line)["requestMetadata"] == {"latencyMs": 12.346, "status": 503, "samplingPercentage": 20}


def test_an_attribute_that_is_no_text_of_unicode_still_gives_a_line():
    line = format_line(None, None, Exchange("a", NOON, 0.0, custom_attributes=("\ud800",)))

    assert json.loads(line)["eventMetadata"]["customAttributes"] == ["\ud800"]


@pytest.mark.parametrize(
    ("request_body", "response_body", "content_type", "cells"),
    [
        pytest.param('7,"a, b",\n', "0.5,1\n", "text/csv", ("0.5", "1", "7", "a, b", None), id="csv"),
        pytest.param('{"a": "x\\ny"}', '{"p": 0.5}', "application/json", ("0.5", "x\ny"), id="json"),
        pytest.param("é\u2028\U0001f600", "0", "text/csv", ("0", "é\u2028\U0001f600"), id="characters that end lines"),
    ],
)
def test_a_record_is_read_as_what_was_sent(request_body, response_body, content_type, cells):
    line = format_line(Payload(request_body.encode(), content_type), Payload(response_body.encode(), content_type))
    reading = Reading(ENDPOINT_INDEXES, encoding="CSV" if content_type == "text/csv" else "JSON")

    assert line.count(b"\n") == 1
    assert decode(line.removesuffix(b"\n"), reading).rows == (cells,)
