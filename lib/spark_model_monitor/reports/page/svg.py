"""The elements of drawings: positions of values, bars and outlines as SVG paths, and descriptions as text. The HTML templates
and the PDF use them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from spark_model_monitor.documents.page import (
    Highlight,
    Hours,
    Overlay,
    Point,
    PointChart,
    Track,
    format_number,
    format_percent,
    shorten_name,
)

# Size of the drawing of two distributions on a card, without its axis
WIDTH = 340
HEIGHT = 124
CELL_SIZE = 130, 26  # width and height of such a drawing in a table cell
BARS_SIZE = 276, 30
MAX_TIME_LETTERS = 8  # if windows' names have more letters, fewer names are shown
CELL_BARS_SIZE = 120, 14
CATEGORY_HEIGHT = 32  # height of a category's bars with its name
MAX_CATEGORIES = 8  # most categories in a chart, those with the largest change
SQUARE_SIDE = 200  # side length of a curve's square
MIN_HEIGHT = 100  # minimum height of a chart of points
# A page's chart of points: the height of a value with its name, and the length of the axis in units
POINT_HEIGHT = 36
AXIS_UNITS = 1000
# Widths in pixels for names of categories and of points, on the narrowest card
NAME_WIDTH = 180
POINT_NAME_WIDTH = 215
FONT_SIZE = 12  # height in pixels of all text in drawings, which is never scaled

# Size of a drawing over time
TRACK_WIDTH = 720
TRACK_HEIGHT = 36
MAX_NUMBERED_WINDOWS = 36  # with more windows, cells don't show numbers
MAX_TICKS = 8
PHONE_WIDTH = 330  # width in pixels of a drawing over time on a phone


def draw_bars(shares: Sequence[float], top: float, width: float, height: float) -> str:
    """A path of bars with a gap between them."""
    step = width / max(1, len(shares))
    return "".join(
        f"M{index * step + 0.5:.4g} {height}v-{share / top * height:.4g}h{step - 1:.4g}V{height}z"
        for index, share in enumerate(shares)
        if share > 0
    )


def draw_outline(shares: Sequence[float], top: float, width: float, height: float) -> str:
    """A path of steps of equal width, closed at the bottom of the drawing."""
    step = width / max(1, len(shares))
    path = "".join(f"V{height - share / top * height:.4g}h{step:.4g}" for share in shares)
    return f"M0 {height}{path}V{height}z"


def draw_steps(shares: Sequence[float], top: float) -> str:
    """The path of `draw_outline` in whole pixels, for a table cell."""
    width, height = CELL_SIZE
    step = f"h{width / len(shares):.3g}" if shares else ""
    return f"M0 {height}{''.join(f'V{height - share / top * height:.0f}{step}' for share in shares)}V{height}z"


def find_largest_share(overlay: Overlay) -> float:
    return max((*overlay.baseline, *overlay.current), default=0.0)


def list_categories(overlay: Overlay) -> list[tuple[str, float, float | None, str]]:
    """For each category: its name, both shares and its label. If there are many, only the categories with the largest change."""
    current = overlay.current or [None] * len(overlay.names)
    changes = [abs((now or 0.0) - before) for before, now in zip(overlay.baseline, current, strict=True)]
    largest_changes = sorted(range(len(changes)), key=changes.__getitem__, reverse=True)[:MAX_CATEGORIES]
    categories = []
    for index, (name, before, now) in enumerate(zip(overlay.names, overlay.baseline, current, strict=True)):
        if index in largest_changes and (before or now or name not in ("new", "others")):
            shares = [before] if now is None else [before, now]
            categories.append((name, before, now, " → ".join(map(format_percent, shares))))
    return categories


def draw_hours(hour_bars: Hours, size: tuple[int, int]) -> tuple[str, str, float | None]:
    """The path of the bars without a violation, the path of the bars with one, and the height of the limit's line."""
    width, height = size
    heights = [abs(value) for value in (*hour_bars.values, hour_bars.limit) if value is not None]
    top = max(heights, default=0.0) or 1.0
    step = width / max(1, len(hour_bars.values))
    paths = {False: "", True: ""}
    for index, (value, is_violated) in enumerate(zip(hour_bars.values, hour_bars.are_violated, strict=True)):
        if value is not None or is_violated:
            tall = max(abs(value) / top * height if value is not None else height, 2.0)
            paths[is_violated] += f"M{index * step:.4g} {height}v-{tall:.4g}h{max(step - 1, step / 2):.4g}V{height}z"
    return (
        paths[False],
        paths[True],
        None if hour_bars.limit is None else round(height - hour_bars.limit / top * height, 1),
    )


def draw_curve(points: Sequence[tuple[float, float]]) -> str:
    """A path through points in the unit square."""
    return "M" + "L".join(f"{x * SQUARE_SIDE:.4g} {(1 - y) * SQUARE_SIDE:.4g}" for x, y in points)


def compute_height(chart: PointChart) -> float:
    """The height of a page's chart of points."""
    return round(max(POINT_HEIGHT, MIN_HEIGHT / max(1, len(chart.points))) * len(chart.points), 1)


def compute_fraction(value: float, chart: PointChart) -> float:
    """The position of a value on a page's chart, in units of its axis; values beyond the axis are put at its ends."""
    low, high = chart.span
    return round(AXIS_UNITS * (min(max(value, low), high) - low) / ((high - low) or 1.0), 1)


def choose_arrow(point: Point, chart: PointChart) -> str:
    """The arrow that stands for a value beyond the axis."""
    low, high = chart.span
    value = low if point.value is None else point.value
    if value > high:
        return "▶"
    if value < low:
        return "◀"
    return ""


def write_legend(chart: PointChart) -> str:
    """The meaning of the signs in a chart."""
    signs = [f"A bar is {chart.value_label}"]
    if any(point.reference is not None for point in chart.points):
        signs.append(f"a stroke is {chart.reference_label}")
    if any(point.interval for point in chart.points):
        signs.append("a thin line the 95 % interval")
    if any(choose_arrow(point, chart) for point in chart.points):
        signs.append("an arrow is a value beyond the axis")
    return f"{', '.join(signs)}."


def describe_chart(chart: PointChart) -> str:
    """The chart as text, for readers who can't see it."""
    descriptions = []
    for point in chart.points:
        description = f"{point.name} {format_number(point.value)}"
        if point.reference is not None:
            description += f", {chart.reference_label} {format_number(point.reference)}"
        if point.mark.value:
            description += f", {point.mark.value}"
        descriptions.append(description)
    return f"{chart.title}: {'; '.join(descriptions)}"


NARROW_LETTERS = frozenset("fijlrtI.,:;'|!()[]/ ")
WIDE_LETTERS = frozenset("mwMW@%—…жшщюмыфЖШЩЮМЫФ")


def measure_letter(letter: str) -> float:
    """The width of a letter in a wide font such as DejaVu Sans, relative to the font's size."""
    if letter in NARROW_LETTERS:
        return 0.42
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.25
    if letter in WIDE_LETTERS:
        return 1.0
    if letter.isupper():
        return 0.78
    return 0.65


def fit_to_width(name: str, width: float) -> str:
    """A name; if it is wider than `width` pixels, its beginning and end."""
    letters = len(name)
    text = name
    while letters > 3 and sum(map(measure_letter, text)) * FONT_SIZE > width:
        letters -= 1
        text = shorten_name(name, letters)
    return text


class TrackPaths(NamedTuple):
    """A number over time: the paths of its line, its interval and its expected value, and the height of its threshold."""

    path: str
    band: str
    limit: float | None
    expected: str


def draw_line(track: Track) -> TrackPaths:
    """The line of a track through the windows, and what belongs to it."""
    low = track.low
    high = track.high
    values = (*track.values, *track.expected, *low, *high, track.threshold)
    numbers = [value for value in values if value is not None]
    bottom, top = (min(numbers), max(numbers)) if numbers else (0.0, 1.0)
    span = (top - bottom) or 1.0
    # The pixels for a window; `height` gives the y of a value, which grows downwards
    step = TRACK_WIDTH / max(1, len(track.values))

    def height(value: float) -> float:
        return round(TRACK_HEIGHT - 2 - (TRACK_HEIGHT - 4) * (value - bottom) / span, 1)

    def draw_path(values: Sequence[float | None]) -> str:
        path = ""
        pen = "M"
        for number, value in enumerate(values):
            if value is None:
                pen = "M"
                continue
            # A single window between gaps is drawn as a dot, because a line without length would be invisible
            is_single = pen == "M" and (number + 1 == len(values) or values[number + 1] is None)
            path += f"{pen}{(number + 0.5) * step:.4g} {height(value)}" + ("h.1" if is_single else "")
            pen = "L"
        return path

    # The interval is a box for each window, so that windows without an interval leave a gap
    ends = [
        (number, a, b) for number, (a, b) in enumerate(zip(low, high, strict=True)) if a is not None and b is not None
    ]
    band = "".join(f"M{number * step:.4g} {height(b)}h{step:.4g}V{height(a)}h-{step:.4g}z" for number, a, b in ends)
    limit = None if track.threshold is None else height(track.threshold)
    return TrackPaths(draw_path(track.values), band, limit, draw_path(track.expected))


def compute_column(number: int, count: int) -> float:
    """The start position of a window's column."""
    return round(number * TRACK_WIDTH / count, 2)


def draw_cells(track: Track, count: int) -> Iterator[tuple[Highlight, str]]:
    """For each mark: the mark, and its cells as one path. Cells without a mark are as high as their number."""
    width = TRACK_WIDTH / count
    top = max((value or 0 for value in track.values), default=0) or 1
    gap = min(1.0, width / 8)
    for mark in dict.fromkeys(track.marks):
        path = ""
        for number, (value, cell_mark) in enumerate(zip(track.values, track.marks, strict=True)):
            if cell_mark is mark and value is not None:
                height = TRACK_HEIGHT * value / top if mark is Highlight.NONE else TRACK_HEIGHT
                path += f"M{number * width + gap / 2:.2f} {TRACK_HEIGHT}v-{height:.4g}h{width - gap:.4g}v{height:.4g}z"
        yield mark, path


def list_numbers(track: Track, times: Sequence[str]) -> Iterator[tuple[Highlight, str, str]]:
    """For each window: its mark, the text of its cell, and both in words; the texts are empty for a window without a run."""
    for value, mark, time in zip(track.values, track.marks, times, strict=True):
        if value is None:
            yield Highlight.NONE, "", f"{time}: no run"
        elif mark is Highlight.UNSURE:
            yield mark, "?", f"{time}: no {track.title}, but it {mark.value}"
        else:
            yield mark, f"{value:.0f}" if value else "✓", f"{time}: {value:.0f} {track.title}"


def is_crowded(track: Track) -> bool:
    """Whether the numbers in a track's cells have no room on a phone."""
    digits = max((len(f"{value:.0f}") for value in track.values if value is not None), default=1)
    return len(track.values) * (2 + 8 * digits) > PHONE_WIDTH


def choose_ticks(times: Sequence[str], most_ticks: int = MAX_TICKS) -> list[tuple[float, str]]:
    """Some of the windows' names, evenly spaced, each with the start position of its window as a share of the width.
    If all windows are on one day, the names have no day. If the names are long, there are half as many.
    """
    days = {time.rpartition(" ")[0] for time in times}
    names = [time.rpartition(" ")[2] if len(days) == 1 else time for time in times]
    if any(len(name) > MAX_TIME_LETTERS for name in names):
        most_ticks //= 2
    step = max(1, -(-len(names) // most_ticks))
    return [(index / len(names), names[index]) for index in range(0, len(names), step)]


def describe_track(track: Track, times: Sequence[str]) -> str:
    """A track as text."""
    known_values = [(value, time) for value, time in zip(track.values, times, strict=True) if value is not None]
    if track.expected:
        expected_description = describe_track(
            replace(track, title="estimated before labels", values=track.expected, expected=()), times
        )
        return f"{describe_track(replace(track, expected=()), times)}; {expected_description}"
    if not known_values:
        return f"{track.title}: nothing"
    lowest, at_least = min(known_values)
    highest, at_most = max(known_values)
    span = f"{format_number(lowest)} ({at_least}) to {format_number(highest)} ({at_most})"
    return f"{track.title}: {span}, last {format_number(known_values[-1][0])}"
