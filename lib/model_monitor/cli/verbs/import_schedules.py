"""`model-monitor import`."""

from __future__ import annotations

import argparse
import sys

from model_monitor.cli.verbs import VERBS


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="JSON of aws sagemaker describe-monitoring-schedule, describe-…-job-definition "
        "and describe-endpoint, in any order",
    )
    parser.add_argument(
        "--schedule", metavar="NAME", help="fetch this schedule and what it refers to from your account, with boto3"
    )
    parser.add_argument(
        "--region", metavar="REGION", help="region of --schedule (default: the one in your AWS settings)"
    )
    parser.add_argument("--output", default=".", metavar="DIRECTORY", help="where to write the files (default: here)")
    parser.add_argument("--captures", metavar="PREFIX", help="the folder above the endpoints' captures")
    parser.add_argument("--replace", action="store_true", help="overwrite existing files")
    parser.add_argument("--airflow", action="store_true", help="also write an Airflow DAG for each schedule")


@VERBS.register("import", group="move over", rank=1, flags=_flags)
def import_schedules(given: argparse.Namespace) -> int:
    """Convert descriptions of the service's schedules into env files and schedule entries, and into Airflow DAGs."""
    from pathlib import Path

    from model_monitor.integrations.imports.command import answers_on, import_schedules, read_answers, sagemaker_client

    answers = list(read_answers(given.files))
    if given.schedule is not None:
        client = sagemaker_client(given.region)
        answers += [(f"the account's {given.schedule}", answer) for answer in answers_on(client, given.schedule)]
    import_schedules(
        answers,
        Path(given.output),
        sys.stdout,
        captures=given.captures,
        replace=given.replace,
        dags_for=sys.executable if given.airflow else None,
    )
    return 0
