"""Trying again what may pass by itself: a server that is away, busy or throttles. Driver only."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from model_monitor.errors import SinkFailed
from model_monitor.outputs.notices.environment import Environment

if TYPE_CHECKING:
    from tenacity import RetryCallState

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
"""Of one delivery, the first included; 1 s and 2 s are waited between them."""


class PassingFailure(SinkFailed):
    """A failure that may be over in a moment."""


def attempt(send: Callable[[], None], environment: Environment) -> None:
    """Call `send`, and again after a pause while it raises PassingFailure, `MOST_ATTEMPTS` times in all.

    Raises what `send` raised last.
    """
    from tenacity import (  # takes 0.1 s to import
        Retrying,
        retry_if_exception_type,
        stop_after_attempt,
        wait_exponential,
    )

    # The library's own retries of HTTP (urllib3, requests) log the whole URL, whose path may be a secret.
    Retrying(
        retry=retry_if_exception_type(PassingFailure),
        stop=stop_after_attempt(MOST_ATTEMPTS),
        wait=wait_exponential(multiplier=1),
        sleep=environment.pause,
        before_sleep=_tell,
        reraise=True,
    )(send)


def _tell(state: RetryCallState) -> None:
    fault = state.outcome.exception() if state.outcome else None
    log.info("%s; trying again", fault)
