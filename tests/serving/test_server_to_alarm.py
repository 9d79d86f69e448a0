"""From a model server to an alarm: traffic with a fault, the monitoring job, and an alert that arrives once everywhere."""

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import boto3
import pytest
from benchmarks.http_load import Load, send_load
from benchmarks.model_process import served
from tests.programs import run_program
from tests.servers import Mailbox, aws_emulator, http_server, smtp_server

ROOT = Path(__file__).resolve().parents[2]
SECRET = "correct horse battery staple"
DIMENSIONS = [{"Name": "Endpoint", "Value": "churn"}, {"Name": "MonitoringSchedule", "Value": "hourly"}]


@pytest.fixture(scope="module")
def captures(tmp_path_factory):
    """What a server was asked: 400 requests, every second of a plan that nobody has."""
    folder = tmp_path_factory.mktemp("captures")
    with served(folder, "--flush-seconds", "0.2") as server:
        send_load(server.port, Load(requests=200, per_second=1_000))
        send_load(server.port, Load(requests=200, per_second=1_000, first=200, body=b"1.5,2,unknown"))
        server.stop()
    return folder


@pytest.fixture(scope="module")
def submit(tmp_path_factory):
    """`submit(job, *flags, NAME=text)` runs a job in one folder for all tests; it has to end with `status`."""
    folder = tmp_path_factory.mktemp("jobs")

    def submitting(job, *flags, status=0, **environment):
        finished = run_program(
            [str(ROOT / "spark-submit.sh"), str(ROOT / "jobs" / f"{job}.py"), "--master", "local[2]", *flags],
            env={**os.environ, **environment},
            cwd=folder,
        )
        assert finished.returncode == status, finished.stdout
        return finished

    submitting.folder = folder
    return submitting


def window():
    """The hours around now, in which the traffic was."""
    hour = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)
    start = hour - timedelta(hours=1)
    end = hour + timedelta(hours=1)
    return ("--start-time", f"{start:%Y-%m-%dT%H:%M:%SZ}", "--end-time", f"{end:%Y-%m-%dT%H:%M:%SZ}")


def test_an_alert_arrives_once_at_the_webhook_in_the_mailbox_and_in_cloudwatch(captures, submit):
    rows = "".join(f"3.5,1.5,2,{plan}\n" for plan in ("basic", "gold") for _ in range(100))
    (submit.folder / "customers.csv").write_text(f"score,minutes,calls,plan\n{rows}")
    submit("baseline", "--dataset-source", "customers.csv", "--dataset-format", "csv", "--output-path", "baseline")
    flags = (
        *("--dataset-source", str(captures), "--dataset-format", "capture", "--baseline", "baseline"),
        *("--set", "sagemaker_endpoint_name=churn", "--set", "sagemaker_monitoring_schedule_name=hourly"),
        *("--output-path", "report", "--set=sink_required=yes", *window()),
    )
    mailbox = Mailbox()
    with http_server(503, 200) as webhook, smtp_server(mailbox) as port, aws_emulator() as aws:
        alert_options = {
            "MODEL_MONITOR_SINK": f"webhook:{webhook.url}/T123,email:team@example.org,cloudwatch",
            "MODEL_MONITOR_WEBHOOK_SECRET": SECRET,
            "MODEL_MONITOR_SMTP_HOST": f"127.0.0.1:{port}",
            "MODEL_MONITOR_SMTP_SECURITY": "none",
            "MODEL_MONITOR_SMTP_FROM": "monitor@example.org",
            "AWS_ENDPOINT_URL": aws,
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
            "AWS_DEFAULT_REGION": "eu-central-1",
        }
        first = submit("monitor", *flags, **alert_options)
        second_alert = submit("monitor", *flags, "--fail-on-violations", status=4, **alert_options)
        metrics = boto3.client(
            "cloudwatch", "eu-central-1", endpoint_url=aws, aws_access_key_id="a", aws_secret_access_key="b"
        )
        listed = metrics.list_metrics(Namespace="aws/sagemaker/Endpoints/data-metrics")["Metrics"]

    assert len(webhook.requests) == 2  # the first attempt was answered by 503
    assert len({body for _, _, body in webhook.requests}) == 1
    document = json.loads(webhook.requests[1][2])
    assert (document["model"], document["alert"]["status"]) == ("churn", "InAlert")
    assert "plan" in {violation["feature_name"] for violation in document["violations"]["worst"]}

    [mail] = mailbox.mails
    assert mail["Subject"].startswith("InAlert: DATA_QUALITY of churn / hourly, ")

    totals = [metric for metric in listed if metric["MetricName"] == "total_number_of_violations"]
    assert [metric["Dimensions"] for metric in totals] == [DIMENSIONS]

    assert json.loads((submit.folder / "report" / "_alerts.json").read_text())["status"] == "InAlert"
    for log in (first, second_alert):
        assert SECRET not in log.stdout + log.stderr
        assert "T123" not in log.stdout + log.stderr


def test_the_alarm_can_be_explained_from_the_runs_files(submit):
    program = [sys.executable, "-m", "spark_model_monitor", "explain", "plan", "--run", "report", "--json"]
    answer = subprocess.run(
        [*program, "--values", "send"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "lib")},
        cwd=submit.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    explanation = json.loads(answer.stdout)

    # by hand: of 200 customers 100 are basic and 100 gold, of 400 requests 200 are basic and 200 of an unknown plan
    rows = {row["label"]: (row["baseline"], row["current"]) for row in explanation["derivation"]["table"]}
    assert rows == {"gold": (100, 0), "unknown": (0, 200), "basic": (100, 200)}
    assert explanation["derivation"]["reproduced"] is True


def test_a_sink_that_fails_is_a_warning_unless_it_is_required(captures, submit):
    with http_server(404) as webhook:
        flags = (
            *("--dataset-source", str(captures), "--dataset-format", "capture", "--baseline", "baseline"),
            *("--sink", f"webhook:{webhook.url}", *window()),
        )
        lenient = submit("monitor", *flags, "--output-path", "lenient")
        strict = submit("monitor", *flags, "--output-path", "strict", "--set=sink_required=yes", status=255)

    assert "the sink webhook was not notified: 127.0.0.1 answered 404" in lenient.stdout
    assert (submit.folder / "lenient" / "message").read_text().startswith("CompletedWithViolations: ")
    assert (submit.folder / "strict" / "message").read_text().startswith("Error: the sink webhook was not notified: ")
    assert (submit.folder / "strict" / "constraint_violations.json").exists()
    assert "Traceback" not in strict.stdout + strict.stderr


def test_what_a_sink_lacks_is_reported_before_spark_starts(submit):
    flags = (
        "--dataset-source",
        "nowhere",
        "--dataset-format",
        "capture",
        "--output-path",
        "never",
        "--baseline",
        "baseline",
    )
    finished = submit("monitor", *flags, "--sink", "email:team@example.org", status=2)

    assert "MODEL_MONITOR_SMTP_HOST is not set" in finished.stdout
    assert "started Spark" not in finished.stdout
