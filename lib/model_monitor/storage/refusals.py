"""What an object store says when it refuses, as a sentence with a remedy. Pure.

Hadoop gives Java exceptions whose texts hold the store's own error codes; the codes are AWS's, which other stores with the
S3 API use as well. The storage and a job's exit message tell the sentence in place of the class and its trace.
Source of the codes: Amazon S3 API reference, "Error responses"; of the classes: hadoop-aws 3.3.4, org.apache.hadoop.fs.s3a.
"""

from __future__ import annotations

import re

from model_monitor.storage.error_patterns import ErrorPattern, sentence_about

_PLACE = re.compile(r"\bs3[an]?://[^\s:,;'\")\]]+")


REFUSALS = (
    ErrorPattern(
        re.compile(r"S3AFileSystem not found"),
        "Spark has nothing here that opens S3; add --packages org.apache.hadoop:hadoop-aws:3.3.4, the version of its Hadoop",
    ),
    ErrorPattern(
        re.compile(r"NoAuthWithAWSException|Unable to lo(ad|cate) (AWS )?credentials"),
        "there are no AWS credentials; start the job where it has a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
    ErrorPattern(
        re.compile(r"InvalidAccessKeyId|SignatureDoesNotMatch"),
        "the access key or its secret is wrong; set both again, or start the job where it has a role",
    ),
    ErrorPattern(
        re.compile(r"ExpiredToken|TokenRefreshRequired"),
        "the credentials have expired; renew them, or start the job where it has a role",
    ),
    ErrorPattern(
        re.compile(
            r"AuthorizationHeaderMalformed|PermanentRedirect|AWSRedirectException|IllegalLocationConstraint"
            r"|is wrong; expecting '(?P<region>[a-z0-9-]+)'"
        ),
        "the bucket is in another region; write --conf spark.hadoop.fs.s3a.endpoint.region={region}, without Spark set "
        "AWS_DEFAULT_REGION={region}",
    ),
    ErrorPattern(
        re.compile(r"Error Code: 400 Bad Request"),  # the answer to a HEAD, which has no room for the code
        "the store takes no such request (400), as for a bucket of another region, or with expired credentials; write "
        "--conf spark.hadoop.fs.s3a.endpoint.region=REGION, or renew them",
    ),
    ErrorPattern(
        re.compile(r"NoSuchBucket|UnknownStoreException"),
        "there is no such bucket; check its name, which follows the scheme of a path",
    ),
    ErrorPattern(
        re.compile(r"KMS\.(NotFound|Disabled|KMSInvalidState)Exception|kms:(GenerateDataKey|Decrypt)"),
        "the KMS key can't be used; check --s3-kms-key, and allow the job's role kms:GenerateDataKey and kms:Decrypt on it",
    ),
    ErrorPattern(
        re.compile(r"Status Code: 403|Error Code: AccessDenied|\((403|AccessDenied)\) when calling"),
        "access was denied; allow the job's role s3:ListBucket on the bucket, and what docs/s3.md lists on its objects",
    ),
    ErrorPattern(
        re.compile(r"SlowDown|AWSServiceThrottledException|Status Code: 503|\(503\) when calling"),
        "the store asked to slow down (503) for longer than is tried; start again later, or raise "
        "spark.hadoop.fs.s3a.attempts.maximum",
    ),
    ErrorPattern(
        re.compile(r"Unable to execute HTTP request|Could not connect to the endpoint|Connection was closed before"),
        "the store does not answer, or breaks connections off; check spark.hadoop.fs.s3a.endpoint, without Spark "
        "AWS_ENDPOINT_URL, and the network",
    ),
)
"""The first whose sign is found counts."""


def refusal_in(text: str) -> str | None:
    """The sentence on an exception's text; None if no object store refused anything in it."""
    return sentence_about(text, REFUSALS, region="REGION")


def place_in(text: str) -> str | None:
    """The first path on S3 that an exception's text names."""
    found = _PLACE.search(text)
    return found.group() if found else None
