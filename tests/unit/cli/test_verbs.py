"""What every command of `spark-model-monitor` owes, tested for each file of `cli/verbs/`."""

import argparse
import inspect
import re
from pathlib import Path

import pytest
from tests.programs import printed_by

from spark_model_monitor import cli
from spark_model_monitor.cli import HEADINGS, VERBS

DOCS = Path(__file__).resolve().parents[3] / "docs"
FILES = {path.stem for path in Path(cli.verbs.__file__).parent.glob("*.py")} - {"__init__"}


def test_every_file_of_verbs_has_the_commands_of_one_heading():
    modules = {
        (inspect.getmodule(verb.function).__name__.rpartition(".")[2], verb.facts["group"]) for verb in VERBS.values()
    }

    assert modules == {(name, name.replace("_", " ")) for name in FILES}


def test_help_lists_every_command_under_a_heading():
    assert {verb.facts["group"] for verb in VERBS.values()} == set(HEADINGS)


def test_every_command_stands_on_a_page_of_the_documentation():
    pages = "\n".join(page.read_text(encoding="utf-8") for page in DOCS.glob("*.md"))
    missing = [
        verb.name
        for verb in VERBS.values()
        if not re.search(rf"spark-model-monitor {verb.name}\b(?!-)|^\|.*`{verb.name}( [^`]*)?`", pages, re.MULTILINE)
    ]

    assert not missing, (
        f"write `spark-model-monitor {missing[0]} …` with an example into a page of docs/ (docs/jobs.md lists all)"
    )


def test_every_command_has_a_line_of_the_table_of_commands():
    table = (DOCS / "jobs.md").read_text(encoding="utf-8")
    missing = [verb.name for verb in VERBS.values() if not re.search(rf"^\|[^|]*`{verb.name}[ `]", table, re.MULTILINE)]

    assert not missing, f"docs/jobs.md: add the line | `{missing[0]}` | … | ….md |"


@pytest.mark.parametrize("name", [verb.name for verb in VERBS.values() if verb.facts["flags"]])
def test_every_flag_of_a_command_says_what_it_is(name):
    command = cli.parser().commands[name]
    silent = [action.dest for action in command._actions if not action.help and action.help != argparse.SUPPRESS]

    assert silent == []


WITH_A_PATH = """
report RUN; compare RUN .; compare . RUN; compare-files RUN .; explain age --run RUN; rows RUN age; accept RUN;
promote RUN --model-version 1 --to new; rollback RUN; merge-states RUN RUN --output new; import RUN; leave RUN;
challenge RUN RUN --problem-type Regression; prune --older-than P1D --reports RUN; import-notebook RUN;
run-due --schedule RUN; watch RUN --page april-report/index.html
"""


@pytest.mark.parametrize("words", [words.strip() for words in WITH_A_PATH.split(";")])
def test_a_path_that_is_not_there_ends_with_the_nearest_name(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "april-report").mkdir()

    assert cli.main(words.replace("RUN", "aprl-report").split()) == 2
    assert "did you mean april-report?" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["april-report"]


def test_a_pattern_that_some_file_fits_is_a_path(tmp_path, capsys):
    (tmp_path / "a.csv").touch()
    words = f"rows {tmp_path} age --values send --source {tmp_path}"

    assert cli.main(f"{words}/*.csv".split()) == 2
    assert "no run was published here" in capsys.readouterr().err
    assert cli.main(f"{words}/*.orc".split()) == 2
    assert "*.orc: there is no such file or directory" in capsys.readouterr().err


def test_a_new_file_is_a_command(tmp_path):
    """A package path with one file more: the command is there, listed under its heading."""
    (tmp_path / "greet.py").write_text(
        "from spark_model_monitor.cli.verbs import register_verb\n"
        '@register_verb("greet", group="begin")\n'
        "def greet(words):\n"
        '    """Say hello."""\n'
        '    print("hello", *words)\n'
        "    return 0\n"
    )
    program = f"""
        from spark_model_monitor.cli import main, parser, verbs
        from spark_model_monitor.registry import import_all
        verbs.__path__.append({str(tmp_path)!r})
        import_all(verbs)
        assert "  greet         Say hello" in parser().format_help()
        raise SystemExit(main(["greet", "you"]))
    """

    assert printed_by(program) == "hello you\n"
