"""Commands to begin with."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence

from spark_model_monitor.cli.verbs import FlagAdder, register_verb


@register_verb("demo", group="begin")
def demo(arguments: Sequence[str]) -> int:
    """Create an example data set, make its baseline, monitor one hour, and report what is wrong."""
    from spark_model_monitor.integrations.demo import demo_run

    return demo_run.main(arguments)


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
