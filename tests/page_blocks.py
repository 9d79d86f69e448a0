"""Runs the blocks of a page of the documentation in an empty folder, in their order, as a reader pastes them.

    python -m tests.page_blocks FOLDER PAGE

Blocks of `sh` and `python` are run; `text` has to be in what they printed, where a line `…` leaves out the lines between, and
`…` in a line leaves out a part of it; `json` has to be in a file that they wrote. Blocks of `yaml` are shown alone. Neither the
network nor a JVM is there, so lines that install the package aren't run. What is wrong is printed; the exit status is 1 then.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import shlex
import subprocess
import sys
import traceback
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import spark_model_monitor
from spark_model_monitor import cli
from spark_model_monitor.documents.json_text import Json

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
HEREDOC = re.compile(r"<< *'?(\w+)'?")
COMMAND = "spark-model-monitor "
NOT_RUN = ("pip install ", "git clone ", "make ", "cd ")
"""The network, and a clone's own commands, which test_fresh_clone.py runs."""

VIOLATIONS = 4
"""The exit status of a gate that fails, which no page needs to catch."""

TOLERANCE = 1e-6
"""Of a number in a block of JSON: libraries round the last digits differently."""


class BlockError(Exception):
    """A block that does not do what its page says."""


def main(folder: Path, page: Path) -> int:
    """The exit status: 0 if every block runs and shows what comes out."""
    for name in spark_model_monitor.__all__:  # loaded once, for the commands that are forked from here
        getattr(spark_model_monitor, name)
    os.chdir(folder)
    run = PageRun()
    for language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        try:
            run.run_block(language, text)
        except BlockError as error:
            print(
                f"{page.name}: this block of {language}:\n\n{text}\n{error}\n\nprinted so far:\n{run.printed[-4000:]}"
            )
            return 1
    return 0


class PageRun:
    """What the blocks of one page have printed and defined so far."""

    def __init__(self) -> None:
        self.printed = ""
        self.names: dict[str, Any] = {"__name__": "__main__"}

    def run_block(self, language: str, text: str) -> None:
        """Run one block, or look up what it shows; raises BlockError."""
        if language == "sh":
            self.run_shell(text)
        elif language == "python":
            self.run_python(text)
        elif language == "text":
            require_text(text, self.printed)
        elif language == "json":
            require_json(json.loads(text))
        elif language != "yaml":
            raise BlockError(f"the language {language!r} is none of sh, python, text, json and yaml")

    def run_shell(self, script: str) -> None:
        """Commands of ours run in a fork of this process, which has their libraries; all else in bash."""
        for part in split_commands(script):
            if part.startswith(COMMAND):
                words = shlex.split(part, comments=True)[1:]
                status = self.run_command(words)
                is_failed_gate = status == VIOLATIONS and "--fail-on-violations" in words
                if status and not is_failed_gate:
                    raise BlockError(f"{part.strip()} ended with {status}")
            else:
                self.printed += run_bash(part)

    def run_command(self, words: list[str]) -> int:
        """The exit status of one of our commands."""
        printed_path = Path.cwd().parent / f"{Path.cwd().name}.out"
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            with printed_path.open("wb") as file:
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
            end_with_command(words)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        self.printed += printed_path.read_text(encoding="utf-8")
        return status

    def run_python(self, source: str) -> None:
        """Run a block of Python, and after it the tests that it defines."""
        before = set(self.names)
        printed = StringIO()
        with contextlib.redirect_stdout(printed):
            try:
                exec(compile(source, "the block", "exec"), self.names)
                for name in sorted(set(self.names) - before):
                    if name.startswith("test_"):
                        self.names[name]()
            except Exception as error:
                raise BlockError(traceback.format_exc()) from error
        self.printed += printed.getvalue()


def end_with_command(words: list[str]) -> None:
    """Become one of our commands, and end with its status."""
    status = 1
    try:
        sys.argv = [COMMAND.strip(), *words]
        status = cli.main()
    except SystemExit as end:
        status = int(end.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def split_commands(script: str) -> Iterator[str]:
    """Each command of ours, and the lines of bash between them, without what isn't run here."""
    shell_lines: list[str] = []
    ends_heredoc = ""
    for line in script.replace("\\\n", " ").splitlines():
        if ends_heredoc:
            shell_lines.append(line)
            if line == ends_heredoc:
                ends_heredoc = ""
        elif line.startswith(COMMAND):
            yield "\n".join(shell_lines)
            shell_lines = []
            yield line
        elif not line.startswith(NOT_RUN):
            shell_lines.append(line)
            if opening := HEREDOC.search(line):
                ends_heredoc = opening[1]
    yield "\n".join(shell_lines)


def run_bash(script: str) -> str:
    """What a script prints; raises BlockError if it fails."""
    if not script.strip():
        return ""
    ended = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=False)
    if ended.returncode:
        raise BlockError(f"bash ended with {ended.returncode}: {ended.stderr}")
    return ended.stdout


def require_text(shown: str, printed: str) -> None:
    """Raises BlockError if some line of what is shown was not printed after the line before it."""
    position = 0
    text = " ".join(printed.split())
    for line in shown.splitlines():
        parts = [" ".join(part.split()) for part in line.split("…")]
        for part in parts:
            start = text.find(part, position)
            if start < 0:
                raise BlockError(f"was not printed: {part}")
            position = start + len(part)


def require_json(shown: Json) -> None:
    """Raises BlockError if no file of JSON below the folder has this value, or an object with these members."""
    for path in sorted(Path.cwd().rglob("*.json")):
        if any(has_members(value, shown) for value in list_values(json.loads(path.read_text(encoding="utf-8")))):
            return
    raise BlockError("is in no file of JSON that was written")


def list_values(document: Json) -> Iterator[Json]:
    """A document, and all values in it."""
    yield document
    if isinstance(document, dict):
        children = list(document.values())
    elif isinstance(document, list):
        children = document
    else:
        children = []
    for child in children:
        yield from list_values(child)


def has_members(value: Json, shown: Json) -> bool:
    """Whether a value is the one that is shown; objects may have more members."""
    if isinstance(shown, dict):
        return isinstance(value, dict) and all(
            name in value and has_members(value[name], member) for name, member in shown.items()
        )
    if isinstance(shown, list):
        return (
            isinstance(value, list)
            and len(value) == len(shown)
            and all(has_members(*pair) for pair in zip(value, shown, strict=True))
        )
    if isinstance(shown, float) and isinstance(value, (int, float)):
        return math.isclose(value, shown, rel_tol=TOLERANCE)
    return bool(value == shown)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()))
