"""Each test says in its report how many windows, and other things, held the law: the run's last lines have the sum."""

from __future__ import annotations

import pytest
from tests.fuzz.law import HELD


@pytest.fixture(autouse=True)
def report_held(record_property):
    HELD.clear()
    yield
    record_property("held", dict(HELD))
