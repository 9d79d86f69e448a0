"""Findings as plain text: the page's headline first, then each change. For terminals, notebooks without HTML, and the summaries
of builds.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from spark_model_monitor.documents.alarms import group_by_cause
from spark_model_monitor.documents.change_description import describe_change, format_start
from spark_model_monitor.documents.check_results import WINDOW_NAME, CheckResult
from spark_model_monitor.documents.outcome import find_unsure_features
from spark_model_monitor.documents.page import Headline, Highlight, shorten_name
from spark_model_monitor.documents.run_description import RunWindow
from spark_model_monitor.reports.outputs.printable import printable

MAX_LINES = 20
WIDTH = 100
MIN_WIDTH = 40
MAX_OF_CHANGE = 3  # most lines for one change
SIGNS = {Highlight.BAD: "✗", Highlight.GOOD: "✓", Highlight.UNSURE: "?", Highlight.NONE: "•"}
COLOURS = {"✗": "31", "✓": "32", "?": "33"}  # red, green, yellow of a terminal


def write_findings(
    headline: Headline,
    check_results: Sequence[CheckResult],
    window: RunWindow | None,
    *,
    width: int | None = None,
    is_coloured: bool = False,
) -> str:
    """The findings in at most `MAX_LINES` lines. width: a terminal's width, to which the headline is wrapped; None: one line."""
    # The headline, a blank line, and each change in a few lines
    lines = [printable(f"{SIGNS[headline.mark]} {headline}")]
    if width is not None:
        lines = textwrap.wrap(lines[0], max(width, MIN_WIDTH), break_long_words=False, break_on_hyphens=False)
    num_bold = len(lines)
    wrapper = textwrap.TextWrapper(
        max(width or WIDTH, MIN_WIDTH),
        subsequent_indent="  ",
        max_lines=MAX_OF_CHANGE,
        placeholder=" …",
        break_on_hyphens=False,
    )
    changes = [wrapper.wrap(printable(change)) for change in _list_changes(check_results, window)]
    if changes:
        lines.append("")

    # Changes until the room is used up, then the number of further changes
    for index, change_lines in enumerate(changes):
        is_last = index == len(changes) - 1
        if len(lines) + len(change_lines) + (not is_last) > MAX_LINES:
            lines.append(f"and {len(changes) - index:,} more")
            break
        lines += change_lines
    text = ""
    for index, line in enumerate(lines):
        codes = []
        if is_coloured and line[:1] in COLOURS:
            codes.append(COLOURS[line[0]])
        if is_coloured and index < num_bold:
            codes.append("1")
        if codes:
            line = f"\x1b[{';'.join(codes)}m{line}\x1b[0m"
        text += f"{line}\n"
    return text


def _list_changes(check_results: Sequence[CheckResult], window: RunWindow | None) -> Iterator[str]:
    """Texts of the changes, the largest first, then of the features for which the run can't tell."""
    for violations in group_by_cause(check_results):
        largest = violations[0]
        since = ""
        if largest.since:
            since = f", since {format_start(largest.since, window)}"
        name = shorten_name(largest.full_name or WINDOW_NAME)
        yield f"{SIGNS[Highlight.BAD]} {name}{since}: {describe_change(largest)}"
    for feature in find_unsure_features(check_results):
        reason = (feature.reason or "the reason is unknown").partition("; ")[0]
        yield f"{SIGNS[Highlight.UNSURE]} {shorten_name(feature.name)}: cannot tell: {reason}"
