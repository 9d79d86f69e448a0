"""What all tests of records have in common."""

from __future__ import annotations

import pytest

from spark_model_monitor.data.records import json_lines


@pytest.fixture(autouse=True)
def lines_are_left_one_by_one(monkeypatch):
    """A line that Arrow refuses costs no other one, so that both decoders are compared."""
    monkeypatch.setattr(json_lines, "FEW_LINES", 1)
