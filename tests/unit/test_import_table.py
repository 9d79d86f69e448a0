"""Imports go one way (CONTRIBUTING.md): who may import whom, and which libraries a module may load."""

from __future__ import annotations

import ast
from functools import cache

import pytest
from tests.floors import (
    ALONE,
    FACE,
    FLOORS,
    PACKAGE,
    ROOT,
    circles,
    find_floor,
    find_imports,
    find_libraries,
    may_import,
    modules,
    takes_batches,
)
from tests.programs import printed_by

MODULES = modules()

PICKLED = ("statistics/states", "monitors/explainability/kernel", "monitors/predictors/model_loading")
"""What executors import by the names in what is sent to them: states, explainers, models."""

WITHOUT_SPARK = FLOORS[: FLOORS.index("spark")]
"""The floors that run without a JVM: nothing of them names PySpark, Py4J or Java when it runs."""

VALIDATING = {"documents", "running"}
"""Where files and flags are validated, by pydantic."""


@cache  # not when tests are collected, which each process does: it reads every file
def on_executors() -> list[str]:
    """What Python workers import: the modules of whatever is mapped over batches, found by the types of parameters."""
    return sorted({*PICKLED, *(module for module, path in MODULES.items() if takes_batches(path))})


@pytest.mark.long
def test_a_floor_imports_only_from_those_above_it():
    against = [
        f"{module} imports {imported}"
        for module, path in MODULES.items()
        for imported in sorted(find_imports(path, MODULES))
        if find_floor(imported) not in may_import(find_floor(module))
    ]

    assert against == []


@pytest.mark.long
def test_no_file_imports_itself_by_a_detour():
    assert circles({module: find_imports(path, MODULES) for module, path in MODULES.items()}) == []


def test_the_floors_are_what_is_there():
    floors = {find_floor(module) for module in MODULES} | {"jobs", "conf"}

    assert floors - {"jobs", "conf"} == {*FLOORS, *ALONE, *ROOT, *FACE}
    packages = [path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()]
    assert sorted(packages) == sorted([*FLOORS, *ALONE, *FACE])


def test_circles_are_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"]]


@pytest.mark.parametrize(
    ("floor", "imported", "may"),
    [("data", "documents", True), ("documents", "data", False), ("capture", "errors", False), ("cli", "spark", True)],
)
def test_the_table_goes_one_way(floor, imported, may):
    assert (imported in may_import(floor)) is may


@pytest.mark.long
def test_libraries_stay_on_their_floors():
    against = []
    for module, path in MODULES.items():
        libraries = find_libraries(path)
        if find_floor(module) in WITHOUT_SPARK:
            against += [f"{module} imports {name}" for name in libraries & {"pyspark", "pydeequ", "py4j"}]
        if not module.startswith("spark/deequ") and "pydeequ" in libraries:
            against.append(f"{module} imports pydeequ")
        if "pydantic" in libraries and find_floor(module) not in VALIDATING:
            against.append(f"{module} imports pydantic")

    assert against == []


@pytest.mark.long
def test_what_executors_import_loads_no_spark_session_and_no_pydantic():
    program = f"""
        import sys
        for name in {[name.replace("/", ".") for name in on_executors()]!r}:
            __import__("spark_model_monitor." + name)
            for library in ("pyspark", "pydeequ", "pydantic", "scipy", "jmespath"):
                if sys.modules.pop(library, None):
                    print(name, "loads", library)
    """

    assert printed_by(program) == ""


def test_what_executors_import_is_found():
    """One of each: a task that profiles, one that merges, one that reads lines, and a library of theirs."""
    tasks = {"data/profiling/partition", "running/merging/labels", "data/records/decoded_rows", "monitors/predictions"}

    assert tasks < {*on_executors()}


@pytest.mark.parametrize(
    ("source", "takes"),
    [
        ("def f(batches: Iterable[pa.RecordBatch]) -> None: ...", True),
        ("def f(batches: Batches) -> None: ...", True),
        ("class Task:\n    def __call__(self, block: pa.RecordBatch) -> int: ...", True),
        ("def f(frame: DataFrame) -> pa.RecordBatch: ...", False),
    ],
)
def test_who_takes_batches_is_reported_by_the_types_of_parameters(tmp_path, source, takes):
    (tmp_path / "module.py").write_text(source)

    assert takes_batches(tmp_path / "module.py") is takes


LAUNCH = [module for module in MODULES if module.startswith("spark/launch")]


def test_launching_loads_no_third_party():
    """Launching is tried with any Python that is at hand, before there is an environment."""
    program = f"""
        import sys
        for name in {[name.replace("/", ".") for name in LAUNCH]!r}:
            __import__("spark_model_monitor." + name)
        loaded = {{name.split(".")[0] for name in sys.modules}}
        print(sorted(loaded - set(sys.stdlib_module_names) - {{"spark_model_monitor", "__main__"}}))
    """

    assert printed_by(program, options=("-S",)) == "[]\n"


def test_reading_a_dag_loads_no_library_of_the_jobs():
    statements = [node for path in (PACKAGE / "airflow").glob("*.py") for node in ast.parse(path.read_text()).body]
    modules_of_dags = {node.module for node in statements if isinstance(node, ast.ImportFrom)}
    ours = sorted(
        name for name in modules_of_dags if name.startswith("spark_model_monitor.") and ".airflow" not in name
    )
    program = f"import importlib, sys; [*map(importlib.import_module, {ours})]; print('pyarrow' in sys.modules)"

    assert printed_by(program) == "False\n"
