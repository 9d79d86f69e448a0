"""The pages, from a run's lines: docs/leaderboard.md is short, its HTML page has all tables, a Parquet file all windows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from html import escape
from pathlib import Path

import pandas as pd
from entrants import ENTRANTS, OURS
from play import CALIBRATION, PLAY, Line
from real_tables import read_list
from scores import (
    DEFAULTS,
    add_up_alarms,
    apply_limits,
    compare_cells,
    estimate_share,
    list_tries,
    list_windows,
)
from streams import draw_laws

PARQUET = "static/leaderboard.parquet"
TITLE = "Leaderboard of drift detectors"
TEXTS = ("commit", "law", "part", "entrant", "fault", "size", "error")  # columns of the Parquet file, with few values
SMALL_TYPES = {
    **dict.fromkeys(TEXTS, "category"),
    "seed": "int16",
    "window": "int16",
    "score": "float32",
    "seconds": "float32",
}
LARGE_TYPES = {
    **dict.fromkeys(TEXTS, "str"),
    "seed": "int64",
    "window": "int64",
    "score": "float64",
    "seconds": "float64",
}
STYLE = """body{font:15px sans-serif;max-width:75em;margin:2em auto;padding:0 1em}
table{border-collapse:collapse;font-size:13px;display:block;overflow-x:auto}
td,th{border-bottom:1px solid #ccc;padding:2px 8px;text-align:left}"""
RESOLVED = ("first", "level", "behind")
NOTES = Path(__file__).with_name("notes.md")  # what to know of the figures, and what it would take where ours is behind


def list_found(verdicts: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """The tries in resolved cells."""
    resolved = cells.loc[cells["outcome"].isin(RESOLVED), ["law", "fault"]]
    return list_tries(verdicts).merge(resolved, on=["law", "fault"])


def summarize_entrants(verdicts: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """A row for each entrant, those first that find most, of what isn't shown to alarm above once a month.

    found: its share in resolved cells. orders: its ranks among such entrants on three sets of seeds.
    """
    scores = add_up_alarms(verdicts, ["entrant"])
    tries = list_found(verdicts, cells)
    by_entrant = tries.groupby("entrant")["delay"].agg(tries="size", hits="count", delay="median")
    scores = scores.join(by_entrant).fillna({"tries": 0, "hits": 0})
    scores["laws"] = verdicts.groupby("entrant")["law"].nunique()
    pairs = zip(scores["hits"], scores["tries"], strict=True)
    scores["found"] = [estimate_share(int(hits), int(total)) for hits, total in pairs]
    scores["is_contender"] = [rate.low <= 1 for rate in scores["rate"]]
    # Ranks on each set of seeds
    contenders = tries[tries["entrant"].isin(scores.index[scores["is_contender"]])]
    contenders = contenders.assign(is_found=contenders["delay"].notna(), seeds=contenders["seed"] % 3)
    shares = contenders.groupby(["entrant", "seeds"])["is_found"].mean().unstack()
    ranks = shares.rank(ascending=False, method="min").fillna(0).astype(int)
    orders = {name: ",".join(map(str, row)) for name, row in zip(ranks.index, ranks.to_numpy().tolist(), strict=True)}
    scores["orders"] = [orders.get(name, "") for name in scores.index]
    scores["share"] = [interval.value for interval in scores["found"]]
    return scores.sort_values(["is_contender", "share"], ascending=False, kind="stable")


def check_limits(verdicts: pd.DataFrame) -> str:
    """What the fitted limits do on other seeds."""
    of_scores = [name for name, entrant in ENTRANTS.items() if entrant.has_scores]
    rates = add_up_alarms(verdicts[verdicts["entrant"].isin(of_scores)], ["law", "entrant"])
    total = add_up_alarms(verdicts[verdicts["entrant"].isin(of_scores)].assign(all=""), ["all"])
    loud = sum(rate.low > 1 for rate in rates["rate"])
    overall = total["rate"].iloc[0] if len(total) else "no"
    return f"Limits on other seeds: {overall} alarms a month; above one on {loud} of {len(rates)} pairs of law and entrant."


def describe_kinds(cells: pd.DataFrame) -> str:
    """Where ours is first, level and behind, by kind of fault."""
    sentences = []
    for outcome in RESOLVED:
        kinds = cells.loc[cells["outcome"] == outcome, "fault"].value_counts().sort_index()
        listed = ", ".join(f"{kind} ({count})" for kind, count in kinds.items())
        sentences.append(f"{outcome} in {kinds.sum()}: {listed}" if listed else f"{outcome} in none")
    resolved = sum(cells["outcome"].isin(RESOLVED))
    return f"Of {resolved} resolved cells, ours is {'; '.join(sentences)}."


def count_cells(cells: pd.DataFrame) -> str:
    counts = Counter(cells["outcome"])
    resolved = sum(counts[outcome] for outcome in RESOLVED)
    share = resolved / max(1, len(cells) - counts["nobody"])
    return f"Resolved: {resolved} of {len(cells)} cells ({share:.0%} without {counts['nobody']} that nobody finds; wanted: 75 %)."


def list_behind(cells: pd.DataFrame) -> list[str]:
    reasons = dict(line[2:].split(": ", 1) for line in read_notes("* "))
    counts = cells.loc[cells["outcome"] == "behind", "kind"].value_counts()
    return [f"Behind in {kind} ({count}): it would take {reasons[kind]}" for kind, count in counts.items()]


def read_notes(sign: str) -> list[str]:
    lines = NOTES.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith(sign)]


def list_laws(cells: pd.DataFrame, verdicts: pd.DataFrame, commit: str) -> pd.DataFrame:
    """Each law of the board, where it is from, and how many cells it has."""
    rates = add_up_alarms(verdicts[verdicts["entrant"] == OURS], ["law"])["rate"]
    published = pd.read_csv(NOTES.with_name("sources.tsv"), sep="\t", index_col="law")["source"]
    sources = {**published, **{name: row["source"] for name, row in read_list().items()}}
    rows = []
    for name in dict.fromkeys([*draw_laws(commit), *cells["law"]]):
        source = sources.get(name, "our list")
        outcomes = Counter(cells.loc[cells["law"] == name, "outcome"])
        counts = [outcomes[title] for title in RESOLVED]
        rate = rates.get(name, "not played")
        rows.append([name, source, sum(outcomes.values()), *counts, rate])
    return pd.DataFrame(rows, columns=["law", "source", "cells", *RESOLVED, "ours: alarms a month"])


def as_markdown(table: pd.DataFrame) -> str:
    lines = [[*table], ["---"] * table.shape[1], *table.astype(str).to_numpy().tolist()]
    return "\n".join(f"|{'|'.join(line)}|" for line in lines)


def make_short_table(entrants: pd.DataFrame) -> pd.DataFrame:
    """A row for each entrant at one level, with the alarms of its authors' defaults at the end."""
    table = entrants[[not name.endswith(DEFAULTS) for name in entrants.index]]
    of_defaults = entrants[[name.endswith(DEFAULTS) for name in entrants.index]]
    rates = {name.removesuffix(DEFAULTS): f"{rate.value:.0f}" for name, rate in of_defaults["rate"].items()}
    columns = {
        "laws": table["laws"],
        "alarms a month": [f"{rate.value:.1f} ({rate.low:.1f}–{rate.high:.1f})" for rate in table["rate"]],
        "found": table["share"].map("{:.2f}".format),
        "delay": table["delay"].map("{:.0f}".format).replace("nan", ""),
        "core s": table["seconds"].map("{:.3f}".format),
        "orders": table["orders"],
        "defaults": [rates.get(name, "") for name in table.index],
    }
    return pd.DataFrame(columns).reset_index(names="entrant")


def write_windows(windows: pd.DataFrame, file: Path, commit: str) -> None:
    table = windows.assign(commit=commit, seconds=windows["seconds"].round(3))
    table.astype(SMALL_TYPES).to_parquet(file, compression="zstd", index=False)


def read_published(file: Path) -> pd.DataFrame:
    windows = pd.read_parquet(file)
    return windows.astype(LARGE_TYPES)


def write_pages(folder: Path, lines: list[Line], commit: str, versions: dict[str, str], absent: Iterable[str]) -> None:
    windows = list_windows(lines)
    if not (windows["entrant"] == OURS).any():
        return
    (folder / "static").mkdir(parents=True, exist_ok=True)
    write_windows(windows, folder / PARQUET, commit)
    # As anybody can compute it from the file
    verdicts = apply_limits(read_published(folder / PARQUET))
    cells = compare_cells(verdicts)
    entrants = summarize_entrants(verdicts, cells)
    # What was played so far
    laws = list_laws(cells, verdicts, commit)
    healthy = windows[(windows["part"] == PLAY) & (windows["fault"] == "") & (windows["entrant"] == OURS)]
    waiting = [name for name in ENTRANTS if name not in {*windows.loc[windows["part"] == PLAY, "entrant"]}]
    counts = healthy.groupby("law")["alarm"].sum()
    # Of the limits that were used
    calibration = windows[(windows["part"] == CALIBRATION) & windows["law"].isin(counts.index)]
    calibration = calibration[~calibration["entrant"].isin(waiting)]
    fewest_windows = calibration.groupby(["law", "entrant"]).size().min()
    played = (
        f"{len(counts)} of {len(laws)} laws of commit {commit[:9]} are played so far, by all but {len(waiting)} of "
        f"{len(ENTRANTS)} entrants, in {len(healthy):,} healthy windows of ours ({counts.sum()} alarms, most on "
        f"{counts.idxmax()}: {counts.max()}); limits are from at least {fewest_windows} windows, where 2,000 are wanted."
    )
    # What went wrong, and what else to know
    digests = pd.DataFrame(lines).groupby(["law", "part", "seed"])["digest"].nunique()
    failures = Counter(f"{line['law']}, {line['error']}" for line in lines if "error" in line)
    notes = [
        count_cells(cells),
        check_limits(verdicts),
        *list_behind(cells),
        *(line[2:] for line in read_notes("- ")),
        f"Streams of which entrants saw different numbers: {(digests > 1).sum()} of {len(digests)}. "
        f"Streams that failed: {', '.join(f'{count} ({title})' for title, count in failures.items()) or 'none'}.",
        f"Not played so far: {', '.join(waiting)}. Left out: {'; '.join(absent)}.",
        f"Versions: {', '.join(f'{name} {version}' for name, version in versions.items())}.",
    ]
    # All of it
    bullets = "".join(f"<li>{escape(note)}" for note in notes)
    tables = {"Entrants": entrants.drop(columns=["share", "is_contender"]).reset_index(), "Cells": cells, "Laws": laws}
    sections = "\n".join(f"<h2>{title}</h2>{table.to_html(index=False, border=0)}" for title, table in tables.items())
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{TITLE}</title><style>{STYLE}</style>'
    page = f"{head}<h1>{TITLE}</h1><p>{describe_kinds(cells)}</p><p>{played}</p><ul>{bullets}</ul>{sections}"
    (folder / "static" / "leaderboard.html").write_text(page, encoding="utf-8")
    # And a short page
    markdown = (
        f"# {TITLE}\n\n{describe_kinds(cells)}\n\n{played} [All tables](static/leaderboard.html), [all windows]({PARQUET}).\n\n"
        f"{as_markdown(make_short_table(entrants))}\n\n{' '.join(notes[:2])}\n"
    )
    (folder / "leaderboard.md").write_text(markdown, encoding="utf-8")
