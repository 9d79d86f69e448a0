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
from dataclasses import astuple, dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

ROWS_VARIABLE = "MODEL_MONITOR_BENCHMARK_ROWS"
"""The file that rows are noted in; where it isn't set, a benchmark only prints."""

PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
LIBRARIES = ("numpy", "pyarrow", "pandas", "pyspark", "xgboost-cpu")
ABOUT = """# Performance

`make bench` writes this page. Rows are runs beside peers, in turns; medians count. `core s`: of all processes; `s`: on the
clock. The goal limits the ratio, or without a peer our figure. Bold: missed. A heading has the
[command](../benchmarks/README.md), the day, and how many programs wanted the two cores.

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


PARTS = {
    "warm window": "`parts.py window`: verdicts 39 %, states 16 %, checks 10 %; arrays of verdicts",
    "column of a baseline": "`parts.py wide`: states 52 %, profiling 21 %, constraints 10 %; arrays of states",
    "monitor of 8 rows": "`parts.py command`: making dataclasses 28 %, loading bytecode 26 %, pydantic 9 %; fewer of them",
    "on a page": "`parts.py page`: making runs 30 %, summary.parquet 29 %, storage 9 %; one file for many windows",
    "merged with": "`parts.py merge`: joining 28 %, records 27 %, exchange 17 %; a compiled reader of JSON",
    "captures to a verdict": "`parts.py captures`: records 19 %, states 18 %, bytecode 13 %; fewer modules",
    "on S3": "boto3's own GET 91 %; another client",
    "ids, URLs, texts": "`parts.py texts_csv`: states 29 %, records 14 %, dataclasses 11 %; compiled states",
    "x 13 mixed": "`parts.py mixed_csv`: states 44 %, profiling 13 %, records 13 %; compiled states",
    "3 facets": "`parts.py bias`: the JVM 94 %, the driver's Python 6 %; fewer groups",
    "10 doubles + 3 texts": "`parts.py spark`: the JVM 55 %, workers 38 %, the driver's Python 7 %; a scan in the JVM",
    "adding states": "`driver.py`: the JVM 95 %, 8 core s to start, 2.4 core ms a task; fewer tasks",
    "spark-submit": "the JVM 65 %, the driver's Python 26 %, workers 10 %; Spark without its second compiler",
}
"""What the time of missed works consists of, by words of their names: its largest parts, and what the mark would take."""

TABLES = "## Beside peers"
HEADINGS = ("work", "peer", "goal", "ours", "the peer", "ratio")
"""Of the columns; the command, and when it ran, stand in the heading above a table."""


def note(
    work: str, peer: str, ours: float, theirs: float | None = None, at_most: float | None = None, unit: str = "core s"
) -> str:
    """Note a row that has a goal, and say whether it is reached. at_most: of the ratio, or of ours if there is no peer."""
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
    if missed and ratio:
        ratio = f"**{ratio}**"
    elif missed:
        mine = f"**{mine}**"
    command = f"`{' '.join(['benchmarks/' + Path(sys.argv[0]).name, *sys.argv[1:]])}`"
    taken = f"{datetime.now(timezone.utc):%Y-%m-%d}, {os.environ.get('MODEL_MONITOR_BENCHMARK_LOAD', '')}"
    row = Row(" ".join(work.split()), " ".join(peer.split()), limit, mine, theirs_text, ratio, command, taken)
    if ROWS_VARIABLE in os.environ and limit:
        with open(os.environ[ROWS_VARIABLE], "a", encoding="utf-8") as file:
            file.write(json.dumps(astuple(row)) + "\n")
    return "missed" if missed else "reached"


def noted(path: Path) -> list[Row]:
    """The rows of a file."""
    if path.is_file():
        return [Row(*json.loads(line)) for line in path.read_text("utf-8").splitlines()]
    return []


def text_below_the_table() -> str:
    """The parts of the page that people write: from the heading below the tables on."""
    if not PAGE.is_file():
        return ""
    _, _, tables = PAGE.read_text("utf-8").partition(TABLES)
    _, heading, text = tables.partition("\n## ")
    return heading + text


def rows_of_page() -> list[Row]:
    """The rows that the page has: each with the command and the time that the heading above it names."""
    if PAGE.is_file():
        lines = PAGE.read_text("utf-8").splitlines()
    else:
        lines = []
    rows: list[Row] = []
    heading: tuple[str, ...] = ()
    for line in lines:
        if line.startswith("### "):
            command, _, taken = line.removeprefix("### ").partition(", ")
            heading = (command, taken)
        elif line.startswith("## ") and rows:
            break
        elif line.startswith("| ") and heading:
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if cells[0] != HEADINGS[0]:
                work = cells[0] or rows[-1].work
                rows.append(Row(work, *cells[1:], *heading))
    return rows


def write_page(new: Iterable[Row], scripts: list[str]) -> None:
    """Put new rows in the places of those of the same work and peer, below headings in the order of their scripts."""
    rows = {(row.work, row.peer): row for row in (*rows_of_page(), *new)}
    written_by_people = text_below_the_table()
    order = {f"benchmarks/{script}": index for index, script in enumerate(scripts)}
    parts: dict[tuple[str, str], list[Row]] = {}
    for row in sorted(rows.values(), key=lambda row: order.get(row.command.strip("`").split()[0], len(order))):
        parts.setdefault((row.command, row.taken), []).append(row)
    tables = "\n".join(format_part(command, taken, part) for (command, taken), part in parts.items())
    tables += format_misses(rows.values())
    PAGE.write_text(f"{ABOUT}{machine()}\n\n{TABLES}\n\n{tables}{written_by_people}", "utf-8")


def format_part(command: str, taken: str, rows: list[Row]) -> str:
    """A heading with the command and the time, and the table of its rows."""
    lines = [f"### {command}, {taken}", "", f"| {' | '.join(HEADINGS)} |", "|---|---|---:|---:|---:|---:|"]
    for above, row in zip([None, *rows], rows, strict=False):
        work, *cells = astuple(row)[: len(HEADINGS)]
        if above and above.work == work:
            work = ""
        lines.append(f"| {' | '.join([work, *cells])} |")
    return "\n".join(lines) + "\n"


def format_misses(rows: Iterable[Row]) -> str:
    """A line for each kind of missed works."""
    missed = [row.work for row in rows if "**" in row.ours + row.ratio]
    lines = [f"- {words}: {parts}" for words, parts in PARTS.items() if any(words in work for work in missed)]
    return "\n".join(["\n### Parts of the misses, and what the marks would take", "", *lines, ""])


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
