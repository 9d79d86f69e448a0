"""Real servers on this machine, for tests of what goes out over a network: HTTP, SMTP, an emulator of AWS."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import default as default_policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import Request, urlopen

from aiosmtpd.controller import Controller
from moto.server import ThreadedMotoServer
from tests.ports import reserved_port

Answer = int | tuple[int, dict[str, str]] | Callable[[BaseHTTPRequestHandler], Any]


class HttpServer(ThreadingHTTPServer):
    """Answers with `answers` in turn, the last one again and again, and keeps what it was asked.

    An answer is a status, (status, headers), or a function of the handler. requests: (path, headers, body) of each.
    """

    daemon_threads = True

    def __init__(self, *answers: Answer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        self.requests: list[tuple[str, Message, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up waiting is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: HttpServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append((self.path, self.headers, body))
        answer = self.server.answers[min(len(self.server.requests), len(self.server.answers)) - 1]
        if callable(answer):
            answer(self)
            return
        if isinstance(answer, tuple):
            status, headers = answer
        else:
            status = answer
            headers = {}
        self.send_response(status)
        for name, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, *arguments: Any) -> None:
        """Nothing."""


def send_reply(
    handler: BaseHTTPRequestHandler, body: str | bytes, *, announced: int | None = None, status: int = 200
) -> None:
    """Answer with a body. announced: how many bytes the answer says that it has."""
    if isinstance(body, str):
        body = body.encode()
    if announced is None:
        announced = len(body)
    handler.send_response(status)
    handler.send_header("Content-Length", str(announced))
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def http_server(*answers: Answer) -> Iterator[HttpServer]:
    """`with http_server(500, 200) as server: …`"""
    server = HttpServer(*answers)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class Mailbox:
    """Takes the mail that an SMTP server gets. refuses: replies that a command gets first, by its name."""

    def __init__(self, **refuses: list[str]) -> None:
        self.refuses = refuses
        self.envelopes: list[Any] = []

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        envelope.mail_from = address
        return self._refusal("MAIL") or "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        refusal = self._refusal("RCPT")
        if refusal is None:
            envelope.rcpt_tos.append(address)
        return refusal or "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        refusal = self._refusal("DATA")
        if refusal is None:
            self.envelopes.append(envelope)
        return refusal or "250 Message accepted"

    @property
    def mails(self) -> list[EmailMessage]:
        """What arrived, read by Python's own parser."""
        return [message_from_bytes(envelope.content, policy=default_policy) for envelope in self.envelopes]

    def _refusal(self, command: str) -> str | None:
        replies = self.refuses.get(command)
        return replies.pop(0) if replies else None


@contextmanager
def smtp_server(mailbox: Mailbox, **options: Any) -> Iterator[int]:
    """`with smtp_server(mailbox) as port: …`; the controller can't be given port 0."""
    with reserved_port() as port:
        controller = Controller(mailbox, hostname="127.0.0.1", port=port, **options)
        controller.start()
        try:
            yield port
        finally:
            controller.stop()


@contextmanager
def aws_emulator() -> Iterator[str]:
    """`with aws_emulator() as url: …`; it forgets everything in the end."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        urlopen(Request(f"http://{host}:{port}/moto-api/reset", method="POST")).close()
        server.stop()


@contextmanager
def dripping(first: bytes, line: bytes) -> Iterator[int]:
    """The port of a server that never comes to an end: a first line, and then, ten times a second, another one."""
    is_over = threading.Event()

    def answer(client: socket.socket) -> None:
        with client, suppress(OSError):
            client.sendall(first)
            while not is_over.wait(0.1):
                client.sendall(line)

    def serve(listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listening.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        try:
            yield listening.getsockname()[1]
        finally:
            is_over.set()
            listening.shutdown(socket.SHUT_RDWR)
