"""Delivers finished files one by one to a local or S3 folder, and retries until they are there."""

from __future__ import annotations

import logging
import os
import stat
import tempfile
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlparse

from spark_model_monitor.capture.account import Clock, ErrorLog, Tally
from spark_model_monitor.capture.options import CaptureLimits
from spark_model_monitor.capture.spool import Draft

if TYPE_CHECKING:
    from botocore.client import BaseClient

log = logging.getLogger(__name__)


class Destination(Protocol):
    """What a `CaptureWriter` requires of its destination.

    Examples
    --------
    >>> from spark_model_monitor.capture import Destination, LocalFolder
    >>> destination: Destination = LocalFolder("captures")
    """

    @property
    def spool(self) -> Path:
        """The folder in which files grow. It has to be the same after a restart, so that files left in it are found."""

    def deliver(self, file: Path, key: str) -> None:
        """Move a finished file from the spool to the destination. key: its path below the destination.

        Raises any exception if this fails; the file must then still be in the spool. Called from one thread.
        """


class LocalFolder:
    """A folder of this machine, or one that is mounted here. Files grow in the hidden folder `.spool` inside of it.

    Examples
    --------
    >>> from spark_model_monitor.capture import LocalFolder
    >>> destination = LocalFolder("captures")
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).absolute()
        self.spool = self.folder / ".spool"

    def __repr__(self) -> str:
        return f"LocalFolder({str(self.folder)!r})"

    def deliver(self, file: Path, key: str) -> None:
        # The spool is on the same file system, so renaming is atomic: readers see the whole file or none
        target = self.folder / key
        target.parent.mkdir(parents=True, exist_ok=True)
        file.rename(target)


def _make_private_folder() -> Path:
    """The folder of all spools, which only this user can read or write.

    If another user has made a folder of this name, a new folder is made, which is not found after a restart.
    """
    folder = Path(tempfile.gettempdir()) / f"model-monitor-capture-{os.getuid()}"
    # Another user of this machine may have made the folder first
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()  # of the path itself: a link could lead to anybody's folder
    write_permissions = stat.S_IWGRP | stat.S_IWOTH
    if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & write_permissions:
        folder.chmod(0o700)
        return folder
    new_folder = Path(tempfile.mkdtemp(prefix="model-monitor-capture-"))
    log.warning(
        "%s is not a folder that this user alone can write to; captures wait in %s, which is not found after a restart: name a "
        "spool",
        folder,
        new_folder,
    )
    return new_folder


class S3Folder:
    """A folder of S3, `s3://bucket/prefix`; needs boto3, or a client.

    spool: a folder of this machine that outlives the process, so that what could not be uploaded is uploaded after a
    restart; without one a folder of this user alone below the system's directory for temporary files. client: a boto3 client
    of S3; without one it is made at the first upload, in the way that boto3 finds its credentials. put_arguments: more
    arguments for `put_object`, such as ServerSideEncryption="aws:kms", SSEKMSKeyId="…".

    Raises ValueError if `uri` is no address of S3.

    Examples
    --------
    >>> from spark_model_monitor.capture import S3Folder
    >>> destination = S3Folder("s3://bucket/captures", spool="spool")
    """

    def __init__(
        self, uri: str, *, spool: str | Path | None = None, client: BaseClient | None = None, **put_arguments: Any
    ) -> None:
        # Check the address now, so that a wrong one is reported at the start instead of at the first upload
        address = urlparse(uri)
        if address.scheme != "s3" or not address.netloc:
            raise ValueError(f"{uri!r} is no address of a folder in S3; write 's3://bucket/prefix'")
        self.bucket = address.netloc
        self.prefix = address.path.strip("/")
        # Each destination has its own spool, so that writers don't see each other's files
        name = quote(f"{self.bucket}/{self.prefix}", safe="")
        self.spool = Path(spool) if spool else _make_private_folder() / name
        self._client = client
        self._put_arguments = put_arguments

    def __repr__(self) -> str:
        return f"S3Folder('s3://{self.bucket}/{self.prefix}')"

    def deliver(self, file: Path, key: str) -> None:
        """Upload a file with one PUT, so that readers see the whole object or none. boto3 retries as it is configured."""
        # The client is made at the first upload, since a forked process can't use its parent's client
        if self._client is None:
            import boto3

            self._client = boto3.client("s3")
        with file.open("rb") as content:
            self._client.put_object(
                Bucket=self.bucket,
                Key=f"{self.prefix}/{key}".lstrip("/"),
                Body=content,
                ContentType="application/jsonlines",
                **self._put_arguments,
            )
        file.unlink()


class Outbox:
    """A queue of finished files for a destination. One thread calls `put` and `close`, another runs `run`."""

    def __init__(self, destination: Destination, limits: CaptureLimits, tally: Tally, clock: Clock) -> None:
        self._destination = destination
        self._limits = limits
        self._tally = tally
        self._faults = ErrorLog(log, clock.seconds)
        self._files: deque[Draft] = deque()
        self._arrived = Event()
        self._closed = Event()

    def put(self, drafts: Iterable[Draft]) -> None:
        """Take over finished files."""
        self._files.extend(drafts)
        self._arrived.set()

    def close(self) -> None:
        """Announce that no more files come. `run` then tries each file once more and ends."""
        self._closed.set()
        self._arrived.set()

    def run(self) -> None:
        """Deliver files until closed. After a failure the pauses double. Never raises."""
        pause_seconds = self._limits.retry_seconds
        while not self._closed.is_set():
            # Wait for files; after a failure also wait for the pause to end
            self._arrived.wait()
            self._arrived.clear()
            while self._files and not self._closed.is_set():
                if self._deliver_first():
                    pause_seconds = self._limits.retry_seconds
                else:
                    self._closed.wait(pause_seconds)
                    pause_seconds = min(2 * pause_seconds, max(self._limits.rotate_seconds, pause_seconds))
        # Try the files that are left, until one fails
        while self._files and self._deliver_first():
            pass
        self._leave_files()

    def forget(self) -> None:
        """Close all files in a forked process; the parent process delivers them."""
        for draft in self._files:
            draft.forget()

    def _deliver_first(self) -> bool:
        draft = self._files[0]
        try:
            self._deliver(draft)
        except Exception as error:  # a destination may raise any exception
            self._faults.warn("captured records can't be delivered to %r (%s)", self._destination, error)
            return False
        self._files.popleft().release()
        return True

    def _deliver(self, draft: Draft) -> None:
        # A draft may have been removed, and an empty draft is not delivered
        if not draft.path.exists():
            self._faults.warn("%s was taken away by somebody else; its records are lost", draft.path)
        elif not draft.size_bytes:
            draft.path.unlink()
        else:
            draft.finish()
            self._destination.deliver(draft.path, draft.key)
            self._tally.add("delivered", draft.lines)
            self._tally.add("delivered_files")

    def _leave_files(self) -> None:
        if self._files:
            log.warning(
                "%d files of captured records are left in %s; the next writer there delivers them",
                len(self._files),
                self._destination.spool,
            )
        for draft in self._files:
            draft.release()
