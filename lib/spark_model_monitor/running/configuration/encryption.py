"""Encryption at rest on S3: the options of a job, as settings of Spark and as arguments of an upload."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationInfo


class S3Encryption(str, Enum):
    """How S3 encrypts written objects: with its own keys, or with a key of AWS's key management service (KMS)."""

    SSE_S3 = "SSE-S3"
    SSE_KMS = "SSE-KMS"


_IN_S3A = {S3Encryption.SSE_S3: "AES256", S3Encryption.SSE_KMS: "SSE-KMS"}


def require_kms(key: str | None, info: ValidationInfo) -> str | None:
    """The KMS key, if one is given. Raises ValueError if the chosen encryption doesn't use a KMS key."""
    encryption = info.data.get("s3_encryption")
    if key is not None and encryption is not S3Encryption.SSE_KMS:
        # S3 would ignore the key, and the user would believe that it is used
        encryption_text = encryption.value if encryption else "not given"
        raise ValueError(
            f"is given and s3_encryption is {encryption_text}; write --set s3_encryption=SSE-KMS, or leave the key out"
        )
    return key


def encryption_settings(encryption: S3Encryption | None, kms_key: str | None) -> dict[str, str]:
    """Spark's settings by which every write to S3 requests encryption; empty if the bucket's own default should apply.

    For S3A and for EMRFS, EMR's own file system.
    Source: hadoop-aws 3.3.4, "Working with Encrypted S3 Data"; EMR management guide, "Amazon S3 server-side encryption".
    """
    if encryption is None:
        return {}
    # Set the names of both file systems: which of them serves s3 paths depends on the cluster
    settings = {
        "spark.hadoop.fs.s3a.encryption.algorithm": _IN_S3A[encryption],
        "spark.hadoop.fs.s3.enableServerSideEncryption": "true",
    }
    if kms_key:
        settings["spark.hadoop.fs.s3a.encryption.key"] = kms_key
        settings["spark.hadoop.fs.s3.serverSideEncryption.kms.keyId"] = kms_key
    return settings


def upload_arguments(encryption: S3Encryption | None, kms_key: str | None) -> dict[str, str]:
    """The `ExtraArgs` by which an upload of boto3 requests encryption; empty if the bucket's own default should apply.

    Source: boto3 1.44, S3Transfer.ALLOWED_UPLOAD_ARGS.
    """
    if encryption is None:
        return {}
    by_kms = {"ServerSideEncryption": "aws:kms", **({"SSEKMSKeyId": kms_key} if kms_key else {})}
    if encryption is S3Encryption.SSE_KMS:
        return by_kms
    return {"ServerSideEncryption": "AES256"}
