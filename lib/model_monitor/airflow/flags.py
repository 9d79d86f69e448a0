"""What a job is told, as the texts of its flags. Pure."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from model_monitor.data.records.windows import duration
from model_monitor.errors import BadConfiguration
from model_monitor.running.configuration.command_line import option_names

SECRETS = {"sink": "MODEL_MONITOR_SINK"}
"""Options whose text may hold a secret, with the variables that say the same: everybody on a machine sees the arguments of its
programs. Where the job's environment can be set they go that way."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def texts_of(flags: Mapping[str, Any]) -> dict[str, str]:
    """Each option's text: numbers and paths as they are, True as true, lists with commas, times and durations in ISO 8601,
    mappings as JSON. None and blank texts are left out: they mean that the option is not given.
    """
    texts = {name: _text(value) for name, value in flags.items() if value is not None}
    return {name: text for name, text in texts.items() if text.strip()}


def words_of(texts: Mapping[str, str]) -> list[str]:
    """The flags of a command line: `--dataset-source=…`."""
    return [f"--{name.replace('_', '-')}={text}" for name, text in texts.items()]


def without_secrets(texts: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The flags that may stand in a command line, and the variables for the others."""
    plain = {name: text for name, text in texts.items() if name not in SECRETS}
    return plain, {variable: texts[name] for name, variable in SECRETS.items() if name in texts}


def require_free(flags: Mapping[str, Any], taken: Mapping[str, str]) -> None:
    """Let `flags` pass that are options of the jobs, and say nothing that the task says itself.

    taken: option -> the argument of the operator that it is said by. Raises BadConfiguration with a line for each that can't be.
    """
    faults = []
    for name in flags:
        if _NAME.fullmatch(str(name)) is None:
            likely = str(name).lstrip("-").replace("-", "_")
            faults.append(f"flags has {name!r}; write the option as docs/jobs.md has it, with underscores: {likely!r}")
        elif name in taken:
            faults.append(f"flags has {name!r}, which the task says by {taken[name]}; write that instead")
        elif name not in option_names():
            near = [f"did you mean {each!r}?" for each in difflib.get_close_matches(name, option_names(), n=1)]
            faults.append(
                f"flags has {name!r}, which is no option of the jobs; {(*near, 'docs/jobs.md lists them')[0]}"
            )
    if faults:
        raise BadConfiguration.gathered(faults)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, timedelta):
        return duration(value)
    if isinstance(value, Mapping):
        return json.dumps(value)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ",".join(map(_text, value))
    return str(value)


def moment(time: datetime) -> str:
    """A time as jobs take it, `2026-01-31T22:00:00Z`."""
    return time.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
