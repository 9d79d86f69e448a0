"""The storage for S3 without a JVM, by boto3, which finds endpoint, region and credentials in its usual way."""

from __future__ import annotations

import functools
import io
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from spark_model_monitor.errors import BadInput, InputUnavailable, MonitorError, OutputFailed
from spark_model_monitor.stopping import run_with_timeout
from spark_model_monitor.storage.file_system import COPIED_BYTES, Storage, StoredFile, is_hidden, register_storage
from spark_model_monitor.storage.lease import require_lease
from spark_model_monitor.storage.refused_requests import find_refusal

if TYPE_CHECKING:
    from datetime import datetime

    from botocore.client import BaseClient

ATTEMPTS = 7  # attempts of one request, and of reading one response
REQUEST_SECONDS = 60.0
MIN_BYTES_PER_SECOND = 100_000
"""The time limit for a request with its response is REQUEST_SECONDS, plus its bytes divided by MIN_BYTES_PER_SECOND."""

_ABSENT = ("404", "NoSuchKey")

T = TypeVar("T")

_encryption: dict[str, str] = {}


@contextmanager
def encrypt_uploads(arguments: Mapping[str, str]) -> Iterator[None]:
    """Inside this context, every upload passes these arguments to boto3."""
    _encryption.update(arguments)
    try:
        yield
    finally:
        _encryption.clear()


@register_storage("s3", schemes=("s3", "s3a"), needs="boto3")
class S3Storage(Storage):
    """Objects of S3. A folder is a common beginning of keys. A path keeps its scheme, `s3` or `s3a`."""

    def resolved(self, path: str) -> str:
        scheme, _, key = path.partition("://")
        return f"{scheme}://{'/'.join(filter(None, key.split('/')))}"

    def exists(self, path: str) -> bool:
        with _convert_errors(path, "read"):
            pages = self._list_pages(path, "/", MaxKeys=1)
            return bool(self._find_object(path)) or any(page.get("Contents") for page in pages)

    shows_drafts = False

    def walk(self, path: str, *, hidden: bool = False) -> list[StoredFile]:
        with _convert_errors(path, "listed"):
            pages = list(self._list_pages(path, "/"))
            files = self._describe_objects(path, pages) or self._find_object(path)
        if not (files or any(page.get("Contents") for page in pages)):
            raise BadInput(f"{path}: there is no such file or directory")
        # Only names below the path make a file hidden, not names in the path itself
        depth = len(self.resolved(path))
        return [file for file in files if hidden or not any(map(is_hidden, file.path[depth:].split("/")[1:]))]

    def list_folders(self, path: str) -> list[str]:
        with _convert_errors(path, "listed"):
            pages = list(self._list_pages(path, "/", Delimiter="/"))
            # A prefix ends with a slash, so the folder's name is the part before the last
            names = [prefix["Prefix"].split("/")[-2] for page in pages for prefix in page.get("CommonPrefixes", ())]
            if not (names or any(page.get("Contents") for page in pages) or self._find_object(path)):
                raise BadInput(f"{path}: there is no such file or directory")
        return sorted(name for name in names if not is_hidden(name))

    def list_by_prefix(self, folder: str, start: str) -> list[StoredFile]:
        with _convert_errors(folder, "listed"):
            return self._describe_objects(folder, self._list_pages(folder, f"/{start}", Delimiter="/"))

    def read(self, path: str, at_most: int | None = None, start: int = 0) -> bytes:
        from botocore.exceptions import HTTPClientError, IncompleteReadError
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

        # An HTTP range can't have zero bytes
        if at_most == 0:
            return b""
        byte_range = f"bytes={start}-{'' if at_most is None else start + at_most - 1}"
        is_broken_off = retry_if_exception_type((HTTPClientError, IncompleteReadError))
        attempts = Retrying(
            stop=stop_after_attempt(ATTEMPTS), wait=wait_exponential(0.1), retry=is_broken_off, reraise=True
        )
        # boto3 retries requests, but not responses that break off in the middle; they are retried here
        content = b""
        with _convert_errors(path, "read"):
            for attempt in attempts:
                try:
                    response = _client().get_object(**split_path(path), Range=byte_range)
                except Exception as error:
                    if "InvalidRange" not in str(error):
                        raise
                    break  # the object ends before `start`
                with attempt:
                    content = _limit_time(at_most or 0, response["Body"].read)
        return content

    def open(self, path: str) -> BinaryIO:
        """A seekable stream of an object, which is read in pieces."""
        with _convert_errors(path, "read"):
            size = _client().head_object(**split_path(path))["ContentLength"]
        return io.BufferedReader(_ObjectStream(self, path, size), COPIED_BYTES)

    def write(self, path: str, content: bytes, *, private: bool = False) -> None:
        require_lease(self, path)
        # A PUT is atomic, so it needs no draft
        with _convert_errors(path, "written", OutputFailed):
            _client().put_object(**split_path(path), Body=content, **_encryption)

    def assemble(self, sources: Sequence[str], target: str) -> bool:
        require_lease(self, target)
        with TemporaryFile() as concatenation, _convert_errors(target, "written", OutputFailed):
            # Concatenate in a local file, because the parts of a multipart upload have a minimum size
            for source in sources:
                shutil.copyfileobj(self.open(source), concatenation, COPIED_BYTES)
            if self._has_content(target, concatenation):
                return False
            concatenation.seek(0)
            _client().upload_fileobj(concatenation, **split_path(target), ExtraArgs=dict(_encryption))
        return True

    def _has_content(self, path: str, content: BinaryIO) -> bool:
        """Whether an object with exactly this content exists."""
        # If the sizes differ, nothing needs to be read
        if [stored.size_bytes for stored in self._find_object(path)] != [content.tell()]:
            return False
        content.seek(0)
        stream = self.open(path)
        return all(content.read(len(chunk)) == chunk for chunk in iter(partial(stream.read, COPIED_BYTES), b""))

    def delete(self, path: str) -> None:
        require_lease(self, path)
        with _convert_errors(path, "removed", OutputFailed):
            # Delete the object itself, then all objects below it; a request takes up to 1,000 keys, as a page has
            for page in [{"Contents": [split_path(path)]}, *self._list_pages(path, "/")]:
                keys = [listed_object["Key"] for listed_object in page.get("Contents", ())]
                objects = [{"Key": key} for key in keys if key]
                if not objects:
                    continue
                request = {"Objects": objects, "Quiet": True}
                answer = _client().delete_objects(Bucket=split_path(path)["Bucket"], Delete=request)
                if answer.get("Errors"):
                    raise OSError(f"Error Code: {answer['Errors'][0]['Code']}")

    def _find_object(self, path: str) -> list[StoredFile]:
        """A list with the object at a path; empty if there is none."""
        from botocore.exceptions import ClientError

        head = None
        try:
            if split_path(path)["Key"]:
                head = _client().head_object(**split_path(path))
        except ClientError as error:
            if error.response["Error"]["Code"] not in _ABSENT:
                raise
        if head:
            return [_describe_object(self.resolved(path), head["ContentLength"], head["LastModified"])]
        return []

    def _list_pages(self, path: str, ending: str, **options: Any) -> Iterator[Mapping[str, Any]]:
        """Pages of listed keys that begin with a path followed by `ending`. options: of list_objects_v2."""
        location = split_path(path)
        prefix = f"{location['Key']}{ending}".lstrip("/")
        paginator = _client().get_paginator("list_objects_v2")
        return iter(paginator.paginate(Bucket=location["Bucket"], Prefix=prefix, **options))

    def _describe_objects(self, path: str, pages: Iterable[Mapping[str, Any]]) -> list[StoredFile]:
        """The objects on the pages of a listing, without folder markers."""
        bucket = self.resolved(path).removesuffix(split_path(path)["Key"]).rstrip("/")
        # Consoles of S3 make an empty object, whose key ends with a slash, for a folder
        listed_objects = [listed_object for page in pages for listed_object in page.get("Contents", ())]
        return [
            _describe_object(f"{bucket}/{listed_object['Key']}", listed_object["Size"], listed_object["LastModified"])
            for listed_object in listed_objects
            if not listed_object["Key"].endswith("/")
        ]


class _ObjectStream(io.RawIOBase):
    """An object as a stream; each read is a request."""

    def __init__(self, storage: S3Storage, path: str, size_bytes: int) -> None:
        self._storage = storage
        self._path = path
        self._size_bytes = size_bytes
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size_bytes}[whence]
        return self._position

    def readinto(self, buffer: Any) -> int:
        # Don't read beyond the end, for which the store would return an error
        content = self._storage.read(
            self._path, max(0, min(len(buffer), self._size_bytes - self._position)), self._position
        )
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)


def _limit_time(size_bytes: int, request: Callable[[], T]) -> T:
    """The result of a request. Raises ReadTimeoutError, which is retried, if it isn't complete in time."""
    from botocore.exceptions import ReadTimeoutError

    try:
        return run_with_timeout(REQUEST_SECONDS + size_bytes / MIN_BYTES_PER_SECOND, request)
    except TimeoutError as error:
        raise ReadTimeoutError(endpoint_url="S3", error=error) from error


def _limit_requests(client: BaseClient) -> BaseClient:
    """The client with a time limit for each of its requests."""
    session = client._endpoint.http_session  # it has proxies and certificates; no public API exposes it

    def send(request: Any, **event: Any) -> Any:
        return _limit_time(int(request.headers.get("Content-Length", 0)), lambda: session.send(request))

    client.meta.events.register("before-send.s3", send)
    return client


@functools.cache
def _client() -> BaseClient:
    import boto3
    from botocore.config import Config

    settings = Config(retries={"mode": "standard", "total_max_attempts": ATTEMPTS}, connect_timeout=10)
    path_style = Config(s3={"addressing_style": "path"})
    session = boto3.session.Session()
    client = session.client("s3", config=settings)
    # Other stores than Amazon's have no host for each bucket, so the bucket goes into the path
    if "amazonaws." not in client.meta.endpoint_url:
        client = session.client("s3", config=settings.merge(path_style))
    return _limit_requests(client)


def split_path(path: str) -> dict[str, str]:
    """Bucket and key of a path, as boto3's calls take them."""
    bucket, _, key = path.partition("://")[2].partition("/")
    # Remove empty parts, since `a//b` is another key than `a/b`
    return {"Bucket": bucket, "Key": "/".join(filter(None, key.split("/")))}


def _describe_object(path: str, size_bytes: int, modified: datetime) -> StoredFile:
    return StoredFile(path, size_bytes, round(modified.timestamp() * 1000))


@contextmanager
def _convert_errors(path: str, action: str, error_type: type[MonitorError] = InputUnavailable) -> Iterator[None]:
    """Turns exceptions of boto3 into errors of this type with an explanation."""
    try:
        yield
    # Our own errors are explained already
    except MonitorError:
        raise
    except Exception as error:
        reason = find_refusal(str(error)) or f"{type(error).__name__}: {error}"
        response = getattr(error, "response", None) or {}
        if response.get("Error", {}).get("Code") in _ABSENT:
            reason = "there is no such file"
        raise error_type(f"{path}: can't be {action} ({reason})") from error
