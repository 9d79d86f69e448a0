"""An env file, as --env-file reads it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from model_monitor.running.configuration.contract import OPTIONS
from model_monitor.running.configuration.sources import variable_of

_COMPAT = variable_of("compat", OPTIONS["compat"])


def env_text(title: str, variables: Mapping[str, str], missing: Mapping[str, str]) -> str:
    """The file's text. missing: variables that have to be filled in, each with where it may be found."""
    lines = [f"# {title}", *(f"{name}={_quoted(value)}" for name, value in variables.items())]
    for name, where in missing.items():
        lines += ["", f"# To fill in; {where}", f"# {name}="]
    lines += [
        "",
        "# Alarms as the service had them, to the digit; remove the # for as long as you want that.",
        f"# {_COMPAT}=service",
    ]
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    """In single quotes, in which neither # nor $ means anything."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
