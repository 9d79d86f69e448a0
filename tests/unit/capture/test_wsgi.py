from __future__ import annotations

import io
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from spark_model_monitor.capture.wsgi import CaptureMiddleware

from .capturing import read_only_record, require_whole_record


def answering(*chunks: bytes, status: str = "200 OK", headers=()):
    def application(environ, start_response):
        environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        start_response(status, [("Content-Type", "text/csv"), *headers])
        return list(chunks)

    return application


def make_environ(body: bytes, **variables) -> dict:
    environ = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/invocations",
        "QUERY_STRING": "",
        "CONTENT_TYPE": "text/csv",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_X_AMZN_SAGEMAKER_INFERENCE_ID": "7",
        "HTTP_X_AMZN_SAGEMAKER_CUSTOM_ATTRIBUTES": "tenant=3",
        "wsgi.input": io.BytesIO(body),
        **variables,
    }
    setup_testing_defaults(environ)
    return environ


def call_application(application, body: bytes, *, chunks_taken: int | None = None, **variables) -> bytes:
    """The answer that a server sends; it closes it after so many chunks, or after all."""
    answer = application(make_environ(body, **variables), lambda status, headers, exc_info=None: lambda chunk: None)
    try:
        chunks = iter(answer)
        if chunks_taken is None:
            return b"".join(chunks)
        return b"".join(next(chunks) for _ in range(chunks_taken))
    finally:
        if hasattr(answer, "close"):
            answer.close()


def test_a_request_and_its_answer_become_a_record(writer, tmp_path):
    assert call_application(CaptureMiddleware(answering(b"0.", b"5"), writer), b"1,2") == b"0.5"
    require_whole_record(read_only_record(writer, tmp_path))


def test_it_keeps_to_the_rules_of_wsgi(writer, tmp_path):
    # wsgiref's validator raises where a server or an application breaks PEP 3333; here it stands on both sides
    application = validator(CaptureMiddleware(validator(answering(b"0.5")), writer))

    assert call_application(application, b"1,2") == b"0.5"
    assert read_only_record(writer, tmp_path)["captureData"]["endpointInput"]["data"] == "1,2"


@pytest.mark.parametrize(
    "reading",
    [
        lambda stream: stream.read(),
        lambda stream: [stream.read(2), stream.read()],
        lambda stream: [stream.readline(), stream.readline(1), stream.readlines()],
        list,
        lambda stream: [stream.readinto(bytearray(3)), stream.read1()],  # as werkzeug reads
    ],
)
def test_the_request_is_kept_however_it_is_read(writer, tmp_path, reading):
    def application(environ, start_response):
        reading(environ["wsgi.input"])
        start_response("200 OK", [])
        return [b"0"]

    call_application(CaptureMiddleware(application, writer), b"1,2\n3,4\n")
    assert read_only_record(writer, tmp_path)["captureData"]["endpointInput"]["data"] == "1,2\n3,4\n"


def test_an_answer_by_the_old_write_is_captured(writer, tmp_path):
    def application(environ, start_response):
        write = start_response("200 OK", [("Content-Type", "text/csv")])
        write(b"0.")
        return [b"5"]

    call_application(CaptureMiddleware(application, writer), b"1")
    assert read_only_record(writer, tmp_path)["captureData"]["endpointOutput"]["data"] == "0.5"


def test_an_answer_that_is_an_error_is_no_data(writer, tmp_path):
    call_application(CaptureMiddleware(answering(b"busy", status="503 Service Unavailable"), writer), b"1")
    record = read_only_record(writer, tmp_path)

    assert (record["captureData"], record["requestMetadata"]["status"]) == ({}, 503)


def test_an_application_that_raises_raises_still(writer, tmp_path):
    def application(environ, start_response):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        call_application(CaptureMiddleware(application, writer), b"1")
    assert read_only_record(writer, tmp_path)["requestMetadata"]["status"] == 500


def test_an_answer_that_breaks_off_is_no_data(writer, tmp_path):
    def application(environ, start_response):
        start_response("200 OK", [])
        yield b"0"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        call_application(CaptureMiddleware(application, writer), b"1")
    assert read_only_record(writer, tmp_path)["requestMetadata"]["status"] == 500


@pytest.mark.parametrize(("announced", "status"), [([], 499), ([("Content-Length", "1")], 200)])
def test_a_server_that_stops_asking_has_all_that_was_announced_or_no_data(writer, tmp_path, announced, status):
    call_application(CaptureMiddleware(answering(b"0", b"", headers=announced), writer), b"1", chunks_taken=1)

    assert read_only_record(writer, tmp_path)["requestMetadata"]["status"] == status


def test_only_posts_to_the_paths_that_were_named_are_captured(writer, tmp_path):
    middleware = CaptureMiddleware(answering(b"0"), writer, paths=["/invocations"])
    call_application(middleware, b"1", REQUEST_METHOD="PUT")
    call_application(middleware, b"2", PATH_INFO="/ping")
    call_application(middleware, b"3")

    assert read_only_record(writer, tmp_path)["captureData"]["endpointInput"]["data"] == "3"
