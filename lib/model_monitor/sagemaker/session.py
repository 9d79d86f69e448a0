"""The SDK's `Session`: a bucket with files, and the calls of boto3's client for SageMaker that local files can answer."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from model_monitor.sagemaker.client import Client
from model_monitor.sagemaker.s3 import S3Downloader, S3Uploader
from model_monitor.sagemaker.schedules import NO_ROLE
from model_monitor.sagemaker.sdk import beside

BUCKET = "model-monitor"
REGION = "us-east-1"


def get_execution_role(sagemaker_session: Any = None, use_default: bool = False) -> str:
    """What stands for the notebook's role, which no job of ours takes."""
    return NO_ROLE


class LocalSession:
    """What notebooks ask of `sagemaker.Session`, without an account or with a folder that stands in for S3: a bucket, and files
    in it. The rest is asked of the SDK where it is installed.

    default_bucket, default_bucket_prefix: below which results go that have no place of their own.
    """

    def __init__(
        self,
        boto_session: Any = None,
        sagemaker_client: Any = None,
        sagemaker_runtime_client: Any = None,
        sagemaker_featurestore_runtime_client: Any = None,
        default_bucket: str | None = None,
        settings: Any = None,
        sagemaker_metrics_client: Any = None,
        sagemaker_config: Any = None,
        default_bucket_prefix: str | None = None,
    ) -> None:
        self._given = {"boto_session": boto_session, "sagemaker_runtime_client": sagemaker_runtime_client}
        self.boto_region_name = getattr(boto_session, "region_name", None) or REGION
        self.sagemaker_client = sagemaker_client or Client()
        self.default_bucket_prefix = default_bucket_prefix
        self._bucket = default_bucket or BUCKET

    def __getattr__(self, name: str) -> Any:
        """What an account would be asked: boto3's session and clients, and the SDK's own session where it is installed."""
        if (given := self.__dict__.get("_given", {}).get(name)) is not None:
            return given
        if name == "boto_session":
            return _installed("boto3", name).Session(region_name=self.boto_region_name)
        if name == "sagemaker_runtime_client":
            return self.boto_session.client("sagemaker-runtime")
        return getattr(_installed("sagemaker", name).Session(self.boto_session), name)

    def default_bucket(self) -> str:
        """The bucket."""
        return self._bucket

    def upload_data(
        self,
        path: str,
        bucket: str | None = None,
        key_prefix: str = "data",
        callback: Any = None,
        extra_args: Any = None,
    ) -> str:
        """Upload a file or a folder below a prefix; gives its URI."""
        return S3Uploader.upload(path, f"s3://{bucket or self._bucket}/{key_prefix}")

    def upload_string_as_file_body(self, body: str, bucket: str, key: str, kms_key: str | None = None) -> str:
        """Write a text to a key; gives its URI."""
        return S3Uploader.upload_string_as_file_body(body, f"s3://{bucket}/{key}", kms_key)

    def download_data(self, path: str, bucket: str, key_prefix: str = "", extra_args: Any = None) -> list[str]:
        """Copy what is below a prefix into a folder; gives the paths of the copies."""
        return S3Downloader.download(f"s3://{bucket}/{key_prefix}", path)

    def read_s3_file(self, bucket: str, key_prefix: str) -> str:
        """The text of an object."""
        return S3Downloader.read_file(f"s3://{bucket}/{key_prefix}")

    def list_s3_files(self, bucket: str, key_prefix: str) -> list[str]:
        """The keys that begin with a prefix."""
        return [uri[len(f"s3://{bucket}/") :] for uri in S3Downloader.list(f"s3://{bucket}/{key_prefix}")]

    def account_id(self) -> str:
        """What stands for the account's number."""
        return NO_ROLE.split(":")[4]


def _installed(package: str, name: str) -> Any:
    """A library of AWS. Raises AttributeError if it is not installed, or as Python asks for a name of its own."""
    if name.startswith("__") or importlib.util.find_spec(package) is None:
        raise AttributeError(f"Session has no {name} without the package {package}; pip install {package}")
    return importlib.import_module(package)


__getattr__ = beside("session")
