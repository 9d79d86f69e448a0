"""Modules of verdicts open with their model, and the examples of p-values are right."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from spark_model_monitor.statistics import verdicts
from spark_model_monitor.statistics.drift import special_functions

NAMES = [module.name for module in pkgutil.iter_modules(verdicts.__path__)]
PARTS = ("Model:", "Statistic:", "Assumptions:", "Used by:", "Source:")


def import_verdicts(name):
    return importlib.import_module(f"{verdicts.__name__}.{name}")


@pytest.mark.parametrize("name", NAMES)
def test_a_module_says_its_model_statistic_assumptions_callers_and_source(name):
    head = import_verdicts(name).__doc__

    assert [part for part in PARTS if part not in head] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_package_has_a_line_for_each_of_its_modules(name):
    assert f"{name}.py: " in verdicts.__doc__


@pytest.mark.parametrize(
    "module", [special_functions, *map(import_verdicts, NAMES)], ids=lambda module: module.__name__
)
def test_examples_are_right(module):
    failed, _ = doctest.testmod(module)

    assert failed == 0


@pytest.mark.parametrize("name", ["normal_survival", "student_survival", "chi_square_survival", "kolmogorov_survival"])
def test_each_tail_has_an_example(name):
    # A function without an example has a docstring, and no test in it
    [example] = doctest.DocTestFinder(recurse=False).find(getattr(special_functions, name))

    assert example.examples
