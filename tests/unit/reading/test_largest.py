"""Above which size `auto` gives data to Spark, by its format. The files are holes; nothing but their beginning is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_monitor.data.reading.data import why_spark
from model_monitor.data.reading.formats import format_named

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
    monkeypatch.setattr("model_monitor.data.reading.data.session_at_hand", lambda: None)  # that of another test
    path = tmp_path / name
    path.write_bytes(beginning)
    dataset_format = None if word is None else format_named(word)

    with path.open("r+b") as file:
        file.truncate(limit)
        here = why_spark(None, str(path), dataset_format)
        file.truncate(limit + 1)
        above = why_spark(None, str(path), dataset_format)

    assert here is None
    assert above == f"there are {limit + 1:,} bytes, more than {limit:,}"
