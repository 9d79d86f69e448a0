from __future__ import annotations

import asyncio

import pytest

from spark_model_monitor.capture import CaptureWriter, LocalFolder
from spark_model_monitor.capture.asgi import CaptureMiddleware

from .capturing import inputs_below, options, read_only_record, records_below, require_whole_record

HEADERS = [
    (b"content-type", b"text/csv"),
    (b"x-amzn-sagemaker-inference-id", b"7"),
    (b"x-amzn-sagemaker-custom-attributes", b"tenant=3"),
]


def answering(*chunks: bytes, status: int = 200):
    """An application that reads all of the request and answers with these chunks."""

    async def application(scope, receive, send):
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": status, "headers": [(b"Content-Type", b"text/csv")]})
        for position, chunk in enumerate(chunks):
            await send({"type": "http.response.body", "body": chunk, "more_body": position < len(chunks) - 1})

    return application


def call_application(
    application, *chunks: bytes, method: str = "POST", path: str = "/invocations", headers=HEADERS
) -> list[dict]:
    """What the server sees of an application that is asked with these chunks."""
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    coming = [
        {"type": "http.request", "body": chunk, "more_body": position < len(chunks) - 1}
        for position, chunk in enumerate(chunks)
    ]
    sent = []

    async def receive():
        return coming.pop(0)

    async def send(message):
        sent.append(message)

    asyncio.run(application(scope, receive, send))
    return sent


def test_a_request_and_its_answer_become_a_record(writer, tmp_path):
    call_application(CaptureMiddleware(answering(b"0.5"), writer), b"1,2")
    require_whole_record(read_only_record(writer, tmp_path))


def test_bodies_that_come_in_pieces_are_whole(writer, tmp_path):
    call_application(CaptureMiddleware(answering(b"0.", b"5\n", b"0.7"), writer), b"1,2\n3", b",4")
    record = read_only_record(writer, tmp_path)

    assert record["captureData"]["endpointInput"]["data"] == "1,2\n3,4"
    assert record["captureData"]["endpointOutput"]["data"] == "0.5\n0.7"


def test_the_server_sees_what_it_would_see_without_capturing(writer):
    application = answering(b"0.", b"5")

    assert call_application(CaptureMiddleware(application, writer), b"1") == call_application(application, b"1")


@pytest.mark.parametrize(
    ("method", "path", "is_captured"),
    [("POST", "/invocations", True), ("GET", "/invocations", False), ("POST", "/feedback", False)],
)
def test_only_posts_to_the_paths_that_were_named_are_captured(writer, tmp_path, method, path, is_captured):
    middleware = CaptureMiddleware(answering(b"0"), writer, paths=["/invocations"])
    call_application(middleware, b"1", method=method, path=path)
    writer.close()

    assert len(records_below(tmp_path)) == is_captured


def test_every_post_is_captured_if_no_path_is_named(writer, tmp_path):
    call_application(CaptureMiddleware(answering(b"0"), writer), b"1", path="/predict")
    writer.close()

    assert inputs_below(tmp_path) == ["1"]


@pytest.mark.parametrize("status", [404, 422, 503])
def test_an_answer_that_is_an_error_is_no_data(writer, tmp_path, status):
    call_application(CaptureMiddleware(answering(b"detail", status=status), writer), b"1")
    record = read_only_record(writer, tmp_path)

    assert (record["captureData"], record["requestMetadata"]["status"]) == ({}, status)


@pytest.mark.parametrize(("fault", "status"), [(ZeroDivisionError(), 500), (asyncio.CancelledError(), 499)])
def test_an_application_that_raises_raises_still(writer, tmp_path, fault, status):
    async def application(scope, receive, send):
        raise fault

    with pytest.raises(type(fault)):
        call_application(CaptureMiddleware(application, writer), b"1")
    record = read_only_record(writer, tmp_path)

    assert record["requestMetadata"]["status"] == status


def test_an_application_that_raises_after_its_answer_is_captured_once(writer, tmp_path):
    async def application(scope, receive, send):
        await answering(b"0")(scope, receive, send)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        call_application(CaptureMiddleware(application, writer), b"1")
    record = read_only_record(writer, tmp_path)

    assert record["requestMetadata"]["status"] == 200


def test_of_a_body_that_is_too_large_little_is_held(tmp_path):
    with CaptureWriter(LocalFolder(tmp_path), options(max_payload_bytes=10)) as writer:
        call_application(CaptureMiddleware(answering(b"0"), writer), *[b"12345678"] * 1_000)

    assert writer.counts.dropped_too_large == 1


def test_requests_outside_of_the_sample_pass_untouched(tmp_path):
    with CaptureWriter(LocalFolder(tmp_path), options(sampling_percentage=0)) as writer:
        sent = call_application(CaptureMiddleware(answering(b"0"), writer), b"1")

    assert sent == call_application(answering(b"0"), b"1")
    assert writer.counts.sampled_out == 1


def test_the_writer_is_closed_when_the_application_is_shut_down(writer, tmp_path):
    async def application(scope, receive, send):
        await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})

    delivered = []

    async def send(message):
        delivered.append((message["type"], len(records_below(tmp_path))))

    middleware = CaptureMiddleware(application, writer)
    writer.end(writer.begin())
    asyncio.run(middleware({"type": "lifespan"}, None, send))

    assert delivered == [("lifespan.startup.complete", 0), ("lifespan.shutdown.complete", 1)]


def test_websockets_are_none_of_its_business(writer):
    events = []

    async def application(scope, receive, send):
        events.append(scope["type"])

    asyncio.run(CaptureMiddleware(application, writer)({"type": "websocket"}, None, None))
    assert events == ["websocket"]
