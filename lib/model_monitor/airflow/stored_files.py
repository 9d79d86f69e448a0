"""Small files that a job left, read by Airflow's process: on this machine, on S3, or wherever Airflow's object storage opens.

Jobs use the cluster's file systems (`storage.py`), which need a JVM; Airflow has its own, and its own credentials.
"""

from __future__ import annotations

from typing import Any, Protocol
from urllib.parse import urlsplit

from model_monitor.errors import BadConfiguration
from model_monitor.spark.launch.target import S3_SCHEMES
from model_monitor.storage import LocalStorage


class StoredFiles(Protocol):
    """Files of one file system, by their whole paths."""

    def read(self, path: str) -> bytes | None:
        """A file's content, None if there is no such file."""

    def delete(self, path: str) -> None:
        """Remove a file, if it is there."""


def files_of(path: str, aws_conn_id: str | None) -> StoredFiles:
    """The file system that holds `path`.

    Raises BadConfiguration if Airflow has none for it, or for a relative path.
    """
    scheme = urlsplit(path).scheme
    if scheme == "" and not path.startswith("/"):
        raise BadConfiguration(
            f"output_path is {path!r}; write an absolute path, since the job and Airflow work in different folders"
        )
    if scheme in ("", "file"):
        return LocalFiles()
    if scheme in S3_SCHEMES:
        return S3Files(aws_conn_id)
    return ObjectStorageFiles(path)


class LocalFiles:
    """Files of this machine."""

    def read(self, path: str) -> bytes | None:
        storage = LocalStorage()
        return storage.read(path) if storage.exists(path) else None

    def delete(self, path: str) -> None:
        LocalStorage().delete(path)


class S3Files:
    """Objects, by the client of a connection of Airflow's."""

    def __init__(self, aws_conn_id: str | None) -> None:
        self._aws_conn_id = aws_conn_id

    def read(self, path: str) -> bytes | None:
        from botocore.exceptions import ClientError

        try:
            content: bytes = self._client().get_object(**_place_of(path))["Body"].read()
        except ClientError as fault:
            if fault.response.get("Error", {}).get("Code") in ("NoSuchKey", "404"):
                return None
            raise
        return content

    def delete(self, path: str) -> None:
        self._client().delete_object(**_place_of(path))

    def _client(self) -> Any:
        try:
            from airflow.providers.amazon.aws.hooks.s3 import S3Hook
        except ImportError as fault:
            raise BadConfiguration(
                "results on S3 are read by Airflow's Amazon provider; install it: pip install apache-airflow-providers-amazon"
            ) from fault
        return S3Hook(aws_conn_id=self._aws_conn_id).conn


class ObjectStorageFiles:
    """Files of a file system that one of Airflow's providers brings along, such as gs:// or abfss://."""

    def __init__(self, path: str) -> None:
        from airflow.sdk import ObjectStoragePath

        try:
            ObjectStoragePath(path).exists()
        except ValueError as fault:
            scheme = urlsplit(path).scheme
            raise BadConfiguration(
                f"output_path is {path!r}, and no provider of this Airflow opens {scheme}://, so what came of the job could not "
                "be read; install the provider that does, or write the results to S3 or to a folder that workers see"
            ) from fault

    def read(self, path: str) -> bytes | None:
        from airflow.sdk import ObjectStoragePath

        file = ObjectStoragePath(path)
        return bytes(file.read_bytes()) if file.exists() else None

    def delete(self, path: str) -> None:
        from airflow.sdk import ObjectStoragePath

        ObjectStoragePath(path).unlink(missing_ok=True)


def _place_of(path: str) -> dict[str, str]:
    parts = urlsplit(path)
    return {"Bucket": parts.netloc, "Key": parts.path.lstrip("/")}
