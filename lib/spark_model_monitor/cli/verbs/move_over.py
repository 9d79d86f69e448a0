"""Commands that bring schedules, notebooks and old windows of the service here."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence

from spark_model_monitor.cli.verbs import FlagAdder, existing_path, register_verb


def _add_import_schedules_flags(add: FlagAdder) -> None:
    add(
        "files",
        "JSON of aws sagemaker describe-monitoring-schedule, describe-…-job-definition and describe-endpoint, in any order",
        "FILE",
        nargs="*",
        type=existing_path,
    )
    add("--schedule", "fetch this schedule and what it refers to from your account, with boto3", "NAME")
    add("--region", "region of --schedule (default: the one in your AWS settings)", "REGION")
    add("--output", "where to write the files (default: here)", "DIRECTORY", default=".")
    add("--captures", "the folder above the endpoints' captures", "PREFIX")
    add("--replace", "overwrite existing files")
    add("--airflow", "also write an Airflow DAG for each schedule")


@register_verb("import", group="move over", flags=_add_import_schedules_flags)
def import_schedules(options: Namespace) -> int:
    """Convert descriptions of the service's schedules into env files and schedule entries, and into Airflow DAGs."""
    from pathlib import Path

    from spark_model_monitor.integrations.imports.import_command import (
        fetch_answers,
        import_schedules,
        make_aws_client,
        read_answers,
    )

    # Files and answers of the account may be mixed; the files come first
    answers = list(read_answers(options.files))
    if options.schedule is not None:
        client = make_aws_client(options.region)
        answers += [(f"the account's {options.schedule}", answer) for answer in fetch_answers(client, options.schedule)]
    import_schedules(
        answers,
        Path(options.output),
        sys.stdout,
        captures=options.captures,
        replace=options.replace,
        # The DAGs start jobs by this very Python, which has the package
        dags_for=sys.executable if options.airflow else None,
    )
    return 0


@register_verb("replay", group="move over")
def replay(arguments: Sequence[str]) -> int:
    """Run old windows again, compare them with the service's reports, and report the differences."""
    from spark_model_monitor.running.replay import replay_command

    return replay_command.main(arguments)


def _add_import_notebook_flags(add: FlagAdder) -> None:
    add(
        "notebook",
        "a notebook, or a .py module, that uses the SageMaker SDK, version 2 or 3",
        "FILE",
        type=existing_path,
    )
    add("--output", "where to write it with changed lines (default: nowhere)", "FILE")


@register_verb("import-notebook", group="move over", flags=_add_import_notebook_flags)
def import_notebook(options: Namespace) -> int:
    """Translate the import lines of a SageMaker SDK notebook for this package, and print what can't be translated."""
    import spark_model_monitor.sagemaker as ours
    from spark_model_monitor.integrations.imports.notebook import import_notebook
    from spark_model_monitor.sagemaker.api_client import is_answered

    # The package itself says which names exist here, so that no list can be out of date
    import_notebook(options.notebook, options.output, frozenset(ours.__all__), sys.stdout, is_answered)
    return 0


def _add_leave_flags(add: FlagAdder) -> None:
    source = "a folder with the JSON of aws sagemaker describe-… and list-…; or the word account, which is only read"
    add("source", source, "SOURCE")
    # The flag names a folder, because a report is several files
    add("--output", "where to write the report (default: leaving)", "DIRECTORY", dest="folder", default="leaving")
    add("--prices", "prices of instance hours, as examples/leaving/prices.json", "FILE", type=existing_path)
    add("--captures", "the folder above the endpoints' captures", "PREFIX")
    add("--days", "days to replay, up to the newest capture (default: 30)", "DAYS", type=int, default=30)
    scripts = "let replays run the scripts of the account's definitions, with your rights, and send what these request"
    add("--run-scripts", scripts)
    add("--region", "region of the account (default: the one in your AWS settings)", "REGION")


@register_verb("leave", group="move over", flags=_add_leave_flags)
def leave(options: Namespace) -> int:
    """Report what a team has at the service, how it runs here, and what stops it there: one page, and JSON beside it."""
    import spark_model_monitor.sagemaker as ours
    from spark_model_monitor.integrations.leaving.leaving_command import LeaveRequest, leave
    from spark_model_monitor.running.runtime.logs import start_logging
    from spark_model_monitor.sagemaker.api_client import is_answered

    # A request has a member for each of the flags
    settings = {name: value for name, value in vars(options).items() if name in LeaveRequest.__annotations__}
    # Replaying windows takes minutes, so steps are logged; a caller in Python sets up its own log
    if options.is_own_process:
        start_logging()
    request = LeaveRequest(**settings, offered=frozenset(ours.__all__), is_answered=is_answered)
    return leave(request, sys.stdout).exit_status
