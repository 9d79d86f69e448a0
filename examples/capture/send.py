"""Asks the model server of app.py about made-up customers, a request each.

PYTHONPATH=lib .venv/bin/python examples/capture/send.py [--requests 400] [--cents]
"""

from __future__ import annotations

import argparse
import http.client
import sys
from collections import Counter
from collections.abc import Sequence

import numpy as np

from spark_model_monitor import demo


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Ask the model server about made-up customers, a request each.")
    parser.add_argument("--port", type=int, default=8000, help="of the server on this machine (default: 8000)")
    parser.add_argument("--requests", type=int, default=400, help="how many (default: 400)")
    parser.add_argument("--seed", type=int, default=7, help="another seed, other customers (default: 7)")
    parser.add_argument("--cents", action="store_true", help=f"the fault of the demo: {demo.FAULT.sentence}")
    given = parser.parse_args(argv)
    customers = demo.churn.draw_customers(
        given.requests, np.random.default_rng(given.seed), missing_share=demo.MISSING_IN_TRAFFIC
    )
    if given.cents:
        customers[demo.FAULT.feature] = (customers[demo.FAULT.feature] * demo.FAULT.factor).round(2)
    server = http.client.HTTPConnection("127.0.0.1", given.port)
    statuses: Counter[int] = Counter()
    for number, row in enumerate(demo.churn.to_csv(customers, header=False).splitlines()):
        headers = {"Content-Type": "text/csv", "X-Amzn-SageMaker-Inference-Id": f"{given.seed}-{number}"}
        server.request("POST", "/invocations", row, headers)
        response = server.getresponse()
        response.read()
        statuses[response.status] += 1
    print(", ".join(f"{count:,} requests answered with {status}" for status, count in sorted(statuses.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
