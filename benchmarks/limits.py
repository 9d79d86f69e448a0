"""What happens at the edges? Cells, columns, categories and files that nobody would call usual, one job after the other.

python benchmarks/limits.py [--quick] [CASE ...]

Each job is a process with what a job has unless told otherwise, 2 GB of heap among it. Memory is looked at ten times a second.
Wanted: exit status 0, or a sentence with the setting to change, and no trace; a JVM within its heap and 0.7 GB, a worker
within 1.5 GB. --quick makes the data a tenth as large.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from processor_time import descendants

ROOT = Path(__file__).resolve().parents[1]
QUICK = 10
MEBIBYTE = 2**20
GIGABYTE = 10**9
JVM_AT_MOST = 2.7 * GIGABYTE
WORKER_AT_MOST = 1.5 * GIGABYTE
SECONDS_BETWEEN_LOOKS = 0.1
ZEROS = bytes(2**20)
LONG_AT = 999
"""The record with a long cell."""


def _capture(number: int, data: str = "1,2.5") -> str:
    halves = {
        name: {"observedContentType": "text/csv", "mode": name[8:].upper(), "data": text, "encoding": "CSV"}
        for name, text in (("endpointInput", data), ("endpointOutput", "0.5\n"))
    }
    event = {"eventId": str(number), "inferenceTime": "2026-01-31T22:10:00Z"}
    return json.dumps({"captureData": halves, "eventMetadata": event, "eventVersion": "0"}) + "\n"


def _csv(path: Path, lines: Iterator[str]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(lines)


def long_cell(folder: Path, share: int) -> None:
    """A cell of 50 MB among 2,000 short captures."""
    cell = "1," + "x" * (50 * MEBIBYTE // share)
    _csv(folder / "a.jsonl", (_capture(n, cell if n == LONG_AT else "1,2.5") for n in range(2000)))


def categories(folder: Path, share: int) -> None:
    """A million different texts, each twice."""
    count = 10**6 // share
    _csv(folder / "a.csv", (f"{n},c-{n % count:07d}\n" if n >= 0 else "n,category\n" for n in range(-1, 2 * count)))


def _wide(columns: int) -> Callable[[Path, int], None]:
    def written(folder: Path, share: int) -> None:
        rows = 2000 // share
        with (folder / "a.csv").open("w", encoding="utf-8") as file:
            file.write(",".join(f"c{n}" for n in range(columns)) + "\n")
            for row in range(rows):
                file.write(",".join(str((row * 7919 + n) % 1000) for n in range(columns)) + "\n")

    return written


def bomb(folder: Path, share: int) -> None:
    """1.5 GB of NULs in one line of a gzip of 1.5 MB."""
    with gzip.open(folder / "a.csv.gz", "wb", compresslevel=6) as file:
        file.write(b"n,state\n" + b"".join(b"%d,ok\n" % n for n in range(2000)))
        for _ in range(1536 // share):
            file.write(ZEROS)
        file.write(b"\n")


def one_hour(folder: Path, share: int) -> None:
    """1 GB of captures of one hour in one file."""
    line = _capture(0)
    size = GIGABYTE // share
    _csv(folder / "a.jsonl", (_capture(n, f"{n % 97},{n % 89}.5") for n in range(size // len(line))))


CASES: dict[str, tuple[Callable[[Path, int], None], tuple[str, ...]]] = {
    "a cell of 50 MB": (long_cell, ("--dataset-format", "capture")),
    "10^6 categories": (categories, ("--dataset-format", "csv")),
    "5,000 columns": (_wide(5000), ("--dataset-format", "csv")),
    "10,000 columns": (_wide(10_000), ("--dataset-format", "csv")),
    "a gzip of NULs": (bomb, ("--dataset-format", "csv")),
    "1 GB of one hour": (one_hour, ("--dataset-format", "capture")),
}


def measured(flags: tuple[str, ...], source: Path, output: Path) -> tuple[int, float, dict[str, int], str]:
    """Exit status and seconds of a baselining job, the most bytes that each kind of process had, and the job's last line."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "lib")}
    command = [str(ROOT / "spark-submit.sh"), str(ROOT / "jobs" / "baseline.py"), "--dataset-source", str(source)]
    start = time.perf_counter()
    job = subprocess.Popen(
        [*command, "--output-path", str(output), *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )
    peaks = {"jvm": 0, "driver": 0, "worker": 0}
    ended = threading.Event()
    looking = threading.Thread(target=_look, args=(peaks, ended))
    looking.start()
    printed, _ = job.communicate()
    ended.set()
    looking.join()
    seconds = time.perf_counter() - start
    trace = " (with a trace)" if "Traceback" in printed else ""
    errors = [line for line in printed.splitlines() if " ERROR " in line] or printed.splitlines()[-1:]
    return job.returncode, seconds, peaks, errors[0].partition("Z ")[2][:300] + trace


def _look(peaks: dict[str, int], ended: threading.Event) -> None:
    page = os.sysconf("SC_PAGE_SIZE")
    while not ended.wait(SECONDS_BETWEEN_LOOKS):
        for process in descendants() - {os.getpid()}:
            try:
                command = Path(f"/proc/{process}/cmdline").read_bytes()
                size = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]) * page
            except (OSError, IndexError, ValueError):
                continue  # it has just ended
            if b"java" in command.partition(b"\0")[0]:
                kind = "jvm"
            elif b"baseline" in command:
                kind = "driver"
            else:
                kind = "worker"
            peaks[kind] = max(peaks[kind], size)


def main() -> None:
    arguments = sys.argv[1:]
    if "--help" in arguments:
        print(__doc__)
        return
    share = QUICK if "--quick" in arguments else 1
    names = [name for name in arguments if name in CASES] or list(CASES)
    print("| case             | status |     s | JVM, MB | driver, MB | worker, MB |         |")
    print("| ---------------- | -----: | ----: | ------: | ---------: | ---------: | ------- |")
    sentences = []
    for name in names:
        write, flags = CASES[name]
        with TemporaryDirectory() as folder:
            source = Path(folder) / "in"
            source.mkdir()
            write(source, share)
            status, seconds, peaks, errors = measured(flags, source, Path(folder) / "out")
        is_within = peaks["jvm"] <= JVM_AT_MOST and peaks["worker"] <= WORKER_AT_MOST
        if is_within and "with a trace" not in errors:
            verdict = "reached"
        else:
            verdict = "missed"
        sizes = " | ".join(
            f"{peaks[kind] / 1e6:{width}.0f}" for kind, width in (("jvm", 7), ("driver", 10), ("worker", 10))
        )
        print(f"| {name:16} | {status:6} | {seconds:5.0f} | {sizes} | {verdict} |", flush=True)
        sentences.append(f"{name}: {errors}")
    print("\n" + "\n".join(sentences))


if __name__ == "__main__":
    main()
