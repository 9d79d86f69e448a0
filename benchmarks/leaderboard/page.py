"""The pages, from the rows of a run: docs/leaderboard.md is short; docs/static/leaderboard.html has all, in one file."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

from detectors import ENTRANTS, OURS, Z_TEST
from scores import Comparison, Row, Score, add_up, compare_rules, estimate_monthly_rate
from streams import STREAM_LAWS

Table = list[list[str]]  # the first row is the heading
MOST_LOSSES = 2  # on the short page
SIZE = 190  # of a figure, in pixels
MANY = 720.0  # alarms a month, at the right of a figure
TITLE = "Leaderboard of drift detectors"
FIGURES = "Alarms a month (to the right; the line is at one) against the share found (upwards), by stream"
INTRODUCTION = """Entrants should be silent on healthy windows, and alarm within four of a fault (24 of a slow drift).
Intervals are at 95 %; a cell is a law and a fault."""
NOTES = (
    "Alarms a month are those of 720 healthy windows; their intervals are Poisson's, and too narrow, because windows of a stream "
    "share a baseline. Those of shares are Clopper and Pearson's.",
    "An entrant that may alarm at most once a month, by the lower limit over all laws, contends for the first place.",
    "Ours has a schedule's defaults. It is given the times of rows where there are any, as its users would; the others aren't.",
    "The z-test's level is set on each law, so that it alarms once a month there. Nobody could do that on real data.",
    "River and alibi-detect take texts as integer codes. River isn't fed missing values; alibi-detect gets -1.",
    "Peers have their defaults, which promise no rate of alarms. A share found means little beside many alarms.",
    "alibi-detect has the Business Source License 1.1. The package needs none of the entrants.",
    "TFDV's comparators and Deequ's strategies are computed by their formulas, not by their packages.",
    "Alarms on a real table without a fault may be right: nobody knows.",
)
REASONS = {
    "sessions, partly alike": "rows that resemble their neighbours count as fewer: 3 % of them may be a single user's",
    "normal, 50 rows": "3 % of fifty rows are one or two",
    "correlation": "relations are checked with --with-pairs only",
    "one segment": "without --segments the whole column is compared, in which the change is a tenth as large",
    "slow drift": "what wandered in the windows before has to be exceeded",
    "late rows": "the age of the newest row is checked, and the distribution of times, but not each row's delay",
}
STYLE = """body{font:15px sans-serif;max-width:75em;margin:2em auto;padding:0 1em}
table{border-collapse:collapse;font-size:13px}td,th{border-bottom:1px solid #ccc;padding:2px 8px;text-align:left}
figure{display:inline-block;margin:8px;font-size:12px}svg{font-size:11px}div{overflow-x:auto}"""


GROUPS = {"laws": ("law",), "faults": ("fault", "size"), "cells": ("law", "fault", "size")}


class Scoreboard:
    """Scores of a run. contenders: rules that aren't shown to alarm more than once a month over all laws."""

    def __init__(self, rows: list[Row], day: str, absent: Iterable[str]) -> None:
        self.day = day
        self.absent = [*absent]
        self.failures = [row for row in rows if "error" in row]
        self.rows = [row for row in rows if "error" not in row]
        self.of_laws = [row for row in self.rows if row["law"] in STREAM_LAWS]
        self.scores = add_up(self.of_laws, lambda row: row["rule"])
        self.by_stream = add_up(self.rows, lambda row: (row["law"], row["rule"]))
        self.streams = list(dict.fromkeys(row["law"] for row in self.rows))
        self.contenders = [rule for rule, score in self.scores.items() if score.rate.low <= 1]
        rivals = [rule for rule in self.contenders if not rule.startswith(OURS)]
        self.worst: dict[str, list[Comparison]] = {}
        for title, names in GROUPS.items():
            groups = compare_rules(
                self.of_laws, lambda row, names=names: tuple(row[name] for name in names), OURS, rivals
            )
            # Beside the one that is farthest ahead
            self.worst[title] = [
                max(group, key=lambda comparison: comparison.gap) for group in groups.values() if group
            ]
        cells = compare_rules(self.of_laws, lambda row: (row["law"], row["fault"], row["size"]), OURS, [Z_TEST])
        self.below_z_test = [cell for group in cells.values() for cell in group if cell.gap > 0.25]


def list_entrants(board: Scoreboard) -> Table:
    """Contenders first, by the share found."""
    table = [["entrant", "windows", "alarms a month", "≤ 1", "found", "names it", "delay", "core s", "MB", "version"]]
    versions = {row["rule"]: row["version"] for row in board.rows}

    def rank(rule: str) -> tuple[bool, float]:
        return rule not in board.contenders, -board.scores[rule].share_found.value

    for rule in sorted(board.scores, key=rank):
        score = board.scores[rule]
        keeps = "no" if score.rate.low > 1 else "not resolved"
        if score.rate.high <= 1:
            keeps = "yes"
        shares = [str(score.share_found), f"{score.share_named.value:.2f}", f"{score.delay:.0f}"]
        costs = [f"{score.core_seconds:.3f}", str(score.megabytes), versions[rule]]
        table.append([rule, f"{score.windows:,}", str(score.rate), keeps, *shares, *costs])
    return table


def list_marks(board: Scoreboard) -> list[str]:
    ours = board.scores[OURS]
    by_law = {law: board.by_stream[law, OURS] for law in STREAM_LAWS if (law, OURS) in board.by_stream}
    lowest = {law: estimate_monthly_rate(score.alarms, score.windows, 0.98).low for law, score in by_law.items()}
    loud = [f"{law} ({low:.1f} at least)" for law, low in lowest.items() if low > 1]
    # Alarms, and beside the others
    marks = [
        f"Ours: {ours.rate} alarms a month in {ours.windows:,} windows of {len(by_law)} laws; wanted: ≤ 1 in 20,000. "
        f"Above 1 at the 99 % limit: {', '.join(loud) or 'no law'}.",
        f"More than .25 below the z-test: {len(board.below_z_test)} cells; wanted: none.",
    ]
    for title, comparisons in board.worst.items():
        level = sum(not comparison.is_lost for comparison in comparisons)
        leading = sum(comparison.gap <= 0 for comparison in comparisons)
        resolved = sum(comparison.is_resolved for comparison in comparisons)
        hidden = sum(comparison.ours.value == comparison.theirs.value == 0 for comparison in comparisons)
        share = level / max(len(comparisons), 1)
        marks.append(
            f"{len(comparisons)} {title}: ours within the first's interval in {level} ({share:.0%}), first in {leading}; "
            f"resolved: {resolved}; found by nobody: {hidden}."
        )
    marks[-1] += " Wanted: 75 %."
    return marks


def list_losses(board: Scoreboard) -> Table:
    """What is lost, or far below the z-test, the largest gap first."""
    table = [["where", "tries", "ours", "ahead", "its share", "why"]]
    lost = [comparison for comparisons in board.worst.values() for comparison in comparisons if comparison.is_lost]
    for comparison in sorted({*lost, *board.below_z_test}, key=lambda comparison: (-comparison.gap, comparison.group)):
        reasons = [REASONS[name] for name in comparison.group if name in REASONS]
        shares = [str(comparison.ours), comparison.rule, str(comparison.theirs)]
        table.append(
            [", ".join(comparison.group), str(comparison.tries), *shares, "; ".join(reasons or ["not explained yet"])]
        )
    return table


def list_faults(board: Scoreboard) -> Table:
    """The share found by fault; entrants that alarm too often are in brackets, behind the others."""
    scores = add_up(board.of_laws, lambda row: (row["fault"], row.get("size"), row["rule"]))
    texts = {key: str(score.share_found) for key, score in scores.items()}
    rules = sorted(board.scores, key=lambda rule: rule not in board.contenders)
    table = [["fault", *(rule if rule in board.contenders else f"({rule})" for rule in rules)]]
    for kind, size in dict.fromkeys((kind, size) for kind, size, _ in scores if kind):
        shares = [texts.get((kind, size, rule), "") for rule in rules]
        table.append([f"{kind}, {size}", *shares])
    return table


def list_streams(board: Scoreboard) -> Table:
    """Alarms a month and the share found, by law or table, of ours and the z-test."""
    table = [["stream", "windows", "ours: alarms a month", "found", "z-test: alarms a month", "found"]]
    for name in board.streams:
        scores = [board.by_stream.get((name, rule), Score()) for rule in (OURS, Z_TEST)]
        cells = [cell for score in scores for cell in (str(score.rate), str(score.share_found))]
        table.append([name if name in STREAM_LAWS else f"{name} (real)", str(scores[0].windows), *cells])
    return table


def describe_run(board: Scoreboard) -> Iterator[str]:
    seeds = sorted({row["seed"] for row in board.rows})
    system = f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    yield f"Run of {board.day} on {system}; seeds {seeds[0]} to {seeds[-1]}, from the date."
    digests: dict[object, set[str]] = {}
    for row in board.rows:
        if row["fault"] is None:
            stream = tuple(row[name] for name in ("law", "columns", "seed", "windows"))
            digests.setdefault(stream, set()).add(row["digest"])
    unequal = sum(len(versions) > 1 for versions in digests.values())
    yield f"Streams of which entrants saw different numbers: {unequal} of {len(digests)}."
    for rule, score in board.scores.items():
        if score.errors:
            yield f"{rule} raised an error in {score.errors} windows, which count as windows without an alarm."
    played = {row["entrant"] for row in board.rows}
    if waiting := [name for name in ENTRANTS if name not in played and name not in board.absent]:
        yield f"Not played yet: {', '.join(waiting)}."
    for name in board.absent:
        yield f"Left out, because not installed: {name} (needs {ENTRANTS[name].package})."
    for row in board.failures:
        yield f"{row['entrant']} failed on {row['law']} with {row['columns']} columns: {row['error']}"


# As Markdown, and as HTML


def as_markdown(table: Table) -> str:
    heading, *rows = table
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"|{'|'.join(line)}|" for line in lines)


def as_html(table: Table) -> str:
    lines = [f"<tr>{''.join(f'<td>{escape(cell)}' for cell in row)}" for row in table]
    return f"<table>{''.join(lines).replace('<td>', '<th>', len(table[0]))}</table>"


def as_list(lines: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}' for line in lines)}</ul>"


def draw_figures(board: Scoreboard) -> Iterator[str]:
    numbers = {rule: index + 1 for index, rule in enumerate(board.scores)}
    yield f"<p>{'; '.join(f'{number} {escape(rule)}' for rule, number in numbers.items())}</p>"
    line = place_rate(1.0)
    frame = (
        f'<rect width="{SIZE}" height="{SIZE}" fill="none" stroke="#999"/><path d="M{line} 0V{SIZE}" stroke="#ccc"/>'
    )
    for name in board.streams:
        scores = {rule: board.by_stream[name, rule] for rule in numbers if (name, rule) in board.by_stream}
        points = "".join(draw_point(numbers[rule], rule, score) for rule, score in scores.items())
        svg = f'<svg width="{SIZE + 20}" height="{SIZE + 20}" viewBox="-10 -10 {SIZE + 20} {SIZE + 20}">{frame}{points}</svg>'
        yield f"<figure>{svg}<figcaption>{escape(name)}</figcaption></figure>"


def place_rate(rate: float) -> int:
    return round(SIZE * math.log1p(min(rate, MANY)) / math.log1p(MANY))


def draw_point(number: int, rule: str, score: Score) -> str:
    colour = "#b00" if rule == OURS else "#246"
    height = round(SIZE * (1 - score.share_found.value))
    title = escape(f"{rule}: {score.rate} alarms a month, {score.share_found} found")
    return (
        f'<text x="{place_rate(score.rate.value)}" y="{height}" fill="{colour}"><title>{title}</title>{number}</text>'
    )


def write_pages(folder: Path, rows: list[Row], day: str, absent: Iterable[str]) -> None:
    board = Scoreboard(rows, day, absent)
    if OURS not in board.scores:
        return
    (folder / "static").mkdir(parents=True, exist_ok=True)
    marks = list_marks(board)
    run = [*describe_run(board)]
    entrants = list_entrants(board)
    losses = list_losses(board)
    sections = {
        "Entrants, over all laws": as_html(entrants),
        "Marks of ours": as_list(marks),
        "Where ours loses": as_html(losses),
        FIGURES: "".join(draw_figures(board)),
        "Share found, by fault": as_html(list_faults(board)),
        "Streams": as_html(list_streams(board)),
        "Notes": as_list((*NOTES, *run)),
    }
    # As one HTML page, and a short one of Markdown
    html = "\n".join(f"<h2>{title}</h2><div>{content}</div>" for title, content in sections.items())
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{TITLE}</title><style>{STYLE}</style>'
    page = f"{head}<h1>{TITLE}</h1><p>{INTRODUCTION}</p>{html}"
    (folder / "static" / "leaderboard.html").write_text(page, encoding="utf-8")
    bullets = "\n".join(f"- {line}" for line in (*marks[:2], marks[-1]))
    short_entrants = [[*row[:3], row[4].split()[0], row[7]] for row in entrants]
    short_losses = [row[:-1] for row in losses[: MOST_LOSSES + 1]]
    markdown = (
        f"# {TITLE}\n\n{INTRODUCTION} Run of {day}; [all figures](static/leaderboard.html).\n\n"
        f"{as_markdown(short_entrants)}\n\n{bullets}\n\n"
        f"## Where ours loses\n\nThe largest of {len(losses) - 1} gaps:\n\n{as_markdown(short_losses)}\n"
    )
    (folder / "leaderboard.md").write_text(markdown, encoding="utf-8")
