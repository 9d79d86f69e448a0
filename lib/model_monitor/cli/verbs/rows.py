"""`model-monitor rows`."""

from __future__ import annotations

import argparse
import sys

from model_monitor.cli.verbs import VERBS, opened


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_path", metavar="RUN", help="the run's output path")
    parser.add_argument("feature", metavar="FEATURE", help="a violated feature")
    parser.add_argument("--source", metavar="PATH", help="the data that the run read: also print the rows")


@VERBS.register("rows", group="look", rank=4, flags=_flags)
def rows(given: argparse.Namespace) -> int:
    """Print the ids of rows behind a violation, or the rows themselves."""
    from model_monitor.reports.examples import rows_behind

    with opened([given.run_path, given.source or ""]):
        for line in rows_behind(given.run_path, given.feature, given.source):
            sys.stdout.write(line + "\n")
    return 0
