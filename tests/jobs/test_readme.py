"""The tutorials, word for word: their commands run in their order, and what they show comes out."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.running_jobs import Finished, JobsHere

from spark_model_monitor.documents.constraints import Constraints

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "first-data-set.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)

OF_THE_WHEEL = ("pip install ", "spark-model-monitor demo")
"""Not run here: the network, and a second run of what test_fresh_clone.py sees."""


def block(language: str, part: str) -> str:
    """The one block of code with `part` in it."""
    [block_text] = [text for kind, text in BLOCKS if kind == language and part in text]
    return str(block_text)


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a block of the page in a folder that looks like a clone, with the clone's commands on the PATH."""
    path = os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT / "lib"), "SPARK_LOCAL_IP": "127.0.0.1"}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def here(command: str, folder: Path) -> Finished:
    """Run a job in the tests' session with the flags of a command `./spark-submit.sh jobs/NAME.py FLAGS`."""
    program, job, *flags = shlex.split(command)
    assert program == "./spark-submit.sh"
    return JobsHere(folder)(Path(job).stem, *flags)


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone with the reader's own files in it: links to this one's parts, so that nothing is written there."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("lib", "jobs", "conf"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "spark-submit.sh", folder)
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / "bin").mkdir()
    python = f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'
    command = f'#!/bin/sh\nexec "{sys.executable}" -m spark_model_monitor "$@"\n'
    for name, script in (
        (".venv/bin/python", python),
        (".venv/bin/spark-model-monitor", command),
        ("bin/spark-model-monitor", command),
    ):
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def baselined(clone):
    """What the first block prints; its files are in the clone then."""
    done = shell(block("sh", "cat > orders.csv"), clone)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def from_python(clone, baselined):
    (clone / "orders.py").write_text(block("python", "run_baseline"))
    done = shell(".venv/bin/python orders.py", clone)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def march_commands(clone, baselined):
    """The wheel's commands, those aside that fetch or show."""
    lines = block("sh", "pip install").splitlines()
    done = shell("\n".join(line for line in lines if not line.startswith(OF_THE_WHEEL)), clone)
    assert done.returncode == 0, done.stdout + done.stderr
    return clone / "orders-of-march"


def features(path: Path) -> dict[str, dict[str, object]]:
    return {feature["name"]: feature for feature in json.loads(path.read_text())["features"]}


def test_a_csv_of_ones_own_is_baselined_with_the_message_that_the_page_tells(baselined, clone):
    message = (clone / "orders-baseline" / "message").read_text()
    assert message == "Completed: Job completed successfully with no violations.\n"
    assert (clone / "orders-baseline" / "constraints.json").is_file()


def test_the_pages_excerpt_of_the_statistics_is_what_comes_out(baselined, clone):
    shown = json.loads(block("json", "numerical_statistics"))
    amount_statistics = features(clone / "orders-baseline" / "statistics.json")["amount"]
    del amount_statistics["numerical_statistics"]["distribution"]

    assert amount_statistics == shown


def test_the_pages_excerpt_of_the_constraints_is_what_comes_out(baselined, clone):
    shown = json.loads(block("json", "string_constraints"))

    assert features(clone / "orders-baseline" / "constraints.json")["country"] == shown


@pytest.mark.parametrize(
    ("name", "why"), [("order_id", "most of its values occur once"), ("day", "its values are dates")]
)
def test_keys_and_dates_are_always_new_with_a_reason_as_the_page_says(baselined, clone, name, why):
    path = clone / "orders-baseline" / "constraints.json"
    constraints = Constraints.from_json(path.read_text())

    reason = features(path)[name]["always_new"]
    assert reason.startswith(why)
    assert constraints.feature(name).domains is None
    assert not constraints.settings_for(name).perform_comparison


def test_every_file_that_came_out_is_documented(baselined, clone):
    page = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
    folder = clone / "orders-baseline"
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}

    assert [name for name in sorted(names) if not name.startswith("_runs/") and f"| `{name}` |" not in page] == []


def test_features_are_left_out_as_the_page_says(baselined, clone, tmp_path):
    command = block("sh", "--exclude-features-attribute").replace("orders-baseline", str(tmp_path / "without"))
    done = shell(command, clone)

    assert done.returncode == 0, done.stderr
    assert list(features(tmp_path / "without" / "constraints.json")) == ["amount", "items", "country", "express"]


def test_python_gives_the_same_documents_as_the_job(from_python, clone):
    assert "amount" in from_python
    for name in ("statistics.json", "constraints.json"):
        assert (clone / "orders-from-python" / name).read_bytes() == (clone / "orders-baseline" / name).read_bytes()


def test_python_finds_the_country_that_was_not_there(from_python):
    start = from_python.index('{\n  "violations"')
    [violation] = json.loads(from_python[start:])["violations"]

    assert violation["feature_name"] == "country"
    assert violation["constraint_check_type"] == "categorical_values_check"
    assert f'"{violation["description"]}"' in PAGE


def test_the_readmes_two_commands_say_what_is_wrong_with_tomorrow(baselined, clone):
    [script] = re.findall(r"^```sh\n(\.venv/bin/spark-model-monitor .*?)^```", README, re.DOTALL | re.MULTILINE)
    header, *rows = (clone / "orders.csv").read_text().splitlines(keepends=True)
    folder = clone / "of the readme"
    folder.mkdir()
    (folder / ".venv").symlink_to(clone / ".venv")
    (folder / "orders.csv").write_text(header + "".join(rows) * 20)
    (folder / "tomorrow.csv").write_text(header + "".join(rows).replace("FR", "ES") * 20)
    done = shell(script, folder)

    assert done.returncode == 0, done.stderr
    violations = json.loads((folder / "tomorrow-report" / "constraint_violations.json").read_text())["violations"]
    assert {violation["feature_name"] for violation in violations} == {"country"}
    assert (folder / "tomorrow-report" / "report.html").is_file()


def test_the_page_checks_a_file_against_its_baseline(baselined, clone):
    done = shell(block("sh", "--baseline orders-baseline\n"), clone)

    assert done.returncode == 0, done.stderr
    assert (clone / "orders-report" / "report.html").is_file()


@pytest.mark.parametrize("name", ["thresholds", "gates"])
def test_the_commands_of_a_how_to_pass_a_file_that_is_its_own_baseline(baselined, clone, name):
    page = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    commands = re.findall(r"^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    (clone / "limits.json").write_text(
        next(iter(re.findall(r"^```json\n(.*?)^```", page, re.DOTALL | re.MULTILINE)), "")
    )
    if name == "thresholds":
        commands.append(commands[0].strip() + " --thresholds limits.json")
    done = shell("".join(commands), clone)

    assert commands
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_data_set_that_is_monitored_against_itself_has_no_violation(march_commands, clone):
    assert json.loads((clone / "orders-of-april" / "constraint_violations.json").read_text()) == {"violations": []}


def test_the_command_of_the_wheel_gives_the_same_documents(march_commands, clone):
    for name in ("statistics.json", "constraints.json"):
        assert (march_commands / name).read_bytes() == (clone / "orders-baseline" / name).read_bytes()


def test_runs_are_merged_by_the_command_that_the_page_has(march_commands, from_python, clone):
    done = shell(block("sh", "merge-states"), clone)

    assert done.returncode == 0, done.stdout + done.stderr
    merged = json.loads((clone / "orders-merged" / "statistics.json").read_text())
    assert merged["dataset"] == {"item_count": 16}  # 8 rows twice


def test_the_example_of_the_formats_reads_the_states(march_commands, clone):
    page = (ROOT / "docs" / "reference" / "formats.md").read_text(encoding="utf-8")
    [script] = [
        text for kind, text in re.findall(r"^```(\w+)\n(.*?)^```", page, re.DOTALL | re.MULTILINE) if kind == "python"
    ]
    (clone / "states.py").write_text(script)
    done = shell(".venv/bin/python states.py", clone)

    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines() if line[:1].islower()][:2] == [
        "data_types",
        "date_texts",
    ]


def test_the_script_in_docs_data_makes_the_features_that_it_says(spark, baselined, clone):
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    [script] = [text for kind, text in blocks if kind == "python" and "preprocess_handler(line)" in text]
    [command] = [text for kind, text in blocks if kind == "sh" and "amounts.py" in text]
    (clone / "amounts.py").write_text(script)
    done = here(command, clone)

    assert done.status == 0, done.said
    profiles = features(clone / "orders-by-script" / "statistics.json")
    assert list(profiles) == ["amount", "amount_each"]
    # by hand: 12.5, 40/3, 7.25, none, 99.9/6, 15, 21.3/2, 18.75
    assert profiles["amount_each"]["numerical_statistics"]["sum"] == pytest.approx(
        12.5 + 40 / 3 + 7.25 + 16.65 + 15 + 10.65 + 18.75
    )
