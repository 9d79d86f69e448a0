"""The environment of the real SDK: its own, made once, because its dependencies are no business of the product's."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

ENVIRONMENT = Path(__file__).resolve().parents[2] / ".venv-sdk"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")


@pytest.fixture(scope="session")
def sdk_python() -> Path:
    """Python interpreter that imports the pinned sagemaker SDK.

    Made at first use, in 15 to 30 s (200 MB), and again when requirements.txt changes; a half-made one is made anew.
    """
    python, made_from = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "made-from.txt"
    ENVIRONMENT.mkdir(exist_ok=True)
    with (ENVIRONMENT / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several workers of pytest may want it at once
        pins = f"{sys.version}\n{REQUIREMENTS.read_text()}"
        if not made_from.is_file() or made_from.read_text() != pins:
            made_from.unlink(missing_ok=True)
            run(sys.executable, "-m", "venv", str(ENVIRONMENT))
            run(
                *(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
                *("--no-deps", "--no-compile", "--requirement", str(REQUIREMENTS)),
            )
            made_from.write_text(pins)
    return python


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}"
