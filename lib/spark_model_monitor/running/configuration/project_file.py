"""The project file: options for all jobs that are started in its folder, in addition to flags and variables. Driver only.

It is `[tool.spark-model-monitor]` in pyproject.toml, or spark-model-monitor.yaml. Keys are the options' names. The first
of these files that exists counts.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import date, datetime
from importlib import import_module
from pathlib import Path
from typing import TypeAlias

from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.errors import BadConfiguration, suggest_names

PYPROJECT = "pyproject.toml"
TABLE = "spark-model-monitor"
Value: TypeAlias = "Json | date | datetime"

YAML_FILES = ("spark-model-monitor.yaml", "spark-model-monitor.yml")


def read_project_file(folder: Path, option_names: Collection[str]) -> tuple[str, dict[str, str]]:
    """The file's name, and the text of each of its options; an empty name and no options if there is no such file.

    Raises BadConfiguration with a line for each mistake.
    """
    name, table = _read_table(folder)
    texts: dict[str, str] = {}
    # All mistakes are reported at once, like mistakes in flags
    errors = []
    for written_key, value in table.items():
        # Both spellings are common: fail-on and fail_on
        key = str(written_key).replace("-", "_")
        if key not in option_names:
            hint = suggest_names(key, option_names, "monitor --help-all lists them", shown=str)
            errors.append(f"{name}: {written_key!r} is no option; {hint}")
        elif isinstance(value, Mapping) and not all(isinstance(number, (int, float)) for number in value.values()):
            texts[key] = json.dumps(value)  # a mapping with texts, such as a format, stays JSON
        else:
            texts[key] = _write_text(value)
    BadConfiguration.raise_for(errors)
    return name, texts


def _read_table(folder: Path) -> tuple[str, Mapping[str, Value]]:
    """The name of the project file, and its table of options; both empty if there is no such file."""
    try:
        text = (folder / PYPROJECT).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    # Most projects have a pyproject.toml: parse it only if it has our table
    if f"tool.{TABLE}" in text or f'tool."{TABLE}"' in text:
        return PYPROJECT, _parse_toml(text)
    for name in YAML_FILES:
        if (folder / name).is_file():
            document = _parse_yaml(name, (folder / name).read_text(encoding="utf-8"))
            if not isinstance(document, Mapping):
                raise BadConfiguration(f"{name} has to be OPTION: VALUE lines, such as fail_on: violations")
            return name, document
    return "", {}


def _parse_toml(text: str) -> Mapping[str, Value]:
    try:
        tomllib = import_module("tomllib")
    except ImportError:  # before Python 3.11
        fault = f"{PYPROJECT} needs Python 3.11; write its [tool.{TABLE}] as {YAML_FILES[0]}"
        raise BadConfiguration(fault) from None
    try:
        document: dict[str, dict[str, dict[str, Value]]] = tomllib.loads(text)
    except ValueError as error:
        raise BadConfiguration(f"{PYPROJECT} is no TOML: {error}") from error
    return document.get("tool", {}).get(TABLE, {})


def _parse_yaml(name: str, text: str) -> Value:
    try:
        import yaml
    except ImportError:
        raise BadConfiguration(
            f"{name} needs PyYAML; install it: pip install 'spark-model-monitor[yaml]', or write it into {PYPROJECT}"
        ) from None
    try:
        return yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", -1) + 1
        raise BadConfiguration(f"{name}: line {line} is no YAML; write OPTION: VALUE") from error


def _write_text(value: Value) -> str:
    """The text of a value in the form of flags and variables: lists and mappings with commas, times in ISO 8601."""
    # A key without a value is not set
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    # Several values are joined by commas, like the values of a repeated flag
    if isinstance(value, Mapping):
        return ",".join(f"{name}={number}" for name, number in value.items())
    if isinstance(value, (list, tuple)):
        return ",".join(_write_text(member) for member in value)
    return str(value)
