"""requests.json: how many requests a window had, how they ended and how long they took.

Ours, and only there if captured records carry metadata (docs/capture.md). Driver only, pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from model_monitor.documents.document import Document, Section
from model_monitor.documents.values import Count, Number, Share, UndefinableNumber


class LatencyStatistics(Section):
    """Milliseconds from a request's arrival to the last byte of its answer; None of no request.

    p50, p95, p99: quantiles of the sketch. rank_error: by how much of all requests their ranks may be off.
    """

    p50: UndefinableNumber = None
    p95: UndefinableNumber = None
    p99: UndefinableNumber = None
    mean: UndefinableNumber = None
    max: UndefinableNumber = None
    rank_error: Number = 0.0


class RequestStatistics(Document):
    """requests.json. requests: those captured; estimated_requests: all, by the percentage that was captured. success_share:
    of those captured, the share with a status below 400. client_errors, server_errors: statuses of 4xx, and from 500 on.
    """

    FILE_NAME: ClassVar[str] = "requests.json"
    MEANT: ClassVar[str] = "requests.json of a run"
    FOREIGN: ClassVar[Mapping[str, str]] = {
        "violations": "a constraint_violations.json",
        "monitoring_config": "a constraints.json",
        "dataset": "a statistics.json",
    }

    version: Number = Field(default=0.0)
    requests: Count
    estimated_requests: Number
    success_share: Share
    client_errors: Count
    server_errors: Count
    statuses: dict[str, Count]
    latency_ms: LatencyStatistics
