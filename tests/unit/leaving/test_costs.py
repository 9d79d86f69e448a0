"""What `leave` says of costs, without any description of how long runs take, and of prices that can't be read."""

from __future__ import annotations

import json

import pytest

from spark_model_monitor.errors import BadDocument
from spark_model_monitor.integrations.imports.descriptions import ScheduleDescription
from spark_model_monitor.integrations.leaving.costs import Prices, Usage, measure_usage
from spark_model_monitor.integrations.leaving.inventory import MonitoredSchedule

PRICES = Prices(date="2026-11-27", region="us-east-1", currency="USD", processing={"ml.m5.xlarge": 0.25})


def make_schedule(expression, status="Scheduled", **members):
    description = ScheduleDescription("churn", status, expression, "definition")
    cluster = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 3}
    return MonitoredSchedule("churn", (), description, None, cluster=cluster, **members)


@pytest.mark.parametrize(
    ("expression", "status", "runs"),
    [
        ("cron(0 * ? * * *)", "Scheduled", 720),
        ("cron(0 5 ? * * *)", "Scheduled", 30),
        ("cron(0 0/6 ? * * *)", "Scheduled", 120),
        ("cron(0 * ? * * *)", "Stopped", 0),
        ("NOW", "Scheduled", 0),
        ("rate(1 hour)", "Scheduled", 0),  # which the service has not, and import refuses
        (None, "Scheduled", 30),
    ],
)
def test_runs_of_a_month_are_those_of_the_expression(expression, status, runs):
    usage = measure_usage(make_schedule(expression, status))

    assert (usage.runs_a_month, usage.instance_type, usage.instance_count) == (runs, "ml.m5.xlarge", 3)
    assert usage.instance_hours is usage.money(PRICES) is None


def test_money_is_the_price_of_the_instance_hours_of_a_month():
    execution = {
        "MonitoringExecutionStatus": "Completed",
        "CreationTime": "2026-03-04T00:00:00Z",
        "LastModifiedTime": 1772582400.0 + 360,  # seconds since 1970, as the command line of AWS may print them
    }

    usage = measure_usage(make_schedule("cron(0 5 ? * * *)", executions=(execution,)))

    assert usage.instance_hours == pytest.approx(30 * 3 * 0.1)
    assert usage.money(PRICES) == pytest.approx(30 * 3 * 0.1 * 0.25)
    assert Usage("ml.unknown", 1, 1, 1.0).money(PRICES) is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({}, "prices.json: date"),
        ({"date": "d", "region": "r", "currency": "c", "processing": ["ml.m5.xlarge"]}, "prices.json: processing"),
    ],
)
def test_prices_that_lack_a_member_are_refused(content, reason):
    with pytest.raises(BadDocument, match=reason):
        Prices.from_json(json.dumps(content), "prices.json")
