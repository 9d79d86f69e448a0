"""The kinds of values that the options of a bias job hold, and encryption at rest on S3 as settings and arguments."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo

from model_monitor.documents.analysis_config import AnalysisConfig
from model_monitor.errors import BadDocument
from model_monitor.monitors.bias.analysis import ALL_METHODS
from model_monitor.running.configuration.options import Placeholder, listed, of_text
from model_monitor.statistics.states.contingency import ValueKind
from model_monitor.storage import local_path


class IntervalMethod(str, Enum):
    """How the intervals of bias metrics are made."""

    NONE = "none"
    BOOTSTRAP = "bootstrap"


def read_analysis_config(path: str) -> AnalysisConfig:
    """The configuration in a local file.

    Raises BadDocument if it is none, OSError if there is no such file.
    """
    return AnalysisConfig.from_json(local_path(path).read_bytes(), path)


def _analysis_config(path: str) -> str:
    try:
        read_analysis_config(path)
    except FileNotFoundError:
        raise ValueError(f"is {path!r}, where there is no file; write the path of a local file") from None
    except OSError as error:
        raise ValueError(
            f"is {path!r}, which can't be read ({error.strerror}); write the path of a local file"
        ) from None
    except BadDocument as error:
        raise ValueError(f"is {path!r}: {'; '.join(str(error).splitlines())}") from None
    return path


def _column_types(text: str) -> dict[str, ValueKind]:
    found: dict[str, ValueKind] = {}
    kinds = {kind.value: kind for kind in ValueKind}
    for pair in listed(text):
        name, equals, kind = pair.rpartition("=")
        if not equals or kind.strip().lower() not in kinds:
            raise ValueError(f"has {pair!r}; write COLUMN=categorical or COLUMN=continuous, several with commas")
        found[name.strip()] = kinds[kind.strip().lower()]
    return found


def _ranges(text: str) -> dict[str, tuple[float, float]]:
    known = (*(ALL_METHODS.post_training or ()), *(ALL_METHODS.pre_training or ()))
    found: dict[str, tuple[float, float]] = {}
    for pair in listed(text):
        name, _, ends = pair.partition("=")
        low, _, high = ends.partition(":")
        try:
            found[name.strip()] = float(low), float(high)
        except ValueError:
            raise ValueError(
                f"has {pair!r}; write METRIC=LOW:HIGH, such as DPL=-0.1:0.1, several with commas"
            ) from None
        if name.strip() not in known:
            raise ValueError(f"has {name.strip()!r}, which is no bias metric; they are {', '.join(known)}")
        low_end, high_end = found[name.strip()]
        if math.isnan(low_end) or math.isnan(high_end) or low_end > high_end:
            raise ValueError(f"has {pair!r}, whose first number has to be the smaller one")
    return found


def _neutral(value: Any) -> Any:
    if str(value).strip() not in ("0", "1"):
        raise ValueError(f"is {value!r}; write 0 as the service has it, or 1, where disparate impact is neutral")
    return int(value)


LocalAnalysisConfig = Annotated[str, of_text(_analysis_config), Placeholder("FILE")]
TypesByColumn = Annotated[Mapping[str, ValueKind], of_text(_column_types), Placeholder("COLUMNS")]
RangesByMetric = Annotated[Mapping[str, tuple[float, float]], of_text(_ranges), Placeholder("RANGES")]
NeutralValue = Annotated[int, BeforeValidator(_neutral), Placeholder("0|1")]


# Encryption at rest on S3: what a job may ask for, as settings of Spark and as arguments of an upload.


class S3Encryption(str, Enum):
    """How the store encrypts what is written: with its own key, or with one of AWS's key management service."""

    SSE_S3 = "SSE-S3"
    SSE_KMS = "SSE-KMS"


_IN_S3A = {S3Encryption.SSE_S3: "AES256", S3Encryption.SSE_KMS: "SSE-KMS"}


def only_with_kms(key: str | None, info: ValidationInfo) -> str | None:
    """A key of the key management service, which has to be meant to be used."""
    encryption = info.data.get("s3_encryption")
    if key is not None and encryption is not S3Encryption.SSE_KMS:
        found = encryption.value if encryption else "not given"
        raise ValueError(f"is given and s3_encryption is {found}; write --s3-encryption SSE-KMS, or leave the key out")
    return key


def encryption_settings(encryption: S3Encryption | None, kms_key: str | None) -> dict[str, str]:
    """The settings of Spark by which every write to S3 asks for encryption; none if the bucket's own default is to count.

    For S3A and for EMRFS, EMR's own file system.
    Source: hadoop-aws 3.3.4, "Working with Encrypted S3 Data"; EMR management guide, "Amazon S3 server-side encryption".
    """
    if encryption is None:
        return {}
    settings = {
        "spark.hadoop.fs.s3a.encryption.algorithm": _IN_S3A[encryption],
        "spark.hadoop.fs.s3.enableServerSideEncryption": "true",
    }
    if kms_key:
        settings["spark.hadoop.fs.s3a.encryption.key"] = kms_key
        settings["spark.hadoop.fs.s3.serverSideEncryption.kms.keyId"] = kms_key
    return settings


def upload_arguments(encryption: S3Encryption | None, kms_key: str | None) -> dict[str, str]:
    """The same for an upload by boto3, as its `ExtraArgs`.

    Source: boto3 1.44, S3Transfer.ALLOWED_UPLOAD_ARGS.
    """
    if encryption is None:
        return {}
    by_kms = {"ServerSideEncryption": "aws:kms", **({"SSEKMSKeyId": kms_key} if kms_key else {})}
    return by_kms if encryption is S3Encryption.SSE_KMS else {"ServerSideEncryption": "AES256"}
