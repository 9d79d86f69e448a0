"""Records are found in JSON text without a parser: their bounds, members and depth, and those with an excess."""

from __future__ import annotations

import json
import random
import tracemalloc

import pytest

from spark_model_monitor.data.records import json_elements
from spark_model_monitor.data.records.decoded_rows import MOST_COLUMNS
from spark_model_monitor.data.records.decoding import Reading, decode
from spark_model_monitor.data.records.json_elements import (
    DEEPEST,
    find_excess,
    find_oversized_records,
    has_many_names,
    locate_records,
    replace_records,
)
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.running.merging.captured import captured_record, transform_output
from spark_model_monitor.running.merging.labels import labels_of_file, labels_of_line

TEXTS = ("", "a", '"', "\\", '\\"', "\\\\", "a,b", "{", "}]", ":", "é\n", '"a": {', "\\" * 7)


def draw_value(rng, depth=0):
    kind = rng.randrange(5) if depth < 4 else 4
    if kind == 0:
        return [draw_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == 1:
        return {rng.choice(TEXTS) + str(number): draw_value(rng, depth + 1) for number in range(rng.randrange(4))}
    return rng.choice((*TEXTS, 1, -2.5, True, None))


def measure_depth(value):
    if isinstance(value, dict):
        values = value.values()
    elif isinstance(value, list):
        values = value
    else:
        values = None
    if values is None:
        return 0
    return 1 + max(map(measure_depth, values), default=0)


def collect_names(value, path=()):
    """Every member of a value by its path."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield (*path, name)
            yield from collect_names(member, (*path, name))
    elif isinstance(value, list):
        for inner_value in value:
            yield from collect_names(inner_value, path)


@pytest.mark.parametrize("stretch_bytes", [1, 2, 7, 2**18])
def test_records_lie_where_a_parser_finds_them(stretch_bytes, monkeypatch):
    monkeypatch.setattr(json_elements, "STRETCH_BYTES", stretch_bytes)
    rng = random.Random(1)
    for _ in range(20):
        records = [draw_value(rng) for _ in range(rng.randrange(1, 5))]
        content = rng.choice(("", " ", "\ufeff")) + json.dumps(
            records, indent=rng.choice((None, 1)), ensure_ascii=False
        )
        content = content.encode() + rng.choice((b"", b"\n"))

        bounds = locate_records(content, of_array=True)

        texts = [content[start:end] for start, end in zip(bounds.starts, bounds.ends, strict=True)]
        assert [json.loads(text) for text in texts] == records
        assert bounds.depths.tolist() == [measure_depth(record) for record in records]
        assert bounds.members.tolist() == [len(list(collect_names(record))) for record in records]


@pytest.mark.parametrize("stretch_bytes", [1, 7, 2**18])
def test_names_are_distinguished_by_their_paths(stretch_bytes, monkeypatch):
    monkeypatch.setattr(json_elements, "STRETCH_BYTES", stretch_bytes)
    monkeypatch.setattr(json_elements, "LONGEST_UNCOUNTED", 0)
    rng = random.Random(2)
    for _ in range(20):
        record = {"a": draw_value(rng), "b": draw_value(rng)}
        names = len(set(collect_names(record)))
        for maximum in (names - 1, names):
            monkeypatch.setattr(json_elements, "MOST_COLUMNS", maximum)
            assert has_many_names(json.dumps(record).encode()) == (names > maximum)


def write_many_names(count):
    return ",".join(f'"k{number}":{number}' for number in range(count))


MANY = write_many_names(MOST_COLUMNS + 1)
EXCESSES = {
    "names": (f"{{{MANY}}}", Refusal.TOO_MANY_NAMES),
    "names in an object": (f'{{"a": {{{MANY}}}}}', Refusal.TOO_MANY_NAMES),
    "names in an array": (f'{{"a": [{{{MANY}}}]}}', Refusal.TOO_MANY_NAMES),
    "names with escapes": ("{" + MANY.replace('"k', '"\\n\\"') + "}", Refusal.TOO_MANY_NAMES),
    **{
        f"{depth} levels": ('{"a":' * depth + "1" + "}" * depth, Refusal.TOO_DEEP)
        for depth in (DEEPEST + 1, 990, 100_000)
    },
    "arrays": ("[" * 990 + "]" * 990, Refusal.TOO_DEEP),
}


@pytest.mark.parametrize(("text", "reason"), EXCESSES.values(), ids=list(EXCESSES))
def test_an_excess_is_reported_alone_and_in_a_document(text, reason):
    content = f'[{{"a": "[{{"}}, {text},\n{{"b": 2}}, {text}]'.encode()

    oversized = find_oversized_records(content)

    assert find_excess(text.encode()) == reason
    assert {index: record.reason for index, record in oversized.items()} == {1: reason, 3: reason}
    assert json.loads(replace_records(content, oversized)) == [{"a": "[{"}, None, {"b": 2}, None]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{{{write_many_names(MOST_COLUMNS)}}}", id="as many names as are accepted"),
        pytest.param('{"a": [' + ",".join(['{"b": 1}'] * (MOST_COLUMNS + 1)) + "]}", id="an array of small objects"),
        pytest.param('{"a": "' + "{[:" * MOST_COLUMNS + '"}', id="signs in a text"),
        pytest.param('{"a":' * DEEPEST + "1" + "}" * DEEPEST, id="as many levels as are accepted"),
    ],
)
def test_what_is_accepted_is_no_excess(text):
    assert find_excess(text.encode()) is None
    assert not find_oversized_records(f"[{text},{text}]".encode())


def test_an_excess_is_found_while_reading(monkeypatch):
    monkeypatch.setattr(json_elements, "MOST_COLUMNS", 100)
    monkeypatch.setattr(json_elements, "STRETCH_BYTES", 2**10)
    line = f"{{{MANY}}}".encode()
    tracemalloc.start()

    assert has_many_names(line)

    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 200e3


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
    assert captured_record(more_members).reason == Refusal.TOO_MANY_NAMES
    assert not transform_output(f"{{{MANY}}}").is_json
    labels = labels_of_line((label % ("," + MANY)).encode())
    assert [label.reason for label in labels] == [Refusal.TOO_MANY_NAMES]


@pytest.mark.parametrize(("text", "reason"), EXCESSES.values(), ids=list(EXCESSES))
def test_a_label_with_an_excess_leaves_the_others_of_its_file(text, reason):
    ordinary_label = '{"groundTruthData": {"data": "1", "encoding": "CSV"}, "eventMetadata": {"eventId": "e"}}'

    labels = labels_of_file(f"[{ordinary_label},\n {text} ,{ordinary_label}]".encode())

    assert [label.reason for label in labels] == [0, reason, 0]
    assert labels[1].content == text
