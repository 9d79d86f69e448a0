"""`model-monitor prune`."""

from __future__ import annotations

import argparse
import sys

from model_monitor.cli.verbs import VERBS, opened


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--older-than", required=True, metavar="DURATION", help="ISO 8601, such as P90D")
    for name, meant in (("captures", "captures"), ("merged", "output paths of merges"), ("reports", "reports of runs")):
        parser.add_argument(f"--{name}", nargs="+", default=[], metavar="DIRECTORY", help=f"folders of {meant}")
    parser.add_argument("--pages", action="store_true", help="the pages of old runs below --reports go, too")
    kept = "old runs below --reports go with all they have, but for the latest N of each schedule"
    parser.add_argument("--keep-windows", type=int, metavar="N", help=kept)
    parser.add_argument("--dry-run", action="store_true", help="delete nothing, print what would go")


@VERBS.register("prune", group="keep", rank=2, flags=_flags)
def prune(given: argparse.Namespace) -> int:
    """Delete captures, merged records, quarantined records and waiting ids of old hours. Documents and states stay, unless
    --keep-windows says how many runs do."""
    from datetime import datetime, timedelta, timezone

    from model_monitor.errors import BadConfiguration
    from model_monitor.reports.history.maintenance import Trees, prunable, prune, totals
    from model_monitor.running.scheduling.schedules import read_offset

    age = read_offset(given.older_than, "--older-than")
    if age <= timedelta(0):
        raise BadConfiguration(f"--older-than is {given.older_than!r}; it has to be longer than nothing, such as P90D")
    if given.keep_windows is not None and given.keep_windows < 0:
        raise BadConfiguration(f"--keep-windows is {given.keep_windows}; it has to be 0 or more")
    if (given.pages or given.keep_windows is not None) and not given.reports:
        raise BadConfiguration("--pages and --keep-windows are of runs; name the folder above them by --reports")
    if not (given.captures or given.merged or given.reports):
        raise BadConfiguration("nothing is named that has hours; write --captures, --merged or --reports DIRECTORY")
    trees = Trees(given.captures, given.merged, given.reports, given.pages, given.keep_windows)
    with opened([*given.captures, *given.merged, *given.reports]):
        items = prunable(trees, datetime.now(timezone.utc) - age)
        for item in items if given.dry_run else ():
            sys.stdout.write(f"{item.path}\n")
        if not given.dry_run:
            prune(items, outputs=(*given.merged, *given.reports))
    for kind, (files, size_bytes) in totals(items).items():
        sys.stdout.write(f"{kind.value}: {files:,} files, {size_bytes:,} bytes\n")
    return 0
