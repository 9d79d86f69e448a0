"""A job shipped to EMR and EMR Serverless, against an emulator of AWS."""

import json
import shlex
import zipfile
from pathlib import Path

import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.emr.models import emr_backends
from tests.unit.emr.conftest import FLAGS

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.integrations.emr.emr_command import run
from spark_model_monitor.integrations.emr.emr_outcomes import AwsRefused
from spark_model_monitor.integrations.emr.emr_runs import ServiceRunFailed
from spark_model_monitor.spark.launch.request import read_request

ROLE = "arn:aws:iam::123456789012:role/monitoring"
DONE = "Completed: Job completed successfully with no violations."
FOUND = "CompletedWithViolations: Job completed successfully with 3 violations."


def on_cluster(cluster, *more):
    return ("--target", "emr", "--cluster-id", cluster, "--package-location", "s3://team/packages", *more)


def on_application(application, *more):
    where = ("--application-id", application, "--execution-role", ROLE, "--package-location", "s3://team/packages")
    return ("--target", "emr-serverless", *where, *more)


def leave_message(aws, text):
    aws("s3").put_object(Bucket="team", Key="report/message", Body=f"{text}\n".encode())


def read_step(cluster):
    return emr_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].clusters[cluster].steps[0]


def ending(aws, cluster, state, message=None):
    """What happens elsewhere while the command waits: the step ends, and the job has left its message."""

    def happening():
        read_step(cluster).state = state
        if message:
            leave_message(aws, message)

    return happening


@pytest.mark.parametrize(
    ("state", "message", "status"),
    [
        ("COMPLETED", DONE, 0),
        ("COMPLETED", FOUND, 0),
        ("FAILED", FOUND, 4),
        ("FAILED", "Error: Job inputs had no data: nothing lies in s3://data/in", 3),
        ("FAILED", "Error: Exception while invoking preprocessor script.", 1),
        ("FAILED", "Error: s3://data/in is no CSV; write jsonl", 255),
    ],
)
def test_the_jobs_message_becomes_the_exit_status(aws, cluster, submit, state, message, status):
    """C1.6 and C11b. A service says only that a run failed, whatever the job's status was."""
    assert submit(*on_cluster(cluster), then=ending(aws, cluster, state, message)) == status


@pytest.mark.parametrize(
    ("flags", "encryption"),
    [
        ((), (None, None)),  # nothing is asked for
        (("--set", "s3_encryption=SSE-S3"), ("AES256", None)),
        (("--set", "s3_encryption=SSE-KMS", "--set", "s3_kms_key=key-1"), ("aws:kms", "key-1")),
    ],
    ids=["the bucket's", "SSE-S3", "SSE-KMS"],
)
def test_what_is_shipped_is_encrypted_as_the_jobs_output(aws, cluster, submit, flags, encryption):
    submit(*on_cluster(cluster, "--no-wait"), flags=(*FLAGS, *flags))
    shipped = aws("s3").list_objects_v2(Bucket="team", Prefix="packages/")["Contents"]
    heads = [aws("s3").head_object(Bucket="team", Key=object_summary["Key"]) for object_summary in shipped]

    assert len(heads) == 3  # driver, package, JAR
    assert {(head.get("ServerSideEncryption"), head.get("SSEKMSKeyId")) for head in heads} == {encryption}


def test_a_step_runs_the_shipped_files_in_cluster_mode(aws, cluster, submit, tmp_path):
    environment = tmp_path / "environment.tar.gz"
    environment.write_bytes(b"packed")
    submit(
        *on_cluster(cluster, "--environment", str(environment), "--columns", "200", "--no-wait"),
        "--executor-cores",
        "4",
        "--py-files",
        "s3://team/mine.zip",
    )
    [step] = aws("emr").list_steps(ClusterId=cluster)["Steps"]
    words = step["Config"]["Args"]
    settings = dict(words[index + 1].split("=", 1) for index, word in enumerate(words) if word == "--conf")

    assert step["Name"] == "spark-model-monitor baseline"
    assert step["ActionOnFailure"] == "CONTINUE"
    assert step["Config"]["Jar"] == "command-runner.jar"
    assert words[:5] == ["spark-submit", "--deploy-mode", "cluster", "--name", "spark-model-monitor baseline"]
    assert tuple(words[-len(FLAGS) :]) == FLAGS
    assert words[words.index("--executor-cores") + 1] == "4"
    assert settings["spark.yarn.maxAppAttempts"] == "1"
    assert settings["spark.executor.memoryOverhead"] == "1104m", "384 + 4 workers of 140 + 0.2 x 200 MB"
    assert settings["spark.executorEnv.PYSPARK_PYTHON"] == "./environment/bin/python"
    archive = words[words.index("--archives") + 1]
    assert archive.endswith("/environment.tar.gz#environment")

    package, mine = words[words.index("--py-files") + 1].split(",")
    shipped = [package, words[words.index("--jars") + 1], words[-len(FLAGS) - 1], archive.partition("#")[0]]
    assert mine == "s3://team/mine.zip"
    for uri in shipped:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        aws("s3").download_file(bucket, key, str(tmp_path / "there"))
    assert (tmp_path / "there").read_bytes() == b"packed"
    aws("s3").download_file("team", package.removeprefix("s3://team/"), str(tmp_path / "package.zip"))
    assert zipfile.ZipFile(tmp_path / "package.zip").namelist() == ["spark_model_monitor/__init__.py"]


def test_a_serverless_job_run_says_the_same(aws, application, submit):
    leave_message(aws, DONE)
    assert submit(*on_application(application), "--conf", "spark.executor.memory=4g") == 0

    [run_] = aws("emr-serverless").list_job_runs(applicationId=application)["jobRuns"]
    job = aws("emr-serverless").get_job_run(applicationId=application, jobRunId=run_["id"])["jobRun"]
    driver = job["jobDriver"]["sparkSubmit"]
    words = shlex.split(driver["sparkSubmitParameters"])
    assert job["executionRole"] == ROLE
    assert tuple(driver["entryPointArguments"]) == FLAGS
    assert driver["entryPoint"].startswith("s3://team/packages/")
    assert driver["entryPoint"].endswith("/baseline.py")
    assert "spark.executor.memory=4g" in words
    assert "spark.emr-serverless.driverEnv.PYSPARK_PYTHON=python3.11" in words, "EMR 7's python3 is 3.9"
    assert not {"--master", "--deploy-mode", "--name"} & set(words), "EMR Serverless takes none of them"


@pytest.mark.parametrize("setting", ["spark.pyspark.python", "spark.executorEnv.PYSPARK_PYTHON"])
def test_a_python_that_the_user_names_is_taken(aws, application, submit, setting):
    leave_message(aws, DONE)
    submit(*on_application(application), "--conf", f"{setting}=/opt/python")

    [run_] = aws("emr-serverless").list_job_runs(applicationId=application)["jobRuns"]
    job = aws("emr-serverless").get_job_run(applicationId=application, jobRunId=run_["id"])["jobRun"]
    assert "python3.11" not in job["jobDriver"]["sparkSubmit"]["sparkSubmitParameters"]


@pytest.mark.parametrize(("chosen", "shipped"), [(None, 2), ("deequ_2.13.jar", 3)])
def test_a_release_with_spark_4_gets_the_users_jar_or_none(aws, submit, clone, tmp_path, monkeypatch, chosen, shipped):
    machines = {"InstanceCount": 1, "MasterInstanceType": "m5.xlarge", "KeepJobFlowAliveWhenNoSteps": True}
    roles = {"JobFlowRole": "EMR_EC2", "ServiceRole": "EMR"}
    of_spark_4 = aws("emr").run_job_flow(Name="d", ReleaseLabel="emr-spark-8.0.0", Instances=machines, **roles)[
        "JobFlowId"
    ]
    environment = {"MODEL_MONITOR_CACHE": str(tmp_path / "cache")}
    if chosen:
        (tmp_path / chosen).write_bytes(b"a JAR")
        environment["MODEL_MONITOR_DEEQU_JAR"] = str(tmp_path / chosen)
    request = read_request([*on_cluster(of_spark_4), "--no-wait", "baseline", *FLAGS])

    assert run(request, request.target, clone, environment, tmp_path) == 0

    keys = [
        object_summary["Key"]
        for object_summary in aws("s3").list_objects_v2(Bucket="team", Prefix="packages/")["Contents"]
    ]
    assert len(keys) == shipped, "driver, package, and the JAR if there is one"
    assert not [key for key in keys if "3.5" in key]


def test_a_release_that_jobs_dont_run_on_is_reported_before_anything_is_uploaded(aws, submit):
    members = {"name": "c", "releaseLabel": "emr-6.15.0", "type": "SPARK", "clientToken": "v"}
    application = aws("emr-serverless").create_application(**members)["applicationId"]

    with pytest.raises(
        BadConfiguration, match=r"has the release 'emr-6\.15\.0'; jobs run on emr-7\.x and emr-spark-8\.x"
    ):
        submit(*on_application(application))
    assert "Contents" not in aws("s3").list_objects_v2(Bucket="team")


def test_files_that_lie_there_are_not_uploaded_again(aws, cluster, submit):
    submit(*on_cluster(cluster, "--no-wait"))
    first = {thing["Key"]: thing["LastModified"] for thing in aws("s3").list_objects_v2(Bucket="team")["Contents"]}
    submit(*on_cluster(cluster, "--no-wait"))
    second = {thing["Key"]: thing["LastModified"] for thing in aws("s3").list_objects_v2(Bucket="team")["Contents"]}

    assert first == second
    assert len(first) == 3


def test_a_dry_run_shows_the_request_and_asks_nobody(submit, capsys, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert submit(*on_cluster("j-1", "--dry-run")) == 0

    shown = json.loads(capsys.readouterr().out)
    assert shown["request"]["JobFlowId"] == "j-1"
    assert sorted(Path(path).name for path in shown["uploads"]) == sorted(
        Path(uri).name for uri in shown["uploads"].values()
    )


def test_paths_of_this_machine_and_a_window_that_narrows_nothing_are_reported(submit, capsys):
    words = ("--dataset-source", "/data/in", "--dataset-format", "parquet", "--output-path", "s3://team/report")
    window = ("--start-time", "2026-03-04T00:00:00Z", "--end-time", "2026-03-05T00:00:00Z")

    assert submit(*on_cluster("j-1", "--dry-run"), flags=(*words, *window)) == 0
    error_text = capsys.readouterr().err
    assert (
        "--dataset-source is '/data/in', which is looked for on the cluster, not on this machine; write s3://"
        in error_text
    )
    assert "the data is read whole: Parquet, ORC and tables have a window only with --time-column" in error_text

    in_order = ("--dataset-source", "s3://data/in", *words[2:], *window, "--time-column", "day")
    assert submit(*on_cluster("j-1", "--dry-run"), flags=in_order) == 0
    error_text = capsys.readouterr().err
    assert "looked for" not in error_text
    assert "read whole" not in error_text


def test_an_earlier_runs_message_is_not_this_runs(aws, cluster, submit, monkeypatch):
    from datetime import timedelta

    from spark_model_monitor.integrations.emr import emr_command

    leave_message(aws, DONE)
    monkeypatch.setattr(emr_command, "CLOCKS_APART", timedelta(seconds=-60))
    with pytest.raises(ServiceRunFailed, match="ended as COMPLETED and left no message with its results"):
        submit(*on_cluster(cluster), then=ending(aws, cluster, "COMPLETED"))


@pytest.mark.parametrize("state", ["CANCELLED", "INTERRUPTED", "FAILED"])
def test_a_step_that_never_came_to_our_code_is_distinguished(aws, cluster, submit, state):
    with pytest.raises(ServiceRunFailed, match=f"of {cluster} ended as {state} and left no message"):
        submit(*on_cluster(cluster), then=ending(aws, cluster, state))


def test_a_bucket_that_is_not_there_is_named(aws, cluster, submit):
    where = ("--target", "emr", "--cluster-id", cluster, "--package-location", "s3://absent/packages")
    with pytest.raises((BadConfiguration, AwsRefused), match="absent"):
        submit(*where)


def test_an_application_that_is_not_there_is_named(aws, submit):
    with pytest.raises(BadConfiguration, match="there is no EMR Serverless application 00none in this region"):
        submit(*on_application("00none"))


def test_missing_credentials_are_named(clone, submit, monkeypatch, aws, tmp_path):
    import boto3

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with pytest.raises(BadConfiguration, match="no AWS credentials here; set AWS_PROFILE"):
        submit(*on_cluster("j-1"))


@pytest.mark.parametrize(
    ("options", "flags", "sentence"),
    [
        (on_cluster("j-1"), ("--output-path", "s3://team/report"), "dataset_source is missing"),
        (on_cluster("j-1"), (*FLAGS[:-1], "report"), "--output-path is 'report'; a job on EMR needs a path on S3"),
        (on_cluster("j-1"), (*FLAGS, "--sink", "webhook:https://h/s"), r"argument 8 \(the address of a webhook\)"),
        (on_cluster("j-1"), (*FLAGS, "--sink=webhook:https://h/s"), r"argument 7 \(the address of a webhook\)"),
        (on_cluster("j-1"), (*FLAGS, "--sink=log:,webhook:https://h/s"), r"argument 7 \(the address of a webhook\)"),
        (on_cluster("j-1"), (*FLAGS, "--start-time", "2026-03-04T00:00:00Z"), "end_time is missing; a window has"),
        (on_cluster("j-1", "--conf", "spark.hadoop.fs.s3a.secret.key=x"), FLAGS, "holds a secret"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_uploaded(submit, options, flags, sentence, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(BadConfiguration, match=sentence):
        submit(*options, flags=flags)
