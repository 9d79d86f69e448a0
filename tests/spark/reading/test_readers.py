"""Reading: good files of each format, and each way that a file or a line of it can be bad."""

from __future__ import annotations

import bz2
import gzip
import json
import re
from datetime import datetime

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyspark.sql.functions as F
import pytest
from tests.spark_lines import explain_plan, on_a_jvm

from spark_model_monitor.data.profiling.scan import RowSource, scan
from spark_model_monitor.data.reading.formats import (
    CaptureFormat,
    CsvFormat,
    JsonFormat,
    ParquetFormat,
    ReadOptions,
    SparkFormat,
    TableFormat,
    parse_dataset_format,
)
from spark_model_monitor.data.reading.listing import list_dataset
from spark_model_monitor.data.reading.readers import read_dataset, read_source, read_table
from spark_model_monitor.data.reading.scripts import Script
from spark_model_monitor.data.records.refusals import REASON, Refusal
from spark_model_monitor.errors import BadConfiguration, BadInput
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline
from spark_model_monitor.running.runtime.failures import describe_failure
from spark_model_monitor.spark.engine.rows import find_rejected_lines
from spark_model_monitor.spark.engine.spark import SparkEngine, SparkPartitions
from spark_model_monitor.spark.spark_session import new_job_session

CSV = CsvFormat(header=True)


@pytest.fixture
def read(spark, tmp_path):
    def reading(dataset_format, path=tmp_path, **options):
        return read_dataset(
            SparkEngine(spark), list_dataset(SparkEngine(spark), str(path)), dataset_format, ReadOptions(**options)
        )

    return reading


def account(dataset):
    """The profile and the ledger of a data set."""
    scan_findings = scan(
        RowSource(
            SparkPartitions(dataset.frame),
            dataset.names,
            reason=dataset.reason,
            reasons=len(Refusal) if dataset.refusable else 0,
            partitions_at_most=dataset.partitions_at_most,
        )
    )
    dataset.require_one_layout(scan_findings.rows)
    return scan_findings.profile, dataset.ledger(scan_findings.rows)


def cells(dataset):
    features = [f"c{position}" for position in range(len(dataset.names))]
    return sorted(tuple(row) for row in dataset.frame.select(*features).collect())


def test_csv_with_a_header(read, tmp_path):
    (tmp_path / "data.csv").write_text('age,plan\n31,"basic, small"\n45,"say ""gold"""\n\n,\n')
    profile, ledger = account(read(CSV))

    assert [feature.name for feature in profile.features] == ["age", "plan"]
    assert profile.feature("plan").exact_domain == {"basic, small": 1, 'say "gold"': 1}
    assert (ledger.read, ledger.kept, ledger.quarantined) == (3, 3, 0)
    assert profile.feature("age").num_missing == 1


def test_csv_without_a_header_is_named_by_position(read, tmp_path):
    (tmp_path / "data.csv").write_text("31,basic\n45,gold\n")
    profile, ledger = account(read(CsvFormat(header=False)))

    assert [feature.name for feature in profile.features] == ["_c0", "_c1"]
    assert ledger.kept == 2


def test_header_lines_of_several_files_are_no_records_and_more_of_them_are_refused(read, tmp_path):
    (tmp_path / "one.csv").write_text("age,plan\n1,a\n2,b\n")
    (tmp_path / "two.csv").write_text('"age","plan"\n3,a\nage,plan\n4,b\n')
    profile, ledger = account(read(CSV))

    assert profile.feature("age").moments.sum == 10
    assert ledger.refused == {"repeated header line": 1}
    assert (ledger.read, ledger.kept) == (5, 4)


def test_a_file_without_its_header_line_loses_no_record(read, tmp_path, caplog):
    (tmp_path / "one.csv").write_text("age,plan\n1,a\n")
    (tmp_path / "two.csv").write_text("2,b\n3,c\n")
    _, ledger = account(read(CSV))

    assert ledger.kept == 3
    assert "1 of 2 files do not begin with the header line" in caplog.text


def test_a_file_with_its_columns_in_another_order_fails_by_name(read, tmp_path):
    (tmp_path / "one.csv").write_text("age,plan\n1,a\n")
    (tmp_path / "two.csv").write_text("plan,age\nb,2\n")

    with pytest.raises(BadInput, match=r"two\.csv: its header line has the columns in another order than .*one\.csv"):
        account(read(CSV))


def test_a_file_with_other_columns_fails_by_their_names(read, tmp_path):
    (tmp_path / "one.csv").write_text("age,plan\n1,a\n")
    (tmp_path / "two.csv").write_text("AGE,plan\n2,b\n")

    with pytest.raises(
        BadInput, match=r"two\.csv: its header line writes 'age' with other capitals or blanks than .*one\.csv"
    ):
        account(read(CSV))


@pytest.mark.parametrize(
    ("csv_format", "content"),
    [
        (CsvFormat(header=True, separator=";", decimal=","), "sep=;\nage;plan\n1,5;a\n2,5;b\n"),
        (CsvFormat(header=True, escape="\\"), 'age,plan\n1.5,"a \\"b\\", c"\n2.5,b\n'),
        (CSV, "\n\nage,plan\n1.5,a\n2.5,b\n"),
    ],
)
def test_dialects_are_read(read, tmp_path, csv_format, content):
    (tmp_path / "data.csv").write_text(content)
    dataset = read(csv_format)
    profile, ledger = account(dataset)

    assert profile.feature("age").moments.sum == 4
    assert (ledger.read, ledger.kept, ledger.refused) == (2, 2, {})
    assert not [*find_rejected_lines(dataset)]


def test_ragged_lines_are_refused(read, tmp_path):
    (tmp_path / "data.csv").write_text("age,plan\n1,a\n2\n3,b,extra\n4,c\n")
    profile, ledger = account(read(CSV))

    assert ledger.refused == {"wrong number of cells": 2}
    assert (ledger.read, ledger.kept) == (4, 2)
    assert profile.feature("age").moments.sum == 5


def test_a_cell_with_a_line_break_is_refused_whole(read, tmp_path):
    (tmp_path / "data.csv").write_text('age,note\n1,"first\nsecond"\n2,"said ""yes"""\n')
    profile, ledger = account(read(CSV))

    assert ledger.refused == {"a quote that does not end in its line": 2}
    assert profile.feature("note").exact_domain == {'said "yes"': 1}


def test_bytes_that_are_not_utf_8_are_refused(read, tmp_path):
    (tmp_path / "data.csv").write_bytes("age,city\n1,Zürich\n".encode() + "2,Zürich\n".encode("latin-1"))
    profile, ledger = account(read(CSV))

    assert ledger.refused == {"not UTF-8": 1}
    assert profile.feature("city").exact_domain == {"Zürich": 1}


def test_windows_line_ends_and_a_byte_order_mark_are_no_data(read, tmp_path):
    (tmp_path / "data.csv").write_bytes("\ufeffage,plan\r\n1,a\r\n2,b\r\n".encode())
    profile, ledger = account(read(CSV))

    assert [feature.name for feature in profile.features] == ["age", "plan"]
    assert profile.feature("plan").exact_domain == {"a": 1, "b": 1}
    assert (ledger.read, ledger.kept) == (2, 2)


@pytest.mark.parametrize(("suffix", "compress"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
def test_compressed_csv_is_read(read, tmp_path, suffix, compress):
    (tmp_path / f"data.csv{suffix}").write_bytes(compress(b"age,plan\n1,a\n2,b\n"))
    profile, _ = account(read(CSV))

    assert profile.feature("age").moments.sum == 3


def test_folders_are_searched_and_hidden_and_empty_files_are_skipped(read, tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "data.csv").write_text("age\n1\n")
    (tmp_path / "_SUCCESS").write_text("no data\n")
    (tmp_path / ".hidden.csv").write_text("age\n2\n")
    (tmp_path / "empty.csv").write_text("")
    dataset = read(CSV)
    _, ledger = account(dataset)

    assert [file.path.rsplit("/", 1)[-1] for file in ledger.files] == ["data.csv"]
    assert ledger.kept == 1


def test_a_path_with_signs_of_a_pattern_is_taken_word_for_word(read, tmp_path):
    folder = tmp_path / "data [2026] {a} 100% ключ"
    folder.mkdir()
    (folder / "data.csv").write_text("age\n1\n")
    _, ledger = account(read(CSV, folder))

    assert ledger.kept == 1


def test_one_partition_in_file_order_as_the_service_reads(read, tmp_path, spark):
    first = 0
    for number, rows in enumerate([10, 4_000, 70]):
        lines = [f"{first + row},x" for row in range(rows)]
        (tmp_path / f"{number}.csv").write_text("\n".join(["age,plan", *lines]) + "\n")
        first += rows
    spark.conf.set("spark.sql.files.maxPartitionBytes", 4096)
    try:
        profile, _ = account(read(CSV, as_service=True))
    finally:
        spark.conf.unset("spark.sql.files.maxPartitionBytes")
    level = profile.feature("age").kll.levels[0].tolist()

    assert level == list(range(4_080 - len(level), 4_080))  # what was read last stands at the end of level 0


def test_json_lines_keep_the_types_of_their_numbers(read, tmp_path):
    records = [{"age": 31, "score": 0.5, "plan": "1"}, {"age": 45, "score": 2, "plan": None}, {"age": 9, "late": True}]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    profile, ledger = account(read(JsonFormat()))
    types = {feature.name: (feature.column_type.value, feature.inferred_type) for feature in profile.features}

    assert types == {
        "age": ("integral", "Integral"),
        "late": ("boolean", "String"),
        "plan": ("text", "Integral"),
        "score": ("fractional", "Fractional"),
    }
    assert ledger.kept == 3


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param('{"age": 1, "plan"', "not a JSON object", id="truncated"),
        pytest.param("{'age': 1}", "not a JSON object", id="single quotes"),
        pytest.param('{"age": 1} and more', "not a JSON object", id="text after the object"),
        pytest.param('{"age": 1}{"age": 2}', "not a JSON object", id="a second object"),
        pytest.param('{"age": 1},{"age": 2}', "several JSON objects in one line", id="two objects with a comma"),
        pytest.param('{"age": 1}] junk', "not a JSON object", id="a bracket and text after the object"),
        pytest.param("[1, 2]", "not a JSON object", id="an array"),
        pytest.param("17", "not a JSON object", id="a number"),
        pytest.param("null", "not a JSON object", id="null"),
    ],
)
def test_a_line_that_is_not_one_json_object_is_refused(read, tmp_path, line, reason):
    (tmp_path / "data.jsonl").write_text('{"age": 5}\n' + line + '\n{"age": 6}\n')
    profile, ledger = account(read(JsonFormat()))

    assert ledger.refused == {reason: 1}
    assert profile.feature("age").moments.sum == 11


@pytest.mark.parametrize("levels", [101, 600, 5_000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")], ids=["arrays", "objects"])
def test_a_line_that_is_nested_too_deep_is_refused_and_no_other(read, tmp_path, opening, closing, levels):
    inner = levels - 1  # beside the record itself
    nested = '{"age": 5, "deep": ' + opening * inner + ("1" if closing == "}" else "") + closing * inner + "}"
    (tmp_path / "data.jsonl").write_text('{"age": 6}\n' + nested + '\n{"age": 7}\n')
    dataset = read(JsonFormat())
    profile, ledger = account(dataset)
    assert dataset.names == ("age",)
    assert profile.feature("age").moments.sum == 13
    assert ledger.refused == {"nested too deep": 1}


@on_a_jvm("its protocol takes schemas of 48 arrays inside each other")
def test_a_line_may_be_nested_a_hundred_times(read, tmp_path):
    (tmp_path / "data.jsonl").write_text('{"age": 6, "deep": ' + "[" * 99 + "]" * 99 + "}\n" + '{"age": 7}\n')
    profile, ledger = account(read(JsonFormat()))
    assert (profile.feature("age").moments.sum, ledger.refused) == (13, {})


def test_json_documents_are_arrays_of_objects_or_one_object(read, tmp_path):
    (tmp_path / "many.json").write_text(json.dumps([{"age": 1}, {"age": 2}], indent=1))
    (tmp_path / "one.json").write_text(json.dumps({"age": 3}, indent=1))
    profile, ledger = account(read(JsonFormat(lines=False)))

    assert profile.feature("age").moments.sum == 6
    assert ledger.kept == 3


@pytest.mark.parametrize("behind", ['[{"age": 2}]', '] [{"age": 2}', ', {"age": 2}', "x"])
def test_a_json_document_with_more_behind_it_fails_by_name(read, tmp_path, behind):
    (tmp_path / "good.json").write_text('\ufeff[{"age": 1}]\n')
    (tmp_path / "blank.json").write_text(" \n")
    (tmp_path / "bad.json").write_text(f'[{{"age": 1}}]{behind}')

    with pytest.raises(BadInput, match=r"bad\.json: is not one JSON document"):
        account(read(JsonFormat(lines=False)))


def test_a_broken_json_document_fails_by_name(read, tmp_path):
    (tmp_path / "good.json").write_text('[{"age": 1}]')
    (tmp_path / "bad.json").write_text('[{"age": 1}')

    with pytest.raises(BadInput, match=r"bad\.json: is not one JSON document"):
        account(read(JsonFormat(lines=False)))


def test_nested_objects_are_refused_by_name_unless_they_may_be_flattened(read, tmp_path):
    (tmp_path / "data.jsonl").write_text('{"id": 7, "who": {"age": 1, "home": {"city": "Bern"}}}\n')

    with pytest.raises(BadInput, match="feature 'who' is a nested object; write --flatten-json"):
        read(JsonFormat())
    profile, _ = account(read(JsonFormat(), flatten_json=True))
    assert [feature.name for feature in profile.features] == ["id", "who.age", "who.home.city"]


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


@pytest.mark.parametrize("dataset_format", [JsonFormat(), JsonFormat(lines=False)], ids=["lines", "documents"])
def test_keys_that_differ_by_case_are_features_of_their_own(read, tmp_path, dataset_format):
    (tmp_path / "one.json").write_text('{"age": 1}\n')
    (tmp_path / "two.json").write_text('{"Age": 5, "plan": "a"}\n')
    profile, _ = account(read(dataset_format))

    assert [feature.name for feature in profile.features] == ["Age", "age", "plan"]
    assert [profile.feature(name).moments.sum for name in ("Age", "age")] == [5, 1]


@pytest.mark.parametrize("dataset_format", [JsonFormat(), JsonFormat(lines=False)], ids=["lines", "documents"])
def test_of_a_key_that_an_object_has_twice_the_last_one_counts(read, tmp_path, dataset_format):
    (tmp_path / "data.json").write_text('{"age": 1, "age": 2.5, "plan": "a"}\n')
    profile, ledger = account(read(dataset_format))

    assert profile.feature("age").moments.sum == 2.5
    assert (ledger.read, ledger.kept) == (1, 1)


def test_json_is_refused_line_by_line_in_a_session_of_ansi_sql_too(spark, read, tmp_path):
    (tmp_path / "data.jsonl").write_text('{"age": 1}\n]\n ] \n')
    spark.conf.set("spark.sql.ansi.enabled", "true")
    try:
        _, ledger = account(read(JsonFormat()))
    finally:
        spark.conf.unset("spark.sql.ansi.enabled")

    assert ledger.refused == {"not a JSON object": 2}


def test_json_documents_are_in_file_order_as_the_service_reads(read, tmp_path):
    rows = {"a": range(10), "b": range(10, 4_010), "c": range(4_010, 4_080)}
    for name, numbers in rows.items():
        (tmp_path / f"{name}.json").write_text(json.dumps([{"row": number} for number in numbers]))

    documents_frame = read(JsonFormat(lines=False), as_service=True).frame

    assert [row[0] for row in documents_frame.select(F.spark_partition_id()).distinct().collect()] == [0]
    assert [row.c0 for row in documents_frame.collect()] == list(range(4_080))


def test_texts_of_parquet_that_are_not_utf_8_are_counted_with_a_sign_in_the_place_of_bad_bytes(read, tmp_path):
    raw = pa.array([b"Z\xfcrich", b"Z\xf6rich", b"Bern", b"\xff" + 300 * b"x"], pa.binary())
    pq.write_table(pa.table({"city": raw.view(pa.string())}), tmp_path / "data.parquet")
    city = account(read(ParquetFormat()))[0].feature("city")

    assert city.num_present == 4
    assert {text: count for text, count in city.exact_domain.items() if len(text) < 10} == {"Z\ufffdrich": 2, "Bern": 1}
    assert city.distinct.estimate() == 4


def test_parquet_keeps_its_types_and_any_name(read, tmp_path):
    pd.DataFrame({"a.b": [1, 2], "Age": [0.5, None], " ключ": ["x", "y"]}).to_parquet(tmp_path / "data.parquet")
    profile, _ = account(read(ParquetFormat()))

    assert [feature.name for feature in profile.features] == ["a.b", "Age", " ключ"]
    assert [feature.inferred_type for feature in profile.features] == ["Integral", "Fractional", "String"]


@pytest.mark.parametrize(
    ("dataset_format", "save"),
    [
        pytest.param(CSV, lambda table, path: table.to_csv(path / "t.csv", index=False), id="csv"),
        pytest.param(ParquetFormat(), lambda table, path: table.to_parquet(path / "t.parquet"), id="parquet"),
    ],
)
def test_epoch_milliseconds_are_whole_numbers_and_none_is_rounded(read, tmp_path, dataset_format, save):
    first = 1_767_225_600_000  # 2026-01-01T00:00:00Z
    save(pd.DataFrame({"seen": [first, first + 1, first + 86_400_000]}), tmp_path)
    feature = account(read(dataset_format))[0].feature("seen")

    assert feature.inferred_type == "Integral"
    assert (feature.moments.minimum, feature.moments.maximum) == (first, first + 86_400_000)
    assert feature.moments.sum == 3 * first + 86_400_001
    assert feature.distinct.estimate() == 3


def test_parquet_columns_that_differ_by_case_only_need_a_case_sensitive_session(spark, read, tmp_path):
    pd.DataFrame({"age": [1], "Age": [0.5]}).to_parquet(tmp_path / "data.parquet")

    with pytest.raises(BadInput, match=r"--conf spark\.sql\.caseSensitive=true"):
        read(ParquetFormat())
    spark.conf.set("spark.sql.caseSensitive", "true")
    try:
        profile, _ = account(read(ParquetFormat()))
    finally:
        spark.conf.unset("spark.sql.caseSensitive")
    assert [feature.moments.sum for feature in profile.features] == [1, 0.5]


def test_folders_of_partitions_are_columns(read, tmp_path):
    for day in ("2026-01-01", "2026-01-02"):
        (tmp_path / f"day={day}").mkdir()
        pd.DataFrame({"age": [1]}).to_parquet(tmp_path / f"day={day}" / "data.parquet")
    profile, _ = account(read(ParquetFormat()))

    assert [feature.name for feature in profile.features] == ["age", "day"]


def test_orc_through_sparks_reader(read, tmp_path, spark):
    spark.createDataFrame([(1, "a"), (2, "b")], "age int, plan string").write.orc(str(tmp_path / "orc"))
    profile, _ = account(read(SparkFormat("orc"), tmp_path / "orc"))

    assert profile.feature("age").moments.sum == 3


def test_a_reader_of_spark_finds_its_data_by_its_options_alone(spark, tmp_path):
    for name, numbers in {"a": range(10), "b": range(10, 4_010), "c": range(4_010, 4_080)}.items():
        pd.DataFrame({"row": list(numbers)}).to_parquet(tmp_path / f"{name}.parquet")
    source = SparkFormat("parquet", {"path": str(tmp_path)})
    profile, _ = account(read_source(SparkEngine(spark), source))
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
    profile, _ = account(read_table(SparkEngine(spark), TableFormat("people_of_a_test")))

    assert profile.feature("age").moments.sum == 1
    with pytest.raises(BadConfiguration, match="has no table 'nobody'"):
        read_table(SparkEngine(spark), TableFormat("nobody"))


def test_a_table_of_files_that_no_spark_wrote_has_times_before_1900(spark, tmp_path):
    moments = [datetime(1, 1, 1), datetime(9999, 12, 31)]
    pq.write_table(pa.table({"time": pa.array(moments, pa.timestamp("us", "UTC"))}), tmp_path / "a.parquet")
    spark.catalog.createTable("old_times_of_a_test", str(tmp_path), "parquet")
    try:
        profile, _ = account(read_table(SparkEngine(new_job_session(spark)), TableFormat("old_times_of_a_test")))
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
    ("name", "content", "dataset_format", "sentence"),
    [
        pytest.param("x.csv", b'{"age": 1}\n', CSV, "looks like JSON.*write --dataset-format jsonl", id="JSON as CSV"),
        pytest.param(
            "x.csv", b"PAR1....", CSV, "is a Parquet file, not text; write --dataset-format parquet", id="Parquet"
        ),
        pytest.param(
            "x.csv", gzip.compress(b"a\n1\n"), CSV, r"its name has to end in \.gz", id="gzip without its name"
        ),
        pytest.param("x.csv.gz", b"a\n1\n", CSV, "its name says that it is compressed", id="a name of gzip only"),
        pytest.param("x.csv", "age\n1\n".encode("utf-16"), CSV, "holds NUL bytes, so it is not UTF-8", id="UTF-16"),
        pytest.param("x.csv", b"\xff\xfe\xfdage\n1\n", CSV, "line 1 is not UTF-8", id="a header that is not UTF-8"),
        pytest.param("x.csv", b"\xe4\n1\n", CSV, "line 1 is not UTF-8", id="a short file that is not UTF-8"),
        pytest.param(
            "x.csv", b"age,plan,age\n1,2,3\n", CSV, "columns 1 and 3 are both called 'age'", id="a name twice"
        ),
        pytest.param(
            "x.csv", b"age;plan\n1;a\n", CSV, 'line 1 has no comma but \';\'.*"separator": ";"', id="semicolons"
        ),
        pytest.param("x.jsonl", b"age,plan\n1,a\n", JsonFormat(), "no JSON object was found", id="CSV as JSON"),
        pytest.param("x.parquet", b"age\n1\n", ParquetFormat(), "can't be read as parquet", id="CSV as Parquet"),
        pytest.param(
            "x.csv", b"age\n1\n", SparkFormat("avro"), "can't be read as avro.*--packages", id="no such reader"
        ),
    ],
)
def test_a_file_that_is_not_what_the_format_says_is_named(read, tmp_path, name, content, dataset_format, sentence):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(BadInput, match=sentence) as raised:
        account(read(dataset_format))
    assert str(tmp_path) in str(raised.value)


NOTES = pd.DataFrame({"age": [31, 45], "note": ['said "yes"; twice', "a; b"], "plan": ["x", "y"]})


def read_as_suggested(read, error):
    """What is read by the flag that an error's sentence says."""
    suggested_format = re.search(r"--dataset-format '(.*?)'", str(error)).group(1)
    return cells(read(parse_dataset_format(suggested_format)))


def test_the_flag_for_another_separator_reads_what_pandas_wrote_with_it(read, tmp_path):
    NOTES.to_csv(tmp_path / "data.csv", sep=";", index=False)
    with pytest.raises(BadInput, match="line 1 has no comma but ';'") as raised:
        read(CSV)

    *rows, header = read_as_suggested(read, raised.value)  # in the order of their texts; a scan refuses the header
    assert header == tuple(NOTES)
    assert rows == [tuple(map(str, row)) for row in NOTES.itertuples(index=False)]


def test_the_flag_for_cells_with_line_breaks_reads_what_pandas_wrote(read, tmp_path):
    table = NOTES.assign(note=["first\nsecond", 'said\n"yes", twice'])
    table.to_csv(tmp_path / "data.csv", index=False)
    with pytest.raises(BadInput, match="a quote that does not end in its line: 4") as raised:
        run_baseline(read(CSV), DataQualityMonitor())

    assert read_as_suggested(read, raised.value) == [tuple(map(str, row)) for row in table.itertuples(index=False)]


def test_a_truncated_gzip_is_named(read, tmp_path):
    lines = "".join(f"{row},{row * row}\n" for row in range(100_000))
    compressed = gzip.compress(("age,plan\n" + lines).encode())
    (tmp_path / "good.csv.gz").write_bytes(compressed)
    (tmp_path / "cut.csv.gz").write_bytes(compressed[: len(compressed) // 2])

    with pytest.raises(BadInput, match=r"cut\.csv\.gz: is cut short or damaged"):
        run_baseline(read(CSV), DataQualityMonitor())


@pytest.mark.parametrize(
    ("dataset_format", "options"),
    [
        pytest.param(JsonFormat(), {}, id="JSON Lines, whose features are looked for first"),
        pytest.param(JsonFormat(lines=False), {}, id="JSON documents"),
        pytest.param(
            JsonFormat(), {"script": Script("s.py", "def preprocess_handler(line): return {'a': 1}")}, id="script"
        ),
    ],
)
def test_a_truncated_gzip_is_named_before_the_scan_too(read, tmp_path, dataset_format, options):
    objects = [json.dumps({"age": row * row}) for row in range(20_000)]
    if dataset_format.lines:
        text = "\n".join(objects)
    else:
        text = f"[{','.join(objects)}]"
    compressed = gzip.compress(text.encode())
    (tmp_path / "cut.json.gz").write_bytes(compressed[: len(compressed) // 2])

    with pytest.raises(BadInput, match=r"cut\.json\.gz: is cut short or damaged"):
        read(dataset_format, **options)


def test_captures_are_no_format_of_a_baseline(read, tmp_path):
    (tmp_path / "x.jsonl").write_text("{}\n")

    with pytest.raises(BadConfiguration, match="is no format of a baseline's data set"):
        read(CaptureFormat())


def test_features_can_be_left_out(read, tmp_path):
    (tmp_path / "data.csv").write_text("id,age,plan\n7,1,a\n8,2,b,\n")
    dataset = read(CSV).select_features(["plan", "age"])
    profile, ledger = account(dataset)

    assert [feature.name for feature in profile.features] == ["plan", "age"]
    assert profile.feature("age").moments.sum == 1
    assert ledger.refused == {"wrong number of cells": 1}
