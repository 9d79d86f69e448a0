"""A page as one HTML file that asks for nothing else: styles and charts stand in it, and nothing of it runs.

Every text is escaped by the templates in `assets/`. The content security policy in its head makes browsers refuse whatever might
get in anyway.
"""

from __future__ import annotations

import json
import os
import sys
from base64 import b64encode
from contextlib import suppress
from hashlib import sha256
from importlib.util import cache_from_source
from typing import Any

from jinja2 import Environment, FileSystemBytecodeCache, PackageLoader, StrictUndefined
from jinja2.bccache import Bucket
from markupsafe import Markup

from model_monitor.documents.page import (
    LINES_SHOWN,
    MOST_CARDS,
    MOST_LINES,
    Block,
    Cards,
    FeatureMap,
    Page,
    PageTable,
    PointChart,
    Tracks,
    number_text,
    percent,
    short_name,
)
from model_monitor.reports.outputs.printable import printable
from model_monitor.reports.page import svg


def html_of(page: Page) -> str:
    """The page's HTML, the same for the same page."""
    script = _SCRIPT if page.has_script else ""
    allowed = f"script-src 'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'; " if script else ""
    return _TEMPLATES.get_template("page.html").render(page=page, script=script, allowed=Markup(allowed)) + "\n"


def part_of(page: Page) -> str:
    """The same as a part of another page, with its styles, which reach nothing outside of it."""
    return f"<style>{_STYLE}</style>\n{_MACROS.body(page)}\n"


def block_html(block: Block) -> Markup:
    """One block's HTML."""
    if isinstance(block, PageTable):
        return Markup(_MACROS.table(block))
    if isinstance(block, str):
        return Markup(_MACROS.paragraph(block))
    if isinstance(block, PointChart):
        return Markup(_MACROS.chart(block.title, svg.description_of(block), points_svg(block), _MACROS.legend(block)))
    if isinstance(block, Tracks):
        return Markup(_MACROS.tracks(block))
    if isinstance(block, Cards):
        return Markup(_MACROS.cards(block))
    if isinstance(block, FeatureMap):
        island = json.dumps(block.data, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
        return Markup(_MACROS.map(block, Markup(island)))
    return Markup(_MACROS.chart(block.title, block.words, _MACROS.curve(block), ""))


def points_svg(chart: PointChart) -> Markup:
    """A chart of points as an SVG element that can stand alone."""
    return Markup(_MACROS.points(chart))


class _Compiled(FileSystemBytecodeCache):
    """The templates as Python code, beside that of the modules; made again for each process where nothing can be written."""

    def load_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        if not sys.dont_write_bytecode:
            with suppress(OSError):
                super().dump_bytecode(bucket)


_TEMPLATES = Environment(
    bytecode_cache=_Compiled(os.path.dirname(cache_from_source(__file__))),
    loader=PackageLoader("model_monitor", "reports/page/assets"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=lambda value: printable(value) if type(value) is str else value,  # not what is markup already
)
_STYLE, _SCRIPT = (
    Markup(_TEMPLATES.loader.get_source(_TEMPLATES, name)[0])  # type: ignore[union-attr]
    for name in ("page.css", "page.js")
)
_TEMPLATES.globals |= {
    "style": _STYLE,
    "rendered": block_html,
    "svg": svg,
    "number_text": number_text,
    "percent": percent,
    "short_name": short_name,
    "most_cards": MOST_CARDS,
    "most_lines": MOST_LINES,
    "lines_shown": LINES_SHOWN,
    "pairs": lambda columns, cells: zip(columns, cells, strict=True),
}
_MACROS: Any = _TEMPLATES.get_template("blocks.html").module
