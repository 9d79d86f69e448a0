"""The picture of the README: the page of the demo's day, as Chromium shows it. `make docs` makes it where there is one.

python -m tests.history_picture docs/history.png
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from model_monitor import DataQualityMonitor, run_baseline
from model_monitor.integrations.demo.run import watch_day
from model_monitor.integrations.demo.traffic import BASELINE, Traffic, write_data_set

ROWS = 20_000
SIZE = {"width": 1100, "height": 1240}
ROWS_BELOW = "main section:first-of-type tbody tr:nth-child(n+6)"
"""Left out, so that the map is on the picture, too."""


def main(target: str) -> int:
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.stderr.write(f"{target} stays as it is: there is no Chromium\n")
        return 0
    from playwright.sync_api import sync_playwright

    with TemporaryDirectory() as name, sync_playwright() as started:
        folder, traffic = Path(name), Traffic()
        write_data_set(folder, rows=ROWS, traffic=traffic)
        run_baseline(str(folder / BASELINE), DataQualityMonitor(), engine="local").write(str(folder / "baseline"))
        page_file = watch_day(folder, folder / "baseline", traffic)
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.goto(page_file.as_uri())
        page.wait_for_selector(".map .detail h3")
        page.evaluate(f"document.querySelectorAll({ROWS_BELOW!r}).forEach((row) => row.remove())")
        page.screenshot(path=target)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
