"""The two kinds of encryption at rest, and a key that is none. test_jobs.py has what every write of every job asks for."""

import re

from tests.s3.conftest import ALGORITHM
from tests.s3.traffic import PEOPLE, baseline_flags


def test_sse_s3_is_asked_for_by_its_own_name(s3, runner):
    s3.put("sse", {"people.csv": PEOPLE})
    s3.proxy.requests.clear()

    assert runner.job("baseline", *baseline_flags("s3a://sse", "out"), "--set", "s3_encryption=SSE-S3") == 0
    writes = [request for request in s3.proxy.requests if request.makes_an_object]
    assert {request.headers.get(ALGORITHM) for request in writes} == {"AES256"}
    assert set(s3.encryptions("sse", "out/").values()) == {("AES256", None)}


def test_without_a_flag_the_buckets_own_encryption_counts(s3, runner):
    s3.put("plain", {"people.csv": PEOPLE})
    s3.proxy.requests.clear()

    assert runner.job("baseline", *baseline_flags("s3a://plain", "out")) == 0
    assert not [request for request in s3.proxy.requests if ALGORITHM in request.headers]


def test_a_key_that_the_store_does_not_know_is_reported_before_any_work(s3, runner):
    s3.put("nokey", {"people.csv": PEOPLE})
    flags = ("--set", "s3_encryption=SSE-KMS", "--set", "s3_kms_key=8f1c2b7e-0000-4000-8000-00000000dead")

    assert runner.job("baseline", *baseline_flags("s3a://nokey", "out"), *flags) == 255
    sentence = r"nokey/out: can't be written \(the KMS key can't be used; check s3_kms_key"
    assert re.search(sentence, runner.last_words)
