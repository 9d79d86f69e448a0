"""The webhook: what arrives at a real server, and what each bad answer means."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import ssl
import threading

import pytest
from tests.ports import reserved_port
from tests.servers import http_server

from spark_model_monitor.errors import SinkFailed
from spark_model_monitor.reports.sinks.webhook import webhook

SECRET = "correct horse battery staple"


def test_one_document_arrives_with_model_window_status_violations_and_paths(report, environment):
    with http_server(204) as server:
        webhook(report(), f"{server.url}/hooks/T123", environment())

    [(path, headers, body)] = server.requests
    document = json.loads(body)
    assert path == "/hooks/T123"
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert document == {
        "version": 1,
        "text": "InAlert: DATA_QUALITY of churn / hourly, 1 violation from 2026-01-31T22:00:00Z to 2026-01-31T23:00:00Z; "
        "the largest: plan: 100 % are not Integral any more",
        "analysis_type": "DATA_QUALITY",
        "model": "churn",
        "schedule": "hourly",
        "window": {"start": "2026-01-31T22:00:00Z", "end": "2026-01-31T23:00:00Z"},
        "status": "CompletedWithViolations",
        "outcome": None,
        "unsure": {"count": 0, "first": []},
        "headline": None,
        "next_step": None,
        "notices": [],
        "alert": {
            "status": "InAlert",
            "changed": True,
            "violated_windows": 1,
            "datapoints_to_alert": 1,
            "evaluation_period": 1,
        },
        "violations": {
            "count": 1,
            "worst": [
                {"feature_name": "plan", "constraint_check_type": "data_type_check", "description": "Only 0.0% of data"}
            ],
        },
        "largest": "plan: 100 % are not Integral any more",
        "alarms": {"count": 1, "largest": ["plan: 100 % are not Integral any more"]},
        "paths": {"output": "reports/2026/01/31/22"},
        "run_id": "0123456789abcdef",
    }


def test_the_signature_is_the_hmac_of_timestamp_and_body(report, environment):
    with http_server(200) as server:
        webhook(report(), server.url, environment(MODEL_MONITOR_WEBHOOK_SECRET=SECRET))

    [(_, headers, body)] = server.requests
    # as docs/reference/alerts.md tells a receiver to check it
    timestamp = headers["X-Signature-Timestamp"]
    secret = SECRET.encode()
    signed = timestamp.encode() + b"." + body
    assert timestamp == "1769900700"  # date -d 2026-01-31T23:05:00Z +%s
    assert headers["X-Signature-SHA256"] == hmac.new(secret, signed, hashlib.sha256).hexdigest()
    assert secret not in body


@pytest.mark.parametrize("secret", [b"\xff\x80 random", "Zürich \U0001f600".encode(), b"x" * 5000])
def test_the_bytes_of_a_secret_are_the_key_whatever_they_are(report, environment, secret):
    variable = os.fsdecode(secret)
    with http_server(200) as server:
        webhook(report(), server.url, environment(MODEL_MONITOR_WEBHOOK_SECRET=variable))

    [(_, headers, body)] = server.requests
    timestamp = headers["X-Signature-Timestamp"].encode()
    signature = hmac.new(secret, timestamp + b"." + body, hashlib.sha256)
    assert headers["X-Signature-SHA256"] == signature.hexdigest()


def test_without_a_secret_nothing_is_signed(report, environment):
    with http_server(200) as server:
        webhook(report(), server.url, environment(MODEL_MONITOR_WEBHOOK_SECRET="  "))

    [(_, headers, _)] = server.requests
    assert not [name for name in headers if name.startswith("X-Signature")]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_passing_failure_is_tried_again_with_the_same_id(report, environment, pauses, status):
    with http_server(status, 200) as server:
        webhook(report(), server.url, environment())

    assert pauses == [1]
    assert len({headers["Idempotency-Key"] for _, headers, _ in server.requests}) == 1
    assert len({body for _, _, body in server.requests}) == 1


def test_a_server_that_keeps_failing_is_given_up_after_three_attempts(report, environment, pauses):
    with http_server(500) as server, pytest.raises(SinkFailed, match=r"^127\.0\.0\.1 answered 500$"):
        webhook(report(), server.url, environment())

    assert len(server.requests) == 3
    assert pauses == [1, 2]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_refusal_is_not_tried_again(report, environment, status):
    with http_server(status) as server, pytest.raises(SinkFailed, match=f"answered {status}; check the URL"):
        webhook(report(), server.url, environment())

    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(report, environment, status):
    refusal = pytest.raises(SinkFailed, match=f"answered {status}, a redirect, which is not followed")
    with http_server(200) as elsewhere, http_server((status, {"Location": elsewhere.url})) as server, refusal:
        webhook(report(), server.url, environment())

    assert len(server.requests) == 1
    assert elsewhere.requests == []


def test_a_server_that_does_not_answer_is_a_timeout(report, environment):
    is_over = threading.Event()
    with http_server(lambda handler: is_over.wait(20)) as server:
        with pytest.raises(SinkFailed, match="did not answer in time"):
            webhook(report(), server.url, environment(timeout_seconds=0.05))
        is_over.set()


def test_a_server_that_hangs_up_is_tried_again(report, environment):
    with http_server(lambda handler: handler.connection.close(), 200) as server:
        webhook(report(), server.url, environment())

    assert len(server.requests) == 2


def test_a_server_that_is_not_there_is_named_without_the_path(report, environment):
    with reserved_port() as port:
        url = f"http://127.0.0.1:{port}/hooks/secret-token"
        with pytest.raises(SinkFailed, match=r"127\.0\.0\.1 could not be reached \(Connection refused\)") as caught:
            webhook(report(), url, environment())

    assert "secret-token" not in str(caught.value)


def test_a_certificate_that_nobody_vouches_for_is_refused_at_once(report, environment, pauses):
    trustme = pytest.importorskip("trustme")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with http_server(200) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        with pytest.raises(SinkFailed, match="has a certificate that is not trusted"):
            webhook(report(), server.url.replace("http:", "https:"), environment())

    assert pauses == []


def test_the_log_of_attempts_has_neither_path_nor_secret(report, environment, caplog):
    caplog.set_level("DEBUG")
    with http_server(500) as server, pytest.raises(SinkFailed):
        webhook(report(), f"{server.url}/hooks/secret-token", environment(MODEL_MONITOR_WEBHOOK_SECRET=SECRET))

    assert "127.0.0.1 answered 500; trying again" in caplog.text
    assert "secret-token" not in caplog.text
    assert SECRET not in caplog.text
