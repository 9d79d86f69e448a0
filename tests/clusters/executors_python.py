"""A Python as the nodes of a cluster have it: the libraries that executors need, and nothing of ours."""

from __future__ import annotations

import shutil
import sys
from importlib.metadata import distribution
from pathlib import Path

from tests.programs import run_program

LIBRARIES = ("numpy", "pyarrow", "pandas", "python-dateutil", "pytz", "six", "tzdata")
"""Those of docs/clusters.md for executors, with what pandas needs."""


def make_environment(folder: Path) -> Path:
    """A virtual environment in `folder` with the executors' libraries as this one has them, but for their own tests."""
    _run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
    [libraries] = folder.glob("lib/python*/site-packages")
    for file in (file for name in LIBRARIES for file in distribution(name).files or ()):
        is_program = file.parts[0] == ".."
        is_test = file.parts[1:2] == ("tests",)
        if not (is_program or is_test):  # compiled modules too: it takes an executor seconds
            (libraries / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.locate(), libraries / file)
    return folder


def packed(environment: Path, archive: Path) -> Path:
    """The environment as an archive that Spark unpacks."""
    program = Path(sys.executable).with_name("venv-pack")
    _run([str(program), "--quiet", "--prefix", str(environment), "--output", str(archive), "--compress-level", "1"])
    return archive


def _run(command: list[str]) -> None:
    done = run_program(command)
    assert done.returncode == 0, done.stdout + done.stderr
