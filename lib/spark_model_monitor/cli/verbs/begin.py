"""Commands to begin with."""

from __future__ import annotations

import sys
from argparse import Namespace

from spark_model_monitor.cli.verbs import FlagAdder, register_verb


def _add_demo_flags(add: FlagAdder) -> None:
    folder = "spark-model-monitor-demo"
    output_help = f"where to write data and results; a rerun replaces the files (default: ./{folder})"
    add("--output", output_help, "DIR", default=folder)
    add("--rows", "customers in the baseline data set (default: 20000)", "N", type=int, default=20_000)


@register_verb("demo", group="begin", flags=_add_demo_flags)
def demo(options: Namespace) -> int:
    """Create an example data set, make its baseline, monitor one hour, and report what is wrong. Needs none of your data."""
    from pathlib import Path

    from spark_model_monitor.integrations.demo.demo_run import run_demo

    return run_demo(Path(options.output), options.rows)


def _add_completion_flags(add: FlagAdder) -> None:
    add("shell", "your shell", choices=("bash", "zsh", "fish"))


@register_verb("completion", group="begin", flags=_add_completion_flags)
def completion(options: Namespace) -> int:
    """Print a script with which bash, zsh or fish completes commands and flags: eval "$(spark-model-monitor completion bash)"; in
    fish spark-model-monitor completion fish | source."""
    from spark_model_monitor.cli import parser
    from spark_model_monitor.running.configuration.help import completion_script

    flags = {name: command.flags for name, command in parser().commands.items()}
    sys.stdout.write(completion_script(options.shell, flags))
    return 0
