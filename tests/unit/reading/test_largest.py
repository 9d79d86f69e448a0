"""Above which size `auto` gives data to Spark, by its format. The files are holes; nothing but their beginning is read."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from spark_model_monitor.data.reading.data_reader import find_reason_for_spark
from spark_model_monitor.data.reading.formats import parse_format
from spark_model_monitor.data.records.windows import Window

GIGABYTE = 10**9
CAPTURE = b'{"captureData": {}}\n'


@pytest.mark.parametrize(
    ("name", "beginning", "word", "limit"),
    [
        ("x.parquet", b"PAR1", None, 10 * GIGABYTE),
        ("x.parquet", b"PAR1", "parquet", 10 * GIGABYTE),
        ("x.csv", b"a,b\n1,2\n", None, 10 * GIGABYTE),
        ("x", b"1,2\n3,4\n", "csv-without-header", 10 * GIGABYTE),
        ("x.jsonl", CAPTURE, None, 2 * GIGABYTE),
        ("x.jsonl", CAPTURE, "capture", 2 * GIGABYTE),
        ("x.jsonl", b'{"a": 1}\n', None, GIGABYTE),
        ("x", b"no format\n", None, GIGABYTE),
    ],
)
def test_above_its_formats_limit_data_goes_to_spark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, beginning: bytes, word: str | None, limit: int
):
    monkeypatch.setattr(
        "spark_model_monitor.data.reading.data_reader.get_running_session", lambda: None
    )  # that of another test
    path = tmp_path / name
    path.write_bytes(beginning)
    dataset_format = None if word is None else parse_format(word)

    with path.open("r+b") as file:
        file.truncate(limit)
        spark_reason = find_reason_for_spark(None, str(path), dataset_format)
        file.truncate(limit + 1)
        above = find_reason_for_spark(None, str(path), dataset_format)

    assert spark_reason is None
    assert above == f"there are {limit + 1:,} bytes, more than {limit:,}"


def test_of_hours_the_windows_alone_decide_and_not_all_that_were_ever_captured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("spark_model_monitor.data.reading.data_reader.get_running_session", lambda: None)
    for hour, size in (("03", GIGABYTE), ("04", len(CAPTURE)), ("05", 2 * GIGABYTE), ("07", 3 * GIGABYTE)):
        folder = tmp_path / "2024/03/01" / hour
        folder.mkdir(parents=True)
        (folder / "x.jsonl").write_bytes(CAPTURE)
        with (folder / "x.jsonl").open("r+b") as file:
            file.truncate(size)
    hours = [datetime(2024, 3, 1, hour, tzinfo=timezone.utc) for hour in range(9)]

    for word in ("capture", None):
        dataset_format = None if word is None else parse_format(word)
        windows = [
            Window(start, end) for start, end in ((hours[3], hours[4]), (hours[7], hours[8]), (hours[0], hours[1]))
        ]
        why = [find_reason_for_spark(None, str(tmp_path), dataset_format, window=window) for window in windows]

        assert why == [None, f"there are {3 * GIGABYTE:,} bytes, more than {2 * GIGABYTE:,}", None]
        assert find_reason_for_spark(None, str(tmp_path), dataset_format) is not None
