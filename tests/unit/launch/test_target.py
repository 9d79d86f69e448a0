"""The options that name a target, and arguments that must not travel."""

import pytest

from spark_model_monitor.errors import BadConfiguration, MonitorError
from spark_model_monitor.integrations.emr.emr_outcomes import error_sentences, refuse_secrets
from spark_model_monitor.spark.launch.request import S3Location, ServiceKind, Target, read_request

EMR = {"--target": "emr", "--cluster-id": "j-1", "--package-location": "s3://team/packages"}


def test_a_cluster_is_named_by_its_identifier():
    target = Target.of(EMR, waits=True)

    assert target == Target(ServiceKind.EMR, "j-1", S3Location("team", "packages"))


def test_without_a_target_the_job_runs_by_spark_submit():
    assert read_request(["baseline", "--output-path", "x"]).target is None


def test_options_may_be_written_with_an_equals_sign():
    request = read_request(["--target=emr", "--cluster-id=j-1", "--package-location=s3://t/p", "--no-wait", "baseline"])

    assert (request.target.identifier, request.target.waits) == ("j-1", False)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"--cluster-id": "j-1"}, "--cluster-id belongs to a --target; write --target emr or"),
        ({"--target": "glue"}, "--target is 'glue'; write emr or emr-serverless"),
        ({"--target": "emr"}, "--cluster-id is missing; --target emr needs it, such as --cluster-id j-2AX"),
        ({"--target": "emr-serverless"}, "--execution-role is missing; --target emr-serverless needs it"),
        ({**EMR, "--application-id": "0"}, "--application-id is nothing of --target emr; drop it"),
        ({**EMR, "--package-location": "/tmp"}, "--package-location is '/tmp'; a job on EMR needs a path on S3"),
    ],
)
def test_a_wrong_target_is_said_with_what_to_write(options, sentence):
    with pytest.raises(BadConfiguration) as fault:
        Target.of(options, waits=True)
    assert sentence in str(fault.value)


def test_places_on_s3_have_keys_below_their_prefix():
    assert S3Location.of("s3a://team/a/b/", "x").uri("c.zip") == "s3://team/a/b/c.zip"
    assert S3Location.of("s3://team", "x").key("c.zip") == "c.zip"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--conf", "spark.hadoop.fs.s3a.secret.key=x"],
        ["--conf", "spark.hadoop.fs.s3a.access.key=x"],
        ["--password", "hunter2"],
        ["--sink", "webhook:https://hooks/T0/B0"],
        ["--dataset-source", "hdfs://user:hunter2@host/data"],
        ["AKIAABCDEFGHIJKLMNOP"],
        ["--conf", "spark.executorEnv.API_TOKEN=x"],
    ],
)
def test_secrets_stay_here_and_are_not_repeated(arguments):
    with pytest.raises(BadConfiguration, match="EMR shows the arguments of a step to everyone") as fault:
        refuse_secrets(arguments)
    assert not any(secret in str(fault.value) for secret in ("T0/B0", "hunter2", "AKIA", "=x"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--dataset-source", "s3://team/data", "--sink", "cloudwatch"],
        ["--conf", "spark.hadoop.fs.s3a.aws.credentials.provider=org.example.Provider"],
        ["--output-path", "s3://secret-project/report"],
    ],
)
def test_what_only_looks_like_a_secret_travels(arguments):
    refuse_secrets(arguments)


@pytest.mark.parametrize(
    ("code", "aws_message", "operation", "sentence"),
    [
        ("AccessDeniedException", "no", "AddJobFlowSteps", "AddJobFlowSteps on EMR cluster j-1 is not allowed"),
        ("403", "Forbidden", "HeadObject", "HeadObject on s3://team is not allowed (403); docs/emr.md lists"),
        ("NoSuchBucket", "", "PutObject", "there is no bucket team; create it, or name another --package-location"),
        ("301", "Moved", "HeadObject", "bucket team lies in another region; set AWS_DEFAULT_REGION"),
        ("InvalidRequestException", "Cluster id 'j-1' is not valid.", "AddJobFlowSteps", "there is no EMR cluster j-1"),
        ("ValidationException", "Application is STOPPED", "StartJobRun", "takes no job now (Application is STOPPED)"),
        ("InvalidRequestException", "A job flow that is terminated", "AddJobFlowSteps", "takes no job now"),
        ("ThrottlingException", "slow", "DescribeStep", "DescribeStep on EMR cluster j-1 failed (ThrottlingException"),
    ],
)
def test_what_aws_refuses_is_said_with_what_to_do(code, aws_message, operation, sentence):
    """The codes and texts are those of the services' API references."""
    from botocore.exceptions import ClientError

    with pytest.raises(MonitorError) as fault, error_sentences(Target.of(EMR, waits=True)):
        raise ClientError({"Error": {"Code": code, "Message": aws_message}}, operation)
    assert sentence in str(fault.value)


def test_a_region_without_the_service_is_stated():
    from botocore.exceptions import EndpointConnectionError

    sentence = "whether AWS_DEFAULT_REGION names a region that has the service"
    with pytest.raises(MonitorError, match=sentence), error_sentences(Target.of(EMR, waits=True)):
        raise EndpointConnectionError(endpoint_url="https://emr.nowhere")
