"""Imports go one way (CONTRIBUTING.md): who may import whom, and which libraries a module may load."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.layers import MAY_IMPORT, circles, imports_of, layer_of, libraries_of, modules
from tests.layers_picture import picture, rows_of
from tests.programs import printed_by

ROOT = Path(__file__).resolve().parents[2]

MODULES = modules()

ON_EXECUTORS = (
    "states",
    "engine/protocol",
    "engine/worker",
    "engine/state_rows",
    "engine/tables",
    "explainability/kernel",
    "explainability/partial_dependence",
    "predictors/loading",
    "profiling/partition",
    "profiling/block",
    "profiling/gathering",
    "profiling/plan",
    "profiling/keys",
    "profiling/outcome_partition",
    "profiling/flip_partition",
    "records/captured_lines",
    "records/json_keys",
    "records/outcome_decoders",
    "reading/csv_lines",
    "reading/handlers",
    "merging/captured",
    "merging/joining",
    "merging/labels",
    "merging/pending",
    "merging/transform_lines",
)
"""What Python workers import: neither pyspark, nor pydeequ, nor pydantic."""

PURE = (
    "errors",
    "registry",
    "documents",
    "states",
    "drift",
    "runs/protocol",
    "data_quality",
    "model_quality",
    "bias",
    "records",
)
"""What runs without Spark."""


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_the_layers_below(module):
    layer = layer_of(module)
    imported = {layer_of(name) for name in imports_of(MODULES[module], MODULES)}

    assert imported - {layer} <= MAY_IMPORT[layer]


def test_no_file_imports_itself_by_a_detour():
    assert circles({module: imports_of(path, MODULES) for module, path in MODULES.items()}) == []


def test_the_table_goes_one_way_and_names_what_is_there():
    assert circles(MAY_IMPORT) == []
    assert {layer_of(module) for module in MODULES} == set(MAY_IMPORT)
    assert set().union(*MAY_IMPORT.values()) <= set(MAY_IMPORT)


def test_circles_are_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"]]


def test_the_picture_of_the_layers_is_the_tables():
    drawn = (ROOT / "docs" / "layers.svg").read_text(encoding="utf-8")

    assert drawn == picture(MAY_IMPORT), "`make docs` draws it again"


def test_a_row_of_the_picture_stands_above_all_that_its_layers_import():
    assert rows_of({"top": {"low", "middle"}, "middle": {"low"}, "low": set(), "aside": set()}) == [
        ["low", "aside"],
        ["middle"],
        ["top"],
    ]


@pytest.mark.parametrize("module", MODULES)
def test_libraries_stay_in_their_layers(module):
    libraries = libraries_of(MODULES[module])

    if layer_of(module) in PURE:
        assert not libraries & {"pyspark", "pydeequ", "py4j", "boto3"}
    if not module.startswith("deequ/"):
        assert "pydeequ" not in libraries
    if layer_of(module) not in ("documents", "configuration", "runtime", "data_quality", "schedules"):
        assert "pydantic" not in libraries


@pytest.mark.parametrize("name", ON_EXECUTORS)
def test_what_executors_import_loads_no_spark_session_and_no_pydantic(name):
    module = "model_monitor." + name.replace("/", ".")
    forbidden = "pyspark", "pydeequ", "pydantic", "scipy"
    program = f"import sys, {module}; print([m for m in {forbidden!r} if m in sys.modules])"

    assert printed_by(program) == "[]\n"


LAUNCH = [module for module in MODULES if module.startswith("launch")]


def test_launching_loads_no_third_party():
    """Launching is tried with any Python that is at hand, before there is an environment."""
    program = f"""
        import sys
        for name in {[name.replace("/", ".") for name in LAUNCH]!r}:
            __import__("model_monitor." + name)
        loaded = {{name.split(".")[0] for name in sys.modules}}
        print(sorted(loaded - set(sys.stdlib_module_names) - {{"model_monitor", "__main__"}}))
    """

    assert printed_by(program, options=("-S",)) == "[]\n"
