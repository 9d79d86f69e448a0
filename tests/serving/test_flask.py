"""A real Flask application behind a real WSGI server."""

from __future__ import annotations

import json
from contextlib import contextmanager
from threading import Thread
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from benchmarks.http_load import Load, send_load
from flask import Flask, Response, abort, request

from spark_model_monitor.capture import CaptureOptions, CaptureWriter, LocalFolder
from spark_model_monitor.capture.wsgi import CaptureMiddleware


class SilentHandler(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nobody reads the requests of a test."""


def application() -> Flask:
    app = Flask(__name__)

    @app.post("/invocations")
    def answer() -> Response:
        first, second, *_ = request.get_data(as_text=True).split(",")
        if first == "fail":
            abort(503)
        return Response(str(float(first) + float(second)), mimetype="text/csv")

    return app


@contextmanager
def served(app: Flask):
    server = make_server("127.0.0.1", 0, app, handler_class=SilentHandler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def writer(tmp_path):
    with CaptureWriter(LocalFolder(tmp_path), CaptureOptions(endpoint="churn", with_metadata=True)) as capture_writer:
        yield capture_writer


def test_the_traffic_of_a_flask_application_is_captured(tmp_path, writer):
    app = application()
    app.wsgi_app = CaptureMiddleware(app.wsgi_app, writer, paths=["/invocations"])
    with served(app) as port:
        for number in range(20):
            send_load(port, Load(requests=1, per_second=1_000, first=number))
        send_load(port, Load(requests=1, per_second=1_000, first=20, body=b"fail,1,2"))
    writer.close()
    [file] = tmp_path.glob("churn/**/*.jsonl")
    records = [json.loads(line) for line in file.read_bytes().splitlines()]

    assert [record["eventMetadata"]["inferenceId"] for record in records] == [str(number) for number in range(21)]
    assert [record["requestMetadata"]["status"] for record in records] == [200] * 20 + [503]
    assert records[0]["captureData"]["endpointInput"]["data"] == "1.5,2,basic"
    assert records[0]["captureData"]["endpointOutput"]["data"] == "3.5"
    assert records[20]["captureData"] == {}
