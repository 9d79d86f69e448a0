"""Examples of the pages on data and files, on the files of eight orders; tests/jobs/test_page_blocks.py runs whole pages."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.programs import run_program

from spark_model_monitor.documents.constraints import Constraints

ROOT = Path(__file__).resolve().parents[2]
ORDERS = """order_id,amount,items,country,express,day
o-1,12.50,1,DE,false,2026-03-01
o-2,40.00,3,FR,false,2026-03-01
o-3,7.25,1,DE,true,2026-03-01
o-4,,2,DE,false,2026-03-02
o-5,99.90,6,PL,false,2026-03-02
o-6,15.00,1,DE,false,2026-03-02
o-7,21.30,2,FR,true,2026-03-02
o-8,18.75,1,,false,2026-03-02
"""


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a block of the page in a folder that looks like a clone, with the clone's commands on the PATH."""
    path = os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT / "lib"), "SPARK_LOCAL_IP": "127.0.0.1"}
    return run_program(["bash", "-euo", "pipefail", "-c", script], env=environment, cwd=folder)


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
    """What the baseline of eight orders prints; its files are in the clone then."""
    (clone / "orders.csv").write_text(ORDERS)
    done = shell("spark-model-monitor baseline orders.csv", clone)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def features(path: Path) -> dict[str, dict[str, object]]:
    return {feature["name"]: feature for feature in json.loads(path.read_text())["features"]}


@pytest.mark.parametrize(
    ("name", "why"), [("order_id", "most of its values occur once"), ("day", "its values are dates")]
)
def test_keys_and_dates_are_always_new_with_a_reason(baselined, clone, name, why):
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


def test_the_example_of_the_formats_reads_the_states(baselined, clone):
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


def test_the_script_in_docs_data_makes_the_features_that_it_says(baselined, clone):
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    [script] = [text for kind, text in blocks if kind == "python" and "preprocess_handler(line)" in text]
    (clone / "amounts.py").write_text(script)
    done = shell(
        "spark-model-monitor baseline orders.csv --output-path by-script --record-preprocessor-script amounts.py", clone
    )

    assert done.returncode == 0, done.stdout + done.stderr
    profiles = features(clone / "by-script" / "statistics.json")
    assert list(profiles) == ["amount", "amount_each"]
    # by hand: 12.5, 40/3, 7.25, none, 99.9/6, 15, 21.3/2, 18.75
    assert profiles["amount_each"]["numerical_statistics"]["sum"] == pytest.approx(
        12.5 + 40 / 3 + 7.25 + 16.65 + 15 + 10.65 + 18.75
    )
