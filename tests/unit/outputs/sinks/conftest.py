"""What tests of sinks share: reports, environment that don't wait, an emulator of AWS."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime, timezone

import boto3
import pytest
from tests.servers import aws_emulator

from spark_model_monitor.documents.alert_files import AlertStatus
from spark_model_monitor.reports.notices import AlertReport, Report, ReportedRun, ReportedVerdict
from spark_model_monitor.reports.sinks import Environment


def metric(name, value, **dimensions):
    """A metric as CloudWatch's object."""
    return {
        "MetricName": name,
        "Timestamp": "2026-01-31T22:00:00Z",
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
        "Value": value,
        "Unit": "None",
    }


@pytest.fixture
def report():
    """`report(violations=3)`: the report of an hour of the endpoint `churn`; other members by their names."""

    def reporting(*, status=AlertStatus.IN_ALERT, **members):
        report_members = {
            "analysis_type": "DATA_QUALITY",
            "run_id": "0123456789abcdef",
            "time": datetime(2026, 1, 31, 23, 5, tzinfo=timezone.utc),
            "alert": AlertReport(status, changed=True, violated=1),
            "violations": 1,
            "namespace": "data-metrics",
            "worst": (
                {
                    "feature_name": "plan",
                    "constraint_check_type": "data_type_check",
                    "description": "Only 0.0% of data",
                },
            ),
            "alarms": ("plan: 100 % are not Integral any more",),
            "alarm_count": 1,
            "endpoint": "churn",
            "schedule": "hourly",
            "start": datetime(2026, 1, 31, 22, tzinfo=timezone.utc),
            "end": datetime(2026, 1, 31, 23, tzinfo=timezone.utc),
            "paths": {"output": "reports/2026/01/31/22"},
        }
        report_members |= members
        for name, part in (("run", ReportedRun), ("verdict", ReportedVerdict)):
            own_names = {member.name for member in fields(part)}
            own_members = {member: report_members.pop(member) for member in own_names & report_members.keys()}
            report_members[name] = part(**own_members)
        return Report(**report_members)

    return reporting


@pytest.fixture
def pauses():
    """The seconds that sinks wanted to wait between attempts."""
    return []


@pytest.fixture
def environment(pauses):
    """`environment(NAME=text)`: these variables and no others; nothing waits."""

    def make_environment(timeout_seconds=5.0, aws=None, **variables):
        environment_options = {"variables": variables, "pause": pauses.append, "timeout_seconds": timeout_seconds}
        return Environment(**environment_options, **({"aws": aws} if aws else {}))

    return make_environment


@pytest.fixture
def credentials(monkeypatch):
    """Credentials and region for an emulator, which asks for none in particular."""
    for name, text in {"ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b", "DEFAULT_REGION": "eu-central-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", text)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


@pytest.fixture
def emulator(credentials):
    """A session of boto3 with an emulator of AWS, which sinks talk to as well while the test runs."""
    with aws_emulator() as url:
        credentials.setenv("AWS_ENDPOINT_URL", url)
        yield boto3.session.Session()
