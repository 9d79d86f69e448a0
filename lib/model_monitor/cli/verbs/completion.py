"""`model-monitor completion`."""

from __future__ import annotations

import argparse
import sys

from model_monitor.cli.verbs import VERBS


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh"), help="your shell")


@VERBS.register("completion", group="begin", rank=2, flags=_flags)
def completion(given: argparse.Namespace) -> int:
    """Print a script with which bash or zsh completes commands and flags: eval "$(model-monitor completion bash)"."""
    from model_monitor.cli import parser
    from model_monitor.running.configuration.help import script

    flags = {name: command.flags for name, command in parser().commands.items()}
    sys.stdout.write(script(given.shell, flags))
    return 0
