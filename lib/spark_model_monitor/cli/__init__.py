"""The `spark-model-monitor` command. Each verb is one call. Jobs start a JVM if they need Spark; other commands start it for
paths that only Spark opens. `verbs/` has a file for each heading of --help.
"""

from __future__ import annotations

import argparse
import inspect
import io
import os
import re
import resource
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from spark_model_monitor import __version__
from spark_model_monitor.cli import verbs
from spark_model_monitor.cli.verbs import VERBS, existing_path, require_paths
from spark_model_monitor.errors import suggest_names
from spark_model_monitor.progress import enable_progress
from spark_model_monitor.registry import import_all
from spark_model_monitor.stopping import Stopped, end_on_signals, get_reason_to_end

import_all(verbs)

FAILED = 255  # the exit status of failures that have none of their own

MIN_MEMORY_BYTES = 450_000_000  # of address space; with less, the libraries can't be loaded, or hang

OUT_OF_MEMORY = (
    "Error: memory: this process may not take what it needs; raise its limit (ulimit -v, or the container's) to at least "
    "500 MB\n"
)

HEADINGS = ("run", "look", "decide", "keep", "move over", "begin")  # the groups of commands, as --help lists them


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns its exit status, or 2 for a wrong command line.

    An unexpected error leaves a trace without its text, which may repeat values of the data.
    """
    # No command needs plugins of pydantic, for which it would search all installed packages
    if arguments is None and "pydantic" not in sys.modules:
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # If a terminal lacks a character, it shows the character's number, instead of ending the command
    if arguments is None and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        _require_memory(words)
        # Given arguments are from Python code, whose process and signals outlive this call
        with end_on_signals(is_whole_process=arguments is None):
            return _run(words, is_own_process=arguments is None)
    except MemoryError:  # also if there is too little memory to report it
        sys.stderr.write(OUT_OF_MEMORY)
        return FAILED


def _require_memory(words: Sequence[str]) -> None:
    """Raises MemoryError if the process's limit leaves too little for any command."""
    # Address space in bytes, as `ulimit -v` sets it; libraries crash instead of raising when it is short
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    needs_libraries = not {"--version", "--help", "-h"} & set(words)
    if needs_libraries and limit != resource.RLIM_INFINITY and limit < MIN_MEMORY_BYTES:
        raise MemoryError


def _run(words: Sequence[str], *, is_own_process: bool) -> int:
    try:
        # Jobs read their own words, with variables and files of options
        if words and words[0] in VERBS and VERBS.get(words[0]).facts.get("flags") is None:
            return int(VERBS.get(words[0])(words[1:]))
        options = parser().parse_words(words)
        options.is_own_process = is_own_process
        # On a terminal only, and only for commands: jobs show Spark's own bar
        with enable_progress():
            return int(options.run(options))
    except (Exception, KeyboardInterrupt, Stopped) as error:
        # Imported late, since a command that goes well needs neither
        from spark_model_monitor.reports.outputs.printable import printable_lines
        from spark_model_monitor.running.runtime.failures import describe_failure, format_trace

        failure = describe_failure(get_reason_to_end() or error)
        # A trace helps with a fault of this package, not with a wrong path
        if not failure.is_expected:
            sys.stderr.write(f"{format_trace(error)}\n")
        sys.stderr.write(f"Error: {printable_lines(failure.reason)}\n")
        return failure.exit_status


class Parser(argparse.ArgumentParser):
    """One command, or all of them: lists commands in groups, and suggests the nearest name for an unknown word."""

    commands: Mapping[str, Parser] = {}

    @property
    def flags(self) -> list[str]:
        return sorted(set(re.findall(r"--[a-z-]+", super().format_help())))

    def format_help(self) -> str:
        if not self.commands:
            return super().format_help()
        lines = ["usage: spark-model-monitor COMMAND …    (COMMAND --help says more)", "", str(self.description)]
        for heading in HEADINGS:
            lines += ["", f"{heading}:"]
            for verb in VERBS.values():
                if verb.facts["group"] != heading:
                    continue
                # The first sentence of the docstring, or what precedes its colon, on lines of 80 characters
                docstring = inspect.getdoc(verb.function) or ""
                summary = docstring.partition(": ")[0].split(". ")[0]
                entry = f"  {verb.name:13} {' '.join(summary.split()).rstrip('.')}"
                lines += textwrap.wrap(entry, 80, subsequent_indent=" " * 16)
        return "\n".join([*lines, ""])

    def parse_words(self, words: Sequence[str]) -> argparse.Namespace:
        """The parsed words; for invalid words the command ends with 2."""
        command = words[0] if words else "--help"
        if not command.startswith("-") and command not in self.commands:
            self.error(f"{command!r} is no command; {_suggest_nearest(command, self.commands)}")
        # The error about an unknown flag names the nearest known flag, which argparse doesn't do
        options, unknown = self.parse_known_args(words or ["--help"])
        command_parser = self.commands[command]
        if unknown:
            command_parser.error(f"{unknown[0]} is unknown here; {_suggest_nearest(unknown[0], command_parser.flags)}")
        # All words are known
        for argument in command_parser._actions:
            if argument.type is existing_path:
                paths = getattr(options, argument.dest)
                require_paths(paths or [])
        return options


def _suggest_nearest(word: str, names: Iterable[str]) -> str:
    return suggest_names(word.partition("=")[0], names, "--help lists what there is", shown=str)


def parser() -> Parser:
    """The parser of all commands; commands that read their own flags have no flags here."""
    all_commands = Parser(prog="spark-model-monitor", description="Monitors machine-learning models in production.")
    all_commands.add_argument("--version", action="version", version=f"spark-model-monitor {__version__}")
    commands = all_commands.add_subparsers(required=True, metavar="COMMAND")
    for verb in VERBS.values():
        command = commands.add_parser(verb.name, description=inspect.getdoc(verb.function))
        if verb.facts["flags"] is not None:
            verb.facts["flags"](verbs.FlagAdder(command))
            command.set_defaults(run=verb.function)
    all_commands.commands = commands.choices
    return all_commands
