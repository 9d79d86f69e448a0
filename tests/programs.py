"""Short programs, each in a Python of its own: what one imports, and what it leaves behind, is all its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LIB = Path(__file__).resolve().parents[1] / "lib"


def run_program(words: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
    """A program that has ended, whatever its status, with what it printed. options: of `subprocess.run`."""
    return subprocess.run(words, capture_output=True, text=True, check=False, **options)


def run_on_one_stream(words: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
    """The same, whose `stdout` has what the program printed on either stream, in its order."""
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)


def printed_by(program: str, *words: str, options: Sequence[str] = (), path: Sequence[str] = ()) -> str:
    """What the program prints, which finds the package and no program of the machine, Java for one.

    words: its arguments. options: of Python. path: where it imports from besides.
    """
    ended = subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(program), *words],
        env={"PYTHONPATH": os.pathsep.join([str(LIB), *path]), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout
