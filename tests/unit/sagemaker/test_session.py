"""`sagemaker.Session`, `sagemaker.s3` and boto3's calls, over a folder that stands in for S3."""

import os
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from botocore.stub import Stubber
from tests.programs import run_program

import spark_model_monitor.sagemaker as sagemaker
from spark_model_monitor.errors import BadConfiguration, BadInput
from spark_model_monitor.sagemaker.local_jobs import SCHEDULES

BASELINE = {"statistics": "s3://bucket/statistics.json", "constraints": "s3://bucket/constraints.json"}


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("MODEL_MONITOR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MODEL_MONITOR_S3_ROOT", str(tmp_path / "s3"))
    return tmp_path / "s3"


def test_what_is_uploaded_is_listed_read_and_downloaded_by_its_uri(root, tmp_path):
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "train.csv").write_text("a\n1\n")
    (tmp_path / "data" / "deep" / "_more.csv").write_text("a\n2\n")
    s3 = sagemaker.s3

    file = s3.S3Uploader.upload(str(tmp_path / "data" / "train.csv"), "s3://bucket/one")
    s3.S3Uploader.upload(str(tmp_path / "data"), "s3://bucket/all")
    s3.S3Uploader.upload_string_as_file_body("hello", "s3://bucket/one/hello.txt")

    assert file == "s3://bucket/one/train.csv"
    assert s3.S3Downloader.list("s3://bucket/") == [
        "s3://bucket/all/deep/_more.csv",
        "s3://bucket/all/train.csv",
        "s3://bucket/one/hello.txt",
        "s3://bucket/one/train.csv",
    ]
    assert s3.S3Downloader.list("s3://bucket/one/h") == ["s3://bucket/one/hello.txt"]  # a beginning, and no folder
    assert s3.S3Downloader.list("s3://bucket/none") == s3.S3Downloader.list("s3://another/") == []
    assert s3.S3Downloader.read_file(file) == "a\n1\n"
    assert s3.S3Downloader.download("s3://bucket/all", str(tmp_path / "copy")) == [
        str(tmp_path / "copy" / "deep" / "_more.csv"),
        str(tmp_path / "copy" / "train.csv"),
    ]
    with pytest.raises(BadInput, match="trian.csv: there is no such file or folder to upload"):
        s3.S3Uploader.upload(str(tmp_path / "data" / "trian.csv"), "s3://bucket/one")
    with pytest.raises(BadInput, match="nothing.csv"):
        s3.S3Downloader.read_file("s3://bucket/nothing.csv")


def test_the_first_listed_file_of_a_baseline_is_one_of_the_services(root):
    for name in ("_current.json", "_runs/e016/statistics.json", "constraints.json", "ledger.json"):
        sagemaker.S3Uploader.upload_bytes(b"{}", f"s3://bucket/baseline/{name}")

    assert sagemaker.S3Downloader.list("s3://bucket/baseline") == [
        "s3://bucket/baseline/constraints.json",
        "s3://bucket/baseline/ledger.json",
    ]
    assert sagemaker.S3Downloader.list("s3://bucket/baseline/_runs/") == [
        "s3://bucket/baseline/_runs/e016/statistics.json"
    ]


def test_a_session_has_a_bucket_whose_files_are_those_of_the_folder(root, tmp_path):
    session = sagemaker.Session()
    (tmp_path / "train.csv").write_text("a\n1\n")

    uri = session.upload_data(str(tmp_path / "train.csv"), key_prefix="demo")

    assert uri == f"s3://{session.default_bucket()}/demo/train.csv"
    assert session.list_s3_files(session.default_bucket(), "demo") == ["demo/train.csv"]
    assert session.read_s3_file(session.default_bucket(), "demo/train.csv") == "a\n1\n"
    assert sagemaker.get_execution_role().startswith("arn:aws:iam::")


def test_a_schedule_of_boto3s_calls_is_one_of_the_monitors_and_the_other_way_round():
    client = sagemaker.client()
    monitor = sagemaker.DefaultModelMonitor()
    monitor.create_monitoring_schedule("churn", monitor_schedule_name="first", **BASELINE)
    definition = client.describe_data_quality_job_definition(JobDefinitionName="first")
    client.create_data_quality_job_definition(**{**definition, "JobDefinitionName": "second"})

    client.create_monitoring_schedule(
        MonitoringScheduleName="second",
        MonitoringScheduleConfig={
            "ScheduleConfig": {"ScheduleExpression": sagemaker.CronExpressionGenerator.hourly()},
            "MonitoringJobDefinitionName": "second",
            "MonitoringType": "DataQuality",
        },
    )

    listed = client.list_monitoring_schedules(SortOrder="Ascending")["MonitoringScheduleSummaries"]
    assert [schedule_summary["MonitoringScheduleName"] for schedule_summary in listed] == ["first", "second"]
    assert sagemaker.DefaultModelMonitor.attach("second").job_definition_name == "second"
    client.stop_monitoring_schedule(MonitoringScheduleName="second")
    status = client.describe_monitoring_schedule(MonitoringScheduleName="second")["MonitoringScheduleStatus"]
    assert status == "Stopped"
    assert client.list_monitoring_executions(MonitoringScheduleName="second")["MonitoringExecutionSummaries"] == []
    client.update_monitoring_alert(
        MonitoringScheduleName="first", MonitoringAlertName="first", DatapointsToAlert=2, EvaluationPeriod=3
    )
    [alert] = client.list_monitoring_alerts(MonitoringScheduleName="first")["MonitoringAlertSummaries"]
    assert (alert["MonitoringAlertName"], alert["DatapointsToAlert"], alert["EvaluationPeriod"]) == ("first", 2, 3)
    client.delete_monitoring_schedule(MonitoringScheduleName="second")
    assert not SCHEDULES.exists("second")


def test_listings_are_of_what_is_asked_for_page_by_page():
    for name, endpoint in (("one", "churn"), ("two", "spam"), ("three", "churn")):
        sagemaker.DefaultModelMonitor().create_monitoring_schedule(endpoint, monitor_schedule_name=name, **BASELINE)
    client = sagemaker.client()
    created = client.describe_monitoring_schedule(MonitoringScheduleName="two")["CreationTime"]

    def names(**filters):
        return [
            schedule_summary["MonitoringScheduleName"]
            for schedule_summary in client.list_monitoring_schedules(**filters)["MonitoringScheduleSummaries"]
        ]

    assert names(EndpointName="churn") == ["three", "one"]  # a notebook deletes what it lists of an endpoint
    assert names(MonitoringJobDefinitionName="two") == names(NameContains="WO") == ["two"]
    assert names(CreationTimeBefore=created) == names(CreationTimeBefore=created.isoformat()) == ["one"]
    assert names(SortBy="Name", SortOrder="Ascending") == ["one", "three", "two"]
    assert names(MonitoringTypeEquals="ModelBias") == names(StatusEquals="Stopped") == []
    pages = client.get_paginator("list_monitoring_schedules").paginate(MaxResults=2)
    assert [len(page["MonitoringScheduleSummaries"]) for page in pages] == [2, 1]
    with pytest.raises(BadConfiguration, match="^Endpoint is nothing that MonitoringScheduleSummaries are listed by"):
        names(Endpoint="churn")


def test_what_is_missing_of_a_call_is_stated():
    client = sagemaker.client()

    with pytest.raises(BadConfiguration, match="bare has no DataQualityAppSpecification, DataQualityJobInput, Data"):
        client.create_data_quality_job_definition(JobDefinitionName="bare")
    with pytest.raises(BadConfiguration, match="is called by its JobDefinitionName; given are Name"):
        client.describe_model_bias_job_definition(Name="bare")
    with pytest.raises(client.exceptions.ResourceNotFound, match="there is none called 'none'"):
        client.describe_monitoring_schedule(MonitoringScheduleName="none")
    with pytest.raises(BadConfiguration, match="get_waiter: only an account can answer it"):
        client.get_waiter("endpoint_in_service")


def test_what_only_an_account_can_answer_is_refused_by_a_sentence():
    with pytest.raises(BadConfiguration, match="create_model: only an account can answer it"):
        sagemaker.client().create_model(ModelName="churn")
    with pytest.raises(BadConfiguration, match="no MonitoringJobDefinitionName; create a definition by"):
        sagemaker.client().create_monitoring_schedule(MonitoringScheduleName="x", MonitoringScheduleConfig={})


def test_what_only_an_account_can_answer_is_asked_of_its_client_where_one_is_given():
    account = boto3.client(
        "sagemaker",
        region_name="us-east-1",
        aws_access_key_id="id",
        aws_secret_access_key="secret",
        endpoint_url="http://127.0.0.1:9",
    )
    client = sagemaker.client(account)
    with Stubber(account) as stub:
        stub.add_response("list_endpoints", {"Endpoints": []}, {"NameContains": "churn"})
        stub.add_client_error("delete_endpoint", "ResourceNotFound")

        assert client.list_endpoints(NameContains="churn")["Endpoints"] == []
        with pytest.raises(client.exceptions.ClientError):
            client.delete_endpoint(EndpointName="churn")
    assert client.get_waiter("endpoint_in_service").name == "EndpointInService"
    # What is here is asked here: the stubbed account has no answer to these
    assert client.list_processing_jobs()["ProcessingJobSummaries"] == []
    with pytest.raises(client.exceptions.ResourceNotFound, match="there is none called 'none'"):
        client.describe_monitoring_schedule(MonitoringScheduleName="none")


def test_modules_stand_where_the_sdk_has_them():
    assert sagemaker.model_monitor.DefaultModelMonitor is sagemaker.DefaultModelMonitor
    assert sagemaker.model_monitor.dataset_format.DatasetFormat is sagemaker.DatasetFormat
    assert sagemaker.clarify.SHAPConfig is sagemaker.SHAPConfig
    assert issubclass(sagemaker.clarify.PDPConfig, sagemaker.clarify.ExplainabilityConfig)


def test_a_module_called_as_one_of_the_sdk_has_its_names_too_where_it_is_installed(tmp_path):
    """`import spark_model_monitor.sagemaker as sagemaker`, and the notebook goes on with `sagemaker.inputs.TrainingInput`."""
    for module in ("inputs", "image_uris"):
        (tmp_path / "sagemaker").mkdir(exist_ok=True)
        (tmp_path / "sagemaker" / f"{module}.py").write_text(f"TrainingInput = {module!r}\n")
    (tmp_path / "sagemaker" / "__init__.py").touch()
    names = "s.inputs.TrainingInput, s.image_uris.TrainingInput, s.inputs.EndpointInput"
    code = f"import spark_model_monitor.sagemaker as s\nprint({names})"

    path = {"PYTHONPATH": f"{tmp_path}:{Path(sagemaker.__file__).parents[2]}"}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **path}, capture_output=True, text=True, check=True
    )

    assert done.stdout == f"inputs image_uris {sagemaker.EndpointInput}\n"
    assert sagemaker.session.Session is sagemaker.Session


@pytest.mark.parametrize("name", ["DataQualityCheckConfig", "ClarifyCheckConfig"])
def test_importing_a_check_of_a_pipeline_says_what_to_do_instead(name):
    with pytest.raises(ImportError, match=f"has no {name}: a pipeline's check runs on the service; let a step call"):
        exec(f"from spark_model_monitor.sagemaker import {name}")


def test_without_the_sdk_its_other_names_are_errors_that_say_so():
    code = "import sys; sys.modules['sagemaker'] = None\nimport spark_model_monitor.sagemaker as s\n"
    for use, kind in (
        ("s.image_uris", "AttributeError"),
        ("from spark_model_monitor.sagemaker import Model", "ImportError"),
    ):
        done = run_program([sys.executable, "-c", code + use])
        assert f"{kind}: spark_model_monitor.sagemaker has no" in done.stderr
        assert "take it from the SDK" in done.stderr


def test_names_that_code_asks_of_the_sdk_are_there():
    assert sagemaker.__version__.split(".")[0] == "2"
    with pytest.raises(AttributeError, match="has no __nothing__"):
        sagemaker.__nothing__  # noqa: B018
    monitor = sagemaker.DefaultModelMonitor()
    assert (monitor.image_uri, monitor.entrypoint, monitor.arguments) == ("spark-model-monitor", None, None)
    assert sagemaker.ModelBiasMonitor().latest_baselining_job_config is None
    assert sagemaker.SageMakerClarifyProcessor().jobs == []
    segments = [sagemaker.SegmentationConfig("age", [["[0, 30)"]])]
    assert sagemaker.DataConfig("in", "out", segmentation_config=segments).segmentation_configs == segments
