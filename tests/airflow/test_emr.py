"""Steps of EMR and job runs of EMR Serverless, by Airflow's connection, against an emulator of AWS."""

import shlex
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import boto3
import pytest
from airflow.sdk import DAG, CronDataIntervalTimetable
from botocore.stub import Stubber
from moto.core import DEFAULT_ACCOUNT_ID
from moto.emr.models import emr_backends
from moto.emrserverless.models import emrserverless_backends
from tests.airflow.conftest import BUCKET, hour_time
from tests.airflow.fake_location import DONE

from spark_model_monitor.airflow import EmrCluster, EmrServerless, MonitorOperator
from spark_model_monitor.airflow.job_locations import JobCall
from spark_model_monitor.errors import BadConfiguration, MonitorError
from spark_model_monitor.spark.launch.deequ_jar import DEEQU_JAR

ROLE = "arn:aws:iam::123456789012:role/monitoring"
PACKAGES = f"s3://{BUCKET}/packages"
CALL = JobCall(
    "baseline",
    "churn/baseline/scheduled__2024",
    {"dataset_source": "s3://data/in", "dataset_format": "csv", "output_path": f"s3://{BUCKET}/report"},
)


@pytest.fixture(autouse=True)
def jar(tmp_path, monkeypatch):
    """A JAR at hand, and a cache of this test's own."""
    (tmp_path / DEEQU_JAR.file_name).write_bytes(b"a JAR")
    monkeypatch.setenv("MODEL_MONITOR_DEEQU_JAR", str(tmp_path / DEEQU_JAR.file_name))
    monkeypatch.setenv("MODEL_MONITOR_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def cluster(aws):
    """The identifier of a running cluster."""
    instances = {"InstanceCount": 1, "MasterInstanceType": "m5.xlarge", "KeepJobFlowAliveWhenNoSteps": True}
    roles = {"JobFlowRole": "EMR_EC2", "ServiceRole": "EMR"}
    return aws("emr").run_job_flow(Name="c", ReleaseLabel="emr-7.1.0", Instances=instances, **roles)["JobFlowId"]


@pytest.fixture
def application(aws):
    """The identifier of a serverless application."""
    request = {"name": "a", "releaseLabel": "emr-7.1.0", "type": "SPARK", "clientToken": "t"}
    return aws("emr-serverless").create_application(**request)["applicationId"]


def get_steps(cluster):
    return emr_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].clusters[cluster].steps


def test_a_step_runs_the_shipped_files_with_the_jobs_flags(aws, cluster):
    emr_cluster = EmrCluster(cluster_id=cluster, package_location=PACKAGES, spark_options=("--executor-memory", "4g"))
    emr_cluster.begin(CALL)

    [step] = aws("emr").list_steps(ClusterId=cluster)["Steps"]
    words = step["Config"]["Args"]
    uploaded = {item["Key"] for item in aws("s3").list_objects_v2(Bucket=BUCKET)["Contents"]}
    named = {word.removeprefix(f"s3://{BUCKET}/") for word in words if word.startswith(f"{PACKAGES}/")}
    assert step["Name"] == CALL.name
    assert named == uploaded
    assert {Path(key).suffix for key in uploaded} == {".py", ".zip", ".jar"}
    assert words[words.index("--executor-memory") + 1] == "4g"
    assert words[-3:] == [
        "--dataset-source=s3://data/in",
        "--dataset-format=csv",
        f"--output-path=s3://{BUCKET}/report",
    ]


def test_a_job_run_of_an_application_has_the_role_and_the_same_words(aws, application):
    serverless = EmrServerless(application_id=application, execution_role=ROLE, package_location=PACKAGES)
    started = serverless.begin(CALL)

    run = aws("emr-serverless").get_job_run(applicationId=application, jobRunId=started.run.identifier)["jobRun"]
    submission = run["jobDriver"]["sparkSubmit"]
    assert (run["name"], run["executionRole"]) == (CALL.name, ROLE)
    assert submission["entryPoint"].startswith(f"{PACKAGES}/")
    assert submission["entryPointArguments"] == CALL.arguments
    assert "--py-files" in shlex.split(submission["sparkSubmitParameters"])


def test_a_retry_finds_the_step_that_still_runs_and_starts_no_second_one(aws, cluster):
    emr_cluster = EmrCluster(cluster_id=cluster, package_location=PACKAGES)
    assert emr_cluster.find_run(CALL) is None
    started = emr_cluster.begin(CALL)
    get_steps(cluster)[0].state = "RUNNING"

    running_step = emr_cluster.find_run(CALL)

    assert running_step.run == started.run
    assert emr_cluster.find_run(JobCall("baseline", "churn/baseline/scheduled__2025", CALL.flags)) is None
    get_steps(cluster)[0].state = "FAILED"
    assert emr_cluster.find_run(CALL) is None, "one that has ended is over"


def test_a_retry_finds_the_job_run_that_still_runs_and_it_is_cancelled_with_its_task(aws, application):
    serverless = EmrServerless(application_id=application, execution_role=ROLE, package_location=PACKAGES)
    started = serverless.begin(CALL)
    [job_run] = emrserverless_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].job_runs[application]
    job_run.state = "RUNNING"

    assert serverless.find_run(CALL).run == started.run
    started.stop()
    assert job_run.state == "CANCELLED"
    assert serverless.find_run(CALL) is None


def test_a_step_that_has_ended_is_left_alone(aws, cluster):
    emr_cluster = EmrCluster(cluster_id=cluster, package_location=PACKAGES)
    started = emr_cluster.begin(CALL)
    get_steps(cluster)[0].state = "COMPLETED"

    started.stop()  # CancelSteps is a call that the emulator has not: it would be told


def test_a_step_that_runs_is_cancelled_with_its_task():
    """The emulator has no CancelSteps; botocore's own stub holds the request against the API's model."""
    client = boto3.client("emr", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")

    class Stubbed(EmrCluster):
        def _client(self):
            return client

    step = {"ClusterId": "j-1", "StepId": "s-1"}
    with Stubber(client) as api:
        listed = {"ClusterId": "j-1", "StepStates": ["PENDING", "RUNNING"]}
        api.add_response("list_steps", {"Steps": [{"Name": CALL.name, "Id": "s-1"}]}, listed)
        api.add_response("describe_step", {"Step": {"Status": {"State": "RUNNING"}}}, step)
        cancelled = {"ClusterId": "j-1", "StepIds": ["s-1"], "StepCancellationOption": "TERMINATE_PROCESS"}
        api.add_response("cancel_steps", {}, cancelled)

        Stubbed(cluster_id="j-1", package_location=PACKAGES).find_run(CALL).stop()

        api.assert_no_pending_responses()


def test_the_outcome_is_read_from_s3_by_the_connection(run, aws, cluster):
    """What happens elsewhere while the task waits: the step ends, and the job has left its message."""
    with DAG(
        "on_emr",
        schedule=CronDataIntervalTimetable("@hourly", timezone="UTC"),
        start_date=datetime(2024, 3, 4, tzinfo=timezone.utc),
    ) as dag:
        MonitorOperator(
            task_id="monitor",
            where=EmrCluster(cluster_id="{{ params.cluster }}", package_location=PACKAGES),
            params={"cluster": cluster},
            dataset_source="s3://data/captures",
            baseline="s3://data/baseline",
            output_path=f"s3://{BUCKET}/reports",
            execution_timeout=timedelta(minutes=2),
        )

    def job():
        while not get_steps(cluster):
            pause.wait(0.05)
        key = "reports/2024/03/04/21/message"
        aws("s3").put_object(Bucket=BUCKET, Key=key, Body=f"{DONE}\n".encode())
        get_steps(cluster)[0].state = "COMPLETED"

    pause = threading.Event()
    elsewhere = threading.Thread(target=job, daemon=True)
    elsewhere.start()
    ended = run(dag, hour_time(21))
    elsewhere.join(10)

    assert ended.states == {"monitor": "success"}
    assert ended.result("monitor")["message"] == DONE


@pytest.mark.parametrize(
    ("call", "options", "said"),
    [
        pytest.param({"output_path": "/reports"}, {}, "output_path is '/reports'; a job on EMR needs a path on S3",
                     id="results on this machine"),
        pytest.param({"sink": "webhook:https://chat.example.org/x"}, {}, "holds a secret", id="a secret among the arguments"),
        pytest.param({"s3_encryption": "SSE"}, {}, "s3_encryption is 'SSE'; did you mean SSE-S3", id="no such encryption"),
        pytest.param({}, {"spark_options": ("--memory", "4g")}, "'--memory', which is no option of spark-submit",
                     id="no such option"),
        pytest.param({}, {"package_location": "/packages"}, "package_location is '/packages'", id="a package on this machine"),
    ],
)  # fmt: skip
def test_what_can_t_run_there_is_refused_before_anything_is_uploaded(aws, cluster, call, options, said):
    emr_cluster = EmrCluster(**{"cluster_id": cluster, "package_location": PACKAGES, **options})

    with pytest.raises(BadConfiguration, match=said.replace("(", r"\(")):
        emr_cluster.begin(JobCall("baseline", "name", {**CALL.flags, **call}))
    assert "Contents" not in aws("s3").list_objects_v2(Bucket=BUCKET)


def test_a_cluster_that_is_not_there_is_reported_by_its_name(aws):
    with pytest.raises(MonitorError, match="EMR cluster j-none"):
        EmrCluster(cluster_id="j-none", package_location=PACKAGES).begin(CALL)
