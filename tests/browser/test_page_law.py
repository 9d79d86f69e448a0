"""What every page is at first sight, in Chromium, on a desk, on a phone and on paper: a headline in words, a picture of what is
wrong, nothing sideways, no text that is small, cut or on another, no tall cells; in the light and in the dark, without a word of
the console."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.history_picture import PICTURES, SOURCES, skeleton
from tests.page_pictures import FLEETS, SETS, SIZES, breaches, empty_sheets, pages_of_demo, write_demo, write_pages

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.documents.run_description import RunContext
from spark_model_monitor.reports.history_page.fleet_page import create_fleet_page
from spark_model_monitor.reports.outputs.run_files import read_current_run
from spark_model_monitor.reports.page.page_files import render_html


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Pages of every kind of monitor and of all data sets, with and without violations."""
    top = tmp_path_factory.mktemp("pages")
    write_pages(top)
    return top


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """The demo's day."""
    top = tmp_path_factory.mktemp("demo")
    write_demo(top)
    return top


@pytest.fixture(scope="module")
def broken(pages, day, chromium):
    """What breaks the law, by page, of all of them."""
    breaches_by_page: dict[str, list[str]] = {}
    for file in [*sorted(pages.glob("*.html")), *pages_of_demo(day)]:
        messages = breaches_by_page.setdefault(str(file), [])
        page = chromium.new_page(viewport={"width": SIZES[0][0], "height": SIZES[0][1]})
        page.on("console", lambda message, messages=messages: messages.append(message.text))
        page.on("pageerror", lambda fault, messages=messages: messages.append(str(fault)))
        page.goto(file.as_uri())
        messages += breaches(page)
        page.close()
    return breaches_by_page


KINDS = ("quality", "quality-scores", "quality-classes", "quality-numbers", "bias", "attributions")


def test_every_page_keeps_the_law(broken):
    assert {file: faults for file, faults in broken.items() if faults} == {}


def test_pages_of_every_kind_were_looked_at(broken):
    names = {file.rpartition("/")[2] for file in broken}

    assert {
        f"{name}-{window_name}.html" for name in SETS for window_name in ("baseline", "healthy", "changed", "compare")
    } <= names
    assert {f"{kind}-{window_name}.html" for kind in KINDS for window_name in ("healthy", "changed")} <= names
    assert {"history.html", "calm.html", "report.html"} <= names
    assert {f"fleet-{name}.html" for name in FLEETS} <= names
    assert {f"challenge-{name}.html" for name in ("promoted", "alike", "unfair")} <= names
    assert {"run.html", "notebook-run.html", "notebook-baseline.html"} <= names
    assert len(broken) >= 80


BAD_PARTS = {
    "lies on": '<svg width="300" height="90"><text x="0" y="20">one label</text><text x="30" y="20">another</text></svg>',
    "leaves its drawing": '<svg width="300" height="90"><text x="280" y="20">a long label</text></svg>',
    "has 7.0 px": '<svg viewBox="0 0 600 60" style="width: 300px"><text x="0" y="20" style="font-size: 14px">small</text></svg>',
    "has 9.0 px": '<p style="font-size: 9px">small</p>',
    "px wide in": '<div style="width: 200px; overflow-x: auto"><p style="width: 500px">wide</p></div>',
    "breaks after": '<p style="width: 60px; overflow-wrap: anywhere">unbreakableestimatedrate</p>',
    "is in Times": '<p style="font-family: Times">another font</p>',
}


@pytest.mark.parametrize("breach", BAD_PARTS)
def test_the_law_sees_what_a_person_would(breach, pages, chromium):
    """Each fault in a page that keeps the law."""
    page = chromium.new_page(viewport={"width": SIZES[0][0], "height": SIZES[0][1]})
    html = (pages / "iris-healthy.html").read_text()
    page.set_content(html.replace("</main>", f"{BAD_PARTS[breach]}</main>"))
    broken = breaches(page)
    page.close()

    assert any(breach in message for message in broken)


def test_a_word_may_break_at_its_signs(pages, chromium):
    page = chromium.new_page()
    html = (pages / "iris-healthy.html").read_text()
    word = '<p style="width: 100px">estimated_<wbr>false.<wbr>negative-rate</p>'
    page.set_content(html.replace("</main>", f"{word}</main>"))
    broken = breaches(page)
    page.close()

    assert broken == []


def test_an_empty_sheet_of_paper_is_seen(pages, chromium):
    page = chromium.new_page()
    html = (pages / "iris-healthy.html").read_text()
    page.set_content(html.replace("</main>", '<div style="break-before: page; height: 1px"></div></main>'))
    sheets = empty_sheets(page.pdf(format="A4"))
    page.close()

    assert len(sheets) == 1


def test_a_page_leads_to_its_runs_files(pages, chromium):
    page = chromium.new_page()
    page.goto((pages / "run" / "report.html").as_uri())
    names = page.locator(".files a").evaluate_all("links => links.map((link) => link.getAttribute('href'))")
    page.close()

    assert {"checks.json", "constraint_violations.json", "statistics.json", "run.json"} <= {*names}
    assert all((pages / "run" / name).is_file() for name in names)
    published = read_current_run(str(pages / "run"))
    assert all((Path(published.folder) / name).is_file() for name in names)


def test_the_page_of_all_is_searched_by_owner_and_its_cells_lead_to_pages(tmp_path, chromium):
    file = tmp_path / "index.html"
    file.write_text(render_html(create_fleet_page(FLEETS["changed"], "shop")))
    (tmp_path / "reports" / "1").mkdir(parents=True)
    (tmp_path / "reports" / "1" / "report.html").write_text("<title>the page of m1</title>")
    page = chromium.new_page()
    page.goto(file.as_uri())
    page.get_by_label("Find").fill("owner-1")
    rows = page.locator("tbody tr:not([hidden])")
    assert {rows.nth(index).locator("bdi").inner_text() for index in range(rows.count())} == {
        f"m{number}" for number in range(1, 20, 3)
    }
    page.get_by_role("link", name="✗ in alert").first.click()
    assert page.title() == "the page of m1"
    page.close()


def test_the_demos_day_says_what_began_when_and_by_how_much(day):
    html = (day / "history.html").read_text()
    hour = (day / "hours/2024/03/04/20/report.html").read_text()

    # the feature that the fault multiplies, and one or both of the model's outputs, which follow it
    assert re.search(r"In alert since 18:00: [23] of 15 features changed[.:]", html)
    assert "monthly_charge_eur" in html.partition("</h1>")[0]
    assert "times what it was" in hour.partition("</h1>")[0]
    assert "No change seen" in (day / "calm.html").read_text().partition("</h1>")[0]


@pytest.mark.everyday
def test_the_readmes_pictures_are_of_the_pages_that_are_made_now(day):
    """Their sources lie beside them: what they say but for its numbers, which depend on the size of the demo."""
    for name, page in PICTURES.items():
        assert (SOURCES / f"{name}.txt").read_text() == skeleton((day / page).read_text()), "make docs draws it again"


def test_a_window_of_an_hour_is_called_so():
    start = datetime(2024, 3, 4, 20, tzinfo=timezone.utc)
    frame = pd.DataFrame({"x": np.arange(100.0)})
    baseline = run_baseline(frame, DataQualityMonitor(), engine="local")
    context = RunContext(start, start + timedelta(hours=1), model="churn")
    findings = run_monitoring(frame, DataQualityMonitor(), baseline, engine="local", context=context)

    assert findings.report().page.trail == ("churn", "data quality", "4 March 2024, 20:00 to 21:00 UTC")
