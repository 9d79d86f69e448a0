"""`model-monitor promote`."""

from __future__ import annotations

import argparse
import sys

from model_monitor.cli.verbs import VERBS, opened


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("baseline_run", metavar="RUN", help="output path of the run")
    parser.add_argument("--model-version", required=True, metavar="VERSION", help="what it is called")
    parser.add_argument("--to", required=True, metavar="DIRECTORY", help="where the versions are")
    parser.add_argument("--replace", action="store_true", help="write over a version that is there already")


@VERBS.register("promote", group="decide", rank=2, flags=_flags)
def promote(given: argparse.Namespace) -> int:
    """Keep a run as the baseline of a version of the model: monitors compare with it from now on."""
    from datetime import datetime, timezone

    from model_monitor.reports.history.decisions import promote

    now = datetime.now(timezone.utc)
    with opened([given.baseline_run, given.to]):
        done = promote(given.baseline_run, given.model_version, given.to, now, replace=given.replace)
    sys.stdout.write(f"{given.to}: version {done.model_version} counts, run {done.run_id}\n")
    return 0
