"""What drawings are made of: the places of values, steps as paths, and the same in words. Templates and the PDF draw them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from model_monitor.documents.page import Mark, Point, PointChart, Spark, Track, number_text

WIDTH, HEIGHT = 110, 36  # of an overlay
SIDE = 200  # of a curve's square
AXIS, LINE = (140, 520), 26  # where the axis of a chart of points begins and ends, and the height of each

TRACK = 720  # width of what is drawn along time
MOST_NUMBERS = 36  # windows whose cells have a number in them
MOST_TICKS = 8

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


class Drawn(NamedTuple):
    """A number along time: its path, its interval's, and the height of its threshold."""

    path: str
    band: str
    limit: float | None


def trend(of: Spark) -> Drawn:
    """A number over time in a cell."""
    return _along(of.values, (), (), of.threshold, WIDTH)


def line_of(track: Track) -> Drawn:
    """A line over the windows."""
    return _along(track.values, track.low, track.high, track.threshold, TRACK)


def column(place: int, count: int) -> float:
    """Where a window begins."""
    return round(place * TRACK / count, 2)


def cells(track: Track, count: int) -> Iterator[tuple[Mark, str]]:
    """The cells of each mark as one path. Those without a mark are as high as their number."""
    width, top = TRACK / count, max((value or 0 for value in track.values), default=0) or 1
    gap = min(1.0, width / 8)
    for mark in dict.fromkeys(track.marks):
        path = ""
        for place, (value, of_cell) in enumerate(zip(track.values, track.marks, strict=True)):
            if of_cell is mark and value is not None:
                height = HEIGHT * value / top if mark is Mark.NONE else HEIGHT
                path += f"M{place * width + gap / 2:.2f} {HEIGHT}v-{height:.4g}h{width - gap:.4g}v{height:.4g}z"
        yield mark, path


def numbers(track: Track, count: int) -> Iterator[tuple[float, str]]:
    """The numbers in cells that have a mark."""
    for place, (value, mark) in enumerate(zip(track.values, track.marks, strict=True)):
        if value is not None and mark is not Mark.NONE:
            yield round((place + 0.5) * TRACK / count, 1), f"{value:.0f}" if value else "✓"


def ticks(times: Sequence[str]) -> list[str]:
    """Some of the windows' names, evenly spread, without the day if that is one."""
    step = max(1, -(-len(times) // MOST_TICKS))
    days = {time.rpartition(" ")[0] for time in times}
    return [time.rpartition(" ")[2] if len(days) == 1 else time for time in times[::step]]


def words_of(track: Track, times: Sequence[str]) -> str:
    """A track in words."""
    known = [(value, time) for value, time in zip(track.values, times, strict=True) if value is not None]
    if not known:
        return f"{track.title}: nothing"
    (least, at_least), (most, at_most) = min(known), max(known)
    span = f"{number_text(least)} ({at_least}) to {number_text(most)} ({at_most})"
    return f"{track.title}: {span}, last {number_text(known[-1][0])}"


def _along(
    values: Sequence[float | None],
    low: Sequence[float | None],
    high: Sequence[float | None],
    threshold: float | None,
    width: int,
) -> Drawn:
    known = [value for value in (*values, *low, *high, threshold) if value is not None]
    bottom, top = (min(known), max(known)) if known else (0.0, 1.0)
    span = (top - bottom) or 1.0
    step = width / max(1, len(values))

    def height(value: float) -> float:
        return round(HEIGHT - 2 - (HEIGHT - 4) * (value - bottom) / span, 1)

    def at(place: int) -> str:
        return f"{(place + 0.5) * step:.4g}"

    path, pen = "", "M"
    for place, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        alone = pen == "M" and (place + 1 == len(values) or values[place + 1] is None)
        path += f"{pen}{at(place)} {height(value)}" + ("h.1" if alone else "")
        pen = "L"
    ends = [
        (place, a, b) for place, (a, b) in enumerate(zip(low, high, strict=True)) if a is not None and b is not None
    ]
    band = "".join(f"M{place * step:.4g} {height(b)}h{step:.4g}V{height(a)}h-{step:.4g}z" for place, a, b in ends)
    return Drawn(path, band, None if threshold is None else height(threshold))
