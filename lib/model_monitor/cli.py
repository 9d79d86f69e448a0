"""The `model-monitor` command: thin, each subcommand one call. Only `submit` and `demo` start a JVM.

What a subcommand needs is imported when it is called, so that `model-monitor --help` takes no time.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from model_monitor import __version__
from model_monitor.errors import MonitorError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; the exit status is its own, 2 for a wrong command line."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] in (["submit"], ["demo"]):  # they read their own flags; those of submit stand in any order
        return (submit if words[0] == "submit" else demo)(words[1:])
    parser = _parser()
    given = parser.parse_args(words)
    try:
        return int(given.run(given))
    except MonitorError as error:
        sys.stderr.write(f"Error: {error}\n")
        return error.exit_status


def submit(arguments: Sequence[str]) -> int:
    """Start a job by spark-submit: model-monitor submit baseline FLAGS."""
    from model_monitor.runtime import submission

    return submission.main(arguments, program="model-monitor submit")


def demo(arguments: Sequence[str]) -> int:
    """Make an example data set, baseline it, monitor an hour of it, and say what is wrong."""
    from model_monitor.demo import run

    return run.main(arguments)


def merge_states(given: argparse.Namespace) -> int:
    """Merge the states of several runs into one run's documents, without the data and without a JVM."""
    from model_monitor.history.merging import merge_runs

    merge_runs(given.runs, given.output)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="model-monitor", description="Monitoring of models in production, on Spark.")
    parser.add_argument("--version", action="version", version=f"spark-model-monitor {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    commands.add_parser("submit", help=submit.__doc__)
    commands.add_parser("demo", help=demo.__doc__)

    merging = commands.add_parser("merge-states", help=merge_states.__doc__, description=merge_states.__doc__)
    merging.add_argument("runs", nargs="+", metavar="RUN", help="output path of a run, or its states directory")
    merging.add_argument("--output", required=True, metavar="DIRECTORY", help="where the merged documents go")
    merging.set_defaults(run=merge_states)
    return parser


if __name__ == "__main__":
    sys.exit(main())
