"""The picture of the layers in CONTRIBUTING.md: `python -m tests.layers_picture docs/layers.svg`, which `make docs` calls.

A layer stands above all that it may import, so arrows would all point down and are left out; hovering over a box names them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path

from tests.layers import MAY_IMPORT

LETTER, BOX, GAP, ROW, MARGIN = 7.2, 28, 10, 44, 14
"""Pixels: of a letter of the font, a box's height, between boxes, from row to row, around it all."""

STYLE = """
    text { font: 13px ui-monospace, monospace; fill: #1b1f24; text-anchor: middle }
    rect { fill: #eef3fa; stroke: #4a6fa5 }
    .module rect { fill: #fff; stroke-dasharray: 4 2 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 } rect { fill: #1c2b41; stroke: #7aa2d6 } .module rect { fill: #0d1117 }
    }
"""


def rows_of(table: Mapping[str, set[str]]) -> list[list[str]]:
    """The layers by their height over the ground, the lowest row first: one above the highest that each may import."""

    @cache
    def height(layer: str) -> int:
        return 1 + max((height(below) for below in table[layer]), default=-1)

    rows: list[list[str]] = [[] for _ in range(1 + max(map(height, table)))]
    for layer in table:
        rows[height(layer)].append(layer)
    return rows


def picture(table: Mapping[str, set[str]]) -> str:
    """An SVG image of the table, the ground at the bottom."""
    rows = rows_of(table)
    widths = [[len(layer) * LETTER + 16 for layer in row] for row in rows]
    row_widths = [sum(row) + GAP * (len(row) - 1) for row in widths]
    width, height = max(row_widths) + 2 * MARGIN, len(rows) * ROW - (ROW - BOX) + 2 * MARGIN
    boxes = []
    for number, (row, row_width) in enumerate(zip(rows, row_widths, strict=True)):
        left, top = (width - row_width) / 2, height - MARGIN - BOX - number * ROW
        for layer, box in zip(row, widths[number], strict=True):
            boxes.append(_box(layer, table[layer], left, top, box))
            left += box + GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" role="img">\n'
        f"  <title>The layers of the package: each may import from below only</title>\n  <style>{STYLE}  </style>\n"
        + "".join(boxes)
        + "</svg>\n"
    )


def _box(layer: str, below: set[str], left: float, top: float, width: float) -> str:
    kind = ' class="module"' if "/" in layer else ""
    imports = escape(f"{layer} may import {', '.join(sorted(below)) or 'nothing of ours'}")
    return (
        f"  <g{kind}><title>{imports}</title>"
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{BOX}" rx="5"/>'
        f'<text x="{left + width / 2:.1f}" y="{top + 18:.1f}">{escape(layer)}</text></g>\n'
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(picture(MAY_IMPORT), encoding="utf-8")
