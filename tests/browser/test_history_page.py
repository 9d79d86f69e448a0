"""The page of many runs in a real browser: nothing complains, nothing is fetched, the map can be walked by mouse and keyboard."""

from __future__ import annotations

import re
import shlex
from contextlib import contextmanager

import pytest
from tests.unit.reports.test_report import HOSTILE, put

from spark_model_monitor.reports.history_page.report_command import HistoryRequest, create_report

WIDTH = 1280
HEIGHT = 720
MIN_CONTRAST = 4.5


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The page of 30 hours of 40 features, of which two are wrong at the end."""
    top = tmp_path_factory.mktemp("runs")
    for hour in range(30):
        distances = {f"feature_{number}": 0.01 for number in range(38)}
        wrong = {"charge": 0.75 if hour >= 20 else 0.02, HOSTILE: 0.4 if hour >= 28 else 0.0}
        put(top, hour, distances | wrong)
    path = top / "history.html"
    create_report(HistoryRequest([str(top)])).save(path)
    return path


@contextmanager
def opened(chromium, file, *, width=WIDTH, height=HEIGHT, **context):
    """The page, with what the console and the net had to say of it."""
    with chromium.new_context(viewport={"width": width, "height": height}, **context) as shown:
        page = shown.new_page()
        page_messages = []
        requested_urls = []
        page.on("console", lambda message: page_messages.append(message.text))
        page.on("pageerror", lambda fault: page_messages.append(str(fault)))
        page.on("dialog", lambda dialog: page_messages.append(dialog.message))
        page.on("request", lambda request: requested_urls.append(request.url))
        page.goto(file.as_uri())
        if context.get("java_script_enabled", True):
            page.wait_for_selector(".map .detail h3")
        yield page
        assert page_messages == []
        assert len(requested_urls) == 1


@pytest.mark.everyday
def test_the_first_screen_says_what_since_when_and_by_how_much(chromium, file):
    with opened(chromium, file) as page:
        headline = page.get_by_role("heading", level=1)
        card = page.locator(".card").filter(has_text="charge").first
        assert "In alert since 2026-03-04 20:00: 2 of 40 features changed: " in headline.inner_text()
        assert card.locator("svg.distribution").bounding_box()["y"] < HEIGHT
        assert "since 2026-03-04 20:00, 10 of 30 windows" in card.inner_text()
        assert re.search(r"distance 0\.75, limit 0\.1", card.inner_text())


def test_the_map_is_walked_by_keys_and_by_clicks(chromium, file):
    with opened(chromium, file) as page:
        heading = page.locator(".map .detail h3")
        assert re.search(r"2026-03-05 05:00: ✗ violated", heading.inner_text())
        canvas = page.locator(".map canvas")
        canvas.focus()
        canvas.press("Home")
        assert re.search(r"2026-03-04 00:00: ✓ passed", heading.inner_text())
        canvas.press("ArrowRight")
        canvas.press("ArrowDown")
        canvas.press("ArrowDown")
        assert re.search(r"feature_\d+, window 2026-03-04 01:00", heading.inner_text())
        canvas.click(position={"x": 190, "y": 24})
        assert "2026-03-04 00:00" in heading.inner_text()
        assert "spark-model-monitor explain" in page.locator(".map .detail code").inner_text()


@pytest.mark.parametrize(
    "name",
    ["charge", "day mins", "it's", "$(touch taken)", "a;b", "`date`", 'a"b', "a\\b", "é", "#"],
)
def test_the_command_of_the_map_is_one_that_a_shell_takes(chromium, tmp_path, name):
    put(tmp_path, 0, {name: 0.75})
    create_report(HistoryRequest([str(tmp_path)])).save(tmp_path / "history.html")
    with opened(chromium, tmp_path / "history.html") as page:
        command = page.locator(".map .detail code").inner_text()
    *_, feature, _, folder = shlex.split(command)
    assert feature == name
    assert (tmp_path / folder / "run.json").is_file()


def test_features_are_found_and_sifted(chromium, file):
    with opened(chromium, file) as page:
        found_features = page.locator(".map .found")
        assert found_features.inner_text() == "40 of 40 features"
        page.get_by_label("only violated").check()
        assert found_features.inner_text() == "2 of 40 features"
        page.get_by_label("Find").fill("charge")
        assert found_features.inner_text() == "1 of 40 features"
        page.get_by_label("Find").fill("no such")
        assert found_features.inner_text() == "0 of 40 features"


def test_without_scripts_the_tables_are_there_and_the_map_says_why_it_is_not(chromium, file):
    with opened(chromium, file, java_script_enabled=False) as page:
        assert page.get_by_text("The map is drawn by a script").is_visible()
        assert not page.locator(".map").is_visible()
        assert page.get_by_role("cell", name="feature_37").last.is_visible()


def test_hostile_names_stay_text(chromium, file):
    with opened(chromium, file) as page:
        assert page.title() == "churn, 4 March 2026, 00:00 to 5 March 2026, 06:00 UTC, data quality"
        assert HOSTILE in page.locator("main").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_what_is_behind_them(chromium, file, scheme):
    with opened(chromium, file, color_scheme=scheme) as page:
        for selector in (
            "h1",
            ".facts strong",
            ".card.bad p",
            "tr.bad td",
            "tr.bad td:nth-child(3)",
            ".fine",
            ".tracks small",
            "h2 small",
        ):
            text, behind = page.locator(selector).first.evaluate(
                """(element) => {
                    let behind = element;
                    const filled = (each) => getComputedStyle(each).backgroundColor;
                    while (filled(behind) === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
                    return [getComputedStyle(element).color, filled(behind)];
                }"""
            )
            assert contrast(text, behind) >= MIN_CONTRAST, selector


def test_a_narrow_screen_scrolls_only_within_tables(chromium, file):
    with opened(chromium, file, width=320, height=640) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


def contrast(first_color: str, second_color: str) -> float:
    """Source: WCAG 2.1, "contrast ratio" and "relative luminance"."""

    def luminance(colour: str) -> float:
        parts = [int(number) / 255 for number in re.findall(r"\d+", colour)[:3]]
        red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted(map(luminance, (first_color, second_color)))
    return (light + 0.05) / (dark + 0.05)
