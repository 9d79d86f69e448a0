"""Preprocessing scripts, which are loaded once before any record is read."""

from __future__ import annotations

import re

import pytest

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.reading.scripts import read_script
from spark_model_monitor.errors import BadConfiguration, ScriptFailed


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        pytest.param(b"import os\nos.environ['NO_SUCH']\n", "KeyError (line 2 of clean.py)", id="an exception"),
        pytest.param(b"raise OSError('gone')\n", "OSError (line 1 of clean.py)", id="one with a text"),
        pytest.param(b"def preprocess_handler(:\n", "SyntaxError (clean.py)", id="no Python"),
        pytest.param(b"x = 1\n", "there is no function preprocess_handler(inference_record) in it", id="no handler"),
    ],
)
def test_a_script_that_can_not_be_loaded_is_named_with_its_problem(tmp_path, source, problem):
    (tmp_path / "clean.py").write_bytes(source)

    with pytest.raises(ScriptFailed, match=re.escape(f"clean.py can't be loaded: {problem}") + "$"):
        read_script(str(tmp_path / "clean.py"), LocalEngine())


@pytest.mark.parametrize("source", [None, b"\xff"], ids=["no file", "no UTF-8"])
def test_a_script_that_can_not_be_read_is_a_fault_of_the_option(tmp_path, source):
    if source is not None:
        (tmp_path / "clean.py").write_bytes(source)

    # Found before any record is read
    with pytest.raises(BadConfiguration, match=r"^record_preprocessor_script: "):
        read_script(str(tmp_path / "clean.py"), LocalEngine())
