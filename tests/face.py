"""The parameters of public names, as a table: `python -m tests.face` writes tests/face.tsv.

A line is a name of an open module, or a method of its class, with the parameters and their defaults; of an enumeration the
members, of an error the one that it is a kind of. Annotations are mypy's to watch.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import FunctionType

from pydantic import BaseModel

TABLE = Path(__file__).with_suffix(".tsv")
OPEN = (
    "spark_model_monitor",
    "spark_model_monitor.sagemaker",
    "spark_model_monitor.airflow",
    "spark_model_monitor.capture",
    "spark_model_monitor.serverless",
)
"""What users import from; of capture its modules, too."""

NAMED_DEFAULTS = (type(None), bool, int, float, str, tuple, Enum)


class OtherDefault:
    """Stands for a default that has members of its own."""

    def __repr__(self) -> str:
        return "…"


def describe_parameters(function: FunctionType | type) -> str:
    parameters = []
    for parameter in inspect.signature(function).parameters.values():
        default = parameter.default
        is_named = isinstance(default, NAMED_DEFAULTS) and default != sys.executable
        if default is not inspect.Parameter.empty and not is_named:
            default = OtherDefault()
        parameters.append(parameter.replace(annotation=inspect.Parameter.empty, default=default))
    return str(inspect.Signature(parameters))


def describe_class(public_class: type) -> str:
    if issubclass(public_class, Enum):
        return ", ".join(public_class.__members__)
    if issubclass(public_class, Exception):
        return public_class.__mro__[1].__name__
    # A model has no parameters until it is first used
    if issubclass(public_class, BaseModel):
        public_class.model_rebuild()
    return describe_parameters(public_class)


def list_parameters(module: str) -> Iterator[str]:
    """The lines of a module, in order."""
    for name in sorted(import_module(module).__all__):
        member = getattr(import_module(module), name)
        if not inspect.isclass(member):
            if inspect.isroutine(member):
                yield f"{module}.{name}\t{describe_parameters(member)}"
            continue
        yield f"{module}.{name}\t{describe_class(member)}"
        for method in sorted(vars(member)):
            function = getattr(member, method)
            # Not those that a library generates
            is_valid_name = str(getattr(function, "__module__", "")).startswith("spark_model_monitor")
            if inspect.isroutine(function) and callable(function) and is_valid_name and not method.startswith("_"):
                yield f"{module}.{name}.{method}\t{describe_parameters(function)}"


def read_parameters() -> dict[str, list[str]]:
    """The lines of the table by module."""
    lines_by_module: dict[str, list[str]] = {module: [] for module in OPEN}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        module = max((module for module in OPEN if line.startswith(f"{module}.")), key=len)
        lines_by_module[module].append(line)
    return lines_by_module


def find_changes(module: str) -> list[str]:
    """The lines that are not today's, and what to do about them."""
    recorded = set(read_parameters()[module])
    actual = set(list_parameters(module))
    changes = [*(f"gone: {line}" for line in recorded - actual), *(f"new: {line}" for line in actual - recorded)]
    if changes:
        changes.append(
            "docs/guarantees.md promises these names with their parameters. Keep what is gone, or add a new parameter with a "
            "default; if users have to adapt, say in CHANGELOG.md how. Then run `python -m tests.face`."
        )
    return sorted(changes)


def main() -> None:
    """Write the lines of each module that can be imported here: Airflow has an environment of its own."""
    lines_by_module = read_parameters()
    for module in OPEN:
        try:
            lines_by_module[module] = [*list_parameters(module)]
        except ImportError as error:
            print(f"{module} stays as it is: {error}")
    TABLE.write_text("".join(f"{line}\n" for lines in lines_by_module.values() for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
