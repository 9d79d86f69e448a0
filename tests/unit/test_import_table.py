"""Imports go one way (docs/concepts.md): who may import whom, and which libraries a module may load."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.programs import printed_by

PACKAGE = Path(__file__).resolve().parents[2] / "lib" / "model_monitor"

ALLOWED = {
    "errors": set(),
    "deequ_release": set(),
    "registry": {"errors"},
    "capture": set(),
    "documents": {"errors"},
    "states": {"errors", "registry"},
    "drift": {"errors", "registry", "states", "special_functions"},
    "monitoring": {"documents", "states"},
    "request_statistics": {"documents", "states", "monitoring"},
    "data_quality": {"errors", "registry", "documents", "states", "drift", "monitoring"},
    "model_quality": {"errors", "registry", "documents", "states", "monitoring", "special_functions"},
    "bias": {"errors", "registry", "documents", "states", "monitoring"},
    "signs": set(),
    "special_functions": set(),
    "object_store": {"signs"},
    "worker": set(),
    "worker_daemon": {"profiling", "worker"},
    "java_classes": set(),
    "storage": {"errors", "java_classes", "object_store"},
    "reading": {"errors", "states", "storage"},
    "profiling": {"errors", "deequ_release", "java_classes", "documents", "states", "storage", "worker"},
    "outputs": {"errors", "registry", "documents", "monitoring", "storage"},
    "merging": {"errors", "reading", "outputs", "storage", "worker"},
    "history": {
        *("errors", "documents", "states", "monitoring", "data_quality", "model_quality", "outputs", "storage"),
        *("bias", "request_statistics", "reading"),
    },
    "contingency_scan": {"bias", "states", "reading", "profiling"},
    "scanning": {"bias", "states", "reading", "profiling", "contingency_scan"},
    "results": {"documents", "states", "monitoring", "reading", "history", "outputs"},
    "monitor": {"errors", "documents", "monitoring", "reading", "scanning", "results", "request_statistics"},
    "runtime": {
        *("errors", "registry", "documents", "states", "storage", "reading", "profiling", "outputs", "history"),
        *("monitoring", "data_quality", "model_quality", "bias", "results", "monitor", "deequ_release"),
        *("merging", "schedules", "object_store", "signs"),
    },
    "demo": {"errors", "documents", "outputs", "runtime"},
    "schedules": {"errors"},
    "replay": {
        *("errors", "documents", "storage", "reading", "monitoring", "outputs", "monitor", "runtime", "schedules"),
    },
    "imports": {"errors", "documents", "storage", "runtime", "schedules"},
    "sagemaker": {"errors", "documents", "storage", "outputs", "history", "runtime", "schedules", "imports"},
    "scheduling": {"errors", "documents", "storage", "reading", "outputs", "runtime", "schedules"},
    "explain": {"errors", "documents", "states", "drift", "data_quality", "outputs", "history", "storage"},
    "airflow": {"errors", "deequ_release", "documents", "storage", "reading", "outputs", "runtime"},
    "cli": {"errors", "history", "runtime", "demo", "explain", "replay", "imports", "scheduling", "schedules"},
}
"""Package (or module) of ours -> those that it may import beside itself; the order is that of the layers."""

ON_EXECUTORS = (
    "states",
    "profiling/partition",
    "profiling/block",
    "profiling/gathering",
    "profiling/plan",
    "profiling/keys",
    "worker",
    "reading/handlers",
    "reading/json_keys",
    "reading/captured_lines",
    "reading/csv_lines",
    "profiling/outcome_partition",
    "reading/outcome_decoders",
    "merging/label_lines",
    "merging/plain_lines",
    "merging/transform_lines",
    "profiling/flip_partition",
)
"""What Python workers import: neither pyspark, nor pydeequ, nor pydantic."""

PURE = (
    *("documents", "states", "drift", "monitoring", "data_quality", "model_quality", "bias", "registry", "errors"),
    "deequ_release",
)
"""What runs without Spark."""


def modules() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports when it runs, in functions too; those for type checking only are left out."""
    tree = ast.parse(path.read_text())
    found = set()
    for node in _running(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def _running(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and getattr(child.test, "id", "") == "TYPE_CHECKING":
            continue
        yield child
        yield from _running(child)


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_a_module_imports_only_from_the_layers_below(path):
    package = name_of(path).split("/")[0]
    ours = {name.split(".")[1] for name in imports_of(path) if name.startswith("model_monitor.")}

    assert ours - {package} <= ALLOWED[package]


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_libraries_stay_in_their_layers(path):
    libraries = {name.split(".")[0] for name in imports_of(path)}

    if name_of(path).startswith(PURE):
        assert not libraries & {"pyspark", "pydeequ", "py4j", "boto3"}
    if not name_of(path).startswith("profiling/deequ"):
        assert "pydeequ" not in libraries
    if not name_of(path).startswith(("documents", "runtime", "data_quality", "schedules")):
        assert "pydantic" not in libraries


@pytest.mark.parametrize("name", ON_EXECUTORS)
def test_what_executors_import_loads_no_spark_session_and_no_pydantic(name):
    module = "model_monitor." + name.replace("/", ".")
    forbidden = "pyspark", "pydeequ", "pydantic", "scipy"
    program = f"import sys, {module}; print([m for m in {forbidden!r} if m in sys.modules])"

    assert printed_by(program) == "[]\n"


def test_every_package_has_its_place_in_the_table():
    assert {name_of(path).split("/")[0] for path in modules()} <= set(ALLOWED)
