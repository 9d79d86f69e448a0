"""run.json: which run a folder holds."""

import json
from datetime import datetime, timezone

import pytest
from tests.run_descriptions import describe_run

from spark_model_monitor.documents.monitoring_settings import MonitoringConfig
from spark_model_monitor.documents.run_description import BaselineReference, RunContext, RunDescription, find_data_name
from spark_model_monitor.errors import BadDocument

HOUR = RunContext(datetime(2026, 3, 4, 20, tzinfo=timezone.utc), datetime(2026, 3, 4, 21, tzinfo=timezone.utc), "churn")


def described(context=HOUR, **members):
    defaults = {"window": context.window, "model": context.model, "schedule": context.schedule}
    defaults |= {"settings": MonitoringConfig(datatype_check_threshold=0.9), "rows": 200, "violations": 3}
    return describe_run(**{**defaults, **members})


@pytest.mark.parametrize(
    ("member", "time"),
    [("start", "noon"), ("start", 7), ("end", None), ("end", "2026-13-04T20:00:00Z")],
)
def test_a_window_at_no_time_is_refused(member, time):
    members = json.loads(described().to_json())
    members["window"][member] = time

    with pytest.raises(BadDocument, match=rf"window\.{member} is .*; it has to be a time such as 2026-03-04T20:00:00Z"):
        RunDescription.from_json(json.dumps(members))


def test_half_a_surrogate_pair_is_no_text_of_a_document():
    members = json.loads(described().to_json()) | {"model": "\ud800"}

    with pytest.raises(BadDocument, match=r"model is .*; it has to be a text"):
        RunDescription.from_json(json.dumps(members))


def test_a_run_says_its_window_and_what_came_of_it_and_what_nobody_said_is_null():
    assert json.loads(described().to_json()) == {
        "version": 1,
        "job": "monitor",
        "analysis_type": "DATA_QUALITY",
        "window": {"start": "2026-03-04T20:00:00Z", "end": "2026-03-04T21:00:00Z"},
        "model": "churn",
        "schedule": None,
        "baseline_run_id": None,
        "product": "0",
        "settings": {"datatype_check_threshold": 0.9},
        "rows": 200,
        "violations": 3,
    }
    assert described(RunContext()).plain()["window"] is None


def test_it_is_read_as_it_was_written():
    assert RunDescription.from_json(described().to_json()) == described()


def test_another_document_is_called_by_its_name():
    with pytest.raises(BadDocument, match=r"it is a checks\.json"):
        RunDescription.from_json('{"version": 0.0, "checks": []}')


OF_A_DAY = [
    ("data/orders/2024-03-04.csv", "orders"),
    ("data/orders/2024-03-04T20:00Z.jsonl.gz", "orders"),
    ("data/orders/20240304_20.parquet", "orders"),
    ("data/orders-2024-03-04.csv", "orders"),
    ("data/20240304_orders.csv", "orders"),
    ("data/orders_88240304.csv", "orders_88240304"),
]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/data/orders.csv", "orders"),
        ("orders.csv.gz", "orders"),
        ("s3://bucket/sales/orders/", "orders"),
        ("s3://bucket", "bucket"),
        ("captures/churn/AllTraffic/2024/03/04/20", "churn"),
        ("/warehouse/orders/day=2024-03-04/part=3", "orders"),
        ("data/orders-*.parquet", "orders"),
        ("data/orders/*.parquet", "orders"),
        ("delta.`/warehouse/sales.db/orders`", "orders"),
        ("sales.orders", "sales.orders"),
        ("churn-2.1", "churn-2.1"),
        ("/reports/orders-baseline/_runs/0123456789abcdef", "orders-baseline"),
        ("", None),
        ("/", None),
        (".", None),
        ("2024/03/04/20", None),
        *OF_A_DAY,
    ],
)
def test_data_is_named_after_its_file_table_or_folder(path, name):
    assert find_data_name(path) == name


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ({"folder": "/data/orders-baseline/_runs/0123456789abcdef"}, "orders-baseline"),
        ({"constraints": "/data/march/constraints.json"}, "march"),
        ({"folder": "/reports/churn/2024/03/04/19/_runs/0123456789abcdef"}, "the window of 2024-03-04 19:00"),
        ({}, None),
    ],
)
def test_a_baseline_is_named_after_its_folder_or_its_hour(location, name):
    assert BaselineReference(**location).name == name
