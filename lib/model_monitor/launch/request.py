"""What a command line asks for: the job, what goes to it, what goes to Spark, and our own options. Standard library only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model_monitor.errors import BadConfiguration
from model_monitor.launch.spark_options import SparkOption, split_options
from model_monitor.launch.target import OPTIONS as TARGET_OPTIONS
from model_monitor.launch.target import Target

COLUMNS = 1000
"""How wide data is taken to be, if nobody says."""


@dataclass(frozen=True)
class Request:
    """A command line, taken apart: the job, what goes to it, what goes to Spark, and our own options.

    environment: an archive of Python's libraries for the nodes of a cluster; None if they have them.
    """

    job: str
    job_arguments: list[str]
    options: list[SparkOption]
    dry_run: bool
    columns: int
    target: Target | None = None
    environment: str | None = None

    @property
    def asks_for_help(self) -> bool:
        return any(word in ("--help", "-h", "--help-all") for word in self.job_arguments)


def read_request(arguments: Sequence[str]) -> Request | None:
    """The command line taken apart, or None if it asks for help or names no job.

    Raises BadConfiguration if something of the job's stands before the job.
    """
    options, rest = split_options(arguments)
    own, dry_run, columns = iter(rest), False, COLUMNS
    target: dict[str, str] = {}
    waits = True
    for word in own:
        name, equals, value = word.partition("=")
        if word == "--dry-run":
            dry_run = True
        elif word == "--no-wait":
            waits = False
        elif name in TARGET_OPTIONS:
            target[name] = value if equals else next(own, "")
        elif name == "--columns":
            columns = _columns(value if equals else next(own, ""))
        elif word in ("--help", "-h"):
            return None
        elif word.startswith("-"):
            raise BadConfiguration(f"{word} stands before the job and is no option of spark-submit; name the job first")
        else:
            job_arguments = list(own)
            if "--dry-run" in job_arguments:
                job_arguments.remove("--dry-run")
                dry_run = True
            _require_own_before(job_arguments)
            named = Target.of(target, waits=waits)
            return Request(word, job_arguments, options, dry_run, columns, named, target.get("--environment"))
    return None


def _require_own_before(job_arguments: Sequence[str]) -> None:
    """Raises BadConfiguration for an option of ours that stands behind the job."""
    ours = {"--no-wait", *TARGET_OPTIONS}
    late = next((word for word in job_arguments if word.partition("=")[0] in ours), None)
    if late is not None:
        raise BadConfiguration(
            f"{late} stands behind the job; write it before: model-monitor submit {late} … JOB FLAGS"
        )


def _columns(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise BadConfiguration(
            f"--columns is {text!r}; before the job it is how wide the data is, a whole number above 0"
        )
    return int(text)
