"""The pictures of the documentation: pages as Chromium shows them. `make docs` makes them where there is one.

python -m tests.history_picture docs
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests import page_blocks
from tests.page_blocks import ROOT

from spark_model_monitor import DataQualityMonitor, run_baseline
from spark_model_monitor.documents.analysis_config import AnalysisConfig
from spark_model_monitor.integrations.demo import churn
from spark_model_monitor.integrations.demo.demo_run import OUTPUTS, watch_day
from spark_model_monitor.integrations.demo.traffic import ANALYSIS, BASELINE, Traffic, write_data_set
from spark_model_monitor.monitors.explainability.attribution_measures import AttributionMeasures
from spark_model_monitor.monitors.explainability.monitor import ExplainabilityMonitor

ROWS = 20_000
WIDTH = 1180
HEIGHTS = {"run": 1240, "first-data-set": 728}
SOURCES = Path(__file__).resolve().parent / "pictures"
"""What each picture's page said when it was drawn."""
PICTURES = {"run": "hours/2024/03/04/20/report.html"}
"""The pages of the demo's folder by the names of their pictures."""

OF_A_PAGE = {"first-data-set": "april-report/report.html"}
"""The page that blocks of a page of the documentation make, by the name of both page and picture."""


def write_day(folder: Path, rows: int) -> None:
    """The demo's day and its pages."""
    traffic = Traffic()
    write_data_set(folder, rows=rows, traffic=traffic)
    data = str(folder / BASELINE)
    run_baseline(data, DataQualityMonitor(predictions=OUTPUTS), engine="local").write(str(folder / "baseline"))
    config = AnalysisConfig.from_json((folder / ANALYSIS).read_text())
    explaining = ExplainabilityMonitor(AttributionMeasures.of(config, churn.score))
    run_baseline(data, explaining, engine="local").write(str(folder / "attributions"))
    watch_day(folder, folder / "baseline", folder / "attributions", traffic)


def skeleton(html: str) -> str:
    """What a page says, a line for each text, without its numbers."""
    shown = re.sub(r'<svg class="drawn".*?</svg>', "", html.partition("<body>")[2], flags=re.DOTALL)  # within others
    shown = re.sub(r"<(script|style|svg).*?</\1>", "", shown, flags=re.DOTALL)
    texts = (re.sub(r"\s+", " ", text).strip() for text in re.split(r"<[^>]*>", shown))
    texts = (re.sub(r"\b[0-9a-f]{8}\b", "#", text) for text in texts)  # ids of runs, which depend on where they lie
    numbered = (re.sub(r"[×÷+−]? ?[\d.,⁰¹²³⁴⁵⁶⁷⁸⁹]*\d[\d.,⁰¹²³⁴⁵⁶⁷⁸⁹]*", "#", text) for text in texts)
    return "".join(f"{text}\n" for text in numbered if text)


def main(target: str) -> int:
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.stderr.write(f"the pictures in {target} stay as they are: there is no Chromium\n")
        return 0
    from playwright.sync_api import sync_playwright

    target_folder = Path(target).resolve()  # running a page's blocks changes the current folder
    with TemporaryDirectory() as name, sync_playwright() as started:
        folder = Path(name)
        write_day(folder, ROWS)
        for page_name in OF_A_PAGE:
            page_blocks.main(folder, [ROOT / "docs" / f"{page_name}.md"], "")
        files = PICTURES | {page_name: f"{page_name}/{file}" for page_name, file in OF_A_PAGE.items()}
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for picture, file in files.items():
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHTS[picture]}, color_scheme="light")
            page.goto((folder / file).as_uri())
            page.screenshot(path=target_folder / f"{picture}.png")
            (SOURCES / f"{picture}.txt").write_text(skeleton((folder / file).read_text()))
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
