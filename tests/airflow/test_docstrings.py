"""The examples in the docstrings of the operators' face run, and give what they say."""

from __future__ import annotations

import doctest

import pytest

import spark_model_monitor.airflow as face

FINDER = doctest.DocTestFinder(recurse=False)


@pytest.mark.parametrize("name", face.__all__)
def test_a_name_has_an_example_which_gives_what_it_says(name):
    [example] = FINDER.find(getattr(face, name), name, globs={})
    output_lines: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.FAIL_FAST)
    runner.run(example, out=output_lines.append)

    assert example.examples
    assert runner.failures == 0, "".join(output_lines)
