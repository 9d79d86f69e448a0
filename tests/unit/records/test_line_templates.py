"""Lines that fit a template are what Python's JSON parser says that they are, and the usual ones fit one."""

from __future__ import annotations

import json
import random
import tracemalloc

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spark_model_monitor.data.records import line_templates
from spark_model_monitor.data.records.line_templates import build_template, parse_table

HALF = pa.struct([("data", pa.string()), ("encoding", pa.string())])
NUMBERS = pa.struct([("latencyMs", pa.float64()), ("status", pa.float64())])
SCHEMA = pa.schema(
    [
        ("captureData", pa.struct([("endpointInput", HALF), ("endpointOutput", HALF)])),
        ("eventMetadata", pa.struct([("inferenceTime", pa.string())])),
        ("requestMetadata", NUMBERS),
    ]
)
NOTHING = dict.fromkeys(SCHEMA.names)


def captured(number, data="1,2.5,a", output="0.25\n", **more):
    halves = {
        "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": data, "encoding": "CSV"},
        "endpointOutput": {"observedContentType": "text/csv", "mode": "OUTPUT", "data": output, "encoding": "CSV"},
    }
    event = {"eventId": f"event-{number}", "inferenceTime": f"2026-01-31T22:{number % 60:02d}:00Z"}
    request = {"requestMetadata": {"latencyMs": 1.5 * number, "status": 200}}
    document = {"captureData": halves, "eventMetadata": event, "eventVersion": "0"}
    document |= request
    document |= more
    return json.dumps(document, ensure_ascii=False)


def make_lines():
    return [captured(number, data=f"{number},b", output=f"{number}") for number in range(200)]


def expect_texts(document):
    """What a row of SCHEMA is for a document, by plain Python."""
    captures = document.get("captureData")
    event = document.get("eventMetadata")
    request = document.get("requestMetadata")
    halves = {
        name: None if half is None else {member: half.get(member) for member in ("data", "encoding")}
        for name in ("endpointInput", "endpointOutput")
        for half in [(captures or {}).get(name)]
    }
    return {
        "captureData": None if captures is None else halves,
        "eventMetadata": None if event is None else {"inferenceTime": event.get("inferenceTime")},
        "requestMetadata": None if request is None else {name: request.get(name) for name in ("latencyMs", "status")},
    }


def make_array(lines):
    return pa.array([line if isinstance(line, bytes) else line.encode() for line in lines], pa.binary()).view(
        pa.string()
    )


def parse_lines(lines):
    """Which lines fit a template, and the rows of these."""
    rows = parse_table(make_array(lines), SCHEMA).to_pylist()
    return [row != NOTHING for row in rows], [row for row in rows if row != NOTHING]


def expect_only(lines, odd_numbers):
    """All lines but these fit templates, and their rows are Python's."""
    flags, rows = parse_lines(lines)

    assert [number for number, is_known in enumerate(flags) if not is_known] == odd_numbers
    assert rows == [expect_texts(json.loads(line)) for line, is_known in zip(lines, flags, strict=True) if is_known]


def test_lines_of_one_program_are_read_whatever_their_values():
    expect_only([captured(number, data=f'{number},"äöü" 😀,/', output=f"{number}\r\n\t") for number in range(200)], [])


def test_every_program_has_its_own_template_in_every_chunk(monkeypatch):
    monkeypatch.setattr(line_templates, "CHUNK_BYTES", 20_000)
    lines = [captured(number) for number in range(300)]
    lines += [captured(number, more="a member that the others lack") for number in range(300)]
    lines += [json.dumps(dict(reversed(json.loads(line).items()))) for line in lines[:300]]

    expect_only(random.Random(0).sample(lines, len(lines)), [])


def test_lines_of_more_programs_than_templates_are_left(monkeypatch):
    monkeypatch.setattr(line_templates, "MAX_TEMPLATES", 3)

    lines = [captured(number, **{f"more{number}": "x"}) for number in range(9)]

    expect_only(lines, [3, 4, 5, 6, 7, 8])


def test_few_lines_are_left(monkeypatch):
    monkeypatch.setattr(line_templates, "MIN_CHUNK_BYTES", 2**13)

    expect_only([captured(1)] * 9, [*range(9)])
    expect_only([captured(1)] * 90, [])


def test_absent_and_null_members_are_null():
    half = {"data": "1,2", "encoding": None}
    lines = [json.dumps({"captureData": {"endpointInput": half}, "eventId": str(number)}) for number in range(9)]

    _, rows = parse_lines(lines)

    assert rows[0] == expect_texts({"captureData": {"endpointInput": half}})


# with numbers in another notation, escapes, and members of another order, names and number: templates of their own
ODD_NUMBERS = {
    "a number for a text": captured(1).replace('"0.25\\n"', "0.25"),
    "a text for a number": captured(1).replace("200", '"200"'),
    "a number with a zero before it": captured(1).replace("200", "0200"),
    "a number without its fraction": captured(1).replace("200", "200."),
    "a number with two signs": captured(1).replace("200", "--200"),
    "no JSON number": captured(1).replace("200", "NaN"),
    "two numbers": captured(1).replace("200", "2 00"),
    "a number as a name": captured(1).replace("200", '{200: "a"}'),
}

ODD = {
    **ODD_NUMBERS,
    "an escaped letter": captured(1).replace("event-1", "event-\\u0031"),
    "two backslashes before a letter": captured(1, data="a\\n"),
    "a backslash before the closing quote": captured(1).replace("event-1", "event-1\\"),
    "a member twice": captured(1).replace('"mode": "INPUT"', '"data": "INPUT"'),
    "something behind the end": captured(1) + "}",
    "cut off": captured(1)[:-1],
    "a blank before the beginning": " " + captured(1),
    "a carriage return behind the end": captured(1) + "\r",
    "bytes that are not UTF-8": captured(1).encode().replace(b"event-1", b"event-\xff"),
    "a control character": captured(1).encode().replace(b"event-1", b"event-\x01"),
    "NUL": captured(1).encode().replace(b"event-1", b"event-\x00"),
    "nothing": "",
    "no JSON": "captureData",
}


@pytest.mark.parametrize("odd", [pytest.param(line, id=name) for name, line in ODD.items()])
@pytest.mark.parametrize("line_number", [0, 99, 150])
def test_a_line_that_needs_a_parser_is_left(odd, line_number):
    lines = make_lines()
    lines[line_number] = odd

    expect_only(lines, [line_number])


OTHER = {
    "an escaped quote": captured(1, data='a "quoted" cell'),
    "a member more": captured(1, more="x"),
    "a member less": captured(1).replace(', "eventVersion": "0"', ""),
    "members in another order": json.dumps(dict(reversed(json.loads(captured(1)).items()))),
    "no blank": captured(1).replace('": "', '":"'),
    "numbers with a sign and an exponent": captured(1).replace("1.5", "-15.0E-1"),
    "arrays of texts and numbers": captured(1, more=["a", 1, {"b": ["c"], "d": 2.5}, [True, None]]),
    "null for a number": captured(1).replace("200", "null"),
}


@pytest.mark.parametrize("changed", [pytest.param(line, id=name) for name, line in OTHER.items()])
@pytest.mark.parametrize("line_number", [0, 99])
def test_another_program_has_another_template(changed, line_number):
    lines = make_lines()
    lines[line_number] = changed

    expect_only(lines, [])


@pytest.mark.parametrize(
    "line",
    [
        pytest.param('[{"captureData": {}}]', id="an array"),
        pytest.param('"captureData"', id="a text"),
        pytest.param('{"captureData": NaN, "a": "b"}', id="no JSON number"),
        pytest.param('{"captureData": {}, "captureData": {}}', id="a member twice"),
        pytest.param('{"capture\\nData": {}}', id="a name with an escape"),
        pytest.param("[" * 5_000 + '"', id="no object"),
        pytest.param('{"a":' + "[" * 5_000 + "]" * 5_000 + "}", id="too deep"),
    ],
)
def test_what_is_no_record_has_no_template(line):
    assert build_template(line.encode()) is None


@pytest.mark.parametrize(
    "line",
    [
        pytest.param('{"captureData": "text"}', id="a text for an object"),
        pytest.param('{"captureData": {"endpointInput": {"data": 1}}}', id="a number for a text"),
        pytest.param('{"captureData": {"endpointInput": {"data": {"a": "b"}}}}', id="an object for a text"),
        pytest.param('{"requestMetadata": {"status": "200"}}', id="a text for a number"),
    ],
)
def test_members_of_other_types_are_left(line):
    expect_only([line] * 5, [*range(5)])


@pytest.mark.parametrize("position", [20, 90, 150, 230])
def test_the_two_halves_of_a_broken_line_are_no_line(position):
    lines = make_lines()
    lines[50:51] = [lines[50][:position], lines[50][position:]]

    expect_only(lines, [50, 51])


def test_a_slice_of_lines_is_read_as_the_slice_alone():
    lines = [captured(number, data=f"{number}") for number in range(50)]

    rows = parse_table(make_array(lines).slice(10, 20), SCHEMA).to_pylist()

    assert rows == [expect_texts(json.loads(line)) for line in lines[10:30]]
    assert parse_table(make_array([]), SCHEMA).to_pylist() == []


@pytest.mark.parametrize("line_number", [0, 30, 50])
def test_a_line_of_any_length_is_read(line_number):
    lines = [captured(number, data=f"{number}") for number in range(50)]
    lines.insert(line_number, captured(50, data="x" * 33 * 2**20))

    expect_only(lines, [])


@pytest.mark.parametrize("odd", ["", "\\", '"', "\x01"])
@pytest.mark.parametrize("size", [15, 16, 17, 47, 48, 1_023, 4_095, 4_096, 4_097, 8_200, 50_000, 200_000])
def test_a_value_is_cut_out_whole_however_long_it_is(size, odd):
    lines = [captured(number, data=f"{number}") for number in range(100)]
    for more in range(-2, 3):
        letters = "x" * (size + more)
        lines.append(captured(100, data=letters).replace("xx", f"x{odd}", 1))
    for more in range(2):
        letters = "x" * (size + more)
        lines.append(captured(101, data=letters).replace("xx", f"{odd}x"))
    for more in range(-2, 3):
        letters = "y" * (size + more)
        lines.append(captured(102, data=f"{letters}{odd}z"))

    # A quote within a text is written with a backslash where Python writes it
    are_odd = {"": 0, "\\": 12, '"': 7, "\x01": 12}
    expect_only(lines, [*range(100, 100 + are_odd[odd])])


def test_one_long_value_takes_no_more_memory_than_a_few_times_all_lines():
    lines = make_array([*[captured(number) for number in range(2_000)], captured(0, data="x" * 200_000)])

    tracemalloc.start()
    parse_table(lines, SCHEMA)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak_bytes < 10 * lines.nbytes


MUTATIONS = b'"\\{}[]:,n0-.e# \x01\xff\xc3'


@given(st.integers(0, 2**32), st.integers(0, 12))
@example(0, 0)
def test_whatever_bytes_are_changed_a_line_with_a_template_is_what_the_parser_says(seed, mutations):
    rng = random.Random(seed)
    lines = [bytearray(captured(rng.randrange(100), data=f"{rng.random()}").encode()) for _ in range(30)]
    for _ in range(mutations):
        line = rng.choice(lines)
        position = rng.randrange(len(line))
        change = rng.randrange(3)
        if change == 0:
            line[position] = rng.choice(MUTATIONS)
        elif change == 1:
            line.insert(position, rng.choice(MUTATIONS))
        else:
            del line[position]

    flags, rows = parse_lines([bytes(line) for line in lines])

    # A template that stands for one broken line costs no more than that line
    assert sum(flags) >= len(lines) - mutations or mutations >= line_templates.MAX_TEMPLATES
    good = [bytes(line) for line, flag in zip(lines, flags, strict=True) if flag]
    assert rows == [expect_texts(json.loads(line)) for line in good]
