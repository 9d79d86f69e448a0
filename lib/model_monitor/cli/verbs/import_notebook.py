"""`model-monitor import-notebook`."""

from __future__ import annotations

import argparse
import sys

from model_monitor.cli.verbs import VERBS


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("notebook", metavar="FILE", help="a notebook of the SageMaker SDK, version 2 or 3")
    parser.add_argument(
        "--output", metavar="FILE", help="where the notebook goes with its imports changed (default: nowhere)"
    )


@VERBS.register("import-notebook", group="move over", rank=2, flags=_flags)
def import_notebook(given: argparse.Namespace) -> int:
    """Print the import lines of a notebook of the SDK as they read here, and what can't be changed."""
    import json

    import model_monitor.sagemaker as ours
    from model_monitor.integrations.imports.notebook import changed, changes_of, read_notebook
    from model_monitor.storage import LocalStorage

    notebook = read_notebook(given.notebook)
    changes = list(changes_of(notebook, frozenset(ours.__all__)))
    for change in changes:
        sys.stdout.write(f"cell {change.cell}, line {change.first}\n")
        for mark, text in (("-", change.before), ("+", change.after or ""), ("!", change.reason)):
            sys.stdout.write("".join(f"  {mark} {line}\n" for line in text.splitlines()))
    if not changes:
        sys.stdout.write(f"{given.notebook} imports nothing of the SDK\n")
    if given.output is not None:
        text = json.dumps(changed(notebook, changes), indent=1, ensure_ascii=False)
        LocalStorage().write(given.output, f"{text}\n".encode())
    return 0
