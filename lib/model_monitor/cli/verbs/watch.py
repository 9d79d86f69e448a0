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
    parser.add_argument("--page", default="index.html", metavar="FILE", help="the page of all (default: index.html)")
    parser.add_argument("--at-once", type=int, metavar="NUMBER", help="jobs side by side (default: two a core)")
    parser.add_argument(
        "--alarms-per-month", type=float, metavar="NUMBER", help="false alarms of all together (default: as FLEET says)"
    )
    parser.add_argument("--retry-failed", action="store_true", help="run again what failed or was stopped, too")
    parser.add_argument("--history", action="store_true", help="write history.html above the runs of each model, too")


@VERBS.register("watch", group="run", rank=7, flags=_flags)
def watch(given: argparse.Namespace) -> int:
    """Run what is due of many models side by side, and write one page of all, the worst first."""
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
