"""Captures through Spark: good ones of every shape, each way that they can be bad, and the pure decoder's account of both."""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from datetime import datetime, timezone

import pytest
from tests.unit.records.captured_lines import captured, encode_line, some_json_lines, some_lines

from spark_model_monitor.data.profiling.scan import RowSource, scan
from spark_model_monitor.data.reading.captures import list_captures, read_captures
from spark_model_monitor.data.reading.formats import CaptureFormat, MergedFormat, ReadOptions
from spark_model_monitor.data.reading.ledger import write_quarantine
from spark_model_monitor.data.records.csv_rows import BYTE_ORDER_MARK
from spark_model_monitor.data.records.decoded_rows import Matching
from spark_model_monitor.data.records.decoding import Reading, decode
from spark_model_monitor.data.records.refusals import CELLS, REASON, Refusal
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.errors import BadInput, NoData
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline
from spark_model_monitor.spark.engine.spark import SparkEngine, SparkPartitions

BOTH = ("endpointInput", "endpointOutput")
NAMES = ("p", "a", "b")
UTC = timezone.utc
WINDOW = Window(datetime(2022, 4, 18, tzinfo=UTC), datetime(2022, 4, 18, 1, tzinfo=UTC))

HALF_PAST = Window(datetime(2022, 4, 17, 23, 55, tzinfo=UTC), datetime(2022, 4, 18, 0, 30, tzinfo=UTC))


@pytest.fixture
def read(spark, tmp_path):
    """Reads the lines, or what lies in the folder already."""

    def reading(lines=(), names=NAMES, capture_format=CaptureFormat(), window=None, partition_bytes=None, **options):  # noqa: B008
        if lines:
            content = b"\n".join(line if isinstance(line, bytes) else encode_line(line) for line in lines)
            (tmp_path / "a.jsonl").write_bytes(content + b"\n")
        lenient = options.get("lenient_window", False)
        source = list_captures(SparkEngine(spark), str(tmp_path), window, lenient_window=lenient)
        options = ReadOptions(names, window, **options)
        return read_captures(SparkEngine(spark), source, capture_format, options, partition_bytes)

    return reading


def account(dataset):
    """The profile, the ledger and the counts of a data set."""
    scan_findings = scan(
        RowSource(
            SparkPartitions(dataset.frame),
            dataset.names,
            reason=dataset.reason,
            reasons=len(Refusal),
            cells=dataset.cells,
            partitions_at_most=dataset.partitions_at_most,
        )
    )
    dataset.require_one_layout(scan_findings.rows)
    return scan_findings.profile, dataset.ledger(scan_findings.rows), scan_findings.rows


def rows(dataset):
    cells = [f"c{position}" for position in range(len(dataset.names))]
    return sorted((tuple(row) for row in dataset.frame.where(f"{REASON} = 0").select(*cells).collect()), key=str)


def test_the_columns_are_the_baselines_by_position_output_first(read):
    dataset = read([captured("1,2", "0.5\n"), captured("3,x", "0.25")])
    profile, ledger, _ = account(dataset)

    assert dataset.names == NAMES
    assert profile.feature("p").moments.sum == 0.75
    assert profile.feature("b").inferred_type == "String"
    assert (ledger.read, ledger.kept, ledger.kept_rows, ledger.quarantined) == (2, 2, 2, 0)


def test_a_payload_of_several_rows_is_one_record(read):
    dataset = read([captured('1,"a\nb"\n2,"c, d"\n', "5\n6\n"), captured("3,e", "7")])
    profile, ledger, counts = account(dataset)

    assert rows(dataset) == [("5", "1", "a\nb"), ("6", "2", "c, d"), ("7", "3", "e")]
    assert (ledger.read, ledger.kept, ledger.kept_rows, profile.item_count) == (2, 2, 3, 3)
    assert counts.widths == ((3, 2),)


def test_json_payloads_are_matched_by_name_where_they_carry_names(read):
    by_name = captured('[{"b": 2, "a": 1}, {"a": 3}]', '{"p": 5}\n{"p": 6}', encoding="JSON")
    by_position = captured('["[INST]", null]', "[5]", encoding="JSON")

    assert rows(read([by_name, by_position])) == [("5", "1", "2"), ("5", "[INST]", None), ("6", "3", None)]


@pytest.mark.parametrize("flatten_json", [False, True])
@pytest.mark.parametrize(
    "request_json",
    [
        {"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2]]}},
        {"instances": [{"a": 1, "b": 2}], "parameters": {"k": 1}},
    ],
)
def test_payloads_of_model_servers_are_columns(read, request_json, flatten_json):
    data = json.dumps(request_json)
    answer = '{"predictions": [5]}'
    record = captured(data, answer, encoding="JSON")
    dataset = read([record], names=None, flatten_json=flatten_json)

    assert dataset.names == ("_c0", "a", "b")
    assert rows(dataset) == [("5", "1", "2")]


@pytest.mark.parametrize(
    ("record", "names", "values"),
    [
        pytest.param({"a": 1, "more": 9, "b": 2}, (*NAMES, "more"), ("5", "1", "2", "9"), id="one more"),
        pytest.param({"a": 1, "c": 2}, (*NAMES, "c"), ("5", "1", None, "2"), id="one of another name"),
    ],
)
def test_members_beside_the_baselines_are_columns_of_their_own_names(read, record, names, values):
    dataset = read([captured(json.dumps(record), '{"p": 5}', encoding="JSON")] * 3)
    reread = dataset.read_with_columns(dataset.column_count(account(dataset)[2]))

    assert (reread.names, reread.matched_by) == (names, Matching.NAME_ELSE_POSITION)
    assert rows(reread) == [values] * 3
    assert reread.read_with_columns(7) is reread

    some = dataset.select_features(["p", "b"])
    assert some.read_with_columns(4).names == ("p", "b", names[3])


def test_cells_beside_the_baselines_have_no_names(read):
    reread = read([captured("1,2,3", "5")]).read_with_columns(4)

    assert (reread.names, reread.matched_by) == ((*NAMES, "_c3"), None)


def test_without_a_baseline_json_columns_are_called_by_their_keys(read):
    dataset = read([captured('{"age": 1, "plan": "x"}', '{"score": 0.5}', encoding="JSON")], names=None)

    assert dataset.names == ("score", "age", "plan")


def test_without_a_baseline_csv_columns_are_called_by_their_position(read):
    assert read([captured("1,2,3", "5")], names=None).names == ("_c0", "_c1", "_c2", "_c3")


def test_nested_json_is_refused_unless_it_may_be_flattened(read):
    request_json = '{"who": {"age": 7, "home": {"city": "Bern"}}, "x": [1, 2]}'
    answer = '{"p": 3}'
    record = captured(request_json, answer, encoding="JSON")
    _, ledger, _ = account(read([record]))
    flat = read([record], names=None, flatten_json=True)

    assert ledger.refused == {"nested JSON in captured data": 1}
    assert flat.names == ("p", "who.age", "who.home.city", "x.0", "x.1")
    assert rows(flat) == [("3", "7", "Bern", "1", "2")]


def test_one_half_can_be_asked_for(read):
    only_input = CaptureFormat(("endpointInput",))

    assert rows(read([captured("1,2,3", "9")], capture_format=only_input)) == [("1", "2", "3")]


def test_encodings_that_differ_fail_with_the_services_sentence(read):
    dataset = read([captured("1,2", "5"), captured("1,2", '{"p": 5}', output_encoding="JSON")])

    with pytest.raises(BadInput) as raised:
        account(dataset)
    assert str(raised.value) == (
        "Encoding mismatch: Encoding is CSV for endpointInput, but Encoding is JSON for endpointOutput. "
        "We currently only support the same type of input and output encoding at the moment."
    )


def test_encodings_that_differ_can_be_allowed(read):
    records = [
        captured("1,2", "5"),
        captured('3,"x, ""y"""', '{"p": 6}', output_encoding="JSON"),
        captured('{"a": 4, "b": 5}', '{"p": 7}', encoding="JSON"),
    ]

    assert rows(read(records, allow_mixed_encodings=True)) == [("5", "1", "2"), ("6", "3", 'x, "y"'), ("7", "4", "5")]


def test_mixed_encodings_in_one_window_are_refused_beside_the_first(read):
    _, ledger, _ = account(read([captured(), captured('{"a": 1, "b": 2}', '{"p": 7}', encoding="JSON")]))

    assert ledger.refused == {"another encoding than the first record's": 1}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param(encode_line(captured())[:90], "not a JSON object", id="truncated"),
        pytest.param(encode_line(captured()).replace(b'"', b"'"), "not a JSON object", id="single quotes"),
        pytest.param(encode_line(captured()) + b" and more", "not a JSON object", id="text behind the object"),
        pytest.param(encode_line(captured()) * 2, "not a JSON object", id="a second object"),
        pytest.param(encode_line(captured()) + b"] [", "not a JSON object", id="brackets behind it"),
        pytest.param(encode_line(captured()).replace(b"1,2", b"1,\x002"), "not a JSON object", id="a NUL byte"),
        pytest.param(encode_line(captured()).replace(b"1,2", b"1,\xfc"), "not UTF-8", id="not UTF-8"),
        pytest.param(b'{"age": 31}', "not a captured record", id="another object"),
        pytest.param(b"null", "not a captured record", id="null"),
        pytest.param(encode_line(captured(None, None)), "no captured data", id="no halves"),
        pytest.param(encode_line(captured("", "")), "no captured data", id="empty payloads"),
        pytest.param(encode_line(captured("1", "5")), "wrong number of cells", id="a cell less"),
        pytest.param(encode_line(captured("1,2,3", "5")), "wrong number of cells", id="a cell more"),
        pytest.param(
            encode_line(captured("1,2\n3", "5\n6")), "wrong number of cells", id="a cell less in the second row"
        ),
        pytest.param(
            encode_line(captured("1,2\n3,4", "5")), "input and output with different numbers of rows", id="a row more"
        ),
        pytest.param(
            encode_line(captured("MSwy", "/w==", encoding="BASE64")),
            "BASE64 data without a preprocessor script",
            id="base64",
        ),
        pytest.param(encode_line(captured("MSwy", "%", encoding="base64")), "bad base64", id="wrong base64"),
        pytest.param(
            encode_line(captured(encoding="XML")), "encoding is neither CSV, JSON nor BASE64", id="an unknown encoding"
        ),
    ],
)
def test_a_bad_line_is_refused_with_its_reason_and_nothing_else_is_lost(read, line, reason):
    profile, ledger, _ = account(read([captured("1,2"), line, captured("3,4")]))

    assert ledger.refused == {reason: 1}
    assert (ledger.read, ledger.kept) == (3, 2)
    assert profile.feature("a").moments.sum == 4


def test_members_written_twice_count_as_the_last_of_them(read):
    line = b'{"captureData":{"endpointInput":{"data":"7,7,7","encoding":"CSV"}},' + encode_line(captured())[1:]

    assert rows(read([line])) == [("0.5", "1", "2")]


def test_an_empty_cell_is_missing_quoted_or_not(read):
    assert rows(read([captured('"",', "5")])) == [("5", None, None)]


def test_the_same_event_twice_counts_twice(read):
    _, ledger, _ = account(read([captured(), captured()]))

    assert ledger.kept == 2


def test_lines_of_ten_megabytes_are_read(read):
    large = "x" * (10 * 2**20)
    profile, ledger, _ = account(read([captured(f"1,{large}"), captured(), encode_line(captured(f"1,{large}"))[:-20]]))

    assert (ledger.kept, ledger.refused) == (2, {"not a JSON object": 1})
    assert profile.feature("b").num_present == 2


@pytest.mark.parametrize("seed", range(20))
def test_sparks_account_is_the_pure_decoders(read, seed):
    is_json = seed % 3 == 2
    if is_json:
        lines = some_json_lines(seed, 200)
    else:
        lines = some_lines(seed, 200)
    window = [None, WINDOW, HALF_PAST, WINDOW][seed % 4]
    sample = 0.4 if seed % 5 == 4 else None
    if seed % 8 == 7:
        encoding = None
    elif is_json:
        encoding = "JSON"
    else:
        encoding = "CSV"
    as_service = (
        is_json and seed % 2 == 0
    )  # not for CSV: the service's escape character leaves doubled quotes as they are
    reading = Reading(BOTH, NAMES, 3, encoding=encoding, window=window, sample=sample, exact_keys=as_service)
    # The mark at the beginning of a file is none of its first record
    without_mark = [lines[0].removeprefix(BYTE_ORDER_MARK), *lines[1:]]
    decoded = [decode(line, reading) for line in without_mark]
    dataset = read(lines, window=window, sample=sample, allow_mixed_encodings=encoding is None, as_service=as_service)
    counted = dataset.frame.where(f"{REASON} > 0 or {CELLS} > 0").groupBy(REASON).count().collect()

    assert {row[REASON]: row["count"] for row in counted} == dict(
        Counter(int(decoded_line.reason or 0) for decoded_line in decoded)
    )
    assert Counter(rows(dataset)) == Counter(row for decoded_line in decoded for row in decoded_line.rows)


def test_the_ledger_of_a_generated_window_keeps_its_law(read):
    lines = [line for line in some_lines(77, 1_500) if decode(line, READING).reason is not Refusal.ENCODING_MISMATCH]
    _, ledger, _ = account(read(lines, window=WINDOW, sample=0.5))
    read_records = (
        ledger.kept + ledger.dropped_by_script + ledger.outside_window + ledger.sampled_out + ledger.quarantined
    )

    assert ledger.read == read_records == len(lines)
    assert min(ledger.kept, ledger.outside_window, ledger.sampled_out, ledger.quarantined) > 0


READING = Reading(BOTH, NAMES, 3)


def test_the_windows_column_count_is_the_most_frequent_one(read):
    dataset = read([captured("1,2,3"), captured("4,5,6"), captured("7,8"), captured("1,2\n3", "5\n6")])
    _, ledger, counts = account(dataset)
    reread = dataset.read_with_columns(4)
    profile, reread_account, _ = account(reread)

    assert counts.widths == ((3, 1), (4, 2))
    assert ledger.refused == {"wrong number of cells": 3}
    assert dataset.column_count(counts) == 4
    assert reread.names == ("p", "a", "b", "_c3")
    assert profile.feature("_c3").moments.sum == 9
    assert (reread_account.kept, reread_account.refused) == (2, {"wrong number of cells": 2})


def test_a_tie_of_column_counts_is_the_baselines(read):
    dataset = read([captured("1,2,3"), captured("7,8"), captured("7")])
    _, _, counts = account(dataset)

    assert dataset.column_count(counts) == 3
    assert dataset.read_with_columns(3) is dataset


def test_only_records_of_the_window_are_kept_and_the_others_are_counted(read):
    times = ["2022-04-17T23:59:59Z", "2022-04-18T00:00:00Z", "2022-04-18T00:59:59.999999", "2022-04-18T01:00:00Z"]
    records = [captured(time=time) for time in [*times, "2022-04-18T02:30:00+02:00", "12:30"]]
    profile, ledger, _ = account(read(records, window=WINDOW))

    assert (ledger.read, ledger.kept, ledger.outside_window) == (6, 3, 2)
    assert ledger.refused == {"no readable inferenceTime": 1}
    assert profile.item_count == 3


@pytest.fixture
def hour_folders(tmp_path):
    """A file for each hour from 22:00 to 03:00 with one record of that hour, one of the hour before and one without time."""
    for day, hour in ((17, 22), (17, 23), (18, 0), (18, 1), (18, 2), (18, 3)):
        folder = tmp_path / "endpoint" / "AllTraffic" / "2022" / "04" / f"{day}" / f"{hour:02d}"
        folder.mkdir(parents=True)
        before = datetime(2022, 4, day, hour, tzinfo=UTC).timestamp() - 60
        records = [
            captured(time=f"2022-04-{day}T{hour:02d}:10:00Z"),
            captured(time=datetime.fromtimestamp(before, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
            captured(time=None),
        ]
        (folder / "10-00.jsonl").write_bytes(b"\n".join(encode_line(record) for record in records) + b"\n")
    return tmp_path


def test_hour_folders_of_the_window_and_the_next_one_are_read(read, hour_folders):
    dataset = read(window=WINDOW)
    _, ledger, _ = account(dataset)

    assert [file.path[-24:] for file in ledger.files] == [
        "2022/04/18/00/10-00.jsonl"[-24:],
        "2022/04/18/01/10-00.jsonl"[-24:],
    ]
    # 00:10 and the one without time of 00, and the one of 00:59 that was delivered in hour 01
    assert (ledger.read, ledger.kept, ledger.outside_window) == (6, 3, 3)


def test_a_lenient_window_keeps_whole_hour_folders(read, hour_folders):
    _, ledger, _ = account(read(window=WINDOW, lenient_window=True))

    assert (ledger.read, ledger.kept, len(ledger.files)) == (3, 3, 1)


def test_a_window_without_files_is_no_data(read, hour_folders):
    late = Window(datetime(2022, 5, 1, tzinfo=UTC), datetime(2022, 5, 2, tzinfo=UTC))

    with pytest.raises(NoData, match="Job inputs had no data: .* has no file for 2022-05-01T00:00:00"):
        read(window=late)


def test_a_sample_is_the_same_in_every_run_and_whatever_the_partitions(spark, read):
    lines = [captured(f"{number},0", eventId=f"{number * 7919:08x}") for number in range(400)]
    dataset = read(lines, sample=0.25)
    _, ledger, _ = account(dataset)
    spark.conf.set("spark.sql.files.maxPartitionBytes", 4096)
    try:
        resampled_rows = rows(read(sample=0.25))
    finally:
        spark.conf.unset("spark.sql.files.maxPartitionBytes")

    assert rows(dataset) == resampled_rows
    assert ledger.kept + ledger.sampled_out == 400
    assert 60 <= ledger.kept <= 140  # 100, and more than four standard deviations


def test_compressed_captures_are_read(read, tmp_path):
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(encode_line(captured()) + b"\n"))

    assert rows(read()) == [("0.5", "1", "2")]


def test_a_cut_gzip_is_named(read, tmp_path):
    content = b"\n".join(encode_line(captured(f"{n},{os.urandom(8).hex()}")) for n in range(20_000))
    compressed = gzip.compress(content)
    (tmp_path / "cut.jsonl.gz").write_bytes(compressed[: len(compressed) // 2])

    with pytest.raises(BadInput, match=r"cut\.jsonl\.gz: is cut short or damaged"):
        run_baseline(read(), DataQualityMonitor())


def test_empty_files_and_blank_lines_are_no_records(read, tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "b.jsonl").write_bytes(b"\n" + encode_line(captured()) + b"\n\n  \n")
    _, ledger, _ = account(read())

    assert (ledger.read, ledger.kept, len(ledger.files)) == (1, 1, 1)


def test_refused_records_go_to_the_quarantine_as_they_were_and_left_out_ones_do_not(read, tmp_path):
    bad = encode_line(captured("1"))
    late = captured(time="2022-04-19T00:10:00Z")
    dataset = read([captured(), bad, late], window=WINDOW)
    write_quarantine(dataset, str(tmp_path / "out"))
    content = (tmp_path / "out" / "quarantine" / "00000.jsonl").read_text(encoding="utf-8")
    records = [json.loads(line) for line in content.splitlines()]

    assert [(record["reason"], record["line"], record["line_number"]) for record in records] == [
        ("wrong number of cells", bad.decode(), 2)
    ]


def test_merged_records_give_the_halves_that_are_asked_for(read):
    record = {**captured("1,2", "0.5\n"), "groundTruthData": {"data": "1", "encoding": "CSV"}}
    output = MergedFormat(("endpointOutput",))

    assert rows(read([record], names=["score"], capture_format=output)) == [("0.5",)]


def test_one_scan_reads_captures_and_counts_them(read, count_spark_jobs):
    dataset = read([captured(), captured("1")], partition_bytes=2**25)

    with count_spark_jobs() as jobs:
        account(dataset)

    assert len(jobs) == 1
