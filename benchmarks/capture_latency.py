"""What does capturing add to a request's latency? Two equal servers, one of which captures, under 1,000 requests a second.

python benchmarks/capture_latency.py [--quick]

The servers get their load in turns, and each round of the one is compared with the round of the other beside it, because the
machine is not equally fast at all times. The first round of each warms up and does not count.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from http_load import Load, send_load
from model_process import Server, served
from performance import note
from side_by_side import QUICK_SHARE, is_quick_run

PER_SECOND = 1_000
REQUESTS_PER_ROUND = 2_000
ROUNDS = 20
QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}

AT_MOST_MS = 1.0
"""Added to the 99th percentile."""

ROW = ",".join(["0.25", "3", "basic"] * 7).encode()
"""21 cells, about what a churn model is asked."""

Round = dict[str, float]
"""Milliseconds by the quantile's name."""


def measure_round(server: Server) -> Round:
    """Load for one server."""
    load = Load(REQUESTS_PER_ROUND, PER_SECOND, body=ROW)
    milliseconds = sorted(answer.seconds * 1000 for answer in send_load(server.port, load))
    return {name: milliseconds[int(share * (len(milliseconds) - 1))] for name, share in QUANTILES.items()}


def main() -> None:
    rounds = ROUNDS // (QUICK_SHARE if is_quick_run(__doc__) else 1)
    with (
        tempfile.TemporaryDirectory() as folder,
        served(None) as plain,
        served(Path(folder)) as capturing,
    ):
        measure_round(plain), measure_round(capturing)
        pairs = []
        for number in range(rounds):
            if number % 2:
                first = plain
                second = capturing
            else:
                first = capturing
                second = plain
            first_round = measure_round(first)
            second_round = measure_round(second)
            pairs.append((first_round, second_round) if first is plain else (second_round, first_round))
        capturing.stop()
        records = sum(path.read_bytes().count(b"\n") for path in Path(folder).rglob("*.jsonl"))
    _report(pairs, records)


def _report(pairs: Sequence[tuple[Round, Round]], records: int) -> None:
    requests = (len(pairs) + 1) * REQUESTS_PER_ROUND
    print(f"\n{PER_SECOND:,} requests/s, {len(pairs)} rounds of {REQUESTS_PER_ROUND:,} for each server; ms\n")
    print("| quantile | without |    with | added, median of the rounds |")
    print("| -------- | ------: | ------: | --------------------------: |")
    added = {}
    for name in QUANTILES:
        without, captured = (statistics.median(pair[number][name] for pair in pairs) for number in (0, 1))
        added[name] = statistics.median(pair[1][name] - pair[0][name] for pair in pairs)
        print(f"| {name:8} | {without:7.3f} | {captured:7.3f} | {added[name]:27.3f} |")
    verdict = note(
        f"capturing, added to p99 at {PER_SECOND:,} requests/s", "", added["p99"], at_most=AT_MOST_MS, unit="ms"
    )
    print(f"\nadded to p99: {added['p99']:.3f} ms, less than {AT_MOST_MS:g} wanted: {verdict}")
    print(f"captured {records:,} of {requests:,} requests", flush=True)


if __name__ == "__main__":
    main()
