"""`model-monitor watch`."""

from __future__ import annotations

import argparse
import sys

from model_monitor.cli.verbs import VERBS


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "fleet", nargs="+", metavar="FLEET", help="fleet.yaml, or a folder of schedule entries (docs/schedules.md)"
    )
    parser.add_argument("--state", metavar="DIRECTORY", help="where runs are recorded (default: beside each entry)")
    parser.add_argument("--page", default="index.html", metavar="FILE", help="file of the page (default: index.html)")
    parser.add_argument("--at-once", type=int, metavar="NUMBER", help="jobs to run at once (default: two per core)")
    parser.add_argument(
        "--alarms-per-month", type=float, metavar="NUMBER", help="false alarms in total (default: as FLEET says)"
    )
    parser.add_argument("--retry-failed", action="store_true", help="also rerun what failed or was stopped")
    parser.add_argument("--history", action="store_true", help="also write history.html above each model's runs")


@VERBS.register("watch", group="run", rank=7, flags=_flags)
def watch(given: argparse.Namespace) -> int:
    """Run the due jobs of many models side by side, and write one page about all models, worst first."""
    from pathlib import Path

    from model_monitor.running.scheduling import command
    from model_monitor.running.scheduling.side_by_side import usual_at_once

    request = command.Request(
        tuple(map(Path, given.fleet)),
        state=Path(given.state) if given.state else None,
        retry_failed=given.retry_failed,
        history=given.history,
        at_once=usual_at_once() if given.at_once is None else given.at_once,
        page=Path(given.page),
        alarms_per_month=given.alarms_per_month,
    )
    return command.main(request, sys.stdout)
