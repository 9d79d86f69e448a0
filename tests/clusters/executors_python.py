"""A Python as the nodes of a cluster have it: the libraries that executors need, and nothing of ours."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

LIBRARIES = ("numpy", "pyarrow", "pandas", "python-dateutil", "pytz", "six", "tzdata")
"""Those of docs/clusters.md for executors, with what pandas needs."""


def make_environment(folder: Path) -> Path:
    """A virtual environment in `folder` with the executors' libraries, in the versions of requirements/run.txt."""
    pins = (ROOT / "requirements" / "run.txt").read_text(encoding="utf-8")
    wanted = [re.search(rf"^{name}==\S+$", pins, re.MULTILINE) for name in LIBRARIES]
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet"]
    # compiled: each executor would do it again, which takes it some seconds
    options = ["--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"]
    _run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
    _run([*pip, *options, *(pin.group() for pin in wanted if pin)])
    return folder


def packed(environment: Path, archive: Path) -> Path:
    """The environment as an archive that Spark unpacks."""
    program = Path(sys.executable).with_name("venv-pack")
    _run([str(program), "--quiet", "--prefix", str(environment), "--output", str(archive), "--compress-level", "1"])
    return archive


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
