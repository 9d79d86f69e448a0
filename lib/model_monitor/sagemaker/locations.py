"""Where things lie: the SDK's defaults, S3 URIs, and what is kept beside them on this machine.

A path of this machine stays one. An `s3://` URI goes to the jobs as it is, which need a Spark that opens it; with
MODEL_MONITOR_S3_ROOT set, a local folder stands in for S3: `s3://bucket/key` is `<root>/bucket/key`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from model_monitor.errors import BadInput, MissingDependency
from model_monitor.storage import LocalStorage, is_local, join, local_path

HOME_VARIABLE = "MODEL_MONITOR_HOME"
"""Names the folder for schedules, the records and logs of jobs, and results that were not told where to go."""

S3_ROOT_VARIABLE = "MODEL_MONITOR_S3_ROOT"

CAPTURES_VARIABLE = "sagemaker_endpoint_datacapture_prefix"
"""The contract's name for the prefix below which endpoints capture (C1.1)."""

DEFAULT_HOME = "model-monitor-home"

_S3 = "s3"
_MODEL_MONITOR = "model-monitor"


def home() -> Path:
    """The folder for what is kept between calls."""
    return Path(os.environ.get(HOME_VARIABLE) or DEFAULT_HOME).absolute()


def default_prefix(session: Any) -> str:
    """Below what results go by default: the session's bucket if there is a session that has one, else a folder at home.

    Source: C1.5.
    """
    bucket = getattr(session, "default_bucket", None)
    top = f"s3://{bucket()}" if callable(bucket) else str(home())
    prefix = getattr(session, "default_bucket_prefix", None)
    return join(top, *([prefix] if isinstance(prefix, str) and prefix else []), _MODEL_MONITOR)


def capture_prefix(environment: Mapping[str, str], session: Any) -> str:
    """Below what endpoints capture: as the monitor's `env` or this process's environment says, else where the SDK has it."""
    told = environment.get(CAPTURES_VARIABLE) or os.environ.get(CAPTURES_VARIABLE)
    return told or join(default_prefix(session), "data-capture")


def absolute(uri: str) -> str:
    """A path of this machine without regard to the working directory; a URI as it is."""
    return uri if urlparse(uri).scheme else str(Path(uri).absolute())


def located(uri: str) -> str:
    """The path or URI that a job is told for `uri`: absolute if it is a local one."""
    parts = urlparse(uri)
    root = os.environ.get(S3_ROOT_VARIABLE)
    if parts.scheme == _S3 and root:
        return join(str(Path(root).absolute()), parts.netloc, parts.path.lstrip("/"))
    return absolute(uri)


def read_text(uri: str, session: Any) -> str:
    """The content of a file.

    Raises BadInput if it can't be read.
    """
    place = located(uri)
    if urlparse(place).scheme != _S3:
        return LocalStorage().read(place).decode("utf-8")
    bucket, key = _bucket_and_key(place)
    try:
        return str(_client(session).get_object(Bucket=bucket, Key=key)["Body"].read().decode("utf-8"))
    except Exception as fault:  # botocore's own classes are not at hand without botocore
        raise BadInput(f"{uri}: can't be read ({type(fault).__name__}: {fault})") from fault


def write_text(uri: str, text: str, session: Any, kms_key: str | None = None) -> str:
    """Write a file and give its URI. kms_key: what S3 encrypts it with; None for what the bucket says.

    Raises OutputFailed or botocore's error if it can't be written.
    """
    place = located(uri)
    if urlparse(place).scheme != _S3:
        LocalStorage().write(place, text.encode())
        return uri
    bucket, key = _bucket_and_key(place)
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else {}
    _client(session).put_object(Bucket=bucket, Key=key, Body=text.encode(), **encryption)
    return uri


def exists_here(uri: str) -> bool:
    """Whether `uri` is a path of this machine at which there is something."""
    place = located(uri)
    return is_local(place) and local_path(place).exists()


def _bucket_and_key(uri: str) -> tuple[str, str]:
    parts = urlparse(uri)
    return parts.netloc, parts.path.lstrip("/")


def _client(session: Any) -> Any:
    """The session's own boto3 session, else one of the user's settings."""
    boto_session = getattr(session, "boto_session", None)
    if boto_session is not None:
        return boto_session.client("s3")
    try:
        import boto3
    except ImportError as fault:
        raise MissingDependency(
            f"files on S3 are read by boto3, which is not installed; write pip install 'spark-model-monitor[aws]', or set "
            f"{S3_ROOT_VARIABLE} to a folder that stands in for S3"
        ) from fault
    return boto3.client("s3")
