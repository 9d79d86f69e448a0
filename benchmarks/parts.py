"""What does the time of a work consist of: imports by library, and our own packages, by samples of core time?

python benchmarks/parts.py [window wide command page captures merge texts_parquet texts_csv mixed_parquet mixed_csv spark bias]

A millisecond of the main thread's core time is a sample, which counts for the innermost function of ours on the stack, or
for the library that an import runs. A command has one core, so that it starts no other processes. On Spark, parts are processes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType

TABLES = ("texts_parquet", "texts_csv", "mixed_parquet", "mixed_csv")
ON_SPARK = ("spark", "bias")
IN_PROCESS = ("window", "wide")
WORK = (*IN_PROCESS, "command", "page", "captures", "merge", *TABLES, *ON_SPARK)
WARM_UPS = 7
SAMPLE_SECONDS = 0.001
MIN_PARTS = 5
PACKAGE = "/spark_model_monitor/"
LIBRARIES = "/site-packages/"
DATACLASSES = "/dataclasses.py"
IMPORTS = "importlib"


def name_part(frame: FrameType | None) -> str:
    """Of the innermost frame of ours, its package; in an import, what the import does."""
    files = []
    while frame is not None:
        files.append(frame.f_code.co_filename)
        frame = frame.f_back
    if any(IMPORTS in file for file in files):
        return f"import: {name_import(files)}"
    ours = next((file for file in files if PACKAGE in file), None)
    if ours is None:
        return "the rest"
    folders = ours.partition(PACKAGE)[2].split("/")
    return "/".join(folders[: min(2, len(folders) - 1)]) or "the rest"


def name_import(files: list[str]) -> str:
    """files: of the frames, from the innermost on."""
    if IMPORTS in files[0]:
        return "finding and loading bytecode"
    origin = next((file for file in files if PACKAGE in file or LIBRARIES in file or file.endswith(DATACLASSES)), "")
    if origin.endswith(DATACLASSES):
        return "making dataclasses"
    if LIBRARIES in origin:
        return origin.partition(LIBRARIES)[2].split("/")[0]
    return "modules of ours" if origin else "Python's own"


def print_parts(run: Callable[[], None]) -> None:
    """Run something and print its largest parts."""
    samples: Counter[str] = Counter()
    signal.signal(signal.SIGPROF, lambda _, frame: samples.update([name_part(frame)]))
    signal.setitimer(signal.ITIMER_PROF, SAMPLE_SECONDS, SAMPLE_SECONDS)
    try:
        run()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    shares = [f"{name} {count / samples.total():.0%}" for name, count in samples.most_common(MIN_PARTS)]
    print(f"{samples.total()} samples: {', '.join(shares)}", flush=True)


def run_command(words: list[str]) -> None:
    """A command of ours in this process, its imports included."""
    sys.argv = ["spark-model-monitor", *words]
    import runpy

    with suppress(SystemExit):
        runpy.run_module("spark_model_monitor", run_name="__main__")


def prepare(work: str, folder: Path) -> list[str]:
    """The words of a command, whose data is made."""
    import columns
    import data_sets
    from marks import CAPTURES, MERGED
    from profile_captures import baseline_table, captures

    import merge

    baseline = str(folder / "baseline")
    report = str(folder / "report")
    if work == "page":
        columns.write_runs(folder / "runs", columns.WINDOWS_OF_A_PAGE, columns.FEATURES_OF_A_PAGE, rows=1_000)
        return ["report", str(folder / "runs"), "--output", str(folder / "page.html")]
    if work in TABLES:
        return ["baseline", str(getattr(data_sets, work)(columns.CELLS)), "--output-path", baseline]
    if work == "merge":
        records = MERGED[-1]
        sources = [str(merge.captures(records)), "--ground-truth-source", str(merge.labels(records))]
        return ["merge", *sources, "--output-path", report]
    source = captures(CAPTURES)
    table = baseline_table()
    if work == "command":
        source = folder / "after.csv"
        table = folder / "before.csv"
        columns.frame(500, 5, 1).to_csv(table, index=False)
        columns.frame(columns.COMMAND_ROWS, 5, 2).to_csv(source, index=False)
    columns._command("baseline", table, "--output-path", baseline)
    return ["monitor", str(source), "--baseline", baseline, "--output-path", report]


def measure_windows(work: str) -> None:
    """A baseline of a wide frame, or warm windows of a narrow one."""
    import columns

    if work == "wide":
        wide = columns.frame(columns.WARM_ROUNDS, columns.WIDE, 1)
        columns.baselined(columns.frame(columns.WARM_ROUNDS, columns.NARROW, 1))

        def run_wide() -> None:
            columns.baselined(wide)

        print_parts(run_wide)
        return
    baseline = columns.baselined(columns.frame(columns.FRAME_ROWS, columns.FRAME_COLUMNS, 1))
    windows = [columns.frame(columns.FRAME_ROWS, columns.FRAME_COLUMNS, 2 + n) for n in range(columns.WARM_ROUNDS)]
    columns.monitored(windows[0], baseline)

    def run() -> None:
        for window in windows:
            columns.monitored(window, baseline)

    print_parts(run)


def measure_on_spark(work: str) -> None:
    """A million rows in a warm session: the driver's Python, the JVM, Python workers."""
    from bias import ours, people
    from columns import CELLS
    from data_sets import mixed_parquet
    from ours import whole_profile
    from session import benchmark_session

    with benchmark_session() as spark:
        run = partial(ours, spark, people(CELLS))
        if work == "spark":
            run = partial(whole_profile, spark, mixed_parquet(CELLS))
        for _ in range(WARM_UPS):
            run()
        before = sum_ticks()
        run()
        spent = sum_ticks() - before
    shares = [f"{name} {count / spent.total():.0%}" for name, count in spent.most_common()]
    print(f"{spent.total()} ticks: {', '.join(shares)}", flush=True)


def sum_ticks() -> Counter[str]:
    """Of core time, by kind of process."""
    from processor_time import SYSTEM, USER, descendants, list_processes

    ticks: Counter[str] = Counter()
    started = descendants()
    for pid, fields in list_processes():
        if pid not in started:
            continue
        name = "Python workers"
        if pid == os.getpid():
            name = "the driver's Python"
        elif "SparkSubmit" in Path(f"/proc/{pid}/cmdline").read_text():
            name = "the JVM"
        ticks[name] += int(fields[USER]) + int(fields[SYSTEM])
    return ticks


def main(names: list[str]) -> None:
    for work in names or WORK:
        print(f"{work}: ", end="", flush=True)
        if work in IN_PROCESS:
            measure_windows(work)
            continue
        if work in ON_SPARK:
            measure_on_spark(work)
            continue
        with tempfile.TemporaryDirectory(prefix="spark-model-monitor-benchmark-") as name:
            words = prepare(work, Path(name))
            subprocess.run([sys.executable, __file__, "--one", *words], check=True, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
        command_words = sys.argv[2:]
        print_parts(lambda: run_command(command_words))
    else:
        main(sys.argv[1:])
