"""What a column takes beside its rows, a small frame of pandas, a small file, a command, a window on a page: core seconds, each
with its limit.

python benchmarks/columns.py [--only WORD …]

--only: the work whose name has one of these words.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from performance import note
from report import write_runs

from spark_model_monitor import Baseline, DataQualityMonitor, run_baseline, run_monitoring

WIDE = 1_000
NARROW = 10
CELLS = 1_000_000
"""Columns of two tables of as many cells: what the wide one takes more is the cost of its columns."""

ROUNDS = 3
WARM_ROUNDS = 30
FRAME_ROWS = 1_000
FRAME_COLUMNS = 20
COMMAND_ROWS = 8
WINDOWS = 10_000
LONGEST_ROWS = 10_000
FILES = 4_000
RECORDS_OF_A_FILE = 5
WINDOWS_OF_A_PAGE = 720
FEATURES_OF_A_PAGE = 100
BACKFILL_ROWS = 150
BACKFILL_COLUMNS = 4
BACKFILL_HOURS = (12, 60)
CAPTURED = datetime(2026, 1, 31, tzinfo=timezone.utc)
ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = "import numpy, pyarrow, pyarrow.compute, pyarrow.parquet"
MONITORING = "import runpy, sys; runpy.run_path(sys.argv[1])"
TIMES_DESCRIBE = {FRAME_ROWS: 1.2, 1: 1.0}
"""By rows, at most so many times pandas' own description of the same frame, which judges nothing."""

MONITOR = DataQualityMonitor()


def frame(rows: int, columns: int, seed: int) -> pd.DataFrame:
    """Numbers, whole numbers, categories, and numbers of which some are missing, in turns."""
    random = np.random.default_rng(seed)

    def column(number: int) -> np.ndarray:
        if number % 5 == 2:
            return random.integers(0, 50, rows)
        if number % 5 == 3:
            return random.choice(["north", "east", "south", "west"], rows)
        numbers = random.normal(size=rows)
        if number % 5 == 4:
            numbers[random.random(rows) < 0.1] = np.nan
        return numbers

    return pd.DataFrame({f"c{number}": column(number) for number in range(columns)})


def least_core_seconds(run: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Of this process and those that it started in the quickest of some rounds, after one to warm up."""
    run()
    took = []
    for _ in range(rounds):
        began = time.process_time() + _measure_children()
        run()
        took.append(time.process_time() + _measure_children() - began)
    return min(took)


def baselined(rows: pd.DataFrame) -> Baseline:
    """A baseline with all that its files hold."""
    baseline = run_baseline(rows, MONITOR, engine="local")
    assert baseline.variation is not None
    return baseline


def monitored(rows: pd.DataFrame, baseline: Baseline) -> object:
    return run_monitoring(rows, MONITOR, baseline, engine="local")


def baseline_column() -> float:
    """Milliseconds of a baseline for each column, beside its rows."""
    return _measure_column(lambda columns: partial(baselined, frame(CELLS // columns, columns, 1)))


def monitoring_column() -> float:
    """Milliseconds of a window for each column, beside its rows."""

    def run(columns: int) -> Callable[[], object]:
        rows = CELLS // columns
        return partial(monitored, frame(rows, columns, 2), baselined(frame(rows, columns, 1)))

    return _measure_column(run)


def _measure_column(run_of: Callable[[int], Callable[[], object]]) -> float:
    wide, narrow = (least_core_seconds(run_of(columns)) for columns in (WIDE, NARROW))
    return 1000 * (wide - narrow) / (WIDE - NARROW)


def longer_columns() -> float:
    """Core seconds of the baseline of 1,000 columns of 10,000 rows."""
    return least_core_seconds(partial(baselined, frame(LONGEST_ROWS, WIDE, 1)))


def more_columns() -> float:
    """How much longer a column takes in a window of 5,000 than in one of 1,000; 100 rows each."""
    rows = 100
    column_count = 5 * WIDE

    def measure_columns(columns: int) -> float:
        baseline = baselined(frame(rows, columns, 1))
        return least_core_seconds(partial(monitored, frame(rows, columns, 2), baseline), 1) / columns

    return measure_columns(column_count) / measure_columns(WIDE)


def measure_kept_bytes() -> float:
    """Megabytes that the process has more after 10,000 windows than after the first thousand."""
    baseline = baselined(frame(100, 5, 1))
    windows = [frame(60 + number, 5, number) for number in range(20)]
    for window_number in range(WINDOWS):
        monitored(windows[window_number % len(windows)], baseline)
        if window_number == WINDOWS // 10:
            before = _resident()
    return (_resident() - before) / 2**20


def _resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def calls_of_a_window(rows: int = FRAME_ROWS) -> float:
    """Thousands of calls of functions in a warm window of 20 columns: a measure that other work on the machine does not move."""
    baseline = baselined(frame(FRAME_ROWS, FRAME_COLUMNS, 1))
    window = frame(rows, FRAME_COLUMNS, 2)
    monitored(window, baseline)
    profile = cProfile.Profile()
    profile.runcall(monitored, window, baseline)
    return float(sum(statistics.callcount for statistics in profile.getstats())) / 1000


def pages_of_a_window() -> float:
    """Pages of memory that a warm window of 20 columns takes from the system, which gets them back: as long as one takes a
    microsecond, a thousand are a millisecond that no profile of functions shows.
    """
    baseline = baselined(frame(FRAME_ROWS, FRAME_COLUMNS, 1))
    windows = [frame(FRAME_ROWS, FRAME_COLUMNS, 2 + number) for number in range(WARM_ROUNDS)]
    for batch in (windows, windows):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for window in batch:
            monitored(window, baseline)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / len(windows)


def help_of_a_verb() -> float:
    """Core seconds of `a command: monitor --help`."""
    return _command("monitor", "--help")


def command_of_few_rows() -> float:
    """Core seconds of `spark-model-monitor monitor` of 8 rows in CSV."""
    with tempfile.TemporaryDirectory(prefix="spark-model-monitor-benchmark-") as name:
        folder = Path(name)
        frame(500, 5, 1).to_csv(folder / "before.csv", index=False)
        frame(COMMAND_ROWS, 5, 2).to_csv(folder / "after.csv", index=False)
        baseline = folder / "baseline"
        report = folder / "report"
        _command("baseline", folder / "before.csv", "--output-path", baseline)
        return _command("monitor", folder / "after.csv", "--baseline", baseline, "--output-path", report)


def small_file() -> float:
    """Milliseconds of a file of five captures, beside the same captures in one file."""
    with tempfile.TemporaryDirectory(prefix="spark-model-monitor-benchmark-") as name:
        folder = Path(name)
        before = frame(500, 5, 1)
        before.to_csv(folder / "before.csv", index=False)
        baseline = folder / "baseline"
        _command("baseline", folder / "before.csv", "--output-path", baseline)
        # The same captures in many files, and in one
        cells = _write_cells(before, FILES * RECORDS_OF_A_FILE)
        captures = [_capture(number, line) for number, line in enumerate(cells)]
        took = []
        for files in (FILES, 1):
            source = folder / f"{files}-files"
            source.mkdir()
            records = len(captures) // files
            for number in range(files):
                lines = captures[number * records : (number + 1) * records]
                (source / f"{number:05}.jsonl").write_text("".join(lines))
            flags = ("--dataset-format", "capture", "--baseline", baseline, "--output-path", folder / "report")
            took.append(_command("monitor", source, *flags))
    of_files, of_one = took
    return 1000 * (of_files - of_one) / FILES


def _write_cells(rows: pd.DataFrame, line_count: int) -> list[str]:
    """The rows as so many lines of CSV, again and again."""
    lines = rows.to_csv(index=False, header=False).splitlines()
    return [lines[number % len(lines)] for number in range(line_count)]


def _capture(number: int, cells: str, time_of_capture: datetime = CAPTURED) -> str:
    """A captured request, as an endpoint writes it; its output is the first cell."""
    prediction, _, features = cells.partition(",")
    halves = {
        "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": features, "encoding": "CSV"},
        "endpointOutput": {"observedContentType": "text/csv", "mode": "OUTPUT", "data": prediction, "encoding": "CSV"},
    }
    metadata = {"eventId": f"event-{number}", "inferenceTime": f"{time_of_capture:%Y-%m-%dT%H:%M:%SZ}"}
    return json.dumps({"captureData": halves, "eventMetadata": metadata, "eventVersion": "0"}) + "\n"


def window_of_a_backfill() -> float:
    """Milliseconds of an hour of a backfill, from the difference of a longer one and a shorter one; without its page."""
    with tempfile.TemporaryDirectory(prefix="spark-model-monitor-benchmark-") as name:
        folder = Path(name)
        frame(500, BACKFILL_COLUMNS, 1).to_csv(folder / "before.csv", index=False)
        baseline = folder / "baseline"
        _command("baseline", folder / "before.csv", "--output-path", baseline)
        write_hours(folder / "captures")
        # The shorter one ends after its own hours
        took = []
        for hours in BACKFILL_HOURS:
            end = f"{CAPTURED + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"
            flags = ("--dataset-format", "capture", "--end-time", end, "--no-report", "--baseline", baseline)
            report = folder / f"report-{hours}"
            took.append(_command("backfill", folder / "captures", *flags, "--output-path", report))
    shorter, longer = BACKFILL_HOURS
    return 1000 * (took[1] - took[0]) / (longer - shorter)


def write_hours(captures: Path) -> None:
    """Captures of the hours of the longer backfill, each in its folder."""
    for hour in range(max(BACKFILL_HOURS)):
        time_of_hour = CAPTURED + timedelta(hours=hour)
        cells = _write_cells(frame(BACKFILL_ROWS, BACKFILL_COLUMNS, 2 + hour), BACKFILL_ROWS)
        lines = [_capture(number, line, time_of_hour) for number, line in enumerate(cells)]
        folder = captures / f"{time_of_hour:%Y/%m/%d/%H}"
        folder.mkdir(parents=True)
        (folder / "all.jsonl").write_text("".join(lines))


def import_of_monitoring() -> float:
    """Core seconds of loading what `monitor` needs for files of this machine, beside the libraries alone."""
    own_modules = measure_program("-c", f"{LIBRARIES}; {MONITORING}", ROOT / "jobs" / "monitor.py")
    return own_modules - measure_program("-c", LIBRARIES)


def window_of_a_page() -> float:
    """Milliseconds of a window of 100 features on the page of a month, the command's start included."""
    with tempfile.TemporaryDirectory(prefix="spark-model-monitor-benchmark-") as name:
        folder = Path(name)
        write_runs(folder / "runs", WINDOWS_OF_A_PAGE, FEATURES_OF_A_PAGE, rows=1_000)
        return 1000 * _command("report", folder / "runs", "--output", folder / "page.html") / WINDOWS_OF_A_PAGE


def compare_with_describe(rows: int) -> tuple[float, float]:
    """Milliseconds of a warm window, and of pandas' description of the same frame, in turns."""
    baseline = baselined(frame(FRAME_ROWS, FRAME_COLUMNS, 1))
    took: list[tuple[float, float]] = []
    for number in range(2 * WARM_ROUNDS):
        window = frame(rows, FRAME_COLUMNS, 2 + number)
        began = time.process_time()
        monitored(window, baseline)
        between = time.process_time()
        window.describe(include="all")
        took.append((between - began, time.process_time() - between))
    ours, theirs = zip(*took, strict=True)
    return 1000 * min(ours), 1000 * min(theirs)


def _command(*words: str | Path) -> float:
    return measure_program("-m", "spark_model_monitor", *words)


def measure_program(*words: str | Path) -> float:
    """Core seconds of a Python with these arguments, the least of some rounds."""
    # As an installed package is: its modules are compiled, by the first round
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    took = []
    for _ in range(ROUNDS + 1):  # the first start reads modules from the disk
        began = _measure_children()
        command = [sys.executable, *map(str, words)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        took.append(_measure_children() - began)
    return min(took)


def _measure_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


WORK: tuple[tuple[str, Callable[[], float], float, str], ...] = (
    ("a column of a baseline, beside its rows", baseline_column, 0.4, "ms"),
    ("a column of a window, beside its rows", monitoring_column, 0.4, "ms"),
    (f"a baseline, {LONGEST_ROWS:,} x {WIDE:,}", longer_columns, 1.0, "s"),
    (f"calls of a warm window, {FRAME_ROWS:,} x {FRAME_COLUMNS}", calls_of_a_window, 45, "k"),
    (f"calls of a warm window, 1 x {FRAME_COLUMNS}", lambda: calls_of_a_window(1), 38, "k"),
    (f"pages of a warm window, {FRAME_ROWS:,} x {FRAME_COLUMNS}", pages_of_a_window, 600, "pages"),
    (f"memory after {WINDOWS:,} windows", measure_kept_bytes, 4, "MB"),
    ("a column of 5,000 beside one of 1,000", more_columns, 1.1, "times"),
    ("a command: monitor --help", help_of_a_verb, 0.15, "s"),
    (f"a command: monitor of {COMMAND_ROWS} rows", command_of_few_rows, 0.35, "s"),
    ("an import of what monitor needs, beside its libraries", import_of_monitoring, 0.15, "s"),
    (f"a file of {RECORDS_OF_A_FILE} captures, of {FILES:,}", small_file, 1.0, "ms"),
    (f"a window of a backfill, {BACKFILL_ROWS} x {BACKFILL_COLUMNS}", window_of_a_backfill, 40.0, "ms"),
    (f"a window on a page of {WINDOWS_OF_A_PAGE} x {FEATURES_OF_A_PAGE}", window_of_a_page, 1.0, "ms"),
)
"""What is measured, how, and what it may take."""


def main(words: Collection[str] = ()) -> None:
    """words: of the work's names; without any, all of it."""
    print(f"\n| {'work, core time':44} | limit |   ours | {'':5} | verdict |")
    print(f"| {'-' * 44} | ----: | -----: | {'-' * 5} | ------- |")
    for rows, limit in TIMES_DESCRIBE.items():
        work = f"a warm window, {rows:,} x {FRAME_COLUMNS}"
        if words and "describe" not in words:
            continue
        ours, theirs = compare_with_describe(rows)
        verdict = note(work, "pandas, describe", ours, theirs, limit, "core ms")
        print(
            f"| {work + ', describe':44} | {limit:5g} | {ours / theirs:6.2f} | times | {verdict:7} |",
            flush=True,
        )
    for work, measured, limit, unit in WORK:
        if words and not any(word in work for word in words):
            continue
        ours = measured()
        verdict = note(work, "", ours, at_most=limit, unit=f"core {unit}" if unit in ("ms", "s") else unit)
        print(f"| {work:44} | {limit:5g} | {ours:6.2f} | {unit:5} | {verdict:7} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", metavar="WORD", default=())
    main(parser.parse_args().only)
