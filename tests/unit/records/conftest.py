"""What all tests of records have in common."""

from __future__ import annotations

import pytest

from spark_model_monitor.data.records import line_templates


@pytest.fixture(autouse=True)
def templates_of_few_lines(monkeypatch):
    """Few lines have a template, too, so that both decoders are compared."""
    monkeypatch.setattr(line_templates, "MIN_CHUNK_BYTES", 1)
