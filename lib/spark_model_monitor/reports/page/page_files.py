"""A page as files: self-contained HTML, and on request a notebook and a PDF. Also the `Report` that notebooks show.

Styles and charts are inside the HTML, and it loads nothing. The templates in `assets/` escape every text. If foreign code gets
into the HTML nevertheless, the content security policy in its head makes browsers refuse it.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import cache_from_source
from typing import Any

from jinja2 import Environment, FileSystemBytecodeCache, PackageLoader, StrictUndefined
from jinja2.bccache import Bucket
from markupsafe import Markup, escape

from spark_model_monitor import __title__
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.documents.page import (
    LINES_SHOWN,
    MAX_CARDS,
    MAX_LINES,
    Block,
    Cards,
    FeatureMap,
    Page,
    PageSection,
    PageTable,
    PointChart,
    Tracks,
    format_number,
    format_percent,
    shorten_name,
)
from spark_model_monitor.errors import BadInput, MissingDependency
from spark_model_monitor.reports.outputs.printable import printable
from spark_model_monitor.reports.outputs.run_files import read_intact_run
from spark_model_monitor.reports.page import svg
from spark_model_monitor.storage import write_file

log = logging.getLogger(__name__)


def render_html(page: Page) -> str:
    """The page as HTML. The same page always gives the same text."""
    script = _SCRIPT if page.has_script else ""
    # The hash in the policy lets browsers run our script only, even if a feature's name contained a script
    allowed = ""
    if script:
        allowed = f"script-src 'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'; "
    template = _TEMPLATES.get_template("page.html")
    return template.render(page=page, script=script, allowed=Markup(allowed), product=__title__) + "\n"


def render_part(page: Page) -> str:
    """The page as a part of another HTML page. Its styles change nothing in the other page except a line before it."""
    return f"<style>{_STYLE}</style>\n{_MACROS.body(page)}\n"


# LONG_WORD: letters of a word that fits everywhere on a page. PIECE: letters of the pieces into which longer words are broken
LONG_WORD = 25
PIECE = 20
_LONG_WORDS = re.compile(rf"(\S{{{LONG_WORD + 1},}})")
_PIECES = re.compile(r"[^_./-]*[_./-]+|[^_./-]+")
_UNBREAKABLE = Markup('<span class="run">{}</span>')


def breakable(text: str) -> Markup:
    """A text as HTML whose long words break only after `_`, `.`, `-` and `/`; a piece that is longer than its line is cut."""
    html = []
    for index, part in enumerate(_LONG_WORDS.split(printable(text))):
        # re.split with a group returns alternately the text between matches and a match
        is_long_word = index % 2 == 1
        if is_long_word:
            html.append(Markup("<wbr>").join(map(_mark_unbroken, _split_word(part))))
        else:
            html.append(escape(part))
    return Markup("").join(html)


def _split_word(word: str) -> list[str]:
    """A word in as few pieces as possible, of at most PIECE letters if the word has enough signs after which it can break."""
    pieces = [""]
    for piece in _PIECES.findall(word):
        if pieces[-1] and len(pieces[-1]) + len(piece) > PIECE:
            pieces.append(piece)
        else:
            pieces[-1] += piece
    return pieces


def _mark_unbroken(piece: str) -> Markup:
    """A piece of a word as HTML in which browsers don't break lines."""
    if len(piece) <= PIECE and "…" not in piece:
        return escape(piece)
    return _UNBREAKABLE.format(piece)


def render_block(block: Block) -> Markup:
    """A block of a page as HTML."""
    if isinstance(block, PageTable):
        return Markup(_MACROS.table(block))
    if isinstance(block, str):
        return Markup(_MACROS.paragraph(block))
    if isinstance(block, PointChart):
        return Markup(_MACROS.chart(block.title, svg.describe_chart(block), draw_points(block), _MACROS.legend(block)))
    if isinstance(block, Tracks):
        return Markup(_MACROS.tracks(block))
    if isinstance(block, Cards):
        return Markup(_MACROS.cards(block))
    if isinstance(block, FeatureMap):
        # `<` is escaped, because otherwise a feature's name could end the script element
        island = json.dumps(block.data, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
        return Markup(_MACROS.map(block, Markup(island)))
    return Markup(_MACROS.chart(block.title, block.words, _MACROS.curve(block), ""))


def draw_points(chart: PointChart, width: str = "100%") -> Markup:
    """A chart of points as a standalone SVG element."""
    return Markup(_MACROS.points(chart, width))


class _Compiled(FileSystemBytecodeCache):
    """The compiled templates, next to the modules' bytecode. If that folder isn't writable, each process compiles them again."""

    def load_bytecode(self, bucket: Bucket) -> None:
        # Another process may be writing the file, or the folder may be read-only
        with suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        if not sys.dont_write_bytecode:
            with suppress(OSError):
                super().dump_bytecode(bucket)


_TEMPLATES = Environment(
    bytecode_cache=_Compiled(os.path.dirname(cache_from_source(__file__))),
    loader=PackageLoader("spark_model_monitor", "reports/page/assets"),
    autoescape=True,
    undefined=StrictUndefined,
    # Markup, a subclass of str, is already escaped
    finalize=lambda value: printable(value) if type(value) is str else value,
)
_STYLE, _SCRIPT = (
    Markup(_TEMPLATES.loader.get_source(_TEMPLATES, name)[0])  # type: ignore[union-attr]
    for name in ("page.css", "page.js")
)
_TEMPLATES.filters["breakable"] = breakable
_TEMPLATES.globals |= {
    "style": _STYLE,
    "rendered": render_block,
    "svg": svg,
    "format_number": format_number,
    "format_percent": format_percent,
    "shorten_name": shorten_name,
    "most_cards": MAX_CARDS,
    "most_lines": MAX_LINES,
    "lines_shown": LINES_SHOWN,
    "long_word": LONG_WORD,
    "pairs": lambda columns, cells: zip(columns, cells, strict=True),
}
_MACROS: Any = _TEMPLATES.get_template("blocks.html").module


def render_notebook(page: Page) -> str:
    """The page as a notebook. The same page always gives the same text."""
    headline = ""
    if page.headline:
        headline = f"**{_format_as_markdown(str(page.headline))}**\n\n"
        for paragraph in filter(None, (page.headline.detail, *page.headline.other_ways)):
            headline += f"{_format_as_markdown(paragraph)}\n\n"
    facts = "  \n".join(f"{_format_as_markdown(word)}: **{_format_as_markdown(value)}**" for word, value in page.facts)
    trail = f"{_format_as_markdown(' › '.join(page.trail))}\n\n" if page.trail else ""
    head = f"# {_format_as_markdown(page.title)}\n\n{trail}{headline}{facts}"
    cells = [_create_markdown(head), *(cell for section in page.sections for cell in _create_cells(section))]
    # Cells must have ids. They are made of the cell's position, so that the same page gives the same bytes
    for number, cell in enumerate(cells):
        cell["id"] = sha256(f"{number}".encode()).hexdigest()[:8]
    metadata = {"language_info": {"name": "python"}}
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True)


NOTEBOOK_WIDTH = "600"  # width of a chart in pixels; a notebook shows it as an image


def _create_cells(section: PageSection) -> Iterator[dict[str, Json]]:
    text = [f"{'#' * section.level} {_format_as_markdown(section.heading)}"]
    for block in section.blocks:
        # A chart is the output of a cell of its own, so the text before it ends the present cell
        if isinstance(block, PointChart):
            yield _create_markdown(
                "\n\n".join([*text, _format_as_markdown(block.title), _format_as_markdown(svg.write_legend(block))])
            )
            yield _create_chart(block)
            text = []
        else:
            text.append(_format_as_markdown(block) if isinstance(block, str) else str(render_block(block)))
    if text:
        yield _create_markdown("\n\n".join(text))


def _create_markdown(text: str) -> dict[str, Json]:
    return {"cell_type": "markdown", "metadata": {}, "source": text.splitlines(keepends=True)}


def _create_chart(chart: PointChart) -> dict[str, Json]:
    images = {"image/svg+xml": draw_points(chart, NOTEBOOK_WIDTH), "text/plain": printable(svg.describe_chart(chart))}
    data = {kind: text.splitlines(keepends=True) for kind, text in images.items()}
    output = {"output_type": "display_data", "data": data, "metadata": {}}
    return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [output], "source": []}


def _format_as_markdown(text: str) -> str:
    """The text, escaped for Markdown and HTML: everything except letters, digits and a few signs is escaped."""
    return "".join(
        sign if sign.isalnum() or sign in " .,:;%()'/=–−∞" else f"&#{ord(sign)};" for sign in printable(text)
    )


def report_files(page: Page) -> dict[str, bytes]:
    """By name: the content of every file of a report."""
    files = {f"{page.name}.html": render_html(page).encode()}
    if page.html_only:
        return files
    # Imported late, because its libraries are optional and slow to import
    from spark_model_monitor.reports.page import pdf

    files[f"{page.name}.ipynb"] = render_notebook(page).encode()
    if pdf.is_available():
        files[f"{page.name}.pdf"] = pdf.render_pdf(page)
    else:
        log.info("%s.pdf is left out: install its libraries by pip install 'spark-model-monitor[report]'", page.name)
    return files


@dataclass(frozen=True, repr=False)
class Report:
    """A run's report, which a notebook can show. Created by `Findings.report` and `Baseline.report`."""

    page: Page

    @property
    def html(self) -> str:
        """One self-contained HTML file."""
        return render_html(self.page)

    @property
    def size(self) -> int:
        """Size of the HTML file in bytes."""
        return len(self.html.encode())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page: as PDF if the path ends in .pdf, otherwise as HTML.

        Raises OutputFailed if it can't be written; an existing file then stays unchanged. Raises MissingDependency for a
        PDF without its libraries, and BadInput for the ending of another format, or for a file of a published run.
        """
        location = os.fspath(path)
        ending = os.path.splitext(location)[1].lower()
        # A file with another ending may be the user's data
        if ending not in (".html", ".pdf") and (ending or os.path.isfile(location)):
            raise BadInput(f"{location}: a page is written as HTML or PDF; write a name that ends in .html or .pdf")
        folder, name = os.path.split(location)
        run = read_intact_run(folder or ".")
        if run is not None and name in run.digests:
            raise BadInput(f"{location} is a file of the run there; write another name")
        content = self._pdf() if ending == ".pdf" else self.html.encode()
        write_file(location, content)

    def _pdf(self) -> bytes:
        from spark_model_monitor.reports.page import pdf

        # Drawings over many windows don't fit on paper
        if self.page.html_only:
            raise BadInput("this page is written as HTML only; write a name that ends in .html")
        if not pdf.is_available():
            raise MissingDependency("a page as PDF needs its libraries: pip install 'spark-model-monitor[report]'")
        return pdf.render_pdf(self.page)

    def __repr__(self) -> str:
        return f"<Report: {self.page.title}, {self.size:,} bytes>"

    @property
    def part(self) -> str:
        """HTML for embedding, for example in a notebook."""
        return render_part(self.page)

    def _repr_html_(self) -> str:
        return self.part
