"""Runs the blocks of a page of the documentation in an empty folder, in their order, as a reader pastes them.

    python -m tests.page_blocks [--having REASON] FOLDER PAGE...

Blocks of `sh`, `python` and `sql` are run (the last by DuckDB); `text` has to be in what they printed, where a line `…` leaves
out the lines between, and `…` in a line leaves out a part of it; `json` has to be in a file that they wrote, where `…` leaves
out a part of a text; `yaml` has to be YAML.
A block below a line "Save this as `NAME`:" is written to this file. A block below the line "*Needs REASON.*" isn't
run but with `--having REASON`, and neither are lines that install the package: there is neither a network nor a JVM. What is
wrong with a page is printed to FOLDER/PAGE.out, and its status to FOLDER/PAGE.status; the exit status is 1 then.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import re
import shlex
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, NoReturn

import yaml
from tests.programs import run_program

import spark_model_monitor
from spark_model_monitor import cli
from spark_model_monitor.documents.json_text import Json

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"(?:^([^\n]+)\n+)?^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
"""The line above a block, its language and its text."""

PASSED_OVER = re.compile(r"^ *```|^\n {4,}\S", re.MULTILINE)
"""A fence that is indented or has no end, or an indented block, once the blocks are cut out."""

NEED = re.compile(r"\*Needs ([^*]+)\.\*")
SAVED_AS = re.compile(r"Save this\b.* as `([^`]+)`.*:$")
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


def main(folder: Path, pages: list[Path], having: str) -> int:
    """The exit status: 0 if every block of every page runs and shows what comes out."""
    for name in spark_model_monitor.__all__:  # loaded once, for all that is forked from here
        getattr(spark_model_monitor, name)
    statuses = []
    for page in pages:
        statuses.append(run_forked(folder / f"{page.stem}.out", run_page, folder / page.stem, page, having))
        (folder / f"{page.stem}.status").write_text(str(statuses[-1]))
    return max(statuses)


def run_page(folder: Path, page: Path, having: str) -> int:
    """Run the blocks of a page in a folder that is made for it. having: what some blocks need, and is here."""
    folder.mkdir()
    os.chdir(folder)
    run = PageRun()
    for block in read_blocks(page):
        if block.need not in ("", having):
            continue
        try:
            run.run_block(block)
        except BlockError as error:
            print(f"this block of {block.language}:\n\n{block.text}\n{error}\n\nprinted so far:\n{run.printed[-4000:]}")
            return 1
    return 0


def run_forked(printed_path: Path, function: Callable[..., int], *arguments: Any) -> int:
    """The exit status of a function that runs in a fork of this process, and prints to a file."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        with printed_path.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        end_with(function, *arguments)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@dataclass(frozen=True)
class Block:
    """A block of a page: where it is saved if it is a file, and what it needs that isn't here."""

    language: str
    text: str
    saved_as: str
    need: str


def read_blocks(page: Path) -> list[Block]:
    """All blocks of a page; raises BlockError if one is indented, so that it would be passed over."""
    text = page.read_text(encoding="utf-8")
    blocks = []
    for line_above, language, body in BLOCK.findall(text):
        file_name = SAVED_AS.search(line_above)
        need = NEED.fullmatch(line_above)
        blocks.append(Block(language, body, file_name[1] if file_name else "", need[1] if need else ""))
    if PASSED_OVER.search(BLOCK.sub("", text)):
        raise BlockError(f"{page.name}: a block is indented, or has no end")
    return blocks


class PageRun:
    """What the blocks of one page have printed and defined so far."""

    def __init__(self) -> None:
        self.printed = ""
        self.names: dict[str, Any] = {"__name__": "__main__"}

    def run_block(self, block: Block) -> None:
        """Run one block, save it, or look up what it shows; raises BlockError."""
        if block.saved_as:
            Path(block.saved_as).write_text(block.text, encoding="utf-8")
        elif block.language == "sh":
            self.run_shell(block.text)
        elif block.language == "python":
            self.run_python(block.text)
        elif block.language == "sql":
            self.run_python(f"print(duckdb.sql({block.text!r}))")
        elif block.language == "text":
            require_text(block.text, self.printed)
        elif block.language == "json":
            require_json(json.loads(block.text))
        elif block.language == "yaml":
            yaml.safe_load(block.text)
        else:
            raise BlockError(f"the language {block.language!r} is none of sh, python, sql, text, json and yaml")

    def run_shell(self, script: str) -> None:
        """Commands of ours run in a fork of this process, which has their libraries; all else in sh."""
        for part in split_commands(script):
            if part.startswith(COMMAND):
                words = shlex.split(part, comments=True)[1:]
                status = self.run_command(words)
                is_failed_gate = status == VIOLATIONS and "--fail-on-violations" in words
                if status and not is_failed_gate:
                    raise BlockError(f"{part.strip()} ended with {status}")
            else:
                self.printed += run_script(part)

    def run_command(self, words: list[str]) -> int:
        """The exit status of one of our commands."""
        folder = Path.cwd()
        printed_path = folder.with_name(f"{folder.name}-command.out")
        status = run_forked(printed_path, become_command, words)
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


def become_command(words: list[str]) -> int:
    """Run one of our commands in this process."""
    sys.argv = [COMMAND.strip(), *words]
    return cli.main()


def end_with(function: Callable[..., int], *arguments: Any) -> NoReturn:
    """End this process with the status of a function."""
    status = 1
    try:
        status = function(*arguments)
    except SystemExit as end:
        status = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def split_commands(script: str) -> Iterator[str]:
    """Each command of ours, and the lines of sh between them, without what isn't run here."""
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


def run_script(script: str) -> str:
    """What a script prints; raises BlockError if it fails."""
    if not script.strip():
        return ""
    ended = run_program(["sh", "-euc", script])
    if ended.returncode:
        raise BlockError(f"sh ended with {ended.returncode}: {ended.stderr}")
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
    for path in sorted([*Path.cwd().rglob("*.json"), *Path.cwd().rglob("*.jsonl")]):
        text = path.read_text(encoding="utf-8")
        documents = text.splitlines() if path.suffix == ".jsonl" else [text]
        if any(has_members(value, shown) for document in documents for value in list_values(json.loads(document))):
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
    if isinstance(shown, str) and isinstance(value, str):
        return re.fullmatch(".*".join(re.escape(part) for part in shown.split("…")), value) is not None
    return bool(value == shown)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--having", default="")
    parser.add_argument("folder", type=Path)
    parser.add_argument("pages", type=Path, nargs="+")
    words = parser.parse_args()
    sys.exit(main(words.folder.resolve(), [page.resolve() for page in words.pages], words.having))
