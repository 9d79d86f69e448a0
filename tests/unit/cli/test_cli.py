"""The `spark-model-monitor` command: what it starts, and what it imports for that."""

import os
import shlex
import subprocess
import sys

import pytest
from tests.programs import printed_by

from spark_model_monitor import __version__, cli
from spark_model_monitor.registry import RegistryEntry


def test_version_is_the_packages(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])

    assert caught.value.code == 0
    assert capsys.readouterr().out == f"spark-model-monitor {__version__}\n"


def test_help_fits_a_screen_and_groups_all_commands(capsys):
    with pytest.raises(SystemExit):
        cli.main([])

    lines = capsys.readouterr().out.splitlines()
    parser = cli.parser()
    assert {line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "} == set(parser.commands)
    assert len(lines) <= 50
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_terminal_of_another_encoding_ends_no_command(encoding):
    helped = subprocess.run(
        [sys.executable, "-m", "spark_model_monitor", "--help"],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )

    assert (helped.returncode, helped.stderr) == (0, b"")
    assert helped.stdout.decode(encoding).startswith("usage: spark-model-monitor COMMAND")


@pytest.mark.parametrize(
    ("words", "hint"),
    [(["basline"], "did you mean baseline?"), (["compare", "a", "b", "--jugde"], "did you mean --judge?")],
)
def test_the_nearest_command_or_flag_is_named(words, hint, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(words)

    assert caught.value.code == 2
    assert capsys.readouterr().err.rstrip().endswith(hint)


FAIL_FLAGS = ["--fail-on-violations", "--fail-on"]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["spark-model-monitor", "mon"], ["monitor"]),
        (["spark-model-monitor", "monitor", "--fail"], FAIL_FLAGS),
        (["spark-model-monitor", "submit", "monitor", "--fail"], FAIL_FLAGS),
        (["spark-model-monitor", "baseline", "--compat", ""], ["none", "service"]),
        (["spark-model-monitor", "compare", "--j"], ["--json", "--judge"]),
        (["spark-model-monitor", "baseline", "ord"], []),
    ],
)
def test_bash_completes_what_the_table_of_flags_has(typed, words, capsys):
    cli.main(["completion", "bash"])
    completions = (
        f"COMP_WORDS=({shlex.join(typed)}); COMP_CWORD={len(typed) - 1}; _spark_model_monitor; echo ${{COMPREPLY[@]}}"
    )
    bash = subprocess.run(
        ["bash", "-c", f"{capsys.readouterr().out}\n{completions}"], capture_output=True, text=True, check=True
    )

    assert (bash.stdout.split(), bash.stderr) == (words, "")


def test_submit_without_a_job_tells_how(capsys):
    assert cli.main(["submit"]) == 2
    assert capsys.readouterr().out.startswith("usage: spark-model-monitor submit [--dry-run] JOB")


def test_an_error_of_ours_is_one_sentence_and_its_status(tmp_path, capsys):
    assert cli.main(["merge-states", str(tmp_path / "nowhere"), "--output", str(tmp_path / "out")]) != 0
    assert capsys.readouterr().err.startswith("Error: ")


def test_a_fault_of_ours_is_a_sentence_with_a_trace_that_has_no_text(monkeypatch, capsys):
    monkeypatch.setitem(cli.VERBS._entries, "demo", RegistryEntry("demo", lambda words: float(words[0])))

    assert cli.main(["demo", "a value"]) == 255
    error_text = capsys.readouterr().err
    assert "ValueError\n" in error_text
    assert error_text.splitlines()[-1].startswith("Error: unexpected ValueError at test_cli.py, line ")
    assert "a value" not in error_text


def test_a_run_loads_nothing_for_what_nobody_requested():
    code = """
        import sys, spark_model_monitor.running.runs.monitoring_run
        unasked = {"dotenv", "http.client", "pandas", "pyspark", "scipy", "urllib.request", "xml.etree"}
        print(unasked & set(sys.modules))
    """

    assert printed_by(code) == "set()\n"


def test_the_command_imports_neither_spark_nor_numpy_before_it_knows_what_to_do():
    code = "import sys, spark_model_monitor.cli; print({'pyspark', 'numpy', 'pydantic', 'pandas'} & set(sys.modules))"

    assert printed_by(code) == "set()\n"


@pytest.mark.parametrize(
    ("before", "then"), [("", "__all__"), ("os.environ[name] = 'own'", "own"), ("import pydantic", "None")]
)
def test_a_process_of_the_command_looks_for_no_plugins_of_pydantic_unless_requested(before, then):
    code = f"""
        import os, sys
        name = "PYDANTIC_DISABLE_PLUGINS"
        {before}
        from spark_model_monitor import cli
        sys.argv[1:] = ["submit"]
        cli.main()
        print(os.environ.get(name))
    """

    assert printed_by(code).splitlines()[-1] == then
