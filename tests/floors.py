"""The floors of the package: who may import whom. CONTRIBUTING.md has the same ten lines in words.

A floor imports from those that stand before it here, and from the modules at the root. The face stands below all of them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "lib" / "spark_model_monitor"

FLOORS = (
    "storage",
    "statistics",
    "documents",
    "data",
    "monitors",
    "reports",
    "running",
    "spark",
    "integrations",
    "sagemaker",
    "airflow",
)
ALONE = ("capture",)
"""What imports nothing of ours: it is shipped into model servers. Integrations may import it."""

ROOT = ("arguments", "errors", "machine", "plugins", "progress", "registry", "stopping", "value_class")
"""Modules that every floor may import."""

FACE = ("cli", "serverless")
"""What stands below all floors, beside `__init__` and `__main__`: the command, and the handler of function services."""


def modules() -> dict[str, Path]:
    """Every module of the package by its name below it, `states/kll`; a package itself by its own, `states`."""
    paths = sorted(PACKAGE.rglob("*.py"))
    entrances = {PACKAGE / "__init__.py", PACKAGE / "__main__.py"}
    return {_name(path): path for path in paths if path not in entrances}


def find_floor(module: str) -> str:
    """The floor of a module, or the module itself at the root."""
    return module.split("/")[0]


def may_import(floor: str) -> set[str]:
    """The floors that one may import from, itself and the root's modules among them."""
    if floor in ALONE:
        return {floor}
    if floor in ROOT:
        return set(ROOT)
    if floor in FACE:
        return {*ROOT, *FLOORS, *ALONE, *FACE}
    above = FLOORS[: FLOORS.index(floor) + 1]
    return {*ROOT, *above, *(ALONE if "integrations" in above else ())}


def find_imports(path: Path, known_modules: dict[str, Path]) -> set[str]:
    """The modules of ours that a file imports when it runs, in functions too; not those for type checking only."""
    imported_modules = set()
    for module, names in _imports(path):
        inner = {f"{module}.{name}" for name in names if _make_module_path(f"{module}.{name}") in known_modules}
        imported_modules |= inner or {module}
    return {_make_module_path(name) for name in imported_modules} & known_modules.keys()


def imported_names(path: Path) -> set[str]:
    """Whatever a file imports when it runs: each module, and each name of one with its module before it."""
    imports = list(_imports(path))
    return {module for module, _ in imports} | {f"{module}.{name}" for module, names in imports for name in names}


def face_places() -> dict[str, str]:
    """The module of each public name, as the face shows them to type checkers."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    froms = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.asname or alias.name: str(node.module) for node in froms for alias in node.names}


def find_libraries(path: Path) -> set[str]:
    """The top-level names of whatever a file imports when it runs."""
    return {module.split(".")[0] for module, _ in _imports(path)}


def takes_batches(path: Path) -> bool:
    """Whether a function of a file has batches of a partition as a parameter: executors import it, to map it over them."""
    functions = (node.args for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef))
    parameters = (parameter for args in functions for parameter in (*args.posonlyargs, *args.args, *args.kwonlyargs))
    types = (ast.unparse(parameter.annotation) for parameter in parameters if parameter.annotation)
    return any("RecordBatch" in text or text == "Batches" for text in types)


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """The groups of names that reach each other, by Tarjan's algorithm; none if the edges go one way."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        stack.append(name)
        for neighbour in edges.get(name, ()):
            if neighbour not in order:
                visit(neighbour)
                low[name] = min(low[name], low[neighbour])
            elif neighbour in stack:
                low[name] = min(low[name], order[neighbour])
        if low[name] == order[name]:
            group = stack[stack.index(name) :]
            del stack[-len(group) :]
            if len(group) > 1:
                groups.append(sorted(group))

    for name in edges:
        if name not in order:
            visit(name)
    return groups


@cache  # each law of imports asks for those of all files
def _imports(path: Path) -> list[tuple[str, list[str]]]:
    imports: list[tuple[str, list[str]]] = []
    for node in _running(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imports += [(alias.name, []) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            imports.append((node.module, [alias.name for alias in node.names]))
    return imports


def _name(path: Path) -> str:
    below = path.relative_to(PACKAGE).with_suffix("")
    return (below.parent if below.name == "__init__" else below).as_posix()


def _make_module_path(dotted: str) -> str:
    if dotted.startswith("spark_model_monitor."):
        return dotted.removeprefix("spark_model_monitor.").replace(".", "/")
    return ""


def _running(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and getattr(child.test, "id", "") == "TYPE_CHECKING":
            continue
        yield child
        yield from _running(child)
