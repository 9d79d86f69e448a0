"""Models behind an address of HTTP, which are sent what an endpoint of the service is sent.

Source: E4.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from model_monitor.errors import BadInput
from model_monitor.monitors.predictors import PREDICTORS, Model, Predict
from model_monitor.monitors.predictors.requests import Request

TRIES = 5
CONNECT_SECONDS, READ_SECONDS = 5.0, 60.0
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 20.0
ROWS_AT_ONCE = 1000
MOST_BYTES = 5 * 2**20
"""Of a request; the service's own limit is 6 MB."""

TRY_AGAIN = frozenset({408, 429, *range(500, 600)})
TOO_LARGE = 413


@PREDICTORS.register("http", remedy="install spark-model-monitor[http]")
def of_http(model: Model) -> Predict:
    """An endpoint; its answers as `predictor` of the configuration says."""
    return Endpoint(model.name, model.request, labels=model.labels).predict


class Unanswered(Exception):
    """One try came to nothing."""


class Endpoint:
    """An address, its requests and its answers.

    labels: whether those are what is wanted of an answer, in the place of scores. waits, reads: seconds before the second try,
    and that an answer may take.
    """

    def __init__(
        self,
        address: str,
        members: Any,
        *,
        labels: bool = False,
        waits: float = FIRST_WAIT_SECONDS,
        reads: float = READ_SECONDS,
    ) -> None:
        import urllib3

        parts = urlsplit(address)
        self._shown = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"
        self._address = address
        self._request = Request(members)
        self._read, self._kind = (self._request.labels, object) if labels else (self._request.scores, np.float64)
        self._waits = waits
        self._headers = {"Content-Type": self._request.content_type, "Accept": self._request.accept_type}
        if members.get("custom_attributes"):
            self._headers["X-Amzn-SageMaker-Custom-Attributes"] = members["custom_attributes"]
        self._pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=reads))

    def predict(self, frame: Any) -> Any:
        """The scores, or the labels, of all rows.

        Raises BadInput if the endpoint does not answer, or answers something else.
        """
        names, rows = list(frame.columns), frame.to_numpy(dtype=object)
        at_once = 1 if self._request.one_at_a_time else ROWS_AT_ONCE
        scores: list[Any] = []
        for start in range(0, len(rows), at_once):
            scores += self._scores(names, rows[start : start + at_once])
        return np.array(scores, dtype=self._kind)

    def _scores(self, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[Any]:
        body = self._request.body(names, rows)
        answer = self._answer(body) if len(body) <= MOST_BYTES or len(rows) == 1 else None
        if answer is None:
            if len(rows) == 1:
                raise BadInput(f"the model at {self._shown} takes no request of {len(body):,} bytes, which is one row")
            half = len(rows) // 2
            return [*self._scores(names, rows[:half]), *self._scores(names, rows[half:])]
        try:
            found = self._read(answer)
            np.array(found, dtype=self._kind)
        except (ValueError, TypeError, LookupError, RecursionError) as fault:
            raise BadInput(
                f"the model at {self._shown} answered something else than {self._read.__name__} ({type(fault).__name__}); "
                "accept_type, probability and label of predictor say what its answer is"
            ) from None
        if len(found) != len(rows):
            raise BadInput(f"the model at {self._shown} gave {len(found):,} answers for {len(rows):,} rows")
        return found

    def _answer(self, body: bytes) -> bytes | None:
        """What is answered, at the fifth try at the latest; None if the request is too large."""
        from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

        tries = Retrying(
            stop=stop_after_attempt(TRIES),
            wait=wait_random_exponential(self._waits, LONGEST_WAIT_SECONDS),
            retry=retry_if_exception_type(Unanswered),
        )
        try:
            answer: bytes | None = tries(self._try, body)
        except RetryError as fault:
            raise BadInput(
                f"the model at {self._shown} did not answer in {TRIES} tries ({fault.last_attempt.exception()})"
            ) from None
        return answer

    def _try(self, body: bytes) -> bytes | None:
        import urllib3

        try:
            answer = self._pool.request("POST", self._address, body=body, headers=self._headers)
        except urllib3.exceptions.HTTPError as fault:
            raise Unanswered(type(fault).__name__) from None
        if answer.status == TOO_LARGE:
            return None
        if answer.status in TRY_AGAIN:
            raise Unanswered(f"status {answer.status}")
        if answer.status != 200:
            raise BadInput(f"the model at {self._shown} answered with status {answer.status}")
        return bytes(answer.data)
