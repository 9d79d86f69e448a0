"""Findings as plain text: the sentence of the page first, then a line for each change. For terminals, notebooks without
HTML, and the summaries of builds. Pure.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import accumulate, pairwise

from spark_model_monitor.documents.change_description import describe_change
from spark_model_monitor.documents.check_results import OF_THE_WINDOW, CheckResult, format_full_name, group_by_cause
from spark_model_monitor.documents.outcome import find_unsure_features
from spark_model_monitor.documents.page import Headline, Highlight, shorten_name
from spark_model_monitor.documents.run_description import RunWindow, parse_moment
from spark_model_monitor.reports.outputs.printable import GAP, format_table, printable, truncate_text

MOST_LINES = 20
WIDTH = 100
LEAST_WIDTH = 40
MOST_OF_CHANGE = 3  # lines
SIGNS = {Highlight.BAD: "✗", Highlight.GOOD: "✓", Highlight.UNSURE: "?", Highlight.NONE: "•"}
COLOURS = {"✗": "31", "✓": "32", "?": "33"}  # red, green, yellow of a terminal
TITLES = ("name", "since", "what")


def write_findings(
    headline: Headline,
    check_results: Sequence[CheckResult],
    window: RunWindow | None = None,
    *,
    width: int | None = None,
    is_coloured: bool = False,
) -> str:
    """At most `MOST_LINES` lines. width: of a terminal, to which the sentence is wrapped; None leaves it on one line."""
    # The sentence
    lines = _wrap(f"{SIGNS[headline.mark]} {headline}", width)
    number_of_bold = len(lines)

    # The table: as many rows as the other lines leave room for, below a blank line, titles and a rule
    number_of_text_lines = len(lines)
    room = MOST_LINES - number_of_text_lines - 3
    rows = _create_rows(check_results, window)
    table = _create_table_lines(rows, max(width or WIDTH, LEAST_WIDTH))
    if table:
        title_lines = table.pop(0)
        lines += ["", *title_lines]
    while sum(map(len, table)) > room:
        table.pop()
        room = MOST_LINES - number_of_text_lines - 4
    rows_left_out = len(rows) - len(table)
    for row_lines in table:
        lines += row_lines
    if rows_left_out:
        lines.append(f"and {rows_left_out:,} more")
    if is_coloured:
        lines = [_format_in_colour(line, is_bold=index < number_of_bold) for index, line in enumerate(lines)]
    return "".join(f"{line}\n" for line in lines)


def _wrap(text: str, width: int | None) -> list[str]:
    if width is None:
        return [printable(text)]
    return textwrap.wrap(printable(text), max(width, LEAST_WIDTH), break_long_words=False, break_on_hyphens=False)


def _create_rows(check_results: Sequence[CheckResult], window: RunWindow | None) -> list[tuple[str, str, str]]:
    """Name, since and change: what changed, the largest first, and then what nobody can tell."""
    rows = []
    for violations in group_by_cause(check_results):
        largest = violations[0]
        name = f"{SIGNS[Highlight.BAD]} {shorten_name(format_full_name(largest) or OF_THE_WINDOW)}"
        rows.append((name, _format_since(largest.since, window), describe_change(largest)))
    for feature in find_unsure_features(check_results):
        name = f"{SIGNS[Highlight.UNSURE]} {shorten_name(feature.name)}"
        reason = (feature.reason or "the reason is unknown").partition("; ")[0]
        rows.append((name, "", f"cannot tell: {reason}"))
    return rows


def _format_since(since: str | None, window: RunWindow | None) -> str:
    """When it began: `18:00`, with the date if it differs from the window's."""
    if since is None:
        return "now"
    began = parse_moment(since)
    is_same_day = window is not None and parse_moment(window.start).date() == began.date()
    return f"{began:%H:%M}" if is_same_day else f"{began:%Y-%m-%d %H:%M}"


def _create_table_lines(rows: Sequence[tuple[str, str, str]], width: int) -> list[list[str]]:
    """The lines of the titles, then those of each row: a long change takes several, and is cut between words."""
    if not rows:
        return []
    # The widths of the columns: names and times take what they need, changes the rest
    width_of_since = max(len(since) for _, since, _ in (TITLES, *rows))
    width_of_names = min(max(len(name) for name, *_ in (TITLES, *rows)), width // 3)
    width_of_changes = width - width_of_names - width_of_since - 2 * len(GAP)
    # A row takes as many lines of the table as its change
    cells: list[tuple[str, str, str]] = []
    number_of_lines = []
    for name, since, change in rows:
        change_lines = textwrap.wrap(
            printable(change), width_of_changes, max_lines=MOST_OF_CHANGE, placeholder=" …", break_on_hyphens=False
        )
        number_of_lines.append(max(len(change_lines), 1))
        first_line, *further_lines = change_lines or [""]
        cells.append((truncate_text(name, width_of_names), since, first_line))
        cells += [("", "", line) for line in further_lines]
    # The lines by row
    lines = format_table(TITLES, cells, width=width).splitlines()
    starts = accumulate(number_of_lines, initial=2)
    return [lines[:2], *(lines[start:end] for start, end in pairwise(starts))]


def _format_in_colour(line: str, *, is_bold: bool) -> str:
    codes = []
    if line[:1] in COLOURS:
        codes.append(COLOURS[line[0]])
    if is_bold:
        codes.append("1")
    if not codes:
        return line
    return f"\x1b[{';'.join(codes)}m{line}\x1b[0m"
