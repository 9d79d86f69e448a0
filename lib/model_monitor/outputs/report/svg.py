"""What drawings are made of: the places of values, steps as paths, and the same in words. Templates and the PDF draw them."""

from __future__ import annotations

from collections.abc import Sequence

from model_monitor.documents.page import Mark, Point, PointChart, number_text

WIDTH, HEIGHT = 110, 36  # of an overlay
SIDE = 200  # of a curve's square
AXIS, LINE = (140, 520), 26  # where the axis of a chart of points begins and ends, and the height of each

SHAPES = {Mark.BAD: "■", Mark.UNSURE: "◆"}
"""Told apart by shape as well as by colour."""


def steps(shares: Sequence[float], top: float) -> str:
    """A path of steps of equal width, each as high as its share of `top`, from where it is at the foot of the drawing."""
    step = f"h{WIDTH / len(shares):.4g}" if shares else ""
    return "".join(f"V{HEIGHT - HEIGHT * share / top:.0f}{step}" for share in shares)


def curve(points: Sequence[tuple[float, float]]) -> str:
    """A path through points of the unit square."""
    return "M" + "L".join(f"{x * SIDE:.4g} {(1 - y) * SIDE:.4g}" for x, y in points)


def place(value: float, chart: PointChart) -> float:
    """Where a value stands on its chart's axis, at whose ends it stays."""
    (low, high), (left, right) = chart.span, AXIS
    return round(left + (right - left) * (min(max(value, low), high) - low) / (high - low), 1)


def shape(point: Point, chart: PointChart) -> str:
    """The sign of a value: an arrow if it is beyond the axis."""
    low, high = chart.span
    value = low if point.value is None else point.value
    return "▶" if value > high else "◀" if value < low else SHAPES.get(point.mark, "●")


def legend(chart: PointChart) -> str:
    """What the signs of a chart mean."""
    sign = "● ▶ ◀" if any(shape(point, chart) in "▶◀" for point in chart.points) else "●"
    return f"{sign} {chart.value_label}, ■ violated, ◆ cannot tell; a stroke is {chart.reference_label}, a band the 95 % interval"


def description_of(chart: PointChart) -> str:
    """The chart in words, for those who can't see it."""
    return f"{chart.title}: " + "; ".join(_in_words(point, chart) for point in chart.points)


def _in_words(point: Point, chart: PointChart) -> str:
    words = f"{point.name} {number_text(point.value)}"
    if point.reference is not None:
        words += f", {chart.reference_label} {number_text(point.reference)}"
    return f"{words}, {point.mark.value}" if point.mark.value else words
