"""One request to a model and its answer: what a server hands over to be captured. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Payload:
    """A body as it went over the wire. content_type: the header beside it, None if there was none."""

    body: bytes
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request that has arrived and is to be captured when it is answered.

    arrived: aware, UTC. started_seconds: when it arrived by a clock that never goes back, for the latency. inference_id,
    custom_attributes: what the caller sent along, if it did.
    """

    event_id: str
    arrived: datetime
    started_seconds: float
    inference_id: str | None = None
    custom_attributes: tuple[str, ...] = ()
