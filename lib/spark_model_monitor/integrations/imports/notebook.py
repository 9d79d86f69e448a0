"""`spark-model-monitor import-notebook`: rewrites the SDK's import lines of a notebook."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from spark_model_monitor.errors import BadInput
from spark_model_monitor.storage import LocalStorage

OURS = "spark_model_monitor.sagemaker"
SDK = "sagemaker"
OF_SESSIONS = ("sagemaker.core.helper.session_helper", "sagemaker.session", "sagemaker")
NEXT_TO_US = ("clarify", "model_monitor", "s3", "dataset_format")
"""Modules of the SDK that exist here, too, whatever their package in its third version."""

_NOT_HERE = "of the SDK alone: {names}; keep the line where it is installed, or leave out the cells that use them"
_MAGIC = re.compile("^[!%?].*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Change:
    """An import in a cell. cell: from 0, among the code cells. after: None if it stays, for the reason. last: its last line.

    start, end: columns in its first and its last line, as other code may be on the same line.
    """

    cell: int
    first: int
    last: int
    start: int
    end: int
    before: str
    after: str | None
    reason: str = ""


def import_notebook(path: str, output: str | None, offered: frozenset[str], out: TextIO) -> None:
    """Print the change of each import, and write the notebook with its imports changed if an output is given. offered:
    the names that can be imported here.

    Raises BadInput if the file is not a notebook, OutputFailed if it can't be written.
    """
    notebook = read_notebook(path)
    changes = list(changes_of(notebook, offered))
    for change in changes:
        out.write(f"cell {change.cell}, line {change.first}\n")
        for mark, text in (("-", change.before), ("+", change.after or ""), ("!", change.reason)):
            out.write("".join(f"  {mark} {line}\n" for line in text.splitlines()))
    if not changes:
        out.write(f"{path} imports nothing of the SDK\n")
    if output is not None:
        text = json.dumps(changed(notebook, changes), indent=1, ensure_ascii=False)
        LocalStorage().write(output, f"{text}\n".encode())


def changes_of(notebook: dict[str, Any], offered: frozenset[str]) -> Iterator[Change]:
    """The imports of the SDK in a notebook's code cells. offered: the names that can be imported here."""
    for number, cell in enumerate(code_cells(notebook)):
        text = "".join(cell["source"])
        for node in _imports(text):
            first = node.lineno
            last = node.end_lineno or node.lineno
            lines = text.splitlines()[first - 1 : last]
            start = len(lines[0].encode()[: node.col_offset].decode())
            end = len(lines[-1].encode()[: node.end_col_offset].decode())
            yield Change(number, first, last, start, end, "\n".join(lines), *_changed(node, offered))


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """The cells with code."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def changed(notebook: dict[str, Any], changes: list[Change]) -> dict[str, Any]:
    """The notebook with its imports changed; the outputs stay those of the last run."""
    cells = code_cells(notebook)
    for change in sorted(changes, key=lambda each: (each.first, each.start), reverse=True):
        if change.after is not None:
            lines = "".join(cells[change.cell]["source"]).splitlines()
            before = lines[change.first - 1][: change.start]
            behind = lines[change.last - 1][change.end :]
            is_alone = not before.strip() and behind.lstrip()[:1] in ("", "#")
            if is_alone:
                after = change.after.splitlines()
            else:
                after = [change.after.replace("\n", "; ")]
            after = [before + line for line in after]
            lines[change.first - 1 : change.last] = [*after[:-1], after[-1] + behind]
            cells[change.cell]["source"] = [f"{line}\n" for line in lines[:-1]] + lines[-1:]
    return notebook


def read_notebook(path: str) -> dict[str, Any]:
    """A notebook's JSON. Raises BadInput if it isn't one."""
    try:
        notebook: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        code_cells(notebook)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput(
            f"{path}: is no notebook that can be read ({type(error).__name__}); name a file .ipynb"
        ) from error
    return notebook


def _imports(text: str) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports of the SDK in a cell. IPython's own lines (`!pip`, `%matplotlib`, `files = !ls`) are skipped."""
    # a page of HTML takes a try for each line
    if SDK in text:
        lines = _MAGIC.sub("pass", text).splitlines()
    else:
        lines = []
    for node in ast.walk(_parsed(lines)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            names = []
        names += [str(node.module)] if isinstance(node, ast.ImportFrom) and not node.level else []
        if isinstance(node, ast.Import | ast.ImportFrom) and any(name.split(".")[0] == SDK for name in names):
            yield node


def _parsed(lines: list[str]) -> ast.Module:
    """The code of a cell, with lines that are not Python blanked."""
    for _ in lines:
        try:
            return ast.parse("\n".join(lines))
        except SyntaxError as error:
            place = min(error.lineno or 1, len(lines)) - 1
            lines[place] = lines[place][: -len(lines[place].lstrip()) or None] + "pass"
    return ast.Module([], [])


def _changed(node: ast.Import | ast.ImportFrom, offered: frozenset[str]) -> tuple[str | None, str]:
    """The replacement lines of an import, and what can't be changed in it."""
    if isinstance(node, ast.Import):
        return "\n".join(map(_import_line, node.names)), ""
    here = [alias for alias in node.names if _is_here(node.module or "", alias.name, offered)]
    there = [alias for alias in node.names if alias not in here]
    if there:
        reason = _NOT_HERE.format(names=", ".join(alias.name for alias in there))
    else:
        reason = ""
    if not here:
        return None, reason
    lines = [_from(OURS, here), *([_from(str(node.module), there)] if there else [])]
    return "\n".join(lines), reason


def _import_line(alias: ast.alias) -> str:
    top, *rest = alias.name.split(".")
    if top != SDK:
        return f"import {alias.name}{f' as {alias.asname}' if alias.asname else ''}"
    if alias.asname and rest and rest[-1] in NEXT_TO_US:
        return f"from {OURS} import {rest[-1]} as {alias.asname}"
    return f"import {OURS} as {alias.asname or SDK}"  # names missing here come from the SDK where it is installed


def _is_here(module: str, name: str, offered: frozenset[str]) -> bool:
    of_monitors = any(part in NEXT_TO_US for part in module.split("."))
    if name == "*":
        return of_monitors
    return name in offered and (of_monitors or module in OF_SESSIONS or name in NEXT_TO_US)


def _from(module: str, names: list[ast.alias]) -> str:
    listed = ", ".join(f"{name.name} as {name.asname}" if name.asname else name.name for name in names)
    return f"from {module} import {listed}"
