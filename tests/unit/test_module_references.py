"""What docstrings and comments say of modules is true of today's: a renamed module takes its name along in them."""

import ast
import re
from functools import cache

import pytest
from tests.floors import PACKAGE

PROJECT = PACKAGE.parents[1]
MODULE_FILE = re.compile(r"(?<![\w{}])[\w/]+\.py\b")
MEMBER = re.compile(r"`([a-z]\w*)\.([A-Za-z]\w*)(?:\(\))?`")
OF_PYSPARK = {"pyspark/daemon.py", "daemon.py", "worker.py"}
FILE_ENDINGS = {"json", "jsonl", "parquet", "py", "yaml"}
"""They are no members: `statistics.json`."""

OTHER_SUBJECTS = {"sagemaker", "trial", "wsgi"}
"""The service's SDK, a parameter and a protocol, which modules of the package share their names with."""


SOURCES = {path: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
MODULES = {path.stem for path in SOURCES}


def collect_texts(source):
    """The docstrings and comments of a module."""
    return re.findall(r'"""(?:.|\n)*?"""|(?:^\s*|  )# .*$', source, re.MULTILINE)


@cache
def list_identifiers(module_name):
    """Every name in the code of the modules of this name, whatever it is of."""
    sources = [source for path, source in SOURCES.items() if path.stem == module_name]
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    return {getattr(node, member, None) for node in nodes for member in ("name", "id", "attr", "arg")}


def find_lost_names(path, texts):
    """The files and members that these texts name and nobody has. path: of their module."""
    # An `__init__` describes the modules below it
    folder = path.parent if path.name == "__init__.py" else PACKAGE
    for sentence in texts:
        for file in MODULE_FILE.findall(sentence):
            exists = (PROJECT / file).exists() or any(folder.rglob(file)) or any(PACKAGE.glob(file))
            if not exists and file not in OF_PYSPARK:
                yield file
        for module_name, member in MEMBER.findall(sentence):
            if module_name not in MODULES - OTHER_SUBJECTS or member in FILE_ENDINGS:
                continue
            if member not in list_identifiers(module_name):
                yield f"{module_name}.{member}"


def test_docstrings_and_comments_name_modules_and_members_that_exist():
    lost = [
        f"{path.relative_to(PACKAGE)}: {name}"
        for path, source in SOURCES.items()
        for name in find_lost_names(path, collect_texts(source))
    ]

    assert lost == []


@pytest.mark.parametrize(
    ("sentence", "name"),
    [
        ("plan.py: the meaning of an entry.", "plan.py"),
        ("See `schedule_plan.no_such`.", "schedule_plan.no_such"),
        ("The merge's rows (`merge_rows.SCHEMES`).", "merge_rows.SCHEMES"),
    ],
)
def test_a_name_of_nothing_is_found(sentence, name):
    assert list(find_lost_names(PACKAGE / "running" / "scheduling" / "__init__.py", [sentence])) == [name]


def test_a_module_below_a_package_is_no_lost_name():
    sentence = "schedule_plan.py: `schedule_plan.Plan`, in `fleet.yaml`"

    assert list(find_lost_names(PACKAGE / "running" / "scheduling" / "__init__.py", [sentence])) == []
