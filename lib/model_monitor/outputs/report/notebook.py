"""A page as a notebook that has been run: texts and tables as Markdown cells, charts as outputs. Nothing in it is to be run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import nbformat
from nbformat import v4

from model_monitor.documents.page import Page, PageSection, PointChart
from model_monitor.outputs.printable import printable
from model_monitor.outputs.report.html import block_html, points_svg
from model_monitor.outputs.report.svg import description_of, legend


def notebook_of(page: Page) -> str:
    """The notebook's text, the same for the same page."""
    head = f"# {_escaped(page.title)}\n\n" + "  \n".join(
        f"{_escaped(word)}: **{_escaped(value)}**" for word, value in page.facts
    )
    cells = [v4.new_markdown_cell(head), *(cell for section in page.sections for cell in _cells(section))]
    for place, cell in enumerate(cells):
        # nbformat makes ids by chance; a rerun is to give the same bytes
        cell["id"] = hashlib.sha256(f"{place}".encode()).hexdigest()[:8]
    notebook = v4.new_notebook(cells=cells, metadata={"language_info": {"name": "python"}})
    nbformat.validate(notebook)
    text: str = nbformat.writes(notebook)
    return text


def _cells(section: PageSection) -> Iterator[nbformat.NotebookNode]:
    text = [f"{'#' * section.level} {_escaped(section.heading)}"]
    for block in section.blocks:
        if isinstance(block, PointChart):
            yield v4.new_markdown_cell("\n\n".join([*text, _escaped(block.title), _escaped(legend(block))]))
            yield _chart(block)
            text = []
        else:
            text.append(_escaped(block) if isinstance(block, str) else str(block_html(block)))
    if text:
        yield v4.new_markdown_cell("\n\n".join(text))


def _chart(chart: PointChart) -> nbformat.NotebookNode:
    output = v4.new_output(
        "display_data", {"image/svg+xml": points_svg(chart), "text/plain": printable(description_of(chart))}
    )
    return v4.new_code_cell("", outputs=[output])


def _escaped(text: str) -> str:
    """A text that Markdown and HTML leave as it is: letters, digits and a few signs stand for themselves."""
    return "".join(
        sign if sign.isalnum() or sign in " .,:;%()'/=–−∞" else f"&#{ord(sign)};" for sign in printable(text)
    )
