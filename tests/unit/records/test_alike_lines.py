"""Lines that are said to be alike are what Python's JSON parser says that they are, and the usual ones are said to be."""

from __future__ import annotations

import json
import random
import tracemalloc

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spark_model_monitor.data.records import json_lines as module
from spark_model_monitor.data.records.json_lines import CHUNK_BYTES, SAMPLED_LINES, parse_alike_lines

HALF = pa.struct([("data", pa.string()), ("encoding", pa.string())])
SCHEMA = pa.schema(
    [
        ("captureData", pa.struct([("endpointInput", HALF), ("endpointOutput", HALF)])),
        ("eventMetadata", pa.struct([("inferenceTime", pa.string())])),
    ]
)


@pytest.fixture(autouse=True)
def no_lines_before():
    """Nobody knows what the lines of other tests were like."""
    module._recent_skeletons.clear()


def captured(number, data="1,2.5,a", output="0.25\n", **more):
    halves = {
        "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": data, "encoding": "CSV"},
        "endpointOutput": {"observedContentType": "text/csv", "mode": "OUTPUT", "data": output, "encoding": "CSV"},
    }
    event = {"eventId": f"event-{number}", "inferenceTime": f"2026-01-31T22:{number % 60:02d}:00Z"}
    return json.dumps({"captureData": halves, "eventMetadata": event, "eventVersion": "0", **more}, ensure_ascii=False)


def expect_texts(document):
    """What a row of SCHEMA is for a document, by plain Python."""
    captures = document.get("captureData")
    event = document.get("eventMetadata")
    halves = {
        name: None if half is None else {member: half.get(member) for member in ("data", "encoding")}
        for name in ("endpointInput", "endpointOutput")
        for half in [(captures or {}).get(name)]
    }
    return {
        "captureData": None if captures is None else halves,
        "eventMetadata": None if event is None else {"inferenceTime": event.get("inferenceTime")},
    }


def make_array(lines):
    return pa.array([line if isinstance(line, bytes) else line.encode() for line in lines], pa.binary()).view(
        pa.string()
    )


def parse_lines(lines):
    """The flags, and the rows of the alike lines."""
    parsed = parse_alike_lines(make_array(lines), SCHEMA)
    assert parsed is not None
    return parsed[0].tolist(), parsed[1].to_pylist()


def test_lines_of_one_program_are_alike_whatever_their_values():
    lines = [captured(number, data=f"{number},äöü 😀,/", output=f"{number}\r\n\t") for number in range(200)]

    flags, rows = parse_lines(lines)

    assert all(flags)
    assert rows == [expect_texts(json.loads(line)) for line in lines]


def test_a_text_that_is_the_same_in_the_lines_looked_at_may_differ_in_another():
    lines = [captured(number, output="0\n") for number in range(10 * SAMPLED_LINES)]
    lines[7] = captured(7, output="1\n")

    flags, rows = parse_lines(lines)

    assert flags.count(False) == 1
    assert not flags[7]
    assert {row["captureData"]["endpointOutput"]["data"] for row in rows} == {"0\n"}


def test_what_lines_before_were_like_is_forgotten_where_it_is_not_what_all_of_these_are_like():
    """It is known only of the last lines that their output is 0, but it is looked at again where half of these differ."""
    before = [captured(number, output="0\n") for number in range(100)]
    assert all(parse_lines(before)[0])
    lines = [captured(number, output=f"{number % 2}\n") for number in range(100)]

    flags, rows = parse_lines(lines)

    assert all(flags)
    assert rows == [expect_texts(json.loads(line)) for line in lines]


def test_every_chunk_has_the_lines_of_its_own_program(monkeypatch):
    monkeypatch.setattr(module, "CHUNK_BYTES", 20_000)
    lines = [captured(number) for number in range(300)]
    lines += [captured(number, more="a member that the others lack") for number in range(300)]
    lines += [json.dumps(dict(reversed(json.loads(line).items()))) for line in lines[:300]]

    flags, rows = parse_lines(lines)

    expected_rows = [expect_texts(json.loads(line)) for line, is_alike in zip(lines, flags, strict=True) if is_alike]
    assert rows == expected_rows
    assert flags.count(False) < 200  # at most the lines of two chunks, in which one program follows another


def test_absent_and_null_members_are_null():
    half = {"data": "1,2", "encoding": None}
    lines = [json.dumps({"captureData": {"endpointInput": half}, "eventId": str(number)}) for number in range(9)]

    _, rows = parse_lines(lines)

    assert rows[0] == expect_texts({"captureData": {"endpointInput": half}})


ODD = {
    "an escaped quote": captured(1, data='a "quoted" cell'),
    "an escaped letter": captured(1).replace("event-1", "event-\\u0031"),
    "two backslashes before a letter": captured(1, data="a\\n"),
    "a backslash before the closing quote": captured(1).replace("event-1", "event-1\\"),
    "a member more": captured(1, requestMetadata="x"),
    "a member less": captured(1).replace(', "eventVersion": "0"', ""),
    "a member twice": captured(1).replace('"mode": "INPUT"', '"data": "INPUT"'),
    "members in another order": json.dumps(dict(reversed(json.loads(captured(1)).items()))),
    "no blank": captured(1).replace('": "', '":"'),
    "a number for a text": captured(1).replace('"0.25\\n"', "0.25"),
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
@pytest.mark.parametrize("line_number", [1, 99, 150])
def test_another_line_is_not_alike(odd, line_number):
    lines = [captured(number, data=f"{number},b", output=f"{number}") for number in range(200)]
    lines[line_number] = odd

    flags, rows = parse_lines(lines)

    assert [number for number, good in enumerate(flags) if not good] == [line_number]
    assert rows == [expect_texts(json.loads(line)) for line, good in zip(lines, flags, strict=True) if good]


@pytest.mark.parametrize(
    "first",
    [
        pytest.param('[{"captureData": {}}]', id="an array"),
        pytest.param('"captureData"', id="a text"),
        pytest.param("{}", id="nothing in it"),
        pytest.param('{"captureData": NaN, "a": "b"}', id="no JSON number"),
        pytest.param('{"captureData": "text"}', id="a text for an object"),
        pytest.param('{"captureData": {"endpointInput": {"data": 1}}}', id="a number for a text"),
        pytest.param('{"captureData": {"endpointInput": {"data": {"a": "b"}}}}', id="an object for a text"),
        pytest.param('{"captureData": {}, "captureData": {}}', id="a member twice"),
        pytest.param('{"capture\\nData": {}}', id="a name with an escape"),
        pytest.param(captured(1).encode()[:-30] + b'\xff"}}', id="bytes that are not UTF-8"),
        pytest.param("[" * 5_000 + '"', id="too deep"),
    ],
)
def test_nothing_is_said_of_lines_that_are_no_records_of_texts(first):
    assert parse_alike_lines(make_array([first] * 5), SCHEMA) is None


def test_the_lines_that_most_are_like_are_alike_whichever_come_first():
    flags, _ = parse_lines([captured(0), *[captured(number, more="x") for number in range(9)]])

    assert flags == [False] + [True] * 9
    assert parse_alike_lines(make_array([]), SCHEMA) is None


@pytest.mark.parametrize("position", [20, 90, 150, 230])
def test_the_two_halves_of_a_broken_line_are_no_line(position):
    lines = [captured(number, data=f"{number},b", output=f"{number}") for number in range(200)]
    lines[50:51] = [lines[50][:position], lines[50][position:]]

    flags, rows = parse_lines(lines)

    assert [number for number, good in enumerate(flags) if not good] == [50, 51]
    assert rows == [expect_texts(json.loads(line)) for line in lines[:50] + lines[52:]]


def test_a_slice_of_lines_is_read_as_the_slice_alone():
    lines = [captured(number, data=f"{number}") for number in range(50)]

    parsed = parse_alike_lines(make_array(lines).slice(10, 20), SCHEMA)

    assert parsed is not None
    assert parsed[1].to_pylist() == [expect_texts(json.loads(line)) for line in lines[10:30]]


@pytest.mark.parametrize("line_number", [0, 30, 50])
def test_a_line_that_is_too_long_is_left_to_a_parser_and_its_neighbours_are_alike(line_number):
    """33 MiB, as often as lines are looked at, were more bytes than an array can hold."""
    lines = [captured(number, data=f"{number}") for number in range(50)]
    lines.insert(line_number, captured(50, data="x" * 33 * 2**20))

    flags, rows = parse_lines(lines)

    assert [number for number, good in enumerate(flags) if not good] == [line_number]
    assert rows == [expect_texts(json.loads(line)) for line in lines[:line_number] + lines[line_number + 1 :]]


def test_nothing_is_said_of_lines_that_are_all_too_long():
    assert (
        parse_alike_lines(make_array([captured(number, data="x" * CHUNK_BYTES) for number in range(3)]), SCHEMA) is None
    )


@pytest.mark.parametrize("odd", ["", "\\", '"', "\x01"])
@pytest.mark.parametrize("size", [15, 16, 17, 47, 48, 1_023, 4_095, 4_096, 4_097, 8_200, 50_000, 200_000])
def test_a_value_is_cut_out_whole_however_long_it_is(size, odd):
    lines = [captured(number, data=f"{number}") for number in range(100)]
    lines += [captured(100, data="x" * (size + more)).replace("xx", f"x{odd}", 1) for more in range(-2, 3)]
    lines += [captured(101, data="x" * (size + more)).replace("xx", f"{odd}x") for more in range(2)]
    lines += [captured(102, data="y" * (size + more) + odd + "z") for more in range(-2, 3)]

    flags, rows = parse_lines(lines)

    good = [line for line, flag in zip(lines, flags, strict=True) if flag]
    assert rows == [expect_texts(json.loads(line)) for line in good]
    assert flags.count(False) == (12 if odd in ("\\", '"', "\x01") else 0)


def test_one_long_value_takes_no_more_memory_than_a_few_times_all_lines():
    lines = make_array([*[captured(number) for number in range(2_000)], captured(0, data="x" * 200_000)])

    tracemalloc.start()
    parse_alike_lines(lines, SCHEMA)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak_bytes < 10 * lines.nbytes


MUTATIONS = b'"\\{}[]:,n0 \x01\xff\xc3'


@given(st.integers(0, 2**32), st.integers(0, 12))
@example(0, 0)
def test_whatever_bytes_are_changed_an_alike_line_is_what_the_parser_says(seed, mutations):
    rng = random.Random(seed)
    lines = [bytearray(captured(rng.randrange(100), data=f"{rng.random()}").encode()) for _ in range(30)]
    for _ in range(mutations):
        line = rng.choice(lines[1:])
        position = rng.randrange(len(line))
        change = rng.randrange(3)
        if change == 0:
            line[position] = rng.choice(MUTATIONS)
        elif change == 1:
            line.insert(position, rng.choice(MUTATIONS))
        else:
            del line[position]

    flags, rows = parse_lines([bytes(line) for line in lines])

    assert sum(flags) >= len(lines) - mutations
    good = [bytes(line) for line, flag in zip(lines, flags, strict=True) if flag]
    assert rows == [expect_texts(json.loads(line)) for line in good]
