"""A page as a notebook that has been run: texts and tables as Markdown cells, charts as outputs. Nothing in it is to be run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from model_monitor.documents.page import Page, PageSection, PointChart
from model_monitor.outputs.printable import printable
from model_monitor.outputs.report.html import block_html, points_svg
from model_monitor.outputs.report.svg import description_of, legend


def notebook_of(page: Page) -> str:
    """The notebook's text, the same for the same page."""
    head = f"# {_escaped(page.title)}\n\n" + "  \n".join(
        f"{_escaped(word)}: **{_escaped(value)}**" for word, value in page.facts
    )
    cells = [_markdown(head), *(cell for section in page.sections for cell in _cells(section))]
    for place, cell in enumerate(cells):
        cell["id"] = hashlib.sha256(f"{place}".encode()).hexdigest()[:8]
    metadata = {"language_info": {"name": "python"}}
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True)


def _cells(section: PageSection) -> Iterator[dict[str, Any]]:
    text = [f"{'#' * section.level} {_escaped(section.heading)}"]
    for block in section.blocks:
        if isinstance(block, PointChart):
            yield _markdown("\n\n".join([*text, _escaped(block.title), _escaped(legend(block))]))
            yield _chart(block)
            text = []
        else:
            text.append(_escaped(block) if isinstance(block, str) else str(block_html(block)))
    if text:
        yield _markdown("\n\n".join(text))


def _markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text.splitlines(keepends=True)}


def _chart(chart: PointChart) -> dict[str, Any]:
    shown = {"image/svg+xml": points_svg(chart), "text/plain": printable(description_of(chart))}
    data = {kind: text.splitlines(keepends=True) for kind, text in shown.items()}
    output = {"output_type": "display_data", "data": data, "metadata": {}}
    return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [output], "source": []}


def _escaped(text: str) -> str:
    """A text that Markdown and HTML leave as it is: letters, digits and a few signs stand for themselves."""
    return "".join(
        sign if sign.isalnum() or sign in " .,:;%()'/=–−∞" else f"&#{ord(sign)};" for sign in printable(text)
    )
