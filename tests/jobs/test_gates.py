"""Gates of a build: the action's steps, and the hook of pre-commit, as programs run them."""

import os
import re
import shutil
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from tests.programs import run_program
from tests.running_jobs import ROOT

ORDERS = "country,items\n" + "DE,1\nFR,3\nDE,2\nPL,2\n" * 50
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A folder with data, its baseline, and later data with another country."""
    folder = tmp_path_factory.mktemp("repository")
    (folder / "orders.csv").write_text(ORDERS)
    (folder / "later.csv").write_text(ORDERS.replace("FR", "ES"))
    first_lines = ORDERS.splitlines(keepends=True)[:21]
    (folder / "few.csv").write_text("".join(first_lines))
    run(folder, "spark-model-monitor", "baseline", "orders.csv").check_returncode()
    return folder


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """The script of a clone whose environment is this one; what makes it is tried in tests/jobs/test_fresh_clone.py."""
    folder = tmp_path_factory.mktemp("clone")
    (folder / "jobs").mkdir()
    shutil.copy(ROOT / "jobs" / "pre-commit.sh", folder / "jobs")
    recipe = f"mkdir -p .venv && ln -sfn {Path(sys.executable).parent} .venv/bin && echo made"
    (folder / "Makefile").write_text(f".venv/.%:\n\t@{recipe} $@ && touch $@\n")
    return folder


def run(folder, *command, **environment):
    return run_program(command, cwd=folder, env={**os.environ, "PATH": PATH, **environment})


def action(folder, first=0, **inputs):
    """Runs the action's steps as GitHub does, from one on: the last one, its outputs, and the summary. inputs: and its path."""
    declared = yaml.safe_load((ROOT / "action.yml").read_text())
    values = {name: inputs.get(name, declaration.get("default")) for name, declaration in declared["inputs"].items()}
    values |= {"action_path": str(inputs.get("action_path"))}
    files = {name: folder / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_PATH")}
    for file in files.values():
        file.write_text("")
    for step in declared["runs"]["steps"][first:]:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"]  # inputs are data, and no part of a script
        variables = {name: filled(text, values) for name, text in step["env"].items()}
        variables |= {name: str(path) for name, path in files.items()} | {
            "PATH": os.pathsep.join([*files["GITHUB_PATH"].read_text().split(), PATH if first else os.environ["PATH"]]),
            "RUNNER_TEMP": str(folder),
            "GITHUB_ACTIONS": "true",
        }
        done = run(folder, "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"], **variables)
        if done.returncode:
            break
    outputs = dict(line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text().splitlines())
    return done, outputs, files["GITHUB_STEP_SUMMARY"].read_text()


def filled(text, values):
    return re.sub(r"\$\{\{ (inputs|github)\.(\w+) \}\}", lambda match: values.get(match[2], "/nowhere"), text)


def test_the_action_fails_for_violations_and_says_them_as_junit_and_in_the_summary(repository, clone):
    named = {"baseline": "orders-baseline", "action_path": clone, "output": "with space/report"}
    done, outputs, summary = action(repository, data="later.csv", junit="junit.xml", **named)

    assert done.returncode == 4, done.stderr + done.stdout
    assert outputs.keys() == {"report", "status", "outcome"}
    assert outputs["report"] == "with space/report/report.html"
    assert outputs["status"] == "4"
    assert outputs["outcome"] == "changed"
    assert (repository / outputs["report"]).is_file()
    assert summary.startswith("### spark-model-monitor: changed\n")
    sentence, table = summary.split("\n\n```text\n")
    assert "✗ 1 of 2 features changed: country has one value that was not there before" in sentence
    assert re.search(r"^✗ country: has one value", table, re.MULTILINE)
    assert "ES" not in summary
    assert not re.search(r"\d\d:\d\d:\d\d|INFO", summary)
    [suite] = ElementTree.parse(repository / "junit.xml").getroot()
    failed = [case.get("classname") for case in suite if case.find("failure") is not None]
    assert failed == ["DATA_QUALITY.country"]
    assert "ES" not in (repository / "junit.xml").read_text()


def test_the_action_passes_for_data_as_they_were(repository):
    done, outputs, _ = action(repository, first=1, data="orders.csv", baseline="orders-baseline")

    assert (done.returncode, outputs["status"]) == (0, "0"), done.stderr + done.stdout
    [suite] = ElementTree.parse(repository / "spark-model-monitor-report" / "junit.xml").getroot()
    assert (int(suite.get("tests")) > 0, suite.get("failures")) == (True, "0")


def test_the_summary_of_a_step_that_failed_says_why(repository):
    done, _, summary = action(repository, first=1, data="nowhere.csv", baseline="orders-baseline")

    assert done.returncode == 2, done.stderr + done.stdout
    assert summary.startswith("### spark-model-monitor: failed\n\n--dataset-source is 'nowhere.csv'")


@pytest.mark.parametrize(("fail_on", "status"), [("violations", 0), ("cannot-tell", 5)])
def test_the_action_says_what_nobody_can_tell_and_fails_for_it_if_requested(repository, fail_on, status):
    done, step_outputs, summary = action(
        repository, first=1, data="few.csv", baseline="orders-baseline", fail_on=fail_on
    )

    assert done.returncode == status, done.stderr + done.stdout
    assert step_outputs["status"] == str(status)
    assert step_outputs["outcome"] == "cannot tell"
    assert summary.startswith("### spark-model-monitor: cannot tell\n")
    assert "Next: " in summary


def test_the_hook_of_pre_commit_is_a_gate(repository, clone):
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hook["language"] == "script"  # pre-commit would install the package and what it needs by their names
    script, *words = hook["entry"].split()
    done = run(repository, clone / script, *words, "later.csv", "--baseline", "orders-baseline")

    assert done.returncode == 4, done.stderr
    assert (clone / ".venv" / ".local").exists()
