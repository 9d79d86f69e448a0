"""The examples in the docstrings of the public faces run, and give what they say."""

from __future__ import annotations

import doctest
import importlib
import inspect

import pytest

FACES = ("spark_model_monitor", "spark_model_monitor.capture", "spark_model_monitor.sagemaker")
RETURNED = {"BaseliningJob", "ClarifyBaseliningJob", "MonitoringExecution", "ProcessingJob"}
"""What the monitors and processors of the SDK's face return after a job; the notebooks have examples of them."""


def is_left_out(public):
    """Whether the SDK's face has it only to refuse it, or as a module under the SDK's name."""
    is_refused = (inspect.getdoc(public) or "").startswith("Refused: ")
    return is_refused or (inspect.ismodule(public) and ".sagemaker." in public.__name__)


FINDER = doctest.DocTestFinder(recurse=False)
NAMES = [
    (face, name)
    for face in FACES
    for name in importlib.import_module(face).__all__
    if name not in RETURNED and not is_left_out(getattr(importlib.import_module(face), name))
]


@pytest.mark.parametrize(("face", "name"), NAMES)
def test_a_name_has_an_example_which_gives_what_it_says(spark, tmp_path, monkeypatch, face, name):
    monkeypatch.chdir(tmp_path)
    [example] = FINDER.find(getattr(importlib.import_module(face), name), name, globs={})
    output_lines: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.FAIL_FAST | doctest.ELLIPSIS)
    runner.run(example, out=output_lines.append, clear_globs=False)

    assert example.examples
    assert runner.failures == 0, "".join(output_lines)
