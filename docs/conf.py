"""The documentation as a site, by Sphinx: `make site`. Its pages are the repository's, so that links hold here and there.

docs/index.md is the navigation: the list below each of its headings becomes a part of the sidebar.
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "lib"), str(ROOT)]

from tests.option_tables import describe_options  # noqa: E402 - the clone's own

import spark_model_monitor  # noqa: E402
from spark_model_monitor import capture, sagemaker  # noqa: E402

project = "spark-model-monitor"
author = "its contributors"
release = spark_model_monitor.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
include_patterns = ["*.md", "docs/**.md", "docs/**.ipynb", "benchmarks/README.md", "examples/*/*.md"]
root_doc = "docs/index"

html_theme = "furo"
html_title = f"{spark_model_monitor.__title__}: {project} {release}"
html_copy_source = False
html_static_path = ["static"]
html_extra_path = ["site"]  # the doors, and what a server shows for a page that isn't there
html_css_files = ["site.css"]

myst_heading_anchors = 4
nb_execution_mode = "off"  # tests run the notebooks; their outputs are in the files
default_role = "literal"  # of docstrings, which write names as Markdown does
napoleon_google_docstring = False
autodoc_typehints = "none"  # numpydoc says the types

PART = re.compile(r"^## (.+)\n((?:(?!## ).*\n)*)", re.MULTILINE)
PAGE = re.compile(r"^- \[[^\]]+\]\(([^)#]+)\.(?:md|ipynb)\)", re.MULTILINE)
API = "docs/api"
JOBS = "docs/jobs"


def sidebar(page: str) -> str:
    """The parts of a page of lists as tables of contents."""
    parts = ((heading, "\n".join(PAGE.findall(text))) for heading, text in PART.findall(page))
    return "\n".join(f"\n```{{toctree}}\n:hidden:\n:caption: {heading}\n\n{pages}\n```" for heading, pages in parts)


def docstrings() -> str:
    """The docstrings of what users import."""
    return "".join(_docstrings_of(face) for face in (spark_model_monitor, capture, sagemaker))


def _docstrings_of(face: ModuleType) -> str:
    directives = "\n".join(_directive(name, getattr(face, name)) for name in face.__all__)
    name = face.__name__
    return f"\n## Docstrings of {name}\n\n```{{eval-rst}}\n.. currentmodule:: {name}\n\n{directives}\n```\n"


def _directive(name: str, thing: Any) -> str:
    if inspect.ismodule(thing):
        return ""
    return f".. autofunction:: {name}\n" if inspect.isfunction(thing) else f".. autoclass:: {name}\n   :members:\n"


def add_what_the_site_has(app: Any, page: str, source: list[str]) -> None:
    """The sidebar to the first page, its pages to a folder's README, docstrings to the API, options to the jobs."""
    if page == root_doc:
        source[0] += sidebar(source[0])
    elif page == API:
        source[0] += docstrings()
    elif page == JOBS:
        source[0] += describe_options()
    elif page.startswith("docs/") and page.endswith("/README"):
        source[0] += "\n```{toctree}\n:glob:\n:titlesonly:\n\n*\n```\n"


def setup(app: Any) -> None:
    """Sphinx calls it."""
    app.connect("source-read", add_what_the_site_has)
