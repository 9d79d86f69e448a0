"""statistics.json, constraints.json and constraint_violations.json as objects, and locations: defaults, S3 URIs."""

from __future__ import annotations

import functools
import inspect
import json
import os
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar
from urllib.parse import urlparse

from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.errors import BadInput, needing
from spark_model_monitor.storage import LocalStorage, is_local, join, local_path
from spark_model_monitor.storage.s3_storage import split_path
from spark_model_monitor.storage.stand_in import S3_ROOT_VARIABLE, resolve_stand_in

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from sagemaker.session import Session as SageMakerSession

SdkSession: TypeAlias = "SageMakerSession | None"
"""A session of the SDK, or of ours; None for the user's own settings."""

HOME_VARIABLE = "MODEL_MONITOR_HOME"
"""Names the folder for schedules, the records and logs of jobs, and results without a location of their own."""

CAPTURES_VARIABLE = "sagemaker_endpoint_datacapture_prefix"
"""The contract's name for the prefix below which endpoints capture (C1.1)."""

DEFAULT_HOME = "model-monitor-home"

captured_to: dict[Path, str] = {}
"""By home, the location in this process's last `DataCaptureConfig`: no other source gives an endpoint's captures."""

_S3 = "s3"
_MODEL_MONITOR = "model-monitor"


def home() -> Path:
    """The folder for what is kept between calls."""
    return Path(os.environ.get(HOME_VARIABLE) or DEFAULT_HOME).absolute()


def default_prefix(session: SdkSession) -> str:
    """The prefix of results without a location of their own: the session's bucket if it has one, else a folder at home.

    Source: C1.5.
    """
    bucket = getattr(session, "default_bucket", None)
    # In the SDK a method, which also creates the bucket; stand-ins for a session may have none
    if callable(bucket):
        top = f"s3://{bucket()}"
    else:
        top = str(home())
    # Mocks and old SDKs have anything here; only a text is a prefix
    prefix = getattr(session, "default_bucket_prefix", None)
    if prefix and isinstance(prefix, str):
        top = join(top, prefix)
    return join(top, _MODEL_MONITOR)


def capture_prefix(environment: Mapping[str, str], session: SdkSession) -> str:
    """The prefix of endpoints' captures: that of the monitor's `env` or of this process's environment, else of the
    `DataCaptureConfig` that this process made last, else the SDK's default.
    """
    candidates = (environment.get(CAPTURES_VARIABLE), os.environ.get(CAPTURES_VARIABLE), captured_to.get(home()))
    for prefix in candidates:
        if prefix:
            return prefix
    return join(default_prefix(session), "data-capture")


def absolute(uri: str) -> str:
    """An absolute local path, independent of the working directory; a URI as it is."""
    if urlparse(uri).scheme:
        return uri
    return str(Path(uri).absolute())


def locate(uri: str) -> str:
    """The path or URI that a job gets for `uri`: absolute if it is local."""
    return absolute(resolve_stand_in(uri))


def read_text(uri: str, session: SdkSession) -> str:
    """The content of a file as a text. Raises BadInput if it can't be read."""
    return read_bytes(uri, session).decode("utf-8")


def read_bytes(uri: str, session: SdkSession) -> bytes:
    """The content of a file. Raises BadInput if it can't be read."""
    location = locate(uri)
    # Includes s3:// URIs that a folder stands in for: `locate` has made them paths
    if urlparse(location).scheme != _S3:
        return LocalStorage().read(location)
    try:
        content: bytes = _get_client(session).get_object(**split_path(location))["Body"].read()
        return content
    except Exception as error:  # botocore's own classes are unavailable without botocore
        raise BadInput(f"{uri}: can't be read ({type(error).__name__}: {error})") from error


def write_text(uri: str, text: str, session: SdkSession, kms_key: str | None = None) -> str:
    """Write a text as `write_bytes` does."""
    return write_bytes(uri, text.encode(), session, kms_key)


def write_bytes(uri: str, content: bytes, session: SdkSession, kms_key: str | None = None) -> str:
    """Write a file and give its URI. kms_key: what S3 encrypts it with; None for what the bucket says.

    Raises OutputFailed or botocore's error if it can't be written.
    """
    location = locate(uri)
    if urlparse(location).scheme != _S3:
        LocalStorage().write(location, content)
        return uri
    # Without a key no header is sent, so that the bucket's own default encryption applies
    encryption = {}
    if kms_key:
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key}
    _get_client(session).put_object(**split_path(location), Body=content, **encryption)
    return uri


def exists_here(uri: str) -> bool:
    """Whether `uri` is an existing local path."""
    location = locate(uri)
    return is_local(location) and local_path(location).exists()


def _get_client(session: SdkSession) -> BaseClient:
    """The session's own boto3 session, else one with the user's settings."""
    boto_session = getattr(session, "boto_session", None)
    if boto_session is not None:
        return boto_session.client("s3")
    with needing(
        f"files on S3 are read by boto3, which is not installed; write pip install 'spark-model-monitor[s3]', or set "
        f"{S3_ROOT_VARIABLE} to a folder that stands in for S3"
    ):
        import boto3
    return boto3.client("s3")


F = TypeVar("F", bound="ModelMonitoringFile")
Made = TypeVar("Made")

_SWITCH = {True: "Enabled", False: "Disabled"}


class ModelMonitoringFile:
    """One of the three files. kms_key: what S3 encrypts it with when it is saved.

    As in the SDK the first parameter of each file's constructors has the file's name: `from_string(statistics_file_string=…)`.
    """

    _DEFAULT_NAME: ClassVar[str] = "monitoring.json"

    def __init_subclass__(cls, file: str) -> None:
        """Name the parameter with the file's content after the file."""
        cls._DEFAULT_NAME = f"{file}.json"
        for method in ("__init__", "from_s3_uri", "from_string", "from_file_path"):
            # Static, to get the classmethod itself and not one bound to the parent
            inherited = inspect.getattr_static(ModelMonitoringFile, method)
            constructor = _rename_parameters(getattr(inherited, "__func__", inherited), file)
            setattr(cls, method, classmethod(constructor) if isinstance(inherited, classmethod) else constructor)

    def __init__(
        self,
        body_dict: Json,
        file_s3_uri: str,
        kms_key: str | None = None,
        sagemaker_session: SdkSession = None,
    ) -> None:
        self.body_dict = body_dict
        self.file_s3_uri = file_s3_uri
        self.kms_key = kms_key
        self.session = sagemaker_session

    def save(self, new_save_location_s3_uri: str | None = None) -> str:
        """Write the body to its location, or to a new one, which it keeps; returns the location."""
        if new_save_location_s3_uri is not None:
            self.file_s3_uri = new_save_location_s3_uri
        return write_text(self.file_s3_uri, json.dumps(self.body_dict), self.session, self.kms_key)

    @classmethod
    def from_s3_uri(
        cls: type[F], file_s3_uri: str, kms_key: str | None = None, sagemaker_session: SdkSession = None
    ) -> F:
        """The file at a URI or path. Raises BadInput if it can't be read."""
        return cls(json.loads(read_text(file_s3_uri, sagemaker_session)), file_s3_uri, kms_key, sagemaker_session)

    @classmethod
    def from_string(
        cls: type[F],
        file_string: str,
        kms_key: str | None = None,
        file_name: str | None = None,
        sagemaker_session: SdkSession = None,
    ) -> F:
        """A file with this content, written to a location of its own."""
        location = join(
            default_prefix(sagemaker_session), "monitoring", str(uuid.uuid4()), file_name or cls._DEFAULT_NAME
        )
        write_text(location, file_string, sagemaker_session, kms_key)
        return cls(json.loads(file_string), location, kms_key, sagemaker_session)

    @classmethod
    def from_file_path(
        cls: type[F], file_path: str, kms_key: str | None = None, sagemaker_session: SdkSession = None
    ) -> F:
        """A copy of a local file."""
        path = Path(file_path)
        return cls.from_string(path.read_text(encoding="utf-8"), kms_key, path.name, sagemaker_session)


def _rename_parameters(constructor: Callable[..., Made], file: str) -> Callable[..., Made]:
    """A constructor whose `file_…` parameter is `statistics_file_…`, or according to the file's name."""
    original_signature = inspect.signature(constructor)
    parameters = []
    for name, parameter in original_signature.parameters.items():
        # Only required parameters: the SDK leaves `file_name` and its like as they are
        if name.startswith("file_") and parameter.default is parameter.empty:
            parameter = parameter.replace(name=f"{file}_{name}")
        parameters.append(parameter)
    signature = original_signature.replace(parameters=parameters)

    @functools.wraps(constructor)
    def construct(*ordered: Any, **named: Any) -> Made:
        # By position, since the inherited constructor knows only the old names
        bound = signature.bind(*ordered, **named)
        bound.apply_defaults()
        return constructor(*bound.arguments.values())

    vars(construct).update(__signature__=signature)
    return construct


class Statistics(ModelMonitoringFile, file="statistics"):
    """statistics.json: what the data is like.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import Statistics
    >>> statistics = Statistics.from_string('{"version": 0.0, "dataset": {"item_count": 0}, "features": []}')
    """


class Constraints(ModelMonitoringFile, file="constraints"):
    """constraints.json: what later data should be like.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import Constraints
    >>> constraints = Constraints.from_string('{"version": 0.0, "features": []}')
    """

    def set_monitoring(self, enable_monitoring: bool, feature_name: str | None = None) -> None:
        """Switch the checks on or off, of one feature or of all; `save` writes it."""
        if feature_name is None:
            self.body_dict["monitoring_config"]["evaluate_constraints"] = _SWITCH[enable_monitoring]
            return
        # An unknown feature changes nothing, as in the SDK
        for feature in self.body_dict["features"]:
            if feature["name"] == feature_name:
                # Other overrides of the feature, such as a threshold of its own, stay
                overrides = feature.get("monitoring_config_overrides") or {}
                feature["monitoring_config_overrides"] = {
                    **overrides,
                    "evaluate_constraints": _SWITCH[enable_monitoring],
                }


class ConstraintViolations(ModelMonitoringFile, file="constraint_violations"):
    """constraint_violations.json: what a window did not keep to.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import ConstraintViolations
    >>> violations = ConstraintViolations.from_string('{"violations": []}')
    """
