"""Importing this module does work once in the forking process, for all jobs. Otherwise each job would take a quarter more time,
because documents make their validators, and pages their templates, on first use.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from spark_model_monitor.documents.page import Page
from spark_model_monitor.reports.page.page_files import render_html


def _iterate_subclasses(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for subclass in model.__subclasses__():
        yield subclass
        yield from _iterate_subclasses(subclass)


for _model in _iterate_subclasses(BaseModel):
    if _model.__module__.startswith("spark_model_monitor."):
        _model.model_rebuild()

render_html(Page("nothing", "nothing", (), ()))
