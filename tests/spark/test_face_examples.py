"""The examples in the docstrings of the public face run, and give what they say."""

from __future__ import annotations

import doctest

import pytest

import spark_model_monitor
from spark_model_monitor.errors import MonitorError

FINDER = doctest.DocTestFinder(recurse=False)
EXAMPLES = [
    test
    for name in spark_model_monitor.__all__
    for test in FINDER.find(getattr(spark_model_monitor, name), name, globs={})
    if test.examples
]


def test_every_name_but_the_errors_has_one():
    errors = {name for name in spark_model_monitor.__all__ if _is_error(getattr(spark_model_monitor, name))}

    assert {test.name for test in EXAMPLES} == set(spark_model_monitor.__all__) - errors


def _is_error(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, MonitorError)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda test: test.name)
def test_an_example_gives_what_it_says(spark, tmp_path, monkeypatch, example):
    monkeypatch.chdir(tmp_path)
    output_lines: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.FAIL_FAST)
    runner.run(example, out=output_lines.append, clear_globs=False)

    assert runner.failures == 0, "".join(output_lines)
