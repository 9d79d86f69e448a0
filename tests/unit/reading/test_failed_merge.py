"""The output of a failed merge has the job's message, which is no record."""

from __future__ import annotations

import pytest

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.reading.captures import list_captures
from spark_model_monitor.errors import NoData


def test_the_message_of_a_failed_merge_is_no_record(tmp_path):
    (tmp_path / "message").write_text("Error: none of 3 labels has the id of a capture")

    with pytest.raises(NoData, match="no file"):
        list_captures(LocalEngine(), str(tmp_path))


def test_records_beside_a_message_are_read_alone(tmp_path):
    (tmp_path / "message").write_text("Completed")
    (tmp_path / "part.jsonl").write_text("{}")

    assert [file.name for file in list_captures(LocalEngine(), str(tmp_path)).files] == ["part.jsonl"]


def test_the_labels_that_a_failed_merge_refused_are_no_records(tmp_path):
    (tmp_path / "message").write_text("Error: 3 labels were refused")
    (tmp_path / "quarantine").mkdir()
    (tmp_path / "quarantine" / "00000.jsonl").write_text("{}")

    with pytest.raises(NoData, match="no file"):
        list_captures(LocalEngine(), str(tmp_path))
