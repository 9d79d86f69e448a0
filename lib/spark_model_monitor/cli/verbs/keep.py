"""The commands `merge-states` and `prune`: what runs left is added up, or deleted."""

from __future__ import annotations

import sys
from argparse import Namespace

from spark_model_monitor.cli.verbs import FlagAdder, existing_path, open_paths, register_verb


def _add_merge_states_flags(add: FlagAdder) -> None:
    add("runs", "output path of a run, or its states directory", "RUN", nargs="*", type=existing_path)
    add("--output", "where to write the merged documents", "DIRECTORY")
    add("--history", "folder above hour folders, whose history.parquet is rebuilt", "DIRECTORY", type=existing_path)


@register_verb("merge-states", group="keep", flags=_add_merge_states_flags)
def merge_states(options: Namespace) -> int:
    """Merge the states of several runs into the documents of one run, or rebuild the history of monitored windows from their
    states. Needs no data."""
    from spark_model_monitor.errors import BadConfiguration

    # True if both kinds of arguments are given, or neither
    if bool(options.history) == bool(options.runs or options.output):
        raise BadConfiguration("merge-states takes either runs and --output, or --history")
    if options.history:
        from spark_model_monitor.reports.history.maintenance import rebuild_history

        with open_paths([options.history]):
            rebuild_history(options.history)
        return 0
    # There is no default: the documents of one of the runs would be overwritten
    if not options.output:
        raise BadConfiguration("--output is missing; write the folder where the merged documents go")
    from spark_model_monitor.running.runs.state_merge import merge_runs

    with open_paths([*options.runs, options.output]):
        merge_runs(options.runs, options.output)
    return 0


def _add_prune_flags(add: FlagAdder) -> None:
    add("--older-than", "ISO 8601, such as P90D", "DURATION", required=True)
    for flag, description in (
        ("--captures", "folders of captures"),
        ("--merged", "folders of output paths of merges"),
        ("--reports", "folders of reports of runs"),
    ):
        add(flag, description, "DIRECTORY", nargs="+", default=[], type=existing_path)
    add("--pages", "also delete the pages of old runs below --reports")
    keep_help = "delete old runs below --reports completely, except the latest N of each schedule"
    add("--keep-windows", keep_help, "N", type=int)
    add("--all", "with --keep-windows 0, also delete a schedule's last run")
    now_help = "count ages from TIME, such as 2026-03-04T00:00:00Z (default: from now)"
    add("--now", now_help, "TIME")
    add("--dry-run", "delete nothing, print what would be deleted")


@register_verb("prune", group="keep", flags=_add_prune_flags)
def prune(options: Namespace) -> int:
    """Delete captures, merged records, quarantined records and waiting ids of old hours. Documents and states stay, unless
    --keep-windows limits the number of runs."""
    from datetime import timedelta

    from spark_model_monitor.data.records.windows import parse_time
    from spark_model_monitor.errors import BadConfiguration
    from spark_model_monitor.machine import current_machine
    from spark_model_monitor.reports.history.maintenance import PruneSelection, count_totals, find_prunable, prune
    from spark_model_monitor.reports.outputs.printable import printable
    from spark_model_monitor.running.configuration.offsets import read_offset
    from spark_model_monitor.running.scheduling.record import VALID_YEARS

    # A duration of ISO 8601 may also be negative
    age = read_offset(options.older_than, "--older-than")
    if age <= timedelta(0):
        raise BadConfiguration(
            f"--older-than is {options.older_than!r}; it has to be longer than nothing, such as P90D"
        )
    # Users give the time if the clock is wrong, or if they repeat a deletion
    now = current_machine().now()
    if options.now is not None:
        given_time = parse_time(options.now)
        # Only years from which an age can be subtracted are valid
        if given_time is None or given_time.year not in VALID_YEARS:
            raise BadConfiguration(f"--now is {options.now!r}; it has to be a time, such as 2026-03-04T00:00:00Z")
        now = given_time
    if options.keep_windows is not None and options.keep_windows < 0:
        raise BadConfiguration(f"--keep-windows is {options.keep_windows}; it has to be 0 or more")
    # Captures and merged records have no pages and no runs
    if (options.pages or options.keep_windows is not None) and not options.reports:
        raise BadConfiguration("--pages and --keep-windows are of runs; name the folder above them by --reports")
    if not (options.captures or options.merged or options.reports):
        raise BadConfiguration("nothing is named that has hours; write --captures, --merged or --reports DIRECTORY")
    selection = PruneSelection(
        options.captures, options.merged, options.reports, options.pages, options.keep_windows, options.all
    )
    with open_paths([*options.captures, *options.merged, *options.reports]):
        # A dry run lists what a real run deletes
        prunable_files = find_prunable(selection, now - age)
        if options.dry_run:
            # One path per line, for other programs; a line break in a name is escaped
            for prunable_file in prunable_files:
                sys.stdout.write(f"{printable(prunable_file.path)}\n")
        else:
            # Outputs are named so that a prune which was killed there earlier is finished, too
            prune(prunable_files, outputs=(*options.merged, *options.reports))
    for kind, (files, size_bytes) in count_totals(prunable_files).items():
        sys.stdout.write(f"{kind.value}: {files:,} files, {size_bytes:,} bytes\n")
    return 0
