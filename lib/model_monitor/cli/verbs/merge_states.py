"""`model-monitor merge-states`."""

from __future__ import annotations

import argparse

from model_monitor.cli.verbs import VERBS, opened


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="*", metavar="RUN", help="output path of a run, or its states directory")
    parser.add_argument("--output", metavar="DIRECTORY", help="where to write the merged documents")
    parser.add_argument(
        "--history", metavar="DIRECTORY", help="folder above hour folders, whose history.parquet is rebuilt"
    )


@VERBS.register("merge-states", group="keep", rank=1, flags=_flags)
def merge_states(given: argparse.Namespace) -> int:
    """Merge the states of several runs into the documents of one run, or rebuild the history of monitored windows from their
    states. Needs no data.
    """
    from model_monitor.errors import BadConfiguration

    if bool(given.history) == bool(given.runs or given.output):
        raise BadConfiguration("merge-states takes either runs and --output, or --history")
    if given.history:
        from model_monitor.reports.history.maintenance import rebuild_history

        with opened([given.history]):
            rebuild_history(given.history)
        return 0
    if not given.output:
        raise BadConfiguration("--output is missing; write the folder where the merged documents go")
    from model_monitor.running.runs.merging import merge_runs

    with opened([*given.runs, given.output]):
        merge_runs(given.runs, given.output)
    return 0
