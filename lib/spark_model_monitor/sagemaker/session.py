"""Replacements for the SDK's `Session`, without an account or with a folder in place of S3, and for the notebook's role."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from spark_model_monitor.integrations.imports.descriptions import ApiAnswer
from spark_model_monitor.sagemaker.api_client import Client
from spark_model_monitor.sagemaker.monitoring_files import SdkSession
from spark_model_monitor.sagemaker.s3 import S3Downloader, S3Uploader
from spark_model_monitor.sagemaker.sdk import make_getattr
from spark_model_monitor.sagemaker.sdk_schedules import NO_ROLE

if TYPE_CHECKING:
    import boto3
    from botocore.client import BaseClient
    from sagemaker.session_settings import SessionSettings

BUCKET = "model-monitor"


def get_execution_role(sagemaker_session: SdkSession = None, use_default: bool = False) -> str:
    """A role in place of the notebook's; our jobs use none.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import get_execution_role
    >>> role = get_execution_role()  # no job takes it
    """
    return NO_ROLE


class LocalSession:
    """The part of `sagemaker.Session` that notebooks use without an account, or with a folder in place of S3: a bucket with
    files. All other calls go to the SDK's session, if it is installed.

    default_bucket, default_bucket_prefix: where results go that have no path of their own.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import Session
    >>> session = Session()
    """

    def __init__(
        self,
        boto_session: boto3.Session | None = None,
        sagemaker_client: BaseClient | Client | None = None,
        sagemaker_runtime_client: BaseClient | None = None,
        sagemaker_featurestore_runtime_client: BaseClient | None = None,
        default_bucket: str | None = None,
        settings: SessionSettings | None = None,
        sagemaker_metrics_client: BaseClient | None = None,
        sagemaker_config: ApiAnswer | None = None,
        default_bucket_prefix: str | None = None,
    ) -> None:
        self._clients = {"boto_session": boto_session, "sagemaker_runtime_client": sagemaker_runtime_client}
        self.boto_region_name = getattr(boto_session, "region_name", None) or "us-east-1"
        self.sagemaker_client = sagemaker_client or Client()
        self.default_bucket_prefix = default_bucket_prefix
        self._bucket = default_bucket or BUCKET

    def __getattr__(self, name: str) -> Any:
        """Attributes that need an account: boto3's session and clients, and those of the SDK's session, if it is installed."""
        # Looked up in __dict__, because copying and unpickling look attributes up before __init__ has run
        if (value := self.__dict__.get("_clients", {}).get(name)) is not None:
            return value
        if name == "boto_session":
            return _import_installed("boto3", name).Session(region_name=self.boto_region_name)
        if name == "sagemaker_runtime_client":
            return self.boto_session.client("sagemaker-runtime")
        return getattr(_import_installed("sagemaker", name).Session(self.boto_session), name)

    def default_bucket(self) -> str:
        """The bucket."""
        return self._bucket

    def upload_data(
        self,
        path: str,
        bucket: str | None = None,
        key_prefix: str = "data",
        callback: Callable[[int], None] | None = None,
        extra_args: Mapping[str, str] | None = None,
    ) -> str:
        """Upload a file or a folder below a prefix; returns its URI."""
        return S3Uploader.upload(path, f"s3://{bucket or self._bucket}/{key_prefix}")

    def upload_string_as_file_body(self, body: str, bucket: str, key: str, kms_key: str | None = None) -> str:
        """Write a text to a key; returns its URI."""
        return S3Uploader.upload_string_as_file_body(body, f"s3://{bucket}/{key}", kms_key)

    def download_data(
        self, path: str, bucket: str, key_prefix: str = "", extra_args: Mapping[str, str] | None = None
    ) -> list[str]:
        """Copy what is below a prefix into a folder; returns the paths of the copies."""
        return S3Downloader.download(f"s3://{bucket}/{key_prefix}", path)

    def read_s3_file(self, bucket: str, key_prefix: str) -> str:
        """The text of an object."""
        return S3Downloader.read_file(f"s3://{bucket}/{key_prefix}")

    def list_s3_files(self, bucket: str, key_prefix: str) -> list[str]:
        """The keys that begin with a prefix."""
        return [uri[len(f"s3://{bucket}/") :] for uri in S3Downloader.list(f"s3://{bucket}/{key_prefix}")]

    def account_id(self) -> str:
        """A number in place of the account's."""
        return NO_ROLE.split(":")[4]


def _import_installed(package: str, name: str) -> ModuleType:
    """A library of AWS. Raises AttributeError if it is not installed, or for a special name that Python looks up."""
    if name.startswith("__") or importlib.util.find_spec(package) is None:
        raise AttributeError(f"Session has no {name} without the package {package}; pip install {package}")
    return importlib.import_module(package)


__getattr__ = make_getattr("session")
