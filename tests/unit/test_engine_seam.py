"""Only these reach into Spark's JVM: `spark/engine/`, `spark/deequ/`, `spark/spark_session.py` and `spark/storage.py`
(docs/decisions/0034-the-seam-to-the-engine.md).
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pyspark
import pytest
from tests.floors import find_libraries, modules
from tests.programs import printed_by

from spark_model_monitor.spark.engine.spark import DEEQU_IMPLEMENTATIONS, IMPLEMENTATIONS

MODULES = modules()

INSIDE = ("spark/engine", "spark/deequ", "spark/spark_session", "spark/storage")

NAMED = {"_jvm", "_jsc", "rdd", "sparkContext"}
"""What Spark Connect's sessions and frames don't have, beside PySpark's private names."""

PYSPARK = Path(pyspark.__file__).parent

MAPPING = {"mapInArrow", "mapInPandas", "applyInPandas", "applyInArrow"}
"""How a function is mapped over partitions of Spark."""

JOINED_AS_FRAMES = "spark/merging"
"""The merge is a join of Spark's frames, and decodes lines between two of its steps."""

ENGINE_FREE = ("data/engine", "data/profiling", "data/reading")
"""What an engine without a JVM shares with Spark's."""


@cache
def private_names() -> frozenset[str]:
    """The names with one underscore that PySpark's own sources define, of whatever object."""
    folders = (".", "sql", "sql/pandas", "core", "sql/classic")  # the last two since Spark 4
    files = [file for folder in folders for file in (PYSPARK / folder).glob("*.py")]
    names = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                names.add(node.name)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                names.add(node.attr)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                names.add(node.target.id)
    return frozenset(name for name in names if name.startswith("_") and not name.startswith("__"))


def find_reaching_lines(source: str, names: frozenset[str]) -> list[str]:
    """The lines of a program that take one of these names of something that is not its own."""
    if not any(name in source for name in names):  # which is known in a hundredth of the time
        return []
    lines = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            taken = node.attr
            owner = node.value
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "getattr" and len(node.args) > 1:
            taken = getattr(node.args[1], "value", "")
            owner = node.args[0]
        else:
            continue
        if taken in names and getattr(owner, "id", "") not in ("self", "cls"):
            lines.append(f"line {node.lineno}: {taken}")
    return lines


def list_reaching(names: frozenset[str], *inside: str) -> list[str]:
    """The lines of modules outside of some rooms that take one of these names."""
    other_modules = (module for module in MODULES if not module.startswith(inside))
    return [
        f"{module}, {line}"
        for module in other_modules
        for line in find_reaching_lines(MODULES[module].read_text(), names)
    ]


@pytest.mark.long
def test_no_other_room_reaches_into_the_jvm():
    assert list_reaching(NAMED | private_names(), *INSIDE) == []


@pytest.mark.long
def test_functions_are_mapped_by_the_engine_alone():
    assert list_reaching(frozenset(MAPPING), "spark/engine", JOINED_AS_FRAMES) == []


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("spark._jvm.java.lang.System.exit(0)", "_jvm"),
        ("configuration = spark.sparkContext._jsc.hadoopConfiguration()", "_jsc"),
        ("rows = frame.rdd.map(str)", "rdd"),
        ("spark.sparkContext.setLogLevel('OFF')", "sparkContext"),
        ("self.spark.sparkContext.setLogLevel('OFF')", "sparkContext"),
        ("plan = frame._jdf.queryExecution()", "_jdf"),
        ("conf = spark._jsparkSession.sessionState()", "_jsparkSession"),
        ("batches = frame._collect_as_arrow()", "_collect_as_arrow"),
        ("gateway = SparkContext._gateway", "_gateway"),
        ("SparkContext._ensure_initialized()", "_ensure_initialized"),
        ("is_running = SparkContext._active_spark_context is not None", "_active_spark_context"),
        ("reader = frame.write._jwrite", "_jwrite"),
        ("column = F.col('a')._jc", "_jc"),
        ("jvm = getattr(spark, '_jvm')", "_jvm"),
    ],
)
def test_reaching_into_the_jvm_is_seen(line, name):
    assert name in {line.split()[-1] for line in find_reaching_lines(line, NAMED | private_names())}


@pytest.mark.parametrize(
    "line", ["self._jvm = jvm", "rows = frame.collect()", "def rdd(): ...", "cls._gateway", "namespace.__name__"]
)
def test_what_is_ones_own_or_public_is_none(line):
    assert find_reaching_lines(line, NAMED | private_names()) == []


@pytest.mark.long
def test_what_every_engine_shares_loads_no_spark():
    shared = [module for module in MODULES if module.startswith(ENGINE_FREE)]
    names = ", ".join(f"spark_model_monitor.{module.replace('/', '.')}" for module in shared)

    assert [module for module in shared if "pyspark" in find_libraries(MODULES[module])] == []
    assert printed_by(f"import sys, {names}; print('pyspark' in sys.modules)") == "False\n"


def list_functions() -> list[tuple[str, str, list[str]]]:
    """The functions of all modules: the module's path, the function's name and its parameters."""
    return [
        (path_name, node.name, [argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)])
        for path_name, path in MODULES.items()
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    ]


def test_what_spark_does_in_another_way_has_the_same_parameters():
    implementations = [(name, module) for module, names in IMPLEMENTATIONS.items() for name in names]
    implementations += DEEQU_IMPLEMENTATIONS.items()
    functions = list_functions()
    for name, module in implementations:
        path_of_spark = f"spark/{module.replace('.', '/')}"
        [on_spark] = [
            parameters for path, function, parameters in functions if (path, function) == (path_of_spark, name)
        ]
        [expected] = [
            parameters for path, function, parameters in functions if function == name and not path.startswith("spark/")
        ]

        assert on_spark == expected, name
