"""The requests behind a run's records: their sum, the document, what is published, and whether traffic fell. Driver only."""

from __future__ import annotations

from collections.abc import Sequence

from model_monitor.documents.statistics import LatencyStatistics, RequestStatistics
from model_monitor.monitors.protocol import PublishedMetric
from model_monitor.reports.history.archive import from_parquet, path_of, to_parquet
from model_monitor.reports.outputs.files import current_run
from model_monitor.statistics.states import Requests
from model_monitor.storage import join, storage_of

FIRST_CLIENT_ERROR, FIRST_SERVER_ERROR = 400, 500
"""HTTP statuses from which on a request was not answered, and from which on that is the server's error."""


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


# The requests behind a run's records: the files that a run leaves of them, and their sum over several runs.


def request_files(requests: Requests) -> dict[str, bytes]:
    """The document and the state, by name below the output path. requests: at least one."""
    document = request_statistics(requests)
    return {document.FILE_NAME: document.to_json().encode(), path_of(Requests): to_parquet(requests)}


def sum_of_requests(paths: Sequence[str]) -> Requests:
    """The requests of all runs, added in this order; runs whose records carry no metadata add none.

    paths: output paths on this machine.
    """
    return sum((_requests_of(path) for path in paths), Requests())


def _requests_of(path: str) -> Requests:
    run = current_run(path)
    if run is None or path_of(Requests) not in run.digests:
        return Requests()
    where = join(run.folder, path_of(Requests))
    state = from_parquet(storage_of(where).read(where), where)
    assert isinstance(state, Requests)  # as the file's name says
    return state
