"""Whoever is asked outside has a time for the whole: a line now and then is no answer, though each comes in time."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pandas as pd
import pytest
from tests.servers import dripping

from spark_model_monitor.documents.alert_files import AlertStatus
from spark_model_monitor.errors import BadInput
from spark_model_monitor.monitors.predictors import http
from spark_model_monitor.reports.alerts import deliver, read_destinations
from spark_model_monitor.reports.notices import AlertReport, Report, ReportedRun
from spark_model_monitor.reports.sinks import Environment
from spark_model_monitor.storage import s3_storage

HTTP = (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n")
SMTP = (b"220-here\r\n", b"220-still here\r\n")


@pytest.mark.parametrize(
    ("lines", "target", "variables"),
    [
        (HTTP, "webhook:http://127.0.0.1:{port}/x", {}),
        (
            SMTP,
            "email:a@b.example",
            {
                "MODEL_MONITOR_SMTP_HOST": "127.0.0.1:{port}",
                "MODEL_MONITOR_SMTP_SECURITY": "none",
                "MODEL_MONITOR_SMTP_FROM": "c@d.example",
            },
        ),
    ],
    ids=["webhook", "mail"],
)
def test_a_delivery_ends_in_time(lines, target, variables):
    with dripping(*lines) as port:
        settings = {name: text.format(port=port) for name, text in variables.items()}
        run = ReportedRun("DATA_QUALITY", "0123456789abcdef")
        report = Report(run, datetime.now(timezone.utc), AlertReport(AlertStatus.IN_ALERT))
        environment = Environment(settings, pause=lambda seconds: None, whole_seconds=0.5)
        delivery = deliver(report, read_destinations(target.format(port=port)), environment)

    assert not delivery.reached
    (failure,) = delivery.failures
    assert failure.endswith("was not notified: its server had not answered after 0.5 s")


def test_a_model_server_is_asked_in_time(monkeypatch):
    monkeypatch.setattr(http, "CONNECT_SECONDS", 0.1)
    monkeypatch.setattr(http, "MAX_ATTEMPTS", 2)
    with dripping(*HTTP) as port:
        model = http.Endpoint(f"http://127.0.0.1:{port}/invocations", {}, first_wait_seconds=0.0, read_seconds=0.2)
        with pytest.raises(BadInput, match="did not answer in 2 tries"):
            model.predict(pd.DataFrame({"age": np.array([1.0])}))


def test_s3_is_asked_in_time(monkeypatch):
    monkeypatch.setattr(s3_storage, "REQUEST_SECONDS", 0.2)
    monkeypatch.setattr(s3_storage, "ATTEMPTS", 2)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "made-up")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with dripping(*HTTP) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{port}")
        s3_storage._client.cache_clear()
        try:
            with pytest.raises(BadInput, match=r"s3://bucket/key: can't be read"):
                s3_storage.S3Storage().read("s3://bucket/key")
        finally:
            s3_storage._client.cache_clear()
