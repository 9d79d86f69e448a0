"""Reading: good files of each format, and each way that a file or a line of it can be bad."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import datetime

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyspark.sql.functions as F
import pytest
from tests.spark_lines import explain_plan, on_a_jvm
from tests.unit.reading.read_data_sets import READ_BEFORE_THE_SCAN, read_account, read_quarantine, write_cut_gzip

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.reading.format_readers import read_dataset, read_source, read_table
from spark_model_monitor.data.reading.formats import (
    CsvFormat,
    JsonFormat,
    ParquetFormat,
    ReadOptions,
    SparkFormat,
    TableFormat,
    parse_dataset_format,
)
from spark_model_monitor.data.reading.listing import list_dataset
from spark_model_monitor.data.records.refusals import REASON
from spark_model_monitor.errors import BadConfiguration, BadInput
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline
from spark_model_monitor.running.runtime.failures import describe_failure
from spark_model_monitor.spark.engine.spark import SparkEngine
from spark_model_monitor.spark.spark_session import new_job_session

CSV = CsvFormat(header=True)


@pytest.fixture
def read(spark, tmp_path):
    def read_files(dataset_format, path=tmp_path, **options):
        return read_dataset(
            SparkEngine(spark), list_dataset(SparkEngine(spark), str(path)), dataset_format, ReadOptions(**options)
        )

    return read_files


@pytest.mark.parametrize("is_local", [False, True], ids=["Spark", "local"])
def test_refused_lines_are_kept_as_they_were_with_reason_file_and_line_number(spark, tmp_path, is_local):
    badly_encoded = "4,Zürich".encode("latin-1")
    lines = [b"\n\nage,city\n1,Bern\n", b"2\nage,city\n2\n" + badly_encoded, b""]
    (tmp_path / "a.csv").write_bytes(b"\n".join(lines))
    (tmp_path / "b.csv").write_text("age,city\n5,Genf\n6,Basel,more\n")
    engine = LocalEngine(processes=1) if is_local else SparkEngine(spark)
    dataset = read_dataset(engine, list_dataset(engine, str(tmp_path)), CSV)
    run_baseline(dataset, DataQualityMonitor(), max_quarantined_share=1, output_path=str(tmp_path / "out"))
    records = read_quarantine(tmp_path / "out")

    assert [(record["file"].rsplit("/", 1)[-1], record["line_number"], record["reason"]) for record in records] == [
        ("a.csv", 6, "wrong number of cells"),
        ("a.csv", 7, "repeated header line"),
        ("a.csv", 8, "wrong number of cells"),
        ("a.csv", 9, "not UTF-8"),
        ("b.csv", 3, "wrong number of cells"),
    ]
    assert [record.get("line") for record in records] == ["2", "age,city", "2", None, "6,Basel,more"]
    assert base64.b64decode(records[3]["line_base64"]) == badly_encoded
    assert records[4]["sha256"] == hashlib.sha256(b"6,Basel,more").hexdigest()


@on_a_jvm("its protocol takes schemas of 48 arrays inside each other")
def test_a_line_may_be_nested_a_hundred_times_and_no_deeper(read, tmp_path):
    deep = ["[" * levels + "]" * levels for levels in (99, 100, 5_000)]
    lines = [f'{{"age": {number}, "deep": {nested}}}' for number, nested in enumerate(deep, start=6)]
    (tmp_path / "data.jsonl").write_text("\n".join([*lines, '{"age": 9}\n']))
    profile, ledger, _ = read_account(read(JsonFormat()))

    assert (profile.feature("age").moments.sum, ledger.refused) == (15, {"nested too deep": 2})


@pytest.mark.parametrize("flatten_json", [False, True])
def test_json_is_parsed_once_for_all_that_is_asked_of_it(read, tmp_path, flatten_json):
    """By a filter, too."""
    if flatten_json:
        nested = {"who": {"age": 1, "home": {"city": "Bern"}}}
    else:
        nested = {}
    (tmp_path / "data.jsonl").write_text(json.dumps({"id": 7, "plan": "basic", **nested}) + "\n")

    frame = read(JsonFormat(), flatten_json=flatten_json).frame

    for frame_read in (frame, frame.where(F.col(REASON) > 0), frame.where("c0 > 5").select("c1", REASON)):
        assert explain_plan(frame_read).count("MapInArrow") == 1


def test_members_that_differ_by_case_are_features_of_their_own(spark, read, tmp_path):
    """Also within objects in others, and the session stays as it was."""
    records = [{"x": {"A": 1, "a": 2.5, "b": {"é": "u", "É": "v"}}}, {"x": {"a": 3.5}}, {"x": None}]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    dataset = read(JsonFormat(), flatten_json=True)
    rows = dataset.frame.select([f"c{number}" for number in range(len(dataset.names))]).collect()

    assert [dict(zip(dataset.names, row, strict=True)) for row in rows] == [
        {"x.A": 1, "x.a": 2.5, "x.b.É": "v", "x.b.é": "u"},
        {"x.A": None, "x.a": 3.5, "x.b.É": None, "x.b.é": None},
        {"x.A": None, "x.a": None, "x.b.É": None, "x.b.é": None},
    ]
    assert spark.conf.get("spark.sql.caseSensitive") == "false"


def test_json_is_refused_line_by_line_in_a_session_of_ansi_sql_too(spark, read, tmp_path):
    (tmp_path / "data.jsonl").write_text('{"age": 1}\n]\n ] \n')
    spark.conf.set("spark.sql.ansi.enabled", "true")
    try:
        _, ledger, _ = read_account(read(JsonFormat()))
    finally:
        spark.conf.unset("spark.sql.ansi.enabled")

    assert ledger.refused == {"not a JSON object": 2}


@pytest.mark.parametrize("dataset_format", [CSV, JsonFormat(lines=False)], ids=["CSV", "documents"])
def test_rows_are_in_file_order_in_one_partition_as_the_service_reads(spark, read, tmp_path, dataset_format):
    for name, numbers in {"a": range(10), "b": range(10, 4_010), "c": range(4_010, 4_080)}.items():
        if dataset_format is CSV:
            text = "\n".join(["row", *map(str, numbers)])
        else:
            text = json.dumps([{"row": number} for number in numbers])
        (tmp_path / name).write_text(text)
    spark.conf.set("spark.sql.files.maxPartitionBytes", 4096)
    try:
        frame = read(dataset_format, as_service=True).frame
        partitions = frame.select(F.spark_partition_id()).distinct().collect()
        cells = [row.c0 for row in frame.collect()]
    finally:
        spark.conf.unset("spark.sql.files.maxPartitionBytes")

    assert [row[0] for row in partitions] == [0]
    assert [int(cell) for cell in cells if cell != "row"] == list(range(4_080))


def test_texts_of_parquet_that_are_not_utf_8_are_counted_with_a_sign_in_the_place_of_bad_bytes(read, tmp_path):
    raw = pa.array([b"Z\xfcrich", b"Z\xf6rich", b"Bern", b"\xff" + 300 * b"x"], pa.binary())
    pq.write_table(pa.table({"city": raw.view(pa.string())}), tmp_path / "data.parquet")
    city = read_account(read(ParquetFormat()))[0].feature("city")

    assert city.num_present == 4
    assert {text: count for text, count in city.exact_domain.items() if len(text) < 10} == {"Z\ufffdrich": 2, "Bern": 1}
    assert city.distinct.estimate() == 4


def test_parquet_columns_that_differ_by_case_only_need_a_case_sensitive_session(spark, read, tmp_path):
    pd.DataFrame({"age": [1], "Age": [0.5]}).to_parquet(tmp_path / "data.parquet")

    with pytest.raises(BadInput, match=r"--conf spark\.sql\.caseSensitive=true"):
        read(ParquetFormat())
    spark.conf.set("spark.sql.caseSensitive", "true")
    try:
        profile, _, _ = read_account(read(ParquetFormat()))
    finally:
        spark.conf.unset("spark.sql.caseSensitive")
    assert [feature.moments.sum for feature in profile.features] == [1, 0.5]


def test_folders_of_partitions_are_columns(read, tmp_path):
    for day in ("2026-01-01", "2026-01-02"):
        (tmp_path / f"day={day}").mkdir()
        pd.DataFrame({"age": [1]}).to_parquet(tmp_path / f"day={day}" / "data.parquet")
    profile, _, _ = read_account(read(ParquetFormat()))

    assert [feature.name for feature in profile.features] == ["age", "day"]


def test_orc_through_sparks_reader(read, tmp_path, spark):
    spark.createDataFrame([(1, "a"), (2, "b")], "age int, plan string").write.orc(str(tmp_path / "orc"))
    profile, _, _ = read_account(read(SparkFormat("orc"), tmp_path / "orc"))

    assert profile.feature("age").moments.sum == 3


def test_a_reader_of_spark_finds_its_data_by_its_options_alone(spark, tmp_path):
    for name, numbers in {"a": range(10), "b": range(10, 4_010), "c": range(4_010, 4_080)}.items():
        pd.DataFrame({"row": list(numbers)}).to_parquet(tmp_path / f"{name}.parquet")
    source = SparkFormat("parquet", {"path": str(tmp_path)})
    profile, _, _ = read_account(read_source(SparkEngine(spark), source))
    as_service = read_source(SparkEngine(spark), source, as_service=True)

    assert profile.feature("row").moments.sum == sum(range(4_080))
    assert [row.c0 for row in as_service.frame.collect()] == list(range(4_080))


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (
            SparkFormat("parquet", {"path": "/no/such/folder"}),
            r"^AnalysisException: \[PATH_NOT_FOUND\].*/no/such/folder",
        ),
        (SparkFormat("jdbc"), r"^IllegalArgumentException: .*Option 'url' is required"),
        (SparkFormat("no.such.reader"), r"^Spark has no reader called no\.such\.reader; pass its JAR"),
    ],
)
def test_what_a_reader_of_spark_says_is_reported_in_one_line(spark, source, sentence):
    with pytest.raises(Exception) as fault:  # noqa: PT011 -- of several classes
        read_source(SparkEngine(spark), source)

    reason = describe_failure(fault.value).reason
    assert re.search(sentence, reason)
    assert "\n" not in reason


def test_a_table_of_the_catalog(spark):
    spark.createDataFrame([(1, "a")], "age int, plan string").createOrReplaceTempView("people_of_a_test")
    profile, _, _ = read_account(read_table(SparkEngine(spark), TableFormat("people_of_a_test")))

    assert profile.feature("age").moments.sum == 1
    with pytest.raises(BadConfiguration, match="has no table 'nobody'"):
        read_table(SparkEngine(spark), TableFormat("nobody"))


def test_a_table_of_files_that_no_spark_wrote_has_times_before_1900(spark, tmp_path):
    moments = [datetime(1, 1, 1), datetime(9999, 12, 31)]
    pq.write_table(pa.table({"time": pa.array(moments, pa.timestamp("us", "UTC"))}), tmp_path / "a.parquet")
    spark.catalog.createTable("old_times_of_a_test", str(tmp_path), "parquet")
    try:
        profile, _, _ = read_account(
            read_table(SparkEngine(new_job_session(spark)), TableFormat("old_times_of_a_test"))
        )
    finally:
        spark.sql("DROP TABLE old_times_of_a_test")

    assert [*profile.feature("time").frequencies.counts] == [str(moment) for moment in moments]


def test_a_table_of_files_is_in_their_order_and_a_view_in_one_partition_as_the_service_reads(spark, tmp_path):
    for name, numbers in {"a": range(10), "b": range(10, 4_010), "c": range(4_010, 4_080)}.items():
        pd.DataFrame({"row": list(numbers)}).to_parquet(tmp_path / f"{name}.parquet")
    spark.catalog.createTable("rows_of_a_test", str(tmp_path), "parquet")
    try:
        spark.table("rows_of_a_test").where("row > 0").repartition(3).createOrReplaceTempView("some_rows_of_a_test")
        table = read_table(SparkEngine(spark), TableFormat("rows_of_a_test"), ReadOptions(as_service=True)).frame
        view = read_table(SparkEngine(spark), TableFormat("some_rows_of_a_test"), ReadOptions(as_service=True)).frame
        values = [row.c0 for row in table.collect()]
    finally:
        spark.sql("DROP TABLE rows_of_a_test")

    assert values == list(range(4_080))
    assert (view.columns, view.select(F.spark_partition_id()).distinct().count(), view.count()) == (["c0"], 1, 4_079)


@pytest.mark.parametrize(
    ("dataset_format", "sentence"),
    [
        (ParquetFormat(), "can't be read as parquet"),
        (SparkFormat("avro"), "can't be read as avro.*--packages"),
    ],
)
def test_a_file_that_is_not_what_the_format_says_is_named(read, tmp_path, dataset_format, sentence):
    (tmp_path / "x").write_bytes(b"age\n1\n")

    with pytest.raises(BadInput, match=sentence) as raised:
        read_account(read(dataset_format))
    assert str(tmp_path) in str(raised.value)


def test_the_flag_for_cells_with_line_breaks_reads_what_pandas_wrote(read, tmp_path):
    table = pd.DataFrame({"age": [31, 45], "note": ["first\nsecond", 'said\n"yes", twice'], "plan": ["x", "y"]})
    table.to_csv(tmp_path / "data.csv", index=False)
    with pytest.raises(BadInput, match="a quote that does not end in its line: 4") as raised:
        run_baseline(read(CSV), DataQualityMonitor())

    flag = re.search(r"--dataset-format '(.*?)'", str(raised.value)).group(1)
    rows = read(parse_dataset_format(flag)).frame.select("c0", "c1", "c2").collect()
    assert sorted(map(tuple, rows)) == [tuple(map(str, row)) for row in table.itertuples(index=False)]


@pytest.mark.parametrize(("dataset_format", "options"), READ_BEFORE_THE_SCAN)
def test_a_truncated_gzip_is_named_before_the_scan_too(read, tmp_path, dataset_format, options):
    write_cut_gzip(tmp_path / "cut.json.gz", dataset_format)

    with pytest.raises(BadInput, match=r"cut\.json\.gz: is cut short or damaged"):
        read(dataset_format, **options)
