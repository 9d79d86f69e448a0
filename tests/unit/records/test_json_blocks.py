"""Arrow's parser is asked for a block of JSON lines only where it says what Python's `json` says of each of them."""

from __future__ import annotations

import json
import random
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest

from spark_model_monitor.data.records.json_lines import MAX_DEPTH, parse_flat_objects

NUMBERS = (
    "0",
    "-5",
    "9223372036854775807",
    "1.5",
    "-0.0",
    "1e5",
    "0.1234567890123456789",
    "5e-324",
    "-0",
    "1e400",
    "NaN",
)
TEXTS = ('"p"', '""', '"ä\\n"', '"2020-01-01"', '"😀"', '"\\ud800"', '"a\tb"')
OTHERS = ("true", "null", "{}", "[1]", "01", "Inf", "nul")
LINES = (
    "",
    " ",
    "{}",
    '{"a":',
    '1}{"a":2}',
    '{"a":1} {"a":2}',
    '{"a":{"b":1}',
    '{"a":1,"a":2}',
    '{"a":1}x',
    "[1]",
    '{"a":1,}',
)


def generate_lines(seed: int) -> list[str]:
    """Mostly lines with members of one kind each, and a few of another."""
    chosen = random.Random(seed)
    oddness = chosen.choice([0, 0.05, 0.4])
    kinds = {name: chosen.choice([NUMBERS[:1], NUMBERS[:7], TEXTS[:5]]) for name in "abc"}

    def cell(name: str) -> str:
        odd = chosen.random() < oddness
        return chosen.choice(NUMBERS + TEXTS + OTHERS if odd else kinds[name])

    def line() -> str:
        members = [f'"{name}": {cell(name)}' for name in kinds if chosen.random() < 0.9]
        if chosen.random() < oddness / 4:
            return chosen.choice(LINES)
        return "{" + ",".join(members) + "}"

    return [line() for _ in range(chosen.randrange(1, 12))]


def by_python(line: str) -> dict[str, Any]:
    return {name: value for name, value in json.loads(line).items() if value is not None}


def as_written(value: Any) -> Any:
    """What the parser takes for a time, which all texts above are the same day of."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d")
    return value


def test_each_row_is_what_python_reads_in_its_line():
    answered = 0
    for seed in range(3000):
        lines = generate_lines(seed)
        table = parse_flat_objects(pa.array([line.encode("utf-8", "surrogatepass") for line in lines], pa.binary()))
        if table is None:
            continue
        answered += 1
        for row, line in zip(table.to_pylist(), lines, strict=True):
            values = {name: as_written(value) for name, value in row.items() if value is not None}
            expected = {
                name: float(value) if type(values.get(name)) is float else value
                for name, value in by_python(line).items()
            }
            assert values == expected, seed

    assert answered > 1000


@pytest.mark.parametrize(
    "line",
    [
        '{"a": 1}{"a": 2}',
        '{"a": "\\ud800"}',
        '{"a": NaN}',
        '{"a": Inf}',
        '{"a": -0}',
        '{"a": 1, "a": 2}',
        '["a"]',
        "",
        '{"a"',
    ],
)
def test_a_line_that_it_reads_another_way_or_not_at_all_has_no_answer(line):
    assert parse_flat_objects(pa.array(['{"a": 1}', line, '{"a": 2}']).view(pa.binary())) is None


def test_members_that_are_not_in_the_schema_and_values_of_another_type_have_no_answer():
    schema = pa.schema([("a", pa.float64())])
    for line in ('{"a": 1.5, "b": 1}', '{"a": "x"}', '{"a": [1]}'):
        assert parse_flat_objects(pa.array([line]).view(pa.binary()), schema) is None
    assert parse_flat_objects(pa.array(["{}", '{"a": 2}']).view(pa.binary()), schema).column("a").to_pylist() == [
        None,
        2.0,
    ]


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")], ids=["lists", "objects"])
def test_a_line_that_goes_deeper_than_a_stack_is_not_asked_for(opening, closing):
    deep = '{"deep": ' + opening * 100_000 + "1" + closing * 100_000 + "}"

    assert parse_flat_objects(pa.array([deep, '{"deep": 1}'], pa.binary())) is None
    assert parse_flat_objects(pa.array(['{"deep": [[1]]}', '{"deep": [[2]]}'], pa.binary())) is not None


@pytest.mark.parametrize(("depth", "is_parsed"), [(MAX_DEPTH - 1, True), (MAX_DEPTH, False)])
def test_a_line_that_opens_more_than_its_limit_is_left_to_another_reader(depth, is_parsed):
    line = '{"deep": ' + "[" * depth + "]" * depth + "}"

    assert (parse_flat_objects(pa.array([line, line], pa.binary())) is not None) == is_parsed


@pytest.mark.parametrize(
    ("line_count", "odd"),
    [
        pytest.param(5_000, {f"k{number}": number for number in range(10_000)}, id="one record of many names"),
        pytest.param(1_000, {}, id="names of their own in each record"),
    ],
)
def test_lines_of_many_names_make_no_table_of_all_of_them(line_count, odd):
    """It would have 10,002 columns of 5,000 rows, or 100,002 of 1,000: 400 and 800 MB, nearly all of it nothing."""
    name_count = 0 if odd else 100
    records = [{"a": 1, **{f"k{line}x{number}": 1 for number in range(name_count)}} for line in range(line_count)]
    records[line_count // 3] |= odd
    lines = pa.array([json.dumps({**record, "b": "x" * 100}) for record in records])

    assert parse_flat_objects(lines) is None
    assert parse_flat_objects(lines[:100]) is not None
