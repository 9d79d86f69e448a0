"""Data for jobs on a cluster: enough of it that each stage has several tasks, and small enough to be read in a second."""

from __future__ import annotations

import random
from pathlib import Path

from tests.spark.merging.records import make_capture, make_label, write_captures, write_labels

COLUMNS = 200
FILES = 24
ROWS_OF_A_FILE = 60
"""4,800 states of each kind: more than the driver adds by itself (`profiling.scan.STATES_ON_THE_DRIVER`)."""

HOURS = 12
RECORDS_OF_AN_HOUR = 400


def wide_table(folder: Path, rows: int = ROWS_OF_A_FILE, columns: int = COLUMNS) -> Path:
    """CSV files of numbers, counts and texts, by default in so many columns that executors add the states. rows: of a file."""
    chance = random.Random(20)
    names = [f"feature {position}" for position in range(columns)]
    folder.mkdir(parents=True)
    for file in range(FILES):
        lines = [",".join(names)]
        for _ in range(rows):
            lines.append(",".join(_cell(position, chance) for position in range(columns)))
        (folder / f"part-{file:02}.csv").write_text("\n".join(lines) + "\n")
    return folder


def _cell(position: int, chance: random.Random) -> str:
    """An amount, a count or a text, by its column."""
    return (f"{chance.gauss(0, 1):.6f}", str(chance.randrange(50)), chance.choice("abcdef"))[position % 3]


def captures_and_labels(folder: Path) -> Path:
    """Captures of half a day, an hour a file, and a label for nine in ten of them."""
    chance = random.Random(21)
    for hour in range(HOURS):
        numbers = range(hour * RECORDS_OF_AN_HOUR, (hour + 1) * RECORDS_OF_AN_HOUR)
        write_captures(folder, hour, [make_capture(number, hour=hour, minute=number % 60) for number in numbers])
        labels = [make_label(f"event-{number}", str(number % 2)) for number in numbers if chance.random() < 0.9]
        write_labels(folder, hour, labels)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """What lies below a folder, hidden files left out: relative path -> content."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }
