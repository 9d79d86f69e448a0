"""`model-monitor rollback`."""

from __future__ import annotations

import argparse
import sys

from model_monitor.cli.verbs import VERBS, opened


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("baselines", metavar="DIRECTORY", help="where the versions are")


@VERBS.register("rollback", group="decide", rank=3, flags=_flags)
def rollback(given: argparse.Namespace) -> int:
    """Take back the version that was promoted last: the one before it counts again."""
    from datetime import datetime, timezone

    from model_monitor.reports.history.decisions import roll_back

    with opened([given.baselines]):
        done = roll_back(given.baselines, datetime.now(timezone.utc))
    sys.stdout.write(f"{given.baselines}: version {done.model_version} counts again, run {done.run_id}\n")
    return 0
