from __future__ import annotations

import math

import pyarrow as pa
import pytest

from spark_model_monitor.statistics.states import Requests, RequestsBuilder


def build_requests(statuses, latencies, percentages=None) -> Requests:
    builder = RequestsBuilder()
    if percentages is None:
        percentages = [100.0] * len(statuses)
    builder.update(
        pa.array(statuses, pa.int64()), pa.array(latencies, pa.float64()), pa.array(percentages, pa.float64())
    )
    return builder.state()


def test_requests_are_counted_by_status():
    requests = build_requests([200, 503, 200, 404, 200], [1.0, 2.0, 3.0, 4.0, 5.0])

    assert requests.statuses == {200: 3, 404: 1, 503: 1}
    assert requests.count == 5


def test_rows_without_a_status_are_no_requests():
    requests = build_requests([None, 200, None], [7.0, 1.0, None])

    assert requests.count == 1
    assert (requests.moments.count, requests.moments.sum) == (1, 1.0)
    assert build_requests([None], [1.0]) == Requests()


def test_a_sample_stands_for_all_requests():
    requests = build_requests([200] * 6, [1.0] * 6, [20.0, 20.0, 50.0, 100.0, None, -1.0])

    assert requests.estimated == pytest.approx(5 + 5 + 2 + 1 + 1 + 1)  # by hand


def test_a_latency_that_can_not_be_is_missing():
    requests = build_requests([200] * 5, [2.0, None, math.nan, -1.0, math.inf])

    assert (requests.count, requests.moments.count, requests.moments.missing) == (5, 1, 4)
    assert requests.latencies.quantile(0.99) == 2.0


def test_quantiles_of_few_latencies_are_exact():
    requests = build_requests([200] * 100, [float(number) for number in range(100, 0, -1)])

    assert [requests.latencies.quantile(share) for share in (0.50, 0.95, 0.99)] == [50.0, 95.0, 99.0]  # by hand
