"""Apprise: what arrives at a real server, and that no secret is told of one that is away."""

from __future__ import annotations

import base64
import json
import logging

import pytest
from tests.servers import http_server, send_reply

from spark_model_monitor.documents.alert_files import AlertStatus
from spark_model_monitor.errors import BadConfiguration, SinkFailed
from spark_model_monitor.reports.notices import Notice
from spark_model_monitor.reports.sinks import SINKS
from spark_model_monitor.reports.sinks.apprise import apprise


def make_url(server, path="hooks/T123"):
    return f"json{server.url.removeprefix('http')}/{path}"


def test_the_headline_the_alarms_and_the_page_arrive(report, environment, tmp_path):
    page = tmp_path / "report.html"
    page.write_text("<p>the page</p>")
    with http_server(200) as server:
        apprise(report(paths={"page": str(page)}), make_url(server), environment())

    [(path, _, body)] = server.requests
    notification = json.loads(body)
    assert path.startswith("/hooks/T123")
    assert notification["title"].startswith("InAlert: DATA_QUALITY of churn / hourly, 1 violation")
    assert "- plan: 100 % are not Integral any more" in notification["message"]
    assert f"page: {page}" in notification["message"]
    assert notification["type"] == "warning"
    [sent] = notification["attachments"]
    assert (sent["filename"], base64.b64decode(sent["base64"])) == ("report.html", b"<p>the page</p>")


@pytest.mark.parametrize("page", ["s3://reports/22/report.html", "/nowhere/report.html"])
def test_a_page_that_lies_elsewhere_is_named_and_not_sent(report, environment, page):
    with http_server(200) as server:
        apprise(report(status=AlertStatus.OK, paths={"page": page}), make_url(server), environment())

    notification = json.loads(server.requests[0][2])
    assert f"page: {page}" in notification["message"]
    assert (notification["attachments"], notification["type"]) == ([], "success")


def test_what_nobody_can_tell_is_no_success(report, environment):
    with http_server(200) as server:
        unsure_report = report(violations=0, status=AlertStatus.CANNOT_TELL)
        apprise(unsure_report, make_url(server), environment())

    _, _, body = server.requests[0]
    message = json.loads(body)
    assert message["type"] == "info"
    assert message["title"].startswith("CannotTell:")


def test_a_schedule_without_runs_is_reported_as_well(report, environment):
    notice = Notice("Overdue", "no run completed for 2 hours")
    with http_server(200) as server:
        apprise(report(run_id="", paths={}, notices=(notice,)), make_url(server), environment())

    notification = json.loads(server.requests[0][2])
    assert (notification["type"], "no run completed for 2 hours" in notification["title"]) == ("info", True)


def test_slack_gets_what_slack_reads(report, environment, monkeypatch):
    from apprise.plugins.slack import NotifySlack

    with http_server(lambda handler: send_reply(handler, b"ok")) as server:
        monkeypatch.setattr(NotifySlack, "webhook_url", f"{server.url}/services")
        apprise(report(), "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#alerts", environment())

    [(path, _, body)] = server.requests
    assert path == "/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    assert json.loads(body)["channel"] == "#alerts"
    assert "InAlert: DATA_QUALITY" in body.decode()


def test_a_service_that_is_away_is_tried_again_and_named_without_its_secrets(report, environment, pauses, caplog):
    caplog.set_level(logging.INFO)
    with http_server(503) as server, pytest.raises(SinkFailed) as failed:
        apprise(report(), make_url(server), environment())

    assert str(failed.value) == "Apprise reached nobody by json://; check the URL and the service"
    assert (len(server.requests), pauses) == (3, [1, 2])
    assert "T123" not in caplog.text


def test_what_apprise_has_no_service_for_is_reported_before_any_data_is_read(environment):
    ready = SINKS.get("apprise").facts["ready"]
    with pytest.raises(BadConfiguration, match="no service for the URL that begins with slak://") as wrong:
        ready("slak://SECRET/x", environment())

    assert "SECRET" not in str(wrong.value)
    with pytest.raises(ValueError, match="write apprise:SERVICE://"):
        SINKS.get("apprise").facts["examined"]("hooks.slack.com/T123")
