"""Streams: healthy windows of a seeded law, or of a public table, in the order of time. numpy alone.

Seeds, and which laws and cells are played, are numbers that follow from the played commit: nobody chooses them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from detectors import StreamDescription, is_text
from laws import LAWS, Columns, Law, add_ordinary_columns, draw_embeddings, stateless
from published_laws import PUBLISHED

TABLES = Path(__file__).resolve().parents[2] / "build" / "leaderboard" / "tables"
HEALTHY_WINDOWS = 40  # of a law and seed
COLUMNS = 12  # of a table of ours, at least
TABLE_BASELINE = 28  # windows
USUAL_FAULT = 4  # windows
LONGEST_FAULT = 24


LAW_NAMES = """normal; means vary; normal, 50 rows; normal, 200 rows; t(3); Cauchy; lognormal 3; Pareto 1.2; counts;
overdispersed counts; zeros and amounts; flag; ages; 1 % nulls; 30 % nulls, 200 rows; four texts; 1,000 texts; codes of one shape;
free text; one cell n/a; sessions; sessions, partly alike; scattered users; sorted export; keys; days; means vary as t(3);
means vary together; means wander; storms; rates vary; shares vary; outages; growing catalogue; changing catalogue; campaigns;
10 campaigns, shares jump; retries;
wandering neighbours; devices; late records; hours; nulls at night; traffic of hours; weekends; weekends and holidays; pay days;
growing traffic; 500 columns, 200 rows"""
STREAM_LAWS: dict[str, Law] = {name: LAWS[name] for name in " ".join(LAW_NAMES.split()).split("; ")}
STREAM_LAWS["embeddings"] = stateless(draw_embeddings, is_independent=True)
AS_THEY_ARE = ("retries", "500 columns, 200 rows", *PUBLISHED)
"""Laws whose tables get no ordinary columns: rows would no longer repeat, or there are enough of them."""


def draw_number(*words: object) -> int:
    """The same number for the same words, of which the first is the commit."""
    text = " ".join(map(str, words))
    return int(hashlib.sha256(text.encode()).hexdigest()[:12], 16)


def draw_laws(commit: str) -> list[str]:
    """All that others published, and as many of ours, in turn; the order, and which of ours, follow from the commit."""
    published = sorted((*PUBLISHED, *list_tables()), key=lambda name: draw_number(commit, name))
    ours = sorted(STREAM_LAWS, key=lambda name: draw_number(commit, name))
    return [name for pair in zip(published, ours, strict=False) for name in pair]


@dataclass(frozen=True)
class Stream:
    """windows: baseline, warm-up, healthy ones, and the later ones in which faults go on; unfinished, see `finish`."""

    description: StreamDescription
    law: Law
    seed: int
    windows: list[Columns]
    healthy: int

    @property
    def first(self) -> int:
        """The number of the first window that counts."""
        return self.law.baseline + self.law.warm_up

    def finish(self, number: int, columns: Columns) -> Columns:
        """The window as detectors see it."""
        return self.law.finish(np.random.default_rng([self.seed, number]), columns)

    @property
    def baseline(self) -> list[Columns]:
        return [self.finish(number, self.windows[number]) for number in range(self.law.baseline)]

    @property
    def digest(self) -> str:
        """Of the numbers of the last window: shows that all entrants saw the same, whatever their numpy."""
        numbers = [values for values in self.windows[-1].values() if not is_text(values)]
        return hashlib.sha256(b"".join(np.round(values, 6).tobytes() for values in numbers)).hexdigest()[:12]


def draw_law(name: str, seed: int, healthy: int = HEALTHY_WINDOWS, columns: int = COLUMNS) -> Stream:
    law = {**STREAM_LAWS, **PUBLISHED}[name]
    healthy = max(1, round(healthy * law.effort))
    random = np.random.default_rng([seed, *name.encode()])
    count = law.baseline + law.warm_up + healthy + LONGEST_FAULT
    windows = [*islice(law.windows(random), count)]
    if name not in AS_THEY_ARE:
        windows = [
            add_ordinary_columns(np.random.default_rng([seed, number, columns]), window, columns)
            for number, window in enumerate(windows)
        ]
    description = StreamDescription(name, len(windows[0]), law.hours, law.time_column)
    return Stream(description, law, seed, windows, healthy)


def list_tables() -> list[str]:
    """Whether they are installed or not."""
    lines = Path(__file__).with_name("public_tables.tsv").read_text(encoding="utf-8").splitlines()
    return [line.split("\t")[0] for line in lines[1:]]


def find_table(name: str) -> Path:
    return TABLES / f"{name}.npz"


def read_table(name: str, seed: int, maximum: int = HEALTHY_WINDOWS) -> Stream:
    """A public table, as real_tables.py has written it, from a window on that follows from the seed."""
    with np.load(find_table(name)) as file:
        columns = dict(file)
    hours = int(columns.pop("hours"))
    borders = np.flatnonzero(np.diff(columns.pop("window"))) + 1
    # Columns, cut into windows
    table = {}
    for column, values in columns.items():
        if values.dtype.kind == "U":
            values = np.where(values == "", None, values.astype(object))
        table[column] = np.split(values, borders)
    windows = [{column: parts[index] for column, parts in table.items()} for index in range(len(borders) + 1)]
    # So many that there are other stretches for other seeds, and windows for faults that last
    baseline = min(TABLE_BASELINE, len(windows) * 2 // 5)
    healthy = min(maximum, (len(windows) - baseline) * 2 // 3)
    last_start = len(windows) - baseline - healthy - USUAL_FAULT
    start = seed % (last_start + 1)
    stretch = windows[start : start + baseline + healthy + LONGEST_FAULT]
    time_column = "at" if "at" in table else None
    law = replace(STREAM_LAWS["normal"], baseline=baseline, hours=hours, time_column=time_column)
    return Stream(StreamDescription(name, len(table), hours, time_column), law, seed, stretch, healthy)


def draw_stream(name: str, seed: int, healthy: int = HEALTHY_WINDOWS) -> Stream:
    if name in STREAM_LAWS or name in PUBLISHED:
        return draw_law(name, seed, healthy)
    return read_table(name, seed, healthy)
