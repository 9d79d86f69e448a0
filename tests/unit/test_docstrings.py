"""Docstrings of what users import name only objects that can be imported, from the face or from where the docstring stands."""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import pairwise

import pytest

FACES = (
    "spark_model_monitor",
    "spark_model_monitor.sagemaker",
    "spark_model_monitor.capture",
    "spark_model_monitor.serverless",
)
ROLE = re.compile(r":\w+:`~?([\w.]+)`")
QUOTED = re.compile(r"``?([A-Za-z_]\w*(?:\.\w+)*)(?:\(\))?``?")
PARAMETER = re.compile(r"^\*{0,2}\w+(?:, \w+)* : (.+)$")
CLASS = re.compile(r"[A-Z][a-z]+[A-Za-z]*")
"""A name in CamelCase; constants, and words of the service's files, aren't."""

TYPE = re.compile(r"\b(?:\w+\.)*[A-Z]\w*[a-z]\w*")
FILES_AND_THE_SDK = re.compile(r".*\.(py|json)|sagemaker\..*")
REQUESTS = {"ExitMessage", "MonitoringOutputs", "Outputs", "ProcessingInputs", "ProcessingJobStatus"}
"""Members of the service's requests and answers."""

LIBRARIES = {"Arrow", "DataFrame", "DuckDB", "Spark"}
"""Words of sentences on types, such as "pandas, polars or Spark DataFrame"."""


def list_public_objects(face):
    """What a face offers, and the public members of its classes, each with its name."""
    module = importlib.import_module(face)
    for name in module.__all__:
        public = getattr(module, name)
        yield name, public
        if inspect.isclass(public):
            for member_name, member in list(vars(public).items()):
                function = getattr(member, "fget", getattr(member, "__func__", member))
                if not member_name.startswith("_") and inspect.isfunction(function):
                    yield f"{name}.{member_name}", function


def list_named_objects(docstring: str) -> Iterator[str]:
    """What a docstring names as an object: roles, classes and dotted names in backquotes, types of parameters and results."""
    text = docstring.partition("Examples\n---")[0]
    yield from ROLE.findall(text)
    for name in QUOTED.findall(ROLE.sub("", text)):
        is_object = "." in name or CLASS.fullmatch(name)
        if is_object and name not in REQUESTS and not FILES_AND_THE_SDK.fullmatch(name):
            yield name
    section = ""
    lines = text.splitlines()
    for line, next_line in pairwise([*lines, ""]):
        if next_line and set(next_line) == {"-"}:
            section = line
        elif section in ("Parameters", "Attributes") and (parameter := PARAMETER.match(line)):
            yield from TYPE.findall(re.sub(r"\{.*?\}", "", parameter[1]))
        elif section in ("Returns", "Raises") and line != section and not line.startswith(" "):
            yield from TYPE.findall(line)


@cache
def list_bindings(module):
    """What names mean in a module: also those that it imports for type checkers alone."""
    bindings = dict(vars(module))
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.ImportFrom) and node.module:
            with suppress(ImportError):
                source = importlib.import_module(node.module)
                bindings |= {alias.asname or alias.name: getattr(source, alias.name, None) for alias in node.names}
    return bindings


def can_be_imported(name, public, face):
    """Whether a name leads to an object: from the face, the builtins, the docstring's own module, or as a path."""
    first, *member_names = name.split(".")
    home = public if inspect.ismodule(public) else inspect.getmodule(public)
    scopes = [vars(importlib.import_module(face)), vars(builtins), list_bindings(home)]
    if not inspect.ismodule(public) and first in list_parameters(public):
        return True
    starts = [scope[first] for scope in scopes if first in scope]
    if first in importlib.import_module(face).__all__:
        starts.append(getattr(importlib.import_module(face), first))
    if not starts:
        try:
            starts = [importlib.import_module(first)]
        except ImportError:
            return False
    return any(has_path(start, member_names) for start in starts)


def has_path(start, names):
    """Whether attributes lead on from an object; fields of a dataclass are attributes of its instances."""
    for name in names:
        if inspect.ismodule(start) and not hasattr(start, name):
            try:
                importlib.import_module(f"{start.__name__}.{name}")
            except ImportError:
                return False
        if name in getattr(start, "__dataclass_fields__", ()):
            return True
        if not hasattr(start, name):
            return False
        start = getattr(start, name)
    return True


def list_parameters(public):
    """The names of what a function or class is called with."""
    try:
        return set(inspect.signature(public).parameters)
    except (TypeError, ValueError):
        return set()


@pytest.mark.parametrize("face", FACES)
def test_a_docstring_names_only_what_can_be_imported(face):
    missing = [
        f"{name}: {named}"
        for name, public in list_public_objects(face)
        for named in list_named_objects(inspect.getdoc(public) or "")
        if named not in LIBRARIES and not can_be_imported(named, public, face)
    ]

    assert missing == []


@pytest.mark.parametrize(
    ("docstring", "named"),
    [
        ("See :class:`spark_model_monitor.NoSuch`.", "spark_model_monitor.NoSuch"),
        ("Takes a `NoSuch`.", "NoSuch"),
        ("As `Window.no_such()` says.", "Window.no_such"),
        ("One.\n\nParameters\n----------\nx : NoSuch or None\n    A text.", "NoSuch"),
        ("One.\n\nReturns\n-------\nNoSuch\n    A text.", "NoSuch"),
    ],
)
def test_a_name_of_nothing_is_seen(docstring, named):
    import spark_model_monitor

    assert named in set(list_named_objects(docstring))
    assert not can_be_imported(named, spark_model_monitor.Window, "spark_model_monitor")
