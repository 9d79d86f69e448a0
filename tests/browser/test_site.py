"""The documentation's site, which `make site` builds: no page of it scrolls sideways, on a phone and on a desk, and its search
works without a network."""

from pathlib import Path

import pytest
from tests.at_hand import require

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "build" / "site"
SIZES = ((1280, 900), (390, 844))

FIND_SIDEWAYS = """() => {
    const root = document.documentElement;
    const scrolls = (element) => ["auto", "scroll"].includes(getComputedStyle(element).overflowX)
        && element.clientWidth > 0 && element.scrollWidth > element.clientWidth + 1;
    const shown = [...document.querySelectorAll("article *")].filter(  // blanks at the end of a line hang over
        (element) => element.textContent.trim() || element.tagName === "IMG");
    const wide = shown.filter(
        (element) => scrolls(element) || element.getBoundingClientRect().right > root.clientWidth + 1);
    return [...wide, ...(root.scrollWidth > root.clientWidth ? [root] : [])].map(
        (element) => `${element.tagName}.${element.className}: ${element.textContent.trim().slice(0, 40)}`);
}"""
"""What is wider than it may be: what leaves the window, what scrolls in the page, or the page as a whole."""


@pytest.fixture(scope="module")
def page(chromium):
    """A page of a browser without a network, with the requests that it would have sent in `page.sent`."""
    require((SITE / "docs" / "index.html").is_file(), "the site isn't built; run make site")
    context = chromium.new_context()
    context.set_offline(True)
    page = context.new_page()
    page.sent = []
    page.on("request", lambda request: page.sent.append(request.url))
    yield page
    context.close()


def test_no_page_scrolls_sideways_or_sends_a_request(page):
    files = sorted(SITE.rglob("*.html"))
    faults = []
    for file in files:
        page.goto(file.as_uri())
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            faults += [f"{file.relative_to(SITE)} at {width}: {fault}" for fault in page.evaluate(FIND_SIDEWAYS)]

    assert {file.with_suffix("").relative_to(SITE).as_posix() for file in files} >= {
        file.with_suffix("").relative_to(ROOT).as_posix() for file in ROOT.glob("docs/*.md")
    }
    assert faults == []
    assert [url for url in page.sent if not url.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize(
    "part", ['<pre style="white-space: pre">' + "long " * 99 + "</pre>", '<p style="width: 2000px">wide</p>']
)
def test_what_scrolls_sideways_is_seen(page, part):
    page.goto((SITE / "docs" / "sql.html").as_uri())
    assert page.evaluate(FIND_SIDEWAYS) == []

    page.evaluate("part => document.querySelector('article').insertAdjacentHTML('beforeend', part)", part)

    assert page.evaluate(FIND_SIDEWAYS) != []


def test_the_search_works_without_a_network(page):
    page.goto((SITE / "search.html").as_uri() + "?q=segments")
    result_links = page.locator("#search-results ul.search > li > a")
    page.get_by_text("Search finished").wait_for()
    links = result_links.evaluate_all("links => links.map((link) => link.pathname)")

    assert "Segments" in result_links.all_inner_texts()
    assert all(Path(link).is_file() for link in links)
