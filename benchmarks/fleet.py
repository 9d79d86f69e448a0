"""Fifty models beside one, windows from the first to the last, and the page of a thousand.

python benchmarks/fleet.py [--quick]

One model and fifty are watched in turns, each in a Python of its own, over the same hour of 200 captures. Then one model's hours
are made up for one after the other, and each is timed.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from io import StringIO
from pathlib import Path

from side_by_side import quick_asked

from model_monitor.integrations.demo.fleet import FLEET, write_fleet
from model_monitor.reports.history_page.fleet import SeenWindow, State, Watched, page_of_all
from model_monitor.reports.page.html import html_of
from model_monitor.running.scheduling.command import Request, run_due
from model_monitor.running.scheduling.runs import start_process
from model_monitor.running.scheduling.side_by_side import cores

ROOT = Path(__file__).resolve().parent.parent
MODELS, ROUNDS, AT_MOST = 50, 3, 4.0
WINDOWS, MEASURED = 400, 40
FLAT = 1.25
LARGE, LARGEST = 1_000, 5_000_000
HOUR = datetime(2024, 3, 4, 1, tzinfo=timezone.utc)


def watch(folder: str, hours: int) -> None:
    """What a call does, at a time of the traffic; prints how long each window's job took."""
    took: list[float] = []

    def launch(command, note):  # type: ignore[no-untyped-def]
        began = time.monotonic()
        status = start_process(command, note)
        took.append(time.monotonic() - began)
        return status

    top = Path(folder)
    request = Request((top / FLEET,), top / "state", at_once=cores(), page=top / "index.html")
    status = run_due(request, StringIO(), launch=launch, now=lambda: HOUR + timedelta(hours=hours - 1, minutes=5))
    assert status == 0, f"a window failed with {status}"
    print(json.dumps(took))


def watched(folder: Path, hours: int = 1) -> tuple[float, list[float]]:
    """The seconds of a call in a Python of its own, and of each window in it."""
    for name in ("state", "reports"):
        shutil.rmtree(folder / name, ignore_errors=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "lib")}
    words = [sys.executable, __file__, "--watch", str(folder), str(hours)]
    began = time.monotonic()
    ended = subprocess.run(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    return time.monotonic() - began, json.loads(ended.stdout)


def fifty_beside_one(top: Path) -> float:
    """Prints the mark; gives the seconds of a window of fifty."""
    one, many = top / "one", top / "many"
    write_fleet(one, models=1)
    write_fleet(many, models=MODELS)
    turns = [(watched(one)[0], watched(many)[0]) for _ in range(ROUNDS)]
    alone, together = (statistics.median(each) for each in zip(*turns, strict=True))
    ratio = statistics.median(second / first for first, second in turns)
    print(f"one model {alone:.1f} s, {MODELS} models {together:.1f} s, on {cores()} cores, {ROUNDS} rounds")
    print(f"{ratio:.2f} times, at most {AT_MOST:g} wanted: {'reached' if ratio <= AT_MOST else 'missed'}")
    return (together - alone) / (MODELS - 1)


def windows(top: Path, count: int) -> None:
    """Prints what a window costs at first and at last; its captures are those of one hour under other hours' names."""
    folder = top / "windows"
    write_fleet(folder, models=1)
    hours = folder / "captures" / "shop-00" / "AllTraffic"
    lines = [path.read_text() for path in sorted((hours / "2024/03/04/00").iterdir())]
    shutil.rmtree(hours)
    for number in range(count):
        hour = HOUR + timedelta(hours=number - 1)
        place = hours / f"{hour:%Y/%m/%d/%H}"
        place.mkdir(parents=True)
        for part, text in enumerate(lines):
            (place / f"{part}.jsonl").write_text(text.replace("2024-03-04T00:", f"{hour:%Y-%m-%dT%H}:"))
    said = json.loads((folder / FLEET).read_text())
    said["defaults"]["catch_up"] = count
    (folder / FLEET).write_text(json.dumps(said))
    _, took = watched(folder, count)
    first, last = (statistics.median(part) for part in (took[1 : MEASURED + 1], took[-MEASURED:]))
    print(f"a window at first {first:.2f} s, after {count:,} windows {last:.2f} s")
    verdict = "reached" if last <= FLAT * first else "missed"
    print(f"{last / first:.2f} times, at most {FLAT:g} wanted: {verdict}")


def page() -> None:
    causes = tuple(f"a_feature_of_a_usual_name_{number}" for number in range(5))
    seen = tuple(SeenWindow(f"2024-03-04T{hour:02}:00:00Z", hour, causes) for hour in range(24))
    kinds = ("DATA_QUALITY", "MODEL_QUALITY", "MODEL_BIAS", "MODEL_EXPLAINABILITY")
    many = [
        Watched(
            *(f"model-{number}", State.IN_ALERT if number % 3 == 0 else State.OK, kind, f"model-{number}"),
            *(f"owner-{number % 7}", ("cards", "eu"), "2024-03-04T01:00:00Z"),
            windows=seen,
            page=f"reports/model-{number}/{kind}/2024/03/04/20/report.html",
        )
        for number in range(LARGE)
        for kind in kinds
    ]
    began = time.monotonic()
    size = len(html_of(page_of_all(many, "shop")).encode())
    verdict = "reached" if size <= LARGEST else "missed"
    print(f"the page of {LARGE:,} models x {len(kinds)} monitors: {time.monotonic() - began:.1f} s")
    print(f"{size / 1e6:.1f} MB, at most {LARGEST / 1e6:g} wanted: {verdict}")


def main() -> None:
    quick = quick_asked(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        each = fifty_beside_one(Path(folder))
        print(
            f"so {LARGE:,} models x 24 hours take {LARGE * 24 * each / 60:.0f} minutes ({each:.2f} s a window; computed)"
        )
        windows(Path(folder), WINDOWS // (4 if quick else 1))
    page()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--watch"]:
        watch(sys.argv[2], int(sys.argv[3]))
    else:
        main()
