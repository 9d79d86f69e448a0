"""Who may import whom: the layers of the package from the bottom to the top. `make docs` draws them.

A name is a package, or one module of a package that stands in a layer of its own: it counts before its package.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "lib" / "model_monitor"

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "lazy": set(),
    "progress": set(),
    "java_text": set(),
    "capture": set(),
    "registry": {"errors"},
    "schedules": {"errors"},
    "launch": {"errors"},
    "storage": {"errors"},
    "predictors": {"errors", "registry", "storage", "records"},
    "states": {"errors", "registry"},
    "drift": {"errors", "registry", "states"},
    "verdicts": {"drift"},
    "documents": {"errors", "java_text", "registry", "drift", "verdicts"},
    "runs/protocol": {"documents", "states"},
    "runs/judging": {"documents"},
    "data_quality": {
        *(
            "errors",
            "java_text",
            "registry",
            "documents",
            "states",
            "drift",
            "verdicts",
            "runs/protocol",
            "runs/judging",
        ),
    },
    "model_quality": {
        "errors",
        "java_text",
        "registry",
        "documents",
        "states",
        *("drift", "verdicts"),
        "runs/protocol",
        "runs/judging",
    },
    "bias": {"errors", "registry", "documents", "states", "verdicts", "runs/protocol", "runs/judging", "predictors"},
    "explainability": {
        *("errors", "registry", "documents", "states", "runs/protocol", "runs/judging", "predictors"),
        *("drift", "verdicts"),
    },
    "records": {"errors", "states"},
    "engine": {"errors", "progress", "java_text", "states", "storage", "launch", "records"},
    "profiling": {"errors", "states", "engine", "predictors"},
    "deequ": {"errors", "registry", "java_text", "documents", "states", "storage", "launch"},
    "runtime/standalone": {"errors", "engine"},
    "runtime/session": {"errors", "launch", "engine", "deequ", "runtime/standalone"},
    "explainability/partition": {"states", "engine", "explainability", "predictors", "profiling"},
    "reading": {"errors", "states", "storage", "engine", "records", "runtime/session"},
    "outputs": {"errors", "registry", "documents", "storage", "runs/protocol"},
    "merging": {"errors", "states", "storage", "engine", "records", "reading", "outputs"},
    "history": {
        *(
            "errors",
            "documents",
            "states",
            "storage",
            "runs/protocol",
            "data_quality",
            "model_quality",
            "bias",
            "records",
        ),
        "outputs",
    },
    "configuration": {
        *(
            "errors",
            "registry",
            "schedules",
            "documents",
            "states",
            "storage",
            "drift",
            "data_quality",
            "model_quality",
            "bias",
            "predictors",
        ),
        *("launch", "engine", "records", "reading", "outputs"),
    },
    "inputs": {
        *(
            "errors",
            "registry",
            "documents",
            "states",
            "storage",
            "runs/protocol",
            "data_quality",
            "model_quality",
            "bias",
            "explainability",
            "predictors",
        ),
        *("engine", "records", "reading", "deequ", "history", "configuration"),
    },
    "runs/kind": {"states", "runs/protocol"},
    "data_quality/scan": {"states", "engine", "records", "reading", "profiling", "deequ", "runs/kind"},
    "model_quality/scan": {"states", "records", "reading", "profiling", "runs/kind"},
    "explainability/scan": {
        *("errors", "states", "storage", "engine", "explainability", "explainability/partition", "predictors"),
        *("records", "reading", "runs/kind"),
    },
    "bias/scan": {"states", "bias", "predictors", "records", "reading", "profiling", "runs/kind"},
    "data_quality/kind": {
        *("documents", "states", "runs/protocol", "data_quality", "data_quality/scan", "history", "configuration"),
        *("inputs", "runs/kind"),
    },
    "model_quality/kind": {
        *("states", "runs/protocol", "model_quality", "model_quality/scan", "configuration", "inputs", "runs/kind"),
    },
    "bias/kind": {"states", "runs/protocol", "bias", "bias/scan", "configuration", "inputs", "runs/kind"},
    "explainability/kind": {
        *("states", "runs/protocol", "explainability", "explainability/scan", "configuration", "inputs", "runs/kind"),
    },
    "runs/kinds": {
        *("errors", "runs/protocol", "engine", "reading", "configuration"),
        *("data_quality/kind", "model_quality/kind", "bias/kind", "explainability/kind", "runs/kind"),
    },
    "runs": {
        *("errors", "documents", "states", "storage", "runs/protocol", "engine", "records", "reading", "outputs"),
        *("history", "runs/kind", "runs/kinds", "deequ", "runtime/session", "progress"),
    },
    "runtime": {
        *(
            "errors",
            "documents",
            "storage",
            "drift",
            "launch",
            "runs/protocol",
            "engine",
            "records",
            "reading",
            "deequ",
        ),
        *("outputs", "merging", "history", "runs", "runs/kinds", "configuration", "inputs"),
        *("runtime/standalone", "runtime/session", "progress"),
    },
    "emr": {"errors", "launch", "configuration", "inputs", "runtime"},
    "launch/submission": {"errors", "launch", "outputs", "emr"},
    "reports": {
        *("errors", "documents", "states", "storage", "drift", "data_quality", "records", "outputs", "history"),
        *("runs/judging", "progress"),
    },
    "runtime/container": {"errors", "configuration", "runtime", "launch/submission"},
    "derivation": {
        "errors",
        "registry",
        "documents",
        "states",
        "storage",
        "drift",
        "data_quality",
        "outputs",
        "history",
    },
    "demo": {
        *(
            "errors",
            "documents",
            "outputs",
            "data_quality",
            "explainability",
            "history",
            "reading",
            "records",
            "reports",
        ),
        *("runs", "runs/protocol"),
    },
    "imports": {"errors", "schedules", "documents", "storage", "configuration"},
    "sagemaker": {
        *(
            "capture",
            "errors",
            "schedules",
            "documents",
            "storage",
            "predictors",
            "outputs",
            "history",
            "configuration",
            "imports",
        ),
    },
    "replay": {
        *("errors", "schedules", "documents", "storage", "launch", "runs/protocol", "records", "reading", "outputs"),
        *("runs", "runs/kinds", "configuration", "inputs", "runtime"),
    },
    "scheduling": {
        *("errors", "schedules", "documents", "storage", "launch", "records", "outputs", "configuration", "runtime"),
        "reports",
    },
    "airflow": {"errors", "documents", "storage", "launch", "records", "outputs", "configuration", "runtime", "emr"},
    "cli": {
        *(
            "errors",
            "schedules",
            "storage",
            "outputs",
            "history",
            "runs",
            "derivation",
            "demo",
            "imports",
            "replay",
            "reports",
        ),
        *("scheduling", "runtime", "configuration", "launch/submission", "runtime/session", "progress"),
    },
}
"""Layer -> those that it may import beside itself, each of which stands above it here or is a module of its own."""


def modules() -> dict[str, Path]:
    """Every module of the package by its name below it, `states/kll`; a package itself by its own, `states`."""
    paths = sorted(PACKAGE.rglob("*.py"))
    return {_name(path): path for path in paths if path != PACKAGE / "__init__.py"}


def layer_of(module: str) -> str:
    """The layer of a module: its own if it has one, else its package's."""
    return module if module in MAY_IMPORT else module.split("/")[0]


def imports_of(path: Path, known: dict[str, Path]) -> set[str]:
    """The modules of ours that a file imports when it runs, in functions too; not those for type checking only."""
    found = set()
    for node in _running(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            inner = {name for name in names if _below(name) in known}
            found |= inner or {node.module}
    return {_below(name) for name in found} & known.keys()


def libraries_of(path: Path) -> set[str]:
    """The top-level names of whatever a file imports when it runs."""
    found = set()
    for node in _running(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """The groups of names that reach each other, by Tarjan's algorithm; none if the edges go one way."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        stack.append(name)
        for other in edges.get(name, ()):
            if other not in order:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], order[other])
        if low[name] == order[name]:
            group = stack[stack.index(name) :]
            del stack[-len(group) :]
            if len(group) > 1:
                found.append(sorted(group))

    for name in edges:
        if name not in order:
            visit(name)
    return found


def _name(path: Path) -> str:
    below = path.relative_to(PACKAGE).with_suffix("")
    return (below.parent if below.name == "__init__" else below).as_posix()


def _below(dotted: str) -> str:
    return dotted.removeprefix("model_monitor.").replace(".", "/") if dotted.startswith("model_monitor.") else ""


def _running(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and getattr(child.test, "id", "") == "TYPE_CHECKING":
            continue
        yield child
        yield from _running(child)
