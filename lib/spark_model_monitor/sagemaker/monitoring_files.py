"""statistics.json, constraints.json and constraint_violations.json as objects; and the locations of files: defaults, S3 URIs."""

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
from spark_model_monitor.errors import BadInput, explain_missing_import
from spark_model_monitor.storage import LocalStorage, is_local, join, local_path
from spark_model_monitor.storage.s3_storage import split_path
from spark_model_monitor.storage.stand_in import S3_ROOT_VARIABLE, resolve_stand_in

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from sagemaker.session import Session as SageMakerSession

SdkSession: TypeAlias = "SageMakerSession | None"
"""A session of the SDK or of this package; None: the user's own settings apply."""

HOME_VARIABLE = "MODEL_MONITOR_HOME"
"""The variable with the folder for schedules, for the records and logs of jobs, and for results without their own location."""

CAPTURES_VARIABLE = "sagemaker_endpoint_datacapture_prefix"
"""The contract's name for the prefix below which endpoints capture (C1.1)."""

DEFAULT_HOME = "model-monitor-home"

last_capture_destinations: dict[Path, str] = {}
"""By home folder: the location in this process's last `DataCaptureConfig`; nothing else says where an endpoint's captures are."""


def home() -> Path:
    """The folder for schedules, records of jobs, and results without their own location."""
    return Path(os.environ.get(HOME_VARIABLE) or DEFAULT_HOME).absolute()


def default_prefix(session: SdkSession) -> str:
    """The prefix of results without their own location: the session's bucket if it has one, otherwise a folder in `home()`.

    Source: C1.5.
    """
    bucket = getattr(session, "default_bucket", None)
    # In the SDK this is a method, which also creates the bucket; replacements for a session may not have it
    if callable(bucket):
        top = f"s3://{bucket()}"
    else:
        top = str(home())
    # Mocks and old SDKs may have any object here; only a text is a prefix
    prefix = getattr(session, "default_bucket_prefix", None)
    if prefix and isinstance(prefix, str):
        top = join(top, prefix)
    return join(top, "model-monitor")


def capture_prefix(environment: Mapping[str, str], session: SdkSession) -> str:
    """The prefix of endpoints' captures: from the monitor's `env` or this process's environment, otherwise from the last
    `DataCaptureConfig` of this process, otherwise the SDK's default.
    """
    candidates = (
        environment.get(CAPTURES_VARIABLE),
        os.environ.get(CAPTURES_VARIABLE),
        last_capture_destinations.get(home()),
    )
    for prefix in candidates:
        if prefix:
            return prefix
    return join(default_prefix(session), "data-capture")


def absolute(uri: str) -> str:
    """The absolute form of a local path, independent of the working directory. A URI is unchanged."""
    if urlparse(uri).scheme:
        return uri
    return str(Path(uri).absolute())


def locate(uri: str) -> str:
    """The path or URI that a job gets for `uri`. A local path becomes absolute."""
    return absolute(resolve_stand_in(uri))


def read_text(uri: str, session: SdkSession) -> str:
    """The content of a file as a text. Raises BadInput if it can't be read."""
    return read_bytes(uri, session).decode("utf-8")


def read_bytes(uri: str, session: SdkSession) -> bytes:
    """The content of a file. Raises BadInput if it can't be read."""
    location = locate(uri)
    # If a folder stands in for S3, `locate` has turned s3:// URIs into paths
    if urlparse(location).scheme != "s3":
        return LocalStorage().read(location)
    try:
        return bytes(_get_client(session).get_object(**split_path(location))["Body"].read())
    except Exception as error:  # any class, because botocore's exceptions are unavailable without botocore
        raise BadInput(f"{uri}: can't be read ({type(error).__name__}: {error})") from error


def write_text(uri: str, text: str, session: SdkSession, kms_key: str | None = None) -> str:
    """Write a text with `write_bytes`; returns its URI."""
    return write_bytes(uri, text.encode(), session, kms_key)


def write_bytes(uri: str, content: bytes, session: SdkSession, kms_key: str | None = None) -> str:
    """Write a file; returns its URI. kms_key: the key with which S3 encrypts it; None: the bucket's default applies.

    Raises OutputFailed or botocore's error if it can't be written.
    """
    location = locate(uri)
    if urlparse(location).scheme != "s3":
        LocalStorage().write(location, content)
        return uri
    # Without a key, no header is sent, so that the bucket's default encryption applies
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
    """An S3 client of the session's boto3 session; without one, of a boto3 session with the user's settings."""
    boto_session = getattr(session, "boto_session", None)
    if boto_session is not None:
        return boto_session.client("s3")
    with explain_missing_import(
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
        """Name the constructors' first parameter after the file."""
        cls._DEFAULT_NAME = f"{file}.json"
        for method in ("__init__", "from_s3_uri", "from_string", "from_file_path"):
            # getattr_static returns the classmethod itself, not a method bound to the parent class
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
    """The constructor with its `file_…` parameter renamed after the file, such as `statistics_file_…`."""
    original_signature = inspect.signature(constructor)
    parameters = []
    for name, parameter in original_signature.parameters.items():
        # Only required parameters are renamed; the SDK doesn't rename optional ones such as `file_name`
        if name.startswith("file_") and parameter.default is parameter.empty:
            parameter = parameter.replace(name=f"{file}_{name}")
        parameters.append(parameter)
    signature = original_signature.replace(parameters=parameters)

    @functools.wraps(constructor)
    def construct(*ordered: Any, **named: Any) -> Made:
        # Arguments are passed by position, because the inherited constructor has the old names
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
        # As in the SDK, an unknown feature changes nothing
        for feature in self.body_dict["features"]:
            if feature["name"] == feature_name:
                # Other overrides of the feature, such as its own threshold, don't change
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
