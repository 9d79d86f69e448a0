"""The coverage of merged hours: read back, added up, and absent for other data."""

from __future__ import annotations

import json

import pytest

from spark_model_monitor.data.reading.ledger import COVERAGE, Coverage, read_coverage, read_coverages
from spark_model_monitor.errors import BadDocument
from spark_model_monitor.storage import LocalStorage, StoredFile

PART = "part-00000-85361748-e1ef-5e5b-8714-073f1f507093.c000.jsonl"


def merged_hour(root, hour, coverage, *, with_records=True):
    folder = root / "churn" / "AllTraffic" / "2024/03/04" / hour
    folder.mkdir(parents=True)
    (folder / COVERAGE).write_text(json.dumps(coverage.to_json_dict()))
    if with_records:
        (folder / PART).write_text("{}\n")
    return StoredFile(str(folder / PART), 3, 0)


def test_hours_add_up_those_without_a_record_too(tmp_path):
    file = merged_hour(tmp_path, "00", Coverage(captures=8, labelled=4, absent=1))
    merged_hour(tmp_path, "01", Coverage(captures=2), with_records=False)
    coverage = read_coverages(LocalStorage(), [file], [str(tmp_path)])

    assert coverage == Coverage(captures=10, labelled=4, absent=1)
    assert coverage.share == 0.4
    assert coverage.waiting == 5


def test_other_data_has_no_coverage(tmp_path):
    merged_hour(tmp_path, "00", Coverage(captures=8))

    assert (
        read_coverages(LocalStorage(), [StoredFile(str(tmp_path / "10-00-000-a.jsonl"), 3, 0)], [str(tmp_path)]) is None
    )


def test_records_that_the_service_merged_have_none(tmp_path):
    (tmp_path / PART).write_text("{}\n")

    assert read_coverages(LocalStorage(), [StoredFile(str(tmp_path / PART), 3, 0)], [str(tmp_path)]) is None


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b'{"captures": "many", "labelled": 0, "labelled_as_absent": 0}']
)
def test_a_file_that_says_something_else_is_named(content):
    with pytest.raises(
        BadDocument, match="hour/_coverage.json: is not the coverage of an hour .*; merge its hour again"
    ):
        read_coverage(content, "hour/_coverage.json")
