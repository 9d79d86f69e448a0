"""Charts of a page as PNG, for notebook and PDF, by matplotlib's drawing classes alone: no window, no state, the same
bytes for the same chart.

Texts are never read as formulas, so a name may hold a dollar sign.
"""

from __future__ import annotations

import io
from collections.abc import Iterable

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model_monitor.documents.page import Mark, Point, PointChart, number_text
from model_monitor.outputs.printable import printable
from model_monitor.outputs.report.svg import MARK_NAMES

WIDTH_INCHES = 7.2
LINE_INCHES = 0.3
MARGIN_INCHES = 0.9
PNG_DOTS_PER_INCH = 110

INK, MUTED, GRID = "#1f2933", "#8695a4", "#e4e9ee"
COLOURS = {Mark.NONE: "#2f6f9f", Mark.GOOD: "#2f6f9f", Mark.BAD: "#b3261e", Mark.UNSURE: "#a56200"}
"""Told apart by shape as well: a violated value is a square, one that can't be told a diamond."""

SHAPES = {Mark.NONE: "o", Mark.GOOD: "o", Mark.BAD: "s", Mark.UNSURE: "D"}


def png_of(chart: PointChart) -> bytes:
    """The chart as a PNG image."""
    buffer = io.BytesIO()
    _figure(chart).savefig(buffer, format="png", dpi=PNG_DOTS_PER_INCH, metadata={"Software": None})
    return buffer.getvalue()


def _figure(chart: PointChart) -> Figure:
    figure = Figure(
        figsize=(WIDTH_INCHES, MARGIN_INCHES + LINE_INCHES * max(1, len(chart.points))), layout="constrained"
    )
    axes = figure.add_subplot()
    lines = range(len(chart.points))
    low, high = chart.span
    margin = 0.04 * (high - low)
    axes.set_xlim(low - margin, high + margin)
    axes.set_ylim(len(chart.points) - 0.4, -0.6)
    axes.axvline(chart.neutral, color=MUTED, linewidth=1, zorder=1)
    axes.set_yticks(list(lines), labels=[printable(point.name) for point in chart.points], parse_math=False)
    for line, point in enumerate(chart.points):
        _draw(axes, line, point, chart)
    values = axes.secondary_yaxis("right")
    values.set_yticks(list(lines), labels=[number_text(point.value) for point in chart.points], parse_math=False)
    for side in (axes, values):
        side.tick_params(length=0, labelcolor=INK, labelsize=9)
        side.spines[:].set_visible(False)
    axes.grid(axis="x", color=GRID, linewidth=0.8, zorder=0)
    _legend(axes, chart)
    return figure


def _draw(axes: Axes, line: int, point: Point, chart: PointChart) -> None:
    low, high = chart.span
    colour = COLOURS[point.mark]
    if point.interval is not None:
        ends = [min(max(end, low), high) for end in point.interval]
        axes.plot(ends, [line, line], color=colour, linewidth=2, alpha=0.45, zorder=2, solid_capstyle="butt")
    if point.reference is not None:
        place = min(max(point.reference, low), high)
        axes.plot([place], [line], marker="|", markersize=13, markeredgewidth=2, color=MUTED, zorder=3)
    if point.value is not None:
        shape = ">" if point.value > high else "<" if point.value < low else SHAPES[point.mark]
        place = min(max(point.value, low), high)
        axes.plot([place], [line], marker=shape, markersize=7, color=colour, linestyle="none", zorder=4)


def _legend(axes: Axes, chart: PointChart) -> None:
    handles = list(_handles(chart))
    axes.legend(
        handles=handles,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=len(handles),
        frameon=False,
        fontsize=8.5,
        labelcolor=INK,
        handletextpad=0.3,
        columnspacing=1.2,
    )


def _handles(chart: PointChart) -> Iterable[matplotlib.lines.Line2D]:
    marks = {point.mark for point in chart.points if point.value is not None}
    for mark in (mark for mark in Mark if mark in marks):
        label = chart.value_label if mark is Mark.NONE else f"{chart.value_label}: {MARK_NAMES[mark]}"
        yield _handle(label, SHAPES[mark], COLOURS[mark])
    if any(point.reference is not None for point in chart.points):
        yield _handle(chart.reference_label, "|", MUTED)
    if any(point.interval is not None for point in chart.points):
        yield matplotlib.lines.Line2D([], [], color=INK, alpha=0.45, linewidth=2, label="95 % interval")


def _handle(label: str, marker: str, colour: str) -> matplotlib.lines.Line2D:
    return matplotlib.lines.Line2D(
        [], [], marker=marker, color=colour, linestyle="none", label=label, markeredgewidth=2
    )
