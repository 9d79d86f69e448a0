"""`model-monitor watch-tables`."""

from __future__ import annotations

import argparse
import sys

from model_monitor.cli.verbs import VERBS


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tables", metavar="TABLES", help="'sales.*' in a warehouse, 'CATALOG.sales.*' in a catalog")
    parser.add_argument("--warehouse", metavar="DIRECTORY", help="folder above the folders of the schemas")
    parser.add_argument(
        "--catalog", choices=("spark",), help="tables of Spark's catalog, as Spark's settings define it"
    )
    parser.add_argument(
        "--output", default="tables", metavar="DIRECTORY", help="folder of the results (default: tables)"
    )
    parser.add_argument("--sink", metavar="SINKS", help="where to send one message for each cause (docs/alerts.md)")
    parser.add_argument("--at-once", type=int, metavar="NUMBER", help="tables to check at once (default: two per core)")


@VERBS.register("watch-tables", group="run", rank=8, flags=_flags)
def watch_tables(given: argparse.Namespace) -> int:
    """Watch every table of a schema: compare new commits with the commits before them."""
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
