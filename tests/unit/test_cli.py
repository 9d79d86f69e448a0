"""The `model-monitor` command: what it starts, and what it imports for that."""

from __future__ import annotations

import pytest
from tests.programs import printed_by

from model_monitor import __version__, cli


def test_version_is_the_packages(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])

    assert caught.value.code == 0
    assert capsys.readouterr().out == f"spark-model-monitor {__version__}\n"


def test_help_lists_the_commands(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])

    text = capsys.readouterr().out
    assert all(command in text for command in ("submit", "demo", "merge-states"))


def test_submit_without_a_job_tells_how(capsys):
    assert cli.main(["submit"]) == 2
    assert capsys.readouterr().out.startswith("usage: model-monitor submit [--dry-run] JOB")


def test_an_error_of_ours_is_one_sentence_and_its_status(tmp_path, capsys):
    assert cli.main(["merge-states", str(tmp_path / "nowhere"), "--output", str(tmp_path / "out")]) != 0
    assert capsys.readouterr().err.startswith("Error: ")


def test_the_command_imports_neither_spark_nor_numpy_before_it_knows_what_to_do():
    code = "import sys, model_monitor.cli; print({'pyspark', 'numpy', 'pydantic', 'pandas'} & set(sys.modules))"

    assert printed_by(code) == "set()\n"
