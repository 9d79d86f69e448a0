"""The pages, from the rows of a run: docs/leaderboard.md is short; docs/static/leaderboard.html has all, in one file."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

import pandas as pd
from detectors import ENTRANTS, OURS, Z_TEST
from scores import (
    FAULT,
    Interval,
    Row,
    add_up,
    compare_rules,
    estimate_monthly_rate,
    estimate_shares,
    list_healthy,
    list_tries,
)
from streams import STREAM_LAWS

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
    "An entrant contends for the first place on the laws on which it may alarm at most once a month, by the lower limit.",
    "Ours has a schedule's defaults. It is given the times of rows where there are any, as its users would; the others aren't.",
    "With --rows independent its rate is promised for rows that are, in windows that don't vary; it alarms elsewhere.",
    "The z-test's level is set on each law, so that it alarms once a month there. Nobody could do that on real data.",
    "River and alibi-detect take texts as integer codes. River isn't fed missing values; alibi-detect gets -1.",
    "Peers have their defaults, which promise no rate of alarms. A share found means little beside many alarms.",
    "Evidently is timed without the pictures of its report, which take most of its time.",
    "KSWIN and MMD play three laws each, MMD beside 500 rows of the baseline.",
    "alibi-detect has the Business Source License 1.1. The package needs none of the entrants.",
    "TFDV's comparators and Deequ's strategies are computed by their formulas, not by their packages.",
    "Alarms on a real table without a fault may be right: nobody knows.",
)
REASONS = {
    "storms": "a baseline may hold none, and windows with alarms are no examples",
    "outages": "a baseline may hold none, and windows with alarms are no examples",
    "campaigns, shares jump": "the shares of values change by half from window to window",
    "nulls at night": "its gaps are those of correlation, one segment and slow drift",
    "pay days, unit, all": "a pay day is 1.35 times the others, and 1.609 isn't twice as far",
    "500 columns, 200 rows, outage": "140 rows are four deviations below 200; what alarms instead names no number of rows",
    "lognormal 3, unit": "logarithms with a deviation of 3 move by .16 of it",
    "correlation": "relations are checked with --with-pairs only",
    "one segment": "without --segments the whole column is compared, in which the change is a tenth as large",
    "slow drift": "what wandered in the windows before has to be exceeded",
    "late rows": "the age of the newest row is checked, and the distribution of times, but not each row's delay",
}
STYLE = """body{font:15px sans-serif;max-width:75em;margin:2em auto;padding:0 1em}
table{border-collapse:collapse;font-size:13px}td,th{border-bottom:1px solid #ccc;padding:2px 8px;text-align:left}
figure{display:inline-block;margin:8px;font-size:12px}svg{font-size:11px}div{overflow-x:auto}"""


GROUPS = {"laws": ["law"], "faults": FAULT, "cells": ["law", *FAULT]}


class Scoreboard:
    """Scores of a run. contenders: rules that aren't shown to alarm more than once a month over all laws."""

    def __init__(self, rows: list[Row], day: str, absent: Iterable[str]) -> None:
        self.day = day
        self.absent = [*absent]
        self.failures = [row for row in rows if "error" in row]
        self.rows = [row for row in rows if "error" not in row]
        self.of_laws = [row for row in self.rows if row["law"] in STREAM_LAWS]
        self.versions = {row["rule"]: row["version"] for row in self.rows}
        scores = add_up(self.of_laws, ["rule"])
        scores["is_contender"] = [rate.low <= 1 for rate in scores["rate"]]
        share_found = scores["found"].map(lambda share: share.value)
        self.scores = scores.assign(share_found=share_found).sort_values(
            ["is_contender", "share_found"], ascending=False, kind="stable"
        )
        self.by_stream = add_up(self.rows, ["law", "rule"])
        # Rivals are those that keep to one alarm on the law
        quiet = {pair for pair, rate in self.by_stream["rate"].items() if rate.low <= 1}
        quiet |= {(law, OURS) for law in STREAM_LAWS}
        # Ours is compared on all of them
        compared = []
        for row in self.of_laws:
            if (row["law"], row["rule"]) in quiet:
                compared.append(row)
        rivals = [rule for rule in self.scores.index if not rule.startswith(OURS)]
        # Beside the one that is farthest ahead
        self.worst: dict[str, pd.DataFrame] = {}
        for title, group in GROUPS.items():
            comparisons = compare_rules(compared, group, OURS, rivals).sort_values(
                "gap", ascending=False, kind="stable"
            )
            self.worst[title] = comparisons.drop_duplicates("where")
        cells = compare_rules(self.of_laws, GROUPS["cells"], OURS, [Z_TEST])
        self.below_z_test = cells[cells["gap"] > 0.25]


def list_entrants(board: Scoreboard) -> pd.DataFrame:
    """Contenders first, by the share found."""
    scores = board.scores
    table = pd.DataFrame(index=scores.index)
    table["windows"] = scores["windows"].map("{:,}".format)
    table["alarms a month"] = scores["rate"].map(str)
    table["≤ 1"] = scores["rate"].map(describe_rate)
    table["found"] = scores["found"].map(str)
    # What it says, and costs
    table["names it"] = (scores["named"] / scores["hits"].clip(lower=1)).map("{:.2f}".format)
    table["delay"] = scores["delay"].map("{:.0f}".format)
    table["core s"] = (scores["seconds"] / scores["windows"]).map("{:.3f}".format)
    table["MB"] = scores["megabytes"].map(str)
    table["version"] = [board.versions[rule] for rule in scores.index]
    return table.reset_index(names="entrant")


def describe_rate(rate: Interval) -> str:
    """Whether it keeps to one alarm a month."""
    if rate.high <= 1:
        return "yes"
    if rate.low > 1:
        return "no"
    return "not resolved"


def list_marks(board: Scoreboard) -> list[str]:
    ours = board.scores.loc[OURS]
    by_law = board.by_stream.xs(OURS, level="rule")
    by_law = by_law[by_law.index.isin(STREAM_LAWS)]
    lowest = {
        score.Index: estimate_monthly_rate(score.alarms, score.windows, 0.98).low for score in by_law.itertuples()
    }
    loud = {f"{law} ({low:.1f} at least)": explain(law) for law, low in lowest.items() if low > 1}
    reasons = dict.fromkeys(loud.values())
    titles = ", ".join(loud)
    loud_laws = "; ".join((titles, *reasons))
    # Alarms, and beside the others
    marks = [
        f"Ours: {ours.rate} alarms a month in {ours.windows:,} windows of {len(by_law)} laws; wanted: ≤ 1 in 20,000. "
        f"Above 1 at the 99 % limit: {loud_laws or 'no law'}.",
        f"More than .25 below the z-test: {len(board.below_z_test)} cells; wanted: none.",
    ]
    for title, comparisons in board.worst.items():
        level = (~comparisons["is_lost"].astype(bool)).sum()
        hidden = (comparisons["hits"] + comparisons["hits_ours"] == 0).sum()
        leading = (comparisons["gap"] <= 0).sum()
        share = level / max(len(comparisons), 1)
        marks.append(
            f"{len(comparisons)} {title}: ours within the first's interval in {level} ({share:.0%}), first in {leading}; "
            f"resolved: {comparisons['is_resolved'].sum()}; found by nobody: {hidden}."
        )
    marks[-1] += " Wanted: 75 %."
    return marks


def list_losses(board: Scoreboard) -> pd.DataFrame:
    """What is lost, or far below the z-test, the largest gap first."""
    lost = [comparisons[comparisons["is_lost"].astype(bool)] for comparisons in board.worst.values()]
    losses = pd.concat([*lost, board.below_z_test]).drop_duplicates(["where", "rule"])
    losses = losses.sort_values(["gap", "where"], ascending=[False, True])
    table = losses[["where"]].copy()
    table["tries"] = losses["tries_ours"]
    table["ours"] = losses["ours"].map(str)
    table["ahead"] = losses["rule"]
    table["its share"] = losses["theirs"].map(str)
    table["why"] = losses["where"].map(explain)
    return table


def explain(where: str) -> str:
    reasons = [reason for name, reason in REASONS.items() if name in where]
    return "; ".join(reasons) or "not explained yet"


def list_faults(board: Scoreboard) -> pd.DataFrame:
    """The share found by fault; entrants that alarm too often are in brackets, behind the others."""
    delays = list_tries(board.of_laws).groupby([*FAULT, "rule"], sort=False)["delay"].agg(tries="size", hits="count")
    shares = pd.Series(map(str, estimate_shares(delays["hits"], delays["tries"])), index=delays.index)
    titles = {
        score.Index: score.Index if score.is_contender else f"({score.Index})" for score in board.scores.itertuples()
    }
    table = shares.unstack("rule", fill_value="")
    return table.reindex(columns=[*titles]).rename(columns=titles).fillna("").reset_index()


def list_streams(board: Scoreboard) -> pd.DataFrame:
    """Alarms a month and the share found, by law or table, of ours and the z-test."""
    columns = {}
    for rule in (OURS, Z_TEST):
        if rule in board.scores.index:
            scores = board.by_stream.xs(rule, level="rule")
            columns[f"{rule}: windows"] = scores["windows"].map("{:,}".format)
            columns[f"{rule}: alarms a month"] = scores["rate"].map(str)
            columns[f"{rule}: found"] = scores["found"].map(str)
    table = pd.DataFrame(columns).fillna("")
    table.insert(0, "stream", [name if name in STREAM_LAWS else f"{name} (real)" for name in table.index])
    return table


def describe_run(board: Scoreboard) -> Iterator[str]:
    seeds = sorted({row["seed"] for row in board.rows})
    system = f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    yield f"Run of {board.day} on {system}; seeds {seeds[0]} to {seeds[-1]}, from the date."
    digests = list_healthy(board.rows).groupby(["law", "columns", "seed", "windows"])["digest"].nunique()
    yield f"Streams of which entrants saw different numbers: {(digests > 1).sum()} of {len(digests)}."
    for score in board.scores[board.scores["errors"] > 0].itertuples():
        yield f"{score.Index} raised an error in {score.errors} windows, which count as windows without an alarm."
    played = {row["entrant"] for row in board.rows}
    if waiting := [name for name in ENTRANTS if name not in played and name not in board.absent]:
        yield f"Not played yet: {', '.join(waiting)}."
    for name in board.absent:
        yield f"Left out, because not installed: {name} (needs {ENTRANTS[name].package})."
    for row in board.failures:
        yield f"{row['entrant']} failed on {row['law']} with {row['columns']} columns: {row['error']}"


# As Markdown, and as HTML


def as_markdown(table: pd.DataFrame) -> str:
    lines = [[*table], ["---"] * table.shape[1], *table.astype(str).to_numpy().tolist()]
    rows = [f"|{'|'.join(line)}|" for line in lines]
    return "\n".join(rows)


def as_html(table: pd.DataFrame) -> str:
    return table.to_html(index=False, border=0)


def as_list(lines: Iterable[str]) -> str:
    bullets = [f"<li>{escape(line)}" for line in lines]
    return f"<ul>{''.join(bullets)}</ul>"


def draw_figures(board: Scoreboard) -> Iterator[str]:
    numbers = {rule: index + 1 for index, rule in enumerate(board.scores.index)}
    legend = [f"{number} {escape(rule)}" for rule, number in numbers.items()]
    yield f"<p>{'; '.join(legend)}</p>"
    line = scale_rate(1.0)
    square = f'<rect width="{SIZE}" height="{SIZE}" fill="none" stroke="#999"/>'
    frame = f'{square}<path d="M{line} 0V{SIZE}" stroke="#ccc"/>'
    width = SIZE + 20
    size = f'width="{width}" height="{width}" viewBox="-10 -10 {width} {width}"'
    # A square for each stream, with a number for each rule
    for name, scores in board.by_stream.groupby(level="law", sort=False):
        points = []
        for (_, rule), score in scores.iterrows():
            colour = "#b00" if rule == OURS else "#246"
            height = round(SIZE * (1 - score.found.value))
            title = escape(f"{rule}: {score.rate} alarms a month, {score.found} found")
            position = f'x="{scale_rate(score.rate.value)}" y="{height}" fill="{colour}"'
            number = numbers.get(rule, "")
            points.append(f"<text {position}><title>{title}</title>{number}</text>")
        svg = f"<svg {size}>{frame}{''.join(points)}</svg>"
        yield f"<figure>{svg}<figcaption>{escape(name)}</figcaption></figure>"


def scale_rate(rate: float) -> int:
    return round(SIZE * math.log1p(min(rate, MANY)) / math.log1p(MANY))


def write_pages(folder: Path, rows: list[Row], day: str, absent: Iterable[str]) -> None:
    if not any(row.get("rule") == OURS for row in rows):
        return
    board = Scoreboard(rows, day, absent)
    (folder / "static").mkdir(parents=True, exist_ok=True)
    marks = list_marks(board)
    entrants = list_entrants(board)
    losses = list_losses(board)
    # As one HTML page
    sections = {
        "Entrants, over all laws": as_html(entrants),
        "Marks of ours": as_list(marks),
        "Where ours loses": as_html(losses),
        FIGURES: "".join(draw_figures(board)),
        "Share found, by fault": as_html(list_faults(board)),
        "Streams": as_html(list_streams(board)),
        "Notes": as_list((*NOTES, *describe_run(board))),
    }
    html = "\n".join(f"<h2>{title}</h2><div>{content}</div>" for title, content in sections.items())
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{TITLE}</title><style>{STYLE}</style>'
    page = f"{head}<h1>{TITLE}</h1><p>{INTRODUCTION}</p>{html}"
    (folder / "static" / "leaderboard.html").write_text(page, encoding="utf-8")
    # And a short one of Markdown
    bullets = "\n".join(f"- {line}" for line in (*marks[:2], marks[-1]))
    short_entrants = entrants[["entrant", "windows", "alarms a month", "found", "core s"]]
    short_entrants = short_entrants.assign(found=short_entrants["found"].str.split().str[0])
    short_losses = losses.drop(columns="why")[:MOST_LOSSES]
    markdown = (
        f"# {TITLE}\n\n{INTRODUCTION} Run of {day}; [all figures](static/leaderboard.html).\n\n"
        f"{as_markdown(short_entrants)}\n\n{bullets}\n\n"
        f"## Where ours loses\n\nThe largest of {len(losses)} gaps:\n\n{as_markdown(short_losses)}\n"
    )
    (folder / "leaderboard.md").write_text(markdown, encoding="utf-8")
