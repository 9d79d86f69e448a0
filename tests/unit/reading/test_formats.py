"""Every spelling of `dataset_format` that C2 lists, and ours."""

from __future__ import annotations

import pytest

from spark_model_monitor.data.reading.formats import (
    CaptureFormat,
    CsvFormat,
    JsonFormat,
    MergedFormat,
    ParquetFormat,
    SparkFormat,
    TableFormat,
    parse_dataset_format,
)
from spark_model_monitor.errors import BadConfiguration

BOTH = ("endpointInput", "endpointOutput")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"csv": {"header": true, "output_columns_position": "START"}}', CsvFormat(header=True)),
        ('{"csv": {"header": false, "output_columns_position": "END"}}', CsvFormat(output_columns_position="END")),
        ('{"csv": {}}', CsvFormat(header=False)),
        ('{"csv": {"header": "true"}}', CsvFormat(header=True)),
        ('{"csv": {"header": [true]}}', CsvFormat(header=True)),
        ('{"Csv": {"Header": true}}', CsvFormat(header=True)),
        ('{"json": {"lines": true}}', JsonFormat(lines=True)),
        ('{"json": {"line": "false"}}', JsonFormat(lines=False)),
        ('{"Json": {"Line": false}}', JsonFormat(lines=False)),
        ('{"json": {}}', JsonFormat(lines=True)),
        ('{"parquet": {}}', ParquetFormat()),
        ('{"Parquet": {}}', ParquetFormat()),
        ('{"sagemakerCaptureJson": {}}', CaptureFormat(BOTH)),
        ('{"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}', CaptureFormat(BOTH)),
        ('{"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput"]}}', CaptureFormat(("endpointInput",))),
        ('{"sagemakerMergeJson": {"captureIndexNames": ["endpointOutput"]}}', MergedFormat(("endpointOutput",))),
        (
            '{"sagemakerMergeJson": {"captureIndexNames": ["batchTransformOutput"]}}',
            MergedFormat(("batchTransformOutput",)),
        ),
        ("csv", CsvFormat(header=True)),
        (" CSV ", CsvFormat(header=True)),
        ("csv-without-header", CsvFormat(header=False)),
        ("jsonl", JsonFormat(lines=True)),
        ("json", JsonFormat(lines=False)),
        ("parquet", ParquetFormat()),
        ("capture", CaptureFormat(BOTH)),
        ("merged", MergedFormat(("endpointOutput", "batchTransformOutput"))),
        ("table:sales.Orders", TableFormat("sales.Orders")),
        (
            '{"spark": {"format": "orc", "options": {"mergeSchema": true, "x": 1}}}',
            SparkFormat("orc", {"mergeSchema": "true", "x": "1"}),
        ),
        ('{"spark": {"format": "delta"}}', SparkFormat("delta")),
        ("delta", SparkFormat("delta")),
    ],
)
def test_a_spelling_means_its_format(text, expected):
    assert parse_dataset_format(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 99_999, "which is neither a known word nor JSON"),
        ("cvs", "is 'cvs', which is neither a known word nor JSON; write one of: csv, csv-without-header, jsonl"),
        ('{"csv”: { ”header”: true}', "neither a known word nor JSON"),  # the guide's sample, broken typography
        ('"csv"', "exactly one member"),
        ('{"csv": {}, "json": {}}', "exactly one member"),
        ("{}", "exactly one member"),
        ('{"avro": {}}', "whose member 'avro' is no format"),
        ('{"csv": true}', "has to hold an object"),
        ('{"csv": {"header": "maybe"}}', "has csv.header 'maybe'; write true or false"),
        ('{"csv": {"header": [true, false]}}', "write true or false"),
        ('{"csv": {"heder": true}}', "has csv.heder, which is unknown; it may hold header, output_columns_position"),
        ('{"csv": {"output_columns_position": "LEFT"}}', "write START or END"),
        ('{"parquet": {"x": 1}}', "it holds nothing"),
        ('{"sagemakerCaptureJson": {"captureIndexNames": ["input"]}}', "endpointInput, endpointOutput"),
        ('{"sagemakerCaptureJson": {"captureIndexNames": []}}', "write a list of some of"),
        ('{"spark": {}}', "has no spark.format"),
        ('{"spark": {"format": "orc", "options": []}}', "has spark.options []; write an object"),
        ("table: ", "write table:NAME"),
    ],
)
def test_a_wrong_spelling_is_reported_with_what_to_write(text, words):
    with pytest.raises(BadConfiguration) as caught:
        parse_dataset_format(text)
    assert words in str(caught.value)
