"""Answers to a command line that need no libraries: help, the names of options and values, and paths that don't exist.

Uses the standard library only. Whether a word after a switch is a path is decided later, by the job itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from pkgutil import get_data
from typing import Any
from urllib.parse import urlsplit

from spark_model_monitor.errors import BadConfiguration, is_catalog_name, suggest_names, suggest_path


def _read_names(file: str) -> list[str]:
    """The names in a file of this package, one per line. Read by get_data, because on a cluster the package is a zip."""
    return (get_data(__name__, f"help_texts/{file}") or b"").decode().split()


@cache
def option_names() -> list[str]:
    """The options of the jobs, and the flags that turn their switches off. Read from a file, because `contract.py`, which
    declares them, needs pydantic.
    """
    return _read_names("option-names.txt")


SETTINGS = frozenset(_read_names("settings.txt"))
"""Options without a flag of their own: --set, the project file and variables set them."""


def format_option_name(name: str) -> str:
    """The name of an option in messages: its flag, or the name of a setting."""
    if name in SETTINGS:
        return name
    return f"--{name.replace('_', '-')}"


def write_flag(name: str, text: str) -> str:
    """The word of a command line that gives an option this text."""
    if name in SETTINGS:
        return f"--set={name}={text}"
    return f"{format_option_name(name)}={text}"


LOG_FLAGS = ("--quiet", "--verbose", "--json")
"""How a job logs, and whether it prints its result as JSON."""

HELP_FLAGS = ("--help", "-h", "--help-all")
PROCESSING_JOB_FILES = ("opt/ml/config/processingjobconfig.json", "opt/ml/processing/processingjobconfig.json")
"""Possible locations of the container's configuration; the second is a typo in the guide that is accepted as well."""

_ANALYSIS_OPTIONS = ("analysis_type", "env_file", "container_root")  # options that can choose another analysis
_CONTAINER_FILES = tuple(f"/{name}" for name in PROCESSING_JOB_FILES)


def help_file(job: str, *, all_flags: bool) -> Path:
    """The file with the help of a job's default analysis."""
    return Path(__file__).with_name("help_texts") / f"{job}{'-all' if all_flags else ''}.txt"


def read_stored_help(job: str, arguments: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """The requested help; None if the job has to make it, for instance for another analysis than the default."""
    # Help differs by analysis. The stored one is for the default analysis, and is read without imports
    is_for_other_analysis = any(
        word.startswith(f"--{name.replace('_', '-')}") or f"{name}=" in word
        for word in arguments
        for name in _ANALYSIS_OPTIONS
    )
    is_for_other_analysis |= any(
        environment.get(variable) for name in _ANALYSIS_OPTIONS for variable in (name, f"MODEL_MONITOR_{name.upper()}")
    )
    file = help_file(Path(job).name, all_flags="--help-all" in arguments)
    # For a job of the user, or a configured container, the stored help may be wrong
    if (
        is_for_other_analysis
        or job != Path(job).name
        or not file.is_file()
        or any(map(os.path.exists, _CONTAINER_FILES))
    ):
        return None
    return file.read_text(encoding="utf-8")


DATA_FLAG = "--dataset-source"
BASELINE_FLAG = "--baseline"
PREVIOUS = "previous"
PATH_FLAGS = (
    DATA_FLAG,
    BASELINE_FLAG,
    "--analysis-config",
    "--attributions",
    "--checks",
    "--error-model",
    "--expectations",
    "--ground-truth-source",
    "--baseline-constraints",
    "--baseline-statistics",
    "--model",
    "--record-preprocessor-script",
    "--post-analytics-processor-script",
    "--thresholds",
)
"""Flags whose values are paths that must exist."""

TABLE_LOGS = ("databricks", "vertex")
"""Formats of logs that are tables, which may be given by their names in a catalog."""

RUN_MARKERS = ("_current.json", "run.json", "statistics.json")
BASELINE_MARKERS = ("_current.json", "constraints.json", "analysis.json")


def require_existing_paths(arguments: Sequence[str]) -> None:
    """Raises BadConfiguration with a line for each local path that doesn't exist, or is not a baseline."""
    # A log that is a table may be given by its name, which only Spark can look up
    is_table_log = any(word.rpartition("=")[2].lower() in TABLE_LOGS for word in arguments)
    errors: list[str] = []
    for flag, path in _list_named_paths(arguments):
        if not (is_table_log and flag == DATA_FLAG and is_catalog_name(path)):
            errors += _find_path_errors(flag, path)
    BadConfiguration.raise_for(errors)


def _list_named_paths(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The flags that name paths, with the paths. A word at the beginning or after a value is the path of the data."""
    words = iter(arguments)
    # Whether a word without dashes would be the data, instead of the value of the flag before it
    expects_data_path = True
    for word in words:
        flag, equals, value = word.partition("=")
        if not word.startswith("-"):
            if expects_data_path:
                yield DATA_FLAG, word
            expects_data_path = True
        elif flag in PATH_FLAGS:
            yield flag, value if equals else next(words, "")
            expects_data_path = True
        else:
            expects_data_path = bool(equals)


def _find_path_errors(flag: str, text: str) -> Iterator[str]:
    """An error if the path doesn't exist, or isn't what its flag needs; otherwise nothing."""
    # A reference such as module:function is not a path
    if (flag == "--checks" and not text.endswith(".json")) or (flag == "--model" and ":" in text.removeprefix("file:")):
        return
    # Only Spark opens other file systems
    if urlsplit(text).scheme not in ("", "file") or not text or (flag == BASELINE_FLAG and text == PREVIOUS):
        return
    # Behind # stands the table of a data contract
    if flag == "--expectations":
        text = text.partition("#")[0]
    path = text
    if text.startswith("file:"):
        path = "/" + text.removeprefix("file:").lstrip("/")
    if not os.path.exists(path):
        # For a broken link, "there is no file" would be puzzling
        if os.path.islink(path.rstrip("/")):
            yield f"{flag} is {text!r}, a link to {os.readlink(path.rstrip('/'))}, where there is no file or directory"
            return
        as_table = ""
        if flag == DATA_FLAG and is_catalog_name(text):
            as_table = f"for a table in a catalog, write --dataset-format table:{text}"
        hint = suggest_path(path, as_table, _is_baseline if flag == BASELINE_FLAG else os.path.exists)
        yield f"{flag} is {text!r}, where there is no file or directory{hint}"
    elif flag == BASELINE_FLAG and not _is_baseline(path):
        remedy = "the output path of a baselining job"
        if _is_baseline(os.path.dirname(path)):
            remedy = f"the folder of that file, {os.path.dirname(path) or '.'}"
        yield f"{flag} is {text!r}, where there is no baseline; write {remedy}"
    elif flag == DATA_FLAG and all(os.path.isfile(os.path.join(path, name)) for name in RUN_MARKERS):
        yield f"{flag} is {text!r}, which holds the documents of a run; write the path of the data alone"


def _is_baseline(path: str) -> bool:
    return any(os.path.isfile(os.path.join(path, name)) for name in BASELINE_MARKERS)


def read_name(value_by_name: Mapping[str, Any], value: Any) -> Any:
    """The value of a name, ignoring case."""
    if value is None or value in value_by_name.values():
        return value
    names = {name.lower(): name for name in value_by_name}
    text = str(value).strip().lower()
    if text in names:
        return value_by_name[names[text]]
    # The suggestion is spelt as in the documentation
    suggestion = suggest_names(text, names, "", shown=names.__getitem__)
    hint = suggestion and f"{suggestion} "
    raise ValueError(f"is {value!r}; {hint}it is one of: {', '.join(value_by_name)}")
