"""The day of leaving: an account on loopback is read, each printed call is made, and the moved jobs judge the next hour."""

from __future__ import annotations

import json
import shlex
import sys
from datetime import datetime, timedelta, timezone
from io import StringIO
from pathlib import Path

import boto3
import pytest
from botocore import xform_name
from tests.golden.exported_answers import (
    convert_definition,
    convert_to_model_quality,
    describe_definition,
    describe_endpoint,
    describe_endpoint_config,
    describe_schedule,
    summarize_schedule,
)
from tests.jobs.customers import PEOPLE, capture
from tests.running_jobs import JobsHere
from tests.servers import aws_emulator, http_server, send_reply
from tests.spark.merging.records import make_label

from spark_model_monitor.integrations.leaving.leaving_command import LeaveRequest, leave
from spark_model_monitor.running.scheduling.schedule_command import Request, run_due
from spark_model_monitor.storage.s3_storage import _client

FIRST_HOUR = datetime(2026, 1, 31, 20, tzinfo=timezone.utc)
CONFIG = {
    "headers": ["y", "age", "plan"],
    "label": "y",
    "label_values_or_threshold": [1],
    "facet": [{"name_or_index": "age", "value_or_threshold": [40]}],
    "methods": {"pre_training_bias": {"methods": ["DPL"]}, "post_training_bias": {"methods": ["DI"]}},
}


class MonitoringApi:
    """The calls for monitoring of the service, which moto lacks, on descriptions in memory. calls: the names of those made."""

    def __init__(self, kinds):
        self.calls = []
        self.schedules = {kind.lower(): describe_schedule(kind.lower(), "Scheduled", kind, kind) for kind in kinds}
        self.definitions = {kind: make_definition(kind) for kind in kinds}
        self.endpoint = describe_endpoint()
        self.configs = {"ep-config": describe_endpoint_config()}

    def send_answer(self, handler):
        _, headers, body = handler.server.requests[-1]
        operation = headers["X-Amz-Target"].partition(".")[2]
        self.calls.append(operation)
        send_reply(handler, json.dumps(self.respond(operation, json.loads(body))))

    def respond(self, operation, members):
        name = members.get("MonitoringScheduleName", "")
        if operation == "ListMonitoringSchedules":
            return {"MonitoringScheduleSummaries": [summarize_schedule(name) for name in self.schedules]}
        if operation == "ListMonitoringExecutions":
            return {"MonitoringExecutionSummaries": []}
        if operation == "DescribeMonitoringSchedule":
            return self.schedules[name]
        if operation.endswith("JobDefinition"):
            return self.definitions[members["JobDefinitionName"]]
        if operation == "DescribeEndpoint":
            return self.endpoint
        if operation == "DescribeEndpointConfig":
            return self.configs[members["EndpointConfigName"]]
        if operation == "ListPipelines":
            return {"PipelineSummaries": [{"PipelineName": "train"}]}
        if operation == "DescribePipeline":
            steps = [{"Type": "Condition", "Arguments": {"IfSteps": [{"Type": "QualityCheck", "Name": "drift"}]}}]
            return {"PipelineName": "train", "PipelineDefinition": json.dumps({"Steps": steps})}
        return self.change(operation, name, members)

    def change(self, operation, name, members):
        statuses = {"StopMonitoringSchedule": "Stopped", "StartMonitoringSchedule": "Scheduled"}
        if operation in statuses:
            self.schedules[name]["MonitoringScheduleStatus"] = statuses[operation]
        elif operation == "DeleteMonitoringSchedule":
            del self.schedules[name]
        elif operation == "CreateEndpointConfig":
            self.configs[members["EndpointConfigName"]] = members
            return {"EndpointConfigArn": "arn"}
        elif operation == "UpdateEndpoint":
            capture = self.configs[members["EndpointConfigName"]].get("DataCaptureConfig")
            self.endpoint = {**self.endpoint, "DataCaptureConfig": capture or {}}
            return {"EndpointArn": "arn"}
        return {}


def make_definition(kind):
    definition = describe_definition(kind)
    if kind == "DataQuality":
        return definition
    if kind == "ModelQuality":
        members = convert_to_model_quality(definition)
    else:
        members = convert_definition(definition, kind)
        members[f"{kind}AppSpecification"] |= {"ConfigUri": "s3://bucket/config.json"}
        members[f"{kind}BaselineConfig"].pop("StatisticsResource")
    if kind == "ModelBias":
        members["ModelBiasJobInput"]["EndpointInput"] |= {
            "ProbabilityAttribute": "0",
            "ProbabilityThresholdAttribute": 0.5,
        }
        members["ModelBiasJobInput"]["GroundTruthS3Input"] = {"S3Uri": "s3://bucket/labels"}
    members[f"{kind}BaselineConfig"]["ConstraintsResource"] = {"S3Uri": f"s3://bucket/{kind}/constraints.json"}
    return members


def write_hour(bucket, hour, plan="basic"):
    """400 captures of an hour, one in ten with this plan, and their labels, below a folder."""
    time = FIRST_HOUR + timedelta(hours=hour)
    numbers = range(1000 * hour, 1000 * hour + 400)
    lines = [
        capture(
            number,
            20 + number % 50,
            plan if number % 10 == 0 else "basic",
            f"{time:%Y-%m-%dT%H:10:00Z}",
            number % 8 / 8,
        )
        for number in numbers
    ]
    labels = [json.dumps(make_label(f"event-{number}", str(number // 8 % 2))) + "\n" for number in numbers]
    for folder, content in (("captures/ep/AllTraffic", lines), ("labels", labels)):
        path = bucket / folder / f"{time:%Y/%m/%d/%H}" / "a.jsonl"
        path.parent.mkdir(parents=True)
        path.write_text("".join(content))


def write_baselines(folder, bucket):
    run = JobsHere(folder, engine="local")
    rows = [(number % 8 / 8, int(number % 8 >= 4), number // 8 % 2, 20 + number % 50) for number in range(400)]
    # A file for each kind of monitoring
    scores = "".join(f"{score},{prediction},{label}\n" for score, prediction, label, _ in rows)
    groups = "".join(f"{label},{age},basic,{prediction}\n" for _, prediction, label, age in rows)
    (folder / "people.csv").write_text(PEOPLE)
    (folder / "scores.csv").write_text(f"probability,prediction,label\n{scores}")
    (folder / "groups.csv").write_text(f"y,age,plan,prediction\n{groups}")
    (bucket / "config.json").write_text(json.dumps(CONFIG))
    config = {**CONFIG, "headers": [*CONFIG["headers"], "prediction"], "predicted_label": "prediction"}
    (folder / "config.json").write_text(json.dumps(config))
    # Their baselines
    quality = ("--problem-type", "BinaryClassification", "--inference-attribute", "prediction")
    columns = ("--probability-attribute", "probability", "--ground-truth-attribute", "label")
    flags = {
        "baseline": ("--dataset-source", "people.csv"),
        "ModelQuality": ("--analysis-type", "MODEL_QUALITY", *quality, *columns, "--dataset-source", "scores.csv"),
        "ModelBias": (
            *("--analysis-type", "MODEL_BIAS", "--analysis-config", "config.json"),
            *("--dataset-source", "groups.csv"),
        ),
    }
    for name, words in flags.items():
        ended = run("baseline", *words, "--dataset-format", "csv", "--output-path", bucket / name)
        assert ended.status == 0, ended.said
    (bucket / "ModelBias/constraints.json").write_bytes((bucket / "ModelBias/analysis.json").read_bytes())


def make_call(command):
    """Make a printed call of the command line of AWS."""
    program, service, operation, *words = shlex.split(command)
    assert (program, service) == ("aws", "sagemaker")
    members = dict(zip(words[::2], words[1::2], strict=True))
    client = boto3.client("sagemaker")
    method = operation.replace("-", "_")
    path = members.pop("--cli-input-json", None)
    if path is not None:
        arguments = json.loads(Path(path.removeprefix("file://")).read_text())
    else:
        # Of the API's shapes, as the command line of AWS makes its flags
        shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method]).input_shape
        flags = {f"--{xform_name(name, '-')}": name for name in shape.members}
        arguments = {flags[flag]: value for flag, value in members.items()}
    getattr(client, method)(**arguments)


@pytest.fixture(name="bucket")
def serve_bucket(tmp_path, monkeypatch):
    """A folder that `upload` copies to the account's bucket, whose server is moto's."""
    folder = tmp_path / "bucket"
    folder.mkdir()
    with aws_emulator() as url:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": url,
            "MODEL_MONITOR_ENGINE": "local",
        }.items():
            monkeypatch.setenv(name, value)
        _client.cache_clear()
        boto3.client("s3").create_bucket(Bucket="bucket")
        yield folder
    _client.cache_clear()


def run_job(command, note):
    """Run a job of a schedule in this process, whose account is the test's."""
    job, *flags = command.words
    return JobsHere(command.folder)(job, *flags, **command.variables).status


def upload(folder):
    for path in folder.rglob("*"):
        if path.is_file():
            boto3.client("s3").upload_file(str(path), "bucket", str(path.relative_to(folder)))


@pytest.mark.parametrize(
    "kinds",
    [
        ("DataQuality", "ModelExplainability"),
        pytest.param(("DataQuality", "ModelQuality", "ModelBias", "ModelExplainability"), marks=pytest.mark.nightly),
    ],
)
def test_the_day_of_leaving_breaks_nothing(bucket, tmp_path, monkeypatch, kinds):
    write_baselines(tmp_path, bucket)
    for hour in range(2):
        write_hour(bucket, hour)
    upload(bucket)
    api = MonitoringApi(kinds)
    moved = [kind.lower() for kind in kinds if kind != "ModelExplainability"]
    boto3.client("cloudwatch").put_metric_alarm(
        AlarmName="violations", EvaluationPeriods=1, ComparisonOperator="GreaterThanThreshold"
    )
    boto3.client("events").put_rule(Name="hourly", ScheduleExpression="rate(1 hour)")
    monkeypatch.chdir(tmp_path)
    # As with [s3] alone, which the page says to install
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with http_server(api.send_answer) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", server.url)
        report = leave(LeaveRequest("account", "leaving"), StringIO())
        assert {name.startswith(("List", "Describe")) for name in api.calls} == {True}
        assert [(name, str(reason)) for name, _, reason in report.not_done if name in moved] == []
        assert report.exit_status == 0
        other_names = {name for kind, name, _ in report.other_resources if kind != "IAM role"}
        assert other_names == {"violations", "hourly", "train: drift"}
        for stop in report.stops.schedules:
            make_call(stop.call)

        # What has no successor goes on, and so do the captures that the moved jobs read
        assert [*api.schedules] == ["modelexplainability"]
        assert api.schedules["modelexplainability"]["MonitoringScheduleStatus"] == "Scheduled"
        assert api.endpoint["DataCaptureConfig"]["EnableCapture"]
        api.calls.clear()

        # An hour of new traffic, with a plan that the baseline lacks
        write_hour(bucket, 2, plan="gold")
        upload(bucket)
        entry_paths = tuple(Path("leaving/schedules") / f"{name}.schedule.json" for name in moved)
        status = run_due(
            Request(entry_paths), StringIO(), launch=run_job, now=lambda: FIRST_HOUR + timedelta(hours=3, minutes=20)
        )

        assert status == 0
        assert api.calls == []
    s3 = boto3.client("s3")
    for name in moved:
        path = f"reports/ep/{name}/2026/01/31/23/constraint_violations.json"
        violations = json.loads(s3.get_object(Bucket="bucket", Key=path)["Body"].read())["violations"]
        assert ("plan" in {violation.get("feature_name") for violation in violations}) is (name == "dataquality")
