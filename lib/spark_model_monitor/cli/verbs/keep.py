"""Commands that keep what runs leave, or let it go."""

from __future__ import annotations

import argparse
import sys

from spark_model_monitor.cli.verbs import VERBS, opened


def _merge_states_flags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("runs", nargs="*", metavar="RUN", help="output path of a run, or its states directory")
    add("--output", metavar="DIRECTORY", help="where to write the merged documents")
    add("--history", metavar="DIRECTORY", help="folder above hour folders, whose history.parquet is rebuilt")


@VERBS.register("merge-states", group="keep", flags=_merge_states_flags)
def merge_states(given: argparse.Namespace) -> int:
    """Merge the states of several runs into the documents of one run, or rebuild the history of monitored windows from their
    states. Needs no data."""
    from spark_model_monitor.errors import BadConfiguration

    if bool(given.history) == bool(given.runs or given.output):
        raise BadConfiguration("merge-states takes either runs and --output, or --history")
    if given.history:
        from spark_model_monitor.reports.history.maintenance import rebuild_history

        with opened([given.history]):
            rebuild_history(given.history)
        return 0
    if not given.output:
        raise BadConfiguration("--output is missing; write the folder where the merged documents go")
    from spark_model_monitor.running.runs.merging import merge_runs

    with opened([*given.runs, given.output]):
        merge_runs(given.runs, given.output)
    return 0


def _prune_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--older-than", required=True, metavar="DURATION", help="ISO 8601, such as P90D")
    for name, meant in (("captures", "captures"), ("merged", "output paths of merges"), ("reports", "reports of runs")):
        parser.add_argument(f"--{name}", nargs="+", default=[], metavar="DIRECTORY", help=f"folders of {meant}")
    parser.add_argument("--pages", action="store_true", help="also delete the pages of old runs below --reports")
    kept = "delete old runs below --reports completely, except the latest N of each schedule"
    parser.add_argument("--keep-windows", type=int, metavar="N", help=kept)
    parser.add_argument("--dry-run", action="store_true", help="delete nothing, print what would be deleted")


@VERBS.register("prune", group="keep", flags=_prune_flags)
def prune(given: argparse.Namespace) -> int:
    """Delete captures, merged records, quarantined records and waiting ids of old hours. Documents and states stay, unless
    --keep-windows limits the number of runs."""
    from datetime import datetime, timedelta, timezone

    from spark_model_monitor.errors import BadConfiguration
    from spark_model_monitor.reports.history.maintenance import Trees, count_totals, find_prunable, prune
    from spark_model_monitor.running.scheduling.schedules import read_offset

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
        items = find_prunable(trees, datetime.now(timezone.utc) - age)
        for item in items if given.dry_run else ():
            sys.stdout.write(f"{item.path}\n")
        if not given.dry_run:
            prune(items, outputs=(*given.merged, *given.reports))
    for kind, (files, size_bytes) in count_totals(items).items():
        sys.stdout.write(f"{kind.value}: {files:,} files, {size_bytes:,} bytes\n")
    return 0
