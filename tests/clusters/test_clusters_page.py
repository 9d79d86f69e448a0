"""The commands of docs/clusters.md, as they stand there, with a cluster of this machine for HOST and a folder for /data.

`make nightly` runs `make environment` for test_yarn.py; here a lighter environment lies where it would put its own.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.clusters.conftest import SECONDS
from tests.clusters.data_sets import contents
from tests.clusters.executors_python import packed
from tests.programs import run_program

from spark_model_monitor import __version__
from spark_model_monitor.spark.launch import package_zip

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "clusters.md").read_text(encoding="utf-8")
COMMANDS = [
    line for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE) for line in block.splitlines()
]

ROWS = ["id,amount", *(f"{number},{number % 7}.5" for number in range(50))]


@pytest.fixture(scope="module")
def ran(cluster, executors_environment, tmp_path_factory):
    """What each command said, in the order of the page, in a folder like a clone in which that was run."""
    folder = tmp_path_factory.mktemp("page")
    for name in ("lib", "jobs", "conf"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "spark-submit.sh", folder)
    (folder / ".venv" / "bin").mkdir(parents=True)
    for name, program in (("python", sys.executable), ("spark-submit", Path(sys.executable).with_name("spark-submit"))):
        (folder / ".venv" / "bin" / name).write_text(f'#!/bin/sh\nexec "{program}" "$@"\n')
        (folder / ".venv" / "bin" / name).chmod(0o755)
    (folder / "dist").mkdir()
    packed(executors_environment, folder / "dist" / "environment.tar.gz")
    package_zip.main(str(folder / "dist"))
    (folder / "data" / "orders").mkdir(parents=True)
    (folder / "data" / "orders" / "orders.csv").write_text("\n".join(ROWS) + "\n")
    printed_by_command = {}
    for line in COMMANDS:
        if line != "make package environment":
            command = line.replace("spark://HOST:7077", cluster.master).replace(" /data/", f" {folder}/data/")
            done = run_program(
                ["bash", "-c", command],
                env={**os.environ, "PYTHONPATH": str(ROOT / "lib"), "SPARK_LOCAL_IP": "127.0.0.1"},
                cwd=folder,
                timeout=SECONDS,
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
            printed_by_command[line] = done.stdout + done.stderr
    return folder, printed_by_command


def test_the_nodes_have_nothing_of_ours(executors_environment):
    python = str(executors_environment / "bin" / "python")

    assert (
        subprocess.run([python, "-I", "-c", "import spark_model_monitor"], capture_output=True, check=False).returncode
        == 1
    )


def test_every_command_of_the_page_ends_well(ran):
    _, printed_by_command = ran

    assert "make package environment" in COMMANDS
    assert set(printed_by_command) == set(COMMANDS) - {"make package environment"}


def test_a_spark_submit_of_ones_own_writes_what_ours_writes(ran):
    folder, _ = ran

    assert contents(folder / "data" / "orders-baseline-2") == contents(folder / "data" / "orders-baseline")


def test_data_held_against_itself_has_no_violation(ran):
    folder, _ = ran

    assert (folder / "data" / "orders-report" / "message").read_text().startswith("Completed: ")


def test_the_dry_run_for_yarn_says_what_memory_the_workers_get(ran):
    _, printed_by_command = ran
    [yarn] = [text for line, text in printed_by_command.items() if "--master yarn" in line]

    # a tenth of 4 GB, and four workers of 140 + 0.2 · 200 MB
    assert f"spark.executor.memoryOverhead={round(409.6 + 4 * 180)}m" in yarn


def test_the_page_names_the_files_of_this_version():
    assert f"`spark_model_monitor-{__version__}-py3-none-any.whl`" in PAGE
    assert f"`spark_model_monitor-{__version__}.zip`" in PAGE
