"""A window of captures as a data set: which files and records are its own, what its columns are called, what its ledger says."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest
from tests.unit.reading.read_data_sets import ENGINE, read_account, read_quarantine, sort_rows
from tests.unit.records.captured_lines import captured, encode_line

from spark_model_monitor.data.reading.captures import list_captures, read_captures
from spark_model_monitor.data.reading.formats import CaptureFormat, ReadOptions
from spark_model_monitor.data.reading.ledger import write_quarantine
from spark_model_monitor.data.records.decoded_rows import ColumnMatching
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.documents.column_roles import ColumnRoles
from spark_model_monitor.errors import BadInput, NoData

NAMES = ("p", "a", "b")
MIDNIGHT = datetime(2022, 4, 18, tzinfo=timezone.utc)
WINDOW = Window(MIDNIGHT, MIDNIGHT + timedelta(hours=1))


@pytest.fixture
def read(tmp_path):
    """Reads the lines, or what lies in the folder already."""

    def read_captured(lines=(), names=NAMES, capture_format=CaptureFormat(), window=None, **options):  # noqa: B008
        if lines:
            content = b"\n".join(map(encode_line, lines))
            (tmp_path / "a.jsonl").write_bytes(content + b"\n")
        source = list_captures(ENGINE, str(tmp_path), window, lenient_window=options.get("lenient_window", False))
        return read_captures(ENGINE, source, capture_format, ReadOptions(names, window, **options))

    return read_captured


def test_rows_of_a_record_are_the_baselines_columns_output_first(read):
    dataset = read([captured('1,"a\nb"\n2,"c, d"\n', "5\n6\n"), captured("3,e", "7")])
    profile, ledger, counts = read_account(dataset)

    assert dataset.names == NAMES
    assert sort_rows(dataset) == [("5", "1", "a\nb"), ("6", "2", "c, d"), ("7", "3", "e")]
    assert (ledger.read, ledger.kept, ledger.kept_rows, profile.item_count) == (2, 2, 3, 3)
    assert counts.widths == ((3, 2),)


def test_a_damaged_record_with_another_number_of_cells_is_refused_and_counted_once(read):
    damaged = encode_line(captured("3,e", None, more="?")).replace(b"?", b"\xff")
    _, ledger, counts = read_account(read([captured("1,b\n2,d", "5\n6"), damaged]))

    assert (ledger.read, ledger.kept, ledger.kept_rows) == (2, 1, 2)
    assert ledger.refused == {"not UTF-8": 1}
    assert counts.widths == ((3, 1),)


@pytest.mark.parametrize(
    ("record", "names", "values"),
    [
        pytest.param({"a": 1, "more": 9, "b": 2}, (*NAMES, "more"), ("5", "1", "2", "9"), id="one more"),
        pytest.param({"a": 1, "c": 2}, (*NAMES, "c"), ("5", "1", None, "2"), id="one of another name"),
    ],
)
def test_members_beside_the_baselines_are_columns_of_their_own_names(read, record, names, values):
    dataset = read([captured(json.dumps(record), '{"p": 5}', encoding="JSON")] * 3, roles=ColumnRoles())
    reread = dataset.read_with_columns(dataset.column_count(read_account(dataset)[2]))

    assert (reread.names, reread.matched_by) == (names, ColumnMatching.NAME_ELSE_POSITION)
    assert sort_rows(reread) == [values] * 3
    assert reread.read_with_columns(7) is reread
    assert dataset.select_features(["p", "b"]).read_with_columns(4).names == ("p", "b", names[3])


def test_without_a_baseline_columns_are_called_by_their_keys_or_else_by_their_position(read):
    keyed = captured('{"age": 1, "plan": "x"}', '{"score": 0.5}', encoding="JSON")

    assert read([keyed], names=None).names == ("score", "age", "plan")
    assert read([captured("1,2,3", "5")], names=None).names == ("_c0", "_c1", "_c2", "_c3")


def test_encodings_that_differ_are_refused_with_the_services_sentence_or_allowed(read):
    json_record = captured('{"a": 4, "b": 5}', '{"p": 7}', encoding="JSON")
    mixed = captured('3,"x, ""y"""', '{"p": 6}', output_encoding="JSON")
    allowed = read([captured("1,2", "5"), mixed, json_record], allow_mixed_encodings=True)

    assert sort_rows(allowed) == [("5", "1", "2"), ("6", "3", 'x, "y"'), ("7", "4", "5")]
    _, ledger, _ = read_account(read([captured(), json_record]))
    assert ledger.refused == {"another encoding than the first record's": 1}
    with pytest.raises(BadInput) as raised:
        read_account(read([captured("1,2", "5"), mixed]))
    assert str(raised.value) == (
        "Encoding mismatch: Encoding is CSV for endpointInput, but Encoding is JSON for endpointOutput. "
        "We currently only support the same type of input and output encoding at the moment."
    )


def test_a_first_run_on_requests_in_csv_with_answers_in_json_has_the_columns_of_both(read, caplog):
    mixed = captured('3,"x, ""y"""', '{"p": 6}', output_encoding="JSON")
    dataset = read([mixed] * 3, names=None, allow_mixed_encodings=True)

    assert dataset.names == ("p", "_c1", "_c2")
    assert sort_rows(dataset) == [("6", "3", 'x, "y"')] * 3
    assert not caplog.records


def test_the_windows_column_count_is_the_most_frequent_one(read):
    lines = [captured("1,2,3"), captured("4,5,6"), captured("7,8"), captured("1,2\n3", "5\n6")]
    # An earlier window had the baseline's columns
    dataset = read(lines, roles=ColumnRoles())
    _, ledger, counts = read_account(dataset)
    reread = dataset.read_with_columns(4)
    profile, reread_account, _ = read_account(reread)

    assert counts.widths == ((3, 1), (4, 2))
    assert ledger.refused == {"wrong number of cells": 3}
    assert dataset.column_count(counts) == 4
    assert (reread.names, reread.matched_by) == (("p", "a", "b", "_c3"), None)
    assert profile.feature("_c3").moments.sum == 9
    assert (reread_account.kept, reread_account.refused) == (2, {"wrong number of cells": 2})


def test_a_tie_of_column_counts_is_the_baselines(read):
    dataset = read([captured("1,2,3"), captured("7,8"), captured("7")], roles=ColumnRoles())
    _, _, counts = read_account(dataset)

    assert dataset.column_count(counts) == 3
    assert dataset.read_with_columns(3) is dataset


def test_only_records_of_the_window_are_kept_and_the_others_are_counted(read):
    times = ["2022-04-17T23:59:59Z", "2022-04-18T00:00:00Z", "2022-04-18T00:59:59.999999", "2022-04-18T01:00:00Z"]
    records = [captured(time=time) for time in [*times, "2022-04-18T02:30:00+02:00", "12:30"]]
    profile, ledger, _ = read_account(read(records, window=WINDOW))

    assert (ledger.read, ledger.kept, ledger.outside_window, profile.item_count) == (6, 3, 2, 3)
    assert ledger.refused == {"no readable inferenceTime": 1}


def write_hours(folder):
    """A file for each hour from 22:00 to 03:00 with one record of that hour, one of the hour before and one without time."""
    for hour in range(-2, 4):
        start = MIDNIGHT + timedelta(hours=hour)
        hour_folder = folder / "endpoint" / "AllTraffic" / start.strftime("%Y/%m/%d/%H")
        hour_folder.mkdir(parents=True)
        times = [(start + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ") for minutes in (10, -1)]
        records = [captured(time=time) for time in [*times, None]]
        (hour_folder / "10-00.jsonl").write_bytes(b"\n".join(map(encode_line, records)) + b"\n")


def test_hour_folders_of_the_window_and_the_next_one_are_read(read, tmp_path):
    write_hours(tmp_path)
    _, ledger, _ = read_account(read(window=WINDOW))
    _, lenient, _ = read_account(read(window=WINDOW, lenient_window=True))

    assert [file.path.split("/")[-2] for file in ledger.files] == ["00", "01"]
    # 00:10 and the one without time of 00, and the one of 00:59 that was delivered in hour 01
    assert (ledger.read, ledger.kept, ledger.outside_window) == (6, 3, 3)
    assert (lenient.read, lenient.kept, len(lenient.files)) == (3, 3, 1)
    late = Window(datetime(2022, 5, 1, tzinfo=timezone.utc), datetime(2022, 5, 2, tzinfo=timezone.utc))
    with pytest.raises(NoData, match="Job inputs had no data: .* has no file for 2022-05-01T00:00:00"):
        read(window=late)


DAMAGED = [b"garbage {", b'{"a": 1}', b"\xff\xfe", encode_line(captured(time="half past"))]


def write_damaged_hours(folder):
    """Two hours with a record and damaged lines each; the second one has a late record of the first, too."""
    for hour, times in enumerate((["00:10"], ["01:10", "00:59"])):
        hour_folder = folder / f"2022/04/18/{hour:02}"
        hour_folder.mkdir(parents=True)
        records = [encode_line(captured(time=f"2022-04-18T{time}:00Z")) for time in times]
        (hour_folder / "a.jsonl").write_bytes(b"\n".join([*records, *DAMAGED]) + b"\n")


@pytest.mark.parametrize("minutes", [0, 30])
def test_a_damaged_line_counts_in_the_window_whose_hour_folder_has_it(read, tmp_path, minutes):
    write_damaged_hours(tmp_path)
    start = MIDNIGHT + timedelta(minutes=minutes)
    _, ledger, _ = read_account(read(window=Window(start, MIDNIGHT + timedelta(hours=1))))
    _, last, _ = read_account(read(window=Window(MIDNIGHT + timedelta(hours=1), MIDNIGHT + timedelta(hours=2))))
    _, two_hours, _ = read_account(read(window=Window(MIDNIGHT, MIDNIGHT + timedelta(hours=2))))

    reasons = {"not UTF-8": 1, "not a JSON object": 1, "not a captured record": 1, "no readable inferenceTime": 1}
    assert (ledger.refused, ledger.kept, ledger.read) == (reasons, 2 - minutes // 30, 11)
    # The next hour's record and damaged lines, and before half past the first record, too
    assert ledger.outside_window == 5 + minutes // 30
    assert (last.refused, last.kept, last.outside_window) == (reasons, 1, 1)
    assert (two_hours.quarantined, two_hours.kept, two_hours.outside_window) == (8, 3, 0)


def test_a_damaged_line_without_an_hour_folder_counts_in_every_window(read):
    _, ledger, _ = read_account(read([captured(time="2022-04-18T00:10:00Z"), *DAMAGED], window=WINDOW))

    assert (ledger.quarantined, ledger.kept, ledger.outside_window) == (4, 1, 0)


def test_empty_files_and_blank_lines_are_no_records(read, tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "b.jsonl").write_bytes(b"\n" + encode_line(captured()) + b"\n\n  \n")
    _, ledger, _ = read_account(read())

    assert (ledger.read, ledger.kept, len(ledger.files)) == (1, 1, 1)


def test_refused_records_go_to_the_quarantine_as_they_were_and_left_out_ones_do_not(read, tmp_path):
    bad = encode_line(captured("1"))
    write_quarantine(
        read([captured(), bad, captured(time="2022-04-19T00:10:00Z")], window=WINDOW), str(tmp_path / "out")
    )

    assert [
        (record["reason"], record["line"], record["line_number"]) for record in read_quarantine(tmp_path / "out")
    ] == [("wrong number of cells", bad.decode(), 2)]


@pytest.mark.parametrize(("endpoints", "warnings"), [(["orders"], 0), (["orders", "refunds"], 1)])
def test_captures_of_two_models_are_not_read_as_one_without_a_word(tmp_path, caplog, endpoints, warnings):
    for endpoint in endpoints:
        for hour in ("00", "01"):
            folder = tmp_path / endpoint / "2022/04/18" / hour
            folder.mkdir(parents=True)
            (folder / "a.jsonl").write_bytes(encode_line(captured("1,2", "5")))
    list_captures(ENGINE, str(tmp_path))

    assert caplog.text.count("read as those of one model") == warnings
    assert caplog.text.count("refunds") == warnings
