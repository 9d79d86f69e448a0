"""`model-monitor watch-tables`."""

from __future__ import annotations

import argparse
import sys

from model_monitor.cli.verbs import VERBS


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tables", metavar="TABLES", help="'sales.*' of a warehouse, 'CATALOG.sales.*' of a catalog")
    parser.add_argument("--warehouse", metavar="DIRECTORY", help="the folder above the schemas' folders")
    parser.add_argument(
        "--catalog", choices=("spark",), help="the tables of Spark's catalog, as its own settings have it"
    )
    parser.add_argument("--output", default="tables", metavar="DIRECTORY", help="where results go (default: tables)")
    parser.add_argument("--sink", metavar="SINKS", help="who gets one message for each cause (docs/alerts.md)")
    parser.add_argument("--at-once", type=int, metavar="NUMBER", help="tables side by side (default: two a core)")


@VERBS.register("watch-tables", group="run", rank=8, flags=_flags)
def watch_tables(given: argparse.Namespace) -> int:
    """Watch every table of a schema, by the commits that it remembers."""
    from pathlib import Path

    from model_monitor.running.scheduling import command

    return command.watch_tables(
        given.tables,
        given.warehouse,
        Path(given.output),
        sys.stdout,
        sinks=given.sink or "",
        at_once=given.at_once,
        of_spark=given.catalog is not None,
    )
