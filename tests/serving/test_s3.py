"""Captures in S3: boto3 against AWS's emulator, and against nobody."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.config import Config
from tests.servers import aws_emulator

from spark_model_monitor.capture import CaptureLimits, CaptureOptions, CaptureWriter, Payload, S3Folder

OPTIONS = CaptureOptions(endpoint="churn")
URI = "s3://captures/of/models"


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    """Those that the emulator takes, and nobody else."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def serve(writer: CaptureWriter, rows: list[str]) -> None:
    for row in rows:
        writer.end(writer.begin(), Payload(row.encode(), "text/csv"), Payload(b"0", "text/csv"))


def stored_rows(endpoint: str) -> list[str]:
    """What the bucket holds, in the order of its keys."""
    s3 = boto3.client("s3", endpoint_url=endpoint)
    objects = s3.list_objects_v2(Bucket="captures", Prefix="of/models/churn/AllTraffic/").get("Contents", [])
    lines = [
        line
        for item in objects
        for line in s3.get_object(Bucket="captures", Key=item["Key"])["Body"].read().splitlines()
    ]
    return [json.loads(line)["captureData"]["endpointInput"]["data"] for line in lines]


def test_captures_are_objects_of_a_bucket(tmp_path, monkeypatch):
    with aws_emulator() as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        boto3.client("s3").create_bucket(Bucket="captures")
        with CaptureWriter(S3Folder(URI, spool=tmp_path), OPTIONS) as writer:
            serve(writer, ["1,2", "3,4"])

        assert stored_rows(endpoint) == ["1,2", "3,4"]
    assert list(tmp_path.glob("*.jsonl")) == []


def test_what_nobody_takes_is_uploaded_after_a_restart(tmp_path, caplog):
    nobody = boto3.client(
        "s3", endpoint_url="http://127.0.0.1:9", config=Config(retries={"total_max_attempts": 1}, connect_timeout=1)
    )
    with CaptureWriter(S3Folder(URI, spool=tmp_path, client=nobody), OPTIONS, CaptureLimits()) as writer:
        serve(writer, ["1,2"])
    assert "captured records can't be delivered to S3Folder('s3://captures/of/models')" in caplog.text

    with aws_emulator() as endpoint:
        somebody = boto3.client("s3", endpoint_url=endpoint)
        somebody.create_bucket(Bucket="captures")
        with CaptureWriter(S3Folder(URI, spool=tmp_path, client=somebody), OPTIONS) as writer:
            serve(writer, ["3,4"])

        assert sorted(stored_rows(endpoint)) == ["1,2", "3,4"]
