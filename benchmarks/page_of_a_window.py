"""The page of one window beside Evidently's and ydata-profiling's: bytes, seconds, and what is left of it without scripts.

python benchmarks/page_of_a_window.py [--quick]

Each reads the same two CSV files by pandas, compares them and writes its page, in a process of its own; Evidently
(requirements-evidently.txt) in .venv-evidently, ydata-profiling (requirements-ydata.txt), which reads the window alone, in
.venv-ydata. Twenty features, one of which has drifted. Scripts are off where pages are
mailed, or shown by a wiki or a code host: counted are the features whose names are still there to read.
"""

from __future__ import annotations

import resource
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from performance import note
from side_by_side import QUICK_SHARE, is_quick_run

HERE = Path(__file__).parent
PEERS = {"Evidently 0.7.23": ("evidently", "evidently_page.py"), "ydata-profiling 4.18.4": ("ydata", "ydata_page.py")}
"""Their environments and scripts."""

ROWS = 100_000
FEATURES = 20
ROUNDS = 3

OURS = """
import sys
import pandas as pd
from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
baseline, window, page = sys.argv[1:]
known = run_baseline(pd.read_csv(baseline), DataQualityMonitor())
run_monitoring(pd.read_csv(window), DataQualityMonitor(), known).report().save(page)
"""


def write_frames(folder: Path, rows: int) -> list[str]:
    """The paths of baseline and window; a feature of the window is half as large again."""
    rng = np.random.default_rng(0)
    paths = []
    for name, factor in (("baseline", 1.0), ("window", 1.5)):
        columns = {f"amount_{number:02d}": rng.lognormal(size=rows).round(4) for number in range(FEATURES)}
        columns["amount_07"] *= factor
        paths.append(str(folder / f"{name}.csv"))
        pd.DataFrame(columns).to_csv(paths[-1], index=False)
    return paths


def core_seconds(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def features_without_scripts(page: Path) -> int | str:
    chromium = shutil.which("chromium")
    if chromium is None:
        return "no Chromium"
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        shown = browser.new_context(java_script_enabled=False).new_page()
        shown.goto(page.as_uri())
        text = shown.locator("body").text_content() or ""
        browser.close()
    return sum(f"amount_{number:02d}" in text for number in range(FEATURES))


def main() -> int:
    if is_quick_run(__doc__.partition("\n")[0]):
        rows = ROWS // QUICK_SHARE
    else:
        rows = ROWS
    makers = {"ours": [sys.executable, "-c", OURS]}
    for peer, (environment, script) in PEERS.items():
        python = HERE.parent / f".venv-{environment}" / "bin" / "python"
        if python.exists():
            makers[peer] = [str(python), str(HERE / script)]
        else:
            print(f"{peer}: no .venv-{environment}")
    with TemporaryDirectory() as name:
        files = write_frames(Path(name), rows)
        took = {maker: [] for maker in makers}
        for _ in range(ROUNDS):
            for maker, command in makers.items():
                took[maker].append(core_seconds([*command, *files, f"{name}/{maker}.html"]))
        print(f"{rows:,} rows of {FEATURES} features on each side\n")
        print("|                        |      bytes | core s | features to read without scripts |")
        print("| ---------------------- | ---------: | -----: | -------------------------------: |")
        median = {maker: statistics.median(seconds) for maker, seconds in took.items()}
        for peer in list(makers)[1:]:
            note(f"{rows:,} rows of {FEATURES} features beside as many, a page", peer, median["ours"], median[peer])
        for maker in took:
            page = Path(name, f"{maker}.html")
            left = features_without_scripts(page)
            print(f"| {maker:22} | {page.stat().st_size:10,} | {median[maker]:6.2f} | {left:32} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
