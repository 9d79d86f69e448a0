"""A steady load of HTTP requests, by the standard library's client: so many a second over a few connections."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

INFERENCE_ID = "X-Amzn-SageMaker-Inference-Id"
CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class Load:
    """`requests` POSTs to `path`, `per_second`, from the one with the number `first` on.

    body: CSV; each request's inference id is its number.
    """

    requests: int
    per_second: float
    first: int = 0
    path: str = "/invocations"
    body: bytes = b"1.5,2,basic"


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer to the request of this number: HTTP status, and seconds from its first byte sent to its last one read."""

    number: int
    status: int
    seconds: float


def send_load(port: int, load: Load) -> list[Answered]:
    """The answers of a server on this machine, by number; what it no longer answered is not among them."""
    began = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        shares = [pool.submit(_share, port, load, connection, began) for connection in range(CONNECTIONS)]
    return sorted((answer for share in shares for answer in share.result()), key=lambda answer: answer.number)


def _share(port: int, load: Load, connection: int, began: float) -> list[Answered]:
    """Every so-manieth request, each at its time, or at once if that has passed."""
    answered: list[Answered] = []
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as client:
        for number in range(connection, load.requests, CONNECTIONS):
            time.sleep(max(0.0, began + number / load.per_second - time.perf_counter()))
            try:
                answered.append(_answer(client, load, load.first + number))
            except (ConnectionError, http.client.HTTPException):
                break
    return answered


def _answer(client: http.client.HTTPConnection, load: Load, number: int) -> Answered:
    headers: Mapping[str, str] = {"Content-Type": "text/csv", INFERENCE_ID: str(number)}
    began = time.perf_counter()
    client.request("POST", load.path, load.body, headers)
    response = client.getresponse()
    response.read()
    return Answered(number, response.status, time.perf_counter() - began)
