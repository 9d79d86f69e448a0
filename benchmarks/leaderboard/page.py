"""The leaderboard's pages, from the rows of a run: leaderboard.md is short; leaderboard.html has all, and needs no other file."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

from detectors import OURS, Z_TEST
from scores import CellResult, Row, Score, add_up, compare_cells, estimate_monthly_rate
from streams import STREAM_LAWS

Table = list[list[str]]  # the first row is the heading
SIZE = 190  # of a figure, in pixels
MANY = 300.0  # alarms a month, at the right of a figure
WIDE = 0.5  # an interval of a share that is wider resolves nothing

INTRODUCTION = """Each entrant sees the same windows and judges them in the order of time. It should be silent on the healthy ones, and
alarm within four windows of a fault (24 of a slow drift). Alarms a month count healthy windows, 720 a month. Intervals are at 95 %
(Poisson; Clopper-Pearson); windows of a stream share a baseline, so the former are too narrow."""

NOTES = (
    "Ours has a schedule's defaults. It is given the times of rows where there are any, as its users would; the others aren't.",
    "The z-test's level is set on each law, so that it alarms once a month there. Nobody could do that on real data.",
    "River and alibi-detect take texts as integer codes. River isn't fed missing values; alibi-detect gets -1.",
    "Peers have their defaults, which promise no rate of alarms. A share found means little beside many alarms.",
    "alibi-detect has the Business Source License 1.1; the package needs none of the entrants.",
    "Alarms on a real table without a fault may be right: nobody knows.",
)
REASONS = {
    "correlation": "we compare columns one by one; relations are checked only where one column follows from others",
    "one segment": "without --segments we see the whole column, in which the change is a tenth as large",
    "slow drift": "we learn from the windows before; what wanders there has to be exceeded",
    "late rows": "we look at the age of the newest row and at the distribution of times, not at each row's delay",
}
NO_REASON = "not explained yet"


class Results:
    """Scores of a run. contenders: rules that aren't shown to alarm more than once a month over all laws."""

    def __init__(self, rows: list[Row]) -> None:
        self.failures = [row for row in rows if "error" in row]
        self.rows = [row for row in rows if "error" not in row]
        self.versions = {row["rule"]: row["version"] for row in self.rows}
        self.of_laws = [row for row in self.rows if row["law"] in STREAM_LAWS]
        self.of_tables = [row for row in self.rows if row["law"] not in STREAM_LAWS]
        self.scores = add_up(self.of_laws, lambda row: row["rule"])
        self.by_law = add_up(self.rows, lambda row: (row["law"], row["rule"]))
        self.contenders = [rule for rule, score in self.scores.items() if score.rate.low <= 1]
        self.cells = compare_cells(self.of_laws, OURS, Z_TEST, self.contenders)
        self.laws = list(dict.fromkeys(row["law"] for row in self.rows))

    @property
    def lost(self) -> list[CellResult]:
        return [cell for cell in self.cells if cell.is_lost]

    @property
    def below_z_test(self) -> list[CellResult]:
        return [cell for cell in self.cells if cell.gap_to_z_test > 0.25]


def say_promise(score: Score) -> str:
    """Whether a rule keeps to one alarm a month."""
    if score.rate.high <= 1:
        return "yes"
    if score.rate.low > 1:
        return "no"
    return "not resolved"


def list_entrants(results: Results) -> Table:
    heading = [
        "entrant",
        "version",
        "windows",
        "alarms a month",
        "at most one",
        "found",
        "names it",
        "delay",
        "core s",
        "MB",
    ]
    table = [heading]
    for rule, score in sorted(
        results.scores.items(), key=lambda item: (item[1].rate.low > 1, -item[1].share_found.value)
    ):
        measured = [str(score.rate), say_promise(score), str(score.share_found), f"{score.share_named.value:.2f}"]
        costs = [f"{score.delay:.0f}", f"{score.core_seconds:.3f}", str(score.megabytes)]
        table.append([rule, results.versions[rule], f"{score.windows:,}", *measured, *costs])
    return table


def list_marks(results: Results) -> list[str]:
    ours = results.scores[OURS]
    by_law = {law: results.by_law[law, OURS] for law in STREAM_LAWS if (law, OURS) in results.by_law}
    rates = {law: estimate_monthly_rate(score.alarms, score.windows, 0.98) for law, score in by_law.items()}
    loud = [f"{law} ({rate.low:.1f} at least)" for law, rate in rates.items() if rate.low > 1]
    cells = len(results.cells)
    level = sum(not cell.is_lost for cell in results.cells)
    equal = sum(not cell.is_behind for cell in results.cells)
    resolved = sum(cell.best.high - cell.best.low <= WIDE for cell in results.cells)
    return [
        f"Alarms of ours a month: {ours.rate} in {ours.windows:,} windows of {len(by_law)} laws. Wanted: an upper limit of 1, "
        f"in 20,000 windows.",
        f"Laws on which the 99 % lower limit of ours is above one: {', '.join(loud) or 'none'}. Wanted: none.",
        f"Cells of a law and a fault in which ours is first, or within the first's interval: {level} of {cells} "
        f"({level / max(cells, 1):.0%}); first without regard to intervals: {equal}. Wanted: three quarters. "
        f"Resolved, as the first's interval is at most {WIDE} wide: {resolved}.",
        f"Cells in which ours is more than .25 below the z-test: {len(results.below_z_test)}. Wanted: none.",
    ]


def list_losses(results: Results) -> Table:
    """The cells that are lost or far below the z-test, the largest gap first."""
    cells = {cell.cell: cell for cell in (*results.lost, *results.below_z_test)}
    table = [["law", "fault", "tries", "ours", "first", "its share", "z-test", "why"]]
    for cell in sorted(cells.values(), key=lambda cell: cell.ours.value - cell.best.value):
        law, kind, size = cell.cell
        shares = [str(cell.ours), cell.first, str(cell.best), str(cell.z_test or "")]
        table.append([law, f"{kind}, {size}", str(cell.tries), *shares, REASONS.get(kind, NO_REASON)])
    return table


def sum_losses(results: Results) -> Table:
    """Lost cells by kind of fault."""
    table = [["fault", "cells", "lost", "below the z-test", "why"]]
    for kind in dict.fromkeys(cell.cell[1] for cell in results.cells):
        counts = [
            sum(cell.cell[1] == kind for cell in cells) for cells in (results.cells, results.lost, results.below_z_test)
        ]
        if any(counts[1:]):
            table.append([kind, *map(str, counts), REASONS.get(kind, NO_REASON)])
    return table


def list_faults(results: Results) -> Table:
    """The share found by fault; contenders first."""
    faults = [row for row in results.of_laws if row["fault"] is not None]
    scores = add_up(faults, lambda row: (f"{row['fault']}, {row['size']}", row["rule"]))
    rules = sorted(results.scores, key=lambda rule: rule not in results.contenders)
    table = [["fault", *(rule if rule in results.contenders else f"({rule})" for rule in rules)]]
    for fault in dict.fromkeys(fault for fault, _ in scores):
        shares = [str(scores[fault, rule].share_found) if (fault, rule) in scores else "" for rule in rules]
        table.append([fault, *shares])
    return table


def list_streams(results: Results, rows: list[Row]) -> Table:
    """Alarms a month and the share found, by law or table, of ours and the z-test."""
    table = [["stream", "windows", "ours: alarms a month", "found", "z-test: alarms a month", "found"]]
    for law in dict.fromkeys(row["law"] for row in rows):
        scores = [results.by_law.get((law, rule), Score()) for rule in (OURS, Z_TEST)]
        cells = [cell for score in scores for cell in (str(score.rate), str(score.share_found))]
        table.append([law, str(scores[0].windows), *cells])
    return table


def describe_run(results: Results, day: str, absent: Iterable[str]) -> list[str]:
    seeds = sorted({row["seed"] for row in results.rows})
    digests: dict[tuple[str, int, int, int], set[str]] = {}
    for row in results.rows:
        if row["fault"] is None:
            stream = (row["law"], row["columns"], row["seed"], row["windows"])
            digests.setdefault(stream, set()).add(row["digest"])
    unequal = sum(len(seen) > 1 for seen in digests.values())
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    lines = [
        f"Run of {day}, on {machine}. Seeds follow from the date: {seeds[0]} to {seeds[-1]}.",
        f"Streams that entrants saw differently: {unequal} of {len(digests)}.",
    ]
    if names := ", ".join(absent):
        lines.append(f"Not installed, so absent: {names}.")
    for row in results.failures:
        lines.append(f"{row['entrant']} failed on {row['law']}, {row['columns']} columns: {row['error']}.")
    return lines


# As Markdown, and as HTML


def as_markdown(table: Table) -> str:
    heading, *rows = table
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"|{'|'.join(line)}|" for line in lines)


def as_html(table: Table) -> str:
    heading, *rows = table
    lines = [f"<tr>{''.join(f'<th>{escape(cell)}' for cell in heading)}"]
    lines += [f"<tr>{''.join(f'<td>{escape(cell)}' for cell in row)}" for row in rows]
    return f"<table>{''.join(lines)}</table>"


def draw_figures(results: Results) -> Iterator[str]:
    """For each stream the alarms a month (to the right, by logarithm) and the share found (upwards) of the entrants."""
    numbers = {rule: index + 1 for index, rule in enumerate(results.scores)}
    yield f"<p>{'; '.join(f'{number} {escape(rule)}' for rule, number in numbers.items())}</p>"
    for law in results.laws:
        points = [
            draw_point(numbers[rule], rule, results.by_law[law, rule])
            for rule in numbers
            if (law, rule) in results.by_law
        ]
        frame = f'<rect width="{SIZE}" height="{SIZE}" fill="none" stroke="#999"/>'
        once = place_rate(1.0)
        month = f'<line x1="{once}" x2="{once}" y1="0" y2="{SIZE}" stroke="#ccc"/>'
        svg = f'<svg width="{SIZE + 20}" height="{SIZE + 20}" viewBox="-10 -10 {SIZE + 20} {SIZE + 20}">'
        yield f"<figure>{svg}{frame}{month}{''.join(points)}</svg><figcaption>{escape(law)}</figcaption></figure>"


def place_rate(rate: float) -> int:
    return round(SIZE * math.log1p(min(rate, MANY)) / math.log1p(MANY))


def draw_point(number: int, rule: str, score: Score) -> str:
    colour = "#b00" if rule == OURS else "#246"
    height = round(SIZE * (1 - score.share_found.value))
    title = f"{rule}: {score.rate} alarms a month, {score.share_found} found"
    text = f"<title>{escape(title)}</title>{number}"
    return f'<text x="{place_rate(score.rate.value)}" y="{height}" fill="{colour}" text-anchor="middle">{text}</text>'


STYLE = """body{font:15px sans-serif;max-width:75em;margin:2em auto;padding:0 1em}
table{border-collapse:collapse;font-size:13px}td,th{border-bottom:1px solid #ccc;padding:2px 8px;text-align:left}
figure{display:inline-block;margin:8px;font-size:12px}svg{font-size:11px}div{overflow-x:auto}"""
TITLE = "Leaderboard of drift detectors"
FIGURES = "Alarms a month (to the right; the line is at one) against the share found (upwards), by stream"


def write_pages(folder: Path, rows: list[Row], day: str, absent: Iterable[str]) -> None:
    results = Results(rows)
    if OURS not in results.scores:
        return
    folder.mkdir(parents=True, exist_ok=True)
    run = describe_run(results, day, absent)
    marks = list_marks(results)
    sections: list[tuple[str, list[str] | Table | str]] = [
        ("Entrants, over all laws", list_entrants(results)),
        ("Marks of ours", marks),
        ("Where ours loses", list_losses(results)),
        ("Where ours loses, by fault", sum_losses(results)),
        (
            "Alarms a month (to the right; the line is one) against the share found (upwards), by stream",
            "".join(draw_figures(results)),
        ),
        ("Share found, by fault (entrants in brackets alarm more than once a month)", list_faults(results)),
        ("Laws", list_streams(results, results.of_laws)),
        ("Real tables", list_streams(results, results.of_tables)),
        ("Notes", [*NOTES, *run]),
    ]
    html = [f"<h1>{TITLE}</h1><p>{INTRODUCTION}</p>"]
    for title, content in sections:
        html.append(f"<h2>{escape(title)}</h2><div>{format_section(content)}</div>")
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{TITLE}</title><style>{STYLE}</style>'
    (folder / "leaderboard.html").write_text(head + "\n".join(html), encoding="utf-8")
    bullets = "\n".join(f"- {line}" for line in (*marks, *run[:1]))
    table = [[row[column] for column in (0, 2, 3, 5, 6, 8)] for row in list_entrants(results)]
    markdown = (
        f"# {TITLE}\n\n{INTRODUCTION}\n\n`make leaderboard` writes this page, and "
        f"[all figures](static/leaderboard.html).\n\n{as_markdown(table)}\n\n{bullets}\n\n"
        f"## Where ours loses\n\n{as_markdown(sum_losses(results))}\n"
    )
    (folder / "leaderboard.md").write_text(markdown, encoding="utf-8")


def format_section(content: list[str] | Table | str) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content[0], list):
        return as_html(content)
    return f"<ul>{''.join(f'<li>{escape(line)}' for line in content)}</ul>"
