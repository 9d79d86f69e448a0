"""`model-monitor import-notebook`."""

from __future__ import annotations

import argparse
import sys

from model_monitor.cli.verbs import VERBS


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("notebook", metavar="FILE", help="a notebook that uses the SageMaker SDK, version 2 or 3")
    parser.add_argument(
        "--output", metavar="FILE", help="where to write the notebook with changed imports (default: nowhere)"
    )


@VERBS.register("import-notebook", group="move over", rank=3, flags=_flags)
def import_notebook(given: argparse.Namespace) -> int:
    """Translate the import lines of a SageMaker SDK notebook for this package, and print what can't be translated."""
    import model_monitor.sagemaker as ours
    from model_monitor.integrations.imports.notebook import import_notebook

    import_notebook(given.notebook, given.output, frozenset(ours.__all__), sys.stdout)
    return 0
