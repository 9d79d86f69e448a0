"""What a captured line is: each kind by hand, and the ledger's law over 10,000 generated lines."""

from __future__ import annotations

import base64
import json
from collections import Counter
from dataclasses import replace
from datetime import datetime, timezone

import pyarrow as pa
import pytest
from tests.rotation import every_combination
from tests.unit.records.captured_lines import MAKERS, captured, encode_line, some_json_lines, some_lines

from spark_model_monitor.data.records.captured_lines import CapturedLines
from spark_model_monitor.data.records.captured_payloads import describe_mismatch
from spark_model_monitor.data.records.csv_rows import split_csv_rows, split_row
from spark_model_monitor.data.records.decoding import Reading, RecordSelection, decode
from spark_model_monitor.data.records.locations import LINE
from spark_model_monitor.data.records.refusals import NOT_IN_LOG, NOT_QUARANTINED, UNFORESEEN, Refusal
from spark_model_monitor.data.records.windows import Window

BOTH = ("endpointInput", "endpointOutput")
READING = Reading(BOTH, ("p", "a", "b"), 3)
JSON_READING = Reading(BOTH, ("p", "a", "b"), 3, encoding="JSON")
AS_SERVICE = Reading(BOTH, ("p", "a", "b"), 3, opens_base64=False)
WINDOW = Window(datetime(2022, 4, 18, tzinfo=timezone.utc), datetime(2022, 4, 18, 1, tzinfo=timezone.utc))


DEEP = '{"a":' * 400 + "1" + "}" * 400
"""Deeper than Python's own functions call themselves, not than its parser does."""


def with_content_type(content_type, record):
    """The record with both halves of a content type."""
    for half in record["captureData"].values():
        half["observedContentType"] = content_type
    return record


def decode_record(record, reading=READING, path=""):
    return decode(encode_line(record), reading, path)


@pytest.mark.parametrize(
    ("record", "rows"),
    [
        pytest.param(captured("1,2", "0.5"), [("0.5", "1", "2")], id="output first"),
        pytest.param(captured("1,2\n", "0.5\r\n"), [("0.5", "1", "2")], id="line ends behind the last row"),
        pytest.param(captured("1,2\n3,4", "5\n6\n"), [("5", "1", "2"), ("6", "3", "4")], id="several rows"),
        pytest.param(captured('1,"a, b"', "5"), [("5", "1", "a, b")], id="a comma in quotes"),
        pytest.param(captured('1,"a\nb"', "5"), [("5", "1", "a\nb")], id="a line end in quotes"),
        pytest.param(captured('1,"a\nb"\n2,""', "5\n6"), [("5", "1", "a\nb"), ("6", "2", None)], id="both"),
        pytest.param(captured('1,"say ""so"""', "5"), [("5", "1", 'say "so"')], id="doubled quotes"),
        pytest.param(captured("1,", ""), None, id="an empty reply"),
        pytest.param(captured("1,", "5"), [("5", "1", None)], id="an empty cell"),
        pytest.param(captured("0,1,2", None), [("0", "1", "2")], id="no reply was captured"),
        pytest.param(captured("1,2", "5", encoding="csv"), [("5", "1", "2")], id="small letters"),
        pytest.param(captured("1,a\x002", "5"), [("5", "1", "a\x002")], id="an escaped NUL"),
    ],
)
def test_rows_of_csv(record, rows):
    record_decoded = decode_record(record)

    assert record_decoded.rows == tuple(rows or ())
    assert (record_decoded.reason is None) == (rows is not None)


@pytest.mark.parametrize(
    ("data", "answer", "rows"),
    [
        pytest.param("1", "5", [("5", "1", None)], id="one row"),
        pytest.param("1,2\n3", "5\n6", [("5", "1", "2"), ("6", "3", None)], id="one of several"),
        pytest.param('"a\nb"', "5", [("5", "a\nb", None)], id="in quotes"),
        pytest.param("1,2,3", "5", None, id="a longer one"),
        pytest.param("1\n1,2,3", "5\n6", None, id="a longer one of several"),
    ],
)
def test_short_rows_of_csv_have_missing_values_for_the_service_alone(data, answer, rows):
    record = captured(data, answer)
    as_service = replace(READING, exact_keys=True)
    line = encode_line(record).decode()
    batch = pa.RecordBatch.from_pydict({LINE: [line]})
    is_refused = rows is None

    decoded = decode_record(record, as_service)
    decoded_batch = CapturedLines(as_service).rows(batch)

    # Line by line, and many lines at once
    assert decoded.rows == tuple(rows or ())
    assert (decoded.reason is not None) == is_refused
    assert decoded_batch.reasons.any() == is_refused
    if not is_refused:
        columns = [column.to_pylist() for column in decoded_batch.columns]
        assert list(zip(*columns, strict=True)) == rows
    by_default = decode_record(record)
    assert by_default.reason is Refusal.WRONG_NUMBER_OF_CELLS


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"captureData": {"endpointInput": {"data": "1,2"', Refusal.NOT_A_JSON_OBJECT),
        (b"{'captureData': {}}", Refusal.NOT_A_JSON_OBJECT),
        (encode_line(captured()) + b" and more", Refusal.NOT_A_JSON_OBJECT),
        (encode_line(captured()) + encode_line(captured()), Refusal.NOT_A_JSON_OBJECT),
        (encode_line(captured()) + b"} x", Refusal.NOT_A_JSON_OBJECT),
        (encode_line(captured()).replace(b"1,2", b"1\x00,2"), Refusal.NOT_A_JSON_OBJECT),
        (encode_line(captured()).replace(b"1,2", "1,ü".encode("latin-1")), Refusal.NOT_UTF_8),
        (b"null", Refusal.NOT_A_CAPTURE),
        (b"[1]", Refusal.NOT_A_CAPTURE),
        (b'{"age": 31}', Refusal.NOT_A_CAPTURE),
        (b'{"captureData": {"endpointInput": "1,2"}}', Refusal.NOT_A_CAPTURE),
        (encode_line(captured(None, None)), Refusal.NO_PAYLOAD),
        (encode_line(captured("\n", "\n")), Refusal.NO_PAYLOAD),
        (encode_line(captured("1,2", "0.5", encoding="XML")), Refusal.UNKNOWN_ENCODING),
        (encode_line(captured("1,2", "0.5", output_encoding="JSON")), Refusal.ENCODING_MISMATCH),
        (encode_line(captured('{"a":1}', '{"p":1}', encoding="JSON")), Refusal.ANOTHER_ENCODING),
        (encode_line(captured("MSwy", "/w==", encoding="BASE64")), Refusal.BASE64_WITHOUT_SCRIPT),
        (encode_line(captured("MSwy", "%%%", encoding="base64")), Refusal.BAD_BASE64),
        (encode_line(captured("1,2\n3,4", "0.5")), Refusal.UNEQUAL_NUMBERS_OF_ROWS),
        (encode_line(captured("1", "0.5")), Refusal.WRONG_NUMBER_OF_CELLS),
        (encode_line(captured("1,2\n3", "5\n6")), Refusal.WRONG_NUMBER_OF_CELLS),
    ],
)
def test_a_bad_line_has_its_reason(line, reason):
    assert decode(line, READING).reason is reason


@pytest.mark.parametrize(
    ("data", "output", "cells"),
    [
        pytest.param('{"b": 2, "a": 1}', '{"q": 5}', 4, id="one name is another"),
        pytest.param('{"y": 2, "x": 1}', '{"q": 5}', 6, id="all names are others"),
        pytest.param('{"b": 2, "a": 1, "c": 0}', '{"q": 5}', 5, id="one more and one else"),
    ],
)
def test_a_record_of_other_names_is_not_taken_by_position(data, output, cells):
    """It was: a and b changed places in silence. The service did, by the number of columns alone (C11.25)."""
    line = captured(data, output, encoding="JSON")
    as_service = replace(JSON_READING, exact_keys=True)

    assert (decode_record(line, JSON_READING).reason, decode_record(line, JSON_READING).width) == (
        Refusal.WRONG_NUMBER_OF_CELLS,
        cells,
    )
    assert (decode_record(line, as_service).reason is None) == (cells != 5)


@pytest.mark.parametrize(
    ("data", "output", "row"),
    [
        pytest.param('{"a": 1, "b": 2}', '{"p": 5, "b": 2}', ("5", "1", "2"), id="an id that is sent back"),
        pytest.param('{"a": 1, "b": 2}', '{"p": 5, "b": 3}', None, id="a member of each"),
        pytest.param('{"a": 1, "b": 2, "b": 2}', "[5]", ("5", "1", "2"), id="written twice"),
        pytest.param('{"a": 1, "b": null, "b": 2}', '{"p": 5}', None, id="one of them null"),
        pytest.param("[7, 7]", "[7]", ("7", "7", "7"), id="equal ones without names"),
    ],
)
def test_a_member_of_input_and_output_is_one_column_where_it_is_equal(data, output, row):
    """Records with one were unreadable, all of them, with or without a baseline."""
    line = captured(data, output, encoding="JSON")
    unnamed = decode_record(line, replace(JSON_READING, names=(), columns=None))

    for reading in (JSON_READING, replace(JSON_READING, names=unnamed.keys, columns=3)):
        record_decoded = decode_record(line, reading)
        assert record_decoded.reason is (None if row else Refusal.TWO_VALUES)
        assert not row or sorted(record_decoded.rows[0]) == sorted(row)
    assert len({*unnamed.keys}) == len(unnamed.keys)


def test_where_the_baseline_has_no_names_the_order_counts():
    by_order = replace(JSON_READING, names=("_c0", "_c1", "_c2"))

    assert decode_record(captured('{"y": 2, "x": 1}', '{"q": 5}', encoding="JSON"), by_order).rows == (("5", "2", "1"),)


def test_json_arrays_are_rows_by_position_but_for_the_service():
    several = captured("[[1, 2], [3, null]]", '[{"p": 5}, {"p": 6}]', encoding="JSON")

    assert decode_record(several, JSON_READING).rows == (("5", "1", "2"), ("6", "3", None))
    assert decode_record(captured("[1, 2]", "[0.5]", encoding="JSON"), JSON_READING).rows == (("0.5", "1", "2"),)
    assert decode_record(several, replace(JSON_READING, exact_keys=True)).reason is Refusal.PAYLOAD_NOT_JSON


@pytest.mark.parametrize(
    ("data", "output", "rows"),
    [
        pytest.param('{"b": 2, "a": 1}', "[[0.5]]", [("0.5", "1", "2")], id="an answer without a name beside names"),
        pytest.param('{"b": 2, "a": 1}', "[0.5]", [("0.5", "1", "2")], id="a list of one"),
        pytest.param('{"b": 2, "a": 1}', '{"predictions": [3.5]}', [("3.5", "1", "2")], id="a list in a member"),
        pytest.param('{"instances": [[1, 2]]}', '{"predictions": [[3.5]]}', [("3.5", "1", "2")], id="lists in members"),
        pytest.param(
            '{"instances": [[1, 2], [3, 4]]}',
            '{"predictions": [5, 6]}',
            [("5", "1", "2"), ("6", "3", "4")],
            id="a value each",
        ),
        pytest.param(
            '{"features": [1, 2]}\n{"features": [3, 4]}',
            "[5, 6]",
            [("5", "1", "2"), ("6", "3", "4")],
            id="features, lines",
        ),
        pytest.param(
            '{"instances": [{"features": [1, 2]}, {"features": [3, 4]}]}',
            '{"predictions": [{"score": 5}, {"score": 6}]}',
            [("5", "1", "2"), ("6", "3", "4")],
            id="as the built-in linear learner",
        ),
    ],
)
def test_answers_that_are_lists_are_rows_but_for_the_service(data, output, rows):
    line = captured(data, output, encoding="JSON")

    assert decode_record(line, JSON_READING).rows == tuple(rows)
    assert decode_record(line, replace(JSON_READING, exact_keys=True)).reason is not None


def test_without_a_baseline_each_cell_has_the_name_it_came_with():
    line = captured('{"a": 1, "b": 2}', "[[0.1, 0.9]]", encoding="JSON")
    record_decoded = decode_record(line, replace(JSON_READING, names=(), columns=None))

    assert (record_decoded.keys, record_decoded.rows) == (("_c0", "_c1", "a", "b"), (("0.1", "0.9", "1", "2"),))
    assert decode_record(line, replace(JSON_READING, names=record_decoded.keys, columns=4)).rows == record_decoded.rows


def test_an_answer_whose_members_are_columns_is_a_table():
    line = captured('[{"a": 1}, {"a": 3}]', '{"labels": [0, 1], "scores": [0.25, 0.75]}', encoding="JSON")
    record_decoded = decode_record(line, replace(JSON_READING, names=(), columns=None))

    assert (record_decoded.keys, record_decoded.rows) == (
        ("labels", "scores", "a"),
        (("0", "0.25", "1"), ("1", "0.75", "3")),
    )


def test_one_row_of_scores_answers_all_rows():
    """As the built-in XGBoost does."""
    answered = captured("1,2\n3,4\n5,6", "0.1,0.2,0.3")

    assert decode_record(answered).rows == (("0.1", "1", "2"), ("0.2", "3", "4"), ("0.3", "5", "6"))
    assert decode_record(captured("1,2\n3,4\n5,6", "0.1,0.2")).reason is Refusal.UNEQUAL_NUMBERS_OF_ROWS
    assert decode_record(captured("1,2", "0.1\n0.2")).reason is Refusal.UNEQUAL_NUMBERS_OF_ROWS
    assert decode_record(answered, replace(READING, exact_keys=True)).reason is Refusal.UNEQUAL_NUMBERS_OF_ROWS


@pytest.mark.parametrize(
    ("data", "output", "reason"),
    [
        ('{"a": {"inner": [1]}, "b": 2}', '{"p": 1}', Refusal.NESTED_JSON),
        (f'{{"a": {"[" * 101 + "]" * 101}, "b": 2}}', '{"p": 1}', Refusal.TOO_DEEP),
        (f'{{"a": {DEEP}, "b": 2}}', '{"p": 1}', Refusal.TOO_DEEP),
        (json.loads(DEEP), '{"p": 1}', Refusal.TOO_DEEP),
        (f'{{"a": {"[" * 3000 + "]" * 3000}, "b": 2}}', '{"p": 1}', Refusal.TOO_DEEP),
        ('{"a": 1, "b": 2}', '{"predictions": [3.5], "scores": [0.5, 0.1]}', Refusal.NESTED_JSON),
        ('{"a": 1, "b": 2}', '{"predictions": [3.5], "scores": [[0.5]]}', Refusal.NESTED_JSON),
        ('{"a": 1, "b": 2}', '{"predictions": [[3.5, [1]]]}', Refusal.NESTED_JSON),
        ("[1, [2]]", '{"p": 1}', Refusal.NESTED_JSON),
        ("[1, 2, 3]", '{"p": 1}', Refusal.WRONG_NUMBER_OF_CELLS),
        ('[1, {"a": 2}]', '{"p": 1}', Refusal.PAYLOAD_NOT_JSON),
        ('{"a": 1, "b": 2} x', '{"p": 1}', Refusal.PAYLOAD_NOT_JSON),
        ("0.5", '{"p": 1}', Refusal.PAYLOAD_NOT_JSON),
        ('{"a": 1, "b": 2, "a": 3}', '{"p": 1}', Refusal.TWO_VALUES),
        ('{"a": 1, "b": 2, "c": 3}', '{"p": 1}', Refusal.WRONG_NUMBER_OF_CELLS),
        ("[]", "[]", Refusal.NO_PAYLOAD),
        ("[]", '{"p": 1}', Refusal.UNEQUAL_NUMBERS_OF_ROWS),
    ],
)
def test_a_bad_json_payload_has_its_reason(data, output, reason):
    assert decode_record(captured(data, output, encoding="JSON"), JSON_READING).reason is reason


def test_a_text_that_looks_like_an_array_is_a_text():
    assert (
        decode_record(captured('{"a": "[INST] hi", "b": "{"}', '{"p": 1}', encoding="JSON"), JSON_READING).reason
        is None
    )


@pytest.mark.parametrize("flatten_json", [False, True])
def test_nested_objects_are_flattened(flatten_json):
    reading = Reading(BOTH, ("p", "who.age", "who.home.city"), 3, encoding="JSON", flatten_json=flatten_json)
    record = captured('{"who": {"age": 7, "home": {"city": "Bern"}}}', '{"p": 3}', encoding="JSON")

    assert decode_record(record, reading).rows == (("3", "7", "Bern"),)


def test_a_record_of_two_encodings_is_read_when_that_is_allowed():
    reading = Reading(BOTH, ("p", "a", "b"), 3, encoding=None)

    assert decode_record(captured('1,"x"', '{"p": 5}', output_encoding="JSON"), reading).rows == (("5", "1", "x"),)


def test_the_sentence_on_encodings_is_the_services_own():
    line = encode_line(captured("1,2", '{"p": 1}', output_encoding="JSON")).decode()

    assert describe_mismatch(line) == (
        "Encoding mismatch: Encoding is CSV for endpointInput, but Encoding is JSON for endpointOutput. "
        "We currently only support the same type of input and output encoding at the moment."
    )


def test_the_sentence_on_encodings_opens_base64_where_both_halves_have_it():
    record = with_content_type("application/json", captured("MSwy", "eyJwIjogMX0=", encoding="BASE64"))
    record["captureData"]["endpointInput"]["observedContentType"] = "text/csv"

    assert "Encoding is CSV for endpointInput, but Encoding is JSON for endpointOutput." in describe_mismatch(
        encode_line(record).decode()
    )


@pytest.mark.parametrize(
    ("time", "path", "reason"),
    [
        ("2022-04-18T00:00:00Z", "", None),
        ("2022-04-18T00:59:59.999999", "", None),
        ("2022-04-18T01:00:00Z", "", Refusal.OUTSIDE_WINDOW),
        ("2022-04-17T23:59:59Z", "", Refusal.OUTSIDE_WINDOW),
        ("2022-04-18T02:30:00+02:00", "", None),
        ("yesterday", "", Refusal.UNREADABLE_TIME),
        (None, "", Refusal.UNREADABLE_TIME),
        ("yesterday", "file:/x/2022/04/18/00/a.jsonl", Refusal.UNREADABLE_TIME),
        ("yesterday", "file:/x/2022/04/18/01/a.jsonl", Refusal.OUTSIDE_WINDOW),
        (None, "file:/x/2022/04/18/00/a.jsonl", None),
        (None, "file:/x/2022/04/18/01/a.jsonl", Refusal.OUTSIDE_WINDOW),
        ("2022-04-18T00:10:00Z", "file:/x/2021/01/01/01/a.jsonl", None),  # its own time counts, not the folder's
    ],
)
def test_a_record_is_judged_by_its_own_time(time, path, reason):
    reading = Reading(BOTH, ("p", "a", "b"), 3, selection=RecordSelection(WINDOW))

    assert decode_record(captured(time=time), reading, path).reason is reason


def test_members_written_twice_count_as_the_last_of_them():
    line = b'{"captureData":{"endpointInput":{"data":"7,7,7","encoding":"CSV"}},' + encode_line(captured())[1:]

    assert decode(line, READING).rows == (("0.5", "1", "2"),)


def test_one_half_can_be_asked_for():
    assert decode_record(captured("1,2,3", "0.5"), Reading(("endpointInput",), columns=3)).rows == (("1", "2", "3"),)


@pytest.mark.parametrize("size", [10 * 2**20])
def test_a_line_of_ten_megabytes_is_a_record(size):
    text = "x" * size

    assert decode_record(captured(f"1,{text}", "5")).rows == (("5", "1", text),)
    assert decode_record(captured(f'1,"{text}', "5")).width in (2, 3)
    assert decode(encode_line(captured(f"1,{text}"))[:-9], READING).reason is Refusal.NOT_A_JSON_OBJECT


@pytest.mark.parametrize("rows", [1, 3])
def test_cells_and_rows_are_those_of_a_csv_writer(rows):
    cells = ['a "b" c', "d, e", "f\ng", "h"]
    quoted = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)
    payload = "\n".join([quoted] * rows) + "\n"

    assert [split_row(row) for row in split_csv_rows(payload)] == [tuple(cells)] * rows


def stages(lines, reading):
    """How many lines ended where, each of them once."""
    ends = Counter()
    for line in lines:
        record_decoded = decode(line, reading, "file:/x/2022/04/18/00/a.jsonl")
        if record_decoded.reason is None:
            kind = "kept"
        else:
            kind = record_decoded.reason.text
        ends[kind] += 1
        assert (record_decoded.reason is None) == bool(record_decoded.rows)  # kept records have rows, and no others
        if record_decoded.reason is None:
            assert {len(row) for row in record_decoded.rows} == {3}
    return ends


@pytest.mark.long
@every_combination(encoding=["CSV", "JSON", None], selected=[(None, None), (WINDOW, None), (WINDOW, 0.3)])
def test_the_ledgers_law_over_generated_lines(encoding, selected):
    window, sample = selected
    lines = [*some_lines(20260101, 8_000), *some_json_lines(20260102, 2_000)]
    reading = Reading(BOTH, ("p", "a", "b"), 3, encoding=encoding, selection=RecordSelection(window, sample))
    ends = stages(lines, reading)
    left_out = sum(ends[reason.text] for reason in NOT_QUARANTINED)
    quarantined = sum(ends[reason.text] for reason in Refusal if reason.is_fault)

    assert len(lines) == 10_000
    assert ends["kept"] + left_out + quarantined == len(lines)
    assert ends["kept"] > 0
    assert (ends["outside the window"] > 0) == (window is not None)
    assert (ends["sampled out"] > 0) == (sample is not None)


@pytest.mark.long
def test_the_generated_lines_hold_every_reason_a_capture_can_have():
    lines = [*some_lines(1, 8_000), *some_json_lines(2, 2_000)]
    lines.append(encode_line(captured("/w==", "/w==", encoding="BASE64")))
    with_rows = captured('{"a": [{"x": 1}], "b": 2}', '{"p": 1}', encoding="JSON")
    lines.append(encode_line(with_rows))
    without_values = {
        "inputs": [{"name": "a", "shape": [1], "datatype": "FP32", "parameters": {"binary_data_size": 4}}]
    }
    for payload in (without_values, {"binData": "AAAA"}):
        lines.append(encode_line(captured(json.dumps(payload), '{"p": 1}', encoding="JSON")))
    reading = Reading(BOTH, ("p", "a", "b"), 3, selection=RecordSelection(WINDOW, 0.5))
    reasons = {decode(line, reading).reason for line in lines}
    reasons |= {decode(line, JSON_READING).reason for line in lines}
    of_files = {
        Refusal.REPEATED_HEADER,
        Refusal.SEPARATOR_LINE,
        Refusal.COLUMNS_IN_ANOTHER_ORDER,
        Refusal.SEVERAL_JSON_OBJECTS,
        Refusal.SCRIPT_ERROR,
        Refusal.TOO_LONG,
        Refusal.UNFINISHED_QUOTE,
        Refusal.ANOTHER_SHAPE,
        Refusal.TOO_DEEP,
        Refusal.TOO_MANY_NAMES,
    }
    of_labels = {reason for reason in Refusal if Refusal.NO_LABEL <= reason <= Refusal.NOT_GROUND_TRUTH}
    of_labels |= {Refusal.THIRD_CLASS, Refusal.STRAY, Refusal.UNANSWERED, Refusal.IN_UNANSWERED_BATCH}

    of_labels |= {*NOT_IN_LOG}  # of request logs, which say so themselves
    unforeseen = {Refusal.UNREADABLE, *UNFORESEEN.values()}

    assert reasons - {None} == set(Refusal) - of_files - of_labels - unforeseen
    assert set(MAKERS) >= {"truncated", "single quotes", "wrong counts", "bytes"}


def test_base64_is_judged_by_its_letters():
    good = base64.b64encode(b"1,23").decode()

    assert decode_record(captured(good, good, encoding="BASE64"), AS_SERVICE).reason is Refusal.BASE64_WITHOUT_SCRIPT
    assert decode_record(captured(good[:-1], good, encoding="BASE64"), AS_SERVICE).reason is Refusal.BAD_BASE64
    assert decode_record(captured(good[:-1], good, encoding="BASE64")).reason is Refusal.BAD_BASE64


@pytest.mark.parametrize(
    ("record", "reading", "row"),
    [
        # the texts by coreutils' base64
        pytest.param(captured("1,2", "MC41", output_encoding="BASE64"), READING, ("0.5", "1", "2"), id="beside csv"),
        pytest.param(captured("MSzDvA==", "MC41", encoding="BASE64"), READING, ("0.5", "1", "ü"), id="beyond ASCII"),
        pytest.param(
            with_content_type("application/json", captured("eyJhIjoxLCJiIjoyfQ==", "eyJwIjowLjV9", encoding="BASE64")),
            JSON_READING,
            ("0.5", "1", "2"),
            id="json",
        ),
        pytest.param(
            with_content_type("text/csv; charset=utf-8", captured("MSwy", "MC41", encoding="BASE64")),
            READING,
            ("0.5", "1", "2"),
            id="a content type with a parameter",
        ),
    ],
)
def test_base64_of_csv_and_json_is_what_it_stands_for(record, reading, row):
    assert decode_record(record, reading).rows == (row,)


@pytest.mark.parametrize("content_type", ["application/x-npy", "image/jpeg", None])
def test_base64_of_another_content_type_needs_a_script(content_type):
    record = with_content_type(content_type, captured("MSwy", "MC41", encoding="BASE64"))

    assert decode_record(record).reason is Refusal.BASE64_WITHOUT_SCRIPT


def test_a_value_that_is_no_text_is_its_json():
    record = json.loads(encode_line(captured("1,2", "0.5")))
    record["captureData"]["endpointOutput"]["data"] = 5

    assert decode_record(record).rows == (("5", "1", "2"),)
