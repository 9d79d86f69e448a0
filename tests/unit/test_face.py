"""The public face: what it has, that it costs nothing to import, and that everybody outside keeps to it."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import ModuleType

import pytest
from tests.face import OPEN, find_changes
from tests.floors import PACKAGE, modules
from tests.programs import printed_by

import spark_model_monitor
from spark_model_monitor.errors import MonitorError

ROOT = PACKAGE.parents[1]
FACE = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
NAMES = spark_model_monitor.__all__


def test_importing_the_package_loads_nothing_else():
    """0.1 s of bare Python are a few modules of the standard library; numpy alone takes as long (benchmarks/commands.py)."""
    program = """
        import sys
        before = set(sys.modules)
        import spark_model_monitor
        loaded = set(sys.modules) - before
        print(sorted(name for name in loaded if name.startswith("spark_model_monitor")))
        print(sorted({name.split(".")[0] for name in loaded} - set(sys.stdlib_module_names) - {"spark_model_monitor"}))
        print(len(loaded) < 40)
    """

    assert printed_by(program) == "['spark_model_monitor', 'spark_model_monitor.plugins']\n[]\nTrue\n"


def test_a_name_loads_no_more_than_it_needs():
    program = "import sys; from spark_model_monitor import MonitorError, Window; print('pyspark' in sys.modules)"

    assert printed_by(program) == "False\n"


def bound_for_type_checkers() -> dict[str, tuple[str, str]]:
    """The names that IDEs and mypy see, each with its module and its name there."""
    [block] = [node for node in FACE.body if isinstance(node, ast.If)]
    return {
        alias.asname or alias.name: (str(node.module), alias.name)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_type_checkers_see_the_names_that_there_are():
    assert bound_for_type_checkers().keys() == set(NAMES)
    assert len(NAMES) == len(set(NAMES))


def test_a_name_is_what_type_checkers_take_it_for():
    bound = bound_for_type_checkers()
    other_names = [
        name
        for name in NAMES
        for module, called in [bound[name]]
        if getattr(spark_model_monitor, name) is not getattr(__import__(module, fromlist=[called]), called)
    ]

    assert other_names == []
    assert [name for name in NAMES if name not in dir(spark_model_monitor)] == []


def test_a_name_that_there_is_not_is_reported_as_python_tells_it():
    with pytest.raises(AttributeError, match="module 'spark_model_monitor' has no attribute 'run_basline'"):
        spark_model_monitor.run_basline  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'run_basline'"):
        exec("from spark_model_monitor import run_basline")


@pytest.mark.parametrize("module", [module for module in OPEN if not module.endswith(".airflow")])
def test_a_name_keeps_its_parameters(module):
    """Those of Airflow's are looked at where Airflow is."""
    changes = find_changes(module)

    assert not changes, "\n".join(changes)


def split_sections(docstring: str) -> dict[str, str]:
    """The text below each underlined heading of a docstring."""
    parts = re.split(r"^(\w+)\n-{3,}$\n", inspect.cleandoc(docstring), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def documented_in(section: str) -> set[str]:
    return {name.strip() for line in re.findall(r"^(\w[\w, ]*?) :", section, re.MULTILINE) for name in line.split(",")}


def missing_in_documentation(name: str) -> Iterator[str]:
    """What the docstring of a public name lacks of numpydoc's form."""
    thing = getattr(spark_model_monitor, name)
    sections = split_sections(thing.__doc__ or "")
    if (thing.__doc__ or "\n").startswith((f"{name}(", "\n")):
        yield "no docstring but the generated one"
    if inspect.isclass(thing) and issubclass(thing, MonitorError):
        return
    if ">>>" not in sections.get("Examples", ""):
        yield "Examples"
    if inspect.isfunction(thing):
        yield from (section for section in ("Returns", "Raises") if section not in sections)
    if inspect.isfunction(thing) or (dataclasses.is_dataclass(thing) and "Attributes" not in sections):
        parameters = set(inspect.signature(thing).parameters)
        yield from sorted(documented_in(sections.get("Parameters", "")) ^ parameters)


def test_a_name_is_documented_as_numpydoc_has_it():
    assert [f"{name}: {missing}" for name in NAMES for missing in missing_in_documentation(name)] == []


def test_what_is_no_function_is_known_by_its_kind():
    """A new kind of name needs a thought about what its documentation has to have."""
    objects = [getattr(spark_model_monitor, name) for name in NAMES]
    objects = [thing for thing in objects if not inspect.isfunction(thing) and not dataclasses.is_dataclass(thing)]

    assert all(
        isinstance(thing, ModuleType) or issubclass(thing, (Enum, MonitorError)) or thing.model_fields
        for thing in objects
    )


def read_code(path: Path) -> list[str]:
    """What a page, a notebook or a script has in Python."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        return ["".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    if path.suffix == ".py":
        return [text]
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def imported_by(code: str) -> set[tuple[str, str]]:
    """Each module of ours that is imported, with the name that is taken from it."""
    names = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {(alias.name, "") for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {(str(node.module), alias.name) for alias in node.names}
    return {(module, name) for module, name in names if module.split(".")[0] == "spark_model_monitor"}


FOR_CONTRIBUTORS = "CONTRIBUTING"
OUTSIDE = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "docs/**/*.ipynb", "examples/**/*.md", "examples/**/*.py")
    for path in ROOT.glob(pattern)
    if path.stem != FOR_CONTRIBUTORS and any("spark_model_monitor" in code for code in read_code(path))
)


@pytest.mark.long
def test_pages_examples_and_notebooks_import_from_the_face():
    against = [
        f"{path.relative_to(ROOT)}: {module}.{name}"
        for path in OUTSIDE
        for code in read_code(path)
        for module, name in sorted(imported_by(code))
        if (module not in OPEN and not module.startswith("spark_model_monitor.capture."))
        or (module == "spark_model_monitor" and name not in NAMES)
    ]

    assert against == []


def test_there_are_such_pages():
    names = {path.name for path in OUTSIDE}

    assert {"README.md", "bias.md", "quickstart.ipynb", "migration.ipynb", "generate.py", "churn_hourly.py"} <= names


INNER = modules()


FROM_THE_FACE = re.compile(r"\bfrom\s+spark_model_monitor\s+import\b")


def test_no_module_of_ours_imports_from_the_face():
    """It would be loaded by what it loads; `__version__` and `__title__` are texts of the file itself."""
    texts = {module: path.read_text(encoding="utf-8") for module, path in INNER.items()}
    against = [
        f"{module}: {name}"
        for module, text in texts.items()
        if FROM_THE_FACE.search(text)  # reading all others as Python would take two seconds
        for where, name in sorted(imported_by(text))
        if where == "spark_model_monitor" and name not in {*INNER, "__version__", "__title__", ""}
    ]

    assert against == []
