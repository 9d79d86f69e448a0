"""The files of a report: `<name>.html`, and if asked for a notebook and a PDF; shown in a notebook, saved where it is
asked for.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from model_monitor.documents.page import Page, PageSection, PointChart
from model_monitor.reports.outputs.printable import printable
from model_monitor.reports.page.html import block_html, html_of, part_of, points_svg
from model_monitor.reports.page.svg import description_of, legend
from model_monitor.storage import storage_of


def notebook_of(page: Page) -> str:
    """The notebook's text, the same for the same page."""
    said = f"**{_escaped(str(page.headline))}**\n\n" if page.headline else ""
    facts = "  \n".join(f"{_escaped(word)}: **{_escaped(value)}**" for word, value in page.facts)
    head = f"# {_escaped(page.title)}\n\n{said}{facts}"
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


# The files of a report: `<name>.html`, and if asked for `<name>.ipynb` and, with the extra `report`, `<name>.pdf`.


log = logging.getLogger(__name__)


def report_files(page: Page) -> dict[str, bytes]:
    """Every file of a report by its name."""
    files = {f"{page.name}.html": html_of(page).encode()}
    if page.html_only:
        return files
    from model_monitor.reports.page import pdf

    files[f"{page.name}.ipynb"] = notebook_of(page).encode()
    if pdf.is_available():
        files[f"{page.name}.pdf"] = pdf.pdf_of(page)
    else:
        log.info("%s.pdf is left out: install its libraries by pip install 'spark-model-monitor[report]'", page.name)
    return files


# A page in the hands of somebody at a keyboard: shown in a notebook, saved where it is asked for.


@dataclass(frozen=True, repr=False)
class Report:
    """A run's report, which a notebook shows. Made by `Findings.report` and `Baseline.report`."""

    page: Page

    @property
    def html(self) -> str:
        """One HTML file that asks for nothing else."""
        return html_of(self.page)

    @property
    def size(self) -> int:
        """Bytes of the HTML file."""
        return len(self.html.encode())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the HTML file. Raises OutputFailed if it can't be written; a file that was there is then untouched."""
        storage_of(os.fspath(path)).write(os.fspath(path), self.html.encode())

    def __repr__(self) -> str:
        return f"<Report: {self.page.title}, {self.size:,} bytes>"

    @property
    def part(self) -> str:
        """What stands among other things, such as a notebook's."""
        return part_of(self.page)

    def _repr_html_(self) -> str:
        return self.part
