"""`model-monitor rollback`."""

from __future__ import annotations

import argparse
import sys

from model_monitor.cli.verbs import VERBS, opened


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("baselines", metavar="DIRECTORY", help="folder of the versions")


@VERBS.register("rollback", group="decide", rank=3, flags=_flags)
def rollback(given: argparse.Namespace) -> int:
    """Undo the last promotion: the version before it is the baseline again."""
    from datetime import datetime, timezone

    from model_monitor.reports.history.decisions import roll_back

    with opened([given.baselines]):
        done = roll_back(given.baselines, datetime.now(timezone.utc))
    sys.stdout.write(f"{given.baselines}: version {done.model_version} counts again, run {done.run_id}\n")
    return 0
