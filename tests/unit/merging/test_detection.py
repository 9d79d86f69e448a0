"""What a merge takes its first file for, whatever the first line is."""

from __future__ import annotations

import pytest
from tests.engine_in_process import InProcess

from spark_model_monitor.data.reading.formats import CaptureFormat
from spark_model_monitor.running.merging.captured import detect_format
from spark_model_monitor.running.merging.hourly_sources import list_hours


@pytest.mark.parametrize(
    "line", ['{"a":' * 2_000 + "1" + "}" * 2_000, '{"a": ' + "7" * 5_000 + "}", '{"a": 1', "\ufeff{}"]
)
def test_a_line_that_nobody_can_read_is_a_capture_that_is_refused_later(tmp_path, line):
    (tmp_path / "a.jsonl").write_text(line + "\n", encoding="utf-8")
    engine = InProcess()

    assert detect_format(engine, list_hours(engine, str(tmp_path), None)) == CaptureFormat()
