"""Commands that run jobs, and what is due."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from spark_model_monitor.cli.verbs import FlagAdder, existing_path, open_paths, register_verb, start_job

if TYPE_CHECKING:
    from spark_model_monitor.running.runtime.logs import LogStyle


@register_verb("baseline", group="run")
def baseline(arguments: Sequence[str]) -> int:
    """Profile a data set and suggest constraints for later data: spark-model-monitor baseline FILE."""
    return start_job("baseline", arguments)


@register_verb("monitor", group="run")
def monitor(arguments: Sequence[str]) -> int:
    """Compare later data with a baseline and report what is wrong: spark-model-monitor monitor FILE --baseline DIRECTORY."""
    return start_job("monitor", arguments)


@register_verb("backfill", group="run")
def backfill(arguments: Sequence[str]) -> int:
    """Monitor every hour of existing captures: spark-model-monitor backfill CAPTURES --baseline DIRECTORY."""
    from spark_model_monitor.reports.history_page import report_command as history
    from spark_model_monitor.running.configuration.encryption import upload_arguments
    from spark_model_monitor.running.replay import replay_command
    from spark_model_monitor.storage import encrypt_uploads

    request = replay_command.read_backfill(arguments)
    config = request.config
    # One session for all hours: a JVM for each would take longer than the hours
    with open_paths([config.dataset_source, config.output_path]):
        status, has_runs = replay_command.backfill(request, sys.stdout)
        # Without a run there is nothing that a page could show
        if has_runs:
            # The page repeats the results, so it is encrypted like them
            with encrypt_uploads(upload_arguments(config.s3_encryption, config.s3_kms_key)):
                history.main(history.HistoryRequest([config.output_path]), None, sys.stdout)
    return status


@register_verb("merge", group="run")
def merge(arguments: Sequence[str]) -> int:
    """Join captures with their labels: spark-model-monitor merge CAPTURES --ground-truth-source LABELS."""
    return start_job("merge", arguments)


@register_verb("submit", group="run")
def submit(arguments: Sequence[str]) -> int:
    """Start a job with spark-submit: spark-model-monitor submit baseline FLAGS."""
    from spark_model_monitor.spark.launch import submission

    return submission.main(arguments, program="spark-model-monitor submit")


def _add_log_flags(add: FlagAdder) -> None:
    detail = add.make_alternatives()
    detail("--quiet", "log only what is wrong (default: a line for each model)")
    detail("--verbose", "log each step of each job")
    add("--log-json", "log JSON lines, for collectors")


def _read_log_style(options: Namespace) -> LogStyle:
    from spark_model_monitor.running.runtime.logs import Detail, LogStyle

    detail = Detail.SUMMARY
    if options.quiet:
        detail = Detail.QUIET
    elif options.verbose:
        detail = Detail.STEPS
    return LogStyle(detail, options.log_json)


def _run_schedules(files: Sequence[str], options: Namespace, **members: Any) -> int:
    from pathlib import Path

    from spark_model_monitor.running.scheduling import schedule_command

    request = schedule_command.Request(
        tuple(map(Path, files)),
        state=options.state or None,
        retry_failed=options.retry_failed,
        history=options.history,
        alarms_per_month=options.alarms_per_month,
        log_style=_read_log_style(options),
        **members,
    )
    return schedule_command.main(request, sys.stdout)


def _add_run_due_flags(add: FlagAdder) -> None:
    add("--schedule", "schedule entries (docs/schedules.md)", "FILE", required=True, nargs="+")
    add("--state", "where runs are recorded, also on S3 (default: beside each entry)", "DIRECTORY")
    modes = add.make_alternatives()
    modes("--list", "run nothing; list the runs")
    modes("--check", "run nothing; if runs are overdue, end with 1 and notify sinks")
    modes("--retry-failed", "also rerun what failed or took too long")
    add("--history", "after a run, also write history.html above the runs")
    add("--json", "list as JSON, as the service's API does")
    add("--alarms-per-month", "false alarms in total (default: as FILE says)", "NUMBER", type=float)
    add("--max-results", "runs to list (default: 10)", "NUMBER", type=int, default=10)
    _add_log_flags(add)


@register_verb("run-due", group="run", flags=_add_run_due_flags)
def run_due(options: Namespace) -> int:
    """Run the jobs that are due by their schedules, and list their runs, latest first."""
    from spark_model_monitor.running.scheduling import schedule_command

    # The parser lets only one of the flags through
    if options.list:
        action = schedule_command.Action.LIST
    elif options.check:
        action = schedule_command.Action.CHECK
    else:
        action = schedule_command.Action.RUN
    listing = {"as_json": options.json, "max_results": options.max_results}
    return _run_schedules(options.schedule, options, action=action, **listing)


def _add_watch_flags(add: FlagAdder) -> None:
    add("fleet", "fleet.yaml, or a folder of schedule entries (docs/schedules.md)", "FLEET", nargs="+")
    add("--state", "where runs are recorded, also on S3 (default: beside each entry)", "DIRECTORY")
    add("--page", "file of the page (default: index.html)", "FILE", default="index.html")
    add("--at-once", "jobs to run at once (default: two per core)", "NUMBER", type=int)
    add("--alarms-per-month", "false alarms in total (default: as FLEET says)", "NUMBER", type=float)
    add("--retry-failed", "also rerun what failed or took too long")
    add("--history", "also write history.html above each model's runs")
    _add_log_flags(add)


@register_verb("watch", group="run", flags=_add_watch_flags)
def watch(options: Namespace) -> int:
    """Run the due jobs of many models side by side, and write one page about all models, worst first."""
    from pathlib import Path

    from spark_model_monitor.running.scheduling.parallel_jobs import default_job_count

    # Decided here and not in the parser, whose help then works without counting cores
    at_once = default_job_count() if options.at_once is None else options.at_once
    return _run_schedules(options.fleet, options, at_once=at_once, page=Path(options.page))


def _add_watch_tables_flags(add: FlagAdder) -> None:
    add("tables", "'sales.*' in a warehouse, 'CATALOG.sales.*' in a catalog", "TABLES")
    add("--warehouse", "folder above the folders of the schemas", "DIRECTORY", type=existing_path)
    add("--catalog", "tables of Spark's catalog, as Spark's settings define it", choices=("spark",))
    add("--output", "folder of the results (default: tables)", "DIRECTORY", default="tables")
    add("--sink", "where to send one message for each cause (docs/reference/alerts.md)", "SINKS")
    add("--at-once", "tables to check at once (default: two per core)", "NUMBER", type=int)
    add("--follow-links", "also read what links of --warehouse lead to outside of it")


@register_verb("watch-tables", group="run", flags=_add_watch_tables_flags)
def watch_tables(options: Namespace) -> int:
    """Watch every table of a schema: compare new commits with the commits before them."""
    from pathlib import Path

    from spark_model_monitor.running.scheduling import schedule_command

    # Without --catalog the tables are folders below --warehouse
    return schedule_command.watch_tables(
        options.tables,
        options.warehouse,
        Path(options.output),
        sys.stdout,
        sinks=options.sink or "",
        at_once=options.at_once,
        uses_spark_catalog=options.catalog is not None,
        follow_links=options.follow_links,
    )
