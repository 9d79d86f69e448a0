"""A job's options in a DAG: the texts of their values, and which options may be given. A flag is an option in a command line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import TypeAlias

from spark_model_monitor.airflow.run_windows import format_moment
from spark_model_monitor.data.records.windows import format_duration
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.errors import BadConfiguration, suggest_names
from spark_model_monitor.running.configuration.command_line import option_names, write_flag

TextByName: TypeAlias = Mapping[str, str]  # of options or variables, by name
SECRETS = {"sink": "MODEL_MONITOR_SINK"}
"""Options whose text may be a secret, with their variables. If the job's environment can be set, they are passed by it, because
everybody on a machine sees the flags of its programs."""

FlagValue: TypeAlias = "str | float | PurePath | datetime | timedelta | Mapping[str, Json] | Iterable[FlagValue] | None"
Flags: TypeAlias = Mapping[str, FlagValue]  # by the option's name

_OPTION_NAME = re.compile(r"[a-z][a-z0-9_]*")


def format_flags(flags: Flags) -> dict[str, str]:
    """The text of each option: numbers and paths unchanged, True as true, lists with commas, times and durations in ISO 8601,
    mappings as JSON. None and blank texts are left out: the option is not set.
    """
    text_by_option = {name: _format_value(value) for name, value in flags.items() if value is not None}
    return {name: text for name, text in text_by_option.items() if text.strip()}


def format_arguments(text_by_option: TextByName) -> list[str]:
    """The flags of a command line: `--dataset-source=…`."""
    return [write_flag(name, text) for name, text in text_by_option.items()]


def split_secrets(text_by_option: TextByName) -> tuple[dict[str, str], dict[str, str]]:
    """The options that may be in a command line, and the variables for the others."""
    visible_options = {name: text for name, text in text_by_option.items() if name not in SECRETS}
    variables = {variable: text_by_option[name] for name, variable in SECRETS.items() if name in text_by_option}
    return visible_options, variables


def require_valid_flags(flags: Flags, reserved_options: TextByName) -> None:
    """Check that `flags` are options of the jobs which the task doesn't set itself.

    reserved_options: the operator's parameter that sets an option, by option. Raises BadConfiguration with a line for each
    invalid option.
    """
    errors = []
    for name in flags:
        # The usual mistakes are `--start-time` and `start-time`
        if _OPTION_NAME.fullmatch(str(name)) is None:
            likely_name = str(name).lstrip("-").replace("-", "_")
            errors.append(
                f"flags has {name!r}; write the option as docs/jobs.md has it, with underscores: {likely_name!r}"
            )
        # An option that is set twice is an error: one of the two would be ignored silently
        elif name in reserved_options:
            errors.append(f"flags has {name!r}, which the task says by {reserved_options[name]}; write that instead")
        elif name not in option_names():
            hint = suggest_names(name, option_names(), "docs/jobs.md lists them")
            errors.append(f"flags has {name!r}, which is no option of the jobs; {hint}")
    BadConfiguration.raise_for(errors)


def _format_value(value: FlagValue) -> str:
    # str() would write True
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return format_moment(value)
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, Mapping):
        return json.dumps(value)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ",".join(map(_format_value, value))
    return str(value)
