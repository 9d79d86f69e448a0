"""Importing this module does work once in the forking process, for all jobs. Otherwise each job would take a quarter more time,
because documents make their validators, and pages their templates, on first use.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from spark_model_monitor.documents.page import Page
from spark_model_monitor.reports.page.page_files import render_html


def _kinds(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for kind in model.__subclasses__():
        yield kind
        yield from _kinds(kind)


for _kind in _kinds(BaseModel):
    if _kind.__module__.startswith("spark_model_monitor."):
        _kind.model_rebuild()

render_html(Page("nothing", "nothing", (), ()))
