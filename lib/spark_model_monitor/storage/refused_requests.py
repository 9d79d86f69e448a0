"""Explains why an object store refused a request, by the text of the exception. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

_S3_PATH = re.compile(r"\bs3[an]?://[^\s:,;'\")\]]+")

REFUSALS: Mapping[str, str] = {
    r"S3AFileSystem not found": (
        "Spark has nothing here that opens S3; add --packages org.apache.hadoop:hadoop-aws:3.3.4, the version of its Hadoop"
    ),
    r"NoAuthWithAWSException|Unable to lo(ad|cate) (AWS )?credentials": (
        "there are no AWS credentials; start the job where it has a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    ),
    r"InvalidAccessKeyId|SignatureDoesNotMatch": (
        "the access key or its secret is wrong; set both again, or start the job where it has a role"
    ),
    r"ExpiredToken|TokenRefreshRequired": (
        "the credentials have expired; renew them, or start the job where it has a role"
    ),
    (
        r"AuthorizationHeaderMalformed|PermanentRedirect|AWSRedirectException|IllegalLocationConstraint"
        r"|is wrong; expecting '(?P<region>[a-z0-9-]+)'"
    ): (
        "the bucket is in another region; write --conf spark.hadoop.fs.s3a.endpoint.region={region}, without Spark set "
        "AWS_DEFAULT_REGION={region}"
    ),
    # This is the response to a HEAD request, which has no body with an error code
    r"Error Code: 400 Bad Request": (
        "the store takes no such request (400), as for a bucket of another region, or with expired credentials; write "
        "--conf spark.hadoop.fs.s3a.endpoint.region=REGION, or renew them"
    ),
    r"NoSuchBucket|UnknownStoreException": (
        "there is no such bucket; check its name, which follows the scheme of a path"
    ),
    r"KMS\.(NotFound|Disabled|KMSInvalidState)Exception|kms:(GenerateDataKey|Decrypt)": (
        "the KMS key can't be used; check s3_kms_key, and allow the job's role kms:GenerateDataKey and kms:Decrypt on it"
    ),
    r"Status Code: 403|Error Code: AccessDenied|\((403|AccessDenied)\) when calling": (
        "access was denied; allow the job's role s3:ListBucket on the bucket, and what docs/s3.md lists on its objects"
    ),
    r"SlowDown|AWSServiceThrottledException|Status Code: 503|\(503\) when calling": (
        "the store asked to slow down (503) for longer than is tried; start again later, or raise "
        "spark.hadoop.fs.s3a.attempts.maximum"
    ),
    r"Unable to execute HTTP request|Could not connect to the endpoint|Connection was closed before": (
        "the store does not answer, or breaks connections off; check spark.hadoop.fs.s3a.endpoint, without Spark "
        "AWS_ENDPOINT_URL, and the network"
    ),
}
"""Explanations by regular expression; the first expression that matches an exception's text counts."""


def find_sentence(text: str, sentence_by_pattern: Mapping[str, str], **groups: str) -> str | None:
    """The sentence for a failure whose text matches one of the expressions; None if none matches.

    sentence_by_pattern: the first regular expression that matches counts. A sentence may name groups of its
    expression; the first match with a group fills it. groups: values for groups that no match fills.
    """
    for error_pattern, sentence in sentence_by_pattern.items():
        matches = list(re.finditer(error_pattern, text))
        if not matches:
            continue
        # If an expression matches several times, each group is filled by the first match that has it
        for match in reversed(matches):
            groups.update((name, value) for name, value in match.groupdict().items() if value)
        return sentence.format_map(groups)
    return None


def find_refusal(text: str) -> str | None:
    """The explanation for an exception's text; None if the text has no known refusal of an object store."""
    # If the store doesn't tell the right region, the sentence has the word REGION
    return find_sentence(text, REFUSALS, region="REGION")


def find_s3_path(text: str) -> str | None:
    """The first path on S3 that an exception's text names."""
    match = _S3_PATH.search(text)
    return match.group() if match else None
