"""A proxy in front of an S3 server: it speaks HTTPS, as S3 does, keeps what it was asked, and makes the weather.

    proxy.weather = first(3, slow_down, where=lambda seen: seen.makes_an_object)
    …
    proxy.requests

Two things that S3Mock 4.11 does otherwise than S3 are set right on the way: it knows ETags of `If-Match` in quotes only, and
when an upload in parts is given up, it deletes the object that was there before.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import trustme
from tests.s3.seen import RecordedRequest
from tests.s3.weather import Weather, fair, reset

HOST = "127.0.0.1"
CHUNK_BYTES = 64 * 1024
_OF_ONE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "expect"})


class Proxy(ThreadingHTTPServer):
    """Keeps every request in `requests`; `weather` says what happens to one."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, server_url: str, certificate: trustme.LeafCert) -> None:
        super().__init__((HOST, 0), Handler)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(self._tls)
        self.server_place = urlsplit(server_url).netloc
        self.requests: list[RecordedRequest] = []
        self.weather: Weather = fair

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.server_address[1]}"

    def get_request(self) -> tuple[socket.socket, Any]:
        """A connection whose handshake is left to its own thread."""
        connection, address = super().get_request()
        return self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up is no news."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each body waits 40 ms for its headers to be acknowledged
    server: Proxy
    breaks_off = False
    _unread = 0
    _upstream: http.client.HTTPConnection | None = None

    def handle_any(self) -> None:
        self._unread = int(self.headers.get("Content-Length", 0))
        self.breaks_off = False
        request = self._record_request()
        self.server.requests.append(request)
        fault = self.server.weather(request)
        if fault is not None and not fault(self):
            return
        if request.gives_an_upload_up:
            self.send_response(204)
            self.end_headers()
        else:
            self._forward()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any  # noqa: N815

    def drain(self) -> None:
        """Read what is left of the request's body, as a server does that answers in peace."""
        for _ in self._body():
            pass

    def finish(self) -> None:
        if self._upstream is not None:
            self._upstream.close()
        with suppress(OSError, ValueError):
            super().finish()

    def log_message(self, *arguments: Any) -> None:
        """Nothing."""

    def _record_request(self) -> RecordedRequest:
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        return RecordedRequest(
            self.command, bucket, key, query, {name.lower(): value for name, value in self.headers.items()}
        )

    def _body(self) -> Iterator[bytes]:
        while self._unread:
            piece = self.rfile.read(min(CHUNK_BYTES, self._unread))
            if not piece:
                raise ConnectionError("the client broke off")
            self._unread -= len(piece)
            yield piece

    def _forward(self) -> None:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _OF_ONE_CONNECTION}
        if "If-Match" in headers:
            headers["If-Match"] = '"{}"'.format(headers["If-Match"].strip('"'))
        if self._upstream is None:
            self._upstream = http.client.HTTPConnection(self.server.server_place)
        # what is half received never reaches the server: it would see a torn connection, and so do we
        self._upstream.request(self.command, self.path, b"".join(self._body()) or None, headers)
        answer = self._upstream.getresponse()
        content = answer.read()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {*_OF_ONE_CONNECTION, "content-length"}:
                self.send_header(name, value)
        if self.command == "HEAD":
            length = answer.getheader("Content-Length")
        else:
            length = str(len(content))
        if answer.status not in (204, 304) and length is not None:
            self.send_header("Content-Length", length)
        self.end_headers()
        if self.breaks_off and content:
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            reset(self)
        else:
            self.wfile.write(content)


@contextmanager
def proxy_before(server_url: str, certificate: trustme.LeafCert) -> Iterator[Proxy]:
    """`with proxy_before(url, certificate) as proxy: …`; the certificate is for `HOST`."""
    proxy = Proxy(server_url, certificate)
    threading.Thread(target=proxy.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
