"""A page as one HTML file that asks for nothing else: styles and charts stand in it, and nothing of it runs.

Every text is escaped by the template. The content security policy in its head makes browsers refuse whatever might get in anyway.
"""

from __future__ import annotations

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from model_monitor.documents.page import Block, Mark, Page, PageTable, PointChart
from model_monitor.outputs.printable import printable
from model_monitor.outputs.report.charts import description_of, svg_of

TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ page.title }}</title>
<style>{{ style }}</style>
</head>
<body>
<header>
<h1>{{ page.title }}</h1>
<dl>
{%- for word, value in page.facts %}
<div><dt>{{ word }}</dt><dd>{{ value }}</dd></div>
{%- endfor %}
</dl>
</header>
<main>
{%- for section in page.sections %}
<section>
<h{{ section.level }}>{{ section.heading }}</h{{ section.level }}>
{%- for block in section.blocks %}
{{ rendered(block) }}
{%- endfor %}
</section>
{%- endfor %}
</main>
</body>
</html>
"""

PARAGRAPH = "<p>{{ text }}</p>"

CHART = """<figure><figcaption>{{ chart.title }}</figcaption>
<div class="chart" role="img" aria-label="{{ description }}">{{ svg }}</div></figure>"""

TABLE = """<div class="wide" tabindex="0"><table>
{%- if table.caption %}<caption>{{ table.caption }}</caption>{% endif %}
<thead><tr>
{%- for column in table.columns %}
<th scope="col"{% if column.is_number %} class="number"{% endif %}>{{ column.title }}</th>
{%- endfor %}</tr></thead>
<tbody>
{%- for line in table.lines %}
<tr{% if marks[line.mark] %} class="{{ marks[line.mark] }}"{% endif %}>
{%- for column, cell in pairs(table.columns, line.cells) %}
<td{% if column.is_number %} class="number"{% endif %}>{{ cell }}</td>
{%- endfor %}</tr>
{%- endfor %}
</tbody></table></div>"""

STYLE = """
:root { color-scheme: light; --ink: #1f2933; --muted: #52606d; --line: #d9e0e6; --bad: #b3261e; --unsure: #8a5200; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1rem; background: #fff; color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; margin: .5rem 0; } h2 { font-size: 1.25rem; margin: 2rem 0 .5rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .25rem; } p { margin: .4rem 0; max-width: 46rem; }
dl { display: flex; flex-wrap: wrap; gap: .25rem 2rem; margin: .5rem 0; }
dt { color: var(--muted); font-size: .8rem; } dd { margin: 0; font-weight: 600; }
figure { margin: 1rem 0; } figcaption { color: var(--muted); font-size: .9rem; }
.chart svg { width: 100%; height: auto; max-width: 46rem; }
.wide { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; font-size: .9rem; } caption { text-align: left; color: var(--muted); padding: .25rem 0; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--muted); font-weight: 600; } td { max-width: 22rem; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
tr.bad td { background: #fdf0ef; } tr.bad td:first-child { color: var(--bad); font-weight: 600; }
tr.unsure td { background: #fff7e8; } tr.unsure td:first-child { color: var(--unsure); font-weight: 600; }
@media print { body { max-width: none; font-size: 11pt; } section { break-inside: avoid-page; } }
"""

_MARKS = {Mark.NONE: "", Mark.GOOD: "", Mark.BAD: "bad", Mark.UNSURE: "unsure"}

_TEMPLATES = Environment(
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=False,
    finalize=lambda value: printable(value) if type(value) is str else value,  # not what is markup already
)


def html_of(page: Page) -> str:
    """The page's HTML, the same for the same page."""
    return _TEMPLATES.from_string(TEMPLATE).render(page=page, style=Markup(STYLE), rendered=block_html) + "\n"


def block_html(block: Block) -> Markup:
    """One block's HTML."""
    if isinstance(block, PageTable):
        pairs = lambda columns, cells: zip(columns, cells, strict=True)  # noqa: E731
        return Markup(_TEMPLATES.from_string(TABLE).render(table=block, marks=_MARKS, pairs=pairs))
    if isinstance(block, PointChart):
        template = _TEMPLATES.from_string(CHART)
        return Markup(template.render(chart=block, description=description_of(block), svg=Markup(svg_of(block))))
    return Markup(_TEMPLATES.from_string(PARAGRAPH).render(text=block))
