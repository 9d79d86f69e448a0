"""Does another commit write the same bytes? Generated frames, baselines and windows of both trees, compared file by file.

python benchmarks/same_documents.py COMMIT [--frames 60] [--first 0]

COMMIT: of git, or a folder with its tree. Of each seed: a frame of some columns of any type with a baseline, and windows of it:
alike, changed, small, with other columns. Verdicts that allow for chance (rows by themselves or in groups, with earlier windows
and without, in segments, by a time column) and those of the service. What differs is printed, and the status is 1.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent.parent
SIZES = (1, 2, 5, 9, 33, 40, 130, 400, 999, 1_000, 2_500, 5_000, 9_000, 20_000)
# columns; rows and columns of the frames that need a file, or a partition of some
WIDEST = 9
LARGE = 4_000
WIDE = 300
START = pd.Timestamp("2026-01-01")

Column = Callable[[np.random.Generator, int, float], object]


def _numbers(random: np.random.Generator, rows: int, moved: float) -> object:
    return random.normal(moved, 1 + abs(moved) / 2, rows) * 10.0 ** random.integers(-3, 6)


def _with_gaps(random: np.random.Generator, rows: int, moved: float) -> object:
    numbers = random.exponential(2, rows) + moved
    numbers[random.random(rows) < 0.05 + abs(moved) / 4] = np.nan
    return numbers


def _odd(random: np.random.Generator, rows: int, moved: float) -> object:
    numbers = random.standard_cauchy(rows) * 1e200
    numbers[random.random(rows) < 0.02] = np.inf
    numbers[random.random(rows) < 0.01 + abs(moved) / 9] = -np.inf
    numbers[random.random(rows) < 0.03] = -0.0
    return numbers


def _texts(random: np.random.Generator, rows: int, moved: float) -> object:
    kinds = [f"kind {number}" for number in range(int(random.integers(2, 40)) + round(3 * moved))]
    drawn = random.choice(kinds, rows).astype(object)
    drawn[random.random(rows) < moved / 9] = None
    return drawn


def _keys(random: np.random.Generator, rows: int, moved: float) -> object:
    return [f"id-{number:09d}" for number in random.integers(0, 10**9, rows) + round(10**8 * moved)]


def _sentences(random: np.random.Generator, rows: int, moved: float) -> object:
    words = np.array(
        ["slow", "Grün", "3.5", "order", "late!", "naïve", "日本", "x" * 40, "?"] + ["new"] * round(2 * moved)
    )
    return [" ".join(random.choice(words, int(random.integers(0, 9)))) for _ in range(rows)]


def _texts_of_numbers(random: np.random.Generator, rows: int, moved: float) -> object:
    drawn = np.round(random.normal(50 + 20 * moved, 9, rows), int(random.integers(0, 3))).astype(str).astype(object)
    drawn[random.random(rows) < moved / 20] = "n/a"
    return drawn


def _in_groups(random: np.random.Generator, rows: int, moved: float) -> object:
    size = int(random.integers(5, 40))
    return np.repeat(random.normal(moved, 1, rows // size + 1), size)[:rows].round(2)


def _times(random: np.random.Generator, rows: int, moved: float) -> object:
    return START + pd.to_timedelta(np.sort(random.integers(0, 10**6, rows)) + round(10**6 * moved), unit="s")


COLUMNS: Mapping[str, Column] = {
    "number": _numbers,
    "gaps": _with_gaps,
    "odd": _odd,
    "texts": _texts,
    "keys": _keys,
    "sentences": _sentences,
    "of_numbers": _texts_of_numbers,
    "groups": _in_groups,
    "times": _times,
    "whole": lambda random, rows, moved: random.integers(0, 3 + 50 * (rows % 2), rows) + round(4 * moved),
    "huge": lambda random, rows, moved: random.integers(-(2**62), 2**62, rows),
    "row": lambda random, rows, moved: np.arange(rows) + round(rows * moved),
    "flag": lambda random, rows, moved: random.random(rows) < 0.3 + moved / 3,
    "constant": lambda random, rows, moved: np.full(rows, 7.0 + round(moved)),
    "nothing": lambda random, rows, moved: np.full(rows, np.nan if moved < 1 else 3.0),
    "small": lambda random, rows, moved: random.normal(moved, 1, rows).astype(np.float32),
    "days": lambda random, rows, moved: (START + pd.to_timedelta(random.integers(0, 9, rows), unit="D")).date,
    "lists": lambda random, rows, moved: [random.normal(moved, 1, 3).tolist() for _ in range(rows)],
}


def frames(seed: int) -> Iterator[tuple[str, pd.DataFrame]]:
    """A baseline's rows, and those of windows, each with what it is called."""
    random = np.random.default_rng(seed)
    wide = seed % 20 == 19
    rows = int(random.choice(SIZES))
    if seed % 40 == 39:
        count = WIDE
        rows = LARGE
    elif wide:
        count = WIDE // 4
        rows = 200
    else:
        count = int(random.integers(1, WIDEST))
        rows = rows
    kinds = random.choice([kind for kind in COLUMNS if kind != "lists" or not wide], count)

    def make_rows(rows: int, moved: float) -> pd.DataFrame:
        generators = [np.random.default_rng((seed, number, rows, round(100 * moved))) for number in range(count)]
        amounts = [moved if random.random() < 0.4 else 0.0 for _ in kinds]
        return pd.DataFrame(
            {
                f"{kind} {number}": COLUMNS[kind](generators[number], rows, amounts[number])
                for number, kind in enumerate(kinds)
            }
        )

    yield "baseline", make_rows(rows, 0.0)
    yield "alike", make_rows(max(1, rows - 1), 0.0)
    yield "changed", make_rows(rows, 1.0)
    yield "slightly", make_rows(max(1, rows // 2), 0.2)
    yield "small", make_rows(min(rows, 30), 0.5)
    yield "other columns", make_rows(rows, 0.3).iloc[:, ::-1].iloc[:, count // 3 :].assign(further=1.5)
    if not wide:
        for window_number in range(9):
            yield f"earlier {window_number}", make_rows(max(1, rows // 2 + window_number), 0.0)


def written(seed: int) -> Iterator[tuple[str, bytes]]:
    """Every file of every run of a seed."""
    from spark_model_monitor import DataQualityMonitor, MonitoringSettings, run_baseline, run_monitoring
    from spark_model_monitor.documents.run_description import RunContext

    (_, rows), *windows = frames(seed)
    cuts = tuple(name for name in rows.columns if name.startswith("flag"))[:1]
    times = next((name for name in rows.columns if name.startswith("times")), None)
    monitors = {
        "clustered": DataQualityMonitor(),
        "independent": DataQualityMonitor(settings=MonitoringSettings(rows="independent", false_alarm_budget=0.02)),
        "service": DataQualityMonitor(as_service=True),
    }
    if seed % 3 == 0 and len(rows.columns) < WIDEST:
        settings = MonitoringSettings(segments=cuts, false_alarm_budget=0.01)
        further = {"predictions": tuple(rows.columns[:1]), "pairs": True, "time_column": times}
        monitors["further"] = DataQualityMonitor(settings=settings, **further)
    if seed % 3 == 1:
        monitors["none"] = DataQualityMonitor(settings=MonitoringSettings(verdicts="none"), with_sketches=False)
    for called, monitor in monitors.items():
        try:
            baseline = run_baseline(rows, monitor, engine="local")
            yield from ((f"{called} baseline {name}", data) for name, data in baseline.files().items())
        except Exception as fault:
            yield f"{called} baseline", _format_fault(fault)
            continue
        raws = []
        for window, frame in windows:
            reference = baseline
            if window.startswith("earlier") and called not in ("clustered", "further"):
                continue
            if window == "earlier 8" and called != "service":
                reference = _with_history(baseline, raws)
            try:
                evaluation = run_monitoring(frame, monitor, reference, engine="local")
                has_page = window in ("changed", "earlier 8")  # drawn twice as long as all else
                if has_page:
                    shown = evaluation
                else:
                    shown = replace(evaluation, current=replace(evaluation.current, context=RunContext(report=False)))
                if not window.startswith("earlier") or reference is not baseline:
                    files = shown.files()
                else:
                    files = {}
                yield from ((f"{called} {window} {name}", data) for name, data in files.items())
                yield (
                    f"{called} {window}",
                    f"{evaluation.summary()} {evaluation.published} {evaluation.results}".encode(),
                )
                raws.append(
                    tuple(
                        (baseline_name, name, {**raw})
                        for baseline_name, name, raw in evaluation.baseline.raw_statistics(evaluation.current.state)
                    )
                )
                yield f"{called} {window} raw", repr(raws[-1]).encode()
            except Exception as fault:
                yield f"{called} {window}", _format_fault(fault)


def _format_fault(fault: Exception) -> bytes:
    return f"{type(fault).__name__}: {fault}".encode()


def _with_history(baseline, raws):  # type: ignore[no-untyped-def]
    """What the baseline's monitor knows of it after the windows that left these raw statistics."""
    past: dict[str, dict[str, dict[str, list[float]]]] = {}
    for reference, name, raw in (raw_statistics for window in raws for raw_statistics in window):
        if reference == "baseline":
            for field, value in raw.items():
                past.setdefault(reference, {}).setdefault(name, {}).setdefault(field, []).append(value)
    arrays = {
        reference: {
            name: {field: np.array(values, float) for field, values in raw.items()}
            for name, raw in statistics_by_name.items()
        }
        for reference, statistics_by_name in past.items()
    }
    # The baseline as a monitor reads it, with this history
    monitor = baseline.monitor
    stored_baseline = monitor.stored_baseline(baseline.constraints, None, baseline.state, baseline.constraints)
    stored_baseline = stored_baseline.with_block_variation(baseline.variation)
    return replace(stored_baseline.with_history({}, arrays), source=None)


def digests(first: int, count: int) -> None:
    """Prints a line for each file of each seed."""
    logging.disable(logging.CRITICAL)
    for seed in range(first, first + count):
        for name, data in written(seed):
            print(seed, hashlib.sha256(data).hexdigest(), len(data), name, sep="\t", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tree")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--first", type=int, default=0)
    arguments = parser.parse_args()
    if Path(arguments.tree).is_dir():
        then = Path(arguments.tree)
    else:
        then = HERE / "build" / "against" / arguments.tree
    if not then.is_dir():
        subprocess.run(["git", "worktree", "add", "--detach", str(then), arguments.tree], cwd=HERE, check=True)
    command = [sys.executable, "-W", "ignore", __file__, "--digests", str(arguments.first), str(arguments.frames)]
    processes = [
        subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": str(root / "lib")}, stdout=subprocess.PIPE, text=True
        )
        for root in (then, HERE)
    ]
    before, now = (process.communicate()[0].splitlines() for process in processes)
    if any(process.returncode for process in processes):
        return 1
    different = sorted({*before} ^ {*now}, key=lambda line: (line.split("\t")[::3], line))
    for line in different:
        seed, digest, size, name = line.split("\t")
        print(f"seed {seed}, {name}: {digest[:12]} of {size} bytes {'then' if line in {*before} else 'now'}")
    print(
        f"{len(now):,} files of {arguments.frames} frames, {len(different)} lines differ: {'missed' if different else 'reached'}"
    )
    return 1 if different or before != now else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--digests"]:
        digests(*map(int, sys.argv[2:]))
    else:
        sys.exit(main())
