"""The `model-monitor` command: thin, each subcommand one call. Jobs start a JVM if they need Spark, the others for paths that are
not of this machine.

What a subcommand needs is imported when it is called, so that `model-monitor --help` takes no time.
"""

from __future__ import annotations

import argparse
import difflib
import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from model_monitor import __version__
from model_monitor.errors import MonitorError
from model_monitor.progress import progress_shown

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; the exit status is its own, 2 for a wrong command line.

    A fault of ours leaves a trace without its text, as in a job: that may repeat values.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words and words[0] in READ_THEIR_OWN_FLAGS:
            return READ_THEIR_OWN_FLAGS[words[0]](words[1:])
        given = _parser().parsed(words)
        with progress_shown():
            return int(given.run(given))
    except MonitorError as error:
        from model_monitor.outputs.printable import error_lines

        sys.stderr.write(error_lines(error))
        return error.exit_status
    except (Exception, KeyboardInterrupt) as error:
        from model_monitor.outputs.printable import printable_lines
        from model_monitor.runtime.failures import failure_of
        from model_monitor.runtime.traces import trace_of

        failure = failure_of(error)
        trace = "" if failure.is_expected else f"{trace_of(error)}\n"
        sys.stderr.write(f"{trace}Error: {printable_lines(failure.reason)}\n")
        return failure.exit_status


def baseline(arguments: Sequence[str]) -> int:
    """Profile a data set and suggest what later data should be like: model-monitor baseline FILE."""
    return _job("baseline", arguments)


def monitor(arguments: Sequence[str]) -> int:
    """Say what is wrong with later data: model-monitor monitor FILE --baseline DIRECTORY."""
    return _job("monitor", arguments)


def merge(arguments: Sequence[str]) -> int:
    """Join captures with their labels: model-monitor merge CAPTURES --ground-truth-source LABELS."""
    return _job("merge", arguments)


def backfill(arguments: Sequence[str]) -> int:
    """Monitor every hour of captures that are there: model-monitor backfill CAPTURES --baseline DIRECTORY."""
    from model_monitor.configuration.s3 import upload_arguments
    from model_monitor.replay import backfill
    from model_monitor.reports import command
    from model_monitor.storage import encrypting

    request = backfill.read_request(arguments)
    config = request.config
    with _opened([config.dataset_source, config.output_path]):
        status, has_runs = backfill.backfill(request, sys.stdout)
        if has_runs:
            with encrypting(upload_arguments(config.s3_encryption, config.s3_kms_key)):
                command.main(command.Request([config.output_path]), None, sys.stdout)
    return status


def _job(name: str, arguments: Sequence[str]) -> int:
    from model_monitor.launch import submission

    return submission.main([name, *arguments], program="model-monitor", is_verb=True)


def completion(given: argparse.Namespace) -> int:
    """Print what bash or zsh need to complete commands and flags: eval "$(model-monitor completion bash)"."""
    from model_monitor.configuration.completion import script

    flags = {name: parser.flags for name, parser in _parser().commands.items()}
    sys.stdout.write(script(given.shell, flags))
    return 0


def submit(arguments: Sequence[str]) -> int:
    """Start a job by spark-submit: model-monitor submit baseline FLAGS."""
    from model_monitor.launch import submission

    return submission.main(arguments, program="model-monitor submit")


def demo(arguments: Sequence[str]) -> int:
    """Make an example data set, baseline it, monitor an hour of it, and say what is wrong."""
    from model_monitor.demo import run

    return run.main(arguments)


def replay(arguments: Sequence[str]) -> int:
    """Run old windows beside the reports that the service left, and say where they differ."""
    from model_monitor.replay import command

    return command.main(arguments)


def merge_states(given: argparse.Namespace) -> int:
    """Merge the states of several runs into one run's documents, or make the history of monitored windows again of their states;
    without the data.
    """
    from model_monitor.errors import BadConfiguration

    if bool(given.history) == bool(given.runs or given.output):
        raise BadConfiguration("merge-states takes either runs and --output, or --history")
    if given.history:
        from model_monitor.history.rebuilding import rebuild_history

        rebuild_history(given.history, _session_for([given.history]))
        return 0
    if not given.output:
        raise BadConfiguration("--output is missing; write the folder where the merged documents go")
    from model_monitor.runs.merging import merge_runs

    with _opened([*given.runs, given.output]):
        merge_runs(given.runs, given.output)
    return 0


def explain(given: argparse.Namespace) -> int:
    """Show where the numbers of a feature's checks come from: both distributions, the largest gap, the formula, the verdict."""
    from model_monitor.derivation import text
    from model_monitor.derivation.runs import explain

    with _opened([given.run_path, given.baseline or ""]):
        explanation = explain(given.feature, given.run_path, given.baseline)
    shown = (
        json.dumps(explanation.plain(), indent=2, ensure_ascii=False) + "\n"
        if given.json
        else text.as_text(explanation)
    )
    sys.stdout.write(shown)
    return 0


def report(given: argparse.Namespace) -> int:
    """Write the page of many runs: what is wrong and since when, over time, feature by window. One file that asks for nothing."""
    from model_monitor.reports import command

    names = tuple(name for each in given.features or () for name in each.split(","))
    request = command.Request(given.folders, given.since, given.until, given.last, names, given.title, given.max_size)
    with _opened([*given.folders, given.output or ""]):
        return command.main(request, given.output, sys.stdout, shown=given.open)


def compare(given: argparse.Namespace) -> int:
    """Say what changed between two runs, baselines or statistics.json files, the largest change first. No data, no JVM."""
    from model_monitor.reports.compare import main

    told = {"as_json": given.json, "judge": given.judge, "output": given.output, "attributions": given.attributions}
    with _opened([given.before, given.after, given.output or "", given.attributions or ""]):
        return main(given.before, given.after, sys.stdout, **told)


def import_schedules(given: argparse.Namespace) -> int:
    """Turn descriptions of the service's schedules into env files and schedule entries, and into DAGs of Airflow."""
    from pathlib import Path

    from model_monitor.imports.account import answers_on, sagemaker_client
    from model_monitor.imports.command import import_schedules, read_answers

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


def promote(given: argparse.Namespace) -> int:
    """Keep a run as the baseline of a version of the model, and have monitors compare with it from now on."""
    from datetime import datetime, timezone

    from model_monitor.history.promotions import promote

    now = datetime.now(timezone.utc)
    spark = _session_for([given.baseline_run, given.to])
    done = promote(given.baseline_run, given.model_version, given.to, now, replace=given.replace, spark=spark)
    sys.stdout.write(f"{given.to}: version {done.model_version} counts, run {done.run_id}\n")
    return 0


def accept(given: argparse.Namespace) -> int:
    """Say that the alarms of a run were fine: its window counts as healthy, and the same alarm stays silent."""
    from model_monitor.history.decisions import accept

    spark = _session_for([given.accepted_run])
    done = accept(given.accepted_run, given.features, by=given.by, why=given.why, spark=spark)
    sys.stdout.write(f"{given.accepted_run}: accepted {len(done.alarms)} of the violations of run {done.run_id}\n")
    return 0


def rollback(given: argparse.Namespace) -> int:
    """Take back the version that was promoted last; the one before it counts again."""
    from datetime import datetime, timezone

    from model_monitor.history.promotions import roll_back

    done = roll_back(given.baselines, datetime.now(timezone.utc), _session_for([given.baselines]))
    sys.stdout.write(f"{given.baselines}: version {done.model_version} counts again, run {done.run_id}\n")
    return 0


def prune(given: argparse.Namespace) -> int:
    """Delete captures, merged records, quarantined records and waiting ids of old hours. Documents and states stay."""
    from datetime import datetime, timedelta, timezone

    from model_monitor.errors import BadConfiguration
    from model_monitor.history.pruning import Trees, prunable, prune, totals
    from model_monitor.schedules import read_offset

    age = read_offset(given.older_than, "--older-than")
    if age <= timedelta(0):
        raise BadConfiguration(f"--older-than is {given.older_than!r}; it has to be longer than nothing, such as P90D")
    spark = _session_for([*given.captures, *given.merged, *given.reports])
    items = prunable(Trees(given.captures, given.merged, given.reports), datetime.now(timezone.utc) - age, spark)
    for item in items if given.dry_run else ():
        sys.stdout.write(f"{item.path}\n")
    if not given.dry_run:
        prune(items, spark)
    for kind, (files, size_bytes) in totals(items).items():
        sys.stdout.write(f"{kind.value}: {files:,} files, {size_bytes:,} bytes\n")
    return 0


def run_due(given: argparse.Namespace) -> int:
    """Run the jobs that schedules are due to run, and list their runs, the latest first."""
    from pathlib import Path

    from model_monitor.scheduling import command

    request = command.Request(
        tuple(map(Path, given.schedule)),
        state=Path(given.state) if given.state else None,
        does=command.Doing.LIST if given.list else command.Doing.CHECK if given.check else command.Doing.RUN,
        retry_failed=given.retry_failed,
        history=given.history,
        as_json=given.json,
        most=given.max_results,
    )
    return command.main(request, sys.stdout)


def _opened(paths: Sequence[str]) -> AbstractContextManager[None]:
    """What opens these paths: a session if one of them takes Spark."""
    session = _session_for(paths)
    if session is None:
        return nullcontext()
    from model_monitor.storage import opened_by

    return opened_by(session)


def _session_for(paths: Sequence[str]) -> SparkSession | None:
    """A session that opens paths of object stores and clusters; None if all of them are opened without."""
    from model_monitor.storage import opens_here

    if all(map(opens_here, paths)):
        return None
    from model_monitor.runtime.session import local_session

    return local_session()


READ_THEIR_OWN_FLAGS: Mapping[str, Callable[[Sequence[str]], int]] = {
    "baseline": baseline,
    "monitor": monitor,
    "merge": merge,
    "backfill": backfill,
    "submit": submit,
    "demo": demo,
    "replay": replay,
}
"""Commands whose flags are those of jobs, in any order."""

GROUPS = {
    "run": ("baseline", "monitor", "backfill", "merge", "submit", "run-due"),
    "look": ("report", "compare", "explain"),
    "decide": ("accept", "promote", "rollback"),
    "keep": ("merge-states", "prune"),
    "move over": ("import", "replay"),
    "begin": ("demo", "completion"),
}
"""The commands, as --help lists them."""


class _Parser(argparse.ArgumentParser):
    """One command, or all of them: those it lists in groups, and names what is nearest to an unknown word."""

    commands: Mapping[str, _Parser] = {}

    @property
    def flags(self) -> list[str]:
        return sorted(set(re.findall(r"--[a-z-]+", super().format_help())))

    def format_help(self) -> str:
        if not self.commands:
            return super().format_help()
        lines = ["usage: model-monitor COMMAND …    (COMMAND --help says more)", "", str(self.description)]
        for heading, names in GROUPS.items():
            meant = ((name, str(self.commands[name].description).partition(": ")[0].split(". ")[0]) for name in names)
            entries = (f"  {name:14}{' '.join(text.split()).rstrip('.')}" for name, text in meant)
            wrapped = (textwrap.wrap(entry, 80, subsequent_indent=" " * 16) for entry in entries)
            lines += ["", f"{heading}:", *(line for each in wrapped for line in each)]
        return "\n".join([*lines, ""])

    def parsed(self, words: Sequence[str]) -> argparse.Namespace:
        """What the words say; for words that say nothing the command ends with 2."""
        command = words[0] if words else "--help"
        if not command.startswith("-") and command not in self.commands:
            self.error(f"{command!r} is no command; {_nearest(command, self.commands)}")
        given, unknown = self.parse_known_args(words or ["--help"])
        if unknown:
            parser = self.commands[command]
            parser.error(f"{unknown[0]} is unknown here; {_nearest(unknown[0], parser.flags)}")
        return given


def _nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word.partition("=")[0], list(known), n=1)
    return f"did you mean {near[0]}?" if near else "--help lists what there is"


def _parser() -> _Parser:
    parser = _Parser(prog="model-monitor", description="Monitors machine-learning models in production.")
    parser.add_argument("--version", action="version", version=f"spark-model-monitor {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    for name, reader in READ_THEIR_OWN_FLAGS.items():
        commands.add_parser(name, description=reader.__doc__)

    completing = commands.add_parser("completion", description=completion.__doc__)
    completing.add_argument("shell", choices=("bash", "zsh"), help="the shell that you use")
    completing.set_defaults(run=completion)

    merging = commands.add_parser("merge-states", description=merge_states.__doc__)
    merging.add_argument("runs", nargs="*", metavar="RUN", help="output path of a run, or its states directory")
    merging.add_argument("--output", metavar="DIRECTORY", help="where the merged documents go")
    merging.add_argument(
        "--history", metavar="DIRECTORY", help="folder above hour folders, whose history.parquet is made again"
    )
    merging.set_defaults(run=merge_states)

    moving = commands.add_parser("import", description=import_schedules.__doc__)
    moving.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="JSON of aws sagemaker describe-monitoring-schedule, describe-…-job-definition "
        "and describe-endpoint, in any order",
    )
    moving.add_argument(
        "--schedule", metavar="NAME", help="ask the account for this schedule and all it names, by boto3"
    )
    moving.add_argument(
        "--region", metavar="REGION", help="the region of --schedule, by default that of your AWS settings"
    )
    moving.add_argument("--output", default=".", metavar="DIRECTORY", help="where the files go (default: here)")
    moving.add_argument("--captures", metavar="PREFIX", help="the folder above the endpoints' captures")
    moving.add_argument("--replace", action="store_true", help="write over files that are there already")
    moving.add_argument("--airflow", action="store_true", help="write a DAG of Airflow for each schedule, too")
    moving.set_defaults(run=import_schedules)

    promoting = commands.add_parser("promote", description=promote.__doc__)
    promoting.add_argument("baseline_run", metavar="RUN", help="output path of the run")
    promoting.add_argument("--model-version", required=True, metavar="VERSION", help="what it is called")
    promoting.add_argument("--to", required=True, metavar="DIRECTORY", help="where the versions are")
    promoting.add_argument("--replace", action="store_true", help="write over a version that is there already")
    promoting.set_defaults(run=promote)

    accepting = commands.add_parser("accept", description=accept.__doc__)
    accepting.add_argument("accepted_run", metavar="RUN", help="output path of the monitoring run")
    accepting.add_argument("features", nargs="*", metavar="FEATURE", help="features or metrics (default: all)")
    accepting.add_argument("--by", metavar="NAME", help="who says so")
    accepting.add_argument("--why", metavar="TEXT", help="the reason")
    accepting.set_defaults(run=accept)

    rolling = commands.add_parser("rollback", description=rollback.__doc__)
    rolling.add_argument("baselines", metavar="DIRECTORY", help="where the versions are")
    rolling.set_defaults(run=rollback)

    pruning = commands.add_parser("prune", description=prune.__doc__)
    pruning.add_argument("--older-than", required=True, metavar="DURATION", help="ISO 8601, such as P90D")
    for name, meant in (("captures", "captures"), ("merged", "output paths of merges"), ("reports", "reports of runs")):
        pruning.add_argument(f"--{name}", nargs="+", default=[], metavar="DIRECTORY", help=f"folders of {meant}")
    pruning.add_argument("--dry-run", action="store_true", help="delete nothing, print what would go")
    pruning.set_defaults(run=prune)

    running = commands.add_parser("run-due", description=run_due.__doc__)
    running.add_argument(
        "--schedule", required=True, nargs="+", metavar="FILE", help="schedule entries (docs/schedules.md)"
    )
    running.add_argument("--state", metavar="DIRECTORY", help="where runs are recorded (default: beside each entry)")
    looking = running.add_mutually_exclusive_group()
    looking.add_argument("--list", action="store_true", help="run nothing, list the runs")
    looking.add_argument(
        "--check", action="store_true", help="run nothing; end with 1, and tell the sinks, if runs are overdue"
    )
    looking.add_argument("--retry-failed", action="store_true", help="run again what failed or was stopped, too")
    running.add_argument("--history", action="store_true", help="after a run, write history.html above the runs, too")
    running.add_argument("--json", action="store_true", help="list as JSON, as the service's API does")
    running.add_argument("--max-results", type=int, default=10, metavar="NUMBER", help="runs to list (default: 10)")
    running.set_defaults(run=run_due)

    reporting = commands.add_parser("report", description=report.__doc__)
    reporting.add_argument(
        "folders",
        nargs="+",
        metavar="DIR",
        help="output paths of runs, or folders above, ours or the service's",
    )
    reporting.add_argument("--since", metavar="TIME", help="windows from this time on, such as 2026-03-01")
    reporting.add_argument("--until", metavar="TIME", help="windows that start before this time")
    reporting.add_argument("--last", type=int, metavar="N", help="the last N windows")
    reporting.add_argument(
        "--features", action="append", metavar="PATTERN,…", help="only names that match, such as 'age*'"
    )
    reporting.add_argument("--title", metavar="TEXT", help="what the page is called (default: the model)")
    reporting.add_argument("--max-size", default="5MB", metavar="SIZE", help="of the page (default: 5MB)")
    reporting.add_argument("--output", metavar="FILE", help="the page (default: history.html in the first DIR)")
    reporting.add_argument("--open", action="store_true", help="open it in a browser")
    reporting.set_defaults(run=report)

    comparing = commands.add_parser("compare", description=compare.__doc__)
    for name in ("before", "after"):
        comparing.add_argument(
            name, metavar=name.upper(), help="output path of a run, folder of the service, or statistics.json"
        )
    comparing.add_argument("--judge", action="store_true", help="end with 4 if AFTER breaks the constraints of BEFORE")
    comparing.add_argument("--json", action="store_true", help="print a JSON object")
    comparing.add_argument("--output", metavar="FILE", help="write it as a page, too")
    comparing.add_argument(
        "--attributions", metavar="PATH", help="analysis.json of the model: what moves it more stands first"
    )
    comparing.set_defaults(run=compare)

    explaining = commands.add_parser("explain", description=explain.__doc__)
    explaining.add_argument("feature", metavar="FEATURE", help="a feature or metric that the run checked")
    explaining.add_argument("--run", required=True, dest="run_path", metavar="DIRECTORY", help="the run's output path")
    explaining.add_argument(
        "--baseline", metavar="DIRECTORY", help="the baseline's output path, if not the one that the run names"
    )
    explaining.add_argument("--json", action="store_true", help="print a JSON object")
    explaining.set_defaults(run=explain)
    parser.commands = commands.choices
    return parser


if __name__ == "__main__":
    sys.exit(main())
