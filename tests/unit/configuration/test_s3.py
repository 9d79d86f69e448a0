"""Encryption at rest: what the two flags ask of Spark."""

import pytest

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.running.configuration.encryption import S3Encryption, encryption_settings
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources

FLAGS = ("--dataset-source", "data", "--dataset-format", "csv", "--output-path", "out")
KEY = "arn:aws:kms:eu-west-1:123456789012:key/8f1c2b7e-0000-4000-8000-000000000000"


def settings_for(*flags, **variables):
    config = build_config("baseline", read_sources([*FLAGS, *flags], variables), in_container=False)
    return encryption_settings(config.s3_encryption, config.s3_kms_key)


def test_without_a_flag_the_buckets_default_counts():
    assert settings_for() == {}


def test_sse_s3_is_called_aes256_by_s3a():
    # hadoop-aws 3.3.4, S3AEncryptionMethods.SSE_S3
    assert settings_for("--set", "s3_encryption=sse-s3") == {
        "spark.hadoop.fs.s3a.encryption.algorithm": "AES256",
        "spark.hadoop.fs.s3.enableServerSideEncryption": "true",
    }


def test_a_key_of_kms_reaches_s3a_and_emrfs():
    settings = settings_for(MODEL_MONITOR_S3_ENCRYPTION="SSE-KMS", MODEL_MONITOR_S3_KMS_KEY=KEY)

    assert settings == {
        "spark.hadoop.fs.s3a.encryption.algorithm": "SSE-KMS",
        "spark.hadoop.fs.s3a.encryption.key": KEY,
        "spark.hadoop.fs.s3.enableServerSideEncryption": "true",
        "spark.hadoop.fs.s3.serverSideEncryption.kms.keyId": KEY,
    }


def test_sse_kms_without_a_key_leaves_the_key_to_aws():
    assert "spark.hadoop.fs.s3a.encryption.key" not in encryption_settings(S3Encryption.SSE_KMS, None)


@pytest.mark.parametrize(
    ("flags", "message"),
    [((), "not given"), (("--set", "s3_encryption=SSE-S3"), "SSE-S3")],
    ids=["alone", "with SSE-S3"],
)
def test_a_key_that_would_not_be_used_is_refused(flags, message):
    with pytest.raises(
        BadConfiguration, match=f"s3_kms_key is given and s3_encryption is {message}; write --set s3_encryption"
    ):
        settings_for("--set", f"s3_kms_key={KEY}", *flags)


def test_an_unknown_encryption_is_named_with_those_there_are():
    with pytest.raises(BadConfiguration, match="it is one of: SSE-S3, SSE-KMS"):
        settings_for("--set", "s3_encryption=AES512")
