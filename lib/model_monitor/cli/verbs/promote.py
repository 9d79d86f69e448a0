"""`model-monitor promote`."""

from __future__ import annotations

import argparse
import sys

from model_monitor.cli.verbs import VERBS, opened


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("baseline_run", metavar="RUN", help="output path of the run")
    parser.add_argument("--model-version", required=True, metavar="VERSION", help="name of the version")
    parser.add_argument("--to", required=True, metavar="DIRECTORY", help="folder of the versions")
    parser.add_argument("--replace", action="store_true", help="overwrite an existing version")


@VERBS.register("promote", group="decide", rank=2, flags=_flags)
def promote(given: argparse.Namespace) -> int:
    """Make a run the baseline of a model version: monitors compare with it from now on."""
    from datetime import datetime, timezone

    from model_monitor.reports.history.decisions import promote

    now = datetime.now(timezone.utc)
    with opened([given.baseline_run, given.to]):
        done = promote(given.baseline_run, given.model_version, given.to, now, replace=given.replace)
    sys.stdout.write(f"{given.to}: version {done.model_version} counts, run {done.run_id}\n")
    return 0
