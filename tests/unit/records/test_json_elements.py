"""The records of a JSON document are read one by one, and those with an excess are refused alone."""

from __future__ import annotations

import json
import random
import tracemalloc

import pytest

from spark_model_monitor.data.records import json_lines
from spark_model_monitor.data.records.decoded_rows import MAX_COLUMNS
from spark_model_monitor.data.records.decoding import Reading, decode
from spark_model_monitor.data.records.json_lines import MAX_DEPTH, has_many_names, iterate_records
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.running.merging.captured import parse_captured_record, parse_transform_output
from spark_model_monitor.running.merging.labels import parse_label_file, parse_label_line

TEXTS = ("", "a", '"', "\\", '\\"', "\\\\", "a,b", "{", "}]", ":", "é\n", '"a": {', "\\" * 7)


def draw_value(rng, depth=0):
    kind = rng.randrange(5) if depth < 4 else 4
    if kind == 0:
        return [draw_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == 1:
        return {rng.choice(TEXTS) + str(number): draw_value(rng, depth + 1) for number in range(rng.randrange(4))}
    return rng.choice((*TEXTS, 1, -2.5, True, None))


def collect_names(value, path=()):
    """Every member of a value by its path."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield (*path, name)
            yield from collect_names(member, (*path, name))
    elif isinstance(value, list):
        for inner_value in value:
            yield from collect_names(inner_value, path)


def test_records_are_what_a_parser_finds():
    rng = random.Random(1)
    for _ in range(200):
        values = [draw_value(rng) for _ in range(rng.randrange(5))]
        text = json.dumps(values, indent=rng.choice((None, 1)), ensure_ascii=False)

        records = list(iterate_records(rng.choice(("", " ", "\n")) + text + rng.choice(("", "\n"))))

        assert [record.value for record in records] == values
        assert [json.loads(record.text) for record in records] == values


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1]]",
        "[1]x",
        "[[1]",
        '["a]',
        "{}{}",
        '{"a":',
        "1 2",
        "[nul]",
        "[01]",
    ],
)
def test_what_is_no_json_is_none_whatever_came_before(text):
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)
    with pytest.raises(json.JSONDecodeError):
        list(iterate_records(text))


def test_a_number_of_any_length_is_read():
    digits = "7" * 5_000

    assert [record.value for record in iterate_records(f'[{digits}, {{"a": {digits}}}]')] == [digits, {"a": digits}]


def test_names_are_distinguished_by_their_paths(monkeypatch):
    monkeypatch.setattr(json_lines, "MAX_UNCOUNTED_BYTES", 0)
    rng = random.Random(2)
    for _ in range(60):
        record = {"a": draw_value(rng), "b": draw_value(rng)}
        names = len(set(collect_names(record)))
        for maximum in (names - 1, names):
            monkeypatch.setattr(json_lines, "MAX_COLUMNS", maximum)
            text = json.dumps(record, indent=rng.choice((None, 1)))
            assert has_many_names(text.encode()) == has_many_names(text) == (names > maximum)


def write_many_names(count):
    return ",".join(f'"k{number}":{number}' for number in range(count))


MANY = write_many_names(MAX_COLUMNS + 1)
EXCESSES = {
    "names": (f"{{{MANY}}}", Refusal.TOO_MANY_NAMES),
    "names in an object": (f'{{"a": {{{MANY}}}}}', Refusal.TOO_MANY_NAMES),
    "names in an array": (f'{{"a": [{{{MANY}}}]}}', Refusal.TOO_MANY_NAMES),
    "names with escapes": ("{" + MANY.replace('"k', '"\\n\\"') + "}", Refusal.TOO_MANY_NAMES),
    **{
        f"{depth} levels": ('{"a":' * depth + "1" + "}" * depth, Refusal.TOO_DEEP)
        for depth in (MAX_DEPTH + 1, 990, 100_000)
    },
    "arrays": ("[" * 990 + "]" * 990, Refusal.TOO_DEEP),
    "a member that another replaces": ('{"a": ' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + ', "a": 1}', Refusal.TOO_DEEP),
}


@pytest.mark.parametrize(("text", "reason"), EXCESSES.values(), ids=list(EXCESSES))
def test_an_excess_is_reported_alone_and_in_a_document(text, reason):
    document = f'[{{"a": "[{{"}}, {text},\n{{"b": 2}}, {text}]'

    records = list(iterate_records(document))

    assert [record.reason for record in iterate_records(text)] == [reason]
    assert [record.reason for record in records] == [0, reason, 0, reason]
    assert [record.value for record in records] == [{"a": "[{"}, None, {"b": 2}, None]
    assert [record.text for record in records[1::2]] == [text, text]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{{{write_many_names(MAX_COLUMNS)}}}", id="as many names as are accepted"),
        pytest.param('{"a": [' + ",".join(['{"b": 1}'] * (MAX_COLUMNS + 1)) + "]}", id="an array of small objects"),
        pytest.param('{"a": "' + "{[:" * MAX_COLUMNS + '"}', id="signs in a text"),
        pytest.param('{"a":' * MAX_DEPTH + "1" + "}" * MAX_DEPTH, id="as many levels as are accepted"),
    ],
)
def test_what_is_accepted_is_no_excess(text):
    assert [record.reason for record in iterate_records(f"[{text},{text}]")] == [0, 0]


def test_an_excess_is_found_while_reading(monkeypatch):
    monkeypatch.setattr(json_lines, "MAX_COLUMNS", 100)
    line = f"{{{MANY}}}".encode()
    tracemalloc.start()

    assert has_many_names(line)

    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 3 * len(line)


CAPTURE = (
    '{"captureData": {"endpointInput": {"data": "1", "encoding": "CSV"}, "endpointOutput": %s}, '
    '"eventMetadata": {"eventId": "e"}%s}'
)
OUTPUT = '{"data": "0.5", "encoding": "CSV"}'


def test_captures_and_labels_with_too_many_names_are_refused():
    reading = Reading(("endpointInput",), encoding=None)
    more_members = (CAPTURE % (OUTPUT, "," + MANY)).encode()
    payload = json.dumps({"data": f"{{{MANY}}}", "encoding": "JSON"})
    many_in_payload = (CAPTURE % (payload, "")).encode()
    label = '{"groundTruthData": {"data": "1", "encoding": "CSV"}, "eventMetadata": {"eventId": "e"}%s}'

    assert decode((CAPTURE % (OUTPUT, "")).encode(), reading).reason is None
    assert decode(more_members, reading).reason == Refusal.TOO_MANY_NAMES
    reading_both_halves = Reading(("endpointInput", "endpointOutput"), encoding=None)
    assert decode(many_in_payload, reading_both_halves).reason == Refusal.WRONG_NUMBER_OF_CELLS
    assert parse_captured_record(more_members).reason == Refusal.TOO_MANY_NAMES
    assert not parse_transform_output(f"{{{MANY}}}").is_json
    labels = parse_label_line((label % ("," + MANY)).encode())
    assert [label.reason for label in labels] == [Refusal.TOO_MANY_NAMES]


@pytest.mark.parametrize(("text", "reason"), EXCESSES.values(), ids=list(EXCESSES))
def test_a_label_with_an_excess_leaves_the_others_of_its_file(text, reason):
    ordinary_label = '{"groundTruthData": {"data": "1", "encoding": "CSV"}, "eventMetadata": {"eventId": "e"}}'

    labels = parse_label_file(f"[{ordinary_label},\n {text} ,{ordinary_label}]".encode())

    assert [label.reason for label in labels] == [0, reason, 0]
    assert labels[1].content == text
