"""The service's own requests run here: CreateProcessingJob with its images, and schedules with their job definition inside."""

import json
import shutil
from dataclasses import replace
from datetime import datetime, timezone

import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator
from tests.clocks import StoppedClock

import spark_model_monitor.sagemaker as sagemaker
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.integrations.demo.traffic import FAULT, Traffic, write_data_set
from spark_model_monitor.machine import use_machine

pytestmark = pytest.mark.nightly

MODEL = get_session().get_service_model("sagemaker")
ANALYZER = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"
PROCESSING = "/opt/ml/processing"
PREPROCESSOR = (
    "def preprocess_handler(record):\n"
    "    cells = (record.endpoint_output.data.strip() + ',' + record.endpoint_input.data.strip()).split(',')\n"
    "    return {str(number).zfill(20): cell for number, cell in enumerate(cells)}\n"
)
POSTPROCESSOR = (
    "def postprocess_handler():\n    import os, pathlib\n    pathlib.Path(os.environ['TRACE']).write_text('ran')\n"
)


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    """A folder that stands in for S3, with an hour of the example's captures, all of them with the fault, and its data set."""
    folder = tmp_path_factory.mktemp("bucket")
    now = datetime(2026, 3, 4, 20, 30, tzinfo=timezone.utc)
    start = datetime(2026, 3, 4, 19, tzinfo=timezone.utc)
    traffic = Traffic(hours=2, per_hour=60, start=start, fault=replace(FAULT, first_hour=0))
    write_data_set(folder, rows=500, traffic=traffic)
    bucket = folder / "s3" / "bucket"
    (bucket / "data").mkdir(parents=True)
    shutil.copy(folder / "baseline.csv", bucket / "data")
    shutil.copytree(folder / "captures" / "churn", bucket / "datacapture" / "churn")
    with pytest.MonkeyPatch.context() as patch, use_machine(StoppedClock(now)):
        patch.setenv("MODEL_MONITOR_HOME", str(folder / "home"))
        patch.setenv("MODEL_MONITOR_S3_ROOT", str(folder / "s3"))
        patch.setenv("sagemaker_endpoint_datacapture_prefix", "s3://bucket/datacapture")
        patch.setenv("TRACE", str(folder / "trace"))
        yield bucket


def mounted(name, uri, folder):
    s3_input = {"S3Uri": uri, "LocalPath": f"{PROCESSING}/{folder}", "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "S3Input": s3_input}


@pytest.fixture(scope="module")
def baseline(bucket):
    """The description of the baselining job that a request of the service's own form started."""
    request = {
        "ProcessingJobName": "baseline-1",
        "RoleArn": "arn:aws:iam::000000000000:role/none",
        "AppSpecification": {"ImageUri": ANALYZER},
        "Environment": {
            "dataset_format": '{"csv": {"header": true}}',
            "dataset_source": f"{PROCESSING}/input/baseline_dataset_input",
            "output_path": f"{PROCESSING}/output",
            "publish_cloudwatch_metrics": "Disabled",
        },
        "ProcessingInputs": [mounted("baseline_dataset_input", "s3://bucket/data", "input/baseline_dataset_input")],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "monitoring_output",
                    "S3Output": {
                        "S3Uri": "s3://bucket/results",
                        "LocalPath": f"{PROCESSING}/output",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
    }
    client = sagemaker.client()
    answer = client.create_processing_job(**request)
    client.get_waiter("processing_job_completed_or_stopped").wait(ProcessingJobName="baseline-1")
    described = client.describe_processing_job(ProcessingJobName="baseline-1")
    assert answer == {"ProcessingJobArn": described["ProcessingJobArn"]}
    assert {name: described[name] for name in request} == request
    return described


def test_a_request_of_the_service_makes_a_baseline(bucket, baseline):
    report = ParamValidator().validate(baseline, MODEL.operation_model("DescribeProcessingJob").output_shape)
    assert report.generate_report() == ""
    assert baseline["ProcessingJobStatus"] == "Completed"
    statistics = json.loads((bucket / "results" / "statistics.json").read_text())
    assert statistics["dataset"]["item_count"] == 500
    members = ("AppSpecification", "Environment", "ProcessingInputs", "ProcessingOutputConfig")
    same_request = {member: baseline[member] for member in members}
    with pytest.raises(BadConfiguration, match="there is a processing job 'baseline-1' already"):
        sagemaker.client().create_processing_job(ProcessingJobName="baseline-1", **same_request)


def test_a_schedule_with_its_definition_inside_runs_with_its_scripts(bucket, baseline):
    (bucket / "pre.py").write_text(PREPROCESSOR)
    (bucket / "post.py").write_text(POSTPROCESSOR)
    client = sagemaker.client()
    config = {
        "ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"},
        "MonitoringJobDefinition": {
            "BaselineConfig": {
                "ConstraintsResource": {"S3Uri": "s3://bucket/results/constraints.json"},
                "StatisticsResource": {"S3Uri": "s3://bucket/results/statistics.json"},
            },
            "MonitoringInputs": [
                {"EndpointInput": {"EndpointName": "churn", "LocalPath": f"{PROCESSING}/endpointdata"}}
            ],
            "MonitoringOutputConfig": {
                "MonitoringOutputs": [
                    {"S3Output": {"S3Uri": "s3://bucket/reports", "LocalPath": f"{PROCESSING}/output"}}
                ]
            },
            "MonitoringAppSpecification": {
                "ImageUri": ANALYZER,
                "RecordPreprocessorSourceUri": "s3://bucket/pre.py",
                "PostAnalyticsProcessorSourceUri": "s3://bucket/post.py",
            },
            "RoleArn": "arn:aws:iam::000000000000:role/none",
        },
    }

    client.create_monitoring_schedule(MonitoringScheduleName="hourly", MonitoringScheduleConfig=config)
    [execution] = client.list_monitoring_executions(MonitoringScheduleName="hourly")["MonitoringExecutionSummaries"]

    described = client.describe_monitoring_schedule(MonitoringScheduleName="hourly")
    inside = described["MonitoringScheduleConfig"]["MonitoringJobDefinition"]
    assert inside == config["MonitoringJobDefinition"]
    assert execution["MonitoringExecutionStatus"].startswith("Completed"), execution
    assert (bucket.parents[1] / "trace").read_text() == "ran"
    name = execution["ProcessingJobArn"].rpartition("/")[2]
    inputs = client.describe_processing_job(ProcessingJobName=name)["ProcessingInputs"]
    assert {job_input["InputName"]: job_input["S3Input"]["S3Uri"] for job_input in inputs} == {
        "endpoint_input_1": "s3://bucket/datacapture/churn",
        "constraints": "s3://bucket/results/constraints.json",
        "baseline": "s3://bucket/results/statistics.json",
        "record_preprocessor_script_input": "s3://bucket/pre.py",
        "post_analytics_processor_script_input": "s3://bucket/post.py",
    }
    # Notebooks ask for the data by its index, behind the baseline
    assert inputs[-1]["InputName"] == "endpoint_input_1"


def test_a_processor_of_the_analyzer_monitors_an_hour_of_captures(bucket, baseline):
    """As a helper of public notebooks has it: the data's variable is the folder above the mounted hour."""
    hour = next(iter(sorted((bucket / "datacapture").rglob("*.jsonl")))).parent
    below = hour.relative_to(bucket / "datacapture")
    processor = sagemaker.processing.Processor(
        image_uri=ANALYZER,
        instance_count=1,
        instance_type="ml.m5.large",
        role="role",
        env={
            "baseline_constraints": f"{PROCESSING}/baseline/constraints/constraints.json",
            "baseline_statistics": f"{PROCESSING}/baseline/stats/statistics.json",
            "dataset_format": '{"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}',
            "dataset_source": f"{PROCESSING}/input/endpoint",
            "output_path": f"{PROCESSING}/output",
            "publish_cloudwatch_metrics": "Disabled",
        },
    )
    # The hour is mounted below the folder that the variable names
    inputs = [
        sagemaker.ProcessingInput(source, f"{PROCESSING}/{folder}", name, s3_data_type="S3Prefix", s3_input_mode="File")
        for name, source, folder in (
            ("input_1", f"s3://bucket/datacapture/{below}", f"input/endpoint/{below}"),
            ("baseline", "s3://bucket/results/statistics.json", "baseline/stats"),
            ("constraints", "s3://bucket/results/constraints.json", "baseline/constraints"),
        )
    ]
    report = sagemaker.ProcessingOutput(
        source=f"{PROCESSING}/output",
        destination="s3://bucket/by-hand",
        output_name="result",
        s3_upload_mode="Continuous",
    )

    processor.run(inputs=inputs, outputs=[report], wait=True, logs=False)

    described = processor.latest_job.describe()
    assert described["ExitMessage"].startswith("CompletedWithViolations: Job completed successfully with ")
    assert processor.jobs == [processor.latest_job]
    assert [job_input.input_name for job_input in processor.latest_job.inputs] == ["input_1", "baseline", "constraints"]
    lines = sum(1 for file in hour.glob("*.jsonl") for _ in file.open())
    statistics = json.loads((bucket / "by-hand" / "statistics.json").read_text())
    assert statistics["dataset"]["item_count"] == lines
    with pytest.raises(ValueError, match="^Logs can only be shown if wait is set to True"):
        processor.run(inputs, [report], wait=False)
