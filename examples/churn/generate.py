"""Writes the churn example's files, in any size: `baseline.csv`, `validation.csv`, `captures/`, `ground-truth/`, `fault.json`.

PYTHONPATH=lib .venv/bin/python examples/churn/generate.py --output churn-data --rows 1000000
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from spark_model_monitor import MonitorError, demo


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Write the churn example's files: baseline, captures, labels, fault.")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="where the files go")
    parser.add_argument("--rows", type=_positive, default=20_000, help="customers in baseline.csv (default: 20000)")
    parser.add_argument("--hours", type=_positive, default=24, help="hours of captured traffic (default: 24)")
    parser.add_argument("--per-hour", type=_positive, default=200, help="captured requests an hour (default: 200)")
    parser.add_argument("--seed", type=int, default=7, help="another seed, other customers (default: 7)")
    parser.add_argument("--until-now", action="store_true", help="have the current hour be the last one of the traffic")
    options = parser.parse_args(argv)
    traffic = demo.Traffic(hours=options.hours, per_hour=options.per_hour, seed=options.seed)
    if options.until_now:
        hour = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)
        traffic = replace(traffic, start=hour - timedelta(hours=options.hours - 1))
    try:
        demo.write_data_set(options.output, rows=options.rows, traffic=traffic)
    except MonitorError as error:
        sys.stderr.write(f"Error: {error}\n")
        return error.exit_status
    return 0


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is too few; give 1 or more")
    return number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
