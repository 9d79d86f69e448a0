"""`model-monitor run-due`."""

from __future__ import annotations

import argparse
import sys

from model_monitor.cli.verbs import VERBS


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--schedule", required=True, nargs="+", metavar="FILE", help="schedule entries (docs/schedules.md)"
    )
    parser.add_argument("--state", metavar="DIRECTORY", help="where runs are recorded (default: beside each entry)")
    looking = parser.add_mutually_exclusive_group()
    looking.add_argument("--list", action="store_true", help="run nothing; list the runs")
    looking.add_argument(
        "--check", action="store_true", help="run nothing; if runs are overdue, end with 1 and notify sinks"
    )
    looking.add_argument("--retry-failed", action="store_true", help="also rerun what failed or was stopped")
    parser.add_argument("--history", action="store_true", help="after a run, also write history.html above the runs")
    parser.add_argument("--json", action="store_true", help="list as JSON, as the service's API does")
    parser.add_argument(
        "--alarms-per-month", type=float, metavar="NUMBER", help="false alarms in total (default: as FILE says)"
    )
    parser.add_argument("--max-results", type=int, default=10, metavar="NUMBER", help="runs to list (default: 10)")


@VERBS.register("run-due", group="run", rank=6, flags=_flags)
def run_due(given: argparse.Namespace) -> int:
    """Run the jobs that are due by their schedules, and list their runs, latest first."""
    from pathlib import Path

    from model_monitor.running.scheduling import command

    request = command.Request(
        tuple(map(Path, given.schedule)),
        state=Path(given.state) if given.state else None,
        does=command.Doing.LIST if given.list else command.Doing.CHECK if given.check else command.Doing.RUN,
        retry_failed=given.retry_failed,
        history=given.history,
        as_json=given.json,
        most=given.max_results,
        alarms_per_month=given.alarms_per_month,
    )
    return command.main(request, sys.stdout)
