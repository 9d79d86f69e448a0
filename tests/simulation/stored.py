"""The same months on S3: `python -m tests.simulation --s3`. Real processes ask a store of this machine by boto3.

The store is a process that keeps each object as a file of the month's folder, so that what people do and what the law looks at
are those files. It has the calls of S3 that the product makes, and passes the law of storages (test_months.py). What goes wrong
goes wrong at a request: it is denied, or carried out and not answered.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from email.utils import formatdate
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.simulation.real import RealWorld
from tests.simulation.world import OF_MERGED, Fault

from spark_model_monitor.storage.s3_storage import _client

BUCKET = "month"
THEN = "x-then"
MODIFIED = "x-modified"
"""Headers by which the store is told what goes wrong, and of which time an object is."""

DENIED = "denied"
UNANSWERED = "unanswered"
PAGE = 1_000  # keys of a listing
PARENT_DEATH = 1  # PR_SET_PDEATHSIG: the store ends with whoever started it


class Store(BaseHTTPRequestHandler):
    """One connection. top: the folder of the bucket."""

    protocol_version = "HTTP/1.1"
    top: Path

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        if "list-type" in query:
            self._list({name: values[0] for name, values in query.items()})
            return
        content = self._content()
        if content is not None:
            byte_range = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "bytes=0-"))
            assert byte_range is not None
            first = int(byte_range[1])
            last = min(int(byte_range[2] or len(content)), len(content) - 1)
            if first > last and "Range" in self.headers:
                self._answer(416, _fault("InvalidRange"))
            else:
                self._answer(206, content[first : last + 1], modified=self._file.stat().st_mtime)

    def do_HEAD(self) -> None:
        content = self._content()
        if content is not None:
            self._answer(200, content, modified=self._file.stat().st_mtime)

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get(THEN) == DENIED:
            self._answer(403, _fault("AccessDenied"))
            return
        with tempfile.NamedTemporaryFile(dir=self.top.parent, delete=False) as draft:
            draft.write(content)
        modified = float(self.headers.get(MODIFIED) or time.time())
        os.utime(draft.name, (modified, modified))
        self._file.parent.mkdir(parents=True, exist_ok=True)
        os.replace(draft.name, self._file)
        self._answer(200, b"")

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.headers.get(THEN) == DENIED:
            self._answer(403, _fault("AccessDenied"))
            return
        for key in re.findall("<Key>(.*?)</Key>", content):
            with suppress(FileNotFoundError, IsADirectoryError, NotADirectoryError):
                (self.top / _unescaped(key)).unlink()
        self._answer(200, b"<DeleteResult/>")

    def _list(self, query: dict[str, str]) -> None:
        prefix = query.get("prefix", "")
        after = query.get("continuation-token", "")
        listed: dict[str, os.stat_result | None] = {}
        for key, file in _objects(self.top, prefix):
            name, delimiter, _ = key[len(prefix) :].partition(query.get("delimiter") or "\0")
            listed[prefix + name + delimiter] = None if delimiter else file
        maximum_keys = int(query.get("max-keys", PAGE))
        keys = sorted(key for key in listed if key > after)[:maximum_keys]
        more = len([key for key in listed if key > after]) > maximum_keys
        parts = [f"<Name>{BUCKET}</Name><IsTruncated>{str(more).lower()}</IsTruncated>"]
        parts += [f"<NextContinuationToken>{escape(keys[-1])}</NextContinuationToken>"] if more else []
        for key in keys:
            file = listed[key]
            name = escape(key)
            if file is None:
                parts.append(f"<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>")
            else:
                modified_text = datetime.utcfromtimestamp(int(file.st_mtime)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
                parts.append(
                    f"<Contents><Key>{name}</Key><LastModified>{modified_text}</LastModified><Size>{file.st_size}</Size></Contents>"
                )
        self._answer(200, f"<ListBucketResult>{''.join(parts)}</ListBucketResult>".encode())

    @property
    def _file(self) -> Path:
        return self.top / unquote(urlsplit(self.path).path).removeprefix(f"/{BUCKET}/")

    def _content(self) -> bytes | None:
        """What an object holds; None, and an answer, if there is none or nobody may read it."""
        with suppress(FileNotFoundError, IsADirectoryError, NotADirectoryError):
            if self.headers.get(THEN) != DENIED:
                return self._file.read_bytes()
            self._answer(403, _fault("AccessDenied"))
            return None
        self._answer(404, _fault("NoSuchKey"))
        return None

    def _answer(self, status: int, content: bytes, modified: float | None = None) -> None:
        if self.headers.get(THEN) == UNANSWERED:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        if modified is not None:
            self.send_header("Last-Modified", formatdate(modified, usegmt=True))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        """Nobody reads it."""


def _objects(top: Path, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
    folder = top / prefix.rpartition("/")[0]
    for directory, _, names in os.walk(folder):
        for name in names:
            file = Path(directory, name)
            key = file.relative_to(top).as_posix()
            if key.startswith(prefix):
                with suppress(FileNotFoundError):
                    yield key, file.stat()


def _fault(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()


def _unescaped(text: str) -> str:
    for sign, spelt in (
        ("<", "&lt;"),
        (">", "&gt;"),
        ('"', "&quot;"),
        ("'", "&apos;"),
        ("\r", "&#xD;"),
        ("&", "&amp;"),
    ):
        text = text.replace(spelt, sign)
    return text


@cache
def store(folder: Path) -> str:
    """The URL of a store whose one bucket is a folder, until this process ends. Its group of processes is its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OfFolder", (Store,), {"top": folder}))
    server.daemon_threads = True
    process = os.fork()
    if not process:
        ctypes.CDLL(None).prctl(PARENT_DEATH, signal.SIGKILL, 0, 0, 0)
        os.setpgid(0, 0)
        for descriptor in {*map(int, os.listdir("/proc/self/fd"))} - {0, 1, 2, server.fileno()}:
            with suppress(OSError):
                os.close(
                    descriptor
                )  # what reads a pipe of the parent's until it is closed would wait for this process too
        try:
            server.serve_forever()
        finally:
            os._exit(0)
    server.socket.close()
    return f"http://127.0.0.1:{server.server_address[1]}"


def settings(url: str) -> dict[str, str]:
    """The environment by which boto3 asks it."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
    }


class StoredWorld(RealWorld):
    """Captures, labels and outputs lie on S3; schedules and their records on this machine."""

    root = f"s3://{BUCKET}/"

    def __init__(self, folder: Path, began: datetime, random: Random) -> None:
        super().__init__(folder, began, random)
        os.environ.update(settings(store(folder)))
        _client.cache_clear()
        _client().meta.events.register_first(
            "before-send.s3", self._handle_request
        )  # made here once for all who are forked

    def _handle_request(self, request: Any, **of_event: Any) -> None:
        """A request of a process."""
        process = self.current
        key = unquote(urlsplit(request.url).path).removeprefix(f"/{BUCKET}/")
        if OF_MERGED.match(key):
            request.headers[MODIFIED] = str(self.began.timestamp())
        if process is None or self._is_striking:
            return
        process.calls += 1
        fault = process.faults.pop(process.calls, None)
        if fault is not None:
            process.struck.append((fault, f"{request.method} {key}"))
            if fault is Fault.LATE_ERROR:
                request.headers[THEN] = UNANSWERED
            if fault in (Fault.ERROR, Fault.LATE_ERROR):
                self._strikes.append((process.number, fault.name, process.struck[-1][1]))
            else:
                self._strike(Fault.KILL if fault is Fault.TORN else fault, process, "request", (), is_its_own=True)
        if fault is Fault.ERROR or (process.is_full and request.method in ("PUT", "POST")):
            request.headers[THEN] = DENIED
