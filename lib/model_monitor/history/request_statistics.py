"""Of the requests of a window: the document, and what is published. Pure; driver only.

Beside every monitor and part of none: it comes from the metadata of captured records, whatever their data is.
"""

from __future__ import annotations

from model_monitor.documents.statistics import LatencyStatistics, RequestStatistics
from model_monitor.monitors.protocol import PublishedMetric
from model_monitor.statistics.states import Requests

FIRST_CLIENT_ERROR, FIRST_SERVER_ERROR = 400, 500
"""HTTP statuses from which on a request was not answered, and from which on that is the server's fault."""


def request_statistics(requests: Requests) -> RequestStatistics:
    """The document of a state of at least one request."""
    server_errors = _from(requests, FIRST_SERVER_ERROR)
    errors = _from(requests, FIRST_CLIENT_ERROR)
    latencies, moments = requests.latencies, requests.moments
    return RequestStatistics(
        requests=requests.count,
        estimated_requests=requests.estimated,
        success_share=(requests.count - errors) / requests.count,
        client_errors=errors - server_errors,
        server_errors=server_errors,
        statuses={str(status): count for status, count in requests.statuses.items()},
        latency_ms=LatencyStatistics(
            p50=latencies.quantile(0.50),
            p95=latencies.quantile(0.95),
            p99=latencies.quantile(0.99),
            mean=moments.average,
            max=moments.maximum,
            rank_error=latencies.error,
        ),
    )


def published_requests(statistics: RequestStatistics) -> tuple[PublishedMetric, ...]:
    """The numbers for a metrics platform; those that are not defined are left out."""
    latency = statistics.latency_ms
    numbers = (
        ("request_count", float(statistics.requests), "Count"),
        ("request_success_share", statistics.success_share, "None"),
        ("request_latency_p50", latency.p50, "Milliseconds"),
        ("request_latency_p95", latency.p95, "Milliseconds"),
        ("request_latency_p99", latency.p99, "Milliseconds"),
    )
    return tuple(PublishedMetric(name, value, unit) for name, value, unit in numbers if value is not None)


def _from(requests: Requests, first: int) -> int:
    return sum(count for status, count in requests.statuses.items() if status >= first)
