"""What every page is at first sight, in Chromium, on a desk and on a phone: a headline in words, a picture of what is wrong,
nothing
sideways, no tall cells; in the light and in the dark, without a word of the console."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets
from tests.history_picture import PICTURES, ROWS, SOURCES, skeleton, write_day
from tests.unit.bias.test_checks import BASELINE as BIAS_BASELINE
from tests.unit.bias.test_checks import WORSE as BIAS_WORSE
from tests.unit.model_quality.outcomes_made import of_counts
from tests.unit.runs.test_challenge import WITH_SCORES, answers

from spark_model_monitor import DataQualityMonitor, challenge, report, run_baseline, run_monitoring
from spark_model_monitor.documents.check_results import in_alarms
from spark_model_monitor.documents.headline import headline_of
from spark_model_monitor.documents.run_description import RunContext
from spark_model_monitor.monitors.bias.comparison import Tolerances
from spark_model_monitor.monitors.bias.monitor import BiasMonitor
from spark_model_monitor.monitors.model_quality.baseline import ModelBaseline
from spark_model_monitor.monitors.model_quality.checks import check_all
from spark_model_monitor.monitors.model_quality.measurement import BARE, suggest
from spark_model_monitor.monitors.model_quality.page import create_page as page_of_quality
from spark_model_monitor.monitors.protocol import Sample
from spark_model_monitor.reports.history_page.compare import compare
from spark_model_monitor.reports.history_page.compare import page_of as page_of_comparison
from spark_model_monitor.reports.history_page.fleet import SeenWindow, State, Watched, page_of_all
from spark_model_monitor.reports.page.files import html_of

LAW = """() => {
  const out = [], wide = innerWidth, tall = innerHeight;
  const scroll = document.documentElement.scrollWidth;
  if (scroll > wide + 1) out.push(`the page is ${scroll} px wide in ${wide}`);
  const cells = [...document.querySelectorAll("td, th")].filter((cell) => {
    const box = cell.getBoundingClientRect();
    if (!box.height || !cell.innerText.trim() || cell.querySelector("svg")) return false;
    const range = document.createRange();
    range.selectNodeContents(cell);
    return range.getBoundingClientRect().height > 4.2 * (parseFloat(getComputedStyle(cell).lineHeight) || 20);
  });
  if (cells.length) out.push(`${cells.length} cells are more than four lines tall: ${cells[0].innerText.slice(0, 80)}`);
  const shown = (drawn) => {
    const box = drawn.getBoundingClientRect();
    return box.width >= 240 && box.height >= 80 && box.top <= tall && box.left >= 0 && box.right <= wide + 1;
  };
  const marks = (drawn) => drawn.querySelectorAll("rect, path, polyline, circle").length;
  const headline = document.querySelector(".verdict");
  const wrong = headline?.innerText.includes("✗");
  if (wrong && wide > 600 && ![...document.querySelectorAll("svg")].some((drawn) => shown(drawn) && marks(drawn) >= 3))
    out.push("something is wrong, and the first screen has no chart of it");
  if (/cannot tell/.test(document.body.textContent)) out.push("it says 'cannot tell'");
  if (!headline || headline.getBoundingClientRect().top > 300) out.push("no headline on the first screen");
  else if (!/changed|alert|violat|no change|checked|moved/i.test(headline.querySelector("h1").innerText))
    out.push(`the headline says nothing: ${headline.innerText}`);
  const large = [...document.querySelectorAll(".card > svg.overlay")].map((drawn) => drawn.getBoundingClientRect());
  if (large.some((box) => box.width && (box.width < 300 || box.height < 120))) out.push("a card's overlay is below 300 × 120 px");
  return out;
}"""
"""The design's page_law.py, and the size of overlays."""

SIZES = ((1280, 900), (390, 844), (360, 740))


def changed(name):
    """A data set by its name, and the same later: half of it as it was, half with something wrong."""
    if name == "wide":
        frame = pd.DataFrame(
            np.random.default_rng(3).normal(10, 2, (600, 120)), columns=[f"feature_{n}" for n in range(120)]
        )
    elif name == "long names":
        frame = pd.DataFrame(
            np.random.default_rng(4).normal(10, 2, (600, 3)), columns=["n" * 200, "a b " * 50, "ж" * 200]
        )
    elif name == "texts":
        random = np.random.default_rng(5)
        kinds = {
            "country": ["DE", "FR", "IT", "a very long name of a country that nobody knows"],
            "note": ["", "x", "y"],
        }
        frame = pd.DataFrame({column: random.choice(values, 800) for column, values in kinds.items()})
        frame["mail"] = [f"{number}@example.org" for number in range(800)]
    else:
        frame = getattr(datasets, f"load_{name}")(as_frame=True).frame
    later = frame.copy()
    column = later.columns[0]
    if later[column].dtype.kind == "f":
        later[column] = later[column] * 100 + 1
        later[later.columns[1]] = later[later.columns[1]].where(later.index % 2 == 0)
    else:
        later[column] = later[column].where(later.index % 3 == 0, "ES")
        later = later.drop(columns=later.columns[1])
    return frame, later


SETS = ("iris", "wine", "breast_cancer", "diabetes", "linnerud", "wide", "long names", "texts")


def fleet(models, in_alert=0, failed=0, name="m{}"):
    """A fleet of which some models are in alert, and some could not be checked."""
    states = [*[State.IN_ALERT] * in_alert, *[State.FAILED] * failed, *[State.OK] * models][:models]
    return [
        Watched(
            *(name.format(number), state, "MODEL_BIAS" if number % 2 else "DATA_QUALITY", name.format(number)),
            *(f"owner-{number % 3}", ("eu", "cards")),
            "2024-03-04T18:00:00Z" if state is State.IN_ALERT else "",
            "captures/churn: there is no such path; " * 4 if state is State.FAILED else "",
            tuple(
                SeenWindow(f"2024-03-04T{hour:02}:00:00Z", 3 * bad, ("income", "a_long_name_" * 9)[: 2 * bad])
                for hour in range(24)
                for bad in [hour >= 18 and state is State.IN_ALERT]
            ),
            page=f"reports/{number}/report.html",
        )
        for number, state in enumerate(states)
    ]


FLEETS = {
    "healthy": fleet(20),
    "changed": fleet(20, in_alert=2),
    "failed": fleet(3, failed=2),
    "one": fleet(1, in_alert=1),
    "large": fleet(1_000, in_alert=40, failed=9),
    "long names": fleet(4, in_alert=1, name="{}" + "n" * 120),
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Pages of every kind of monitor and of eight data sets, with and without violations."""
    top = tmp_path_factory.mktemp("pages")
    for name in SETS:
        frame, later = changed(name)
        baseline = run_baseline(frame, DataQualityMonitor(), engine="local")
        baseline.report().save(top / f"{name}-baseline.html")
        for what, data in (("healthy", frame), ("changed", later)):
            findings = run_monitoring(data, DataQualityMonitor(), baseline, engine="local")
            assert (what == "changed") == bool(findings.count), name
            findings.report().save(top / f"{name}-{what}.html")
        baseline.write(top / "runs" / name / "a")
        run_baseline(later, DataQualityMonitor(), engine="local").write(top / "runs" / name / "b")
        compared = compare(str(top / "runs" / name / "a"), str(top / "runs" / name / "b"))
        (top / f"{name}-compare.html").write_text(html_of(page_of_comparison(compared)))
    for name, now in (("healthy", of_counts(80, 10, 90, 20)), ("changed", of_counts(60, 10, 90, 40))):
        results = check_all(now, ModelBaseline(suggest(of_counts(80, 10, 90, 20), BARE)))
        page = replace(page_of_quality(now, results), headline=headline_of(results))
        (top / f"quality-{name}.html").write_text(html_of(page))
    (top / "quality-baseline.html").write_text(html_of(page_of_quality(of_counts(80, 10, 90, 20), ())))
    blue, green, later = (answers(noise) for noise in (3.0, 0.1, 0.1))
    later = later.assign(id=[f"j{number}" for number in range(len(later))], amount=later["amount"] + 3)
    for name, other in (
        ("promoted", green),
        ("alike", answers(3.0, seed=5).assign(label=blue["label"])),
        ("unfair", later),
    ):
        challenge(blue, other, WITH_SCORES).report().save(top / f"challenge-{name}.html")
    for name, watched in FLEETS.items():
        (top / f"fleet-{name}.html").write_text(html_of(page_of_all(watched, "shop")))
    bias = BiasMonitor(tolerances=Tolerances(with_intervals=True, neutral_di=False))
    known = bias.stored_baseline(bias.documents(BIAS_BASELINE, bias.metrics(BIAS_BASELINE))[0], None, None)
    for name, state in (("healthy", BIAS_BASELINE), ("changed", BIAS_WORSE)):
        judgement = bias.judge(Sample(state, bias.metrics(state)), known)
        results = in_alarms(judgement.results, {})
        page = replace(judgement.page(results), headline=headline_of(results))
        (top / f"bias-{name}.html").write_text(html_of(page))
    return top


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """The demo's day."""
    top = tmp_path_factory.mktemp("demo")
    write_day(top, ROWS)
    report(top / "hours", until="2024-03-04T18:00").save(top / "calm.html")
    return top


@pytest.fixture(scope="module")
def broken(pages, day):
    """What breaks the law, by page, of all of them in one Chromium."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("there is no Chromium; .ci/run installs Debian's")
        pytest.skip("there is no Chromium here; name one in CHROMIUM, or install Debian's package")
    playwright = pytest.importorskip("playwright.sync_api")
    hours = sorted(day.glob("*/2024/03/04/*/report.html"))
    files = [
        *sorted(pages.glob("*.html")),
        *hours[::5],
        *sorted(day.glob("*/report.html")),
        *sorted(day.glob("*.html")),
    ]
    found: dict[str, list[str]] = {}
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for file in files:
            said = found.setdefault(str(file), [])
            page = browser.new_page(viewport={"width": SIZES[0][0], "height": SIZES[0][1]})
            page.on("console", lambda message, said=said: said.append(message.text))
            page.on("pageerror", lambda fault, said=said: said.append(str(fault)))
            page.goto(file.as_uri())
            for width, height in SIZES:
                page.set_viewport_size({"width": width, "height": height})
                said += [f"{width}: {each}" for each in page.evaluate(LAW)]
            page.close()
        browser.close()
    return found


def test_every_page_keeps_the_law(broken):
    assert {file: said for file, said in broken.items() if said} == {}


def test_pages_of_every_kind_were_looked_at(broken):
    names = {file.rpartition("/")[2] for file in broken}

    assert {f"{name}-{what}.html" for name in SETS for what in ("baseline", "healthy", "changed", "compare")} <= names
    assert {f"{kind}-{what}.html" for kind in ("quality", "bias") for what in ("healthy", "changed")} <= names
    assert {"history.html", "calm.html", "report.html"} <= names
    assert {f"fleet-{name}.html" for name in FLEETS} <= names
    assert {f"challenge-{name}.html" for name in ("promoted", "alike", "unfair")} <= names
    assert len(broken) >= 51


def test_the_page_of_all_is_searched_by_owner_and_its_cells_lead_to_pages(tmp_path):
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if program is None:
        pytest.skip("there is no Chromium here; name one in CHROMIUM, or install Debian's package")
    playwright = pytest.importorskip("playwright.sync_api")
    file = tmp_path / "index.html"
    file.write_text(html_of(page_of_all(FLEETS["changed"], "shop")))
    (tmp_path / "reports" / "1").mkdir(parents=True)
    (tmp_path / "reports" / "1" / "report.html").write_text("<title>the page of m1</title>")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(file.as_uri())
        page.get_by_label("Find").fill("owner-1")
        rows = page.locator("tbody tr:not([hidden])")
        assert {rows.nth(place).locator("bdi").inner_text() for place in range(rows.count())} == {
            f"m{number}" for number in range(1, 20, 3)
        }
        page.get_by_role("link", name="✗ in alert").first.click()
        assert page.title() == "the page of m1"
        browser.close()


def test_the_demos_day_says_what_began_when_and_by_how_much(day):
    html = (day / "history.html").read_text()
    hour = (day / "hours/2024/03/04/20/report.html").read_text()

    # the feature that the fault multiplies, and one or both of the model's outputs, which follow it
    assert re.search(r"In alert since 18:00: [23] of 15 features changed\.", html)
    assert "monthly_charge_eur" in html.partition("</h1>")[0]
    assert "times what it was" in hour.partition("</h1>")[0]
    assert "No change seen" in (day / "calm.html").read_text().partition("</h1>")[0]


def test_the_readmes_pictures_are_of_the_pages_that_are_made_now(day):
    """Their sources lie beside them: what they say but for its numbers, which depend on the size of the demo."""
    for name, page in PICTURES.items():
        assert (SOURCES / f"{name}.txt").read_text() == skeleton((day / page).read_text()), "make docs draws it again"


def test_a_window_of_an_hour_is_called_so():
    start = datetime(2024, 3, 4, 20, tzinfo=timezone.utc)
    frame = pd.DataFrame({"x": np.arange(100.0)})
    baseline = run_baseline(frame, DataQualityMonitor(), engine="local")
    context = RunContext(start, start + timedelta(hours=1), model="churn")
    found = run_monitoring(frame, DataQualityMonitor(), baseline, engine="local", context=context)

    assert found.report().page.trail == ("churn", "data quality", "4 March 2024, 20:00 to 21:00 UTC")
