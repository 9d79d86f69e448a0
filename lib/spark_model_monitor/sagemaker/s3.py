"""The SDK's `sagemaker.s3`, over S3 or over the folder that stands in for it (`MODEL_MONITOR_S3_ROOT`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import urlparse

from spark_model_monitor.errors import BadInput
from spark_model_monitor.reports.outputs.run_files import CURRENT, RUNS
from spark_model_monitor.sagemaker.monitoring_files import SdkSession, locate, read_bytes, read_text, write_bytes
from spark_model_monitor.sagemaker.sdk import make_getattr
from spark_model_monitor.storage import get_storage, is_local, join, local_path, read_file


class S3Uploader:
    """Uploads files to an S3 URI.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import S3Uploader
    >>> upload = S3Uploader.upload  # of a local folder to a URI
    """

    @staticmethod
    def upload(
        local_path: str,
        desired_s3_uri: str,
        kms_key: str | None = None,
        sagemaker_session: SdkSession = None,
        callback: Callable[[int], None] | None = None,
    ) -> str:
        """Upload a file, or the files of a folder, below a URI; returns the file's URI, or that of the folder.

        Raises BadInput if there is neither.
        """
        source = Path(local_path)
        if not source.exists():
            raise BadInput(f"{local_path}: there is no such file or folder to upload")
        if source.is_file():
            target_uri = join(desired_s3_uri, source.name)
            return S3Uploader.upload_bytes(source.read_bytes(), target_uri, kms_key, sagemaker_session)
        # S3 has no folders, so nothing is uploaded from an empty folder
        for file in sorted(path for path in source.rglob("*") if path.is_file()):
            target_uri = join(desired_s3_uri, *file.relative_to(source).parts)
            S3Uploader.upload_bytes(file.read_bytes(), target_uri, kms_key, sagemaker_session)
        return desired_s3_uri

    @staticmethod
    def upload_string_as_file_body(
        body: str,
        desired_s3_uri: str | None = None,
        kms_key: str | None = None,
        sagemaker_session: SdkSession = None,
    ) -> str:
        """Write a text to a URI; returns the URI."""
        return S3Uploader.upload_bytes(body.encode(), str(desired_s3_uri), kms_key, sagemaker_session)

    @staticmethod
    def upload_bytes(
        b: bytes | IO[bytes], s3_uri: str, kms_key: str | None = None, sagemaker_session: SdkSession = None
    ) -> str:
        """Write bytes, or the content of an open file, to a URI; returns the URI."""
        return write_bytes(s3_uri, b if isinstance(b, bytes) else b.read(), sagemaker_session, kms_key)


class S3Downloader:
    """Downloads objects from an S3 URI.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import S3Downloader
    >>> download = S3Downloader.download  # of a URI to a local folder
    """

    @staticmethod
    def read_file(s3_uri: str, sagemaker_session: SdkSession = None) -> str:
        """The text of an object. Raises BadInput if it can't be read."""
        return read_text(s3_uri, sagemaker_session)

    @staticmethod
    def read_bytes(s3_uri: str, sagemaker_session: SdkSession = None) -> bytes:
        """The bytes of an object. Raises BadInput if it can't be read."""
        return read_bytes(s3_uri, sagemaker_session)

    @staticmethod
    def download(
        s3_uri: str, local_path: str, kms_key: str | None = None, sagemaker_session: SdkSession = None
    ) -> list[str]:
        """Copy an object, or all below a URI, into a folder; returns the paths of the copies."""
        copies = []
        for uri, location in _list_objects(s3_uri):
            # The path below the prefix, or the object's name if the URI is that of the object itself
            relative_path = uri[len(s3_uri) :].lstrip("/")
            if uri == s3_uri:
                relative_path = PurePosixPath(uri).name
            copy = Path(local_path) / relative_path
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(read_file(location))
            copies.append(str(copy))
        return copies

    @staticmethod
    def list(s3_uri: str, sagemaker_session: SdkSession = None) -> list[str]:
        """The URIs of all objects whose own begin with this one, sorted; without the folder of a job's runs, and its pointer.

        Notebooks take the first file of a baseline for one of the service's.
        """
        uris = []
        for uri, _ in _list_objects(s3_uri):
            names = uri[len(s3_uri) :].split("/")
            if RUNS not in names and CURRENT not in names:
                uris.append(uri)
        return uris


def _list_objects(uri: str) -> list[tuple[str, str]]:
    """Each object whose URI begins with this one, and its location. As in S3, a URI is a prefix, not a folder."""
    top = "://".join(urlparse(uri)[:2])
    # The deepest folder that contains all matches; the prefix may end within a file's name
    folder = locate(uri[: uri.rindex("/") + 1])
    storage = get_storage(folder)
    paths = []
    if storage.exists(folder):
        paths = [file.path for file in storage.walk(folder, hidden=True)]
    # Paths on S3 are URIs already; paths in a folder that stands in for S3 are turned back into URIs
    if not is_local(folder):
        return sorted((path, path) for path in paths if path.startswith(uri))
    root = Path(locate(f"{top}/"))
    path_by_uri = {f"{top}/{local_path(path).relative_to(root).as_posix()}": path for path in paths}
    return sorted((object_uri, path) for object_uri, path in path_by_uri.items() if object_uri.startswith(uri))


__getattr__ = make_getattr("s3")
