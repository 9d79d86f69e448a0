"""What a job says when S3 refuses: one sentence that names the place and what to do."""

import re

import pytest
from tests.s3.traffic import PEOPLE
from tests.s3.weather import always, denied, refusal

OTHER_REGION = refusal(
    400,
    "AuthorizationHeaderMalformed",
    "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'",
)
MOVED = refusal(301, "PermanentRedirect", "The bucket must be addressed by another endpoint.")

DATA = "s3a://team/people.csv"
OUT = "s3a://team/out"


def lease_by_any_name(message):
    return re.sub(r"/_lease-[\w-]+", "/_lease-…", message)


def is_of_bucket(bucket):
    return lambda request: request.bucket == bucket


@pytest.mark.parametrize(
    ("weather", "source", "output", "sentence"),
    [
        pytest.param(None, "s3a://absent/people.csv", OUT,
                     "s3a://absent/people.csv: can't be listed (there is no such bucket; check its name", id="no such source"),
        pytest.param(None, DATA, "s3a://absent/out",
                     "s3a://absent/out: can't be written (there is no such bucket", id="no such output"),
        pytest.param(always(denied, where=is_of_bucket("closed")), "s3a://closed/people.csv", OUT,
                     "s3a://closed/people.csv: can't be listed (access was denied; allow the job's role s3:ListBucket",
                     id="a source that may not be listed"),
        pytest.param(always(denied, where=lambda request: (request.method, request.key) == ("GET", "people.csv")), DATA, OUT,
                     "people.csv: can't be read (access was denied", id="a source that may not be read"),
        pytest.param(always(denied, where=is_of_bucket("closed")), DATA, "s3a://closed/out",
                     "s3a://closed/out: can't be written (access was denied", id="an output that is closed"),
        pytest.param(always(OTHER_REGION, where=is_of_bucket("closed")), DATA, "s3a://closed/out",
                     "can't be written (the bucket is in another region; write --conf "
                     "spark.hadoop.fs.s3a.endpoint.region=eu-west-1, without Spark set AWS_DEFAULT_REGION=eu-west-1)",
                     id="another region"),
        pytest.param(always(MOVED, where=is_of_bucket("closed")), DATA, "s3a://closed/out",
                     "can't be written (the bucket is in another region", id="another region's endpoint"),
    ],
)  # fmt: skip
def test_a_refusal_is_one_sentence_with_its_remedy(s3, runner, weather, source, output, sentence):
    for bucket in ("team", "closed"):
        s3.put(bucket, {"people.csv": PEOPLE})
    s3.proxy.weather = weather or s3.proxy.weather

    assert runner.job("baseline", "--dataset-source", source, "--dataset-format", "csv", "--output-path", output) == 255
    assert sentence in lease_by_any_name(runner.last_words)
    assert "Traceback" not in runner.last_words
