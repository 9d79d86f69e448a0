"""webhook:URL: one JSON document by POST, signed if there is a secret."""

from __future__ import annotations

import hashlib
import hmac
import os
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from spark_model_monitor import __version__
from spark_model_monitor.errors import SinkFailed
from spark_model_monitor.reports.notices import Report, encode_document
from spark_model_monitor.reports.sinks import (
    TEMPORARY_STATUSES,
    WEBHOOK_SECRET,
    Environment,
    TemporaryFailure,
    check_url,
    describe_unreachable,
    register_sink,
    send_with_retries,
)

if TYPE_CHECKING:
    from urllib.request import Request

TIMESTAMP_HEADER = "X-Signature-Timestamp"
SIGNATURE_HEADER = "X-Signature-SHA256"

REDIRECTS = frozenset({301, 302, 303, 307, 308})


# There is no `ready` function: the secret is optional, and the server is contacted only when there is something to send
@register_sink("webhook", spelling="webhook:URL", examined=partial(check_url, "webhook"), every_run=False)
def webhook(report: Report, url: str, environment: Environment) -> None:
    """A POST of one JSON document: window, alert, the five largest alarms, paths.

    The document is signed if MODEL_MONITOR_WEBHOOK_SECRET is set, and delivered if the answer is 2xx. It is sent again after
    408, 425, 429, 500, 502, 503, 504, a timeout or a refused connection; redirects are not followed.

    Raises SinkFailed.
    """
    from urllib.request import Request  # imported late, because a run without alerts doesn't need it

    body = encode_document(report)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": f"spark-model-monitor/{__version__}",
        "Idempotency-Key": report.delivery_id,
    }
    secret = environment.variable(WEBHOOK_SECRET)
    if secret is not None:
        # The time is signed, too, so that a receiver can refuse an old message that somebody sends again
        timestamp = str(int(report.time.timestamp()))
        headers |= {TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: compute_signature(body, secret, timestamp)}
    request = Request(url, data=body, headers=headers, method="POST")
    send_with_retries(lambda: _post(request, environment.timeout_seconds), environment)


def compute_signature(body: bytes, secret: str, timestamp: str) -> str:
    """HMAC-SHA256 in hexadecimal of the timestamp, a full stop and the body, with the secret as key."""
    # fsencode, because an environment variable may have any bytes
    return hmac.new(os.fsencode(secret), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _post(request: Request, timeout_seconds: float) -> None:
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import HTTPRedirectHandler, build_opener

    class NoRedirects(HTTPRedirectHandler):
        """Refuses redirects: a redirect would send the document and its signature to a server that the user didn't name."""

        def redirect_request(self, *given: Any, **named: Any) -> None:
            return None

    host = urlsplit(request.full_url).hostname
    try:
        # Any answer of 2xx counts as a delivery; its body is ignored
        build_opener(NoRedirects).open(request, timeout=timeout_seconds).close()
    except HTTPError as error:
        error.close()
        raise _describe_refusal(host, error.code) from None
    except (OSError, HTTPException) as error:
        raise describe_unreachable(str(host), error) from None


def _describe_refusal(host: str | None, status: int) -> SinkFailed:
    if status in REDIRECTS:
        return SinkFailed(f"{host} answered {status}, a redirect, which is not followed; name the URL that it leads to")
    # Any other answer would be the same at the next attempt
    if status in TEMPORARY_STATUSES:
        return TemporaryFailure(f"{host} answered {status}")
    return SinkFailed(f"{host} answered {status}; check the URL and what the server expects")
