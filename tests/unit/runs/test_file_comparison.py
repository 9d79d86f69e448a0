"""Two files to a page in one command, and what --json, --quiet and --verbose print."""

import json
import subprocess
import sys

import pytest

from spark_model_monitor import cli

BEFORE = "country,items\n" + "DE,1\nFR,2\nPL,3\n" * 60
AFTER = BEFORE.replace("FR", "ES")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two files of data."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "before.csv").write_text(BEFORE)
    (tmp_path / "after.csv").write_text(AFTER)
    return tmp_path


def test_one_command_leads_from_two_files_to_a_page(folder, capsys):
    assert cli.main(["compare-files", "before.csv", "after.csv"]) == 0

    printed = capsys.readouterr().out
    assert "1 of 2 features changed: country" in printed
    assert printed.splitlines()[-1] == "after-compared.html"
    assert "1 of 2 features changed: country" in (folder / "after-compared.html").read_text()
    assert {path.name for path in folder.iterdir()} == {"before.csv", "after.csv", "after-compared.html"}


def test_files_of_two_kinds_and_folders_are_compared(folder, capsys):
    rows = [line.split(",") for line in AFTER.splitlines()[1:]]
    later = folder / "later"
    later.mkdir()
    (later / "a.jsonl").write_text("".join(json.dumps({"country": a, "items": int(b)}) + "\n" for a, b in rows))

    assert cli.main(["compare-files", "before.csv", "later", "--json", "--output", "page.html"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["outcome"], document["page"]) == ("changed", "page.html")
    assert {change["name"] for change in document["changes"]} == {"country"}
    assert document["next_step"].startswith("check country at its source")
    assert (folder / "page.html").is_file()


def test_hidden_values_are_in_no_page(folder, capsys):
    assert cli.main(["compare-files", "before.csv", "after.csv", "--values", "hide"]) == 0
    assert ">ES<" not in (folder / "after-compared.html").read_text()


def test_a_file_that_is_not_there_is_named(folder, capsys):
    assert cli.main(["compare-files", "before.csv", "aftre.csv"]) == 2
    assert "did you mean after.csv?" in capsys.readouterr().err


def test_compare_says_which_command_takes_files_of_data(folder, capsys):
    assert cli.main(["compare", "before.csv", "after.csv"]) == 2
    assert "compare-files BEFORE AFTER" in capsys.readouterr().err


def run(*arguments):
    """The exit status, the standard output and the lines of the log of a command, in a process of its own."""
    program = [sys.executable, "-m", "spark_model_monitor", *arguments]
    ended = subprocess.run(program, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout, ended.stderr.splitlines()


def test_json_is_all_that_is_printed(folder):
    status, printed, _ = run("baseline", "before.csv", "--json", "--quiet")
    baseline = json.loads(printed)

    assert (status, baseline["exit_status"], baseline["rows"]) == (0, 0, 180)
    status, printed, _ = run("monitor", "after.csv", "--baseline", "before-baseline", "--json", "--fail-on-violations")
    document = json.loads(printed)
    assert (status, document["exit_status"], document["outcome"]) == (4, 4, "changed")
    assert document["headline"].startswith("1 of 2 features changed: country")
    assert "ES" not in printed
    assert (folder / document["page"]).is_file()
    # A mistake, too
    status, printed, _ = run("monitor", "after.csv", "--baseline", "before-baseline", "--sink", "x", "--json")
    assert (status, json.loads(printed)["exit_status"]) == (2, 2)
    status, printed, _ = run("monitor", "nothing.csv", "--json")
    assert status == 2
    assert "nothing.csv" in json.loads(printed)["message"]


def test_quiet_leaves_the_verdict_and_verbose_says_where_options_are_from(folder):
    run("baseline", "before.csv", "--quiet")
    words = ["monitor", "after.csv", "--baseline", "before-baseline"]
    (folder / "spark-model-monitor.yaml").write_text("values: hide\n")
    _, printed, quiet = run(*words, "--quiet")
    _, _, logged = run(*words)
    _, _, verbose = run(*words, "--verbose")

    assert printed == ""
    assert len(quiet) == 1
    assert "features changed: country" in quiet[0]
    assert 5 < len(logged) < len(verbose)
    assert any("values is set by spark-model-monitor.yaml: values" in line for line in verbose)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_completes_commands_and_flags(shell, capsys):
    assert cli.main(["completion", shell]) == 0
    script = capsys.readouterr().out

    for word in ("compare-files", "fail-on", "violations", "quiet"):
        assert word in script
    assert "lease-wait" not in script


@pytest.mark.parametrize(("cells", "is_said"), [(("-999", ""), True), (("-999", "-999"), False)])
def test_the_picture_of_a_new_column_says_that_it_leaves_out_missing_values(cells, is_said, folder):
    header, *rows = BEFORE.splitlines()
    lines = [f"{header},added", *(f"{row},{cells[number % 2]}" for number, row in enumerate(rows))]
    (folder / "after.csv").write_text("\n".join(lines))

    assert cli.main(["compare-files", "before.csv", "after.csv"]) == 0

    page = (folder / "after-compared.html").read_text()
    assert ("the picture leaves out missing values" in page) == is_said
