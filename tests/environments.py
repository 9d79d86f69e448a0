"""Environments of what people use beside us: their own, made once. Their dependencies are no business of the product's."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PINS = ROOT / "tests" / "clients"

DEMANDED = "PLUGGED_IN"
"""The variable by which `make test-wide` demands the programs that we are plugged into, and the grounds that we run on."""


def plugged_in(name: str) -> Path:
    """The Python of `.venv-NAME`: what tests/clients/NAME.txt pins, above the product and what that needs."""
    return environment(ROOT / f".venv-{name}", PINS / f"{name}.txt", above=sysconfig.get_path("purelib"))


def environment(folder: Path, requirements: Path, above: str | None = None) -> Path:
    """The Python of an environment that has these pins, made if it has others; a half-made one is made anew.

    above: where it looks for what it lacks itself.
    """
    python = folder / "bin" / "python"
    made_from = folder / "made-from.txt"
    folder.mkdir(exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several workers of pytest may want it at once
        pins = f"{sys.version}\n{requirements.read_text()}"
        if not made_from.is_file() or made_from.read_text() != pins:
            made_from.unlink(missing_ok=True)
            run(sys.executable, "-m", "venv", str(folder))
            run(
                *(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
                *("--no-deps", "--no-compile", "--requirement", str(requirements)),
            )
            if above is not None:
                libraries = run(str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
                (Path(libraries.strip()) / "below.pth").write_text(f"import site; site.addsitedir({above!r})\n")
            made_from.write_text(pins)
    return python


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}"
    return done.stdout
