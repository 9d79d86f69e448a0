"""How large is the page of a month, how long does it take, and how soon can one use it?

python benchmarks/report.py [--quick] [--windows 720] [--features 1000] [--rows 10000]

Makes summaries of so many hourly runs, 3 % of whose features drift in the last quarter, and measures
`spark-model-monitor report` in a process of its own: bytes, processor time, memory; and in Chromium, where there is one,
the time until the map can be used and that of a click. Wanted of 720 windows of 1,000 features: 5 MB, 15 s, 2 GB, 3 s, 50 ms.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from spark_model_monitor.documents.check_results import CheckResult, CheckStatus
from spark_model_monitor.documents.monitoring_settings import MonitoringConfig
from spark_model_monitor.documents.run_description import RunDescription, RunWindow, format_moment
from spark_model_monitor.documents.statistics import Summary, SummaryRow
from spark_model_monitor.reports.outputs.result_tables import encode_summary
from spark_model_monitor.reports.outputs.run_files import publish

START = datetime(2026, 3, 1, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
THRESHOLD = 0.1
BINS = 22
WANTED = {"bytes": 5e6, "seconds": 15, "gigabytes": 2, "ready": 3, "click": 0.05}


def write_runs(folder: Path, windows: int, features: int, rows: int) -> None:
    """rows: of a window; the fewer there are, the more its shares differ from those of the others."""
    rng = np.random.default_rng(0)
    steps = np.linspace(-1.5, 1.5, 7)
    names = [f"feature_{number:04d}" for number in range(features)]
    baseline = rng.dirichlet(np.full(BINS, 2.0), features)
    bad = set(range(0, features, 33))
    for hour in range(windows):
        late = hour >= windows * 3 // 4
        shares = rng.multinomial(rows, baseline) / rows
        distances = np.abs(rng.normal(0, 0.02, features)) + [
            0.3 if late and number in bad else 0 for number in range(features)
        ]
        means = rng.normal(50, 1, features)
        rows_of = tuple(
            SummaryRow(
                name,
                kind="number",
                present=rows,
                missing=0,
                mean=float(means[number]),
                quantiles=(means[number] + steps).tolist(),
                shares=shares[number].tolist(),
            )
            for number, name in enumerate(names)
        )
        results = [
            CheckResult(
                feature=name,
                check="baseline_drift_check",
                status=CheckStatus.VIOLATED if distances[number] > THRESHOLD else CheckStatus.PASSED,
                observed=float(distances[number]),
                threshold=THRESHOLD,
                method="Robust",
            )
            for number, name in enumerate(names)
        ]
        start = START + hour * HOUR
        described = RunDescription(
            job="monitor",
            analysis_type="DATA_QUALITY",
            window=RunWindow(start=format_moment(start), end=format_moment(start + HOUR)),
            model="synthetic",
            schedule=None,
            baseline_run_id="b",
            product="0",
            settings=MonitoringConfig(),
            rows=rows,
            violations=sum(result.status is CheckStatus.VIOLATED for result in results),
        )
        files = {RunDescription.FILE_NAME: described.to_json().encode()}
        files |= encode_summary(Summary(rows_of, {name: [0.0, 100.0] for name in names}), results)
        publish(files, str(folder / f"{start:%Y/%m/%d/%H}"))


def measured(folder: Path, page: Path) -> dict[str, float]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "spark_model_monitor", "report", str(folder), "--output", str(page)]
    subprocess.run(command, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "bytes": page.stat().st_size,
        "seconds": spent,
        "gigabytes": after.ru_maxrss * 1024 / 1e9,
        **in_browser(page),
    }


def in_browser(page: Path) -> dict[str, float]:
    chromium = shutil.which("chromium")
    if chromium is None:
        return {}
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        shown = browser.new_page(viewport={"width": 1280, "height": 720})
        began = time.perf_counter()
        shown.goto(page.as_uri())
        shown.wait_for_selector(".map .detail h3")
        ready = time.perf_counter() - began
        click = shown.evaluate(
            """() => {
                const canvas = document.querySelector(".map canvas"), place = canvas.getBoundingClientRect();
                const where = {clientX: place.left + 400, clientY: place.top + 8, bubbles: true};
                const before = document.querySelector(".map .detail h3").textContent, began = performance.now();
                canvas.dispatchEvent(new MouseEvent("click", where));
                const spent = (performance.now() - began) / 1000;
                if (document.querySelector(".map .detail h3").textContent === before) throw new Error("nothing was chosen");
                return spent;
            }"""
        )
        browser.close()
    return {"ready": ready, "click": click}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--windows", type=int, default=720)
    parser.add_argument("--features", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--quick", action="store_true", help="48 windows of 100 features")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.windows = 48
        arguments.features = 100
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_runs(folder / "runs", arguments.windows, arguments.features, arguments.rows)
        measurements = measured(folder / "runs", folder / "history.html")
    print(f"{arguments.windows} windows of {arguments.features} features, {arguments.rows:,} rows each")
    for title, value in measurements.items():
        print(
            f"  {title:10} {value:12,.3f}   wanted {WANTED[title]:,.3f}{'' if value <= WANTED[title] else '   MISSED'}"
        )
    return int(any(value > WANTED[measure] for measure, value in measurements.items()))


if __name__ == "__main__":
    sys.exit(main())
