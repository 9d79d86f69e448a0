"""`model-monitor report`."""

from __future__ import annotations

import argparse
import sys

from model_monitor.cli.verbs import VERBS, opened


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folders",
        nargs="+",
        metavar="DIR",
        help="output paths of runs, or folders above them, ours or the service's",
    )
    parser.add_argument("--since", metavar="TIME", help="windows from this time on, such as 2026-03-01")
    parser.add_argument("--until", metavar="TIME", help="windows that start before this time")
    parser.add_argument("--last", type=int, metavar="N", help="the last N windows")
    parser.add_argument("--features", action="append", metavar="PATTERN,…", help="only matching names, such as 'age*'")
    parser.add_argument("--title", metavar="TEXT", help="title of the page (default: the model)")
    parser.add_argument("--max-size", default="5MB", metavar="SIZE", help="maximum size of the page (default: 5MB)")
    parser.add_argument("--output", metavar="FILE", help="file of the page (default: history.html in the first DIR)")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")


@VERBS.register("report", group="look", rank=1, flags=_flags)
def report(given: argparse.Namespace) -> int:
    """Write a page about many runs: what is wrong and since when, over time, feature by window. One file that fetches nothing."""
    from model_monitor.reports.history_page import command

    names = tuple(name for each in given.features or () for name in each.split(","))
    request = command.Request(given.folders, given.since, given.until, given.last, names, given.title, given.max_size)
    with opened([*given.folders, given.output or ""]):
        return command.main(request, given.output, sys.stdout, shown=given.open)
