"""An emulator of AWS with a bucket, a cluster and an application, and a small clone to ship."""

from __future__ import annotations

import os

import boto3
import pytest
from tests.servers import aws_emulator

from spark_model_monitor.integrations.emr.emr_command import run
from spark_model_monitor.running.product_layout import Layout
from spark_model_monitor.spark.launch.deequ_jar import provide_jar
from spark_model_monitor.spark.launch.request import read_request

BUCKET = "team"
FLAGS = ("--dataset-source", "s3://data/in", "--dataset-format", "csv", "--output-path", "s3://team/report")


@pytest.fixture
def aws(monkeypatch):
    """Clients by service: `aws("s3")`; the variables that boto3 reads are those of the emulator."""
    with aws_emulator() as url:
        for name, value in (
            ("AWS_ENDPOINT_URL", url),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_MAX_ATTEMPTS", "1"),
        ):
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        yield boto3.client


@pytest.fixture
def cluster(aws):
    """The identifier of a running cluster."""
    instances = {"InstanceCount": 1, "MasterInstanceType": "m5.xlarge", "KeepJobFlowAliveWhenNoSteps": True}
    roles = {"JobFlowRole": "EMR_EC2", "ServiceRole": "EMR"}
    return aws("emr").run_job_flow(Name="c", ReleaseLabel="emr-7.1.0", Instances=instances, **roles)["JobFlowId"]


@pytest.fixture
def application(aws):
    """The identifier of a serverless application."""
    application = aws("emr-serverless").create_application(
        name="a", releaseLabel="emr-7.1.0", type="SPARK", clientToken="t"
    )
    return application["applicationId"]


@pytest.fixture
def clone(tmp_path):
    """A clone with one job, and its variables: a JAR and a cache of its own."""
    for name in ("lib/spark_model_monitor/__init__.py", "jobs/baseline.py", "conf/spark-defaults.conf"):
        path = tmp_path / "clone" / name
        path.parent.mkdir(parents=True)
        path.write_text("spark.yarn.maxAppAttempts 1\n" if name.startswith("conf") else "print('job')\n")
    return Layout.of(tmp_path / "clone" / "lib" / "spark_model_monitor")


@pytest.fixture
def submit(clone, tmp_path):
    """`submit(*options, then=…)` runs the command; `then` is called instead of each pause between two looks."""
    environment = {**os.environ, "MODEL_MONITOR_CACHE": str(tmp_path / "cache")}
    environment["MODEL_MONITOR_DEEQU_JAR"] = str(provide_jar(os.environ))

    def submitting(*options, flags=FLAGS, then=lambda: None):
        request = read_request([*options, "baseline", *flags])
        return run(request, request.target, clone, environment, tmp_path, pause=lambda seconds: then())

    return submitting


@pytest.fixture
def submit_counted(aws, submit):
    """The set of (service, operation) that is filled while the second, `submit`, runs."""
    calls = set()
    boto3.setup_default_session()
    boto3.DEFAULT_SESSION.events.register(
        "before-call", lambda model, **_: calls.add((model.service_model.service_name, model.name))
    )
    return calls, submit
