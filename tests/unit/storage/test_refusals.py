"""What is told when an object store refuses. The texts are those of hadoop-aws 3.3.4, shortened."""

import pytest

from spark_model_monitor.storage.refused_requests import find_refusal, find_s3_path

OF_S3 = "(Service: Amazon S3; Status Code: {status}; Error Code: {code}; Request ID: X)"


def raised(kind, message, status, code):
    return (
        f"An error occurred while calling o1.create.\n: {kind}: s3a://data/x y: getFileStatus on s3a://data/x: {message}"
        f" {OF_S3.format(status=status, code=code)}\n\tat org.apache.hadoop.fs.s3a.S3AUtils.translateException"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Class org.apache.hadoop.fs.s3a.S3AFileSystem not found", "add --packages org.apache.hadoop:hadoop-aws:3.3.4"),
        ("org.apache.hadoop.fs.s3a.auth.NoAuthWithAWSException: No AWS Credentials provided by", "no AWS credentials"),
        (raised("java.nio.file.AccessDeniedException", "The AWS Access Key Id", 403, "InvalidAccessKeyId"),
         "the access key or its secret is wrong"),
        (raised("java.nio.file.AccessDeniedException", "The request signature", 403, "SignatureDoesNotMatch"),
         "the access key or its secret is wrong"),
        (raised("AWSBadRequestException", "The provided token has expired.", 400, "ExpiredToken"), "have expired; renew"),
        (raised("org.apache.hadoop.fs.s3a.UnknownStoreException", "The specified bucket does not exist", 404, "NoSuchBucket"),
         "there is no such bucket; check its name"),
        (raised("AWSRedirectException", "The bucket is in this region", 301, "PermanentRedirect"), "endpoint.region=REGION"),
        (raised("AWSBadRequestException", "the region 'us-east-1' is wrong; expecting 'eu-west-1'", 400,
                "AuthorizationHeaderMalformed"), "endpoint.region=eu-west-1"),
        (raised("AWSBadRequestException", "Bad Request", 400, "400 Bad Request"), "as for a bucket of another region, or with"),
        (raised("AWSBadRequestException", "Invalid keyId 'x'", 400, "KMS.NotFoundException"), "check s3_kms_key"),
        (raised("java.nio.file.AccessDeniedException", "x is not authorized to perform: kms:GenerateDataKey", 403,
                "AccessDenied"), "allow the job's role kms:GenerateDataKey"),
        (raised("java.nio.file.AccessDeniedException", "Access Denied", 403, "AccessDenied"), "s3:ListBucket"),
        (raised("java.nio.file.AccessDeniedException", "Forbidden", 403, "403 Forbidden"), "access was denied"),
        (raised("AWSServiceThrottledException", "Please reduce your request rate.", 503, "SlowDown"), "slow down (503)"),
        ("com.amazonaws.SdkClientException: Unable to execute HTTP request: Connection reset", "does not answer"),
    ],
)  # fmt: skip
def test_each_refusal_is_a_sentence_with_its_remedy(text, words):
    assert words in find_refusal(text)


@pytest.mark.parametrize("text", ["java.io.EOFException: Jane Doe", "", "java.nio.file.AccessDeniedException: /data/x"])
def test_what_is_no_refusal_of_an_object_store_is_left_to_others(text):
    assert find_refusal(text) is None


def test_the_place_is_the_first_path_that_the_text_names():
    assert find_s3_path(raised("java.nio.file.AccessDeniedException", "Forbidden", 403, "403")) == "s3a://data/x"
    assert find_s3_path("on s3://data/2026/01/31: Forbidden") == "s3://data/2026/01/31"
    assert find_s3_path("file:/data/x") is None
