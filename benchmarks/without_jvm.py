"""What commands take without a JVM: captures beside DuckDB, due hours of a day beside a command each, and the sizes that `auto`
keeps here beside Spark.

python benchmarks/without_jvm.py [--quick] [--gigabytes 1]

What it makes, and what the jobs that it starts leave in a folder for temporary files, goes with it, also when it is told to end.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path

from data_sets import mixed_csv, mixed_parquet, size_bytes
from profile_captures import INPUTS, baseline_table, captures
from side_by_side import QUICK_SHARE, Contestant, own_process, race, report

ROWS = 1_000_000
HOURS = 24
LIMITS = {"parquet": 10.4, "csv": 10.4, "capture": 2.2}
"""Gigabytes, a little more than `auto` keeps here (`MAX_LOCAL_BYTES_BY_FORMAT` of data/reading/data_reader.py)."""

GIGABYTES = 1.0
"""Of each format by default, which takes some minutes."""

OF_DUCKDB = 1.0

TIMED = """
import os, resource, subprocess, sys, time
began = time.perf_counter()
ended = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
took = resource.getrusage(resource.RUSAGE_CHILDREN)
assert ended.returncode in (0, 4), ended
print(time.perf_counter() - began, took.ru_utime + took.ru_stime)
"""

SUMMARIZE = """
import sys, duckdb
cell = "split_part(captureData.endpointInput.data, ',', {}) AS x{}"
cells = ", ".join(cell.format(place + 1, place) for place in range(int(sys.argv[2])))
duckdb.sql(f"SUMMARIZE SELECT {cells} FROM read_json('{sys.argv[1]}/**/*.jsonl')").fetchall()
"""

BASELINE = """
import sys
from spark_model_monitor import DataQualityMonitor, run_baseline
from spark_model_monitor.data.reading.formats import parse_format
run_baseline(sys.argv[1], DataQualityMonitor(), dataset_format=sys.argv[3], engine=sys.argv[2])
"""


def python(program: str, *words: object) -> list[str]:
    return [sys.executable, "-c", TIMED, sys.executable, "-c", program, *map(str, words)]


def command(*words: object) -> list[str]:
    return [sys.executable, "-c", TIMED, sys.executable, "-m", "spark_model_monitor", *map(str, words)]


def compare_captures(records: int, folder: Path) -> None:
    """A window of captures to a verdict, all files written, beside DuckDB's counts of the same cells."""
    data = captures(records)
    baseline = folder / "baseline"
    own_process(command("baseline", baseline_table(), "--output-path", baseline))
    monitor = command(
        "monitor", data, "--dataset-format", "capture", "--baseline", baseline, "--output-path", folder / "report"
    )
    ours = Contestant("ours: the command, without a JVM", partial(own_process, monitor), rounds=5)
    peer = Contestant(
        "DuckDB 1.4: SUMMARIZE of read_json's cells",
        partial(own_process, python(SUMMARIZE, data, INPUTS)),
        rounds=5,
        at_most=OF_DUCKDB,
    )
    race([ours, peer])
    report(f"{records:,} captures of {INPUTS} features, a process each", ours, [peer])


def compare_due_hours(folder: Path) -> None:
    """`run-due` with a day to make up for, beside `monitor` called for each of its hours."""
    last = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)
    [source, *_] = sorted(captures(ROWS // QUICK_SHARE).rglob("*.jsonl"))
    lines = source.read_text().splitlines()[:20]
    starts = [last - timedelta(hours=number + 1) for number in reversed(range(HOURS))]
    for start in (*starts, last):  # the last one becomes due if a full hour strikes meanwhile
        hour = folder / "captures" / f"{start:%Y/%m/%d/%H}"
        hour.mkdir(parents=True)
        (hour / "10.jsonl").write_text(
            "".join(line.replace("2026-01-31T22", f"{start:%Y-%m-%dT%H}") + "\n" for line in lines)
        )
    where = {
        "dataset_source": folder / "captures",
        "dataset_format": "capture",
        "MODEL_MONITOR_BASELINE": folder / "baseline",
    }
    (folder / "day.env").write_text(
        "".join(f"{name}={text}\n" for name, text in {**where, "output_path": folder / "due"}.items())
    )
    job = {"job": "monitor", "env_file": "day.env", "output_folder": "%Y/%m/%d/%H"}
    entry = {"name": "day", "monitoring_type": "DataQuality", "cron": "0 * * * *", "jobs": [job]}
    schedule = folder / "day.schedule.json"
    schedule.write_text(json.dumps({**entry, "starts": f"{starts[0] + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"}))

    def due() -> None:
        for record in folder.glob("*.executions.json"):
            record.unlink()
        subprocess.run(
            [sys.executable, "-m", "spark_model_monitor", "run-due", "--schedule", schedule],
            check=True,
            capture_output=True,
        )

    def each() -> None:
        for start in starts:
            times = (
                "--start-time",
                f"{start:%Y-%m-%dT%H:00:00Z}",
                "--end-time",
                f"{start + timedelta(hours=1):%Y-%m-%dT%H:00:00Z}",
            )
            flags = ("--baseline", folder / "baseline", "--output-path", folder / f"each/{start:%Y/%m/%d/%H}", *times)
            own_process(command("monitor", folder / "captures", "--dataset-format", "capture", *flags))

    ours = Contestant("ours: run-due", due)
    peer = Contestant("a monitor command for each hour", each)
    race([ours, peer])
    report(
        f"{HOURS} due hours of {len(lines)} captures; on the clock, as run-due's jobs are nobody's children",
        ours,
        [peer],
    )


def compare_sizes(gigabytes: float, folder: Path) -> None:
    """A baseline of so much, links to the same files, in a process each; Spark's JVM starts in it. One run."""
    print(f"\n| data, links to the same files | local, s | Spark, s |\n| {'-' * 30} | -------: | -------: |")
    for word, data in (("parquet", mixed_parquet(ROWS)), ("csv", mixed_csv(ROWS)), ("capture", captures(ROWS))):
        folder_of_many = folder / word
        size = min(gigabytes, LIMITS[word])
        for number in range(round(size * 1e9 / size_bytes(data)) or 1):
            for file in (path for path in sorted(data.rglob("*")) if path.suffix in (".parquet", ".csv", ".jsonl")):
                if word != "capture":
                    target = folder_of_many / f"{number:04d}-{file.name}"
                else:
                    target = folder_of_many / file.relative_to(data).with_name(f"{number:04d}-{file.name}")
                target.parent.mkdir(parents=True, exist_ok=True)
                os.symlink(file, target)
        took = {
            engine: own_process(python(BASELINE, folder_of_many, engine, word)).seconds for engine in ("local", "spark")
        }
        print(
            f"| {word + f', {size:.1f} GB':30} | {took['local']:8.1f} | {took['spark']:8.1f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"a {QUICK_SHARE}th of the captures and of the gigabytes")
    parser.add_argument("--gigabytes", type=float, default=GIGABYTES, help="of each format, up to what auto keeps here")
    arguments = parser.parse_args()
    share = QUICK_SHARE if arguments.quick else 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory(prefix="spark-model-monitor-benchmark-") as name:
        folder = Path(name)
        temporary = Path(name, "temporary")
        temporary.mkdir()
        os.environ["TMPDIR"] = os.environ["SPARK_LOCAL_DIRS"] = str(temporary)
        compare_captures(ROWS // QUICK_SHARE // share, folder)
        compare_due_hours(folder)
        compare_sizes(arguments.gigabytes / share, folder)


if __name__ == "__main__":
    main()
