"""A name that the baseline lacks is a value of the record that has it, such as an address, unless half of the records have it."""

from __future__ import annotations

import json
import random

import pytest
from tests.running_jobs import JobsHere
from tests.servers import http_server

ADDRESS = "ann.smith@example.org"
RECORDS = 200
SCRIPT = "import json\n\n\ndef preprocess_handler(record):\n    return json.loads(record.endpoint_input.data)\n"


def draw_records(seed):
    rng = random.Random(seed)
    return [{"age": rng.randint(20, 60), "plan": rng.choice("ab"), "amount": rng.random()} for _ in range(RECORDS)]


def write_lines(records, path):
    path.mkdir()
    (path / "a.jsonl").write_text("".join(f"{json.dumps(record)}\n" for record in records))


def write_document(records, path):
    path.mkdir()
    (path / "a.json").write_text(json.dumps(records))


def write_captures(records, path):
    def describe_half(mode, members):
        return {"mode": mode, "encoding": "JSON", "data": json.dumps(members)}

    halves = [(describe_half("INPUT", record), describe_half("OUTPUT", {"score": 0.5})) for record in records]
    captures = [
        {
            "captureData": {"endpointInput": features, "endpointOutput": score},
            "eventMetadata": {"eventId": str(number), "inferenceTime": "2024-01-01T00:10:00Z"},
            "eventVersion": "0",
        }
        for number, (features, score) in enumerate(halves)
    ]
    write_lines(captures, path)


READERS = {
    "JSON Lines": (write_lines, ["--dataset-format", "jsonl"]),
    "a JSON document": (write_document, ["--dataset-format", "json"]),
    "nested": (
        lambda records, path: write_lines([{"customer": record} for record in records], path),
        ["--dataset-format", "jsonl", "--flatten-json"],
    ),
    "a script": (
        write_captures,
        ["--dataset-format", "capture", "--record-preprocessor-script", "script.py"],
    ),
    "captures": (write_captures, ["--dataset-format", "capture", "--flatten-json"]),
}


def add_to_one(records):
    records[7][ADDRESS] = 1


def add_to_some(records):
    for record in records[: RECORDS // 4]:
        record[ADDRESS] = 1


def add_own_to_some(records):
    add_one_of_its_own(records[: RECORDS // 4])


def add_one_of_its_own(records):
    for number, record in enumerate(records):
        record[f"{number}{ADDRESS}"] = 1


def add_to_half(records):
    for record in records[: RECORDS // 2]:
        record[ADDRESS] = 1


@pytest.fixture
def monitor(tmp_path):
    """`monitor(reader, change)` is what a run says and sends of records that were changed, and its folder."""
    jobs = JobsHere(tmp_path, "local")
    (tmp_path / "script.py").write_text(SCRIPT)

    def run(reader, change):
        write, flags = READERS[reader]
        write(draw_records(1), tmp_path / "known")
        records = draw_records(2)
        change(records)
        write(records, tmp_path / "new")
        taken = jobs("baseline", "--dataset-source", "known", *flags, "--output-path", "baseline")
        assert taken.status == 0, taken.said
        with http_server(200) as server:
            sinks = ("--sink", f"webhook:{server.url}", "--junit", "junit.xml", "--set=every=yes")
            window = ("--dataset-source", "new", *flags, "--baseline", "baseline", "--output-path", "out")
            monitored = jobs("monitor", *window, *sinks, "--max-quarantined-share", "1")
        assert monitored.status == 0, monitored.said
        bodies = b"".join(body for _, _, body in server.requests).decode()
        return monitored.said + bodies + (tmp_path / "junit.xml").read_text(), tmp_path / "out"

    return run


@pytest.mark.parametrize(
    ("reader", "change", "sentence"),
    [
        *[
            (reader, add_to_one, "1 record has a key that the baseline lacks")
            for reader in READERS
            if reader != "captures"
        ],
        *[
            (reader, add_to_some, f"{RECORDS // 4} records have a key that the baseline lacks")
            for reader in ("JSON Lines", "a script")
        ],
        ("JSON Lines", add_own_to_some, "50 keys that the baseline lacks are in few records, each in 1 at most"),
        ("captures", add_one_of_its_own, "most records have keys of their own that the baseline lacks"),
        ("captures", add_to_one, "refused 1 of"),
    ],
)
def test_a_key_of_few_records_is_counted_and_not_named(monitor, reader, change, sentence):
    message, folder = monitor(reader, change)

    assert sentence in message
    assert ADDRESS not in message
    paths = [path for path in folder.rglob("*") if path.is_file() and "quarantine" not in path.parts]
    assert [path.name for path in paths if ADDRESS.encode() in path.read_bytes()] == []


@pytest.mark.parametrize("reader", ["JSON Lines", "a script"])
def test_a_key_of_half_of_the_records_is_a_column(monitor, reader):
    message, _ = monitor(reader, add_to_half)

    assert f"{ADDRESS} is in the data but not in the baseline" in message
