"""Storage for S3 without a JVM, through boto3, which finds the endpoint, region and credentials in its usual way."""

from __future__ import annotations

import functools
import io
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from tempfile import TemporaryFile
from typing import Any, BinaryIO, TypeVar

from spark_model_monitor.errors import BadInput, MonitorError, OutputFailed
from spark_model_monitor.stopping import within
from spark_model_monitor.storage.files import COPIED_BYTES, STORAGES, Storage, StoredFile, is_hidden, refusal_in
from spark_model_monitor.storage.lease import require_lease

ATTEMPTS = 7  # for one request, and for reading one response
WHOLE_SECONDS = 60.0
SLOWEST_BYTES = 100_000
"""Time limit for one request and its response; large ones get more, at this many bytes per second."""

_ABSENT = ("404", "NoSuchKey")

T = TypeVar("T")

_encryption: dict[str, str] = {}


@contextmanager
def encrypting(arguments: Mapping[str, str]) -> Iterator[None]:
    """Inside this context, every upload passes these arguments to boto3."""
    _encryption.update(arguments)
    try:
        yield
    finally:
        _encryption.clear()


@STORAGES.register("s3", schemes=("s3", "s3a"), needs="boto3")
class S3Storage(Storage):
    """Objects of S3. A folder is what keys begin with. A path keeps its scheme, `s3` or `s3a`."""

    def resolved(self, path: str) -> str:
        scheme, _, rest = path.partition("://")
        return f"{scheme}://{'/'.join(filter(None, rest.split('/')))}"

    def exists(self, path: str) -> bool:
        with _reported(path, "read"):
            return bool(self._object(path)) or any(page.get("Contents") for page in self._pages(path, "/", MaxKeys=1))

    shows_drafts = False

    def walk(self, path: str, *, hidden: bool = False) -> list[StoredFile]:
        with _reported(path, "listed"):
            pages = list(self._pages(path, "/"))
            files = [file for page in pages for file in self._files(path, page)] or self._object(path)
        if not (files or any(page.get("Contents") for page in pages)):
            raise BadInput(f"{path}: there is no such file or directory")
        depth = len(self.resolved(path))
        return [file for file in files if hidden or not any(map(is_hidden, file.path[depth:].split("/")[1:]))]

    def list_folders(self, path: str) -> list[str]:
        with _reported(path, "listed"):
            pages = list(self._pages(path, "/", Delimiter="/"))
            names = [each["Prefix"].split("/")[-2] for page in pages for each in page.get("CommonPrefixes", ())]
            if not (names or any(page.get("Contents") for page in pages) or self._object(path)):
                raise BadInput(f"{path}: there is no such file or directory")
        return sorted(name for name in names if not is_hidden(name))

    def list_beginning(self, folder: str, start: str) -> list[StoredFile]:
        with _reported(folder, "listed"):
            return [
                file for page in self._pages(folder, f"/{start}", Delimiter="/") for file in self._files(folder, page)
            ]

    def read(self, path: str, at_most: int | None = None, start: int = 0) -> bytes:
        from botocore.exceptions import HTTPClientError, IncompleteReadError
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

        if at_most == 0:
            return b""
        wanted = f"bytes={start}-{'' if at_most is None else start + at_most - 1}"
        is_broken_off = retry_if_exception_type((HTTPClientError, IncompleteReadError))
        answers = Retrying(
            stop=stop_after_attempt(ATTEMPTS), wait=wait_exponential(0.1), retry=is_broken_off, reraise=True
        )
        content = b""
        with _reported(path, "read"):
            for answer in answers:
                try:
                    body = _client().get_object(**_place(path), Range=wanted)["Body"]  # boto3 itself retries this
                except Exception as error:
                    if "InvalidRange" not in str(error):
                        raise
                    break  # the object ends before this
                with answer:
                    content = _within(at_most or 0, body.read)
        return content

    def open(self, path: str) -> BinaryIO:
        """A file that is read in pieces, from any offset."""
        with _reported(path, "read"):
            size = _client().head_object(**_place(path))["ContentLength"]
        return io.BufferedReader(_Pieces(self, path, size), COPIED_BYTES)

    def write(self, path: str, content: bytes, *, private: bool = False) -> None:
        require_lease(self, path)
        with _reported(path, "written", OutputFailed):
            _client().put_object(**_place(path), Body=content, **_encryption)

    def assemble(self, sources: Sequence[str], target: str) -> bool:
        require_lease(self, target)
        with TemporaryFile() as whole, _reported(target, "written", OutputFailed):
            for source in sources:
                shutil.copyfileobj(self.open(source), whole, COPIED_BYTES)
            if self._holds(target, whole):
                return False
            whole.seek(0)
            _client().upload_fileobj(whole, **_place(target), ExtraArgs=dict(_encryption))
        return True

    def _holds(self, path: str, whole: BinaryIO) -> bool:
        """Whether an object with exactly this content exists."""
        if [found.size_bytes for found in self._object(path)] != [whole.tell()]:
            return False
        whole.seek(0)
        there = self.open(path)
        return all(whole.read(len(chunk)) == chunk for chunk in iter(partial(there.read, COPIED_BYTES), b""))

    def delete(self, path: str) -> None:
        require_lease(self, path)
        with _reported(path, "removed", OutputFailed):
            for page in [{"Contents": [_place(path)]}, *self._pages(path, "/")]:
                objects = [{"Key": each["Key"]} for each in page.get("Contents", ()) if each["Key"]]
                some = {"Objects": objects, "Quiet": True}
                if objects:
                    answer = _client().delete_objects(Bucket=_place(path)["Bucket"], Delete=some)
                else:
                    answer = {}
                if answer.get("Errors"):
                    raise OSError(f"Error Code: {answer['Errors'][0]['Code']}")

    def _object(self, path: str) -> list[StoredFile]:
        """The object at a path, or none."""
        from botocore.exceptions import ClientError

        try:
            found = None
            if _place(path)["Key"]:
                found = _client().head_object(**_place(path))
        except ClientError as error:
            if error.response["Error"]["Code"] not in _ABSENT:
                raise
            found = None
        if found:
            return [_stored(self.resolved(path), found["ContentLength"], found["LastModified"])]
        return []

    def _pages(self, path: str, below: str, **more: Any) -> Iterator[Any]:
        """Listings of the keys that begin with a path and `below`."""
        place = _place(path)
        prefix = f"{place['Key']}{below}".lstrip("/")
        return iter(_client().get_paginator("list_objects_v2").paginate(Bucket=place["Bucket"], Prefix=prefix, **more))

    def _files(self, path: str, page: Mapping[str, Any]) -> Iterator[StoredFile]:
        """The objects of a listing, without folder markers."""
        bucket = self.resolved(path).removesuffix(_place(path)["Key"]).rstrip("/")
        for each in page.get("Contents", ()):
            if not each["Key"].endswith("/"):
                yield _stored(f"{bucket}/{each['Key']}", each["Size"], each["LastModified"])


class _Pieces(io.RawIOBase):
    """An object as a stream; each read is a request."""

    def __init__(self, storage: S3Storage, path: str, size_bytes: int) -> None:
        self._storage = storage
        self._path = path
        self._size = size_bytes
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        content = self._storage.read(self._path, max(0, min(len(buffer), self._size - self._at)), self._at)
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)


def _within(size_bytes: int, ask: Callable[[], T]) -> T:
    """Raises ReadTimeoutError, which is retried, if the response isn't complete in time, even if part of it came."""
    from botocore.exceptions import ReadTimeoutError

    try:
        return within(WHOLE_SECONDS + size_bytes / SLOWEST_BYTES, ask)
    except TimeoutError as error:
        raise ReadTimeoutError(endpoint_url="S3", error=error) from error


def _bounded(client: Any) -> Any:
    """The client with a time limit for each of its requests."""
    session = client._endpoint.http_session  # with its proxies and certificates; no public API exposes it

    def send(request: Any, **of_event: Any) -> Any:
        return _within(int(request.headers.get("Content-Length", 0)), lambda: session.send(request))

    client.meta.events.register("before-send.s3", send)
    return client


@functools.cache
def _client() -> Any:
    import boto3
    from botocore.config import Config

    settings = Config(retries={"mode": "standard", "total_max_attempts": ATTEMPTS}, connect_timeout=10)
    by_paths = Config(s3={"addressing_style": "path"})
    session = boto3.session.Session()
    client = session.client("s3", config=settings)
    is_amazons = "amazonaws." in client.meta.endpoint_url  # only its hosts have bucket names
    return _bounded(client if is_amazons else session.client("s3", config=settings.merge(by_paths)))


def _place(path: str) -> dict[str, str]:
    bucket, _, key = path.partition("://")[2].partition("/")
    return {"Bucket": bucket, "Key": "/".join(filter(None, key.split("/")))}


def _stored(path: str, size_bytes: int, modified: Any) -> StoredFile:
    return StoredFile(path, size_bytes, round(modified.timestamp() * 1000))


@contextmanager
def _reported(path: str, what: str, kind: type[MonitorError] = BadInput) -> Iterator[None]:
    """Turns an exception of boto3 into a sentence."""
    try:
        yield
    except MonitorError:
        raise
    except Exception as error:
        is_absent = (getattr(error, "response", None) or {}).get("Error", {}).get("Code") in _ABSENT
        if is_absent:
            reason = "there is no such file"
        else:
            reason = refusal_in(str(error)) or f"{type(error).__name__}: {error}"
        raise kind(f"{path}: can't be {what} ({reason})") from error
