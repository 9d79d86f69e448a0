"""`spark-model-monitor import-notebook`: rewrites a notebook's or module's imports of the SDK, and boto3's client for it."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from operator import attrgetter
from pathlib import Path
from typing import TextIO, TypeAlias

from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.errors import BadInput
from spark_model_monitor.reports.outputs.printable import printable
from spark_model_monitor.storage import write_text
from spark_model_monitor.value_class import value_class

IsAnswered = Callable[[str], bool]
Notebook: TypeAlias = dict[str, Json]  # its JSON

OURS = "spark_model_monitor.sagemaker"
SDK = "sagemaker"
MODULE = ".py"
SESSION_MODULES = ("sagemaker.core.helper.session_helper", "sagemaker.session", "sagemaker")
MODULES_HERE = ("clarify", "model_monitor", "processing", "s3", "dataset_format")
"""Modules of the SDK that also exist here, in whichever package its third version has them."""

PROCESSING_NAMES = frozenset({"Processor", "ProcessingInput", "ProcessingOutput"})
"""Names of the SDK's module `processing` that exist here. The SDK's own processors accept only the SDK's own inputs."""

CLIENT = "sagemaker"
RUNTIMES = ("sagemaker-runtime", "runtime.sagemaker")
"""The services for which boto3 makes clients."""

DOTTED_NAME = re.compile(r"[A-Za-z_][\w.]*")
ARGUMENT = re.compile(r"[(,=]\s*([A-Za-z_][\w.]*)(?=\s*[,)])")
MAGIC = re.compile("^[!%?].*$", re.MULTILINE)


@value_class
class ImportChange:
    """An import of the SDK, or a client. cell: its number among the code cells, from 0. after: None if it stays. last: its last
    line. start, end: its columns in the first and the last line, because other code may be on the same line.
    """

    cell: int
    first: int
    last: int
    start: int
    end: int
    before: str
    after: str | None
    reason: str = ""


def import_notebook(
    path: str, output: str | None, offered: frozenset[str], out: TextIO, is_answered: IsAnswered
) -> None:
    """Print the change of each line; if an output is given, write the notebook or module with the changed lines. offered: the
    names that can be imported here. is_answered: whether this package answers a call of boto3's client.

    Raises BadInput if the file is not a notebook, OutputFailed if it can't be written.
    """
    notebook = read_notebook(path)
    changes = list(find_changes(notebook, offered, is_answered))
    for change in changes:
        out.write(f"cell {change.cell}, line {change.first}\n")
        for mark, text in (("-", change.before), ("+", change.after or ""), ("!", change.reason)):
            out.write("".join(f"  {mark} {printable(line)}\n" for line in text.splitlines()))
    if not changes:
        out.write(f"{path} imports nothing of the SDK\n")
    # Without an output this is a preview, and the notebook stays as it is
    if output is not None:
        changed_notebook = apply_changes(notebook, changes)
        if path.endswith(MODULE):
            text = "".join(list_code_cells(changed_notebook)[0]["source"]) + "\n"
        else:
            text = json.dumps(changed_notebook, indent=1, ensure_ascii=False) + "\n"
        write_text(Path(output), text)


def find_changes(notebook: Notebook, offered: frozenset[str], is_answered: IsAnswered) -> Iterator[ImportChange]:
    """The imports of the SDK, and the service's clients, in a notebook's code cells. Parameters: as in `import_notebook`."""
    # The client that one cell makes is called in other cells
    texts = ["".join(cell["source"]) for cell in list_code_cells(notebook)]
    for number, text in enumerate(texts):
        tree = _parse_cell(text)
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        scopes = {node: [ast.unparse(function)] for function in functions for node in ast.walk(function)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom) and _is_sdk_import(node):
                change = _change_import(node, offered)
            elif isinstance(node, ast.Assign) and (service := _get_service(node)):
                # A local name of a function is used only in that function
                is_local = node in scopes and isinstance(node.targets[0], ast.Name)
                change = _change_client(node, service, scopes[node] if is_local else texts, is_answered)
            else:
                continue
            first = node.lineno
            last = node.end_lineno or node.lineno
            lines = text.splitlines()[first - 1 : last]
            # Python's columns count bytes of UTF-8, a text's indices count characters
            start = len(lines[0].encode()[: node.col_offset].decode())
            end = len(lines[-1].encode()[: node.end_col_offset].decode())
            yield ImportChange(number, first, last, start, end, "\n".join(lines), *change)


def list_code_cells(notebook: Notebook) -> list[Notebook]:
    """The cells with code."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def apply_changes(notebook: Notebook, changes: list[ImportChange]) -> Notebook:
    """The notebook with its imports changed; the outputs of its last run don't change."""
    cells = list_code_cells(notebook)
    # Changed from the last line to the first, so that the numbers of the remaining lines stay right
    for change in sorted(changes, key=attrgetter("first", "start"), reverse=True):
        if change.after is not None:
            lines = "".join(cells[change.cell]["source"]).splitlines()
            _replace_lines(lines, change, change.after)
            cells[change.cell]["source"] = [f"{line}\n" for line in lines[:-1]] + lines[-1:]
    return notebook


def _replace_lines(lines: list[str], change: ImportChange, imports: str) -> None:
    text_before = lines[change.first - 1][: change.start]
    text_behind = lines[change.last - 1][change.end :]
    # Beside other statements on a line the new imports have to stay on that line, too
    if text_before.strip() or text_behind.lstrip()[:1] not in ("", "#"):
        imports = imports.replace("\n", "; ")
    new_lines = [text_before + line for line in imports.splitlines()]
    new_lines[-1] += text_behind
    lines[change.first - 1 : change.last] = new_lines


def read_notebook(path: str) -> Notebook:
    """A notebook's JSON; a module of Python becomes a notebook of one cell. Raises BadInput if the file is neither."""
    try:
        if path.endswith(MODULE):
            source = Path(path).read_text(encoding="utf-8").splitlines(keepends=True)
            return {"cells": [{"cell_type": "code", "source": source}]}
        notebook: Notebook = json.loads(Path(path).read_text(encoding="utf-8"))
        # JSON of another kind lacks the cells and is refused here
        list_code_cells(notebook)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput(
            f"{path}: is no notebook that can be read ({type(error).__name__}); name a file .ipynb or .py"
        ) from error
    return notebook


def _parse_cell(text: str) -> ast.Module:
    """The code of a cell, without IPython's own lines (`!pip`, `%matplotlib`, `files = !ls`); empty without a word of the SDK."""
    # Without this check, a page of HTML would take a try for each of its lines
    if SDK not in text:
        return ast.Module([], [])
    return _parse_lines(MAGIC.sub("pass", text).splitlines())


def _is_sdk_import(node: ast.Import | ast.ImportFrom) -> bool:
    if isinstance(node, ast.Import):
        modules = [alias.name for alias in node.names]
    else:
        modules = [] if node.level else [str(node.module)]
    return any(module.split(".")[0] == SDK for module in modules)


def _parse_lines(lines: list[str]) -> ast.Module:
    """The code of a cell, with lines that are not Python blanked."""
    # Each try blanks one line, so as many tries as lines always suffice
    for _ in lines:
        try:
            return ast.parse("\n".join(lines))
        except SyntaxError as error:
            index = min(error.lineno or 1, len(lines)) - 1
            # The indentation stays, so that blocks stay complete
            indentation = lines[index].removesuffix(lines[index].lstrip())
            lines[index] = f"{indentation}pass"
    return ast.Module([], [])


def _change_import(node: ast.Import | ast.ImportFrom, offered: frozenset[str]) -> tuple[str | None, str]:
    """The replacement lines of an import, and what can't be changed in it."""
    if isinstance(node, ast.Import):
        return "\n".join(map(_import_module, node.names)), ""
    if str(node.module).endswith(".processing"):
        names = {alias.name for alias in node.names}
        if "Processor" not in names or not names <= PROCESSING_NAMES:
            listed = ", ".join(sorted(names & PROCESSING_NAMES)) or "none of these"
            return None, (
                f"with the SDK's own processors: {listed}; for images of the service take Processor and these from {OURS}"
            )
    # One import may be split: names that are here, and the rest, which stays the SDK's
    offered_aliases = [alias for alias in node.names if _is_here(node.module or "", alias.name, offered)]
    other_aliases = [alias for alias in node.names if alias not in offered_aliases]
    reason = ""
    if other_aliases:
        listed = ", ".join(alias.name for alias in other_aliases)
        reason = (
            f"of the SDK alone: {listed}; keep the line where it is installed, or leave out the cells that use them"
        )
    if not offered_aliases:
        return None, reason
    lines = [_import_names(OURS, offered_aliases)]
    if other_aliases:
        lines.append(_import_names(str(node.module), other_aliases))
    return "\n".join(lines), reason


def _get_service(node: ast.Assign) -> str | None:
    """The service of SageMaker for which an assignment makes boto3's client; None for every other assignment."""
    # boto3.client(…), or the client of a session, assigned to a name
    call = node.value
    is_client = isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "client"
    if not isinstance(call, ast.Call) or not is_client or not isinstance(node.targets[0], ast.Name | ast.Attribute):
        return None
    # The service is the first argument, or named
    values = call.args[:1] + [keyword.value for keyword in call.keywords if keyword.arg == "service_name"]
    for value in values:
        if isinstance(value, ast.Constant) and value.value in (CLIENT, *RUNTIMES):
            return str(value.value)
    return None


def _change_client(node: ast.Assign, service: str, texts: list[str], is_answered: IsAnswered) -> tuple[str | None, str]:
    """The replacement of a client whose calls this package answers, and the calls that only an account answers."""
    name = ast.unparse(node.targets[0])
    if service != CLIENT:
        return None, (
            f"{name} asks an account's endpoint; keep the line with credentials, or ask a model server of your own, which "
            "writes the same captures (docs/capture.md)"
        )
    # The methods that are called in any cell
    beginning = f"{name}."
    uses = [
        use.removeprefix(beginning) for text in texts for use in DOTTED_NAME.findall(text) if use.startswith(beginning)
    ]
    methods = {use.partition(".")[0] for use in uses} - {""}
    answered_methods = sorted(filter(is_answered, methods))
    other_methods = sorted(methods.difference(answered_methods))
    if answered_methods and not other_methods:
        return f"import {OURS}\n{name} = {OURS}.client()", ""
    reason = f"{name} asks an account for {', '.join(other_methods) or 'what it is given to'}"
    # The SDK's session starts jobs of other images by the client that it is given
    is_argument = any(name in ARGUMENT.findall(text) for text in texts)
    if is_argument or not answered_methods:
        reason += "; keep the line with credentials"
        if answered_methods:
            reason += f"; {', '.join(answered_methods)}: {OURS}.client({name}) has them"
        return None, reason
    # Calls that only an account answers are passed on to its client
    return f"import {OURS}\n{name} = {OURS}.client({ast.unparse(node.value)})", reason


def _import_module(alias: ast.alias) -> str:
    """The line that imports a module, from here if it is of the SDK."""
    top, *submodules = alias.name.split(".")
    if top != SDK:
        return ast.unparse(ast.Import([alias]))
    # `import a.b as c` binds the submodule, `import a.b` only the top
    if alias.asname and submodules and submodules[-1] in MODULES_HERE:
        return f"from {OURS} import {submodules[-1]} as {alias.asname}"
    return f"import {OURS} as {alias.asname or SDK}"  # names missing here come from the SDK where it is installed


def _is_here(module: str, name: str, offered: frozenset[str]) -> bool:
    is_of_monitors = any(part in MODULES_HERE for part in module.split("."))
    # A star may only stand for the modules that are here as a whole
    if name == "*":
        return is_of_monitors
    return name in offered and (is_of_monitors or module in SESSION_MODULES or name in MODULES_HERE)


def _import_names(module: str, names: list[ast.alias]) -> str:
    return ast.unparse(ast.ImportFrom(module, names, 0))
