"""The commands of `spark-model-monitor`, a file for each heading of `--help`, in its order. A new file is found automatically.

A function is registered under its command's name. Its docstring is the command's help; it returns the exit status. It
imports what it needs when it is called, so that `spark-model-monitor --help` takes no time.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentTypeError, _ActionsContainer
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from glob import glob
from typing import Any
from urllib.parse import urlsplit

from spark_model_monitor.registry import Registry

Verb = Callable[[Any], int]

VERBS: Registry[Verb] = Registry("command")


class FlagAdder:
    """Enters the flags of a command into its parser."""

    def __init__(self, parser: _ActionsContainer) -> None:
        self._parser = parser

    def __call__(self, name: str, explanation: str, metavar: str | None = None, **facts: Any) -> None:
        """Enter a flag. facts: arguments of `add_argument`; with neither facts nor a metavar, the flag is a switch."""
        if metavar is not None:
            facts["metavar"] = metavar
        self._parser.add_argument(name, help=explanation, **(facts or {"action": "store_true"}))

    def make_alternatives(self) -> FlagAdder:
        """Enters flags that exclude each other."""
        return FlagAdder(self._parser.add_mutually_exclusive_group())


def register_verb(name: str, *, group: str, flags: Callable[[FlagAdder], None] | None = None) -> Callable[[Verb], Verb]:
    """Decorator that enters a command.

    group: the heading that it stands under (`cli.HEADINGS`). flags: adds its flags to a parser; the function then takes
    the parsed `argparse.Namespace`. None: it takes the words behind the command, as jobs do, whose flags stand in any order.
    """
    return VERBS.register(name, group=group, flags=flags)


# What commands share
def start_job(name: str, arguments: Sequence[str]) -> int:
    """Start a job at the target of its flags, as `spark-model-monitor submit` does."""
    from spark_model_monitor.spark.launch import submission

    return submission.main([name, *arguments], program="spark-model-monitor", is_verb=True)


def add_values_flag(add: FlagAdder) -> None:
    add(
        "--values",
        "name values of the data nowhere, on a terminal (default), or in pipes and files, too",
        "{hide,show,send}",
        type=_read_shown_values,
        default=os.environ.get("MODEL_MONITOR_VALUES") or "show",
    )


def _read_shown_values(text: str) -> str:
    values = text.strip().lower()
    # argparse would not check its own choices for a default, which the variable gives
    if values not in ("hide", "show", "send"):
        raise ArgumentTypeError(f"{text!r} is none of hide, show and send (the variable is MODEL_MONITOR_VALUES)")
    return values


def show_values(values: str) -> bool:
    """Whether the standard output may name values of the data."""
    return values == "send" or (values == "show" and sys.stdout.isatty())


def existing_path(text: str) -> str:
    """The type of an argument whose path has to exist: `require_paths` checks it when all words are known."""
    return text


def require_paths(paths: str | Sequence[str]) -> None:
    """Raises BadInput with the nearest name for a local path that isn't there."""
    from spark_model_monitor.errors import BadInput, suggest_path

    if isinstance(paths, str):
        paths = [paths]
    for path in filter(is_absent, paths):
        raise BadInput(f"{path}: there is no such file or directory{suggest_path(path)}")


def is_absent(path: str) -> bool:
    """Whether a local path isn't there, or no file fits a pattern such as `data/*.csv`."""
    # Paths on other file systems are checked when they are opened
    return not (urlsplit(path).scheme or os.path.exists(path or ".") or glob(path, recursive=True))


def open_paths(paths: Sequence[str]) -> AbstractContextManager[None]:
    """A context for opening these paths: a session if one of them requires Spark, as on object stores and clusters."""
    from spark_model_monitor.storage import can_open_without_spark, using_session

    # Starting Spark takes seconds, so local paths do without
    if all(map(can_open_without_spark, paths)):
        return nullcontext()
    from spark_model_monitor.spark.spark_session import local_session

    return using_session(local_session())
