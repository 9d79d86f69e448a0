"""What a user's type checker learns of the package."""

import importlib
import inspect
import os
import sys

import pytest
from tests.programs import LIB, run_program

USE = """
import pandas as pd

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring

orders = pd.DataFrame({"country": ["DE", "FR"] * 50, "items": [1, 3] * 50})
baseline = run_baseline(orders, DataQualityMonitor())
findings = run_monitoring(orders, DataQualityMonitor(), baseline)
reveal_type(findings.count)
baseline.no_such_method()
"""


def check_types(folder, name):
    """What mypy prints of a file in a folder."""
    words = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(folder / "cache"), name]
    # As an installed package: without py.typed mypy passes it by
    return run_program(words, cwd=folder, env={**os.environ, "PYTHONPATH": str(LIB)}).stdout


@pytest.mark.long
@pytest.mark.nightly
def test_a_type_checker_knows_the_types_of_what_a_user_calls(tmp_path):
    (tmp_path / "use.py").write_text(USE)
    report = check_types(tmp_path, "use.py")

    assert 'Revealed type is "int"' in report, report
    assert "no_such_method" in report
    assert "Found 1 error in 1 file" in report


DECORATORS = {
    "register_distance": "spark_model_monitor.statistics.drift.distances",
    "register_sink": "spark_model_monitor.reports.sinks",
    "register_reader": "spark_model_monitor.data.request_logs.logged_events",
    "register_storage": "spark_model_monitor.storage.file_system",
    "register_verb": "spark_model_monitor.cli.verbs",
    "register_metric": "spark_model_monitor.monitors.model_quality.metrics",
    "register_bias_metric": "spark_model_monitor.monitors.bias.bias_metrics",
}
"""Decorators of registries whose entries have facts that can be forgotten, and their modules."""

OPTIONAL_ALONE = {
    "register_hint": "spark_model_monitor.monitors.data_quality.hints",
    "register_guess": "spark_model_monitor.monitors.data_quality.causes.likely_mistakes",
    "register_predictor": "spark_model_monitor.monitors.predictors",
}
"""Those whose facts may all be left out."""


def list_facts(name):
    """The facts that a decorator can't do without."""
    decorator = getattr(importlib.import_module(DECORATORS[name]), name)
    parameters = inspect.signature(decorator).parameters.values()
    return [fact.name for fact in parameters if fact.kind is fact.KEYWORD_ONLY and fact.default is fact.empty]


def count_positional(name):
    """How many positional arguments a decorator takes: a name, and before it the registry where there are several."""
    return 1 + name.endswith("metric")


@pytest.mark.parametrize("name", DECORATORS)
def test_a_fact_that_is_forgotten_fails_where_it_is_declared(name):
    decorator = getattr(importlib.import_module(DECORATORS[name]), name)
    assert list_facts(name)
    with pytest.raises(TypeError, match="missing .* required keyword-only argument"):
        decorator(*["new", "new"][: count_positional(name)])


@pytest.mark.long
@pytest.mark.nightly
def test_a_type_checker_finds_a_fact_that_is_forgotten_and_one_that_nobody_reads(tmp_path):
    lines = [f"from {module} import {name}" for name, module in {**DECORATORS, **OPTIONAL_ALONE}.items()]
    expected_errors = []
    # Each decorator without each of its facts, the others of any type
    lines.append("from typing import Any")
    lines.append("anything: Any = None")
    for name in DECORATORS:
        positional = "anything, " * (count_positional(name) - 1)
        for forgotten in list_facts(name):
            facts = "".join(f", {fact}=anything" for fact in list_facts(name) if fact != forgotten)
            lines.append(f'{name}({positional}"new"{facts})')
            expected_errors.append(f'{len(lines)}: error: Missing named argument "{forgotten}" for "{name}"')
    for name in OPTIONAL_ALONE:
        lines.append(f'{name}("new", nobody_reads_it=anything)')
        expected_errors.append(f'{len(lines)}: error: Unexpected keyword argument "nobody_reads_it" for "{name}"')
    (tmp_path / "facts.py").write_text("\n".join(lines) + "\n")
    report = check_types(tmp_path, "facts.py")

    found_errors = [line.removeprefix("facts.py:").partition("  [")[0] for line in report.splitlines()[:-1]]
    assert [line for line in found_errors if "defined" not in line] == expected_errors
