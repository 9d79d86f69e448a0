"""The table of docs/performance.md: what benchmarks measured beside their peers, and when. Standard library only.

A benchmark notes a row as soon as it has it, and `python benchmarks` (`make bench`) gathers the rows; those that it doesn't
measure again stay as they are on the page.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

ROWS_VARIABLE = "MODEL_MONITOR_BENCHMARK_ROWS"
"""The file that rows are noted in; where it isn't set, a benchmark only prints."""

PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
LIBRARIES = ("numpy", "pyarrow", "pandas", "pyspark", "xgboost-cpu")
ABOUT = """# Performance

`make bench` measures this table and writes this page. Each row is a run beside a peer, in turns and in the same run, so that
what slows one slows the other; the median counts. `core s` are seconds of processor cores, of a contestant with all its
processes; `s` are seconds on the clock. The ratio is ours over the peer's, and the goal is what it may be at most; where
there is no peer it is a limit of our own figure. In bold: missed.

Every benchmark says what it does at its head, and [benchmarks/README.md](../benchmarks/README.md) what was found with it.
Peers live in environments of their own; without its environment a peer is left out. `make bench ARGS="--only engines.py
--minutes 10"` measures a part: rows that are not measured again stay, with their dates. The last column says how many
programs wanted the machine's cores just before a benchmark began: compare a row's figures with each other only, and doubt
those on the clock where it is above 1.

"""


@dataclass(frozen=True)
class Row:
    """A line of the table, cells as they stand there."""

    work: str
    peer: str
    goal: str
    ours: str
    theirs: str
    ratio: str
    command: str
    taken: str


HEADINGS = ("work", "peer", "goal", "ours", "the peer", "ratio", "command", "taken, load")


def note(
    work: str, peer: str, ours: float, theirs: float | None = None, at_most: float | None = None, unit: str = "core s"
) -> str:
    """Note a row, and say whether its goal is reached. at_most: of the ratio, or of ours if there is no peer."""
    if theirs is None:
        figure = ours
    elif theirs:
        figure = ours / theirs
    else:
        figure = float("inf")
    missed = at_most is not None and figure > at_most
    if at_most is None:
        limit = ""
    elif theirs is not None:
        limit = f"{at_most:.2f}"
    else:
        limit = f"{at_most:g} {unit}"
    mine, theirs_text = (f"{figure:.2f} {unit}" if figure is not None else "" for figure in (ours, theirs))
    ratio = f"{figure:.2f}" if theirs else ""
    if missed:
        if ratio:
            mine = mine
            ratio = f"**{ratio}**"
        else:
            mine = f"**{mine}**"
            ratio = ratio
    command = f"`{' '.join(['benchmarks/' + Path(sys.argv[0]).name, *sys.argv[1:]])}`"
    taken = f"{datetime.now(timezone.utc):%Y-%m-%d}, {os.environ.get('MODEL_MONITOR_BENCHMARK_LOAD', '')}"
    row = Row(" ".join(work.split()), " ".join(peer.split()), limit, mine, theirs_text, ratio, command, taken)
    if ROWS_VARIABLE in os.environ:
        with open(os.environ[ROWS_VARIABLE], "a", encoding="utf-8") as file:
            file.write(json.dumps(astuple(row)) + "\n")
    return "missed" if missed else "reached"


def noted(path: Path) -> list[Row]:
    """The rows of a file."""
    if path.is_file():
        return [Row(*json.loads(line)) for line in path.read_text("utf-8").splitlines()]
    return []


def rows_of_page() -> list[Row]:
    """The rows that the page has."""
    if PAGE.is_file():
        lines = PAGE.read_text("utf-8").splitlines()
    else:
        lines = []
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return [Row(*row) for row in cells if len(row) == len(fields(Row)) and row[0] != HEADINGS[0]]


def write_page(new: Iterable[Row], scripts: list[str]) -> None:
    """Put new rows in the places of those of the same work and peer, sorted by their scripts."""
    rows = {(row.work, row.peer): row for row in (*rows_of_page(), *new)}
    order = {f"benchmarks/{script}": index for index, script in enumerate(scripts)}
    ordered = sorted(rows.values(), key=lambda row: order.get(row.command.strip("`").split()[0], len(order)))
    lines = [f"| {' | '.join(HEADINGS)} |", "|---|---|---:|---:|---:|---:|---|---|"]
    lines += [f"| {' | '.join(astuple(row))} |" for row in ordered]
    PAGE.write_text(f"{ABOUT}{machine()}\n\n" + "\n".join(lines) + "\n", "utf-8")


def machine() -> str:
    """What the last run was measured with."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    gibibytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    on = f"{model}, {os.cpu_count()} cores, {gibibytes:.0f} GiB, {platform.system()}"
    ours = f"spark-model-monitor {version('spark-model-monitor')}, Python {platform.python_version()}"
    return f"Last run: {datetime.now(timezone.utc):%Y-%m-%d}, {on};\n{ours}, {libraries}."
