"""`model-monitor accept`."""

from __future__ import annotations

import argparse
import sys

from model_monitor.cli.verbs import VERBS, opened


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("accepted_run", metavar="RUN", help="output path of the monitoring run")
    parser.add_argument("features", nargs="*", metavar="FEATURE", help="features or metrics (default: all)")
    parser.add_argument("--by", metavar="NAME", help="who accepts the alarms")
    parser.add_argument("--why", metavar="TEXT", help="reason for accepting the alarms")


@VERBS.register("accept", group="decide", rank=1, flags=_flags)
def accept(given: argparse.Namespace) -> int:
    """Accept the alarms of a run: its window counts as healthy, and the same alarm is not raised again."""
    from model_monitor.reports.history.decisions import accept

    with opened([given.accepted_run]):
        done = accept(given.accepted_run, given.features, by=given.by, why=given.why)
    sys.stdout.write(f"{given.accepted_run}: accepted {len(done.alarms)} of the violations of run {done.run_id}\n")
    return 0
