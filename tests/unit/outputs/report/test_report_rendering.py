"""A page as HTML, notebook and PDF: whatever a feature is called is shown as it is written, and nothing is asked of the net."""

import json
import re
import sys
from html.parser import HTMLParser
from importlib import resources

import nbformat
import pytest

from spark_model_monitor.documents.page import (
    Highlight,
    Page,
    PageSection,
    PageTable,
    Point,
    PointChart,
    TableColumn,
    TableLine,
    build_table,
)
from spark_model_monitor.reports.page import pdf, svg
from spark_model_monitor.reports.page.page_files import draw_points, render_block, render_html, report_files

HOSTILE = '<script>alert(1)</script> $x_{1}$ **b** {{ 7*7 }} <img src="http://x/y"> & "q" \x07 Ünïcödé'

CHART = PointChart(
    HOSTILE,
    (
        Point("DI", 0.1, 0.2, (0.05, 0.3), Highlight.GOOD),
        Point("TE", float("inf"), 2.9, None, Highlight.BAD),
        Point("DCA", -36.7, -0.5, (float("-inf"), 0.0)),
        Point("FT", None, 0.1),
        Point("$a$", 0.5),
    ),
)
PAGE = Page(
    "report",
    HOSTILE,
    (("Rows", "1,000"), (HOSTILE, HOSTILE)),
    (
        PageSection(HOSTILE, (HOSTILE, CHART)),
        PageSection(
            "Table",
            (
                PageTable(
                    (TableColumn(HOSTILE), TableColumn("n", is_number=True)),
                    (TableLine((HOSTILE, "1"), Highlight.BAD),),
                    HOSTILE,
                ),
            ),
            level=3,
        ),
    ),
)


class Elements(HTMLParser):
    """The elements of a page, their attributes and their texts."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.attributes = []
        self.texts = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_data(self, data):
        self.texts.append(data)


def test_hostile_names_are_texts_in_html():
    page = Elements(render_html(PAGE))

    assert not {"script", "img", "iframe", "link", "object", "foreignobject"} & set(page.tags)
    assert [name for name, _ in page.attributes if name.startswith("on")] == []
    # title, trail, headline, section, paragraph, figure, a fact's value, and a table's caption, head and cell
    assert page.texts.count(HOSTILE.replace("\x07", "\\x07")) == 10
    assert "49" not in render_html(Page("r", "{{ 7*7 }}", (), ()))


def test_html_asks_for_nothing():
    """Names of namespaces are the only addresses; a reference is to a part of the page itself."""
    page = Elements(render_html(PAGE))
    references = [value for name, value in page.attributes if name in ("src", "href", "xlink:href", "srcset", "data")]

    assert all(value.startswith("#") for value in references)
    assert "default-src 'none'" in render_html(PAGE)
    assert re.findall(r"@import|url\((?!#)", render_html(PAGE)) == []


def test_templates_ask_for_names_that_the_module_of_drawings_has():
    assets = resources.files("spark_model_monitor.reports.page") / "assets"
    templates = [asset.read_text() for asset in assets.iterdir() if asset.name.endswith(".html")]
    names = {name for template in templates for name in re.findall(r"\bsvg\.(\w+)", template)}

    assert "SQUARE_SIDE" in names
    assert not [name for name in names if not hasattr(svg, name)]


def test_a_chart_never_reads_a_name_as_a_formula():
    assert ">$a$<" in render_block(CHART)


def test_values_beyond_the_axis_are_arrows_at_its_ends():
    inside = render_block(PointChart("t", (Point("DCA", -1.0),)))
    beyond = render_block(PointChart("t", (Point("DCA", -36.7),)))

    assert inside != beyond
    assert ">◀−36.7<" in beyond


def test_every_format_is_the_same_in_every_run():
    assert report_files(PAGE) == report_files(PAGE)


def test_without_the_extra_a_page_is_html_and_a_notebook(monkeypatch, caplog):
    for absent in ("matplotlib", "nbformat"):
        monkeypatch.setitem(sys.modules, absent, None)
    caplog.set_level("INFO")

    assert set(report_files(PAGE)) == {"report.html", "report.ipynb"}
    assert "report.pdf is left out: install its libraries by pip install 'spark-model-monitor[report]'" in caplog.text


def test_the_notebook_is_valid_and_has_nothing_to_run():
    notebook = nbformat.reads(report_files(PAGE)["report.ipynb"].decode(), as_version=4)

    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.source for cell in code] == [""]
    assert set(code[0].outputs[0].data) == {"image/svg+xml", "text/plain"}
    assert "<script>" not in json.dumps([cell.source for cell in notebook.cells])
    assert "a stroke is baseline" in notebook.cells[1].source


def test_a_chart_in_a_notebook_needs_no_style_of_a_page():
    """An SVG element of its own: what has no colour of its own would be black, or not there."""
    drawn = Elements(draw_points(CHART))

    assert drawn.tags[0] == "svg"
    assert drawn.tags.count("path") == [name for name, _ in drawn.attributes].count("stroke")
    assert "◀−36.7" in drawn.texts


@pytest.mark.skipif(not pdf.is_available(), reason="the extra report is not installed")
def test_the_pdf_is_made_of_hostile_names_too():
    assert report_files(PAGE)["report.pdf"].startswith(b"%PDF-")


def test_without_reportlab_there_is_no_pdf_and_the_log_says_so(monkeypatch, caplog):
    monkeypatch.setattr(pdf, "is_available", lambda: False)
    with caplog.at_level("INFO"):
        files = report_files(PAGE)

    assert sorted(files) == ["report.html", "report.ipynb"]
    assert "spark-model-monitor[report]" in caplog.text


def test_a_plain_table_has_numbers_to_the_right():
    table = build_table(("name", "n"), [("a", "1")], numbers=("n",))

    assert [column.is_number for column in table.columns] == [False, True]


def luminance(colour):
    """Relative luminance of `#rgb` or `#rrggbb`, as WCAG 2.1 defines it."""
    if len(colour) == 7:
        digits = colour[1:]
    else:
        digits = "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[offset : offset + 2], 16) / 255 for offset in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        *(("ink", ground) for ground in ("paper", "wash", "bad-paper")),
        *(("muted", ground) for ground in ("paper", "wash", "bad-paper")),
        *(
            ("bad", "bad-paper"),
            ("bad", "paper"),
            ("good", "paper"),
            ("good", "wash"),
            ("now", "paper"),
            ("now", "wash"),
        ),
    ],
)
def test_every_text_can_be_distinguished_from_its_ground(scheme, text, ground):
    """WCAG 2.1 AA asks for 4.5."""
    colors = [re.findall(rf"--{name}: (#\w+)", render_html(PAGE))[scheme] for name in (text, ground)]
    darker, lighter = sorted(map(luminance, colors))

    assert (lighter + 0.05) / (darker + 0.05) >= 4.5
