"""`spark-model-monitor import-notebook`: rewrites the SDK's import lines of a notebook."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from spark_model_monitor.documents.json_text import Json
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
class ImportChange:
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
    changes = list(find_changes(notebook, offered))
    for change in changes:
        out.write(f"cell {change.cell}, line {change.first}\n")
        for mark, text in (("-", change.before), ("+", change.after or ""), ("!", change.reason)):
            out.write("".join(f"  {mark} {line}\n" for line in text.splitlines()))
    if not changes:
        out.write(f"{path} imports nothing of the SDK\n")
    # Without an output this is a preview, and the notebook stays as it is
    if output is not None:
        text = json.dumps(apply_changes(notebook, changes), indent=1, ensure_ascii=False)
        LocalStorage().write(output, f"{text}\n".encode())


def find_changes(notebook: dict[str, Json], offered: frozenset[str]) -> Iterator[ImportChange]:
    """The imports of the SDK in a notebook's code cells. offered: the names that can be imported here."""
    for number, cell in enumerate(list_code_cells(notebook)):
        text = "".join(cell["source"])
        for node in _find_imports(text):
            first = node.lineno
            last = node.end_lineno or node.lineno
            lines = text.splitlines()[first - 1 : last]
            # Python's columns count bytes of UTF-8, a text's indices count characters
            start = len(lines[0].encode()[: node.col_offset].decode())
            end = len(lines[-1].encode()[: node.end_col_offset].decode())
            yield ImportChange(number, first, last, start, end, "\n".join(lines), *_change_import(node, offered))


def list_code_cells(notebook: dict[str, Json]) -> list[dict[str, Json]]:
    """The cells with code."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def apply_changes(notebook: dict[str, Json], changes: list[ImportChange]) -> dict[str, Json]:
    """The notebook with its imports changed; the outputs stay those of the last run."""
    cells = list_code_cells(notebook)
    # From the last line to the first, so that the line numbers of the others stay right
    for change in sorted(
        changes, key=lambda change_to_sort: (change_to_sort.first, change_to_sort.start), reverse=True
    ):
        if change.after is not None:
            lines = "".join(cells[change.cell]["source"]).splitlines()
            before = lines[change.first - 1][: change.start]
            behind = lines[change.last - 1][change.end :]
            # Beside other statements on a line the new imports have to stay on that line, too
            is_alone = not before.strip() and behind.lstrip()[:1] in ("", "#")
            if is_alone:
                after = change.after.splitlines()
            else:
                after = [change.after.replace("\n", "; ")]
            after = [before + line for line in after]
            lines[change.first - 1 : change.last] = [*after[:-1], after[-1] + behind]
            cells[change.cell]["source"] = [f"{line}\n" for line in lines[:-1]] + lines[-1:]
    return notebook


def read_notebook(path: str) -> dict[str, Json]:
    """A notebook's JSON. Raises BadInput if it isn't one."""
    try:
        notebook: dict[str, Json] = json.loads(Path(path).read_text(encoding="utf-8"))
        # JSON of another kind lacks the cells and is refused here
        list_code_cells(notebook)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput(
            f"{path}: is no notebook that can be read ({type(error).__name__}); name a file .ipynb"
        ) from error
    return notebook


def _find_imports(text: str) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports of the SDK in a cell. IPython's own lines (`!pip`, `%matplotlib`, `files = !ls`) are skipped."""
    # a page of HTML takes a try for each line
    if SDK in text:
        lines = _MAGIC.sub("pass", text).splitlines()
    else:
        lines = []
    for node in ast.walk(_parse_lines(lines)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            names = []
        names += [str(node.module)] if isinstance(node, ast.ImportFrom) and not node.level else []
        if isinstance(node, ast.Import | ast.ImportFrom) and any(name.split(".")[0] == SDK for name in names):
            yield node


def _parse_lines(lines: list[str]) -> ast.Module:
    """The code of a cell, with lines that are not Python blanked."""
    # Each try blanks one line, so as many tries as lines always suffice
    for _ in lines:
        try:
            return ast.parse("\n".join(lines))
        except SyntaxError as error:
            line_index = min(error.lineno or 1, len(lines)) - 1
            lines[line_index] = lines[line_index][: -len(lines[line_index].lstrip()) or None] + "pass"
    return ast.Module([], [])


def _change_import(node: ast.Import | ast.ImportFrom, offered: frozenset[str]) -> tuple[str | None, str]:
    """The replacement lines of an import, and what can't be changed in it."""
    if isinstance(node, ast.Import):
        return "\n".join(map(_import_line, node.names)), ""
    # One import may be split: names that are here, and the rest, which stays the SDK's
    offered_aliases = [alias for alias in node.names if _is_here(node.module or "", alias.name, offered)]
    other_aliases = [alias for alias in node.names if alias not in offered_aliases]
    if other_aliases:
        reason = _NOT_HERE.format(names=", ".join(alias.name for alias in other_aliases))
    else:
        reason = ""
    if not offered_aliases:
        return None, reason
    lines = [_from(OURS, offered_aliases), *([_from(str(node.module), other_aliases)] if other_aliases else [])]
    return "\n".join(lines), reason


def _import_line(alias: ast.alias) -> str:
    top, *submodules = alias.name.split(".")
    if top != SDK:
        return f"import {alias.name}{f' as {alias.asname}' if alias.asname else ''}"
    # `import a.b as c` binds the submodule, `import a.b` only the top
    if alias.asname and submodules and submodules[-1] in NEXT_TO_US:
        return f"from {OURS} import {submodules[-1]} as {alias.asname}"
    return f"import {OURS} as {alias.asname or SDK}"  # names missing here come from the SDK where it is installed


def _is_here(module: str, name: str, offered: frozenset[str]) -> bool:
    of_monitors = any(part in NEXT_TO_US for part in module.split("."))
    # A star may only stand for the modules that are here as a whole
    if name == "*":
        return of_monitors
    return name in offered and (of_monitors or module in OF_SESSIONS or name in NEXT_TO_US)


def _from(module: str, names: list[ast.alias]) -> str:
    listed = ", ".join(f"{name.name} as {name.asname}" if name.asname else name.name for name in names)
    return f"from {module} import {listed}"
