"""`model-monitor compare`."""

from __future__ import annotations

import argparse
import sys

from model_monitor.cli.verbs import VERBS, opened


def _flags(parser: argparse.ArgumentParser) -> None:
    for name in ("before", "after"):
        parser.add_argument(
            name, metavar=name.upper(), help="output path of a run, folder of the service, or statistics.json"
        )
    parser.add_argument("--judge", action="store_true", help="end with 4 if AFTER breaks the constraints of BEFORE")
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    parser.add_argument("--output", metavar="FILE", help="also write the comparison as a page")
    parser.add_argument(
        "--attributions", metavar="PATH", help="analysis.json of the model: list influential features first"
    )


@VERBS.register("compare", group="look", rank=2, flags=_flags)
def compare(given: argparse.Namespace) -> int:
    """Report what changed between two runs, baselines or statistics.json files, largest change first. Needs no data, no JVM."""
    from model_monitor.reports.history_page.compare import main

    told = {"as_json": given.json, "judge": given.judge, "output": given.output, "attributions": given.attributions}
    with opened([given.before, given.after, given.output or "", given.attributions or ""]):
        return main(given.before, given.after, sys.stdout, **told)
