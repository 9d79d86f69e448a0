"""`model-monitor demo`: generates the example, baselines it as a user would, and shows what was found.

The job is started by `model_monitor.runtime.submission` in a process of its own; this process has no JVM.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from model_monitor.demo.data_set import BASELINE, CAPTURES, FAULT, GROUND_TRUTH, write_data_set
from model_monitor.demo.text_table import text_table
from model_monitor.demo.traffic import Traffic
from model_monitor.documents.statistics import Statistics
from model_monitor.documents.tables import as_rows
from model_monitor.errors import BadConfiguration, MonitorError

RESULTS = "baseline"  # the job's output directory, inside the demo's
SHOWN = {  # heading -> the key of `as_rows`
    "feature": "name",
    "type": "inferred_type",
    "completeness": "completeness",
    "distinct": "distinct",
    "mean": "mean",
    "std": "std_dev",
    "min": "min",
    "max": "max",
}

StartJob = Callable[[Sequence[str]], int]  # flags of the baselining job -> its exit status


def main(argv: Sequence[str], *, out: TextIO | None = None, start_job: StartJob | None = None) -> int:
    """Runs the demo and returns its exit status: 0, the failed job's own, or that of our error.

    out: where the report goes, by default standard output. start_job: starts the baselining job and waits for it, by
    default `submit_baseline`.
    """
    options = _parser().parse_args(argv)
    try:
        return _run(options.output, options.rows, out or sys.stdout, start_job or submit_baseline)
    except MonitorError as error:
        sys.stderr.write(f"Error: {error}\n")
        return error.exit_status


def submit_baseline(flags: Sequence[str]) -> int:
    """The exit status of a baselining job submitted with `flags`; its log lines go to this process's own streams.

    A job that was killed by signal N gives 128 + N, as a shell says it.
    """
    command = [sys.executable, "-m", "model_monitor.runtime.submission", "baseline", *flags]
    status = subprocess.run(command, check=False).returncode
    return status if status >= 0 else 128 - status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="model-monitor demo",
        description="Generate a made-up churn data set, baseline it, and show what was found. Needs no data of yours.",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("model-monitor-demo"),
        metavar="DIR",
        help="where data and results go; the same files are replaced on a rerun (default: ./model-monitor-demo)",
    )
    parser.add_argument(
        "--rows", type=int, default=20_000, metavar="N", help="customers in the baseline data set (default: 20000)"
    )
    return parser


def _run(output: Path, rows: int, out: TextIO, start_job: StartJob) -> int:
    if rows < 1:
        raise BadConfiguration(f"--rows is {rows}; a baseline needs at least 1 row, and 1000 or more to tell something")
    data, results, traffic = output / BASELINE, output / RESULTS, Traffic()

    _step(out, f"1/3 generating {rows:,} customers and {traffic.hours} hours of captured traffic in {output}")
    started = time.monotonic()
    write_data_set(output, rows=rows, traffic=traffic)
    _step(out, f"    done in {time.monotonic() - started:.1f} s")

    flags = ["--dataset-source", str(data), "--dataset-format", "csv", "--output-path", str(results)]
    _step(out, f"2/3 running the baselining job: model-monitor submit baseline {shlex.join(flags)}")
    started = time.monotonic()
    status = start_job(flags)
    if status:
        sys.stderr.write(f"The baselining job ended with exit status {status}; its own message stands above.\n")
        return status
    _step(out, f"    done in {time.monotonic() - started:.1f} s")

    statistics_file = results / Statistics.FILE_NAME
    _step(out, f"3/3 reading {statistics_file}")
    out.write(f"\n{_found(statistics_file)}\n{_places(output)}")
    return 0


def _found(statistics_file: Path) -> str:
    """The table of all features in a statistics.json that the job has just written."""
    statistics = Statistics.from_json(statistics_file.read_text(encoding="utf-8"), str(statistics_file))
    rows = [[row[key] for key in SHOWN.values()] for row in as_rows(statistics)]
    return f"{statistics.dataset.item_count:,} rows, {len(rows)} features\n\n{text_table(list(SHOWN), rows)}"


def _places(output: Path) -> str:
    results = output / RESULTS
    places = [
        [str(output / BASELINE), "the data set that was baselined"],
        [str(results / Statistics.FILE_NAME), "what was found in it, for every feature"],
        [str(results / "constraints.json"), "what later data is expected to keep to"],
        [str(output / CAPTURES), "a day of requests, as an endpoint captures them"],
        [str(output / GROUND_TRUTH), "the labels that came in later"],
        [str(output / FAULT), "what was made to go wrong with that day"],
    ]
    width = max(len(path) for path, _ in places)
    return "".join(f"{path.ljust(width)}  {meaning}\n" for path, meaning in places)


def _step(out: TextIO, text: str) -> None:
    out.write(f"{text}\n")
    out.flush()  # before the job's process writes to the same terminal
