"""`model-monitor explain`."""

from __future__ import annotations

import argparse
import json
import sys

from model_monitor.cli.verbs import VERBS, opened


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("feature", metavar="FEATURE", help="a feature or metric that the run checked")
    parser.add_argument("--run", required=True, dest="run_path", metavar="DIRECTORY", help="the run's output path")
    parser.add_argument(
        "--baseline", metavar="DIRECTORY", help="the baseline's output path (default: the one named by the run)"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object")


@VERBS.register("explain", group="look", rank=3, flags=_flags)
def explain(given: argparse.Namespace) -> int:
    """Show where the numbers of a feature's checks come from: both distributions, the largest gap, the formula, the verdict."""
    from model_monitor.reports.derivation import as_text, explain

    with opened([given.run_path, given.baseline or ""]):
        explanation = explain(given.feature, given.run_path, given.baseline)
    plain = json.dumps(explanation.plain(), indent=2, ensure_ascii=False) + "\n" if given.json else None
    sys.stdout.write(plain or as_text(explanation))
    return 0
