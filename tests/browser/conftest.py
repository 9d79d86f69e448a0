"""The browser of these tests."""

from __future__ import annotations

import os
import shutil

import pytest
from tests.at_hand import require


@pytest.fixture(scope="module")
def chromium():
    """A running browser."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    require(program is not None, "there is no Chromium here; name one in CHROMIUM, or install Debian's package")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()
